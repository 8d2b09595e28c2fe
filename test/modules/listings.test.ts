import { env } from "cloudflare:workers"
import fc from "fast-check"
import { describe, expect, it } from "vitest"

import * as brands from "#modules/catalog/brands.ts"
import * as catalog from "#modules/catalog/catalog.ts"
import * as categories from "#modules/catalog/categories.ts"
import { CategoryChanges } from "#modules/catalog/category-model.ts"
import * as lists from "#modules/catalog/lists.ts"
import { ProductChanges, ProductQuery } from "#modules/catalog/model.ts"
import * as adjustments from "#modules/inventory/adjustments.ts"

import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { deliverAll, rows } from "../support/shop.ts"

const asStaff = () => ctx({ as: make.staff })
const change = (id: string, over: Record<string, unknown>) =>
  catalog.update(asStaff(), id, ProductChanges.parse(over))

type Raw = {
  id: string
  name: string
  status: "draft" | "active" | "archived"
  price_amount: number
  average_rating: number
  created_at: string
  updated_at: string
  stock_quantity: number
  category_id: string | null
  brand_id: string | null
  is_featured: number
  tags: string
  attributes: string
  path: string | null
  category_name: string | null
}
const everyProduct = () =>
  rows<Raw>(
    "SELECT products.*, categories.path, categories.name AS category_name FROM products LEFT JOIN categories ON categories.id = products.category_id",
  )

/** The facets of a product, worked out from its row. */
function facetsOf(one: Raw): string[] {
  return [
    "",
    ...(one.category_id ? [`d:${one.category_id}`] : []),
    ...(one.path ?? "")
      .split("/")
      .filter(Boolean)
      .map((id) => `c:${id}`),
    ...(one.brand_id ? [`b:${one.brand_id}`] : []),
    ...(JSON.parse(one.tags) as string[]).map((tag) => `t:${tag}`),
    ...Object.entries(JSON.parse(one.attributes) as Record<string, unknown>).map(([name, value]) =>
      `a:${name}=${String(value)}`.toLowerCase(),
    ),
    ...(one.is_featured ? ["f:"] : []),
    one.stock_quantity > 0 ? "s:in" : "s:out",
  ]
}

/** Every listing and every count, as they are and as they should be. */
async function compared() {
  const all = await everyProduct()
  const listed = await rows<Record<string, unknown>>(
    "SELECT product_id, facets.name AS facet, status, listings.name, price_amount, average_rating, created_at, category_name FROM listings JOIN facets ON facets.id = facet_id",
  )
  const counts = await rows<Record<string, string | number>>(
    "SELECT name, draft, active, archived FROM facets WHERE draft <> 0 OR active <> 0 OR archived <> 0 ORDER BY name",
  )
  const text = (one: Record<string, unknown>) => JSON.stringify(one)
  const wanted = all.flatMap((one) =>
    [...new Set(facetsOf(one))].map((facet) => ({
      product_id: one.id,
      facet,
      status: one.status,
      name: one.name,
      price_amount: one.price_amount,
      average_rating: one.average_rating,
      created_at: one.created_at,
      category_name: one.category_name ?? "",
    })),
  )
  const names = [...new Set(wanted.map(({ facet }) => facet))].toSorted()
  const of = (name: string, status: string) =>
    wanted.filter((one) => one.facet === name && one.status === status).length
  return {
    is: { listed: listed.map(text).toSorted(), counts },
    should: {
      listed: wanted.map(text).toSorted(),
      counts: names.map((name) => ({
        name,
        draft: of(name, "draft"),
        active: of(name, "active"),
        archived: of(name, "archived"),
      })),
    },
  }
}

async function expectExact(): Promise<void> {
  const { is, should } = await compared()
  expect(is).toEqual(should)
}

