import { Stripe } from "stripe"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"

import { type Listener, startListener } from "../../support/gateways/listener.ts"
import { type Gateways, startGateways } from "../../support/gateways/server.ts"

let shop: Listener
let gateways: Gateways
let stripe: Stripe

beforeAll(async () => {
  shop = await startListener()
  gateways = await startGateways({ shop: shop.url })
  const { hostname: host, port } = new URL(gateways.url)
  stripe = new Stripe(gateways.credentials.stripe.secretKey, {
    host,
    port,
    protocol: "http",
    maxNetworkRetries: 0,
  })
})
beforeEach(() => {
  shop.taken.length = 0
})
afterAll(async () => {
  await gateways.close()
  await shop.close()
})

const card = (number: string) => ({
  type: "card",
  card: { number, exp_month: 12, exp_year: 2034, cvc: "123" },
})
const back = "https://shop.test/back"
const told = (type: string, id: string) =>
  shop.take(({ event }) => event.type === type && event.data.object.id === id)
const failed = (work: Promise<unknown>): Promise<any> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

function intentOf(amount: number, more: object = {}, options: Stripe.RequestOptions = {}) {
  return stripe.paymentIntents.create(
    {
      amount,
      currency: "usd",
      metadata: { payment: `pay_${amount}` },
      ...more,
    } as Stripe.PaymentIntentCreateParams,
    options,
  )
}

