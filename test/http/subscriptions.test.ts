import { describe, expect, it } from "vitest"

import { call } from "../support/api.ts"
import { standUp } from "../support/gateways/fake-fetch.ts"
import { mailbox } from "../support/mail.ts"
import * as make from "../support/make.ts"
import { person, secret } from "../support/people.ts"
import {
  address,
  countOf,
  fieldsOf,
  roundTrips,
  rows,
  settleAll,
  stockOf,
} from "../support/shop.ts"
import {
  clock,
  cron,
  plan,
  renewals,
  savedMethod,
  standing,
  subscribe,
} from "../support/subscriptions.ts"
import { expectProblem, send } from "../support/wire.ts"

describe("plans", () => {
  it("are made, changed and taken away by staff, each time with a row of the audit", async () => {
    const staff = await make.user("staff")
    const product = await make.product()
    const made = await call("POST", "admin/subscription-plans", {
      as: staff,
      body: {
        name: "Every second week",
        interval: "week",
        interval_count: 2,
        discount_percentage: "12.5",
        trial_days: 7,
        products: [product.id],
        prices: [{ variant: product.id, price: "8.00" }],
        max_cycles: 6,
      },
    })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({
      name: "Every second week",
      interval: "week",
      interval_count: 2,
      discount_percentage: "12.5",
      trial_days: 7,
      products: [{ product_id: product.id, variant_id: null }],
      prices: [{ variant_id: product.id, price: "8.00" }],
      max_cycles: 6,
      active: true,
    })
    const path = `admin/subscription-plans/${made.body.id}`
    const changed = await call("PATCH", path, {
      as: staff,
      body: { max_cycles: null, prices: [] },
    })
    expect(changed.body).toMatchObject({
      max_cycles: null,
      prices: [],
      discount_percentage: "12.5",
    })
    expect((await call("GET", path, { as: staff })).body).toEqual(changed.body)
    expect((await call("DELETE", path, { as: staff })).status).toBe(204)
    expectProblem(await call("GET", path, { as: staff }), 404, "not-found")
    expect(await countOf("subscription_plan_items")).toBe(0)
    expect(await rows("SELECT action FROM audit WHERE action LIKE 'plan.%' ORDER BY id")).toEqual([
      { action: "plan.made" },
      { action: "plan.changed" },
      { action: "plan.removed" },
    ])
  })

  it("are refused with every field that is wrong, and nothing is made", async () => {
    const staff = await make.user("staff")
    const refused = await call("POST", "admin/subscription-plans", {
      as: staff,
      body: {
        name: "",
        interval: "fortnight",
        interval_count: 0,
        trial_days: -1,
        discount_percentage: "101",
        max_cycles: 1.5,
      },
    })
    expectProblem(refused, 400, "invalid-input")
    expect(fieldsOf(refused)).toEqual([
      "discount_percentage",
      "interval",
      "interval_count",
      "max_cycles",
      "name",
      "trial_days",
    ])
    const unknown = await call("POST", "admin/subscription-plans", {
      as: staff,
      body: {
        name: "x",
        interval: "day",
        products: ["nothing"],
        prices: [{ variant: "nobody", price: "1.999" }],
      },
    })
    expect(fieldsOf(unknown)).toEqual(["prices.0.price", "prices.0.variant", "products.0"])
    expect(await countOf("subscription_plans")).toBe(0)
  })

  it("are listed to anybody: those that are offered, and of a product those it can be had by", async () => {
    const [coffee, tea] = [await make.product(), await make.product()]
    const everything = await plan({ name: "Everything" })
    const onlyTea = await plan({ name: "Tea", products: [tea.id] })
    await plan({ name: "Gone", active: false })
    const names = async (query: string) => {
      const { body } = await call("GET", `subscriptions/plans${query}`)
      return body.results.map(({ name }: { name: string }) => name).toSorted()
    }
    expect(await names("")).toEqual(["Everything", "Tea"])
    expect(await names(`?product=${coffee.id}`)).toEqual(["Everything"])
    expect(await names(`?product=${tea.slug}`)).toEqual(["Everything", "Tea"])
    expect(await names("?product=nothing")).toEqual([])
    expect([everything.products, onlyTea.products]).toEqual([
      [],
      [{ product_id: tea.id, variant_id: null }],
    ])
    const answer = await call("GET", "subscriptions/plans?page_size=50")
    expect(answer.headers.get("cache-control")).toContain("public")
    expect(roundTrips(answer)).toBe(2)
    // What staff change is there at once for who asks where they changed it.
    await plan({ name: "Brand new" })
    expect(await names("")).toEqual(["Brand new", "Everything", "Tea"])
  })

  it("that somebody has are kept, and offered to nobody else", async () => {
    const [customer, product, offer] = [await make.user(), await make.product(), await plan()]
    await subscribe(customer, { plan: offer, product })
    const staff = await make.user("staff")
    expect(
      (await call("DELETE", `admin/subscription-plans/${offer.id}`, { as: staff })).status,
    ).toBe(204)
    expect(
      (await call("GET", `admin/subscription-plans/${offer.id}`, { as: staff })).body.active,
    ).toBe(false)
    const late = await subscribe(customer, { plan: offer, product })
    expectProblem(late, 400, "invalid-input")
    expect(fieldsOf(late)).toEqual(["plan"])
  })
})

