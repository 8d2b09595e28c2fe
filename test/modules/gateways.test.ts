import { describe, expect, it, vi } from "vitest"

import { expireUnpaid } from "#modules/checkout/expiry.ts"
import * as due from "#modules/payments/due.ts"
import { gatewayOf } from "#modules/payments/gateways.ts"

import { call } from "../support/api.ts"
import { booksOf } from "../support/books.ts"
import { ctx } from "../support/ctx.ts"
import { badCard } from "../support/gateways/cards.ts"
import { standIn, type StandIns } from "../support/gateways/stand-in.ts"
import * as make from "../support/make.ts"
import { countOf, order, rows, settleAll, stockOf } from "../support/shop.ts"

const quiet = () => vi.spyOn(console, "error").mockImplementation(() => {})
const later = (ms: number) => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms })
const minute = 60_000
const names = ["stripe", "paypal", "square"] as const
type Name = (typeof names)[number]

/** An order of two things of 10.00, five in stock, to be paid through a gateway. */
async function waiting(name: Name, over: Record<string, unknown> = {}) {
  const [customer, product] = [await make.user(), await make.product({ stock_quantity: 5 })]
  const answer = await order([{ product_id: product.id, quantity: 2 }], customer, {
    payment_method: name,
    return_url: "http://localhost:3000/thanks",
    ...over,
  })
  expect(answer.status).toBe(201)
  const { id, payment } = answer.body
  return { customer, product, id: id as string, payment, placed: answer.body }
}

/** The same, paid, and everything that follows done. */
async function paid(world: StandIns, name: Name, over: Record<string, unknown> = {}) {
  const made = await waiting(name, over)
  world.pay(name, made.payment)
  await world.send(name)
  await settleAll()
  await world.send(name)
  await settleAll()
  return made
}

async function standing(id: string, productId: string) {
  const [row] = await rows<Record<string, any>>(
    "SELECT status, payment_status, paid_amount, refunded_amount FROM orders WHERE id = ?",
    id,
  )
  const { onHand, held } = await stockOf(productId)
  return { ...row, onHand, held } as Record<string, unknown>
}

/** Whether an order says when it was paid. */
async function wasPaid(id: string): Promise<boolean> {
  const [row] = await rows("SELECT paid_at FROM orders WHERE id = ?", id)
  return row?.["paid_at"] !== null
}

/** Where the gateway sends the payer's browser. */
async function wayBack(id: string): Promise<string> {
  const [row] = await rows("SELECT return_token AS token FROM payments WHERE id = ?", id)
  return `payments/return/${row?.["token"]}`
}

const untouched = {
  status: "pending",
  payment_status: "unpaid",
  paid_amount: 0,
  refunded_amount: 0,
  onHand: 5,
  held: 2,
}
const sold = {
  status: "confirmed",
  payment_status: "paid",
  paid_amount: 2000,
  refunded_amount: 0,
  onHand: 3,
  held: 0,
}

