import { env } from "cloudflare:workers"
import { describe, expect, it, vi } from "vitest"

import { configOf } from "#config.ts"
import { everyMinute } from "#modules/admin/sweep.ts"
import { cancel as cancelOrder } from "#modules/orders/cancel.ts"
import * as orders from "#modules/orders/lists.ts"
import { cancel, undoCancel } from "#modules/subscriptions/cancel.ts"
import { change } from "#modules/subscriptions/change.ts"
import * as lists from "#modules/subscriptions/lists.ts"
import { announce } from "#modules/subscriptions/migration.ts"
import { pause, resume } from "#modules/subscriptions/pause.ts"
import * as plans from "#modules/subscriptions/plans.ts"
import { advance, renewDue } from "#modules/subscriptions/renewals.ts"
import { mayBecome, type SubscriptionStatus } from "#modules/subscriptions/status.ts"

import { call } from "../support/api.ts"
import { emptied } from "../support/crash-points.ts"
import { ctx } from "../support/ctx.ts"
import { standUp } from "../support/gateways/fake-fetch.ts"
import { mailbox } from "../support/mail.ts"
import * as make from "../support/make.ts"
import { costly, watched } from "../support/plans.ts"
import { countOf, openEvents, rows, settleAll, stockOf } from "../support/shop.ts"
import {
  clock,
  cron,
  plan,
  renewals,
  savedMethod,
  standing,
  subscribe,
} from "../support/subscriptions.ts"

const quiet = () => vi.spyOn(console, "error").mockImplementation(() => {})

/** A subscription to one thing of 10.00 each month at ten percent less, since 31 January, and paid for. */
async function monthly({ stock = 50, failing = false, ...over }: Record<string, any> = {}) {
  clock("2099-01-31T12:00:00.000Z")
  const gateway = standUp({ payAtOnce: true })
  const [customer, product] = [
    await make.user(),
    await make.product({ name: "Coffee", stock_quantity: stock }),
  ]
  const offer = await plan(over["terms"] ?? {})
  await savedMethod(customer, gateway)
  const answer = await subscribe(customer, {
    plan: offer,
    product,
    payment_method: "fake",
    ...over["order"],
  })
  expect(answer.status).toBe(201)
  await settleAll()
  gateway.events.splice(0)
  if (failing) for (const method of gateway.ledger.methods.values()) spoil(gateway, method.ref)
  return { gateway, customer, product, offer, id: answer.body.id as string, body: answer.body }
}

/** From now on every charge of a method is declined. */
function spoil(gateway: ReturnType<typeof standUp>, ref: string): void {
  gateway.ledger.behave({ decline: 1 })
  expect(gateway.ledger.methods.has(ref)).toBe(true)
}

const paidFor = (period: number, starts: string) => ({
  period,
  starts,
  status: "paid",
  order_status: "confirmed",
  payment_status: "paid",
  total_amount: 900,
})