describe("starting a subscription", () => {
  it("places its first order at the plan's price, at once and together with it", async () => {
    const [customer, product, offer] = [await make.user(), await make.product(), await plan()]
    const { status, body } = await subscribe(customer, { plan: offer, product, quantity: 2 })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      user: customer.id,
      status: "active",
      plan: { id: offer.id, name: "Every month" },
      items: [{ product_id: product.id, quantity: 2, unit_price: "9.00", upcoming_price: null }],
      amount: "18.00",
      balance: "0.00",
      payment_method: "manual",
      cycles: 1,
      order: { total: "18.00", payment: { status: "unpaid", provider: "manual" } },
    })
    const seen = await call("GET", `subscriptions/${body.id}`, { as: customer })
    expect(seen.body.orders).toMatchObject([
      { period: 1, order: body.order.id, status: "invoiced" },
    ])
    expect(seen.body.history).toMatchObject([{ kind: "started", to: "active", version: 1 }])
    expect((await stockOf(product.id)).available).toBe(3)
    expect((await call("GET", "subscriptions", { as: customer })).body.results).toHaveLength(1)
    expect(
      (await call("GET", "subscriptions?status=paused", { as: customer })).body.results,
    ).toEqual([])
  })

  it("twice with one key is one subscription and one order", async () => {
    const [customer, product, offer] = [await make.user(), await make.product(), await plan()]
    const headers = { "idempotency-key": "once" }
    const body = { plan: offer.id, items: [{ product_id: product.id }], shipping_address: address }
    const one = await call("POST", "subscriptions", { as: customer, body, headers })
    const two = await call("POST", "subscriptions", { as: customer, body, headers })
    expect([one.status, two.status, two.body.id]).toEqual([201, 201, one.body.id])
    expect([await countOf("subscriptions"), await countOf("orders")]).toEqual([1, 1])
  })

  it("is refused with everything that is wrong with its items, and nothing is written", async () => {
    const [customer, tea, coffee] = [await make.user(), await make.product(), await make.product()]
    const offer = await plan({ products: [tea.id] })
    const refused = await call("POST", "subscriptions", {
      as: customer,
      body: {
        plan: offer.id,
        items: [{ product_id: coffee.id }, { product_id: "nothing" }, { product_id: tea.id }],
        shipping_address: address,
      },
    })
    expectProblem(refused, 400, "invalid-input")
    expect(fieldsOf(refused)).toEqual(["items.0.product_id", "items.1.product_id"])
    const nowhere = await subscribe(customer, {
      plan: offer,
      product: tea,
      shipping_address: undefined,
    })
    expect(fieldsOf(nowhere)).toEqual(["shipping_address"])
    const short = await subscribe(customer, { plan: offer, product: tea, quantity: 6 })
    expectProblem(short, 409, "out-of-stock")
    const byDoor = await subscribe(customer, { plan: offer, product: tea, payment_method: "cod" })
    expectProblem(byDoor, 400, "payment-method-unavailable")
    expect([await countOf("subscriptions"), await countOf("orders")]).toEqual([0, 0])
    expect((await stockOf(tea.id)).held).toBe(0)
  })

  it("through a gateway needs a method that it keeps of this customer", async () => {
    const gateway = standUp({ payAtOnce: true })
    const [customer, other] = [await make.user(), await make.user()]
    const [product, offer] = [await make.product(), await plan()]
    const none = await subscribe(customer, { plan: offer, product, payment_method: "fake" })
    expect(fieldsOf(none)).toEqual(["saved_method"])
    const theirs = await savedMethod(other, gateway)
    const own = await savedMethod(customer, gateway)
    const stolen = await subscribe(customer, {
      plan: offer,
      product,
      payment_method: "fake",
      saved_method: theirs,
    })
    expect(fieldsOf(stolen)).toEqual(["saved_method"])
    const right = await subscribe(customer, { plan: offer, product, payment_method: "fake" })
    expect(right.body).toMatchObject({
      status: "active",
      saved_method: own,
      order: { payment: { status: "paid" } },
    })
    expect(await countOf("orders")).toBe(1)
  })
})

