import { env } from "cloudflare:workers"
import { describe, expect, it, vi } from "vitest"

import type { Ctx } from "#context.ts"
import { everyMinute, everyNight } from "#modules/admin/sweep.ts"
import { expireUnpaid } from "#modules/checkout/expiry.ts"
import { withLease } from "#platform/lease.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import { standUp } from "../support/gateways/fake-fetch.ts"
import * as make from "../support/make.ts"
import { order, rows, settleAll, stockOf } from "../support/shop.ts"

const quiet = () => vi.spyOn(console, "error").mockImplementation(() => {})
const minutes = 60_000
const later = (ms: number) => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms })

/** Orders of two each through the fake gateway, nobody has paid. */
async function unpaid(n = 1, payment_method = "fake") {
  const [customer, product] = [await make.user(), await make.product({ stock_quantity: 50 })]
  const ids: string[] = []
  for (let made = 0; made < n; made++) {
    const { body } = await order([{ product_id: product.id, quantity: 2 }], customer, {
      payment_method,
    })
    ids.push(body.id)
  }
  await settleAll()
  return { customer, product, ids }
}
const statuses = async () =>
  (await rows<{ status: string }>("SELECT status FROM orders ORDER BY id")).map(
    ({ status }) => status,
  )

describe("an order that nobody pays", () => {
  it("is cancelled after half an hour, its payment given up first and its stock free again", async () => {
    const gateway = standUp()
    const { product, ids } = await unpaid()
    later(29 * minutes)
    expect(await expireUnpaid(ctx())).toBe(0)
    expect(await statuses()).toEqual(["pending"])
    later(2 * minutes)
    gateway.asked.splice(0)
    expect(await expireUnpaid(ctx())).toBe(1)
    expect(gateway.asked).toEqual(["POST /v1/payments/by-key/…/cancel"])
    await settleAll()
    expect(await stockOf(product.id)).toEqual({ onHand: 50, held: 0, available: 50 })
    expect(gateway.ledger.payments.get("fp_1")?.status).toBe("voided")
    expect(await rows("SELECT id, status, payment_status FROM orders")).toEqual([
      { id: ids[0], status: "cancelled", payment_status: "voided" },
    ])
    expect(await expireUnpaid(ctx())).toBe(0)
  })

  it("by invoice, or at the door, waits for ever", async () => {
    await unpaid(1, "manual")
    await unpaid(1, "cod")
    later(400 * 24 * 60 * minutes)
    expect(await expireUnpaid(ctx())).toBe(0)
    expect(await statuses()).toEqual(["pending", "pending"])
  })

  it("is one of many: each is cancelled once, by two sweeps at once", async () => {
    standUp()
    const { product } = await unpaid(12)
    later(31 * minutes)
    const counts = await Promise.all([expireUnpaid(ctx()), expireUnpaid(ctx())])
    expect(counts[0]! + counts[1]!).toBe(12)
    await settleAll()
    expect(new Set(await statuses())).toEqual(new Set(["cancelled"]))
    expect(await rows("SELECT count(*) AS n FROM order_changes WHERE kind = 'status'")).toEqual([
      { n: 12 },
    ])
    expect(await stockOf(product.id)).toEqual({ onHand: 50, held: 0, available: 50 })
  })

  it("waits on while its gateway does not answer, and keeps no other from ending", async () => {
    quiet()
    const gateway = standUp()
    await unpaid()
    later(31 * minutes)
    gateway.ledger.behave({ dropBefore: 1 })
    expect(await expireUnpaid(ctx())).toBe(0)
    expect(await statuses()).toEqual(["pending"])
    gateway.ledger.behave({ dropBefore: 0, dropAfter: 1 })
    later(6 * minutes)
    expect(await expireUnpaid(ctx())).toBe(0)
    gateway.ledger.behave({ dropAfter: 0 })
    expect(await expireUnpaid(ctx())).toBe(0)
    later(6 * minutes)
    expect(await expireUnpaid(ctx())).toBe(1)
  })
})

