import { env } from "cloudflare:workers"
import { describe, expect, it, vi } from "vitest"

import * as carts from "#modules/cart/cart.ts"
import * as checkout from "#modules/checkout/checkout.ts"
import { PlaceOrder } from "#modules/checkout/model.ts"
import { cancel } from "#modules/orders/cancel.ts"
import * as orders from "#modules/orders/orders.ts"
import * as tracking from "#modules/orders/tracking.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { opened } from "../support/opened.ts"
import {
  address,
  countOf,
  deliverAll,
  failingStock,
  forgetfulDb,
  hookedStock,
  openEvents,
  order,
  rows,
  silentQueue,
  stockOf,
  tally,
} from "../support/shop.ts"

type Buyer = Awaited<ReturnType<typeof make.user>>
const wish = (over: Record<string, unknown> = {}) =>
  PlaceOrder.parse({ shipping_address: address, ...over })
const buy = (id: string, quantity = 1) => wish({ items: [{ product_id: id, quantity }] })

/** A customer with this many of a product in the cart. */
async function shopper(quantity = 2, stock_quantity = 5) {
  const [customer, product] = [await make.user(), await make.product({ stock_quantity })]
  const { id } = await carts.addItem(ctx({ as: customer }), { product_id: product.id, quantity })
  return { customer, product, cartId: id }
}

const abort = (table: string, verb = "INSERT") =>
  env.DB.exec(
    `CREATE TRIGGER broken BEFORE ${verb} ON ${table} BEGIN SELECT RAISE(ABORT, 'broken'); END`,
  )
const repair = () => env.DB.exec("DROP TRIGGER broken")

describe("many who buy at once", () => {
  it("of one cart get one order, and its stock is taken once", async () => {
    const { customer, product } = await shopper(2, 30)
    const answers = await Promise.all(
      Array.from({ length: 10 }, () =>
        call("POST", "cart/checkout", { as: customer, body: { shipping_address: address } }),
      ),
    )
    const { 201: placed, ...refused } = tally(answers)
    expect(placed).toBe(1)
    for (const code of Object.keys(refused))
      expect(["409 cart-already-ordered", "409 cart-changed", "400 cart-empty"]).toContain(code)
    expect(await countOf("orders")).toBe(1)
    expect(await stockOf(product.id)).toEqual({ onHand: 28, held: 0, available: 28 })
    expect((await call("GET", "cart", { as: customer })).body.items).toEqual([])
  })

  it("of the last five pieces get exactly five orders", async () => {
    const product = await make.product({ stock_quantity: 5 })
    const buyers = await Promise.all(Array.from({ length: 4 }, () => make.user()))
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        order([{ product_id: product.id, quantity: 1 }], buyers[n % 4]),
      ),
    )
    expect(tally(answers)).toEqual({ "201": 5, "409 out-of-stock": 15 })
    expect(await countOf("orders")).toBe(5)
    expect(await stockOf(product.id)).toEqual({ onHand: 0, held: 0, available: 0 })
    expect((await call("GET", `products/${product.id}`)).body).toMatchObject({
      stock_quantity: 0,
      is_in_stock: false,
    })
  })

  it("of two products in any order all get all or nothing, and nothing is left held", async () => {
    const [a, b] = [
      await make.product({ stock_quantity: 4 }),
      await make.product({ stock_quantity: 3 }),
    ]
    const buyer = await make.user()
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        order(
          (n % 2 ? [a, b] : [b, a]).map(({ id }) => ({ product_id: id, quantity: 1 })),
          buyer,
        ),
      ),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3)
    expect(await stockOf(a.id)).toEqual({ onHand: 1, held: 0, available: 1 })
    expect(await stockOf(b.id)).toEqual({ onHand: 0, held: 0, available: 0 })
  })

  it("with one idempotency key get one order, and the same answer", async () => {
    const [buyer, product] = [await make.user(), await make.product({ stock_quantity: 30 })]
    const go = (quantity = 1) =>
      order([{ product_id: product.id, quantity }], buyer, {}, { "idempotency-key": "k1" })
    const answers = await Promise.all(Array.from({ length: 10 }, () => go()))
    const placed = answers.filter(({ status }) => status === 201)
    expect(placed.length).toBeGreaterThanOrEqual(1)
    expect(new Set(placed.map(({ body }) => body.id)).size).toBe(1)
    const refused = answers.filter(({ status }) => status !== 201)
    expect(Object.keys(tally(refused))).toEqual(
      refused.length > 0 ? ["409 request-in-progress"] : [],
    )
    const again = await go()
    expect(again.status).toBe(201)
    expect(again.headers.get("idempotent-replayed")).toBe("true")
    expect(again.body).toEqual(placed[0]?.body)
    expect(await go(2)).toMatchObject({ status: 422, body: { code: "idempotency-key-reused" } })
    expect(await countOf("orders")).toBe(1)
    expect((await stockOf(product.id)).onHand).toBe(29)
  })
})