describe("saved payment methods", () => {
  it("are begun without a charge, listed once given, and forgotten", async () => {
    const gateway = standUp()
    const customer = await make.user()
    const begun = await call("POST", "users/me/payment-methods", {
      as: customer,
      body: { provider: "fake" },
    })
    expect(begun.status).toBe(201)
    expect(begun.body).toMatchObject({ provider: "fake", status: "open" })
    expect(begun.body.client_secret).toMatch(/^seti_/)
    const listed = async () =>
      (await call("GET", "users/me/payment-methods", { as: customer })).body.results
    expect(await listed()).toEqual([])
    const [setup] = gateway.ledger.setups.values()
    const { method } = gateway.ledger.finishSetup(setup!.id)
    expect(await listed()).toEqual([
      {
        id: method,
        provider: "fake",
        kind: "card",
        brand: "visa",
        last4: "4242",
        expires: "2030-12",
      },
    ])
    const other = await make.user()
    expectProblem(
      await call("DELETE", `users/me/payment-methods/${method}`, { as: other }),
      404,
      "not-found",
    )
    const gone = await call("DELETE", `users/me/payment-methods/${method}`, { as: customer })
    expect([gone.status, await listed()]).toEqual([204, []])
    expect(gateway.ledger.payments.size).toBe(0)
  })

  it("of one customer are of one customer at the gateway, however many begin at once", async () => {
    const gateway = standUp()
    const customer = await make.user()
    const begin = () =>
      call("POST", "users/me/payment-methods", { as: customer, body: { provider: "fake" } })
    expect((await Promise.all([begin(), begin(), begin()])).map(({ status }) => status)).toEqual([
      201, 201, 201,
    ])
    expect(gateway.ledger.customers.size).toBe(1)
    expect(await countOf("payment_customers")).toBe(1)
    const off = await call("POST", "users/me/payment-methods", {
      as: customer,
      body: { provider: "manual" },
    })
    expectProblem(off, 400, "payment-method-unavailable")
  })
})

