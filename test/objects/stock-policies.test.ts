import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { describe, expect, it, vi } from "vitest"

import type { Id } from "#lib/id.ts"
import * as adjustments from "#modules/inventory/adjustments.ts"
import * as inventory from "#modules/inventory/inventory.ts"
import { Ledger } from "#modules/inventory/ledger.ts"
import * as levels from "#modules/inventory/levels.ts"
import type { HoldId } from "#modules/inventory/stock.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { openEvents, orderId, rows, stockObject, stockOf } from "../support/shop.ts"

const asStaff = () => ctx({ as: make.staff })
const soon = () => Date.now() + 30 * 60_000

/** A product with this many, its stock object and its own variant. */
async function stocked(stock_quantity: number) {
  const { id } = await make.product({ stock_quantity })
  const variantId = id as string as Id<"variant">
  return {
    id,
    variantId,
    stock: stockObject(id),
    lines: (quantity: number) => [{ variantId, quantity }],
  }
}

const stockRow = (id: string) =>
  rows(
    "SELECT stock_quantity, low_margin, is_tracked, backorder_limit FROM variants WHERE id = ?",
    id,
  )

describe("stock that may be sold beyond what is there", () => {
  it("goes as far below zero as its limit, and no further, however many want it at once", async () => {
    const { id, stock, lines } = await stocked(2)
    await adjustments.setPolicy(asStaff(), id, { backorder_limit: 3 })
    expect(await stockOf(id)).toEqual({ onHand: 2, held: 0, available: 5 })
    const answers = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const order = orderId()
        const held = await stock.reserve(id, order, lines(1), soon())
        return held.ok && (await stock.settle(id, order, lines(1))).ok
      }),
    )
    expect(answers.filter(Boolean)).toHaveLength(5)
    expect(await stockOf(id)).toEqual({ onHand: -3, held: 0, available: 0 })
    await runDurableObjectAlarm(stock)
    expect(await stockRow(id)).toEqual([
      { stock_quantity: 0, low_margin: -23, is_tracked: 1, backorder_limit: 3 },
    ])
  })

  it("keeps what was sold beyond a limit that is lowered, and fills it up from below zero", async () => {
    const { id, stock, lines } = await stocked(0)
    await adjustments.setPolicy(asStaff(), id, { backorder_limit: 5 })
    await stock.settle(id, orderId(), lines(4))
    await adjustments.setPolicy(asStaff(), id, { backorder_limit: 0 })
    expect(await stockOf(id)).toMatchObject({ onHand: -4, available: -4 })
    await adjustments.adjust(asStaff(), id, { delta: 6, reason: "restock", note: "" })
    expect(await stockOf(id)).toMatchObject({ onHand: 2, available: 2 })
    expect((await stock.settle(id, orderId(), lines(3))).ok).toBe(false)
  })

  it("says in the availability that it is on backorder", async () => {
    const { id } = await stocked(0)
    await adjustments.setPolicy(asStaff(), id, { backorder_limit: 5 })
    const { body } = await call("GET", `products/${id}/availability`)
    expect(body.variants).toEqual([
      { variant_id: id, sku: null, available: 5, is_tracked: true, is_backorder: true },
    ])
  })
})

describe("stock that is not tracked", () => {
  it("never runs out, and its ledger still says what was sold", async () => {
    const { id, variantId, stock, lines } = await stocked(0)
    await adjustments.setPolicy(asStaff(), id, { is_tracked: false })
    for (let n = 0; n < 3; n++)
      expect((await stock.settle(id, orderId(), lines(999))).ok).toBe(true)
    expect(await stockOf(id)).toEqual({ onHand: -2997, held: 0, available: 1_000_000 })
    expect((await stock.movements(variantId, 10)).map(({ delta }) => delta)).toEqual([
      -999, -999, -999,
    ])
    const { body } = await call("GET", `products/${id}`)
    expect(body).toMatchObject({ is_in_stock: true })
  })
})

