import type { Facts, Names, Times } from "./document.ts"

/** Document numbers in one row of columns; a chunk of postings is a whole number of them. */
export const columnsChunk = 1 << 13

/** What the rows of each kind hold of a document. */
export type Kinds = { facts: Facts; names: Names; times: Times }
export type Kind = keyof Kinds

/** A whole-number column, of the width that its largest value needs. */
type Whole = Uint8Array | Uint16Array | Uint32Array | Float64Array

/** The facts of the documents of one chunk, by column; `status` 0 is no document. */
export type FactColumns = {
  size: number
  ids: string[]
  /** 1 active, 2 draft, 3 archived; and 4 when featured. */
  status: Whole
  price: Whole
  stock: Whole
  /** Thousandths, cut. */
  rating: Whole
  /** Places in `categories` and `brands`. */
  category: Whole
  brand: Whole
  categories: string[]
  brands: string[]
  /** Where a document's attributes begin in `attribute`, which holds places in `attributes`; they end where the next one's begin. */
  attributeStart: Whole
  attribute: Whole
  attributes: [name: string, value: string][]
}

const statuses = ["", "active", "draft", "archived"] as const

/** The columns of documents; `undefined` where a number is nobody's. */
export function factColumns(entries: readonly (Facts | undefined)[]): FactColumns {
  const categories = newDictionary<string>()
  const brands = newDictionary<string>()
  const attributes = newDictionary<[string, string]>()
  const attribute: number[] = []
  const attributeStart = [0]
  const of = (read: (facts: Facts) => number) =>
    whole(entries.map((facts) => (facts ? read(facts) : 0)))
  const columns = {
    size: entries.length,
    ids: entries.map((facts) => facts?.id ?? ""),
    status: of(({ status, featured }) => statuses.indexOf(status) + (featured ? 4 : 0)),
    price: of(({ price }) => price),
    stock: of(({ stock }) => Math.max(0, stock)),
    rating: of(({ rating }) => Math.floor(rating * 1000 + 1e-6)),
    category: of(({ category }) => categories.place(category, category)),
    brand: of(({ brand }) => brands.place(brand, brand)),
  }
  for (const facts of entries) {
    for (const pair of facts?.attributes ?? [])
      attribute.push(attributes.place(JSON.stringify(pair), pair))
    attributeStart.push(attribute.length)
  }
  return {
    ...columns,
    categories: categories.values,
    brands: brands.values,
    attributeStart: whole(attributeStart),
    attribute: whole(attribute),
    attributes: attributes.values,
  }
}

/** A document's facts out of its columns; `undefined` when its number is nobody's. */
export function factsAt(columns: FactColumns, at: number): Facts | undefined {
  const state = statusAt(columns, at)
  if (!state) return undefined
  return {
    id: columns.ids[at] ?? "",
    ...state,
    price: columns.price[at] ?? 0,
    stock: columns.stock[at] ?? 0,
    rating: (columns.rating[at] ?? 0) / 1000,
    category: columns.categories[columns.category[at] ?? 0] ?? "",
    brand: columns.brands[columns.brand[at] ?? 0] ?? "",
    attributes: Array.from(
      columns.attribute.subarray(columns.attributeStart[at] ?? 0, columns.attributeStart[at + 1]),
      (place) => columns.attributes[place] ?? ["", ""],
    ),
  }
}

/** Whether it is shown, and shown first; `undefined` when the number is nobody's. */
export function statusAt(
  columns: FactColumns,
  at: number,
): Pick<Facts, "status" | "featured"> | undefined {
  const code = columns.status[at] ?? 0
  const status = statuses[code & 3] ?? ""
  return status === "" ? undefined : { status, featured: code > 3 }
}

type Packed = { width: 1 | 2 | 4 | 8; data: string }
const widths = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: Float64Array }

/** A chunk as text. */
export function encodeFacts(columns: FactColumns): string {
  return JSON.stringify(columns, (_, value: unknown) =>
    ArrayBuffer.isView(value)
      ? ({
          width: (value as Whole).BYTES_PER_ELEMENT,
          data: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64"),
        } as Packed)
      : value,
  )
}

/** What `encodeFacts` wrote. */
export function decodeFacts(text: string): FactColumns {
  const packed = JSON.parse(text) as Record<string, Packed>
  const columns = Object.entries(packed).map(([name, value]) => {
    if (value?.width === undefined) return [name, value]
    // A copy of its own: numbers of eight bytes must begin at a multiple of eight.
    const bytes = Uint8Array.from(Buffer.from(value.data, "base64"))
    return [name, new widths[value.width](bytes.buffer)]
  })
  // The names and their kinds are those that `encodeFacts` found in a FactColumns.
  return Object.fromEntries(columns) as FactColumns
}

function whole(values: readonly number[]): Whole {
  const largest = values.reduce((most, value) => Math.max(most, value), 0)
  if (largest < 2 ** 8) return Uint8Array.from(values)
  if (largest < 2 ** 16) return Uint16Array.from(values)
  return largest < 2 ** 32 ? Uint32Array.from(values) : Float64Array.from(values)
}

function newDictionary<T>() {
  const places = new Map<string, number>()
  const values: T[] = []
  const place = (key: string, value: T): number => {
    const known = places.get(key)
    if (known !== undefined) return known
    places.set(key, values.length)
    return values.push(value) - 1
  }
  return { values, place }
}