describe("changing a subscription", () => {
  /** One thing of 10.00 a month since 1 March; on the 16th at noon half of the month is over. */
  async function inMarch(over: Record<string, unknown> = {}) {
    clock("2099-03-01T00:00:00.000Z")
    const [customer, product] = [await make.user(), await make.product({ stock_quantity: 50 })]
    const offer = await plan({ discount_percentage: "0", ...over })
    const { body } = await subscribe(customer, { plan: offer, product })
    return { customer, product, offer, id: body.id as string }
  }
  const half = "2099-03-16T12:00:00.000Z"

  /** Staff, signed in now. */
  const staffNow = () => make.user("staff")

  it("prorates the rest of the period, and the next order makes up for it", async () => {
    const { id, product } = await inMarch()
    clock(half)
    const more = await call("PATCH", `subscriptions/${id}`, {
      as: await staffNow(),
      body: { items: [{ product_id: product.id, quantity: 3 }] },
    })
    expect(more.status).toBe(200)
    expect(more.body).toMatchObject({ amount: "30.00", proration: "10.00", balance: "10.00" })
    clock("2099-04-01T00:01:00.000Z")
    await cron()
    // 10.00 on three units is 3.33 each; the cent that is left goes on the next order.
    expect((await renewals(id)).map(({ total_amount }) => total_amount)).toEqual([1000, 3999])
    expect(await standing(id)).toMatchObject({ balance_amount: 1, period: 2 })
    clock("2099-05-01T00:01:00.000Z")
    await cron()
    expect((await renewals(id)).map(({ total_amount }) => total_amount)).toEqual([1000, 3999, 3000])
  })

  it("and changing it back at once leaves nothing to pay", async () => {
    const { id, product } = await inMarch()
    clock(half)
    const staff = await staffNow()
    const to = (quantity: number) =>
      call("PATCH", `subscriptions/${id}`, {
        as: staff,
        body: { items: [{ product_id: product.id, quantity }] },
      })
    expect((await to(7)).body.balance).toBe("30.00")
    expect((await to(1)).body).toMatchObject({ proration: "-30.00", balance: "0.00" })
  })

  it("to another plan takes its prices, and what is given back is taken off the next order", async () => {
    const { id } = await inMarch()
    const cheap = await plan({ name: "Cheap", discount_percentage: "60" })
    clock(half)
    const changed = await call("PATCH", `subscriptions/${id}`, {
      as: await staffNow(),
      body: { plan: cheap.id },
    })
    expect(changed.body).toMatchObject({
      plan: { name: "Cheap" },
      amount: "4.00",
      proration: "-3.00",
      balance: "-3.00",
    })
    clock("2099-04-01T00:01:00.000Z")
    await cron()
    expect((await renewals(id))[1]).toMatchObject({ total_amount: 100, starts: "2099-04-01" })
  })

  it("to another rhythm begins a new period now, less what is left of this one", async () => {
    const { id } = await inMarch()
    const yearly = await plan({ name: "Yearly", interval: "year", discount_percentage: "0" })
    clock(half)
    const changed = await call("PATCH", `subscriptions/${id}`, {
      as: await staffNow(),
      body: { plan: yearly.id },
    })
    expect(changed.body).toMatchObject({ interval: "year", proration: "-5.00" })
    await cron()
    expect((await renewals(id))[1]).toMatchObject({ total_amount: 500, starts: "2099-03-16" })
    expect((await standing(id)).period_end).toBe("2100-03-16T12:00:00.000Z")
  })

  it("gives nothing back of a period whose money went back already", async () => {
    const { id, product } = await inMarch()
    const { order_id } = (
      await rows<{ order_id: string }>("SELECT order_id FROM subscription_renewals")
    )[0]!
    const staff = await make.user("staff")
    const [payment] = await rows<{ id: string }>("SELECT id FROM payments")
    await call("POST", `payments/${payment?.id}/mark-paid`, { as: staff })
    await call("POST", "payments/refunds", { as: staff, body: { order: order_id, reason: "late" } })
    await settleAll()
    clock(half)
    const less = await call("PATCH", `subscriptions/${id}`, {
      as: await staffNow(),
      body: {
        items: [{ product_id: product.id, quantity: 1 }],
        plan: (await plan({ discount_percentage: "90" })).id,
      },
    })
    expect(less.body).toMatchObject({ proration: "0.00", amount: "1.00" })
  })

  it("of where and how it is sent and paid holds from the next order on", async () => {
    const gateway = standUp({ payAtOnce: true })
    const { customer, id } = await inMarch()
    const own = await savedMethod(customer, gateway)
    const patch = (body: object) => call("PATCH", `subscriptions/${id}`, { as: customer, body })
    const leeds = { ...address, city: "Leeds", postal_code: "LS1 1AA" }
    expect((await patch({ shipping_address: leeds })).body).toMatchObject({
      shipping_address: { city: "Leeds" },
      proration: "0.00",
    })
    const york = { ...address, city: "York", postal_code: "YO1 7HH" }
    expect((await patch({ billing_address: york })).body).toMatchObject({
      shipping_address: { city: "Leeds" },
      billing_address: { city: "York" },
    })
    const paying = await patch({ payment_method: "fake", saved_method: own })
    expect(paying.body).toMatchObject({ payment_method: "fake", saved_method: own })
    const wrong = await patch({ saved_method: "pm_of_nobody" })
    expect(fieldsOf(wrong)).toEqual(["saved_method"])
    clock("2099-04-01T00:01:00.000Z")
    await cron()
    const [, next] = await rows<Record<string, string>>(
      "SELECT shipping_address AS sent, billing_address AS billed, payment_method AS paid FROM orders ORDER BY id",
    )
    expect(JSON.parse(next!["sent"]!)).toMatchObject({ city: "Leeds" })
    expect(JSON.parse(next!["billed"]!)).toMatchObject({ city: "York" })
    expect(next!["paid"]).toBe("fake")
  })

  it("of what it is paid with, after a charge that failed, tries again at once", async () => {
    const gateway = standUp({ payAtOnce: true })
    clock("2099-03-01T00:00:00.000Z")
    const [customer, product] = [await make.user(), await make.product({ stock_quantity: 5 })]
    const [old, other] = [
      await savedMethod(customer, gateway),
      await savedMethod(customer, gateway),
    ]
    const { body } = await subscribe(customer, {
      plan: await plan(),
      product,
      payment_method: "fake",
      saved_method: old,
    })
    await settleAll()
    gateway.ledger.behave({ decline: 1 })
    clock("2099-04-01T00:01:00.000Z")
    await cron()
    expect(await standing(body.id)).toMatchObject({ failure: "card_declined", attempts: 1 })
    gateway.ledger.behave({ decline: 0 })
    clock("2099-04-01T08:00:00.000Z")
    const as = await staffNow()
    const invoice = await call("PATCH", `subscriptions/${body.id}`, {
      as,
      body: { payment_method: "manual" },
    })
    expectProblem(invoice, 409, "subscription-not-changeable")
    const changed = await call("PATCH", `subscriptions/${body.id}`, {
      as,
      body: { saved_method: other },
    })
    expect(changed.status).toBe(200)
    expect(await standing(body.id)).toMatchObject({ next_at: "2099-04-01T08:00:00.000Z" })
    await cron()
    expect(await standing(body.id)).toMatchObject({ status: "active", failure: null, attempts: 0 })
  })

  it("of a trial's rhythm changes nothing of the trial", async () => {
    const { id } = await inMarch({ trial_days: 20 })
    const yearly = await plan({ name: "Yearly", interval: "year", discount_percentage: "0" })
    const changed = await call("PATCH", `subscriptions/${id}`, {
      as: await staffNow(),
      body: { plan: yearly.id },
    })
    expect(changed.body).toMatchObject({ status: "trialing", interval: "year", proration: "0.00" })
    expect((await standing(id)).period_end).toBe("2099-03-21T00:00:00.000Z")
    expect(await renewals(id)).toEqual([])
  })

  it("by two at once is done by one after the other, and both are written down", async () => {
    const { id, product } = await inMarch()
    clock(half)
    const staff = await staffNow()
    const all = await Promise.all(
      [2, 3, 4].map((quantity) =>
        call("PATCH", `subscriptions/${id}`, {
          as: staff,
          body: { items: [{ product_id: product.id, quantity }] },
        }),
      ),
    )
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200])
    const seen = await call("GET", `subscriptions/${id}`, { as: staff })
    const { quantity } = seen.body.items[0]
    expect(seen.body.balance).toBe(`${(quantity - 1) * 5}.00`)
    expect(seen.body.history.map(({ version }: { version: number }) => version)).toEqual([
      4, 3, 2, 1,
    ])
  })
})

