import { env } from "cloudflare:workers"
import { describe, expect, it, vi } from "vitest"

import { configOf } from "#config.ts"
import * as checkout from "#modules/checkout/checkout.ts"
import { PlaceOrder } from "#modules/checkout/model.ts"
import * as paid from "#modules/checkout/paid.ts"
import { start } from "#modules/payments/asking.ts"
import * as due from "#modules/payments/due.ts"
import * as payments from "#modules/payments/payments.ts"
import { refund } from "#modules/payments/refunds.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import { deliver, standUp } from "../support/gateways/fake-fetch.ts"
import * as make from "../support/make.ts"
import {
  address,
  countOf,
  failingStock,
  openEvents,
  order,
  rows,
  settleAll,
  silentQueue,
  stockOf,
  tally,
} from "../support/shop.ts"

const quiet = () => vi.spyOn(console, "error").mockImplementation(() => {})
const minutes = 60_000
const later = (ms: number) => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms })

/** An order of two things of 10.00, five in stock, to be paid through the fake gateway. */
async function waiting(over: Record<string, unknown> = {}) {
  const [customer, product] = [await make.user(), await make.product({ stock_quantity: 5 })]
  const answer = await order([{ product_id: product.id, quantity: 2 }], customer, {
    payment_method: "fake",
    ...over,
  })
  expect(answer.status).toBe(201)
  return { customer, product, placed: answer.body, id: answer.body.id as string }
}

/** What the order, its payments and the stock say. */
async function standing(id: string, productId: string) {
  const [row] = await rows<Record<string, any>>(
    "SELECT status, payment_status, paid_amount, refunded_amount, pay_by IS NULL AS in_no_hurry FROM orders WHERE id = ?",
    id,
  )
  const { onHand, held } = await stockOf(productId)
  return { ...row, onHand, held }
}

/** How many refunds there are of each status. */
async function tallied(): Promise<Record<string, number>> {
  const found = await rows<{ status: string; n: number }>(
    "SELECT status, count(*) AS n FROM refunds GROUP BY status ORDER BY status",
  )
  return Object.fromEntries(found.map(({ status, n }) => [status, n]))
}

const untouched = {
  status: "pending",
  payment_status: "unpaid",
  paid_amount: 0,
  refunded_amount: 0,
  in_no_hurry: 0,
  onHand: 5,
  held: 2,
}
const sold = {
  status: "confirmed",
  payment_status: "paid",
  paid_amount: 2000,
  refunded_amount: 0,
  in_no_hurry: 1,
  onHand: 3,
  held: 0,
}
const undone = {
  status: "cancelled",
  payment_status: "refunded",
  paid_amount: 2000,
  refunded_amount: 2000,
  in_no_hurry: 1,
  onHand: 5,
  held: 0,
}