describe("an order that is refused", () => {
  it("names every line that is short, and holds nothing", async () => {
    const buyer = await make.user()
    const [plenty, few, none] = [
      await make.product({ stock_quantity: 9 }),
      await make.product({ stock_quantity: 2 }),
      await make.product({ stock_quantity: 0 }),
    ]
    const refused = await order(
      [
        { product_id: few.id, quantity: 3 },
        { product_id: plenty.id, quantity: 1 },
        { product_id: none.id, quantity: 1 },
      ],
      buyer,
    )
    expect(refused).toMatchObject({ status: 409, body: { code: "out-of-stock" } })
    const short = refused.body.items as { variant_id: string; available: number }[]
    expect(short.toSorted((a, b) => b.available - a.available)).toEqual([
      { variant_id: few.id, available: 2 },
      { variant_id: none.id, available: 0 },
    ])
    for (const { id } of [plenty, few]) expect((await stockOf(id)).held).toBe(0)
    expect(await countOf("orders")).toBe(0)
  })

  it("because the cart changed meanwhile gives the stock back and leaves the cart open", async () => {
    const { customer, product } = await shopper(2)
    const other = await make.product()
    const stock = hookedStock(() =>
      carts.addItem(ctx({ as: customer }), { product_id: other.id, quantity: 1 }),
    )
    await expect(checkout.place(ctx({ as: customer, stock }), wish())).rejects.toMatchObject({
      code: "cart-changed",
    })
    expect(await countOf("orders")).toBe(0)
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
    const cart = await carts.get(ctx({ as: customer }))
    expect(cart.total_items).toBe(3)
    const placed = await checkout.place(ctx({ as: customer }), wish())
    expect(placed.items.map(({ quantity }) => quantity)).toEqual([2, 1])
  })

  it("because the cart was ordered meanwhile takes nothing more", async () => {
    const { customer, product } = await shopper(2)
    const stock = hookedStock(() => checkout.place(ctx({ as: customer }), wish()))
    await expect(checkout.place(ctx({ as: customer, stock }), wish())).rejects.toMatchObject({
      code: expect.stringMatching(/^cart-(already-ordered|changed)$/),
    })
    expect(await countOf("orders")).toBe(1)
    expect(await stockOf(product.id)).toEqual({ onHand: 3, held: 0, available: 3 })
  })

  it.each([
    ["orders", "INSERT"],
    ["order_lines", "INSERT"],
    ["order_changes", "INSERT"],
    ["outbox", "INSERT"],
    ["carts", "UPDATE"],
  ])("because writing %s failed leaves no row, no hold, no event", async (table, verb) => {
    vi.spyOn(console, "error").mockImplementation(() => {})
    const { customer, product } = await shopper(2)
    const before = await countOf("outbox")
    await abort(table, verb)
    const failed = await call("POST", "orders", {
      as: customer,
      body: { shipping_address: address },
    })
    expect(failed).toMatchObject({ status: 500, body: { code: "internal" } })
    expect(JSON.stringify(failed.body)).not.toMatch(/broken|SQL|insert/i)
    await repair()
    for (const rowsOf of ["orders", "order_lines", "order_changes"])
      expect([rowsOf, await countOf(rowsOf)]).toEqual([rowsOf, 0])
    expect(await countOf("outbox")).toBe(before)
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
    const again = await call("POST", "orders", {
      as: customer,
      body: { shipping_address: address },
    })
    expect(again.status).toBe(201)
    expect((await stockOf(product.id)).onHand).toBe(3)
  })

  it("because the stock does not answer is not recorded, and holds nothing", async () => {
    const { customer, product } = await shopper(2)
    const stock = failingStock({ reserve: 1 }, "after")
    await expect(checkout.place(ctx({ as: customer, stock }), wish())).rejects.toThrow(
      "Network connection lost.",
    )
    expect(await countOf("orders")).toBe(0)
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
  })
})

