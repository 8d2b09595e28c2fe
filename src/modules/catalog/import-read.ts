import { parse } from "csv-parse/stream"

/** How a file is written: a JSON object a line, a row a thing, or Shopify's rows of one handle. */
export const importFormats = ["ndjson", "csv", "shopify"] as const
export type ImportFormat = (typeof importFormats)[number]

/** How the rows of a file are to be read; of no meaning for NDJSON. */
export type Layout = { format: ImportFormat; delimiter: string; columns: readonly string[] }

/** Where in a file: bytes before it, and lines. */
export type Place = { offset: number; line: number }

/** A row of cells, by column; `isLonger`: it has cells beyond the last column. */
export type Row = { line: number; cells: Record<string, string>; isLonger?: true }

/**
 * One thing of a file. `line`: where it begins, from 1; `end`: what comes after it. `fatal`: from here on the file
 * cannot be read.
 */
export type Entry = {
  line: number
  end: Place
  json?: string
  rows?: Row[]
  fatal?: string
}

/** A line, or a row, of a file. */
const mostBytes = 1024 * 1024

/** Rows of one handle. */
const mostRows = 500

type Bytes = AsyncIterable<Uint8Array>

/** The things of a file from a place on, as they are read; nothing is kept of those that were. */
export function entriesOf(stream: Bytes, layout: Layout, from: Place): AsyncGenerator<Entry> {
  if (layout.format === "ndjson") return linesOf(stream, from)
  const rows = rowsOf(stream, layout, from)
  return layout.format === "csv" ? rows : byHandle(rows)
}

async function* linesOf(stream: Bytes, from: Place): AsyncGenerator<Entry> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: false })
  let { offset, line } = from
  let rest = new Uint8Array()
  const entry = (bytes: Uint8Array, length: number): Entry[] => {
    offset += length
    line += 1
    const json = decoder.decode(bytes).replace(/^\ufeff/, "")
    return json.trim() === "" ? [] : [{ line, end: { offset, line }, json }]
  }
  for await (const chunk of stream) {
    const bytes = new Uint8Array(rest.length + chunk.length)
    bytes.set(rest)
    bytes.set(chunk, rest.length)
    let start = 0
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, start)) {
      yield* entry(bytes.subarray(start, at), at + 1 - start)
      start = at + 1
    }
    rest = bytes.slice(start)
    if (rest.length > mostBytes) {
      const fatal = `A line has at most ${mostBytes} bytes.`
      yield { line: line + 1, end: { offset, line }, fatal }
      return
    }
  }
  if (rest.length > 0) yield* entry(rest, rest.length)
}

type Parsed = { record: string[]; info: { bytes: number; lines: number } }
type CsvRecord = { line: number; end: Place; record: string[]; fatal?: string }

async function* rowsOf(stream: Bytes, layout: Layout, from: Place): AsyncGenerator<Entry> {
  for await (const { record, ...place } of recordsOf(stream, layout.delimiter, from)) {
    const cells = Object.fromEntries(layout.columns.map((name, n) => [name, record[n] ?? ""]))
    const isLonger = record.slice(layout.columns.length).some((cell) => cell !== "")
    yield { ...place, rows: [{ line: place.line, cells, ...(isLonger && { isLonger }) }] }
  }
}

async function* recordsOf(
  stream: Bytes,
  delimiter: string,
  from: Place,
): AsyncGenerator<CsvRecord> {
  let broken: { line: number } | undefined
  const parser = parse({
    delimiter,
    bom: from.offset === 0,
    info: true,
    relax_quotes: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: mostBytes,
    // An error would drop the rows before it that are not taken yet: it is kept until its turn.
    skip_records_with_error: true,
    on_skip: (error) => {
      broken ??= { line: from.line + Number(error?.["lines"] ?? 1) }
    },
  })
  let last = from
  const rows = readable(stream).pipeThrough(parser as TransformStream<Uint8Array, Parsed>)
  for await (const { record, info } of rows) {
    const end = { offset: from.offset + info.bytes, line: from.line + info.lines }
    if (broken && end.line >= broken.line) break
    const breaks = record.reduce((sum, cell) => sum + (cell.match(/\n/g)?.length ?? 0), 0)
    yield { line: end.line - breaks, end, record }
    last = end
  }
  if (broken) {
    const fatal = `A quote is not closed, or a row has more than ${mostBytes} bytes.`
    yield { line: last.line + 1, end: last, record: [], fatal }
  }
}

/** csv-parse takes Node's buffers. */
function readable(stream: Bytes): ReadableStream<Uint8Array> {
  const chunks = stream[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await chunks.next()
      if (done) controller.close()
      else controller.enqueue(Buffer.from(value))
    },
    async cancel() {
      await chunks.return?.()
    },
  })
}

/** Rows that follow one another under the same handle, as one thing. */
async function* byHandle(rows: AsyncGenerator<Entry>): AsyncGenerator<Entry> {
  let open: Entry | undefined
  const handleOf = (entry: Entry | undefined) => entry?.rows?.[0]?.cells["handle"] ?? ""
  for await (const next of rows) {
    const isMore = open !== undefined && next.rows && handleOf(next) === handleOf(open)
    if (open && isMore && (open.rows?.length ?? 0) < mostRows) {
      open = { ...open, end: next.end, rows: [...(open.rows ?? []), ...(next.rows ?? [])] }
      continue
    }
    if (open) yield open
    open = next
  }
  if (open) yield open
}

/** Shopify's own column names, the older and the newer ones, in lower case, and what they are called here. */
const shopifySpellings: Record<string, string> = {
  "url handle": "handle",
  description: "body (html)",
  "published on online store": "published",
  sku: "variant sku",
  price: "variant price",
  "compare-at price": "variant compare at price",
  "inventory quantity": "variant inventory qty",
  "weight value (grams)": "variant grams",
  "requires shipping": "variant requires shipping",
  "product image url": "image src",
  "variant image url": "variant image",
}

/**
 * How a file is to be read, by its first bytes: JSON begins with a brace, CSV with a line of column names. Shopify's
 * has a handle and titles. `asked`: the format that the sender names.
 */
export async function layoutOf(
  first: Uint8Array,
  asked: ImportFormat | undefined,
): Promise<{ layout: Layout; body: Place }> {
  const text = new TextDecoder().decode(first.subarray(0, 4096)).replace(/^\ufeff/, "")
  const format = asked ?? (/^\s*(?:[{[]|$)/.test(text) ? "ndjson" : "csv")
  const start = { offset: 0, line: 0 }
  if (format === "ndjson") return { layout: { format, delimiter: ",", columns: [] }, body: start }
  const line = /^[^\r\n]*/.exec(text)?.[0] ?? ""
  const delimiter =
    [",", ";", "\t"].toSorted((a, b) => line.split(b).length - line.split(a).length)[0] ?? ","
  const heads = recordsOf(only(first), delimiter, start)
  const head = await heads.next()
  await heads.return(undefined)
  const names = (head.value?.record ?? []).map((name: string) => name.trim().toLowerCase())
  const body = head.value?.end ?? start
  const isShopify =
    asked === "shopify" ||
    (asked === undefined &&
      names.some((name: string) => name === "handle" || name === "url handle"))
  const columns = isShopify ? names.map((name: string) => shopifySpellings[name] ?? name) : names
  return { layout: { format: isShopify ? "shopify" : "csv", delimiter, columns }, body }
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