describe.each(names)("an order through %s", (name) => {
  it("is sold once its payer has paid, whatever it is told twice, and only what is ours counts", async () => {
    quiet()
    const world = standIn()
    const { id, product, payment, customer } = await waiting(name)
    expect(payment).toMatchObject({ provider: name, status: "unpaid", amount: "20.00" })
    expect(payment.client_secret ?? payment.redirect_url).toBeTruthy()
    await settleAll()
    expect(await standing(id, product.id)).toEqual(untouched)
    world.pay(name, payment)
    const first = world.take(name)
    expect(first.length).toBeGreaterThan(0)
    for (const told of [first, first])
      for (const { status } of await world.send(name, told)) expect(status).toBe(200)
    await settleAll()
    const rest = world.take(name).toReversed()
    for (const { status } of await world.send(name, rest)) expect(status).toBe(200)
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
    const { body } = await call("GET", `payments/${payment.id}`, { as: customer })
    expect(body).toMatchObject({ status: "paid", captured: "20.00", refunds: [], disputes: [] })
    const [row] = await rows("SELECT capture_ref FROM payments WHERE id = ?", payment.id)
    expect(row?.capture_ref).toBeTruthy()
    expect(world.parties[name].books().payments).toMatchObject([{ captured: 2000 }])
    expect(await rows("SELECT * FROM gateway_events WHERE outcome = 'quarantined'")).toEqual([])
  })

  it("hears of the payment before it is answered, and still tells how it is paid", async () => {
    const world = standIn()
    world.early = async (party) => {
      if (party.name === name && party.news.length > 0) await world.send(name)
    }
    const { payment } = await waiting(name)
    expect(payment.client_secret ?? payment.redirect_url).toBeTruthy()
    world.early = undefined
    world.pay(name, payment)
    await world.send(name)
    await settleAll()
    expect(await rows("SELECT status FROM payments")).toEqual([{ status: "paid" }])
  })

  it("keeps an event of another amount aside, with an alarm, and changes nothing", async () => {
    const logged = quiet()
    const world = standIn()
    const { id, product, payment } = await waiting(name)
    world.pay(name, payment)
    const told = world.take(name).map((one) => world.parties[name].drifted(one))
    for (const { status } of await world.send(name, told)) expect(status).toBe(200)
    await settleAll()
    expect(await standing(id, product.id)).toEqual(untouched)
    const kept = await rows("SELECT outcome, reason FROM gateway_events WHERE outcome <> 'ignored'")
    expect(kept.length).toBeGreaterThan(0)
    for (const one of kept) expect(one).toEqual({ outcome: "quarantined", reason: "amount" })
    expect(logged.mock.calls.flat().join(" ")).toContain("webhook quarantined")
  })

  it("is found paid by the sweep when every webhook is lost", async () => {
    const world = standIn()
    const { id, product, payment } = await waiting(name)
    world.pay(name, payment)
    world.take(name)
    later(2 * minute)
    await due.checkPayments(ctx())
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
  })

  it("is found by the sweep although the answer to its start was lost", async () => {
    quiet()
    const world = standIn()
    world.parties[name].script([
      {
        on: "^POST .*(?:payment_intents|orders|payment-links)$",
        // Stripe's client asks once more by itself.
        times: name === "stripe" ? 2 : 1,
        fault: { drop: "after" },
      },
    ])
    const { id, product, payment, customer } = await waiting(name)
    expect(payment).toMatchObject({ status: "unpaid" })
    const again = await call("POST", "payments", { as: customer, body: { order: id } })
    expect(again.body.id).toBe(payment.id)
    expect(again.body.client_secret ?? again.body.redirect_url).toBeTruthy()
    world.pay(name, again.body)
    world.take(name)
    later(2 * minute)
    await due.checkPayments(ctx())
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
    expect(world.parties[name].books().payments).toHaveLength(1)
  })

  it("is known to be paid when its payer comes back, and they go on to the shop", async () => {
    const world = standIn()
    const { id, product, payment } = await waiting(name)
    world.pay(name, payment)
    world.take(name)
    const back = await call("GET", `${await wayBack(payment.id)}?token=x`)
    expect([back.status, back.headers.get("location")]).toEqual([
      303,
      `http://localhost:3000/thanks?payment=${payment.id}`,
    ])
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
  })

  it("waits on when the payer is declined, and is paid with another card", async () => {
    quiet()
    const world = standIn()
    const { id, product, payment } = await waiting(name)
    world.pay(name, payment, badCard)
    await world.send(name)
    await settleAll()
    expect(await standing(id, product.id)).toMatchObject({ status: "pending", paid_amount: 0 })
    const [declined] = await rows("SELECT status, failure FROM payments")
    expect(declined?.status).toBe("failed")
    expect(declined?.failure).toMatch(/decline/i)
    world.pay(name, payment)
    await world.send(name)
    await settleAll()
    expect(await standing(id, product.id)).toMatchObject({ status: "confirmed", paid_amount: 2000 })
  })

  it("is given up at the gateway with the order: what is paid all the same goes back", async () => {
    const world = standIn()
    const { id, customer, payment } = await waiting(name)
    await call("POST", `orders/${id}/cancel`, { as: customer, body: {} })
    await settleAll()
    expect(await rows("SELECT status FROM payments")).toEqual([{ status: "voided" }])
    expect(world.parties[name].books().payments).toEqual([])
    expect(payment.id).toBeTruthy()
  })

  it("is given back when it is cancelled after it was paid", async () => {
    const world = standIn()
    const { id, customer, product } = await paid(world, name)
    await call("POST", `orders/${id}/cancel`, { as: customer, body: {} })
    await settleAll()
    await world.send(name)
    await settleAll()
    later(2 * minute)
    await due.checkRefunds(ctx())
    await settleAll()
    expect(await standing(id, product.id)).toMatchObject({
      status: "cancelled",
      payment_status: "refunded",
      refunded_amount: 2000,
      onHand: 5,
    })
    expect(await rows("SELECT status FROM refunds")).toEqual([{ status: "succeeded" }])
    expect(world.parties[name].books().payments[0]).toMatchObject({
      captured: 2000,
      refunded: 2000,
    })
  })

  it("sends nothing while a bank holds the money, and goes on when it comes back", async () => {
    const world = standIn()
    const { id, customer, product } = await paid(world, name)
    const staff = await make.user("staff")
    dispute(world, name)
    await world.send(name)
    await settleAll()
    expect(await standing(id, product.id)).toMatchObject({
      status: "confirmed",
      payment_status: "disputed",
      paid_amount: 2000,
      refunded_amount: 0,
    })
    const ship = () => call("POST", `admin/orders/${id}/fulfilments`, { as: staff, body: {} })
    expect([(await ship()).status, (await ship()).body.code]).toEqual([409, "order-disputed"])
    const refund = await call("POST", "payments/refunds", {
      as: staff,
      body: { order: id, reason: "Asked" },
    })
    expect([refund.status, refund.body.refundable]).toEqual([409, "0.00"])
    dispute(world, name, "won")
    await world.send(name)
    await settleAll()
    expect((await standing(id, product.id)).payment_status).toBe("paid")
    expect((await ship()).status).toBe(201)
    const detail = await call("GET", `orders/${id}`, { as: customer })
    const { body } = await call("GET", `payments/${detail.body.payments[0].id}`, { as: customer })
    expect(body.disputes).toMatchObject([{ status: "won", amount: "20.00", currency: "USD" }])
  })

  it("counts as given back when the dispute is lost, whichever news come first", async () => {
    const world = standIn()
    const { id, product } = await paid(world, name)
    dispute(world, name)
    dispute(world, name, "lost")
    const told = world.take(name).toReversed()
    for (const { status } of await world.send(name, told)) expect(status).toBe(200)
    await world.send(name, told)
    await settleAll()
    expect(await standing(id, product.id)).toMatchObject({
      payment_status: "refunded",
      paid_amount: 2000,
      refunded_amount: 2000,
    })
    expect(await rows("SELECT status, amount FROM disputes")).toEqual([
      { status: "lost", amount: 2000 },
    ])
    expect(await countOf("refunds")).toBe(0)
  })
})