describe("an order whose commit lost its answer", () => {
  it("stands, is sold, and is answered", async () => {
    const { customer, product } = await shopper(2)
    const as = ctx({ as: customer })
    const placed = await checkout.place({ ...as, db: forgetfulDb(as.db) }, wish())
    expect(placed.status).toBe("pending")
    expect(await countOf("orders")).toBe(1)
    expect(await stockOf(product.id)).toEqual({ onHand: 3, held: 0, available: 3 })
  })
})

describe("a crash after the commit", () => {
  const events = silentQueue
  const quiet = () => vi.spyOn(console, "error").mockImplementation(() => {})

  it.each(["before", "after"] as const)(
    "%s the sale: the event order.placed sees to it that it is sold once",
    async (when) => {
      quiet()
      const { customer, product } = await shopper(2)
      const stock = failingStock({ settle: 1 }, when)
      const placed = await checkout.place(ctx({ as: customer, stock, events }), wish())
      expect(await stockOf(product.id)).toEqual(
        when === "before"
          ? { onHand: 5, held: 2, available: 3 }
          : { onHand: 3, held: 0, available: 3 },
      )
      await deliverAll("order.placed")
      expect(await stockOf(product.id)).toEqual({ onHand: 3, held: 0, available: 3 })
      expect(await openEvents("order.placed")).toEqual([])
      await checkout.finish(ctx(), { type: "order.placed", orderId: placed.id })
      expect((await stockOf(product.id)).onHand).toBe(3)
      expect((await orders.get(ctx(), placed.id)).status).toBe("pending")
    },
  )

  it("sells a hold that lapsed meanwhile while the stock is still there", async () => {
    quiet()
    const { customer, product } = await shopper(2)
    const stock = failingStock({ settle: 1 })
    await checkout.place(ctx({ as: customer, stock, events }), wish())
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 31 * 60_000 })
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
    await deliverAll("order.placed")
    expect(await stockOf(product.id)).toEqual({ onHand: 3, held: 0, available: 3 })
  })

  it("cancels the order, with the reason, when the hold lapsed and the stock is gone", async () => {
    quiet()
    const buyer = await make.user()
    const [scarce, plenty] = [
      await make.product({ stock_quantity: 2 }),
      await make.product({ stock_quantity: 9 }),
    ]
    const late = await checkout.place(
      ctx({ as: buyer, events, stock: failingStock({ settle: Infinity }) }),
      wish({
        items: [
          { product_id: scarce.id, quantity: 2 },
          { product_id: plenty.id, quantity: 3 },
        ],
      }),
    )
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 31 * 60_000 })
    const quick = await checkout.place(ctx({ as: buyer, events }), buy(scarce.id, 1))
    await deliverAll("order.placed")
    const found = await orders.get(ctx(), late.id)
    expect(found).toMatchObject({ status: "cancelled", payment_status: "unpaid" })
    expect(found.cancelled_at).not.toBeNull()
    const { results } = await tracking.history(ctx(), late.id, {})
    expect(results.at(-1)).toMatchObject({
      from: "pending",
      to: "cancelled",
      note: "The stock was gone before the order could be completed.",
      actor: "system",
    })
    expect((await orders.get(ctx(), quick.id)).status).toBe("pending")
    await deliverAll()
    expect(await stockOf(scarce.id)).toEqual({ onHand: 1, held: 0, available: 1 })
    expect(await stockOf(plenty.id)).toEqual({ onHand: 9, held: 0, available: 9 })
  })

  it("while cancelling: the event order.cancelled gives the stock back, once", async () => {
    quiet()
    const { customer, product } = await shopper(2)
    const placed = await checkout.place(ctx({ as: customer, events }), wish())
    const stock = failingStock({ cancel: 1 })
    await cancel(ctx({ as: customer, stock, events }), placed.id, "")
    expect((await stockOf(product.id)).onHand).toBe(3)
    await deliverAll("order.cancelled")
    await checkout.finish(ctx(), { type: "order.cancelled", orderId: placed.id })
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
  })

  it("with an order cancelled before it was sold: a late order.placed sells nothing", async () => {
    quiet()
    const { customer, product } = await shopper(2)
    const stock = failingStock({ settle: Infinity })
    const placed = await checkout.place(ctx({ as: customer, stock, events }), wish())
    await cancel(ctx({ as: customer, events }), placed.id, "")
    await deliverAll("order.placed")
    await deliverAll("order.cancelled")
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
  })
})

