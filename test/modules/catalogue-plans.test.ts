import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import * as brands from "#modules/catalog/brands.ts"
import * as catalog from "#modules/catalog/catalog.ts"
import * as lists from "#modules/catalog/lists.ts"
import { ProductQuery } from "#modules/catalog/model.ts"
import * as recommendations from "#modules/catalog/recommendations.ts"
import * as related from "#modules/catalog/related.ts"

import { catalogueRows, storeRows } from "../support/catalogue-rows.ts"
import { madeBrands } from "../support/catalogue.ts"
import * as make from "../support/make.ts"
import { type Asked, costly, watched } from "../support/plans.ts"

const guest = { type: "guest" } as const
const fields = "name price created_at updated_at average_rating stock_quantity category".split(" ")
const orderings = [
  ...fields.flatMap((field) => [field, `-${field}`]),
  "category,price",
  "category,-price",
  "-category,-price",
]
const [one = "", other = ""] = madeBrands.map(({ name }) => name)
const filters: Record<string, string>[] = [
  {},
  { category: "kitchen" },
  { category: "kitchen,garden" },
  { category: "kettles", include_subcategories: "false" },
  { category_slug: "garden" },
  { brand: one },
  { brand: `${one},${other}` },
  { tag: "compact" },
  { tag: "compact,wireless" },
  { "attr.Colour": "Teal" },
  { "attr.colour": "teal,navy", "attr.Material": "oak" },
  { min_price: "20" },
  { max_price: "200" },
  { price_min: "20", price_max: "200" },
  { min_rating: "4" },
  { in_stock: "true" },
  { in_stock: "false" },
  { featured: "true" },
  { featured: "false" },
  { category: "kitchen", brand: other, tag: "compact", in_stock: "true" },
  { category: "kitchen", min_price: "20", max_price: "90", min_rating: "3" },
]

const fill = (count: number) => storeRows(env.DB, catalogueRows(count))

type Query = Record<string, string | undefined>
type Reader = typeof guest | typeof make.staff

/** Reads a page, the one its cursor leads to, and one far on; notes the SQL of all three. */
async function readPages(as: Reader, query: Query, asked: Map<string, Asked>) {
  const read = async (over: Query) => {
    const reader = watched(as)
    const page = await lists.list(reader, ProductQuery.parse({ ...query, limit: "3", ...over }))
    for (const one of reader.asked) asked.set(one.sql, one)
    return page
  }
  const page = await read({})
  if (page.nextCursor !== null) await read({ cursor: page.nextCursor })
  await read({ offset: "150" })
  return page
}

describe("every advertised filter and order", () => {
  it("is answered by indexes: no scan, no sorting", { timeout: 120_000 }, async () => {
    await fill(300)
    const asked = new Map<string, Asked>()
    for (const filter of filters)
      for (const ordering of orderings) await readPages(guest, { ...filter, ordering }, asked)
    expect(asked.size).toBeGreaterThan(filters.length * fields.length)
    expect(await costly([...asked.values()])).toEqual([])
  })

  it("is so for staff too, of any status or one", { timeout: 120_000 }, async () => {
    await fill(300)
    const asked = new Map<string, Asked>()
    for (const filter of [{}, { status: "draft" }, { is_active: "false" }, { brand: other }])
      for (const ordering of orderings) await readPages(make.staff, { ...filter, ordering }, asked)
    expect(await costly([...asked.values()])).toEqual([])
  })

  it("is so where more products match than are kept", { timeout: 240_000 }, async () => {
    await fill(1)
    await env.DB.prepare(
      `INSERT INTO products (id, name, slug, description, price_amount, currency, category_id, brand_id, status, is_featured, is_digital, tags, attributes, seo, options, stock_quantity, stock_version, average_rating, reviews_count, created_at, updated_at)
       WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10050)
       SELECT 'p' || i, 'Thing ' || i, 'thing-' || i, '', 2000 + i, 'USD', 'c0-0', brand.id, 'active', 0, 0, '["compact"]', '{}', '{}', '[]', 5, 0, 4.5, 1,
         strftime('%Y-%m-%dT%H:%M:%fZ', 1770000000 + i, 'unixepoch'), '2026-02-02T00:00:00.000Z' FROM n, (SELECT id FROM brands LIMIT 1) AS brand`,
    ).run()
    const asked = new Map<string, Asked>()
    for (const filter of [
      { category: "kitchen", tag: "compact" },
      { category: "kitchen,garden", in_stock: "true" },
      { tag: "compact", min_price: "20", min_rating: "4" },
      { featured: "false" },
    ])
      for (const ordering of fields.map((field) => `-${field}`)) {
        const page = await readPages(guest, { ...filter, ordering }, asked)
        expect(page).toMatchObject({ count: 10_000, isCapped: true, results: { length: 3 } })
      }
    expect(await costly([...asked.values()])).toEqual([])
  })
})