describe("listings", () => {
  it("follow a product through its life", async () => {
    const root = await make.category({ name: "Garden" })
    const leaf = await make.category({ name: "Tools", parent: root.id })
    const other = await make.category({ name: "Sports" })
    const made = await make.product({
      name: "Rake",
      category: leaf.id,
      brand: "Fairwind",
      tags: ["New", "new", "steel"],
      attributes: { Color: "Red", Teeth: 14, "Made Here": true },
      stock_quantity: 0,
    })
    await expectExact()
    await change(made.id, { price: "12.34", name: "Long Rake", is_featured: true })
    await change(made.id, { category: other.id, brand: "Calder", tags: [], attributes: {} })
    await expectExact()
    await adjustments.adjust(asStaff(), made.id, { set: 3, reason: "restock", note: "" })
    await expectExact()
    await change(made.id, { status: "draft", category: null })
    await expectExact()
    await env.DB.exec("UPDATE products SET average_rating = 4.5, reviews_count = 2")
    await expectExact()
    await catalog.remove(asStaff(), made.id)
    await expectExact()
    expect(await rows("SELECT * FROM listings")).toEqual([])
  })

  it("follow a category that moves, is renamed and goes", async () => {
    const [a, b] = [await make.category({ name: "A" }), await make.category({ name: "B" })]
    const leaf = await make.category({ name: "Leaf", parent: a.id })
    await make.product({ category: leaf.id })
    await make.product({ category: a.id, status: "draft" })
    const edit = (id: string, over: object) =>
      categories.update(asStaff(), id, CategoryChanges.parse(over))
    await edit(leaf.id, { parent: b.id })
    await expectExact()
    await edit(leaf.id, { name: "Branch" })
    await expectExact()
    await edit(b.id, { parent: a.id, name: "Bee" })
    await expectExact()
    await categories.remove(asStaff(), leaf.id, a.id)
    await expectExact()
    expect((await categories.get(asStaff(), a.id)).children).toMatchObject([{ name: "Bee" }])
  })

  it(
    "of a large category follow by events, page by page, also when each comes twice",
    { timeout: 60_000 },
    async () => {
      const [a, b] = [await make.category({ name: "A" }), await make.category({ name: "B" })]
      await fillCategory(a.id, 1200)
      await deliverAll()
      await categories.update(asStaff(), a.id, CategoryChanges.parse({ parent: b.id }))
      const before = await compared()
      expect(before.is).not.toEqual(before.should)
      for (let round = 0; round < 4; round++) {
        await deliverAll("listings.outdated")
        await env.DB.exec("UPDATE deliveries SET subscriber = subscriber || '!'")
      }
      await expectExact()
      const page = await lists.list(
        ctx({ as: { type: "guest" } }),
        ProductQuery.parse({ category: "b" }),
      )
      expect(page.count).toBe(1200)
    },
  )

  it(
    "of a large category or brand that goes are moved a part at a time",
    { timeout: 60_000 },
    async () => {
      const [a, b] = [await make.category({ name: "A" }), await make.category({ name: "B" })]
      const [from, to] = [
        await make.product({ brand: "From" }),
        await make.product({ brand: "To" }),
      ]
      await fillCategory(a.id, 1100, from.brand ?? "")
      await categories.remove(asStaff(), a.id, b.id)
      expect((await categories.get(asStaff(), b.id)).product_count).toBe(1100)
      await brands.remove(asStaff(), "from", to.brand ?? "")
      expect((await brands.get(asStaff(), "to")).product_count).toBe(1102)
      await expectExact()
    },
  )
})