describe("an order that turns out to be paid when its time is over", () => {
  it("is confirmed, though the webhook never came", async () => {
    const gateway = standUp()
    const { product } = await unpaid()
    gateway.pay()
    gateway.events.splice(0)
    later(31 * minutes)
    expect(await expireUnpaid(ctx())).toBe(0)
    await settleAll()
    expect(await statuses()).toEqual(["confirmed"])
    expect(await stockOf(product.id)).toEqual({ onHand: 48, held: 0, available: 48 })
  })

  it("ends well whichever is first, the webhook or the sweep", async () => {
    const gateway = standUp()
    const { product, ids } = await unpaid(6)
    for (const id of gateway.ledger.payments.keys())
      gateway.events.push(...gateway.ledger.pay(id).events)
    later(31 * minutes)
    await Promise.all([gateway.send(), expireUnpaid(ctx()), settleAll(), expireUnpaid(ctx())])
    await settleAll()
    const { captured, refunded } = gateway.ledger.totals()
    const confirmed = (await statuses()).filter((status) => status === "confirmed").length
    expect(captured - refunded).toBe(2000 * confirmed)
    expect(confirmed).toBe(ids.length)
    expect((await stockOf(product.id)).onHand).toBe(50 - 2 * confirmed)
  })

  it("that was never started at its gateway is void there when the start comes late", async () => {
    quiet()
    const gateway = standUp({ dropBefore: 1 })
    await unpaid()
    gateway.ledger.behave({ dropBefore: 0 })
    later(31 * minutes)
    expect(await expireUnpaid(ctx())).toBe(1)
    await settleAll()
    const [row] = await rows<{ id: string }>("SELECT id FROM payments")
    const started = gateway.ledger.handle("POST", "/v1/payments", { key: row?.id })
    expect(started.body).toMatchObject({ status: "voided" })
    expect(await statuses()).toEqual(["cancelled"])
  })
})

describe("a sweep", () => {
  it("leaves a task to another that is at it, takes it over when that one died, and lets go", async () => {
    const as = ctx()
    let inner: number | undefined = 0
    const outer = await withLease(as, "sweep:x", 300, async () => {
      inner = await withLease(ctx(), "sweep:x", 300, async () => 2)
      return 1
    })
    expect([outer, inner]).toEqual([1, undefined])
    expect(await withLease(ctx(), "sweep:x", 300, async () => 3)).toBe(3)
    const held = () => withLease(ctx(), "sweep:x", 300, () => Promise.reject(new Error("no")))
    await expect(held()).rejects.toThrow("no")
    await env.DB.prepare("INSERT INTO leases VALUES ('sweep:x', 'dead', ?)")
      .bind(new Date(Date.now() - 1000).toISOString())
      .run()
    expect(await withLease(ctx(), "sweep:x", 300, async () => 4)).toBe(4)
    expect(await rows("SELECT * FROM leases")).toEqual([])
  })

  it("is an admin's to ask for, says what it did, and two at once do it once", async () => {
    standUp()
    await unpaid(2)
    later(31 * minutes)
    const [admin, staff] = [await make.user("admin"), await make.user("staff")]
    expect((await call("POST", "admin/sweep", { as: staff })).status).toBe(403)
    const answers = await Promise.all([1, 2].map(() => call("POST", "admin/sweep", { as: admin })))
    const counted = answers
      .flatMap(({ body }) => body.tasks)
      .filter(({ task }: any) => task === "unpaid-orders")
      .reduce((sum: number, { count }: any) => sum + (count ?? 0), 0)
    expect(counted).toBe(2)
    for (const { status, body } of answers) {
      expect(status).toBe(200)
      expect(body.tasks.map(({ task }: any) => task)).toEqual([
        "stuck-events",
        "due-payments",
        "due-refunds",
        "unpaid-orders",
        "surpluses",
        "subscriptions",
        "abandoned-carts",
        "search-index",
        "exchange-rates",
        "idempotency-keys",
        "finished-events",
        "old-mails",
        "old-challenges",
        "old-carts",
        "orphaned-files",
        "old-imports",
        "stock-in-lists",
        "reconciliation",
      ])
      expect(body.tasks.every(({ result }: any) => result !== "failed")).toBe(true)
    }
    await settleAll()
    expect(await statuses()).toEqual(["cancelled", "cancelled"])
  })

  it("does the rest when one task fails", async () => {
    quiet()
    standUp()
    await unpaid()
    later(31 * minutes)
    await env.DB.exec(
      `INSERT INTO outbox (id, event, created_at, next_at) VALUES ('evt_x', '{"type":"catalog.changed"}', '2020', '2020')`,
    )
    const events = {
      sendBatch: () => Promise.reject(new Error("the queue is down")),
    } as unknown as Ctx["events"]
    await expect(everyMinute(ctx({ events }))).rejects.toThrow("the queue is down")
    expect(await rows("SELECT * FROM leases")).toEqual([])
    expect(await statuses()).toEqual(["cancelled"])
  })

  it("mends what lists say of stock, at night", async () => {
    const product = await make.product({ stock_quantity: 7 })
    await env.DB.exec(
      "UPDATE variants SET stock_quantity = 70; UPDATE products SET stock_quantity = 70",
    )
    await everyNight(ctx())
    expect(await rows("SELECT stock_quantity FROM products")).toEqual([{ stock_quantity: 7 }])
    expect((await stockOf(product.id)).onHand).toBe(7)
  })
})