describe.each(names)("in the pages of %s", (name) => {
  /** Gives some of the only payment back there, by hand. */
  async function giveBack(amount: number, key = "as the customer asked") {
    const [payment] = await rows<{ gateway_ref: string; capture_ref: string | null }>(
      "SELECT gateway_ref, capture_ref FROM payments",
    )
    if (!payment) throw new Error("no payment")
    const { gateway_ref: ref, capture_ref: captureRef } = payment
    await gatewayOf(ctx(), name)?.refund({ ref, captureRef }, { amount, currency: "USD" }, key)
  }

  it("a refund is made: the order shows it, once, and what is left can be given back", async () => {
    const world = standIn()
    const { id, product } = await paid(world, name)
    await giveBack(500)
    const told = world.take(name)
    await world.send(name, told)
    await world.send(name, told.toReversed())
    await settleAll()
    expect(await standing(id, product.id)).toEqual({
      ...sold,
      payment_status: "partially_refunded",
      refunded_amount: 500,
    })
    expect(await rows("SELECT amount, status, reason FROM refunds")).toEqual([
      { amount: 500, status: "succeeded", reason: "Made at the gateway." },
    ])
    const { fees = 0, ...books } = await booksOf(id)
    expect(books).toEqual({ [`gateway:${name}`]: 1500 - fees, sales: -1500 })
    const staff = await make.user("staff")
    const refund = await call("POST", "payments/refunds", {
      as: staff,
      body: { order: id, amount: "15.01", reason: "Late" },
    })
    expect([refund.status, refund.body.refundable]).toEqual([409, "15.00"])
  })

  it("a refund with a key of ours that we never made is kept aside", async () => {
    quiet()
    const world = standIn()
    const { id, product } = await paid(world, name)
    await giveBack(500, "rfd_01kaeq4w8s0000000000000000")
    await world.send(name)
    await settleAll()
    expect(await standing(id, product.id)).toEqual(sold)
    expect(await rows("SELECT DISTINCT reason FROM gateway_events WHERE reason <> ''")).toEqual([
      { reason: "unknown-refund" },
    ])
  })

  it("money is disputed that we have not heard of yet: it is asked for", async () => {
    quiet()
    const world = standIn()
    const { id, product, payment } = await waiting(name)
    world.pay(name, payment)
    // What was approved there is taken by us.
    if (name === "paypal") await world.send(name)
    if (name === "paypal") await settleAll()
    world.take(name)
    dispute(world, name)
    for (const { status } of await world.send(name)) expect(status).toBe(200)
    await settleAll()
    // Square names but its own payment, which the shop has yet to hear of.
    if (name === "square") {
      await call("POST", "admin/payments/reconcile", { as: await make.user("staff") })
      await settleAll()
    }
    expect(await standing(id, product.id)).toMatchObject({
      payment_status: "disputed",
      paid_amount: 2000,
    })
    expect(await wasPaid(id)).toBe(true)
  })

  it("a dispute is opened and lost unheard: a comparison finds out, once", async () => {
    const world = standIn()
    const { id, product } = await paid(world, name)
    const compare = async () => {
      const staff = await make.user("staff")
      const begun = await call("POST", "admin/payments/reconcile", { as: staff })
      await settleAll()
      const path = `admin/payments/reconciliations/${begun.body.id}`
      const { body } = await call("GET", `${path}/findings`, { as: staff })
      return (body.results as Record<string, string>[])
        .filter(({ kind, provider }) => provider === name && kind !== "fee-noted")
        .map(({ outcome, detail }) => `${outcome}: ${detail}`)
    }
    dispute(world, name)
    expect(await compare()).toEqual(["repaired: A dispute was not known, and is open over 20.00."])
    expect((await standing(id, product.id)).payment_status).toBe("disputed")
    dispute(world, name, "lost")
    later(5 * 24 * 60 * minute)
    expect(await compare()).toEqual([
      "repaired: A dispute was open over 20.00, and is lost over 20.00.",
    ])
    expect(await standing(id, product.id)).toMatchObject({
      payment_status: "refunded",
      refunded_amount: 2000,
    })
    expect(await compare()).toEqual([])
  })
})