describe("pausing and cancelling", () => {
  it("pauses until a day, renews nothing meanwhile, and goes on by itself with a new period", async () => {
    clock("2099-03-01T00:00:00.000Z")
    const [customer, product] = [await make.user(), await make.product()]
    const { body } = await subscribe(customer, { plan: await plan(), product })
    const paused = await call("POST", `subscriptions/${body.id}/pause`, {
      as: customer,
      body: { resume_at: "2099-05-10T08:00:00Z" },
    })
    expect(paused.body).toMatchObject({ status: "paused", resume_at: "2099-05-10T08:00:00.000Z" })
    clock("2099-04-01T00:01:00.000Z")
    await cron()
    expect(await renewals(body.id)).toHaveLength(1)
    clock("2099-05-10T08:00:30.000Z")
    await cron()
    await cron()
    expect((await renewals(body.id)).map(({ starts }) => starts)).toEqual([
      "2099-03-01",
      "2099-05-10",
    ])
    expect(await standing(body.id)).toMatchObject({ status: "active", period: 2 })
  })

  it("cancels with the period, which can be taken back until then", async () => {
    clock("2099-03-01T00:00:00.000Z")
    const [customer, product] = [await make.user(), await make.product()]
    const { body } = await subscribe(customer, { plan: await plan(), product })
    const path = `subscriptions/${body.id}`
    const wish = await call("POST", `${path}/cancel`, { as: customer, body: { reason: "Enough" } })
    expect(wish.body).toMatchObject({
      status: "active",
      cancel_at_period_end: true,
      cancellation_reason: "Enough",
      next_renewal_at: null,
    })
    const kept = await call("POST", `${path}/undo-cancel`, { as: customer })
    expect(kept.body).toMatchObject({ cancel_at_period_end: false, cancellation_reason: "" })
    await call("POST", `${path}/cancel`, { as: customer })
    clock("2099-04-01T00:01:00.000Z")
    await cron()
    expect(await standing(body.id)).toMatchObject({ status: "cancelled", next_at: null })
    expect(await renewals(body.id)).toHaveLength(1)
    expect((await mailbox(customer.email)).map(({ template }) => template)).toEqual([
      "subscription-cancelled",
    ])
  })

  it("cancelled now, with its order unpaid, takes the order along; a second time it is refused", async () => {
    const gateway = standUp({ payAtOnce: true })
    const [customer, product] = [await make.user(), await make.product()]
    await savedMethod(customer, gateway, true)
    const { body } = await subscribe(customer, {
      plan: await plan(),
      product,
      payment_method: "fake",
    })
    expect(body.status).toBe("past_due")
    const path = `subscriptions/${body.id}`
    const gone = await call("POST", `${path}/cancel`, { as: customer, body: { at: "now" } })
    expect(gone.body.status).toBe("cancelled")
    await settleAll()
    expect(await renewals(body.id)).toMatchObject([
      { status: "cancelled", order_status: "cancelled" },
    ])
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
    for (const verb of ["cancel", "pause", "resume", "undo-cancel"])
      expectProblem(
        await call("POST", `${path}/${verb}`, { as: customer }),
        409,
        "subscription-not-changeable",
      )
  })

  it("cancelled now gives back what is left of the period, where it is set so", async () => {
    clock("2099-03-01T00:00:00.000Z")
    const [customer, product] = [await make.user(), await make.product()]
    const { body } = await subscribe(customer, { plan: await plan(), product })
    const [payment] = await rows<{ id: string }>("SELECT id FROM payments")
    await call("POST", `payments/${payment?.id}/mark-paid`, { as: await make.user("staff") })
    await settleAll()
    clock("2099-03-16T12:00:00.000Z")
    const answer = await send("POST", `subscriptions/${body.id}/cancel`, {
      as: await make.user("staff"),
      body: { at: "now" },
      over: { SUBSCRIPTION_CANCEL_CREDIT: "on" } as never,
    })
    expect(answer.body.status).toBe("cancelled")
    await settleAll()
    expect(await rows("SELECT amount, status, key FROM refunds")).toEqual([
      { amount: 450, status: "succeeded", key: `subscription:${body.id}:1` },
    ])
  })
})