describe("an order through a gateway", () => {
  it("holds its stock and sells nothing before it is paid", async () => {
    const gateway = standUp()
    const { placed, product, id } = await waiting()
    expect(placed).toMatchObject({
      status: "pending",
      payment_status: "unpaid",
      payment_method: "fake",
      payment: {
        provider: "fake",
        status: "unpaid",
        amount: "20.00",
        client_secret: "fp_1_secret",
        redirect_url: "https://pay.fake-gateway.test/fp_1",
      },
    })
    await settleAll()
    expect(await standing(id, product.id)).toEqual(untouched)
    expect(gateway.asked).toEqual(["POST /v1/payments"])
  })

  it("is sold and confirmed once its payment has come, and its history says so", async () => {
    const gateway = standUp()
    const { customer, product, id, placed } = await waiting()
    gateway.pay()
    expect((await gateway.send()).map(({ status }) => status)).toEqual([200])
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
    const history = await call("GET", `orders/${id}/history`, { as: customer })
    expect(
      history.body.results.map(({ kind, from, to, actor }: any) => [kind, from, to, actor]),
    ).toEqual([
      ["placed", null, "pending", customer.id],
      ["payment", "unpaid", "paid", "system"],
      ["status", "pending", "confirmed", "system"],
    ])
    const payment = await call("GET", `payments/${placed.payment.id}`, { as: customer })
    expect(payment.body).toMatchObject({
      status: "paid",
      captured: "20.00",
      refunded: "0.00",
      transaction_id: "fp_1",
      order: id,
    })
    expect(payment.body.client_secret).toBeUndefined()
  })

  it("is paid at once where the gateway takes the money at once", async () => {
    const gateway = standUp({ payAtOnce: true })
    const { product, id, placed } = await waiting()
    expect(placed.payment).toMatchObject({ status: "paid" })
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
    await gateway.send()
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
  })

  it("costs at most six round trips with its payment, deferred work included", async () => {
    standUp()
    const [customer, product] = [await make.user(), await make.product()]
    const as = ctx({ as: customer, events: silentQueue })
    const input = PlaceOrder.parse({
      items: [{ product_id: product.id, quantity: 1 }],
      shipping_address: address,
      payment_method: "fake",
    })
    await checkout.place(as, input)
    await as.settled()
    expect(as.meter.d1Queries).toBeLessThanOrEqual(6)
  })

  it("waits on when the payment is declined, and can be paid by another try", async () => {
    const gateway = standUp()
    const { customer, product, id, placed } = await waiting()
    gateway.pay(true)
    await gateway.send()
    await settleAll()
    expect(await standing(id, product.id)).toEqual({ ...untouched, payment_status: "failed" })
    const again = await call("POST", "payments", { as: customer, body: { order: id } })
    expect(again).toMatchObject({ status: 201, body: { status: "unpaid", amount: "20.00" } })
    expect(again.body.id).not.toBe(placed.payment.id)
    await settleAll()
    gateway.events.splice(0)
    gateway.pay()
    await gateway.send()
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
    expect(gateway.ledger.totals()).toEqual({ captured: 2000, refunded: 0 })
    const more = await call("POST", "payments", { as: customer, body: { order: id } })
    expect(more).toMatchObject({ status: 409, body: { code: "order-not-payable" } })
    expect(more.body.detail).toContain("already paid")
  })

  it("is started once however often its payer asks, at once too", async () => {
    const gateway = standUp()
    const { customer, id, placed } = await waiting()
    const answers = await Promise.all(
      Array.from({ length: 5 }, () =>
        call("POST", "payments", { as: customer, body: { order: placed.order_number } }),
      ),
    )
    expect(new Set(answers.map(({ body }) => body.id))).toEqual(new Set([placed.payment.id]))
    expect(answers[0]?.body.client_secret).toBe("fp_1_secret")
    expect(gateway.ledger.payments.size).toBe(1)
    expect(await rows("SELECT count(*) AS n FROM payments WHERE reference = ?", id)).toEqual([
      { n: 1 },
    ])
  })

  it("is there in development only", () => {
    expect(configOf({ ...env, ENVIRONMENT: "development" }).payments.fake).toBeDefined()
    expect(configOf({ ...env, ENVIRONMENT: "production" }).payments.fake).toBeUndefined()
  })
})

describe("a gateway that loses its answer", () => {
  it("after it has taken the money: the order waits, and the sweep finds it paid, once", async () => {
    quiet()
    const gateway = standUp({ payAtOnce: true, dropAfter: 1 })
    const { product, id, placed } = await waiting()
    expect(placed.payment).toMatchObject({ status: "unpaid" })
    expect(placed.payment.client_secret).toBeUndefined()
    expect(gateway.ledger.totals()).toEqual({ captured: 2000, refunded: 0 })
    gateway.ledger.behave({ dropAfter: 0 })
    await settleAll()
    expect(await standing(id, product.id)).toEqual(untouched)
    expect(await due.checkPayments(ctx())).toBe(0)
    later(2 * minutes)
    const swept = await Promise.all([due.checkPayments(ctx()), due.checkPayments(ctx())])
    expect(Math.max(...swept)).toBe(1)
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
    expect(gateway.ledger.payments.size).toBe(1)
  })

  it("before it heard of the payment: asking again starts it", async () => {
    quiet()
    const gateway = standUp({ dropBefore: 1 })
    const { customer, placed } = await waiting()
    gateway.ledger.behave({ dropBefore: 0 })
    expect(gateway.ledger.payments.size).toBe(0)
    const again = await call("POST", "payments", { as: customer, body: { order: placed.id } })
    expect(again.body).toMatchObject({ id: placed.payment.id, client_secret: "fp_1_secret" })
  })

  it("on a refund: the sweep asks what became of it, and it is given back once", async () => {
    quiet()
    const gateway = standUp({ payAtOnce: true })
    const { customer, product, id } = await waiting()
    await settleAll()
    gateway.ledger.behave({ dropAfter: 1 })
    expect((await call("POST", `orders/${id}/cancel`, { as: customer })).status).toBe(200)
    await expect(settleAll()).rejects.toThrow("refund.requested")
    gateway.ledger.behave({ dropAfter: 0 })
    later(2 * minutes)
    await Promise.all([due.checkRefunds(ctx()), due.checkRefunds(ctx())])
    await settleAll()
    expect(await standing(id, product.id)).toEqual(undone)
    expect(gateway.ledger.totals()).toEqual({ captured: 2000, refunded: 2000 })
    expect(await rows("SELECT status FROM refunds")).toEqual([{ status: "succeeded" }])
  })
})

