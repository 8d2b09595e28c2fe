import { env } from "cloudflare:workers"
import { asc, eq } from "drizzle-orm"
import { describe, expect, it, vi } from "vitest"

import type { Id } from "#lib/id.ts"
import * as checkout from "#modules/checkout/checkout.ts"
import { PlaceOrder } from "#modules/checkout/model.ts"
import { setStatus } from "#modules/orders/advance.ts"
import { cancel } from "#modules/orders/cancel.ts"
import { newNumber } from "#modules/orders/changes.ts"
import { isIntact } from "#modules/orders/history.ts"
import { list } from "#modules/orders/lists.ts"
import * as orders from "#modules/orders/orders.ts"
import { orderChanges } from "#modules/orders/tables.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import {
  address,
  countOf,
  move,
  openEvents,
  order,
  reasonsOf,
  rows,
  stockOf,
} from "../support/shop.ts"

const asStaff = () => ctx({ as: make.staff })
const to = (id: string, status: string, note = "") =>
  setStatus(asStaff(), id, { status: status as "confirmed", note })

/** A pending order of two. */
async function placed() {
  const [customer, product] = [await make.user(), await make.product({ stock_quantity: 5 })]
  const input = PlaceOrder.parse({
    items: [{ product_id: product.id, quantity: 2 }],
    shipping_address: address,
  })
  return { customer, product, order: await checkout.place(ctx({ as: customer }), input) }
}

function changesOf(id: string) {
  return ctx()
    .db.select()
    .from(orderChanges)
    .where(eq(orderChanges.orderId, id as Id<"order">))
    .orderBy(asc(orderChanges.version))
}

async function versionOf(id: string): Promise<number> {
  const [row] = await rows<{ version: number }>("SELECT version FROM orders WHERE id = ?", id)
  return row?.version ?? 0
}

describe("the history of an order", () => {
  it("is a chain from its placing to its last change", async () => {
    const { order: one, customer } = await placed()
    await to(one.id, "confirmed", "Stock checked")
    await to(one.id, "processing")
    await cancel(ctx({ as: customer }), one.id, "Changed my mind")
    const changes = await changesOf(one.id)
    expect(changes.map(({ version, from, to: next }) => [version, from, next])).toEqual([
      [1, null, "pending"],
      [2, "pending", "confirmed"],
      [3, "confirmed", "processing"],
      [4, "processing", "cancelled"],
    ])
    expect(await isIntact(changes, await versionOf(one.id))).toBe(true)
  })

  it.each([
    ["a note is changed", "UPDATE order_changes SET note = 'other' WHERE version = 2"],
    ["a state is changed", `UPDATE order_changes SET "to" = 'shipped' WHERE version = 2`],
    ["an actor is changed", "UPDATE order_changes SET actor = 'somebody' WHERE version = 1"],
    ["a time is changed", "UPDATE order_changes SET created_at = '2001' WHERE version = 3"],
    ["a row is taken out", "DELETE FROM order_changes WHERE version = 2"],
    ["the first row is taken out", "DELETE FROM order_changes WHERE version = 1"],
    ["the last row is taken out", "DELETE FROM order_changes WHERE version = 3"],
    ["a hash is changed", "UPDATE order_changes SET hash = 'x' WHERE version = 3"],
  ])("is seen to be broken when %s", async (_, sql) => {
    const { order: one } = await placed()
    await to(one.id, "confirmed")
    await to(one.id, "processing")
    expect(await isIntact(await changesOf(one.id), await versionOf(one.id))).toBe(true)
    await env.DB.prepare(sql).run()
    expect(await isIntact(await changesOf(one.id), await versionOf(one.id))).toBe(false)
  })

  it("is intact after many who changed the order at once", async () => {
    const { order: one, customer } = await placed()
    await Promise.allSettled([
      to(one.id, "confirmed"),
      to(one.id, "confirmed"),
      to(one.id, "processing"),
      cancel(ctx({ as: customer }), one.id, ""),
      to(one.id, "cancelled"),
    ])
    expect(await isIntact(await changesOf(one.id), await versionOf(one.id))).toBe(true)
  })
})

