import { describe, expect, it } from "vitest"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { countOf, stockOf } from "../support/shop.ts"

const lines = (...all: unknown[]) =>
  all.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("\n")

async function send(what: "products" | "categories", body: string, headers = {}) {
  const staff = await make.user("staff")
  return call("POST", `admin/${what}/import`, {
    as: staff,
    body,
    headers: { "content-type": "application/x-ndjson", ...headers },
  })
}

describe("importing products", () => {
  it("says of each line what became of it", async () => {
    await make.category({ name: "Electronics" })
    const report = await send(
      "products",
      lines(
        { id: "901", name: "Rake", price: "12.50", category: "electronics", stock_quantity: 4 },
        { id: 902, title: "Hoe", price: 9, stock: 1 },
        "{broken",
        { id: "903", name: "", price: "-1" },
        { id: "904", name: "Spade", price: "5", category: "nowhere" },
        "",
        { name: "Nameless id", price: "1" },
        "[1]",
        { id: "no spaces allowed", name: "X", price: "1" },
      ),
    )
    expect(report.status).toBe(200)
    expect(report.body).toMatchObject({ created: 3, updated: 0, failed: 5 })
    const [rake, hoe, broken, bad, lost, nameless, list, spaced] = report.body.lines
    expect(rake).toEqual({ line: 1, id: "901", outcome: "created" })
    expect(hoe).toEqual({ line: 2, id: "902", outcome: "created" })
    expect(broken).toMatchObject({ line: 3, id: null, errors: [{ code: "malformed-json" }] })
    expect(bad.id).toBe("903")
    expect(new Set(bad.errors.map(({ field }: { field: string }) => field))).toEqual(
      new Set(["name", "price"]),
    )
    expect(lost).toMatchObject({ id: "904", outcome: "failed", errors: [{ field: "category" }] })
    expect(nameless).toMatchObject({ outcome: "created", id: expect.stringMatching(/^prd_/) })
    expect(list).toMatchObject({ outcome: "failed" })
    expect(spaced).toMatchObject({ outcome: "failed", errors: [{ field: "id" }] })
    expect(await countOf("products")).toBe(3)
  })

  it("keeps the ids they came with, and puts their stock away", async () => {
    await send("products", lines({ id: "901", name: "Rake", price: "12.50", stock_quantity: 4 }))
    expect((await call("GET", "products/901")).body).toMatchObject({
      id: "901",
      slug: "rake",
      price: "12.50",
      stock_quantity: 4,
    })
    expect(await stockOf("901")).toEqual({ onHand: 4, held: 0, available: 4 })
  })

  it("takes the same file twice as once", async () => {
    const file = lines(
      { id: "901", name: "Rake", price: "12.50", stock_quantity: 4 },
      { id: "902", name: "Hoe", price: "9", brand: "Fairwind" },
    )
    expect((await send("products", file)).body).toMatchObject({ created: 2, unchanged: 0 })
    const again = await send("products", file)
    expect(again.body).toEqual({
      created: 0,
      updated: 0,
      unchanged: 2,
      skipped: 0,
      failed: 0,
      dry_run: false,
      ignored_columns: [],
      lines: [
        { line: 1, id: "901", outcome: "unchanged" },
        { line: 2, id: "902", outcome: "unchanged" },
      ],
    })
    expect(await countOf("products")).toBe(2)
    expect(await countOf("brands")).toBe(1)
    expect((await stockOf("901")).onHand).toBe(4)
  })

  it("changes nothing by a line whose id an earlier line of the file has", async () => {
    const report = await send(
      "products",
      lines(
        { id: "901", name: "Rake", price: "12.50", stock_quantity: 4 },
        { id: "901", name: "Other", price: "1", stock_quantity: 99 },
      ),
    )
    expect(report.body).toMatchObject({ created: 1, failed: 1 })
    expect(report.body.lines[1].errors).toMatchObject([{ field: "id", code: "taken" }])
    expect((await call("GET", "products/901")).body.name).toBe("Rake")
    expect((await stockOf("901")).onHand).toBe(4)
  })

  it("may be sent again with the same key: the second time answers as the first", async () => {
    const staff = await make.user("staff")
    const file = lines({ name: "Rake", price: "1" }, { name: "Hoe", price: "1" })
    const go = () =>
      call("POST", "admin/products/import", {
        as: staff,
        body: file,
        headers: { "content-type": "application/x-ndjson", "idempotency-key": "k1" },
      })
    const first = await go()
    await expect.poll(async () => (await go()).headers.get("idempotent-replayed")).toBe("true")
    expect((await go()).body).toEqual(first.body)
    expect(await countOf("products")).toBe(2)
  })

  it("is for staff only", async () => {
    const customer = await make.user()
    const body = lines({ name: "Rake", price: "1" })
    const headers = { "content-type": "application/x-ndjson" }
    for (const what of ["products", "categories"]) {
      const path = `admin/${what}/import`
      expect((await call("POST", path, { body, headers })).status).toBe(401)
      expect((await call("POST", path, { body, headers, as: customer })).status).toBe(403)
    }
    expect(await countOf("products")).toBe(0)
  })
})

describe("importing categories", () => {
  it("makes parents before their children, keeps ids, and skips what is there", async () => {
    const file = lines(
      { id: "1", name: "Garden", slug: "garden", parent: null },
      { id: 2, name: "Tools", parent: "1" },
      { id: "3", name: "Lost", parent: "77" },
    )
    expect((await send("categories", file)).body).toMatchObject({ created: 2, failed: 1 })
    expect((await call("GET", "categories/2")).body).toMatchObject({
      name: "Tools",
      path: [{ id: "1" }, { id: "2" }],
    })
    expect((await send("categories", file)).body).toMatchObject({
      created: 0,
      unchanged: 2,
      failed: 1,
    })
    expect(await countOf("categories")).toBe(2)
  })
})