async function fillCategory(id: string, count: number, brand?: string): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO products (id, name, slug, description, price_amount, currency, category_id, brand_id, status, is_featured, is_digital, tags, attributes, seo, options, stock_quantity, stock_version, average_rating, reviews_count, created_at, updated_at)
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     SELECT 'p' || i, 'Thing ' || i, 'thing-' || i, '', 100, 'USD', ?, (SELECT id FROM brands WHERE name = ?), 'active', 0, 0, '[]', '{}', '{}', '[]', 5, 0, 0, 0, '2026-01-01', '2026-01-01' FROM n`,
  )
    .bind(count, id, brand ?? null)
    .run()
}

describe("a list", () => {
  const colors = ["Red", "Blue", "Größe"]
  const product = fc.record({
    name: fc.constantFrom("Rake", "rake", "Äpfel", "😀", "\uffee", "Zebra", "apple"),
    price: fc.constantFrom("1.00", "2.50", "3.00", "99.99"),
    category: fc.constantFrom("root", "left", "right", null),
    brand: fc.constantFrom("One", "Two", null),
    tags: fc.subarray(["new", "sale", "eco"]),
    color: fc.constantFrom(...colors),
    status: fc.constantFrom("active", "active", "active", "draft", "archived"),
    featured: fc.boolean(),
    stock: fc.constantFrom(0, 1, 7),
    rating: fc.constantFrom(0, 3.5, 4, 5),
  })
  const filter = fc.record(
    {
      category: fc.constantFrom("root", "left", "right,left", "nowhere", "left,nowhere"),
      include_subcategories: fc.constantFrom("true", "false"),
      brand: fc.constantFrom("one", "TWO", "one,two", "none"),
      tag: fc.constantFrom("new", "new,sale", "Eco"),
      "attr.Color": fc.constantFrom("red", "red,BLUE", "Größe"),
      min_price: fc.constantFrom("2.5", "4"),
      max_price: fc.constantFrom("3", "50"),
      min_rating: fc.constantFrom("3.6", "5"),
      in_stock: fc.constantFrom("true", "false"),
      featured: fc.constantFrom("true", "false"),
      status: fc.constantFrom("active", "draft"),
    },
    { requiredKeys: [] },
  )
  const fields = "name price created_at updated_at average_rating stock_quantity category".split(
    " ",
  )
  const ordering = fc
    .array(fc.tuple(fc.constantFrom(...fields), fc.boolean()), { minLength: 1, maxLength: 3 })
    .map((terms) => terms.map(([field, isDown]) => `${isDown ? "-" : ""}${field}`).join(","))

  it(
    "has what its filters say in the order it is asked for, whatever they are, page after page",
    { timeout: 240_000 },
    async () => {
      const root = await make.category({ name: "Root", slug: "root" })
      await make.category({ name: "Left", slug: "left", parent: root.id })
      await make.category({ name: "Right", slug: "right", parent: root.id })
      const made = fc.sample(product, { numRuns: 60, seed: 7 })
      for (const one of made) {
        const { id } = await make.product({
          name: one.name,
          price: one.price,
          category: one.category,
          brand: one.brand,
          tags: one.tags,
          attributes: { Color: one.color },
          status: one.status,
          is_featured: one.featured,
          stock_quantity: one.stock,
        })
        await env.DB.prepare("UPDATE products SET average_rating = ? WHERE id = ?")
          .bind(one.rating, id)
          .run()
      }
      const all = await everyProduct()
      const named = await rows<{ id: string; name: string }>("SELECT id, name FROM brands")
      await fc.assert(
        fc.asyncProperty(filter, ordering, fc.boolean(), async (query, order, isStaff) => {
          const as = isStaff ? make.staff : ({ type: "guest" } as const)
          const wanted = expected(all, named, { ...query, ordering: order }, isStaff)
          const got: string[] = []
          let cursor: string | null | undefined
          do {
            const asked = { ...query, ordering: order, page_size: "7", ...(cursor && { cursor }) }
            const page = await lists.list(ctx({ as }), ProductQuery.parse(asked))
            expect(page.count).toBe(wanted.length)
            got.push(...page.results.map(({ id }) => id))
            cursor = page.nextCursor
          } while (cursor)
          expect(got).toEqual(wanted)
          const second = { ...query, ordering: order, limit: "5", offset: "3" }
          const piece = await lists.list(ctx({ as }), ProductQuery.parse(second))
          expect(piece.results.map(({ id }) => id)).toEqual(wanted.slice(3, 8))
        }),
        { numRuns: 120, seed: 11 },
      )
    },
  )
})

/** The ids of the products that match, in order: by looking at each. */
function expected(
  all: readonly Raw[],
  named: readonly { id: string; name: string }[],
  query: Record<string, string | undefined>,
  isStaff: boolean,
): string[] {
  const some = (list: string | undefined) => list?.toLowerCase().split(",")
  const brandOf = ({ brand_id }: Raw) =>
    named.find(({ id }) => id === brand_id)?.name.toLowerCase() ?? ""
  const slugs = ({ category_name, path }: Raw) => {
    const own = category_name?.toLowerCase()
    const isBelow = (path?.split("/").length ?? 0) > 3
    return own === undefined
      ? []
      : query["include_subcategories"] !== "false" && isBelow
        ? [own, "root"]
        : [own]
  }
  const matches = (one: Raw) =>
    (isStaff || one.status === "active") &&
    (!query["status"] || one.status === query["status"]) &&
    (some(query["category"])?.some((slug) => slugs(one).includes(slug)) ?? true) &&
    (some(query["brand"])?.includes(brandOf(one)) ?? true) &&
    (some(query["tag"])?.some((tag) => (JSON.parse(one.tags) as string[]).includes(tag)) ?? true) &&
    (some(query["attr.Color"])?.includes(
      String((JSON.parse(one.attributes) as { Color: string }).Color).toLowerCase(),
    ) ??
      true) &&
    one.price_amount >= Number(query["min_price"] ?? 0) * 100 &&
    one.price_amount <= Number(query["max_price"] ?? 1e9) * 100 &&
    one.average_rating >= Number(query["min_rating"] ?? 0) &&
    (!query["in_stock"] || one.stock_quantity > 0 === (query["in_stock"] === "true")) &&
    (!query["featured"] || Boolean(one.is_featured) === (query["featured"] === "true"))
  const value = (one: Raw, field: string): string | number => {
    if (field === "category") return one.category_name ?? ""
    if (field === "price") return one.price_amount
    return one[field as "name" | "updated_at" | "stock_quantity"]
  }
  const asked = (query["ordering"] ?? "").split(",").map((text) => ({
    field: text.replace("-", ""),
    sign: text.startsWith("-") ? -1 : 1,
  }))
  const terms = asked.filter(
    ({ field }, index) => asked.findIndex((one) => one.field === field) === index,
  )
  const bytes = new TextEncoder()
  const order = (a: string | number, b: string | number) => {
    if (typeof a === "number" && typeof b === "number") return a - b
    const [left, right] = [bytes.encode(String(a)), bytes.encode(String(b))]
    const at = left.findIndex((byte, index) => byte !== right[index])
    if (at < 0) return left.length - right.length
    return (left[at] ?? 0) - (right[at] ?? -1)
  }
  return all
    .filter(matches)
    .toSorted((a, b) => {
      for (const { field, sign } of [...terms, { field: "id", sign: terms[0]?.sign ?? 1 }]) {
        const difference = order(value(a, field), value(b, field))
        if (difference !== 0) return sign * difference
      }
      return 0
    })
    .map(({ id }) => id)
}