describe("a renewal", () => {
  it("is a normal order each month, counted from the first day and charged to the saved method", async () => {
    const { id, gateway, product, customer } = await monthly()
    for (const day of ["02-28", "03-31", "04-30"]) {
      clock(`2099-${day}T11:59:00.000Z`)
      await cron()
      clock(`2099-${day}T12:01:00.000Z`)
      await cron()
    }
    expect(await renewals(id)).toEqual([
      paidFor(1, "2099-01-31"),
      paidFor(2, "2099-02-28"),
      paidFor(3, "2099-03-31"),
      paidFor(4, "2099-04-30"),
    ])
    expect(await standing(id)).toMatchObject({
      status: "active",
      period: 4,
      cycles: 4,
      period_end: "2099-05-31T12:00:00.000Z",
    })
    expect(await stockOf(product.id)).toEqual({ onHand: 46, held: 0, available: 46 })
    expect(gateway.ledger.totals()).toEqual({ captured: 3600, refunded: 0 })
    const own = await orders.list(ctx({ as: customer }), {} as never)
    expect(own.results.map(({ total, user }) => [total, user])).toEqual(
      Array(4).fill(["9.00", customer.id]),
    )
  })

  it("by two crons at once is one order, with the last unit in stock", async () => {
    const { id, product, gateway } = await monthly({ stock: 2 })
    clock("2099-02-28T12:01:00.000Z")
    await Promise.all([1, 2, 3, 4].map(() => renewDue(ctx())))
    await settleAll()
    expect(await renewals(id)).toEqual([paidFor(1, "2099-01-31"), paidFor(2, "2099-02-28")])
    expect(await stockOf(product.id)).toEqual({ onHand: 0, held: 0, available: 0 })
    expect(gateway.ledger.totals().captured).toBe(1800)
  })

  it("without any lease is one order still: the period's row lets one through", async () => {
    const { id, gateway, product } = await monthly()
    clock("2099-02-28T12:01:00.000Z")
    const results = await Promise.allSettled([1, 2, 3, 4, 5].map(() => advance(ctx(), id as never)))
    expect(results.map(({ status }) => status)).toEqual(Array(5).fill("fulfilled"))
    await settleAll()
    expect(await renewals(id)).toEqual([paidFor(1, "2099-01-31"), paidFor(2, "2099-02-28")])
    expect(gateway.ledger.totals().captured).toBe(1800)
    expect(await stockOf(product.id)).toEqual({ onHand: 48, held: 0, available: 48 })
  })

  it("is asked for its money once, however often the gateway's answer is lost or its webhook comes", async () => {
    quiet()
    const { id, gateway } = await monthly()
    gateway.ledger.behave({ dropAfter: 1 })
    clock("2099-02-28T12:01:00.000Z")
    await cron()
    expect(await standing(id)).toMatchObject({ status: "active", period: 2, failure: null })
    expect((await renewals(id))[1]).toMatchObject({ status: "open", payment_status: "unpaid" })
    gateway.ledger.behave({ dropAfter: 0 })
    const told = gateway.events.splice(0)
    await gateway.send([...told, ...told, ...told])
    await settleAll()
    expect((await renewals(id))[1]).toEqual(paidFor(2, "2099-02-28"))
    clock("2099-02-28T12:30:00.000Z")
    await cron()
    expect(await standing(id)).toMatchObject({ order_id: null, payment_id: null, status: "active" })
    expect(gateway.ledger.totals().captured).toBe(1800)
  })

  it("whose charge was never heard of is charged again by the same payment", async () => {
    quiet()
    const { id, gateway } = await monthly()
    gateway.ledger.behave({ dropBefore: 1 })
    clock("2099-02-28T12:01:00.000Z")
    await cron()
    gateway.ledger.behave({ dropBefore: 0 })
    clock("2099-02-28T12:17:00.000Z")
    await cron()
    expect((await renewals(id))[1]).toEqual(paidFor(2, "2099-02-28"))
    expect(await rows("SELECT count(*) AS n FROM payments")).toEqual([{ n: 2 }])
    expect(gateway.ledger.payments.size).toBe(2)
  })

  it("goes by the prices that were agreed, whatever the catalogue and the plan say now", async () => {
    const { id, product, offer } = await monthly()
    const staff = await make.user("staff")
    await call("PATCH", `products/${product.id}`, { as: staff, body: { price: "99.00" } })
    await call("PATCH", `admin/subscription-plans/${offer.id}`, {
      as: staff,
      body: { discount_percentage: "0" },
    })
    clock("2099-02-28T12:01:00.000Z")
    await cron()
    expect((await renewals(id))[1]).toEqual(paidFor(2, "2099-02-28"))
  })

  it("after the shop was away is of the period that runs, and of each of them where it is set so", async () => {
    const { id } = await monthly()
    clock("2099-05-02T00:00:00.000Z")
    await cron()
    expect((await renewals(id)).map(({ period, starts }) => [period, starts])).toEqual([
      [1, "2099-01-31"],
      [4, "2099-04-30"],
    ])
    const config = configOf(env)
    const each = { ...config, subscriptions: { ...config.subscriptions, catchUp: "each" as const } }
    clock("2099-07-31T12:01:00.000Z")
    for (let sweeps = 0; sweeps < 4; sweeps++) {
      await everyMinute(ctx({ config: each }))
      await settleAll()
    }
    expect((await renewals(id)).map(({ period, starts }) => [period, starts])).toEqual([
      [1, "2099-01-31"],
      [4, "2099-04-30"],
      [5, "2099-05-31"],
      [6, "2099-06-30"],
      [7, "2099-07-31"],
    ])
  })

  it("ends with the last period of a plan that has one", async () => {
    const { id } = await monthly({ terms: { max_cycles: 2 } })
    clock("2099-02-28T12:01:00.000Z")
    await cron()
    clock("2099-03-31T12:01:00.000Z")
    await cron()
    expect(await standing(id)).toMatchObject({ status: "ended", cycles: 2, next_at: null })
    clock("2099-06-30T12:01:00.000Z")
    await cron()
    expect(await renewals(id)).toHaveLength(2)
  })

  it("by invoice is sold at once and waits for its money as any invoice does", async () => {
    clock("2099-01-31T12:00:00.000Z")
    const [customer, product] = [await make.user(), await make.product({ stock_quantity: 5 })]
    const { body } = await subscribe(customer, { plan: await plan(), product })
    expect(body).toMatchObject({ status: "active", payment_method: "manual", cycles: 1 })
    clock("2099-02-28T12:01:00.000Z")
    await cron()
    expect(await renewals(body.id)).toMatchObject([
      { period: 1, status: "invoiced", order_status: "pending", payment_status: "unpaid" },
      { period: 2, status: "invoiced", order_status: "pending", payment_status: "unpaid" },
    ])
    expect((await stockOf(product.id)).onHand).toBe(3)
    const [payment] = await rows<{ id: string }>("SELECT id FROM payments ORDER BY id")
    await call("POST", `payments/${payment?.id}/mark-paid`, { as: await make.user("staff") })
    await settleAll()
    expect((await renewals(body.id))[0]).toMatchObject({ status: "paid", payment_status: "paid" })
  })
})