describe("an order and its changes", () => {
  it("is given back with all of them, less what came back before, once", async () => {
    const { id, stock, lines } = await stocked(10)
    const order = orderId()
    await stock.settle(id, order, lines(3))
    await stock.reserve(id, `${order}/2`, lines(2), soon())
    await stock.settle(id, `${order}/2`, lines(2))
    await stock.takeBack(id, order, "return:a", lines(1), true)
    await stock.reserve(id, `${order}/3`, lines(1), soon())
    expect(await stockOf(id)).toEqual({ onHand: 6, held: 1, available: 5 })
    await Promise.all(Array.from({ length: 5 }, () => stock.cancel(id, order)))
    expect(await stockOf(id)).toEqual({ onHand: 10, held: 0, available: 10 })
  })

  it("sells no change any more once it is cancelled", async () => {
    const { id, stock, lines } = await stocked(10)
    const order = orderId()
    await stock.settle(id, order, lines(3))
    await stock.reserve(id, `${order}/2`, lines(2), soon())
    await stock.cancel(id, order)
    await stock.settle(id, `${order}/2`, lines(2))
    await stock.reserve(id, `${order}/4`, lines(2), soon())
    expect(await stockOf(id)).toEqual({ onHand: 10, held: 0, available: 10 })
  })

  it("does not touch an order whose id begins alike", async () => {
    const { id, stock, lines } = await stocked(10)
    await stock.reserve(id, "ord_1" as Id<"order">, lines(1), soon())
    await stock.reserve(id, "ord_10" as Id<"order">, lines(2), soon())
    await stock.reserve(id, "ord_1/2" as HoldId, lines(3), soon())
    await stock.cancel(id, "ord_1" as Id<"order">)
    expect(await stockOf(id)).toMatchObject({ held: 2 })
  })
})

describe("what comes back", () => {
  it("comes back once by its key, in parallel too, and never more than was sold", async () => {
    const { id, stock, lines } = await stocked(10)
    const order = orderId()
    await stock.settle(id, order, lines(4))
    await Promise.all(
      Array.from({ length: 5 }, () => stock.takeBack(id, order, "return:a", lines(3), true)),
    )
    expect(await stockOf(id)).toMatchObject({ onHand: 9 })
    expect(await stock.takeBack(id, order, "return:b", lines(2), true)).toEqual({
      ok: false,
      short: [{ variantId: id, available: 1 }],
    })
    expect(await stockOf(id)).toMatchObject({ onHand: 9 })
  })

  it("is written off when it cannot be sold again, and the ledger says both", async () => {
    const { id, variantId, stock, lines } = await stocked(10)
    const order = orderId()
    await stock.settle(id, order, lines(4))
    const as = ctx()
    const products = [{ productId: id, lines: lines(2) }]
    await inventory.returnItems(as, order, "r1", products, { restock: false })
    await inventory.returnItems(as, order, "r1", products, { restock: false })
    await as.settled()
    expect(await stockOf(id)).toMatchObject({ onHand: 6 })
    const moved = await stock.movements(variantId, 10)
    expect(moved.map(({ reason, delta }) => [reason, delta])).toEqual([
      ["damaged", -2],
      ["return", 2],
      ["sale", -4],
      ["restock", 10],
    ])
    await stock.cancel(id, order)
    expect(await stockOf(id)).toMatchObject({ onHand: 8 })
  })
})

describe("a hold", () => {
  it("is put off by reserving again, as long as nobody else has the stock", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2099-03-01T12:00:00.000Z") })
    const { id, stock, lines } = await stocked(5)
    const order = orderId()
    await stock.reserve(id, order, lines(5), Date.now() + 60_000)
    await stock.reserve(id, order, lines(5), Date.now() + 120_000)
    vi.setSystemTime(Date.now() + 119_000)
    expect(await stockOf(id)).toMatchObject({ held: 5 })
    vi.setSystemTime(Date.now() + 1000)
    expect((await stock.reserve(id, orderId(), lines(1), Date.now() + 60_000)).ok).toBe(true)
    expect((await stock.reserve(id, order, lines(5), Date.now() + 60_000)).ok).toBe(false)
  })
})

