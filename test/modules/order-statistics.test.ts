import { env } from "cloudflare:workers"
import { describe, expect, it, vi } from "vitest"

import * as statistics from "#modules/orders/statistics.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { countOf, move, order } from "../support/shop.ts"

const read = () => statistics.read(ctx({ as: make.staff }))

/** Everything that the counters have wrong, and how many parts were looked at. */
async function drift() {
  const found: statistics.Drift[] = []
  let parts = 0
  let next: statistics.CheckCursor = { day: "" }
  while (next !== null) {
    const part: Awaited<ReturnType<typeof statistics.check>> = await statistics.check(ctx(), next)
    found.push(...part.drift)
    next = part.next
    parts++
  }
  return { found, parts }
}

describe("the figures of a shop", () => {
  it("without orders are zero", async () => {
    const figures = await read()
    expect(figures).toMatchObject({
      currency: "USD",
      total_orders: 0,
      total_sales: "0.00",
      total_revenue: "0.00",
      average_order_value: "0.00",
      recent_orders_30_days: 0,
      top_products: [],
    })
    expect(figures.status_breakdown).toEqual({
      pending: 0,
      confirmed: 0,
      processing: 0,
      shipped: 0,
      delivered: 0,
      cancelled: 0,
      refunded: 0,
    })
    expect(figures.by_day).toHaveLength(30)
    expect((await drift()).found).toEqual([])
  })

  it("follow each order through its states, by its day", async () => {
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const cap = await make.product({ name: "Cap", price: "10.00", stock_quantity: 50 })
    const mug = await make.product({ name: "Mug", price: "3.33", stock_quantity: 50 })
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 40 * 86_400_000 })
    await order([{ product_id: mug.id, quantity: 7 }], customer)
    vi.useRealTimers()
    const first = await order(
      [
        { product_id: cap.id, quantity: 2 },
        { product_id: mug.id, quantity: 1 },
      ],
      customer,
    )
    const second = await order([{ product_id: cap.id, quantity: 4 }], customer)
    await move(first.body.id, staff, "confirmed", "processing")
    await call("POST", `orders/${second.body.id}/cancel`, { as: customer })
    await env.DB.prepare(
      "UPDATE orders SET payment_status = 'paid', paid_amount = 2333, refunded_amount = 333 WHERE id = ?",
    )
      .bind(first.body.id)
      .run()
    const figures = await read()
    const today = first.body.created_at.slice(0, 10)
    expect(figures).toMatchObject({
      total_orders: 3,
      // 23.31 + 23.33; the cancelled order of 40.00 is no sale.
      total_sales: "46.64",
      total_revenue: "20.00",
      average_order_value: "23.32",
      recent_orders_30_days: 2,
      status_breakdown: { pending: 1, processing: 1, cancelled: 1, confirmed: 0 },
      payment_breakdown: { unpaid: 2, paid: 1 },
      top_products: [
        { product_id: mug.id, name: "Mug", quantity: 8, sales: "26.64" },
        { product_id: cap.id, name: "Cap", quantity: 2, sales: "20.00" },
      ],
    })
    expect(figures.by_day.at(-1)).toEqual({
      date: today,
      orders: 2,
      sales: "23.33",
      revenue: "20.00",
    })
    expect(figures.by_day.slice(0, -1).every((day) => day.orders === 0)).toBe(true)
    expect(await drift()).toEqual({ found: [], parts: 4 })
  })

  it("stay exact through edited, returned and removed lines", async () => {
    const customer = await make.user()
    const cap = await make.product({ name: "Cap", price: "10.00", stock_quantity: 50 })
    const mug = await make.product({ name: "Mug", price: "3.00", stock_quantity: 50 })
    const placed = await order(
      [
        { product_id: cap.id, quantity: 3 },
        { product_id: mug.id, quantity: 2 },
      ],
      customer,
    )
    const run = (sql: string) => env.DB.prepare(sql).run()
    await run(
      `UPDATE order_lines SET quantity = 5, line_amount = 5000, discount_amount = 1 WHERE name = 'Cap'`,
    )
    expect((await read()).top_products[0]).toMatchObject({ quantity: 5, sales: "49.99" })
    await run(
      `UPDATE order_lines SET fulfilled_quantity = 5, returned_quantity = 2 WHERE name = 'Cap'`,
    )
    // 49.99 × 3 / 5, without its fraction.
    expect((await read()).top_products[0]).toMatchObject({ quantity: 3, sales: "29.99" })
    await run(`DELETE FROM order_lines WHERE name = 'Mug'`)
    expect((await read()).top_products).toHaveLength(1)
    expect((await drift()).found).toEqual([])
    await call("POST", `orders/${placed.body.id}/cancel`, { as: customer })
    expect((await read()).top_products).toEqual([])
    expect((await drift()).found).toEqual([])
  })

  it("are exact after many who buy, move and cancel at once", async () => {
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const cap = await make.product({ stock_quantity: 30 })
    const placed = await Promise.all(
      Array.from({ length: 12 }, () => order([{ product_id: cap.id, quantity: 1 }], customer)),
    )
    await Promise.all(
      placed.flatMap(({ body }, index) => [
        move(body.id, staff, "confirmed"),
        ...(index % 2 === 0 ? [call("POST", `orders/${body.id}/cancel`, { as: customer })] : []),
      ]),
    )
    expect((await read()).total_orders).toBe(12)
    expect((await drift()).found).toEqual([])
  })

  it("do not count an order whose batch fails", async () => {
    const customer = await make.user()
    const cap = await make.product()
    await env.DB.exec(
      "CREATE TRIGGER broken BEFORE INSERT ON order_changes BEGIN SELECT RAISE(ABORT, 'broken'); END",
    )
    expect((await order([{ product_id: cap.id, quantity: 1 }], customer)).status).toBe(500)
    await env.DB.exec("DROP TRIGGER broken")
    expect(await countOf("order_stats")).toBe(0)
    expect((await read()).total_orders).toBe(0)
  })

  it("that were tampered with are named, each", async () => {
    const customer = await make.user()
    const cap = await make.product()
    await order([{ product_id: cap.id, quantity: 1 }], customer)
    await env.DB.exec("UPDATE order_stats SET orders = 2 WHERE period <> 'all'")
    await env.DB.exec("UPDATE product_sales SET quantity = 9")
    const { found } = await drift()
    expect(found.map(({ counter }) => counter.replace(/^\d{4}-\d\d-\d\d/, "day"))).toEqual([
      "day USD pending unpaid",
      "all USD pending unpaid",
      `product ${cap.id} USD`,
    ])
    expect(found[2]).toMatchObject({ is: "9 1000", should: "1 1000" })
  })

  it("cost one round trip, and rows that do not grow with the orders", async () => {
    const customer = await make.user()
    const cap = await make.product({ stock_quantity: 60 })
    for (let n = 0; n < 20; n++) await order([{ product_id: cap.id, quantity: 1 }], customer)
    const as = ctx({ as: make.staff })
    await statistics.read(as)
    expect(as.meter.d1Queries).toBe(1)
    expect(as.meter.d1RowsRead).toBeLessThanOrEqual(6)
  })

  it("are the staff's", async () => {
    const [customer, staff] = [await make.user(), await make.user("staff")]
    for (const path of ["orders/statistics", "/api/orders/statistics/"]) {
      expect((await call("GET", path)).status).toBe(401)
      expect((await call("GET", path, { as: customer })).status).toBe(403)
      const answer = await call("GET", path, { as: staff })
      expect(answer).toMatchObject({ status: 200, body: { total_orders: 0 } })
    }
    await expect(statistics.read(ctx({ as: customer }))).rejects.toMatchObject({
      code: "forbidden",
    })
  })
})