describe("a trial", () => {
  it("orders nothing before it is over, and is told of beforehand", async () => {
    const { id, body, customer, gateway } = await monthly({ terms: { trial_days: 14 } })
    expect(body).toMatchObject({
      status: "trialing",
      order: null,
      trial_ends_at: "2099-02-14T12:00:00.000Z",
      current_period: { number: 0 },
    })
    expect(await countOf("orders")).toBe(0)
    clock("2099-02-11T12:01:00.000Z")
    await cron()
    await cron()
    expect((await mailbox(customer.email)).map(({ template }) => template)).toEqual([
      "subscription-upcoming",
    ])
    clock("2099-02-14T12:01:00.000Z")
    await cron()
    expect(await renewals(id)).toEqual([paidFor(1, "2099-02-14")])
    expect(await standing(id)).toMatchObject({
      status: "active",
      period_end: "2099-03-14T12:00:00.000Z",
    })
    expect(gateway.ledger.totals().captured).toBe(900)
  })

  it("of one plan a customer has once, however many they start at once", async () => {
    const { customer, product, offer } = await monthly({ terms: { trial_days: 14 } })
    const again = await Promise.all(
      [1, 2, 3].map(() => subscribe(customer, { plan: offer, product })),
    )
    expect(again.map(({ status, body }) => [status, body.code])).toEqual(
      Array(3).fill([409, "trial-used"]),
    )
    const without = await subscribe(customer, { plan: offer, product, trial: false })
    expect(without.body).toMatchObject({ status: "active", order: { total: "9.00" } })
  })
})