describe("a webhook", () => {
  it("that comes five times at once counts once", async () => {
    const gateway = standUp()
    const { product, id } = await waiting()
    gateway.pay()
    const [event] = gateway.events
    const answers = await gateway.send(Array.from({ length: 5 }, () => event!))
    expect(tally(answers)).toEqual({ "200": 5 })
    await settleAll()
    await gateway.send([event!])
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
    expect(await rows("SELECT outcome FROM gateway_events")).toEqual([{ outcome: "applied" }])
  })

  it("before the gateway's own answer is taken, and the answer changes nothing then", async () => {
    const gateway = standUp()
    const { product, id, placed } = await waiting()
    await env.DB.exec("UPDATE payments SET gateway_ref = NULL, told_at = NULL, action = NULL")
    gateway.pay()
    await gateway.send()
    const late = await payments.get(ctx(), placed.payment.id)
    await start(ctx(), { ...late, status: "unpaid", capturedAmount: 0 })
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
  })

  it("that was overtaken changes nothing: a decline after the payment is old news", async () => {
    const gateway = standUp()
    const { product, id } = await waiting()
    gateway.pay(true)
    gateway.pay()
    const [declined, paid] = gateway.events.splice(0)
    await gateway.send([paid!])
    await gateway.send([declined!])
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
    expect(await rows("SELECT kind, outcome FROM gateway_events ORDER BY rowid")).toEqual([
      { kind: "payment.paid", outcome: "applied" },
      { kind: "payment.failed", outcome: "ignored" },
    ])
  })

  it.each([
    ["amount", { amount: 1999 }],
    ["amount", { amount: 2001, captured: 2001 }],
    ["currency", { currency: "EUR" }],
    ["reference", { reference: "ord_another" }],
    ["gateway-ref", { id: "fp_another" }],
    ["captured", { captured: 2001 }],
    ["unknown-payment", { key: "pay_none", id: "fp_none" }],
  ])("whose %s is not ours is kept aside and changes nothing", async (reason, twist) => {
    quiet()
    const gateway = standUp()
    const { product, id } = await waiting()
    gateway.pay()
    const event = gateway.events.splice(0)[0]!
    const bent = { ...event, payment: { ...event.payment, ...twist } }
    expect((await gateway.send([bent]))[0]?.status).toBe(200)
    await settleAll()
    expect(await standing(id, product.id)).toEqual(untouched)
    expect(await rows("SELECT outcome, reason FROM gateway_events")).toEqual([
      { outcome: "quarantined", reason },
    ])
  })

  it("that was not signed by the gateway, or too long ago, is refused", async () => {
    const gateway = standUp()
    const { product, id } = await waiting()
    gateway.pay()
    const event = gateway.events.splice(0)[0]!
    // The clock stands still: a second more or less counts.
    later(0)
    const now = Date.now()
    const refused = [
      await deliver(event, { key: "another secret, of somebody else" }),
      await deliver(event, { at: now - 301_000 }),
      await deliver(event, { at: now + 301_000 }),
      await call("POST", "payments/webhooks/fake", { body: event }),
      await call("POST", "payments/webhooks/fake", {
        body: event,
        headers: { "fake-signature": `t=${Math.floor(now / 1000)},v1=${"A".repeat(43)}` },
      }),
    ]
    expect(tally(refused)).toEqual({ "400 signature-not-valid": 5 })
    await settleAll()
    expect(await standing(id, product.id)).toEqual(untouched)
    expect(await countOf("gateway_events")).toBe(0)
    expect((await deliver(event, { at: now - 299_000 })).status).toBe(200)
    const off = await call("POST", "payments/webhooks/stripe", { body: event })
    expect(off).toMatchObject({ status: 404, body: { code: "not-found" } })
  })
})

