import { describe, expect, it, vi } from "vitest"

import type { Id } from "#lib/id.ts"
import * as inventory from "#modules/inventory/inventory.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { failingStock, fieldsOf, orderId, stockObject, stockOf } from "../support/shop.ts"

const soon = () => new Date(Date.now() + 30 * 60_000)
const linesOf = (...wanted: [{ id: Id<"product"> }, number][]) =>
  inventory.byProduct(
    wanted.map(([{ id }, quantity]) => ({
      productId: id,
      variantId: id as string as Id<"variant">,
      quantity,
    })),
  )

describe("reserving", () => {
  it("holds the products of an order in the order of their ids", () => {
    const groups = inventory.byProduct(
      ["prd_c", "prd_a", "prd_b", "prd_a"].map((productId, n) => ({
        productId: productId as Id<"product">,
        variantId: `var_${n}` as Id<"variant">,
        quantity: n + 1,
      })),
    )
    expect(groups).toEqual([
      {
        productId: "prd_a",
        lines: [
          { variantId: "var_1", quantity: 2 },
          { variantId: "var_3", quantity: 4 },
        ],
      },
      { productId: "prd_b", lines: [{ variantId: "var_2", quantity: 3 }] },
      { productId: "prd_c", lines: [{ variantId: "var_0", quantity: 1 }] },
    ])
  })

  it("holds nothing when one product is short, and names every short line of all of them", async () => {
    const [a, b, c] = [
      await make.product({ stock_quantity: 9 }),
      await make.product({ stock_quantity: 1 }),
      await make.product({ stock_quantity: 0 }),
    ]
    const refused = inventory.reserve(ctx(), orderId(), linesOf([a, 2], [b, 3], [c, 1]), soon())
    await expect(refused).rejects.toMatchObject({
      code: "out-of-stock",
      details: {
        available: 1,
        items: [
          { variant_id: b.id, available: 1 },
          { variant_id: c.id, available: 0 },
        ],
      },
    })
    expect((await stockOf(a.id)).held).toBe(0)
  })

  it("gives one of two who want the same scarce things all of them", async () => {
    const [a, b] = [
      await make.product({ stock_quantity: 1 }),
      await make.product({ stock_quantity: 1 }),
    ]
    for (let round = 0; round < 10; round++) {
      const ids = [orderId(), orderId()]
      const results = await Promise.allSettled([
        inventory.reserve(ctx(), ids[0]!, linesOf([a, 1], [b, 1]), soon()),
        inventory.reserve(ctx(), ids[1]!, linesOf([b, 1], [a, 1]), soon()),
      ])
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1)
      for (const id of ids) await inventory.release(ctx(), id, linesOf([a, 1], [b, 1]))
    }
    expect((await stockOf(a.id)).available).toBe(1)
    expect((await stockOf(b.id)).available).toBe(1)
  })

  it.each(["before", "after"] as const)(
    "lets go of everything when an object fails %s it has held its part",
    async (when) => {
      const [a, b] = [await make.product(), await make.product()]
      const real = ctx()
      const failing = failingStock({ reserve: 1 }, when)
      const stock = {
        getByName: (name: string) => (name === b.id ? failing : real.stock).getByName(name),
      } as never
      const refused = inventory.reserve(ctx({ stock }), orderId(), linesOf([a, 2], [b, 2]), soon())
      await expect(refused).rejects.toThrow("Network connection lost.")
      expect((await stockOf(a.id)).held).toBe(0)
      expect((await stockOf(b.id)).held).toBe(0)
    },
  )

  it("leaves a hold that cannot be released to lapse", async () => {
    const said = vi.spyOn(console, "error").mockImplementation(() => {})
    const product = await make.product()
    const id = orderId()
    await inventory.reserve(ctx(), id, linesOf([product, 2]), soon())
    await inventory.release(ctx({ stock: failingStock({ release: 1 }) }), id, linesOf([product, 2]))
    expect((await stockOf(product.id)).held).toBe(2)
    expect(said.mock.calls.flat().join()).toContain("hold left to lapse")
  })
})

describe("availability over HTTP", () => {
  it("is exact, and shows staff what is on hand and held", async () => {
    const [staff, customer] = [await make.user("staff"), await make.user()]
    const product = await make.product({ name: "Lamp", sku: "L1", stock_quantity: 5 })
    await inventory.reserve(ctx(), orderId(), linesOf([product, 2]), soon())
    for (const as of [undefined, customer])
      expect((await call("GET", "products/lamp/availability", { as })).body).toEqual({
        product_id: product.id,
        available: 3,
        variants: [
          {
            variant_id: product.id,
            sku: "L1",
            available: 3,
            is_tracked: true,
            is_backorder: false,
          },
        ],
      })
    const shown = await call("GET", `products/${product.id}/availability`, { as: staff })
    expect(shown.body.variants).toEqual([
      {
        variant_id: product.id,
        sku: "L1",
        available: 3,
        is_tracked: true,
        is_backorder: false,
        on_hand: 5,
        held: 2,
      },
    ])
    expect((await call("GET", "products/nope/availability")).status).toBe(404)
  })
})