describe("a charge that fails", () => {
  it("is tried again on the days of the schedule, and mailed with a link that pays it", async () => {
    const { id, gateway, customer } = await monthly({ failing: true })
    clock("2099-02-28T12:01:00.000Z")
    await cron()
    expect(await standing(id)).toMatchObject({
      status: "past_due",
      failure: "card_declined",
      attempts: 1,
      next_at: "2099-03-01T12:01:00.000Z",
    })
    const [mail] = await mailbox(customer.email)
    expect(mail?.template).toBe("subscription-payment-failed")
    const link = /http\S+#token=(\S+)&order=(\S+)/.exec(mail?.text ?? "")
    expect(link?.[0]).toContain("/orders/pay#")
    const paying = await call("POST", "payments", {
      headers: { "x-order-token": link?.[1] ?? "" },
      body: { order: link?.[2] },
    })
    expect(paying.status).toBe(201)
    gateway.ledger.behave({ decline: 0 })
    const asked = [...gateway.ledger.payments.values()].at(-1)
    await gateway.send(gateway.ledger.pay(asked?.id ?? "").events)
    await settleAll()
    expect((await renewals(id))[1]).toMatchObject({ status: "paid", payment_status: "paid" })
    expect(await standing(id)).toMatchObject({ status: "active", failure: null, attempts: 0 })
  })

  it("for the last time cancels the subscription and its order, and gives the stock back", async () => {
    const { id, product, customer } = await monthly({ failing: true })
    const days = ["02-28", "03-01", "03-03", "03-05", "03-07"]
    const seen: unknown[] = []
    for (const day of days) {
      clock(`2099-${day}T12:02:00.000Z`)
      await cron()
      await cron()
      const { status, attempts } = await standing(id)
      seen.push([day, status, attempts])
    }
    expect(seen).toEqual([
      ["02-28", "past_due", 1],
      ["03-01", "past_due", 2],
      ["03-03", "past_due", 3],
      ["03-05", "past_due", 4],
      ["03-07", "cancelled", 0],
    ])
    expect((await renewals(id))[1]).toMatchObject({
      status: "cancelled",
      order_status: "cancelled",
      payment_status: "voided",
    })
    expect(await stockOf(product.id)).toEqual({ onHand: 49, held: 0, available: 49 })
    const mails = await mailbox(customer.email)
    expect(mails.map(({ template }) => template)).toContain("subscription-cancelled")
    expect(mails.filter(({ template }) => template.endsWith("failed"))).toHaveLength(4)
    // One payment a try: what failed is not asked for under another name twice.
    expect(await rows("SELECT count(*) AS n FROM payments")).toEqual([{ n: 6 }])
    clock("2099-05-31T12:02:00.000Z")
    await cron()
    expect(await renewals(id)).toHaveLength(2)
  })

  it("for the last time pauses it where it is set so; resumed, it begins a new period", async () => {
    const { id, gateway, customer } = await monthly({ failing: true })
    const config = configOf(env)
    const subscriptions = { ...config.subscriptions, atLast: "pause" as const, retryDays: [1] }
    for (const day of ["02-28", "03-01"]) {
      clock(`2099-${day}T12:02:00.000Z`)
      await everyMinute(ctx({ config: { ...config, subscriptions } }))
      await settleAll()
    }
    expect(await standing(id)).toMatchObject({ status: "paused", next_at: null, order_id: null })
    expect((await renewals(id))[1]).toMatchObject({ status: "cancelled" })
    gateway.ledger.behave({ decline: 0 })
    clock("2099-03-10T08:00:00.000Z")
    expect(await resume(ctx({ as: customer }), id)).toMatchObject({ status: "active" })
    await cron()
    expect((await renewals(id))[2]).toEqual(paidFor(3, "2099-03-10"))
  })

  it("of the first order leaves it to its customer, and cancels what they do not pay in time", async () => {
    clock("2099-01-31T12:00:00.000Z")
    const gateway = standUp({ payAtOnce: true })
    const [customer, product] = [await make.user(), await make.product({ stock_quantity: 5 })]
    await savedMethod(customer, gateway, true)
    const offer = await plan()
    const { body } = await subscribe(customer, { plan: offer, product, payment_method: "fake" })
    expect(body).toMatchObject({
      status: "past_due",
      failure: { reason: "card_declined", next_attempt_at: null },
      order: { payment: { status: "failed" } },
    })
    await settleAll()
    clock("2099-01-31T12:31:00.000Z")
    await cron()
    expect(await standing(body.id)).toMatchObject({ status: "cancelled", cycles: 0 })
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
  })

  it("while the stock is gone waits for the stock too, and takes no money for nothing", async () => {
    const { id, product, gateway } = await monthly({ failing: true, stock: 2 })
    clock("2099-02-28T12:01:00.000Z")
    await cron()
    gateway.ledger.behave({ decline: 0 })
    // Its hold has lapsed, and somebody else buys the last one.
    clock("2099-03-01T10:00:00.000Z")
    const other = await make.user()
    const bought = await call("POST", "orders", {
      as: other,
      body: {
        items: [{ product_id: product.id, quantity: 1 }],
        shipping_address: { address_line_1: "1 Way", city: "York", country: "GB" },
      },
    })
    expect(bought.status).toBe(201)
    clock("2099-03-01T12:02:00.000Z")
    await cron()
    expect(await standing(id)).toMatchObject({ status: "past_due", failure: "out-of-stock" })
    expect(gateway.ledger.totals().captured).toBe(900)
  })
})