describe("money for an order that is not wanted any more", () => {
  it("goes back: paid after it was cancelled", async () => {
    const gateway = standUp()
    const { customer, product, id } = await waiting()
    await call("POST", `orders/${id}/cancel`, { as: customer })
    gateway.pay()
    await gateway.send()
    await settleAll()
    await gateway.send()
    await settleAll()
    expect(await standing(id, product.id)).toEqual(undone)
    expect(gateway.ledger.totals()).toEqual({ captured: 2000, refunded: 2000 })
  })

  it("is never taken: a cancelled order's payment is given up at the gateway", async () => {
    const gateway = standUp()
    const { customer, product, id, placed } = await waiting()
    await call("POST", `orders/${id}/cancel`, { as: customer })
    await settleAll()
    expect(gateway.ledger.payments.get("fp_1")?.status).toBe("voided")
    expect(await standing(id, product.id)).toMatchObject({
      status: "cancelled",
      payment_status: "voided",
      onHand: 5,
      held: 0,
    })
    const more = await call("POST", "payments", { as: customer, body: { order: id } })
    expect(more).toMatchObject({ status: 409, body: { code: "order-not-payable" } })
    const payment = await call("GET", `payments/${placed.payment.id}`, { as: customer })
    expect(payment.body.status).toBe("voided")
  })

  it("is tried again an hour after its gateway refused to give it back, and goes back once", async () => {
    quiet()
    const gateway = standUp({ payAtOnce: true })
    const { customer, product, id } = await waiting()
    await settleAll()
    gateway.ledger.behave({ refuseRefunds: 1 })
    await call("POST", `orders/${id}/cancel`, { as: customer })
    await settleAll()
    const kept = {
      ...undone,
      payment_status: "paid",
      refunded_amount: 0,
    }
    expect(await standing(id, product.id)).toEqual(kept)
    // Not while its gateway has just refused.
    expect(await paid.returnSurpluses(ctx())).toBe(0)
    later(61 * minutes)
    expect(await paid.returnSurpluses(ctx())).toBe(1)
    await settleAll()
    expect(await standing(id, product.id)).toEqual(kept)
    gateway.ledger.behave({ refuseRefunds: 0 })
    later(122 * minutes)
    await Promise.all([paid.returnSurpluses(ctx()), paid.returnSurpluses(ctx())])
    await settleAll()
    expect(await standing(id, product.id)).toEqual(undone)
    expect(gateway.ledger.totals()).toEqual({ captured: 2000, refunded: 2000 })
    later(183 * minutes)
    expect(await paid.returnSurpluses(ctx())).toBe(0)
    expect(await tallied()).toEqual({ failed: 2, succeeded: 1 })
  })

  it("is left to people once its gateway has refused ten times", async () => {
    quiet()
    const gateway = standUp({ payAtOnce: true })
    const { customer, id } = await waiting()
    await settleAll()
    gateway.ledger.behave({ refuseRefunds: 1 })
    await call("POST", `orders/${id}/cancel`, { as: customer })
    await settleAll()
    for (let tries = 1; tries <= 12; tries++) {
      later(tries * 61 * minutes)
      await paid.returnSurpluses(ctx())
      await settleAll()
    }
    expect(await tallied()).toEqual({ failed: 10 })
  })

  it("goes back once however many cancel at once, and so does the stock", async () => {
    const gateway = standUp({ payAtOnce: true })
    const { customer, product, id } = await waiting()
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => call("POST", `orders/${id}/cancel`, { as: customer })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    await settleAll()
    expect(await standing(id, product.id)).toEqual(undone)
    expect(gateway.ledger.totals()).toEqual({ captured: 2000, refunded: 2000 })
    expect(await countOf("refunds")).toBe(1)
  })
})