describe("an order", () => {
  it("of an order that is not there is nothing to finish", async () => {
    await checkout.finish(ctx(), { type: "order.placed", orderId: "ord_none" as never })
    expect(await countOf("orders")).toBe(0)
  })

  it("shows the new stock in lists at once", async () => {
    const [buyer, product] = [await make.user(), await make.product({ stock_quantity: 5 })]
    await checkout.place(ctx({ as: buyer }), buy(product.id, 2))
    expect(await rows("SELECT stock_quantity FROM products")).toEqual([{ stock_quantity: 3 }])
  })

  it("of a hundred different things is one order of a hundred lines", async () => {
    const buyer = await make.user()
    const values = Array.from({ length: 100 }, (_, n) => `N${n}`)
    const coat = await make.product({
      name: "Coat",
      price: "0.10",
      options: [{ name: "No", values }],
      variants: values.map((value, n) => ({
        sku: `COAT-${n}`,
        options: { No: value },
        stock_quantity: 3,
      })),
    })
    const items = coat.variants.map(({ sku }) => ({ sku, quantity: 2 }))
    const placed = await order(items, buyer)
    expect(placed).toMatchObject({ status: 201, body: { total: "20.00" } })
    expect(placed.body.items.map(({ sku }: { sku: string }) => sku)).toEqual(
      items.map(({ sku }) => sku),
    )
    expect((await call("GET", `orders/${placed.body.id}`, { as: buyer })).body).toEqual(
      opened(placed.body, [
        ...values.map((): [string, string, string] => ["line", "2 × Coat at 0.10 USD", "0.20"]),
        ["total", "To pay", "20.00"],
      ]),
    )
    expect(await stockOf(coat.id, coat.variants[99]?.id)).toEqual({
      onHand: 1,
      held: 0,
      available: 1,
    })
    const again = await order(items, buyer)
    expect(again).toMatchObject({ status: 409, body: { code: "out-of-stock", available: 1 } })
    expect(again.body.items).toHaveLength(100)
  })

  it("writes its sale into the ledger under its id", async () => {
    const [buyer, product] = [await make.user(), await make.product({ stock_quantity: 5 })]
    const placed = await checkout.place(ctx({ as: buyer }), buy(product.id, 2))
    await cancel(ctx({ as: buyer }), placed.id, "")
    const staff = await make.user("staff")
    const ledger = await call("GET", `admin/inventory/${product.id}/movements`, { as: staff })
    expect(ledger.body.results).toMatchObject([
      { delta: 2, on_hand: 5, reason: "return", order_id: placed.id },
      { delta: -2, on_hand: 3, reason: "sale", order_id: placed.id },
      { delta: 5, on_hand: 5, reason: "restock", order_id: null },
    ])
  })

  it.each<[string, (buyer: Buyer, id: string) => Promise<PlaceOrder>]>([
    ["of items", async (_, id) => buy(id)],
    [
      "of the cart",
      async (buyer, id) => {
        await carts.addItem(ctx({ as: buyer }), { product_id: id, quantity: 1 })
        return wish()
      },
    ],
  ])("%s costs at most five round trips, deferred work included", async (_, wishOf) => {
    const [buyer, product] = [await make.user(), await make.product()]
    const input = await wishOf(buyer, product.id)
    const as = ctx({ as: buyer })
    await checkout.place(as, input)
    await as.settled()
    expect(as.meter.d1Queries).toBeLessThanOrEqual(5)
  })
})