describe("the official Stripe SDK, against the gateways", () => {
  it("creates, confirms, captures a part and refunds, with fees in the balance transaction", async () => {
    const made = await intentOf(5000, { capture_method: "manual" })
    expect(made).toMatchObject({
      object: "payment_intent",
      status: "requires_payment_method",
      amount: 5000,
    })
    const held = await stripe.paymentIntents.confirm(made.id, {
      payment_method: "pm_card_visa",
      return_url: back,
    })
    expect(held).toMatchObject({
      status: "requires_capture",
      amount_capturable: 5000,
      amount_received: 0,
    })
    const taken = await stripe.paymentIntents.capture(made.id, {
      amount_to_capture: 4000,
      expand: ["latest_charge.balance_transaction"],
    })
    expect(taken).toMatchObject({
      status: "succeeded",
      amount_received: 4000,
      latest_charge: {
        amount_captured: 4000,
        balance_transaction: { fee: 146, net: 3854, type: "charge" },
      },
    })
    const refund = await stripe.refunds.create({
      payment_intent: made.id,
      amount: 1500,
      metadata: { refund: "rfd_1" },
    })
    expect(refund).toMatchObject({ object: "refund", amount: 1500, status: "succeeded" })
    expect(
      await failed(stripe.refunds.create({ payment_intent: made.id, amount: 2501 })),
    ).toMatchObject({
      type: "StripeInvalidRequestError",
      statusCode: 400,
    })
    await stripe.refunds.create({ payment_intent: made.id })
    expect(await failed(stripe.refunds.create({ payment_intent: made.id }))).toMatchObject({
      code: "charge_already_refunded",
    })
    const listed = await stripe.refunds.list({ payment_intent: made.id })
    expect(listed.data.map(({ amount }) => amount)).toEqual([2500, 1500])
    expect(gateways.parties.stripe.books().payments).toContainEqual(
      expect.objectContaining({
        id: made.id,
        key: "pay_5000",
        captured: 4000,
        refunded: 4000,
        fee: 146,
      }),
    )
  })

  it("makes declines errors of the SDK's own, and lets the payer try another card", async () => {
    const made = await intentOf(2000)
    const error = await failed(
      stripe.paymentIntents.confirm(made.id, {
        payment_method: "pm_card_chargeDeclined",
        return_url: back,
      }),
    )
    expect(error).toBeInstanceOf(Stripe.errors.StripeCardError)
    expect(error).toMatchObject({
      statusCode: 402,
      code: "card_declined",
      decline_code: "generic_decline",
    })
    expect(error.payment_intent).toMatchObject({ id: made.id, status: "requires_payment_method" })
    await told("payment_intent.payment_failed", made.id)
    expect(
      await stripe.paymentIntents.confirm(made.id, {
        payment_method: "pm_card_visa",
        return_url: back,
      }),
    ).toMatchObject({ status: "succeeded", last_payment_error: null })
  })

  it("answers a key with what it answered first, refuses it for anything else, and for what is under way", async () => {
    const options = { idempotencyKey: "key-1" }
    const first = await intentOf(1234, {}, options)
    const again = await intentOf(1234, {}, options)
    expect(again.id).toBe(first.id)
    expect(again.lastResponse.headers["idempotent-replayed"]).toBe("true")
    expect(await failed(intentOf(1235, {}, options))).toMatchObject({
      type: "StripeIdempotencyError",
      statusCode: 400,
    })
    gateways.parties.stripe.script([{ on: "payment_intents$", fault: { delayMs: 300 } }])
    const [one, other] = await Promise.all([
      failed(intentOf(777, {}, { idempotencyKey: "key-2" })),
      failed(
        new Promise((go) => setTimeout(go, 100)).then(() =>
          intentOf(777, {}, { idempotencyKey: "key-2" }),
        ),
      ),
    ])
    expect(one).toBe(undefined)
    expect(other).toMatchObject({ statusCode: 409 })
    // A decline is what became of its key, too.
    const make = () =>
      failed(
        intentOf(
          900,
          { confirm: true, return_url: back, payment_method: "pm_card_chargeDeclined" },
          { idempotencyKey: "key-3" },
        ),
      )
    const [declined, replayed] = [await make(), await make()]
    expect(replayed.payment_intent.id).toBe(declined.payment_intent.id)
    // What was refused before it was looked at leaves its key free.
    expect(await failed(intentOf(1, {}, { idempotencyKey: "key-4" }))).toMatchObject({
      code: "amount_too_small",
    })
    expect(await intentOf(5001, {}, { idempotencyKey: "key-4" })).toMatchObject({ amount: 5001 })
  })

  it("retries by the SDK's own rules when the connection drops after it was done, and pays once", async () => {
    const { hostname: host, port } = new URL(gateways.url)
    const patient = new Stripe(gateways.credentials.stripe.secretKey, {
      host,
      port,
      protocol: "http",
      maxNetworkRetries: 2,
    })
    const before = gateways.parties.stripe.books().payments.length
    gateways.parties.stripe.script([
      { on: "payment_intents$", fault: { drop: "after" } },
      { fault: { status: 503 } },
    ])
    const paid = await patient.paymentIntents.create({
      amount: 3100,
      currency: "usd",
      confirm: true,
      payment_method: "pm_card_visa",
      return_url: back,
    })
    expect(paid.status).toBe("succeeded")
    expect(gateways.parties.stripe.books().payments.length).toBe(before + 1)
  })

  it("signs webhooks that the SDK's verifier takes, and forged ones that it does not", async () => {
    const { webhookSecret } = gateways.credentials.stripe
    gateways.parties.stripe.script([{ on: "confirm$", fault: { forge: true } }])
    const made = await intentOf(4200)
    await stripe.paymentIntents.confirm(made.id, {
      payment_method: "pm_card_visa",
      return_url: back,
    })
    const both = await shop.take(
      ({ event }) => event.type === "payment_intent.succeeded" && event.data.object.id === made.id,
      2,
    )
    const verdicts = both.map(({ body, headers }) => {
      try {
        const signature = String(headers["stripe-signature"])
        return stripe.webhooks.constructEvent(body, signature, webhookSecret).type
      } catch (error) {
        return (error as Error).constructor.name
      }
    })
    expect(verdicts.toSorted()).toEqual([
      "StripeSignatureVerificationError",
      "payment_intent.succeeded",
    ])
    const [good] = both
    expect(good.event).toMatchObject({
      object: "event",
      data: { object: { amount_received: 4200 } },
    })
    expect(await stripe.events.retrieve(good.event.id)).toMatchObject({
      type: "payment_intent.succeeded",
    })
  })

  it("asks for authentication while the payer is there, and declines without them", async () => {
    const made = await intentOf(2500)
    const asked = await stripe.paymentIntents.confirm(made.id, {
      payment_method: "pm_card_authenticationRequired",
      return_url: back,
    })
    expect(asked.status).toBe("requires_action")
    const page = await fetch(String(asked.next_action?.redirect_to_url?.url))
    expect(await page.text()).toContain("Your bank asks whether this is you.")
    const answered = await fetch(page.url, {
      method: "POST",
      body: new URLSearchParams({ card: "4242424242424242" }),
      redirect: "manual",
    })
    expect([answered.status, answered.headers.get("location")]).toEqual([303, back])
    expect((await stripe.paymentIntents.retrieve(made.id)).status).toBe("succeeded")
  })

  it("keeps a customer's card and charges it later, without them", async () => {
    const customer = await stripe.customers.create({ email: "ada@nexus.test" })
    const setup = await stripe.setupIntents.create({
      customer: customer.id,
      allowed_payment_method_types: ["card"],
    })
    expect(setup.client_secret).toContain(`${setup.id}_secret_`)
    expect(gateways.parties.stripe.pay(setup.id, "4242424242424242").failure).toBe(null)
    const [kept] = (await stripe.customers.listPaymentMethods(customer.id)).data
    expect(kept).toMatchObject({ customer: customer.id, card: { last4: "4242", brand: "visa" } })
    expect(kept).not.toHaveProperty("number")
    const off = { customer: customer.id, confirm: true, off_session: true, return_url: back }
    expect(await intentOf(1900, { ...off, payment_method: kept?.id })).toMatchObject({
      status: "succeeded",
      customer: customer.id,
    })
    const later = await stripe.paymentMethods.create(
      card("4000000000000341") as Stripe.PaymentMethodCreateParams,
    )
    await stripe.paymentMethods.attach(later.id, { customer: customer.id })
    expect(await failed(intentOf(1900, { ...off, payment_method: later.id }))).toMatchObject({
      code: "card_declined",
    })
    const challenged = await stripe.paymentMethods.attach("pm_card_authenticationRequired", {
      customer: customer.id,
    })
    expect(await failed(intentOf(1900, { ...off, payment_method: challenged.id }))).toMatchObject({
      code: "authentication_required",
    })
    await stripe.paymentMethods.detach(later.id)
    expect((await stripe.paymentMethods.list({ customer: customer.id })).data.length).toBe(2)
  })

  it("finds and lists intents, page by page, and disputes with their cost", async () => {
    const made = await intentOf(6600, { metadata: { payment: "pay_findme" } })
    const found = await stripe.paymentIntents.search({ query: `metadata['payment']:'pay_findme'` })
    expect(found.data.map(({ id }) => id)).toEqual([made.id])
    const seen: string[] = []
    for await (const { id } of stripe.paymentIntents.list({ limit: 3, created: { gte: 1 } }))
      seen.push(id)
    expect(seen.length).toBe(new Set(seen).size)
    expect(seen).toContain(made.id)
    await stripe.paymentIntents.confirm(made.id, {
      payment_method: "pm_card_createDispute",
      return_url: back,
    })
    const [dispute] = (await stripe.disputes.list({ payment_intent: made.id })).data
    expect(dispute).toMatchObject({ amount: 6600, status: "needs_response", reason: "fraudulent" })
    expect(await failed(stripe.refunds.create({ payment_intent: made.id }))).toMatchObject({
      code: "charge_disputed",
    })
    gateways.parties.stripe.dispute(made.id, "won")
    expect((await stripe.disputes.retrieve(String(dispute?.id))).status).toBe("won")
  })

  it("gives up what was not taken, and refuses what cannot be: amounts, parameters, states, keys", async () => {
    const made = await intentOf(1500)
    expect(
      await stripe.paymentIntents.cancel(made.id, { cancellation_reason: "abandoned" }),
    ).toMatchObject({
      status: "canceled",
    })
    expect(await failed(stripe.paymentIntents.cancel(made.id))).toMatchObject({
      code: "payment_intent_unexpected_state",
    })
    expect(await failed(intentOf(150, { currency: "isk" }))).toMatchObject({
      code: "invalid_charge_amount_no_decimal_compatible",
    })
    expect(await failed(intentOf(1001, { currency: "kwd" }))).toMatchObject({ param: "amount" })
    expect(await failed(intentOf(1500, { colour: "red" }))).toMatchObject({
      code: "parameter_unknown",
      param: "colour",
    })
    expect(await failed(stripe.paymentIntents.retrieve("pi_none"))).toMatchObject({
      statusCode: 404,
    })
    const { hostname: host, port } = new URL(gateways.url)
    const stranger = new Stripe("sk_test_other", {
      host,
      port,
      protocol: "http",
      maxNetworkRetries: 0,
    })
    expect(await failed(stranger.customers.list())).toBeInstanceOf(
      Stripe.errors.StripeAuthenticationError,
    )
  })

  it("says of a refund that it is on its way, and then that it came back", async () => {
    const made = await intentOf(2600)
    await stripe.paymentIntents.confirm(made.id, {
      payment_method: "pm_card_pendingRefund",
      return_url: back,
    })
    const refund = await stripe.refunds.create({ payment_intent: made.id, amount: 600 })
    expect(refund.status).toBe("pending")
    gateways.parties.stripe.settleRefunds("failed")
    expect(await stripe.refunds.retrieve(refund.id)).toMatchObject({
      status: "failed",
      failure_reason: "expired_or_canceled_card",
    })
    expect(
      await stripe.paymentIntents.retrieve(made.id, { expand: ["latest_charge"] }),
    ).toMatchObject({
      latest_charge: { amount_refunded: 0 },
    })
  })
})