describe("stock that is short at a renewal", () => {
  it("places no order, is tried again by the schedule and mailed with its own reason", async () => {
    const { id, product, customer, gateway } = await monthly({ stock: 1 })
    clock("2099-02-28T12:01:00.000Z")
    await cron()
    expect(await standing(id)).toMatchObject({
      status: "past_due",
      period: 1,
      failure: "out-of-stock",
      attempts: 1,
      next_at: "2099-03-01T12:01:00.000Z",
    })
    expect(await countOf("orders")).toBe(1)
    const [mail] = await mailbox(customer.email)
    expect(mail).toMatchObject({ template: "subscription-payment-failed" })
    expect(mail?.text).toContain("out of stock")
    const staff = await make.user("staff")
    await call("POST", `admin/inventory/${product.id}/adjust`, {
      as: staff,
      body: { delta: 5, reason: "restock" },
    })
    clock("2099-03-01T12:02:00.000Z")
    await cron()
    expect((await renewals(id))[1]).toEqual(paidFor(2, "2099-02-28"))
    expect(await standing(id)).toMatchObject({ status: "active", failure: null, attempts: 0 })
    expect(gateway.ledger.totals().captured).toBe(1800)
  })

  it("to the end leaves the period out, and the subscription goes on", async () => {
    const { id, product } = await monthly({ stock: 1 })
    for (const day of ["02-28", "03-01", "03-03", "03-05", "03-07"]) {
      clock(`2099-${day}T12:02:00.000Z`)
      await cron()
    }
    expect(await standing(id)).toMatchObject({
      status: "active",
      period: 2,
      failure: null,
      period_end: "2099-03-31T12:00:00.000Z",
    })
    await call("POST", `admin/inventory/${product.id}/adjust`, {
      as: await make.user("staff"),
      body: { delta: 5, reason: "restock" },
    })
    clock("2099-03-31T12:02:00.000Z")
    await cron()
    expect((await renewals(id)).map(({ period }) => period)).toEqual([1, 3])
  })
})

describe("an order of a period that is cancelled", () => {
  it("is owed nothing for, and the subscription goes on with the next", async () => {
    const { id, customer, gateway } = await monthly({ failing: true })
    clock("2099-02-28T12:01:00.000Z")
    await cron()
    const { order_id } = await standing(id)
    await cancelOrder(ctx({ as: customer }), order_id, "Not this month")
    await settleAll()
    expect(await standing(id)).toMatchObject({ status: "active", cycles: 1, order_id: null })
    gateway.ledger.behave({ decline: 0 })
    clock("2099-03-31T12:01:00.000Z")
    await cron()
    expect((await renewals(id)).map(({ status }) => status)).toEqual(["paid", "cancelled", "paid"])
    expect(await openEvents()).toEqual([])
  })
})

