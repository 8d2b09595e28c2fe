import { describe, expect, it } from "vitest"

import * as bulk from "#modules/checkout/bulk.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { person, secret } from "../support/people.ts"
import { address, countOf, failingStock, fieldsOf, silentQueue, stockOf } from "../support/shop.ts"

const entry = (reference: string, product_id: string, quantity: number, over = {}) => ({
  reference,
  items: [{ product_id, quantity }],
  shipping_address: address,
  email: "buyer@example.com",
  ...over,
})
const send = (orders: unknown, as?: { access: string }, headers?: Record<string, string>) =>
  call("POST", "orders/bulk", { as, body: { orders }, ...(headers && { headers }) })
const outcomes = (body: any) =>
  body.results.map((one: any) => [one.reference, one.outcome, one.error?.code ?? null])

describe("many orders in one request", () => {
  it("have each their own result; one that fails stops no other", async () => {
    const staff = await make.user("staff")
    const cap = await make.product({ price: "10.00", stock_quantity: 5 })
    const { status, body } = await send(
      [
        entry("A", cap.id, 2),
        entry("B", cap.id, 99),
        entry("C", "999", 1),
        entry("D", cap.id, 0, { payment_method: "gold" }),
        entry("E", cap.id, 1, { items: undefined }),
        entry("F", cap.id, 3, { price: "0.01", total: "0.01", status: "delivered" }),
      ],
      staff,
    )
    expect(status).toBe(200)
    expect(body).toMatchObject({ placed: 2, known: 0, failed: 4 })
    expect(outcomes(body)).toEqual([
      ["A", "placed", null],
      ["B", "failed", "out-of-stock"],
      ["C", "failed", "invalid-input"],
      ["D", "failed", "invalid-input"],
      ["E", "failed", "invalid-input"],
      ["F", "placed", null],
    ])
    expect(new Set(body.results[3].error.errors.map(({ field }: any) => field))).toEqual(
      new Set(["items.0.quantity", "payment_method"]),
    )
    expect(body.results[5].order).toMatchObject({ total: "30.00", status: "pending" })
    expect((await stockOf(cap.id)).onHand).toBe(0)
    expect(await countOf("orders")).toBe(2)
  })

  it("sent again are the same orders; what failed is tried anew", async () => {
    const staff = await make.user("staff")
    const cap = await make.product({ stock_quantity: 3 })
    const orders = [entry("A", cap.id, 2), entry("B", cap.id, 2)]
    const first = await send(orders, staff)
    expect(first.body).toMatchObject({ placed: 1, failed: 1 })
    const placed = first.body.results.find((one: any) => one.order)
    await call("POST", `admin/inventory/${cap.id}/adjust`, {
      as: staff,
      body: { delta: 1, reason: "restock" },
    })
    const second = await send(orders, staff)
    expect(second.body).toMatchObject({ placed: 1, known: 1, failed: 0 })
    const known = second.body.results.find((one: any) => one.outcome === "known")
    expect([known.reference, known.order.id]).toEqual([placed.reference, placed.order.id])
    expect(await countOf("orders")).toBe(2)
    expect((await stockOf(cap.id)).onHand).toBe(0)
  })

  it("sent five times at once are placed once", async () => {
    const staff = await make.user("staff")
    const cap = await make.product({ stock_quantity: 9 })
    const orders = [entry("A", cap.id, 1), entry("B", cap.id, 1), entry("C", cap.id, 1)]
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => send(orders, staff)))
    const ids = answers.flatMap(({ body }) => body.results.map((one: any) => one.order?.id))
    expect(ids).not.toContain(undefined)
    expect(new Set(ids).size).toBe(3)
    expect(await countOf("orders")).toBe(3)
    expect(await stockOf(cap.id)).toEqual({ onHand: 6, held: 0, available: 6 })
  })

  it("that broke off half-way are completed by sending them again", async () => {
    const staff = await make.user("staff")
    const [cap, mug] = [await make.product({ stock_quantity: 9 }), await make.product()]
    const orders = [entry("A", cap.id, 1), entry("B", mug.id, 1)]
    const as = ctx({ as: staff, events: silentQueue, stock: failingStock({ reserve: 1 }) })
    const first = await bulk.placeAll(as, { orders })
    await as.settled()
    expect(first).toMatchObject({ placed: 1, failed: 1 })
    expect(first.results.find(({ error }) => error)?.error?.code).toBe("unavailable")
    expect((await send(orders, staff)).body).toMatchObject({ placed: 1, known: 1 })
    expect(await countOf("orders")).toBe(2)
  })

  it("of one reference with another content are refused", async () => {
    const staff = await make.user("staff")
    const cap = await make.product()
    await send([entry("A", cap.id, 1)], staff)
    const other = await send([entry("A", cap.id, 2)], staff)
    expect(outcomes(other.body)).toEqual([["A", "failed", "idempotency-key-reused"]])
    // References are each caller's own.
    const colleague = await make.user("staff")
    expect(outcomes((await send([entry("A", cap.id, 2)], colleague)).body)).toEqual([
      ["A", "placed", null],
    ])
  })

  it("are for the staff, and for keys that may place orders", async () => {
    const [customer, admin] = [await make.user(), await person("admin")]
    const cap = await make.product()
    expect((await send([entry("A", cap.id, 1)])).status).toBe(401)
    expect((await send([entry("A", cap.id, 1)], customer)).status).toBe(403)
    const keyOf = async (scopes: string[]) => {
      const body = { name: "k", scopes, password: secret }
      return (await call("POST", "auth/api-keys", { as: admin, body })).body.key as string
    }
    const reader = { "x-api-key": await keyOf(["orders:read"]) }
    expect((await send([entry("A", cap.id, 1)], undefined, reader)).status).toBe(403)
    const writer = { "x-api-key": await keyOf(["orders:write"]) }
    const placed = await send([entry("A", cap.id, 1)], undefined, writer)
    expect(placed.body).toMatchObject({ placed: 1 })
    // A key that may write but not read sees its own orders again.
    const again = await send([entry("A", cap.id, 1)], undefined, writer)
    expect(outcomes(again.body)).toEqual([["A", "known", null]])
  })

  it.each([
    ["none", [], ["orders"]],
    ["no list", "all", ["orders"]],
    ["101", Array.from({ length: 101 }, (_, n) => entry(`R${n}`, "P", 1)), ["orders"]],
    ["no reference", [{ items: [] }], ["orders.0.reference"]],
    ["a reference twice", [entry("A", "P", 1), entry("A", "P", 1)], ["orders.1.reference"]],
    [
      "too many lines",
      Array.from({ length: 5 }, (_, n) => ({
        reference: `R${n}`,
        items: Array.from({ length: 90 }, () => ({ product_id: "P", quantity: 1 })),
      })),
      ["orders"],
    ],
  ])("with %s are refused whole", async (_, orders, fields) => {
    const refused = await send(orders, await make.user("staff"))
    expect(refused.status).toBe(400)
    expect(fieldsOf(refused)).toEqual(fields)
    expect(await countOf("orders")).toBe(0)
  })
})
