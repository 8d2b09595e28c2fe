import { reset, applyD1Migrations } from "cloudflare:test"
import { env } from "cloudflare:workers"
import fc from "fast-check"
import { describe, expect, it } from "vitest"

import * as exports from "#modules/catalog/export.ts"
import { receive } from "#modules/catalog/import-receive.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { rows } from "../support/shop.ts"

const staff = () => ctx({ as: make.staff })

async function textOf(pieces: AsyncGenerator<string>): Promise<string> {
  const all: string[] = []
  for await (const piece of pieces) all.push(piece)
  return all.join("")
}

const exported = async (format: "csv" | "ndjson") => ({
  categories: await textOf(exports.categoryPieces(staff(), format)),
  products: await textOf(exports.productPieces(staff(), format)),
})

async function take(kind: "categories" | "products", text: string) {
  async function* once() {
    yield new TextEncoder().encode(text)
  }
  const as = staff()
  const answer = await receive(as, kind, { file: once(), fields: async () => ({}) })
  await as.settled()
  if (!("report" in answer)) throw new Error("too large for this test")
  return answer.report
}

async function emptyShop(): Promise<void> {
  await reset()
  await applyD1Migrations(env.DB, env.MIGRATIONS)
}

/** Text that has gone wrong somewhere: quotes, breaks, formulas, letters beyond the first planes. */
const nasty = fc
  .string({
    unit: fc.constantFrom(
      "a",
      "Z",
      "é",
      "İ",
      "💥",
      ",",
      ";",
      '"',
      "'",
      "\n",
      "\t",
      "=",
      "+",
      "-",
      "@",
      "[",
      "{",
      "1",
      " ",
      "<b>",
      "\\",
    ),
    minLength: 1,
    maxLength: 14,
  })
  .map((text) => `${text}`.trim())
  .filter((text) => text !== "")
const price = fc.integer({ min: 1, max: 999_999 }).map((n) => (n / 100).toFixed(2))

const shop = fc.record({
  categories: fc.uniqueArray(nasty, {
    minLength: 1,
    maxLength: 3,
    selector: (name) => name.toLowerCase(),
  }),
  products: fc.array(
    fc.record(
      {
        name: nasty,
        price,
        description: fc.oneof(fc.constant(""), nasty),
        category: fc.nat({ max: 2 }),
        brand: nasty,
        tags: fc.uniqueArray(nasty.map((tag) => tag.toLowerCase().trim()).filter(Boolean), {
          maxLength: 3,
        }),
        attributes: fc.dictionary(
          nasty.filter((name) => !name.includes("=")),
          nasty,
          { maxKeys: 3 },
        ),
        seo: fc.record({ title: nasty }, { requiredKeys: [] }),
        status: fc.constantFrom("draft", "active", "archived"),
        is_featured: fc.boolean(),
        is_digital: fc.boolean(),
        weight_grams: fc.option(fc.nat({ max: 5000 })),
        cost_price: fc.option(price),
        stock: fc.nat({ max: 9 }),
        isVaried: fc.boolean(),
        value: nasty,
      },
      { requiredKeys: ["name", "price", "stock", "isVaried", "value"] },
    ),
    { minLength: 1, maxLength: 4 },
  ),
})