describe("adjusting over HTTP", () => {
  const adjust = (ref: string, body: unknown, as?: { access: string }, headers = {}) =>
    call("POST", `admin/inventory/${ref}/adjust`, { as, body, headers })

  it("changes by a difference or to a number, and keeps the reason, the note and the name", async () => {
    const staff = await make.user("staff")
    const product = await make.product({ name: "Lamp", sku: "L1", stock_quantity: 5 })
    const more = await adjust("L1", { delta: 10, reason: "restock", note: "Delivery" }, staff)
    expect(more).toMatchObject({
      status: 200,
      body: {
        product_id: product.id,
        variant_id: product.id,
        on_hand: 15,
        held: 0,
        available: 15,
      },
    })
    expect((await adjust("lamp", { set: 12, reason: "damaged" }, staff)).body.on_hand).toBe(12)
    const ledger = await call("GET", `admin/inventory/${product.id}/movements`, { as: staff })
    expect(ledger.body).toMatchObject({
      count: 3,
      next_cursor: null,
      results: [
        { delta: -3, on_hand: 12, reason: "damaged", note: "", actor: staff.id, order_id: null },
        { delta: 10, on_hand: 15, reason: "restock", note: "Delivery", actor: staff.id },
        { delta: 5, on_hand: 5, reason: "restock" },
      ],
    })
  })

  it("shows the ledger in pages, as every list: by number, offset and cursor", async () => {
    const staff = await make.user("staff")
    const product = await make.product({ stock_quantity: 1 })
    for (const set of [2, 3, 4]) await adjust(product.id, { set, reason: "correction" }, staff)
    const path = `/api/v1/admin/inventory/${product.id}/movements`
    const page = async (query: string) => {
      const { body } = await call("GET", `${path}?${query}`, { as: staff })
      return [body.count, body.results.map((row: { on_hand: number }) => row.on_hand)]
    }
    expect(await page("")).toEqual([4, [4, 3, 2, 1]])
    expect(await page("page_size=3&page=2")).toEqual([4, [1]])
    expect(await page("limit=2&offset=1")).toEqual([4, [3, 2]])

    const first = await call("GET", `${path}?page_size=3`, { as: staff })
    expect(first.body).toMatchObject({
      count: 4,
      next: `http://nexus.test${path}?page_size=3&page=2`,
      previous: null,
    })
    // A cursor neither skips nor repeats what is there while more comes.
    await adjust(product.id, { set: 9, reason: "correction" }, staff)
    const cursor = encodeURIComponent(first.body.next_cursor)
    expect(await page(`page_size=3&cursor=${cursor}`)).toEqual([5, [1]])

    expect(await call("GET", `${path}?page=3`, { as: staff })).toMatchObject({
      status: 404,
      body: { code: "invalid-page" },
    })
    expect(await call("GET", `${path}?cursor=nonsense`, { as: staff })).toMatchObject({
      status: 400,
      body: { errors: [{ field: "cursor", parameter: "cursor" }] },
    })
  })

  it("names everything that is missing from an adjustment at once", async () => {
    const [staff, product] = [await make.user("staff"), await make.product()]
    const { body } = await adjust(product.id, {}, staff)
    expect(body.errors.map(({ field, detail }: any) => [field, detail])).toEqual([
      ["reason", "This field is required."],
      ["delta", "Give either delta or set."],
    ])
  })

  it("never goes below zero", async () => {
    const staff = await make.user("staff")
    const product = await make.product({ stock_quantity: 5 })
    const refused = await adjust(product.id, { delta: -6, reason: "damaged" }, staff)
    expect(refused).toMatchObject({
      status: 409,
      body: { code: "out-of-stock", available: 5, items: [{ variant_id: product.id }] },
    })
    expect((await stockOf(product.id)).onHand).toBe(5)
  })

  it("asks for one change, a reason and a thing that has stock of its own", async () => {
    const staff = await make.user("staff")
    const product = await make.product()
    const coat = await make.product({
      options: [{ name: "Size", values: ["S"] }],
      variants: [{ sku: "C-S", options: { Size: "S" } }],
    })
    expect(fieldsOf(await adjust(product.id, { reason: "restock" }, staff))).toEqual(["delta"])
    expect(
      fieldsOf(await adjust(product.id, { delta: 1, set: 2, reason: "restock" }, staff)),
    ).toEqual(["delta"])
    expect(fieldsOf(await adjust(product.id, { delta: 0.5, reason: "gift" }, staff))).toEqual([
      "delta",
      "reason",
    ])
    expect(fieldsOf(await adjust(product.id, { set: -1, reason: "restock" }, staff))).toEqual([
      "set",
    ])
    expect(fieldsOf(await adjust(coat.id, { delta: 1, reason: "restock" }, staff))).toEqual([
      "item",
    ])
    expect((await adjust("C-S", { delta: 1, reason: "restock" }, staff)).body.on_hand).toBe(1)
    expect((await adjust("nope", { delta: 1, reason: "restock" }, staff)).status).toBe(404)
  })

  it("happens once for each idempotency key, however often it is sent", async () => {
    const staff = await make.user("staff")
    const product = await make.product({ stock_quantity: 5 })
    const body = { delta: 3, reason: "restock" }
    await Promise.all(
      Array.from({ length: 5 }, () =>
        adjust(product.id, body, staff, { "idempotency-key": "once" }),
      ),
    )
    expect((await stockOf(product.id)).onHand).toBe(8)
  })

  it("is for staff only, and so is the ledger", async () => {
    const [customer, product] = [await make.user(), await make.product()]
    const body = { delta: 1, reason: "restock" }
    expect((await adjust(product.id, body)).status).toBe(401)
    expect((await adjust(product.id, body, customer)).status).toBe(403)
    const path = `admin/inventory/${product.id}/movements`
    expect((await call("GET", path)).status).toBe(401)
    expect((await call("GET", path, { as: customer })).status).toBe(403)
    expect(await stockObject(product.id).movements(product.id as never, 10)).toHaveLength(1)
  })
})