describe("an order that is not confirmed yet", () => {
  it("is confirmed although a part of what was paid went back already", async () => {
    const world = standIn()
    const { id, product, payment } = await waiting("stripe")
    world.pay("stripe", payment)
    const [intent] = [...world.parties.stripe.table("pi").values()]
    await gatewayOf(ctx(), "stripe")?.refund(
      { ref: intent.id, captureRef: null },
      { amount: 500, currency: "USD" },
      "by hand",
    )
    await world.send("stripe")
    await settleAll()
    expect(await standing(id, product.id)).toEqual({
      ...sold,
      payment_status: "partially_refunded",
      refunded_amount: 500,
    })
    expect(await wasPaid(id)).toBe(true)
  })

  it("is cancelled when its payer's bank took the money back, and is never sent", async () => {
    const world = standIn()
    const { id, product, payment } = await waiting("stripe")
    world.pay("stripe", payment)
    dispute(world, "stripe")
    dispute(world, "stripe", "lost")
    await world.send("stripe")
    const staff = await make.user("staff")
    const confirm = await call("PATCH", `orders/${id}/status`, {
      as: staff,
      body: { status: "confirmed" },
    })
    expect(confirm.status).toBe(409)
    await settleAll()
    expect(await standing(id, product.id)).toEqual({
      status: "cancelled",
      payment_status: "refunded",
      paid_amount: 2000,
      refunded_amount: 2000,
      onHand: 5,
      held: 0,
    })
    expect(await countOf("refunds")).toBe(0)
  })
})