describe("export and import", () => {
  it("are the identity: of an empty shop, and of the same one", async () => {
    await fc.assert(
      fc.asyncProperty(
        shop,
        fc.constantFrom("csv" as const, "ndjson" as const),
        async (world, format) => {
          await emptyShop()
          const made = []
          for (const name of world.categories) made.push(await make.category({ name }))
          for (const [
            at,
            { stock, isVaried, value, category, ...fields },
          ] of world.products.entries())
            await make.product({
              ...fields,
              ...(category !== undefined && { category: made[category % made.length]?.id }),
              sku: isVaried ? null : `S-${at}`,
              ...(isVaried
                ? {
                    options: [{ name: value, values: ["=1", value] }],
                    variants: [
                      { sku: `V-${at}`, options: { [value]: value }, stock_quantity: stock },
                      { options: { [value]: "=1" }, price: "3.00" },
                    ],
                  }
                : { stock_quantity: stock }),
            })
          const first = await exported(format)

          // The same shop: nothing changes.
          const before = await rows("SELECT * FROM products ORDER BY id")
          for (const kind of ["categories", "products"] as const) {
            const report = await take(kind, first[kind])
            expect(report.lines.filter(({ outcome }) => outcome !== "unchanged")).toEqual([])
          }
          expect(await rows("SELECT * FROM products ORDER BY id")).toEqual(before)

          // An empty shop: the same again, byte for byte.
          await emptyShop()
          for (const kind of ["categories", "products"] as const) {
            const report = await take(kind, first[kind])
            expect(report.lines.filter(({ outcome }) => outcome !== "created")).toEqual([])
          }
          expect(await exported(format)).toEqual(first)
          expect(await exported(format === "csv" ? "ndjson" : "csv")).toBeTruthy()
        },
      ),
      { numRuns: 12 },
    )
  })

  it("keep what a spreadsheet would run from running", async () => {
    await make.product({ name: '=HYPERLINK("http://evil")', brand: "@SUM(A1)", sku: "-1+2" })
    const { products } = await exported("csv")
    const [, row] = products.split("\r\n")
    expect(row).toContain(`"'=HYPERLINK(""http://evil"")"`)
    expect(row).toContain("'@SUM(A1)")
    expect(row).toContain("'-1+2")
  })
})

describe("exporting", () => {
  it("costs as many rows of D1 for a product however many there are", async () => {
    const insert = (n: number) =>
      env.DB.prepare(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         INSERT INTO products (id, name, slug, description, price_amount, compare_at_amount, cost_amount, currency, category_id, brand_id, sku, status, is_featured, is_digital, weight_grams, tags, attributes, seo, options, image_key, stock_quantity, stock_version, average_rating, reviews_count, created_at, updated_at) SELECT printf('p%06d-%d', i, ?), name, slug || i || '-' || ?, description, price_amount, compare_at_amount, cost_amount, currency, category_id, brand_id, NULL, status, is_featured, is_digital, weight_grams, tags, attributes, seo, options, image_key, 0, 0, 0, 0, created_at, updated_at
         FROM n, (SELECT * FROM products LIMIT 1)`,
      )
        .bind(n, n, n)
        .run()
    await make.product({ category: (await make.category()).id, brand: "Acme" })
    const cost = async () => {
      const as = staff()
      const lines = (await textOf(exports.productPieces(as, "ndjson"))).trim().split("\n").length
      return { each: as.meter.d1RowsRead / lines, queries: as.meter.d1Queries, lines }
    }
    await insert(150)
    const few = await cost()
    await insert(1200)
    const many = await cost()
    expect([few.lines, few.queries, many.lines, many.queries]).toEqual([151, 2, 1351, 14])
    expect(many.each).toBeLessThanOrEqual(few.each * 1.1)
    expect(many.each).toBeLessThan(8)
  })

  it("is a file for staff, streamed and not kept", async () => {
    const product = await make.product({ name: "Rake", sku: "RAKE" })
    const as = await make.user("staff")
    const csv = await call("GET", "admin/products/export", { as })
    expect(Object.fromEntries(csv.headers)).toMatchObject({
      "content-type": "text/csv; charset=utf-8",
      "cache-control": "private, no-store",
      "content-disposition": expect.stringMatching(/^attachment; filename="products-[\d-]+\.csv"$/),
    })
    expect(csv.body).toMatch(new RegExp(`^id,sku,name,.*\r\n${product.id},RAKE,Rake,rake,`))
    const ndjson = await call("GET", "admin/products/export?format=ndjson", { as })
    expect(ndjson.headers.get("content-type")).toBe("application/x-ndjson")
    expect(ndjson.body).toMatchObject({ id: product.id, stock_quantity: 5 })
    expect((await call("GET", "admin/products/export?format=xlsx", { as })).status).toBe(400)
    const customer = await make.user()
    for (const what of ["products", "categories"]) {
      expect((await call("GET", `admin/${what}/export`)).status).toBe(401)
      expect((await call("GET", `admin/${what}/export`, { as: customer })).status).toBe(403)
    }
  })
})
