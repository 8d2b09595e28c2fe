/** One field of a form on its way in. Its body is read before the next part; what is left of it then is skipped. */
export type Part = {
  name: string
  /** Absent for a text field. */
  filename: string | undefined
  contentType: string | undefined
  body: AsyncIterable<Uint8Array>
}

/** A form that is not one (RFC 7578): its boundary is missing, its headers are too long, it ends too early. */
export class MalformedForm extends Error {}

/** Bytes of headers a part may have, and parts a form. */
const most = { headers: 16 * 1024, parts: 50 }

/** The boundary that a content type names; `undefined` when it is no form's. */
export function boundaryOf(contentType: string): string | undefined {
  if (!/^multipart\/form-data\s*;/i.test(contentType)) return undefined
  const match = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70})(?=[\s;]|$))/i.exec(contentType)
  return match?.[1] ?? match?.[2]
}

/**
 * The parts of a form as they arrive, none of them kept in memory (RFC 7578, RFC 2046 §5.1.1).
 * @throws MalformedForm
 */
export async function* partsOf(
  stream: AsyncIterable<Uint8Array>,
  boundary: string,
): AsyncGenerator<Part> {
  const source = new Source(stream)
  const delimiter = ascii(`\r\n--${boundary}`)
  await drain(source.until(delimiter))
  for (let n = 0; ; n++) {
    if (await source.isLast()) return
    if ((await source.line()).trim() !== "" || n === most.parts)
      throw new MalformedForm("not a form")
    const headers = await source.headers()
    const disposition = headers.get("content-disposition") ?? ""
    const body = source.until(delimiter)
    const next = () => body.next()
    yield {
      name: parameter(disposition, "name") ?? "",
      filename: parameter(disposition, "filename"),
      contentType: headers.get("content-type"),
      // Without `return`: a reader that stops half way must not lose the place.
      body: { [Symbol.asyncIterator]: () => ({ next }) },
    }
    await drain(body)
  }
}

async function drain(body: AsyncGenerator<Uint8Array>): Promise<void> {
  while (!(await body.next()).done);
}

/** The bytes of a stream, with what was read too far. Begins with the line break that a delimiter wants before it. */
class Source {
  #bytes = ascii("\r\n")
  readonly #chunks: AsyncIterator<Uint8Array>

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#chunks = stream[Symbol.asyncIterator]()
  }

  /** What comes before the mark; the mark itself is taken away. */
  async *until(mark: Uint8Array): AsyncGenerator<Uint8Array> {
    for (;;) {
      const at = indexOf(this.#bytes, mark)
      // A mark may lie across two chunks: as many bytes as it has, less one, stay for the next look.
      const safe = at >= 0 ? at : this.#bytes.length - mark.length + 1
      if (safe > 0) yield this.#take(safe)
      if (at >= 0) {
        this.#take(mark.length)
        return
      }
      await this.#fill()
    }
  }

  /** Whether the two hyphens of the last delimiter follow. */
  async isLast(): Promise<boolean> {
    while (this.#bytes.length < 2) await this.#fill()
    return this.#bytes[0] === 45 && this.#bytes[1] === 45
  }

  async line(): Promise<string> {
    return this.#text("\r\n")
  }

  async headers(): Promise<Map<string, string>> {
    const lines: string[] = []
    for (let size = 0, line = await this.line(); line !== ""; line = await this.line()) {
      size += line.length
      if (size > most.headers) throw new MalformedForm("the headers of a part are too long")
      lines.push(line)
    }
    return new Map(
      lines.map((line) => {
        const [name = "", ...value] = line.split(":")
        return [name.trim().toLowerCase(), value.join(":").trim()]
      }),
    )
  }

  async #text(mark: string): Promise<string> {
    const pieces: Uint8Array[] = []
    let size = 0
    for await (const piece of this.until(ascii(mark))) {
      size += piece.length
      if (size > most.headers) throw new MalformedForm("the headers of a part are too long")
      pieces.push(piece)
    }
    return new TextDecoder().decode(concat(pieces))
  }

  #take(length: number): Uint8Array {
    const taken = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(length)
    return taken
  }

  async #fill(): Promise<void> {
    const { done, value } = await this.#chunks.next()
    if (done) throw new MalformedForm("the form ends too early")
    this.#bytes = concat([this.#bytes, value])
  }
}

/** `name="…"` of a header, as browsers escape it: %22, %0D and %0A (HTML, multipart/form-data encoding). */
function parameter(header: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}=(?:"((?:\\\\.|[^"\\\\])*)"|([^\\s;"]+))`, "i").exec(header)
  return (match?.[1] ?? match?.[2])
    ?.replace(/\\(.)/g, "$1")
    .replace(/%(22|0D|0A)/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function indexOf(bytes: Uint8Array, mark: Uint8Array): number {
  for (let at = bytes.indexOf(mark[0] ?? 0); at >= 0; at = bytes.indexOf(mark[0] ?? 0, at + 1)) {
    if (at + mark.length > bytes.length) return -1
    if (mark.every((byte, index) => bytes[at + index] === byte)) return at
  }
  return -1
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Several pieces of bytes as one. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces
  if (only && pieces.length === 1) return only
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}