it("money of a cancelled order that a bank held goes back when the bank lets it go", async () => {
  quiet()
  const world = standIn()
  const { id, customer, product } = await paid(world, "stripe")
  dispute(world, "stripe")
  // The bank has it, and the shop has not heard so: the gateway refuses.
  await call("POST", `orders/${id}/cancel`, { as: customer, body: {} })
  await settleAll()
  expect(await rows("SELECT status, gateway_ref FROM refunds")).toEqual([
    { status: "failed", gateway_ref: null },
  ])
  await world.send("stripe")
  await settleAll()
  expect(await countOf("refunds")).toBe(1)
  dispute(world, "stripe", "won")
  await world.send("stripe")
  await settleAll()
  expect(await standing(id, product.id)).toMatchObject({
    status: "cancelled",
    payment_status: "refunded",
    refunded_amount: 2000,
  })
  expect(world.parties.stripe.books().payments[0]).toMatchObject({ refunded: 2000, disputed: 0 })
})

it("a dispute of other figures, or with another end than it had, is kept aside", async () => {
  quiet()
  const world = standIn()
  const { id, product } = await paid(world, "stripe")
  dispute(world, "stripe")
  const [open] = world.take("stripe").filter(({ type }) => type === "charge.dispute.created")
  const altered = (eventId: string, over: Record<string, unknown>) => {
    const copy = structuredClone(open)
    if (!copy) throw new Error("no dispute")
    copy.body["id"] = eventId
    Object.assign(copy.body["data"].object, over)
    return copy
  }
  const events = [
    altered("evt_dear", { amount: 2001 }),
    altered("evt_foreign", { currency: "eur" }),
    altered("evt_nobody", { payment_intent: "pi_nobody", charge: "ch_nobody" }),
    altered("evt_won", { status: "won" }),
    altered("evt_late", {}),
    altered("evt_lost", { status: "lost" }),
  ]
  for (const { status } of await world.send("stripe", events)) expect(status).toBe(200)
  await settleAll()
  const kept = await rows(
    "SELECT event_id, outcome, reason FROM gateway_events WHERE kind LIKE 'charge.dispute.%' ORDER BY rowid",
  )
  expect(kept.map(({ event_id, outcome, reason }) => [event_id, outcome, reason])).toEqual([
    ["evt_dear", "quarantined", "dispute-amount"],
    ["evt_foreign", "quarantined", "dispute-currency"],
    ["evt_nobody", "quarantined", "unknown-payment"],
    ["evt_won", "applied", null],
    ["evt_late", "ignored", null],
    ["evt_lost", "quarantined", "dispute-over"],
  ])
  expect(await standing(id, product.id)).toEqual(sold)
})

/** The payer's bank takes the money back, or decides. */
function dispute(world: StandIns, name: Name, outcome?: "won" | "lost") {
  const party = world.parties[name]
  const [booked] = party.books().payments
  party.dispute(booked?.id ?? "", outcome)
}