describe("a payment that comes after the hold has lapsed", () => {
  it("buys the stock that is still there", async () => {
    const gateway = standUp()
    const { product, id } = await waiting()
    await settleAll()
    later(50 * minutes)
    expect((await stockOf(product.id)).held).toBe(0)
    gateway.pay()
    await gateway.send()
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
  })

  it("goes back, with the order cancelled and its customer told, when the stock is gone", async () => {
    const gateway = standUp()
    const { product, id } = await waiting()
    await settleAll()
    later(50 * minutes)
    await order([{ product_id: product.id, quantity: 4 }], await make.user())
    gateway.pay()
    await gateway.send()
    await settleAll()
    expect(await standing(id, product.id)).toEqual({ ...undone, onHand: 1 })
    expect(gateway.ledger.totals()).toEqual({ captured: 2000, refunded: 2000 })
    const told = await rows<{ event: string }>("SELECT event FROM outbox")
    const lost = told
      .map(({ event }) => JSON.parse(event))
      .filter(({ type }) => type === "order.stock-lost")
    expect(lost).toEqual([{ type: "order.stock-lost", orderId: id }])
  })

  it("is sold by the event when the stock does not answer at first", async () => {
    quiet()
    const gateway = standUp()
    const { product, id } = await waiting()
    await settleAll()
    gateway.pay()
    await gateway.send()
    const paid = await import("#modules/checkout/paid.ts")
    const stock = failingStock({ settle: 1 }, "after")
    await expect(paid.paymentChanged(ctx({ stock }), { reference: id })).rejects.toThrow(
      "Network connection lost.",
    )
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
  })
})