describe("lists and sweeps", () => {
  it("read no more than they show, whatever they are filtered by", async () => {
    const { customer, offer } = await monthly()
    const [staff, owner] = [watched(make.staff), watched(customer)]
    for (const filter of [
      { status: "active" },
      { plan: offer.id },
      { plan: offer.id, status: "active" },
      { user: customer.id },
      { user: customer.id, status: "active", plan: offer.id },
    ] as const)
      await lists.listAll(staff, filter)
    await lists.list(owner, { status: "paused" })
    await lists.get(owner, (await rows<{ id: string }>("SELECT id FROM subscriptions"))[0]!.id)
    await plans.offers(staff, {})
    await plans.offers(staff, { product: "1" })
    await plans.list(staff, { active: true })
    const system = watched({ type: "system" })
    await renewDue(system)
    await announce(system, { type: "plan.migration-begun", planId: offer.id, from: "2100" })
    expect(await costly([...staff.asked, ...owner.asked, ...system.asked])).toEqual([])
  })

  it("one that cannot be seen to is put off, and keeps no other waiting", async () => {
    quiet()
    const { id } = await monthly()
    const [customer, product] = [await make.user(), await make.product()]
    const other = await subscribe(customer, { plan: await plan(), product })
    await env.DB.prepare("UPDATE subscriptions SET currency = 'EUR' WHERE id = ?").bind(id).run()
    clock("2099-02-28T12:01:00.000Z")
    await cron()
    expect(await renewals(other.body.id)).toHaveLength(2)
    expect(await standing(id)).toMatchObject({ period: 1, next_at: "2099-02-28T12:06:00.000Z" })
  })
})