it("a product, what is like it and the brands are found by indexes too", async () => {
  await fill(100)
  const reader = watched(guest)
  const { results } = await lists.list(reader, ProductQuery.parse({ page_size: "1" }))
  const slug = results[0]?.slug ?? ""
  const after = watched(guest)
  await catalog.get(after, slug)
  await related.list(after, slug, {})
  await brands.get(after, other)
  expect(await costly(after.asked)).toEqual([])
})

it("recommendations are found by indexes, and cost as much of many orders as of a few", async () => {
  await fill(300)
  const user = await make.user()
  const { results: found } = await env.DB.prepare(
    "SELECT id FROM products ORDER BY id LIMIT 100",
  ).all<{ id: string }>()
  const ids = found.map(({ id }) => id)
  /** Orders of the first product and another one each; every third is the account's own. */
  const sell = (first: number, last: number) =>
    env.DB.batch([
      env.DB.prepare(
        `INSERT INTO orders (id, number, user_id, email, status, payment_status, payment_method, currency, subtotal_amount, discount_amount, shipping_amount, tax_amount, total_amount, notes, version, created_at, updated_at)
         WITH RECURSIVE n(i) AS (SELECT CAST(?1 AS INTEGER) UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
         SELECT 'ord_' || i, 'NX-' || i, iif(i % 3 = 0, ?3, NULL), 'a@example.com', 'confirmed', 'paid', 'manual', 'USD', 2, 0, 0, 0, 2, '', 1,
           strftime('%Y-%m-%dT%H:%M:%fZ', 1770000000 + i, 'unixepoch'), '2026-02-02T00:00:00.000Z' FROM n`,
      ).bind(first, last, user.id),
      env.DB.prepare(
        `INSERT INTO order_lines (id, order_id, position, product_id, variant_id, name, options, quantity, unit_amount, line_amount, discount_amount, tax_amount)
         WITH RECURSIVE n(i) AS (SELECT CAST(?1 AS INTEGER) UNION ALL SELECT i + 1 FROM n WHERE i < ?2), line(place) AS (VALUES (0), (1)),
           product AS (SELECT i, place, json_extract(?3, '$[' || iif(place = 0, 0, 10 + i % 90) || ']') AS id FROM n, line)
         SELECT 'orl_' || i || place, 'ord_' || i, place, id, id, '', '{}', 1, 1, 1, 0, 0 FROM product`,
      ).bind(first, last, JSON.stringify(ids)),
    ])
  const wish = env.DB.prepare(
    "INSERT INTO wishlist_items (user_id, product_id, created_at) VALUES (?, ?, '2026-03-01T00:00:00.000Z')",
  )
  await env.DB.batch(ids.slice(0, 8).map((id) => wish.bind(user.id, id)))
  const read = async () => {
    const reader = watched(user)
    const page = await recommendations.list(reader, {})
    expect(page.results).toHaveLength(20)
    expect(await costly(reader.asked)).toEqual([])
    return reader.meter
  }
  await sell(1, 60)
  const few = await read()
  await sell(61, 1500)
  const many = await read()
  expect(many.d1Queries).toBe(few.d1Queries)
  expect(many.d1RowsRead).toBeLessThanOrEqual(few.d1RowsRead + 20)
  expect(many.d1RowsRead).toBeLessThan(700)
})