describe("stock that has become low", () => {
  it("is told once, with the projection, and again after it had recovered", async () => {
    const { id, variantId, stock } = await stocked(30)
    const told = async () => (await openEvents("stock.fell-low")).map(({ event }) => event)
    const set = async (quantity: number) => {
      await adjustments.adjust(asStaff(), id, { set: quantity, reason: "correction", note: "" })
      await runDurableObjectAlarm(stock)
    }
    await runDurableObjectAlarm(stock)
    expect(await told()).toEqual([])
    await set(20)
    await set(19)
    const event = { type: "stock.fell-low", productId: id, variantId, available: 20, threshold: 20 }
    expect(await told()).toEqual([event])
    await set(40)
    await set(3)
    expect(await told()).toEqual([event, { ...event, available: 3 }])
  })

  it("is listed for staff, the fewest first, at its own threshold or the one asked for", async () => {
    const access = (await make.user("staff")).access
    const [few, some, many] = [await stocked(3), await stocked(18), await stocked(50)]
    await adjustments.setPolicy(asStaff(), some.id, { low_stock_threshold: 10 })
    await adjustments.setPolicy(asStaff(), many.id, { low_stock_threshold: 60 })
    const listed = async (query: string) => {
      const { body } = await call("GET", `admin/inventory?${query}`, { as: { access } })
      return body.results.map((one: { product_id: string }) => one.product_id)
    }
    expect(await listed("low_stock=true")).toEqual([few.id, many.id])
    expect(await listed("low_stock=true&threshold=18")).toEqual([few.id, some.id])
    expect(await listed("")).toEqual([few.id, some.id, many.id])
    const customer = (await make.user()).access
    expect((await call("GET", "admin/inventory", { as: { access: customer } })).status).toBe(403)
  })

  it("does not list a product that comes in options beside its variants", async () => {
    const access = (await make.user("staff")).access
    const made = await make.product({
      options: [{ name: "Size", values: ["S", "M"] }],
      variants: [
        { options: { Size: "S" }, stock_quantity: 1 },
        { options: { Size: "M" }, stock_quantity: 2 },
      ],
    })
    const { body } = await call("GET", "admin/inventory?low_stock=true", { as: { access } })
    expect(body.results.map((one: { variant_id: string }) => one.variant_id)).toEqual(
      made.variants.map(({ id }) => id),
    )
  })
})

describe("comparing the lists with the stock", () => {
  it("mends what drifted, page by page, and finds nothing the second time", async () => {
    const all = await Promise.all(Array.from({ length: 3 }, () => stocked(7)))
    const [first, second] = all
    await rows("UPDATE variants SET stock_quantity = 99 WHERE id = ?", first!.id)
    await rows(
      "UPDATE products SET stock_quantity = 0, stock_version = 1000 WHERE id = ?",
      second!.id,
    )
    const as = asStaff()
    expect(await levels.reconcile(as, "")).toEqual({ checked: 3, repaired: 2, next: null })
    expect(await rows("SELECT DISTINCT stock_quantity FROM products")).toEqual([
      { stock_quantity: 7 },
    ])
    expect(await rows("SELECT DISTINCT stock_quantity FROM variants")).toEqual([
      { stock_quantity: 7 },
    ])
    expect(await levels.reconcile(as, "")).toEqual({ checked: 3, repaired: 0, next: null })
  })
})

describe("a stock object from before policies", () => {
  it("keeps its stock", async () => {
    const { id, stock } = await stocked(5)
    const now = await runInDurableObject(stock, (_, { storage }) => {
      storage.sql.exec(
        "CREATE TABLE levels (variant_id TEXT PRIMARY KEY, on_hand INTEGER NOT NULL)",
      )
      storage.sql.exec("INSERT INTO levels VALUES ('var_old', 8)")
      return new Ledger(storage.sql).levels(Date.now())
    })
    expect(now.map(({ variantId, onHand }) => [variantId, onHand])).toEqual([
      [id, 5],
      ["var_old", 8],
    ])
    expect(await stockOf(id, "var_old")).toMatchObject({ available: 8 })
  })
})