describe("every state and everything that can happen in it", () => {
  /** Ways into each state, through the shop's own verbs. */
  const worlds: Record<string, () => Promise<Awaited<ReturnType<typeof monthly>>>> = {
    trialing: () => monthly({ terms: { trial_days: 14 } }),
    active: () => monthly(),
    ending: async () => {
      const world = await monthly()
      await cancel(ctx({ as: world.customer }), world.id, { at: "period_end", reason: "" })
      return world
    },
    past_due: async () => {
      const world = await monthly({ failing: true })
      clock("2099-02-28T12:01:00.000Z")
      await cron()
      return world
    },
    short: async () => {
      const world = await monthly({ stock: 1 })
      clock("2099-02-28T12:01:00.000Z")
      await cron()
      return world
    },
    paused: async () => {
      const world = await monthly()
      await pause(ctx({ as: world.customer }), world.id, {})
      return world
    },
    cancelled: async () => {
      const world = await monthly()
      await cancel(ctx({ as: world.customer }), world.id, { at: "now", reason: "" })
      await settleAll()
      return world
    },
    ended: async () => {
      const world = await monthly({ terms: { max_cycles: 1 } })
      clock("2099-02-28T12:01:00.000Z")
      await cron()
      return world
    },
  }

  type World = Awaited<ReturnType<typeof monthly>>
  const as = ({ customer }: World) => ctx({ as: customer })
  const deeds: Record<string, (world: World) => Promise<unknown>> = {
    pause: (world) => pause(as(world), world.id, {}),
    resume: (world) => resume(as(world), world.id),
    "cancel at its end": (world) => cancel(as(world), world.id, { at: "period_end", reason: "" }),
    "cancel now": (world) => cancel(as(world), world.id, { at: "now", reason: "" }),
    "keep after all": (world) => undoCancel(as(world), world.id),
    "take two": (world) =>
      change(as(world), world.id, {
        items: [{ product_id: world.product.id, quantity: 2 }],
      }),
    "send by post": (world) => change(as(world), world.id, { shipping_method: "shm_1" }),
    "let the period pass": async () => {
      clock("2099-03-01T12:02:00.000Z")
      await cron()
    },
    "let the tries pass": async () => {
      for (const day of ["03-01", "03-03", "03-05", "03-07"]) {
        clock(`2099-${day}T12:02:00.000Z`)
        await cron()
      }
    },
  }

  /** What becomes of the state; `no`: it is refused, and nothing changed. */
  const expected: Record<string, Record<string, string>> = {
    trialing: {
      pause: "paused",
      resume: "no",
      "cancel at its end": "trialing, ending",
      "cancel now": "cancelled",
      "keep after all": "trialing",
      "take two": "trialing",
      "send by post": "trialing",
      "let the period pass": "active",
      "let the tries pass": "active",
    },
    active: {
      pause: "paused",
      resume: "no",
      "cancel at its end": "active, ending",
      "cancel now": "cancelled",
      "keep after all": "active",
      "take two": "active",
      "send by post": "active",
      "let the period pass": "active",
      "let the tries pass": "active",
    },
    ending: {
      pause: "paused, ending",
      resume: "no",
      "cancel at its end": "active, ending",
      "cancel now": "cancelled, ending",
      "keep after all": "active",
      "take two": "active, ending",
      "send by post": "active, ending",
      "let the period pass": "cancelled, ending",
      "let the tries pass": "cancelled, ending",
    },
    past_due: {
      pause: "no",
      resume: "no",
      "cancel at its end": "cancelled",
      "cancel now": "cancelled",
      "keep after all": "past_due",
      "take two": "no",
      "send by post": "past_due",
      "let the period pass": "past_due",
      "let the tries pass": "cancelled",
    },
    short: {
      pause: "no",
      resume: "no",
      "cancel at its end": "cancelled",
      "cancel now": "cancelled",
      "keep after all": "past_due",
      "take two": "no",
      "send by post": "past_due",
      "let the period pass": "past_due",
      "let the tries pass": "active",
    },
    paused: {
      pause: "no",
      resume: "active",
      "cancel at its end": "cancelled",
      "cancel now": "cancelled",
      "keep after all": "paused",
      "take two": "no",
      "send by post": "paused",
      "let the period pass": "paused",
      "let the tries pass": "paused",
    },
    cancelled: {
      pause: "no",
      resume: "no",
      "cancel at its end": "no",
      "cancel now": "no",
      "keep after all": "no",
      "take two": "no",
      "send by post": "no",
      "let the period pass": "cancelled",
      "let the tries pass": "cancelled",
    },
    ended: {
      pause: "no",
      resume: "no",
      "cancel at its end": "no",
      "cancel now": "no",
      "keep after all": "no",
      "take two": "no",
      "send by post": "no",
      "let the period pass": "ended",
      "let the tries pass": "ended",
    },
  }

  const look = async (id: string) => {
    const [row] = await rows<Record<string, any>>("SELECT * FROM subscriptions WHERE id = ?", id)
    return row ?? {}
  }

  it.each(Object.keys(expected))("%s", async (state) => {
    const became: Record<string, string> = {}
    for (const [deed, run] of Object.entries(deeds)) {
      await emptied()
      const world = await worlds[state]!()
      const before = await look(world.id)
      const refusal = await run(world).then(
        () => undefined,
        (error: unknown) => (error as { code: string }).code,
      )
      await settleAll()
      const after = await look(world.id)
      // What is refused is refused for the state, and changes nothing.
      const left = refusal === undefined ? "changed" : JSON.stringify(after)
      expect([deed, refusal ?? "done", left]).toEqual([
        deed,
        refusal === undefined ? "done" : "subscription-not-changeable",
        refusal === undefined ? "changed" : JSON.stringify(before),
      ])
      const ending = after["cancel_at_period_end"] === 1 ? ", ending" : ""
      became[deed] = refusal === undefined ? `${after["status"]}${ending}` : "no"
      // Each change is one row of history, none is missing, and each step is in the table.
      const history = await rows<{
        version: number
        from: SubscriptionStatus
        to: SubscriptionStatus
      }>(
        'SELECT version, "from", "to" FROM subscription_changes WHERE subscription_id = ? ORDER BY version',
        world.id,
      )
      expect(history.map(({ version }) => version)).toEqual(history.map((_, n) => n + 1))
      expect(history.at(-1)).toMatchObject({ version: after["version"], to: after["status"] })
      for (const { from, to } of history.slice(1))
        expect([from, to, from === to || mayBecome(from, to)]).toEqual([from, to, true])
    }
    expect(became).toEqual(expected[state])
  })
})