describe("two who change an order at once", () => {
  it.each([
    ["confirmed", "confirmed"],
    ["confirmed", "cancelled"],
    ["cancelled", "cancelled"],
  ])("to %s and %s: one is heard, the other is told", async (first, second) => {
    const { order: one, product } = await placed()
    const results = await Promise.allSettled([to(one.id, first), to(one.id, second)])
    const heard = results.filter((result) => result.status === "fulfilled")
    // A confirmed order may still be cancelled: then both may be heard, one after the other.
    expect(heard.length).toBeGreaterThanOrEqual(1)
    expect(heard.length).toBeLessThanOrEqual(first === second ? 1 : 2)
    for (const reason of reasonsOf(results))
      expect(reason).toMatchObject({
        code: expect.stringMatching(/^(order-changed|illegal-transition|already-cancelled)$/),
      })
    expect(await countOf("order_changes")).toBe(1 + heard.length)
    // The event of who lost went nowhere.
    const events = await Promise.all(["order.status-changed", "order.cancelled"].map(openEvents))
    expect(events.flat()).toHaveLength(heard.length)
    const { status } = await orders.get(asStaff(), one.id)
    expect((await stockOf(product.id)).onHand).toBe(status === "cancelled" ? 5 : 3)
  })

  it("over HTTP: the other gets 409", async () => {
    const staff = await make.user("staff")
    const { order: one } = await placed()
    const answers = await Promise.all([1, 2, 3].map(() => move(one.id, staff, "confirmed")))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(2)
  })
})

describe("a change that fails", () => {
  it("changes nothing and gives nothing back", async () => {
    const { order: one, product, customer } = await placed()
    await env.DB.exec(
      "CREATE TRIGGER broken BEFORE UPDATE ON orders BEGIN SELECT RAISE(ABORT, 'broken'); END",
    )
    await expect(cancel(ctx({ as: customer }), one.id, "")).rejects.toThrow("broken")
    await env.DB.exec("DROP TRIGGER broken")
    expect((await orders.get(asStaff(), one.id)).status).toBe("pending")
    expect((await stockOf(product.id)).onHand).toBe(3)
    expect(await openEvents("order.cancelled")).toEqual([])
    expect(await countOf("order_changes")).toBe(1)
  })
})

describe("order numbers", () => {
  it("say the day and cannot be guessed", () => {
    const day = new Date("2026-11-20T23:59:59.999Z")
    const numbers = Array.from({ length: 500 }, () => newNumber(day))
    expect(new Set(numbers).size).toBe(500)
    for (const number of numbers) expect(number).toMatch(/^NX-20261120-[0-9A-HJKMNP-TV-Z]{8}$/)
  })
})

describe("who may see an order", () => {
  it("is its owner, staff, the shop itself and whoever holds its token", async () => {
    const { order: one, customer } = await placed()
    for (const as of [customer, make.staff, { type: "system" } as const])
      expect((await orders.get(ctx({ as }), one.id)).id).toBe(one.id)
    await expect(orders.get(ctx({ as: { type: "guest" } }), one.id)).rejects.toMatchObject({
      code: "unauthenticated",
    })
    // An order of a customer has no token: no guest opens it, with whatever hash.
    const guest = { type: "guest", orderTokenHash: "null" } as const
    await expect(orders.get(ctx({ as: guest }), one.id)).rejects.toMatchObject({
      code: "not-found",
    })
    await expect(orders.get(ctx({ as: await make.user() }), one.id)).rejects.toMatchObject({
      code: "not-found",
    })
  })
})

describe("pages of orders", () => {
  it("skip and repeat nothing while orders are placed between them", async () => {
    const [customer, product] = [await make.user(), await make.product({ stock_quantity: 99 })]
    const start = Date.UTC(2099, 0, 1)
    const place = (minute: number) => {
      vi.setSystemTime(start + minute * 60_000)
      const input = PlaceOrder.parse({
        items: [{ product_id: product.id, quantity: 1 }],
        shipping_address: address,
      })
      return checkout.place(ctx({ as: customer }), input)
    }
    vi.useFakeTimers({ toFake: ["Date"], now: start })
    const old: string[] = []
    for (let n = 0; n < 7; n++) old.unshift((await place(n)).id)
    const seen: string[] = []
    let query = { page_size: "2" } as Record<string, string>
    for (let n = 0; n < 6; n++) {
      const page = await list(ctx({ as: customer }), query)
      seen.push(...page.results.map(({ id }) => id))
      await place(10 + n)
      if (page.nextCursor === null) break
      query = { page_size: "2", cursor: page.nextCursor }
    }
    expect(seen).toEqual(old)
  })

  it("are read in two round trips, each order with its lines", async () => {
    const { customer } = await placed()
    const cap = await make.product({ name: "Cap" })
    await order([{ product_id: cap.id, quantity: 1 }], customer)
    const answer = await call("GET", "orders", { as: customer })
    expect(answer.body.results.map((one: { items: unknown[] }) => one.items.length)).toEqual([1, 1])
    const as = ctx({ as: customer })
    await list(as, {})
    expect(as.meter.d1Queries).toBe(2)
  })
})