describe("other prices", () => {
  it("come to those who have a plan by notice only, and with the day that was announced", async () => {
    clock("2099-03-01T00:00:00.000Z")
    const [customer, product, offer] = [await make.user(), await make.product(), await plan()]
    const { body } = await subscribe(customer, { plan: offer, product })
    const staff = await make.user("staff")
    await call("PATCH", `products/${product.id}`, { as: staff, body: { price: "20.00" } })
    const begun = await call("POST", `admin/subscription-plans/${offer.id}/migrate`, {
      as: staff,
      body: { notice_days: 45 },
    })
    expect([begun.status, begun.body]).toEqual([202, { from: "2099-04-15T00:00:00.000Z" }])
    await settleAll()
    const [mail] = await mailbox(customer.email)
    expect(mail?.template).toBe("subscription-price")
    expect(mail?.text).toContain("18.00 USD")
    const seen = await call("GET", `subscriptions/${body.id}`, { as: customer })
    expect(seen.body).toMatchObject({
      amount: "9.00",
      prices_change_at: "2099-04-15T00:00:00.000Z",
      items: [{ unit_price: "9.00", upcoming_price: "18.00" }],
    })
    for (const day of ["04-01", "05-01"]) {
      clock(`2099-${day}T00:01:00.000Z`)
      await cron()
    }
    expect((await renewals(body.id)).map(({ total_amount }) => total_amount)).toEqual([
      900, 900, 1800,
    ])
  })
})

