import type { GeneratedCategory, GeneratedProduct } from "./catalogue.ts"
import { generateCategories, generateProducts } from "./catalogue.ts"

/** A statement and the rows to run it with, one after another. */
export type Insert = { sql: string; rows: (string | number | null)[][] }

const now = "2026-01-01T00:00:00.000Z"

/** What puts a made-up catalogue straight into the main database, categories and brands first. Triggers do the rest. */
export function catalogueRows(count: number, seed = 1): Insert[] {
  const made = generateProducts(count, seed)
  const brands = [...new Set(made.map(({ brand }) => brand))].toSorted()
  return [
    insert(
      "categories (id, name, slug, description, parent_id, path, is_active, product_count, created_at, updated_at)",
      generateCategories().map((one) => [
        one.id,
        one.name,
        one.slug,
        "",
        one.parent,
        pathOf(one),
        1,
        0,
        now,
        now,
      ]),
    ),
    insert(
      "brands (id, name, slug, created_at, updated_at)",
      brands.map((name) => [name.toLowerCase(), name, name.toLowerCase(), now, now]),
    ),
    insert(
      "products (id, name, slug, description, price_amount, compare_at_amount, currency, category_id, brand_id, sku, status, is_featured, is_digital, tags, attributes, seo, options, image_key, stock_quantity, stock_version, average_rating, reviews_count, created_at, updated_at)",
      made.map(productRow),
    ),
    insert(
      "variants (id, product_id, sku, options, stock_quantity, position, created_at, updated_at)",
      made.map((one) => [
        one.id,
        one.id,
        one.sku,
        "{}",
        one.stock_quantity,
        0,
        one.created_at,
        one.created_at,
      ]),
    ),
    insert(
      "media (id, product_id, key, content_type, bytes, alt_text, is_primary, position, created_at)",
      made.map((one) => [
        `med_${one.id.slice(4)}`,
        one.id,
        imageOf(one),
        "image/webp",
        48_000,
        one.name,
        1,
        0,
        one.created_at,
      ]),
    ),
  ]
}

function imageOf({ id }: GeneratedProduct): string {
  return `${id}/med_${id.slice(4)}.webp`
}

function productRow(one: GeneratedProduct): Insert["rows"][number] {
  return [
    one.id,
    one.name,
    one.slug,
    one.description,
    cents(one.price),
    one.compare_at_price === null ? null : cents(one.compare_at_price),
    "USD",
    one.category,
    one.brand.toLowerCase(),
    one.sku,
    one.status,
    Number(one.is_featured),
    0,
    JSON.stringify(one.tags),
    JSON.stringify(one.attributes),
    "{}",
    "[]",
    imageOf(one),
    one.stock_quantity,
    0,
    one.average_rating,
    one.reviews_count,
    one.created_at,
    one.created_at,
  ]
}

function insert(into: string, rows: Insert["rows"]): Insert {
  const marks = (rows[0] ?? []).map(() => "?").join(", ")
  return { sql: `INSERT INTO ${into} VALUES (${marks})`, rows }
}

function pathOf({ id, parent }: GeneratedCategory): string {
  return parent === null ? `/${id}/` : `/${parent}/${id}/`
}

function cents(price: string): number {
  return Number(price.replace(".", ""))
}
