import { fromCell } from "#lib/csv.ts"
import { slugOf } from "#lib/slug.ts"

import type { Mapped } from "./import-columns.ts"
import type { Entry } from "./import-read.ts"

/** The columns of Shopify's product CSV that are read; its others mean nothing here. */
export const shopifyColumns = [
  "handle",
  "title",
  "body (html)",
  "vendor",
  "type",
  "tags",
  "published",
  "status",
  "option1 name",
  "option1 value",
  "option2 name",
  "option2 value",
  "option3 name",
  "option3 value",
  "variant sku",
  "variant grams",
  "variant inventory qty",
  "variant price",
  "variant compare at price",
  "variant requires shipping",
  "variant image",
  "cost per item",
  "image src",
  "image position",
  "image alt text",
  "seo title",
  "seo description",
] as const

/** What column a field of a product came from. */
const columns: Record<string, string> = {
  slug: "handle",
  name: "title",
  description: "body (html)",
  brand: "vendor",
  category: "type",
  price: "variant price",
  compare_at_price: "variant compare at price",
  cost_price: "cost per item",
  weight_grams: "variant grams",
  stock_quantity: "variant inventory qty",
  sku: "variant sku",
  options: "option1 value",
  "seo.title": "seo title",
  "seo.description": "seo description",
}

/**
 * A product of Shopify's rows: the first row tells of the product, each row with option values is a variant. A type
 * is the category whose slug or name it is (`isCategory` tells), a vendor the brand. Pictures are not fetched: each
 * is a warning.
 */
export function mapShopify(entry: Entry, isCategory: (ref: string) => boolean): Mapped {
  const rows = (entry.rows ?? []).map(({ line, cells }) => ({
    line,
    of: (name: string) => fromCell(cells[name] ?? "").trim(),
    has: (name: string) => name in cells,
  }))
  const warnings: Mapped["warnings"] = []
  const first = rows[0]
  const of = (name: string) => first?.of(name) ?? ""
  const names = [1, 2, 3].map((n) => of(`option${n} name`)).filter(Boolean)
  const sold = rows.filter(
    (row) => row.of("option1 value") !== "" || row.of("variant price") !== "",
  )
  const isPlain =
    names.length === 0 || (sold.length <= 1 && sold[0]?.of("option1 value") === "Default Title")
  const type = of("type")
  const category = type === "" ? undefined : [type, slugOf(type)].find(isCategory)
  if (type !== "" && category === undefined)
    warnings.push({ column: "type", detail: `There is no category ${type}.`, code: "unknown" })
  for (const row of rows)
    for (const column of ["image src", "variant image"])
      if (row.of(column) !== "")
        warnings.push({
          column,
          detail: `Line ${row.line}: the picture is not fetched; upload it to the product.`,
          code: "not-fetched",
        })

  const value = {
    ...said("name", of("title")),
    ...said("slug", slugOf(of("handle"))),
    ...(first?.has("body (html)") && { description: textOf(of("body (html)")) }),
    ...said("brand", of("vendor")),
    ...said("category", category ?? ""),
    ...(first?.has("tags") && {
      tags: of("tags")
        .split(",")
        .map((tag) => tag.trim())
        .filter(Boolean),
    }),
    ...said("status", statusOf(of("status").toLowerCase(), of("published"))),
    ...said("price", of("variant price")),
    ...said("compare_at_price", emptyZero(of("variant compare at price"))),
    ...said("cost_price", emptyZero(of("cost per item"))),
    ...(/^\d{1,9}(?:\.\d+)?$/.test(of("variant grams")) && {
      weight_grams: Math.round(Number(of("variant grams"))),
    }),
    ...(/^false$/i.test(of("variant requires shipping")) && { is_digital: true }),
    ...((of("seo title") || of("seo description")) && {
      seo: { ...said("title", of("seo title")), ...said("description", of("seo description")) },
    }),
    ...(isPlain
      ? { ...said("sku", of("variant sku")), ...said("stock_quantity", stockOf(of)) }
      : {
          options: names.map((name, n) => ({
            name,
            values: [...new Set(sold.map((row) => row.of(`option${n + 1} value`)).filter(Boolean))],
          })),
          variants: sold.map((row) => ({
            ...said("sku", row.of("variant sku")),
            options: Object.fromEntries(
              names.map((name, n) => [name, row.of(`option${n + 1} value`)]),
            ),
            price: row.of("variant price") === of("variant price") ? null : row.of("variant price"),
            ...said("stock_quantity", stockOf(row.of)),
          })),
        }),
  }
  return {
    value,
    columnOf: (field) => columns[field] ?? variantColumn(field),
    problems: [],
    warnings,
  }
}

function variantColumn(field: string): string {
  const [root = field, , inner = ""] = field.split(".")
  if (root === "variants") return columns[inner] ?? "option1 value"
  return columns[root] ?? root
}

function said(field: string, text: string): Record<string, string> {
  return text === "" ? {} : { [field]: text }
}

/** Shopify sells below zero; there is none of it then. */
function stockOf(of: (name: string) => string): string {
  const text = of("variant inventory qty")
  return text.startsWith("-") ? "0" : text
}

function emptyZero(text: string): string {
  return /^[0.]*$/.test(text) ? "" : text
}

function statusOf(status: string, published: string): string {
  if (status !== "") return status
  return published === "" ? "" : /^true$/i.test(published) ? "active" : "draft"
}

const entities: Record<string, string> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
}

/** A description is text here: marks are taken out of the HTML, and its entities are read, once. */
function textOf(html: string): string {
  return html
    .replace(/<(script|style)\b[^>]*>[\s\S]*?<\/\1\s*>/gi, "")
    .replace(/<(?:br|\/p|\/div|\/li|\/h\d|\/tr)\b[^>]*>/gi, "\n")
    .replace(/<\/?[a-z!][^>]*>/gi, "")
    .replace(
      /&(?:#(\d{1,7})|#x([\da-f]{1,6})|(amp|lt|gt|quot|apos|nbsp));/gi,
      (all, dec, hex, name) => {
        const code = dec ? Number(dec) : hex ? Number.parseInt(hex, 16) : undefined
        if (code === undefined) return entities[String(name).toLowerCase()] ?? all
        return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : ""
      },
    )
    .replace(/[ \t]+\n/g, "\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim()
}