describe("who may", () => {
  it("see and change a subscription: its owner and staff; to others it is not there", async () => {
    const [customer, other, product] = [await make.user(), await make.user(), await make.product()]
    const { body } = await subscribe(customer, { plan: await plan(), product })
    const path = `subscriptions/${body.id}`
    for (const [method, end] of [
      ["GET", ""],
      ["PATCH", ""],
      ["POST", "/pause"],
      ["POST", "/resume"],
      ["POST", "/cancel"],
      ["POST", "/undo-cancel"],
    ] as const) {
      const attempt = { ...(method !== "GET" && { body: {} }) }
      expectProblem(await call(method, path + end, { as: other, ...attempt }), 404, "not-found")
      expectProblem(await call(method, path + end, attempt), 401, "unauthenticated")
    }
    const staff = await make.user("staff")
    expect((await call("GET", path, { as: staff })).status).toBe(200)
    const lists = async (query: string) =>
      (await call("GET", `admin/subscriptions${query}`, { as: staff })).body.results.length
    expect([
      await lists(""),
      await lists(`?status=active&plan=${body.plan.id}`),
      await lists(`?user=${customer.id}`),
      await lists(`?user=${other.id}`),
      await lists("?status=paused"),
    ]).toEqual([1, 1, 1, 0, 0])
  })

  it("take their subscriptions along, and have them forgotten with their account", async () => {
    const gateway = standUp({ payAtOnce: true })
    const customer = await person("customer")
    await savedMethod(customer as never, gateway)
    const product = await make.product()
    const { body } = await subscribe(customer as never, {
      plan: await plan(),
      product,
      payment_method: "fake",
    })
    await settleAll()
    const exported = await call("GET", "users/me/export", { as: customer })
    expect(exported.body.subscriptions).toMatchObject([{ id: body.id, status: "active" }])
    expect(exported.body.payment_customers).toMatchObject([{ provider: "fake" }])
    const erased = await call("DELETE", "users/me", { as: customer, body: { password: secret } })
    expect(erased.status).toBe(204)
    await settleAll()
    expect(
      await rows(
        "SELECT status, shipping_address, billing_address, method_ref, next_at FROM subscriptions",
      ),
    ).toEqual([
      {
        status: "cancelled",
        shipping_address: null,
        billing_address: null,
        method_ref: null,
        next_at: null,
      },
    ])
    expect(await countOf("payment_customers")).toBe(0)
    expect(gateway.ledger.methods.size).toBe(0)
  })
})