describe("refunds", () => {
  it("twenty of 10.00 at once of 50.00: exactly five", async () => {
    const gateway = standUp({ payAtOnce: true })
    const [customer, product] = [await make.user(), await make.product({ price: "50.00" })]
    const staff = await make.user("staff")
    const { body } = await order([{ product_id: product.id, quantity: 1 }], customer, {
      payment_method: "fake",
    })
    await settleAll()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        call("POST", "payments/refunds", {
          as: staff,
          body: { payment: body.payment.id, amount: "10.00", reason: "Sorry" },
        }),
      ),
    )
    expect(tally(answers)).toEqual({ "201": 5, "409 refund-too-large": 15 })
    await settleAll()
    expect(gateway.ledger.totals()).toEqual({ captured: 5000, refunded: 5000 })
    expect(await rows("SELECT status, refunded_amount FROM payments")).toEqual([
      { status: "refunded", refunded_amount: 5000 },
    ])
    expect((await call("GET", `orders/${body.id}`, { as: customer })).body.payment_status).toBe(
      "refunded",
    )
  })

  it("by the order's number, in part, with the same key once", async () => {
    const gateway = standUp({ payAtOnce: true })
    const { id, placed } = await waiting()
    await settleAll()
    const staff = await make.user("staff")
    const ask = (amount: string) =>
      call("POST", "payments/refunds", {
        as: staff,
        headers: { "idempotency-key": "r1" },
        body: { order: placed.order_number, amount, reason: "Scratched" },
      })
    const first = await ask("5.00")
    expect(first).toMatchObject({
      status: 201,
      body: { refunds: [{ amount: "5.00", status: "pending", reason: "Scratched", order: id }] },
    })
    const again = await ask("5.00")
    expect(again.body).toEqual(first.body)
    expect((await ask("6.00")).status).toBe(422)
    await settleAll()
    expect(gateway.ledger.totals()).toEqual({ captured: 2000, refunded: 500 })
    const { body } = await call("GET", `payments/${placed.payment.id}`, { as: staff })
    expect(body).toMatchObject({
      status: "partially_refunded",
      refunded: "5.00",
      refunds: [{ amount: "5.00", status: "succeeded" }],
    })
    const tooMuch = await call("POST", "payments/refunds", {
      as: staff,
      body: { order: id, amount: "15.01", reason: "All" },
    })
    expect(tooMuch).toMatchObject({
      status: 409,
      body: { code: "refund-too-large", refundable: "15.00" },
    })
  })

  it("that fail at the bank are owed again", async () => {
    quiet()
    const gateway = standUp({ payAtOnce: true, pendingRefunds: true })
    const { id, placed } = await waiting()
    await settleAll()
    const staff = await make.user("staff")
    const ask = () =>
      call("POST", "payments/refunds", { as: staff, body: { order: id, reason: "Late" } })
    await ask()
    await settleAll()
    gateway.events.splice(0)
    const events = gateway.ledger.settleRefunds("failed")
    await gateway.send(events)
    await gateway.send(events)
    await settleAll()
    const { body } = await call("GET", `payments/${placed.payment.id}`, { as: staff })
    expect(body).toMatchObject({
      status: "paid",
      refunded: "0.00",
      refunds: [{ status: "failed", failure: "account_closed" }],
    })
    expect(await rows("SELECT payment_status, refunded_amount FROM orders")).toEqual([
      { payment_status: "paid", refunded_amount: 0 },
    ])
    gateway.ledger.behave({ pendingRefunds: false })
    expect((await ask()).status).toBe(201)
    await settleAll()
    expect(gateway.ledger.totals()).toEqual({ captured: 2000, refunded: 2000 })
  })

  it("of several payments take the newest first, and one key gives back once", async () => {
    const [customer, product] = [await make.user(), await make.product()]
    const { body } = await order([{ product_id: product.id, quantity: 1 }], customer)
    await env.DB.exec("DELETE FROM payments")
    const as = ctx()
    const of = { currency: "USD", userId: null, tokenHash: null, reference: body.id }
    const old = {
      ...payments.draft(as, { ...of, provider: "manual", amount: 600 }),
      status: "paid" as const,
      capturedAmount: 600,
      createdAt: "2020-01-01T00:00:00.000Z",
    }
    const fresh = {
      ...payments.draft(as, { ...of, provider: "cod", amount: 400 }),
      status: "paid" as const,
      capturedAmount: 400,
    }
    await as.db.batch([
      payments.stageStart(as, old)[0] as any,
      payments.stageStart(as, fresh)[0] as any,
    ])
    const back = { reference: body.id, key: "return:1", reason: "" }
    const made = await refund(as, { ...back, amount: 500 })
    expect(made.map(({ paymentId, amount, status }) => [paymentId, amount, status])).toEqual([
      [fresh.id, 400, "succeeded"],
      [old.id, 100, "succeeded"],
    ])
    expect(await refund(as, { ...back, amount: 500 })).toEqual([])
    expect(await refund(as, { ...back, key: "return:2", amount: "all" })).toHaveLength(1)
    expect(await rows("SELECT sum(refunded_amount) AS n FROM payments")).toEqual([{ n: 1000 }])
    await as.settled()
  })
})

