import { fromCell } from "#lib/csv.ts"

import type { Entry, ImportFormat, Row } from "./import-read.ts"

/** A thing as the wire writes it, of whatever format it came in, and where its fields stood. */
export type Mapped = {
  value: unknown
  /** The column that a field (its dotted name) came from; of NDJSON the field itself. */
  columnOf: (field: string) => string
  problems: { column: string; detail: string; code: string }[]
  warnings: { column: string; detail: string; code: string }[]
}

/** The columns of our own CSV, in the order of the export. A column that is not there leaves its field as it is. */
export const productColumns = [
  "id",
  "sku",
  "name",
  "slug",
  "description",
  "price",
  "compare_at_price",
  "cost_price",
  "category",
  "brand",
  "tags",
  "status",
  "is_featured",
  "is_digital",
  "weight_grams",
  "stock_quantity",
  "seo_title",
  "seo_description",
  "attributes",
  "options",
  "variants",
] as const

/** The columns of our CSV of categories. */
export const categoryColumns = ["id", "name", "slug", "description", "parent", "is_active"] as const

/** Other names of columns, as bodies may spell them (api.md 11). */
const spellings: Record<string, string> = {
  title: "name",
  stock: "stock_quantity",
  quantity: "stock_quantity",
  inventory: "stock_quantity",
  category_id: "category",
  brand_id: "brand",
}

/** An empty cell: `null` empties the field, "" is a text like another; the rest leave it as it is. */
const emptied = new Set([
  "sku",
  "compare_at_price",
  "cost_price",
  "category",
  "brand",
  "weight_grams",
  "parent",
])
const flags = new Set(["is_featured", "is_digital", "is_active"])
const json = new Set(["attributes", "options", "variants"])

/** The columns that mean nothing to this import. */
export function ignoredColumns(columns: readonly string[], known: readonly string[]): string[] {
  return columns.filter((name) => name !== "" && !known.includes(spellings[name] ?? name))
}

/** A line of JSON, or a row of our own columns, as the wire writes it. */
export function mapEntry(entry: Entry, format: ImportFormat): Mapped {
  return format === "ndjson" ? ofJson(entry.json ?? "") : ofRow(entry.rows?.[0])
}

function ofJson(text: string): Mapped {
  const mapped = { columnOf: (field: string) => field, problems: [], warnings: [] }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return { ...mapped, value }
    const detail = "This line is no JSON object."
    return { ...mapped, value: {}, problems: [{ column: "line", detail, code: "invalid-type" }] }
  } catch {
    const detail = "This line is not JSON."
    return { ...mapped, value: {}, problems: [{ column: "line", detail, code: "malformed-json" }] }
  }
}

function ofRow(row: Row | undefined): Mapped {
  const value: Record<string, unknown> = {}
  const seo: Record<string, string> = {}
  const columns = new Map<string, string>()
  const problems: Mapped["problems"] = []
  if (row?.isLonger)
    problems.push({
      column: "line",
      detail: "This row has more cells than there are columns.",
      code: "too-many-cells",
    })
  for (const [column, raw] of Object.entries(row?.cells ?? {})) {
    const field = spellings[column] ?? column
    const cell = fromCell(raw)
    columns.set(field, column)
    if (field === "seo_title" || field === "seo_description") {
      value["seo"] = seo
      if (cell !== "") seo[field.slice(4)] = cell
    } else if (field === "tags") value["tags"] = tagsOf(cell)
    else if (json.has(field)) {
      try {
        value[field] = cell === "" ? (field === "attributes" ? {} : []) : JSON.parse(cell)
      } catch {
        problems.push({ column, detail: "This cell is not JSON.", code: "malformed-json" })
      }
    } else if (field === "description") value[field] = cell
    else if (cell === "") {
      if (emptied.has(field)) value[field] = null
    } else if (flags.has(field)) value[field] = flagOf(cell)
    else if (field === "weight_grams") value[field] = /^\d{1,10}$/.test(cell) ? Number(cell) : cell
    else value[field] = cell
  }
  const columnOf = (field: string) => {
    const [root = "", next] = field.split(".")
    return root === "seo" ? `seo_${next}` : (columns.get(root) ?? root)
  }
  return { value, columnOf, problems, warnings: [] }
}

function flagOf(cell: string): boolean | string {
  if (/^(?:true|yes|1)$/i.test(cell)) return true
  return /^(?:false|no|0)$/i.test(cell) ? false : cell
}

/** Tags: a list with commas, or JSON where a tag has a comma itself. */
function tagsOf(cell: string): unknown {
  if (cell.startsWith("[")) {
    try {
      return JSON.parse(cell)
    } catch {
      // Then it is a tag that begins so.
    }
  }
  return cell
    .split(",")
    .map((tag) => tag.trim())
    .filter(Boolean)
}

/** Tags as `tagsOf` reads them. */
export function tagsToCell(tags: readonly string[]): string {
  const text = tags.join(", ")
  const isPlain = tags.every((tag) => !tag.includes(",") && tag.trim() === tag && tag !== "")
  return isPlain && !text.startsWith("[") ? text : JSON.stringify(tags)
}