it.each(["stripe", "paypal"] as const)("%s holds the money until staff take it", async (name) => {
  const world = standIn({ capture: "manual" })
  const { id, product, payment } = await waiting(name)
  world.pay(name, payment)
  await world.send(name)
  await settleAll()
  expect(await standing(id, product.id)).toMatchObject({
    payment_status: "authorized",
    paid_amount: 0,
    held: 0,
    onHand: 3,
  })
  const staff = await make.user("staff")
  const taken = await call("POST", `payments/${payment.id}/capture`, {
    as: staff,
    body: { amount: "15.00" },
  })
  expect(taken.body).toMatchObject({ status: "paid", captured: "15.00" })
  await world.send(name)
  await settleAll()
  expect(world.parties[name].books().payments[0]).toMatchObject({ captured: 1500 })
})

describe("a payment that its gateway does not take at all", () => {
  function refuseAll() {
    standIn()
    vi.mocked(fetch).mockImplementation(async () =>
      Response.json(
        { error: { type: "invalid_request_error", code: "amount_too_small", message: "…" } },
        { status: 400 },
      ),
    )
  }

  it("has failed, and the order can be paid otherwise", async () => {
    quiet()
    refuseAll()
    const { id, customer, payment } = await waiting("stripe")
    expect(payment).toMatchObject({ status: "failed", failure: "amount_too_small" })
    const other = await call("POST", "payments", {
      as: customer,
      body: { order: id, provider: "manual" },
    })
    expect(other.body).toMatchObject({ provider: "manual", status: "unpaid" })
  })

  it("holds no stock for longer than any other: the order runs out", async () => {
    quiet()
    refuseAll()
    const { id, product } = await waiting("stripe")
    later(31 * minute)
    expect(await expireUnpaid(ctx())).toBe(1)
    await settleAll()
    expect(await standing(id, product.id)).toMatchObject({ status: "cancelled", held: 0 })
    expect(await rows("SELECT status, failure FROM payments")).toEqual([
      { status: "voided", failure: "amount_too_small" },
    ])
  })
})

it.each([
  ["stripe", "pi"],
  ["paypal", "orders"],
  ["square", "orders"],
] as const)("an order that nobody paid runs out though %s has forgotten it", async (name, kind) => {
  quiet()
  const world = standIn()
  const { id, product } = await waiting(name)
  world.parties[name].table(kind).clear()
  later(31 * minute)
  expect(await expireUnpaid(ctx())).toBe(1)
  await settleAll()
  expect(await standing(id, product.id)).toMatchObject({
    status: "cancelled",
    payment_status: "voided",
    held: 0,
  })
})

describe("a payer's browser", () => {
  it("is sent nowhere but to the shop's own pages", async () => {
    standIn()
    const customer = await make.user()
    const product = await make.product({ stock_quantity: 5 })
    const answer = await order([{ product_id: product.id, quantity: 1 }], customer, {
      payment_method: "stripe",
      return_url: "https://evil.test/thanks",
    })
    expect(answer.status).toBe(400)
    expect(answer.body.errors).toMatchObject([{ field: "return_url" }])
    expect(await countOf("orders")).toBe(0)
  })

  it("that comes back to nothing we know of is told so", async () => {
    standIn()
    expect((await call("GET", "payments/return/nobodys")).status).toBe(404)
  })

  it("is told what became of its payment when there is nowhere to go", async () => {
    const world = standIn()
    const { payment } = await waiting("paypal", { return_url: undefined })
    world.pay("paypal", payment)
    const { status, body } = await call("GET", await wayBack(payment.id))
    expect([status, body]).toEqual([200, { id: payment.id, status: "paid" }])
  })
})

describe("the methods", () => {
  it("name no gateway that is not set up", async () => {
    const { body } = await call("GET", "payments/methods")
    expect(body.results.map(({ id }: any) => id)).toEqual(["manual", "cod", "fake"])
  })

  it("name the gateways that are set up", async () => {
    standIn()
    const { body } = await call("GET", "payments/methods")
    expect(body.results.map(({ id }: any) => id)).toEqual([
      "manual",
      "cod",
      "stripe",
      "paypal",
      "square",
      "fake",
    ])
  })
})