describe("money that staff take", () => {
  it("of an invoice: marked as paid once, audited, and given back with the order", async () => {
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const product = await make.product({ stock_quantity: 5 })
    const { body: placed } = await order([{ product_id: product.id, quantity: 2 }], customer)
    const path = `payments/${placed.payment.id}/mark-paid`
    expect((await call("POST", path, { as: customer })).status).toBe(403)
    expect((await call("POST", path)).status).toBe(401)
    const answers = await Promise.all(
      Array.from({ length: 3 }, () => call("POST", path, { as: staff, body: { note: "By bank" } })),
    )
    expect(tally(answers)).toEqual({ "200": 3 })
    await settleAll()
    expect(await standing(placed.id, product.id)).toEqual({ ...sold, status: "pending" })
    expect(
      await rows("SELECT action, actor, details FROM audit WHERE action LIKE 'payment.%'"),
    ).toEqual([
      {
        action: "payment.marked-paid",
        actor: staff.id,
        details: JSON.stringify({
          payment_id: placed.payment.id,
          reference: placed.id,
          amount: "20.00 USD",
          note: "By bank",
        }),
      },
    ])
    await call("POST", `orders/${placed.id}/cancel`, { as: customer })
    await settleAll()
    expect(await standing(placed.id, product.id)).toEqual(undone)
  })

  it("of a gateway's payment nobody can say that it is paid", async () => {
    standUp()
    const { placed } = await waiting()
    const staff = await make.user("admin")
    const refused = await call("POST", `payments/${placed.payment.id}/mark-paid`, { as: staff })
    expect(refused).toMatchObject({ status: 409, body: { code: "payment-closed" } })
  })

  it("of what was authorized: the stock is the buyer's, and the order is paid once it is taken", async () => {
    const gateway = standUp()
    const { product, id, placed } = await waiting()
    gateway.ledger.payments.set("fp_1", {
      ...gateway.ledger.payments.get("fp_1")!,
      capture: "manual",
    })
    gateway.pay()
    await gateway.send()
    await settleAll()
    expect(await standing(id, product.id)).toEqual({
      ...sold,
      status: "pending",
      payment_status: "authorized",
      paid_amount: 0,
    })
    const staff = await make.user("staff")
    const path = `payments/${placed.payment.id}/capture`
    const answers = await Promise.all([1, 2].map(() => call("POST", path, { as: staff })))
    expect(tally(answers)).toEqual({ "200": 2 })
    await settleAll()
    await gateway.send()
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
    expect(gateway.ledger.totals()).toEqual({ captured: 2000, refunded: 0 })
    const late = await call("POST", `payments/${placed.payment.id}/void`, { as: staff })
    expect(late).toMatchObject({ status: 409, body: { code: "payment-closed" } })
  })

  it("is let go by a void", async () => {
    const gateway = standUp()
    const { id, product, placed } = await waiting()
    const staff = await make.user("staff")
    const path = `payments/${placed.payment.id}/void`
    expect(await call("POST", path, { as: staff })).toMatchObject({
      status: 200,
      body: { status: "voided" },
    })
    expect((await call("POST", path, { as: staff })).status).toBe(200)
    await settleAll()
    expect(gateway.ledger.payments.get("fp_1")?.status).toBe("voided")
    expect(await standing(id, product.id)).toEqual({ ...untouched, payment_status: "voided" })
  })
})

describe("payments", () => {
  it("are their payer's and staff's; of a guest's order, whoever's that holds its token", async () => {
    standUp()
    const { customer, placed } = await waiting()
    const product = await make.product()
    const guest = await order([{ product_id: product.id, quantity: 1 }], undefined, {
      payment_method: "fake",
    })
    const [other, staff] = [await make.user(), await make.user("staff")]
    const path = `payments/${placed.payment.id}`
    expect((await call("GET", path, { as: customer })).status).toBe(200)
    expect((await call("GET", path, { as: staff })).status).toBe(200)
    expect((await call("GET", path, { as: other })).status).toBe(404)
    expect((await call("GET", path)).status).toBe(401)
    const token = { "x-order-token": guest.body.access_token }
    expect((await call("GET", path, { headers: token })).status).toBe(404)
    const theirs = await call("GET", `payments/${guest.body.payment.id}`, { headers: token })
    expect(theirs.status).toBe(200)
    const again = await call("POST", "payments", { headers: token, body: { order: guest.body.id } })
    expect(again).toMatchObject({ status: 201, body: { id: guest.body.payment.id } })
    const counted = async (as: { access: string }, query = "") =>
      (await call("GET", `payments${query}`, { as })).body.count
    expect(await counted(customer)).toBe(1)
    expect(await counted(other)).toBe(0)
    expect(await counted(staff)).toBe(2)
    expect(await counted(staff, `?order=${placed.order_number}`)).toBe(1)
    expect(await counted(staff, `?status=paid`)).toBe(0)
    expect(await counted(staff, `?provider=fake&status=unpaid`)).toBe(2)
  })

  it("say how they can be made now", async () => {
    const { body } = await call("GET", "payments/methods")
    expect(body).toEqual({
      results: [
        { id: "manual", name: "Invoice or bank transfer", is_gateway: false },
        { id: "cod", name: "Cash on delivery", is_gateway: false },
        { id: "fake", name: "Fake gateway (development)", is_gateway: true },
      ],
      card: null,
    })
    expect(await openEvents()).toEqual([])
  })
})
