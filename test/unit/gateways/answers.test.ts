import { afterEach, describe, expect, it, vi } from "vitest"

import type { Asked } from "#modules/payments/gateway.ts"
import { paypal } from "#modules/payments/gateways/paypal.ts"
import { square } from "#modules/payments/gateways/square.ts"
import { stripe } from "#modules/payments/gateways/stripe.ts"

afterEach(() => vi.restoreAllMocks())

type Said = { status?: number; body?: unknown; headers?: Record<string, string> }

/** Answers each `POST /path` with what is said of it, one after the other, the last for ever; tells what was asked. */
function answering(said: Record<string, Said | Said[]>) {
  const asked: {
    origin: string
    line: string
    query: URLSearchParams
    headers: Headers
    text: string
  }[] = []
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input as RequestInfo, init)
    const url = new URL(request.url)
    const line = `${request.method} ${url.pathname}`
    asked.push({
      origin: url.origin,
      line,
      query: url.searchParams,
      headers: request.headers,
      text: await request.text(),
    })
    const all = said[line]
    const answer = Array.isArray(all) ? (all.length > 1 ? all.shift() : all[0]) : all
    if (!answer) throw new TypeError(`nobody said what ${line} answers`)
    const { status = 200, body = {}, headers = {} } = answer
    return new Response(JSON.stringify(body), {
      status,
      headers: { "content-type": "application/json", ...headers },
    })
  })
  return {
    asked,
    lines: () => asked.map(({ line }) => line).filter((line) => !line.endsWith("/oauth2/token")),
    keyOf: (line: string) =>
      asked.find((one) => one.line === line)?.headers.get("paypal-request-id"),
  }
}

const payment = (over: Partial<Asked> = {}): Asked => ({
  key: "pay_1",
  reference: "ord_1",
  amount: 1200,
  currency: "EUR",
  capture: "automatic",
  returnUrl: undefined,
  ref: "REF",
  captureRef: null,
  ...over,
})
const known = { ref: "REF", captureRef: null }
const eur = (amount: number) => ({ amount, currency: "EUR" })
const refused = (failure: string) => ({ code: "payment-refused", details: { failure } })
const unavailable = { code: "unavailable" }

describe("PayPal, asked", () => {
  const settings = { clientId: "id", clientSecret: "secret", webhookId: "WH", isSandbox: true }
  const ask = () => paypal({ ...settings, apiUrl: "http://paypal.test" })
  const token = { "POST /v1/oauth2/token": { body: { access_token: "T" } } }
  const order = "/v2/checkout/orders/REF"
  const hold = "/v2/payments/authorizations/AUTH"
  const money = { value: "12.00", currency_code: "EUR" }
  const orderOf = (payments?: object, given: object = {}) => ({
    body: {
      id: "REF",
      status: "CREATED",
      purchase_units: [{ amount: money, custom_id: "ord_1", ...(payments && { payments }) }],
      ...given,
    },
  })
  const approved = orderOf(undefined, { status: "APPROVED" })
  const paid = orderOf({ captures: [{ id: "CAP", status: "COMPLETED", amount: money }] })
  const held = orderOf({ authorizations: [{ id: "AUTH", status: "CREATED", amount: money }] })
  const issue = (name: string) => ({
    status: 422,
    body: { name: "UNPROCESSABLE_ENTITY", details: [{ issue: name }] },
  })
  const gone = { status: 404, body: { name: "RESOURCE_NOT_FOUND" } }
  const busy = { status: 409, body: { name: "RESOURCE_CONFLICT" } }

  it("refuses what it cannot count, and nothing is sent", async () => {
    const { asked } = answering({})
    const dinars = { amount: 1250, currency: "KWD" }
    await expect(ask().start(payment(dinars))).rejects.toMatchObject(refused("amount-not-taken"))
    expect(await ask().refund({ ref: "REF", captureRef: "CAP" }, dinars, "rfd_1")).toEqual({
      ref: "",
      status: "failed",
      failure: "amount-not-taken",
    })
    expect(asked).toEqual([])
  })

  it("for what it does not have says that there is none", async () => {
    answering({
      ...token,
      "POST /v2/checkout/orders": gone,
      [`GET ${order}`]: gone,
      "POST /v2/payments/captures/CAP/refund": gone,
      "GET /v2/payments/refunds/R": gone,
      "GET /v1/reporting/transactions": gone,
      "GET /v1/customer/disputes": gone,
      "GET /v1/customer/disputes/D": gone,
    })
    const none = refused("RESOURCE_NOT_FOUND")
    await expect(ask().start(payment())).rejects.toMatchObject(none)
    expect(await ask().find(payment())).toBeUndefined()
    expect(await ask().refund({ ref: "REF", captureRef: "CAP" }, eur(500), "rfd_1")).toEqual({
      ref: "",
      status: "failed",
      failure: "RESOURCE_NOT_FOUND",
    })
    const refund = { key: "rfd_1", ref: "R", ...eur(500), payment: known }
    expect(await ask().findRefund(refund)).toBeUndefined()
    const nothing = { payments: [], refunds: [], disputes: [] }
    expect(await ask().list?.(new Date(0))).toEqual({ ...nothing, next: "disputes:" })
    expect(await ask().list?.(new Date(0), "disputes:")).toEqual({ ...nothing, next: null })
    expect(await ask().findDispute("D")).toBeUndefined()
  })

  it("in its sandbox unless told otherwise, where there is no other address", async () => {
    const origins = async (isSandbox: boolean) => {
      const { asked } = answering({ ...token, [`GET ${order}`]: approved })
      await paypal({ ...settings, isSandbox }).find(payment())
      return asked.map(({ origin }) => origin)
    }
    const [sandbox, live] = ["https://api-m.sandbox.paypal.com", "https://api-m.paypal.com"]
    expect(await origins(true)).toEqual([sandbox, sandbox])
    expect(await origins(false)).toEqual([live, live])
  })

  it("with a token that it takes no more, is asked again with a new one, once", async () => {
    const expired = { status: 401, body: { name: "AUTHENTICATION_FAILURE" } }
    const { asked } = answering({
      "POST /v1/oauth2/token": [
        { body: { access_token: "OLD" } },
        { body: { access_token: "NEW" } },
      ],
      [`GET ${order}`]: [expired, approved, expired, expired],
    })
    const gateway = ask()
    expect((await gateway.find(payment()))?.isApproved).toBe(true)
    const tokens = asked
      .filter(({ line }) => line === `GET ${order}`)
      .map(({ headers }) => headers.get("authorization"))
    expect(tokens).toEqual(["Bearer OLD", "Bearer NEW"])
    await expect(gateway.find(payment())).rejects.toMatchObject(unavailable)
  })

  it("for a token it does not give, has not answered", async () => {
    answering({ "POST /v1/oauth2/token": { status: 401, body: { error: "invalid_client" } } })
    await expect(ask().find(payment())).rejects.toMatchObject(unavailable)
  })

  it("refuses in the word of its issue, else its name, else its status", async () => {
    answering({
      ...token,
      "POST /v2/checkout/orders": [
        issue("CURRENCY_NOT_SUPPORTED"),
        { status: 400, body: { name: "INVALID_REQUEST" } },
        { status: 422 },
      ],
    })
    for (const word of ["CURRENCY_NOT_SUPPORTED", "INVALID_REQUEST", "422"])
      await expect(ask().start(payment())).rejects.toMatchObject(refused(word))
  })

  describe("to complete what the payer has approved", () => {
    const capture = `POST ${order}/capture`

    it("is not asked for what nobody has approved", async () => {
      const { lines } = answering({ ...token, [`GET ${order}`]: orderOf() })
      expect(await ask().complete?.(payment())).toMatchObject({ status: "unpaid" })
      expect(lines()).toEqual([`GET ${order}`])
    })

    it("takes the money under one key for each approval", async () => {
      const at = (given: object) => orderOf(undefined, { status: "APPROVED", ...given })
      const [create_time, update_time] = ["2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"]
      for (const [given, key] of [
        [{ create_time, update_time }, `pay_1-capture-${update_time}`],
        [{ create_time }, `pay_1-capture-${create_time}`],
        [{}, "pay_1-capture-"],
      ] as const) {
        const { keyOf } = answering({
          ...token,
          [`GET ${order}`]: [at(given), paid],
          [capture]: {},
        })
        expect(await ask().complete?.(payment())).toMatchObject({
          status: "paid",
          capturedAmount: 1200,
        })
        expect(keyOf(capture)).toBe(key)
      }
    })

    it("says that somebody was first: what is there counts", async () => {
      answering({
        ...token,
        [`GET ${order}`]: [approved, paid],
        [capture]: issue("ORDER_ALREADY_CAPTURED"),
      })
      expect(await ask().complete?.(payment())).toMatchObject({
        status: "paid",
        captureRef: "CAP",
        failure: null,
      })
    })

    it("declines: the payment failed for its reason, and is approved no more", async () => {
      answering({ ...token, [`GET ${order}`]: approved, [capture]: issue("INSTRUMENT_DECLINED") })
      expect(await ask().complete?.(payment())).toMatchObject({
        status: "failed",
        failure: "INSTRUMENT_DECLINED",
        isApproved: false,
        capturedAmount: 0,
      })
    })

    it("does not answer: it may have been taken", async () => {
      answering({ ...token, [`GET ${order}`]: approved, [capture]: busy })
      await expect(ask().complete?.(payment())).rejects.toMatchObject(unavailable)
    })
  })

  describe("to take or let go what is held", () => {
    const manual = payment({ capture: "manual" })

    it.each([
      ["AUTHORIZATION_ALREADY_CAPTURED", { status: "paid", capturedAmount: 1200, failure: null }],
      ["MAX_CAPTURE_AMOUNT_EXCEEDED", { status: "authorized", capturedAmount: 0 }],
    ])("refuses to take it: %s", async (word, answer) => {
      answering({
        ...token,
        [`GET ${order}`]: [held, paid],
        [`POST ${hold}/capture`]: issue(word),
      })
      expect(await ask().capture(manual, eur(1200))).toMatchObject(answer)
    })

    it("says why it did not take it", async () => {
      answering({ ...token, [`GET ${order}`]: held, [`POST ${hold}/capture`]: issue("DENIED") })
      expect((await ask().capture(manual, eur(1200))).failure).toBe("DENIED")
    })

    it("has nothing to take of what is not held", async () => {
      const { lines } = answering({ ...token, [`GET ${order}`]: paid })
      expect(await ask().capture(manual, eur(1200))).toMatchObject({ status: "paid" })
      expect(lines()).toEqual([`GET ${order}`])
    })

    it("had taken it when it was to let it go: it is paid", async () => {
      answering({
        ...token,
        [`GET ${order}`]: [held, paid],
        [`POST ${hold}/void`]: issue("PREVIOUSLY_CAPTURED"),
      })
      expect(await ask().cancel(manual)).toMatchObject({ status: "paid", capturedAmount: 1200 })
    })

    it("does not answer: neither is known", async () => {
      answering({
        ...token,
        [`GET ${order}`]: held,
        [`POST ${hold}/void`]: busy,
        [`POST ${hold}/capture`]: busy,
      })
      await expect(ask().cancel(manual)).rejects.toMatchObject(unavailable)
      await expect(ask().capture(manual, eur(1200))).rejects.toMatchObject(unavailable)
    })

    it("cannot stop money that is on its way", async () => {
      answering({
        ...token,
        [`GET ${order}`]: orderOf({ captures: [{ id: "CAP", status: "PENDING", amount: money }] }),
      })
      expect(await ask().cancel(payment())).toMatchObject({ status: "unpaid" })
    })
  })

  it("gives back of the capture that its order has, where none is known", async () => {
    const refund = "POST /v2/payments/captures/CAP/refund"
    const { keyOf } = answering({
      ...token,
      [`GET ${order}`]: [paid, approved],
      [refund]: { body: { id: "R", status: "COMPLETED", amount: money } },
    })
    expect(await ask().refund(known, eur(1200), "rfd_1")).toEqual({
      ref: "R",
      status: "succeeded",
      failure: null,
    })
    expect(keyOf(refund)).toBe("rfd_1")
    expect(await ask().refund(known, eur(1200), "rfd_2")).toMatchObject({
      status: "failed",
      failure: "nothing-captured",
    })
  })

  it("lists disputes page by page, each as it is when it is asked for", async () => {
    const disputes = "/v1/customer/disputes"
    const dispute = (dispute_id: string, given: object = {}) => ({
      body: { dispute_id, status: "OPEN", dispute_amount: money, ...given },
    })
    const links = [{ rel: "next", href: `https://paypal.test${disputes}?next_page_token=MORE` }]
    const { asked } = answering({
      ...token,
      [`GET ${disputes}`]: [
        { body: { items: [{ dispute_id: "D1" }, { dispute_id: "D2" }], links } },
        { body: { items: [{ dispute_id: "D3" }], links: [{ rel: "self", href: "x" }] } },
      ],
      [`GET ${disputes}/D1`]: dispute("D1", {
        disputed_transactions: [{ seller_transaction_id: "CAP", invoice_number: "pay_1" }],
      }),
      [`GET ${disputes}/D2`]: gone,
      [`GET ${disputes}/D3`]: dispute("D3", { dispute_amount: undefined }),
    })
    const list = (cursor: string) => ask().list?.(new Date(0), cursor)
    const first = await list("disputes:")
    expect(first?.disputes).toMatchObject([
      { ref: "D1", status: "open", amount: 1200, key: "pay_1", payment: { captureRef: "CAP" } },
    ])
    expect(first?.next).toBe("disputes:MORE")
    expect(await list("disputes:MORE")).toMatchObject({ disputes: [], next: null })
    const asking = asked.filter(({ line }) => line === `GET ${disputes}`)
    expect(asking.map(({ query }) => query.get("next_page_token"))).toEqual([null, "MORE"])
  })
})

describe("Square, asked", () => {
  const settings = {
    accessToken: "token",
    locationId: "L1",
    signatureKey: "key",
    notificationUrl: "https://shop.test/webhooks",
    isSandbox: true,
  }
  const ask = () => square({ ...settings, apiUrl: "http://square.test" })
  const links = "POST /v2/online-checkout/payment-links"
  const order = "GET /v2/orders/REF"
  const [created_at, updated_at] = ["2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"]
  const money = eur(1200)
  const orderOf = (given: object = {}) => ({
    body: {
      order: { id: "REF", state: "OPEN", total_money: money, created_at, updated_at, ...given },
    },
  })
  const paymentOf = (given: object = {}) => ({
    id: "P",
    status: "COMPLETED",
    order_id: "REF",
    note: "ord_1 pay_1",
    amount_money: money,
    created_at,
    updated_at,
    ...given,
  })
  const paid = { body: { payment: paymentOf() } }
  const gone = { status: 404, body: { errors: [{ code: "NOT_FOUND" }] } }
  const none = refused("NOT_FOUND")

  it("refuses currencies that it does not take, and nothing is sent", async () => {
    const { asked } = answering({})
    await expect(ask().start(payment({ currency: "CHF" }))).rejects.toMatchObject(
      refused("amount-not-taken"),
    )
    expect(asked).toEqual([])
  })

  it("for what it does not have says that there is none", async () => {
    answering({
      [links]: gone,
      [order]: gone,
      "POST /v2/refunds": gone,
      "GET /v2/refunds/R": gone,
      "GET /v2/payments/P": gone,
      "GET /v2/payments": gone,
      "GET /v2/disputes": gone,
      "GET /v2/disputes/D": gone,
    })
    await expect(ask().start(payment())).rejects.toMatchObject(none)
    expect(await ask().find(payment())).toBeUndefined()
    await expect(ask().capture(payment({ ref: null }), money)).rejects.toMatchObject(none)
    expect(await ask().refund({ ref: "REF", captureRef: "P" }, money, "rfd_1")).toMatchObject({
      status: "failed",
      failure: "NOT_FOUND",
    })
    const refund = { key: "rfd_1", ...money, payment: { ref: "REF", captureRef: "P" } }
    expect(await ask().findRefund({ ...refund, ref: "R" })).toBeUndefined()
    expect(await ask().findRefund({ ...refund, ref: null })).toBeUndefined()
    expect(await ask().findRefund({ ...refund, ref: null, payment: known })).toBeUndefined()
    const page = await ask().list?.(new Date(0))
    const nothing = { payments: [], refunds: [], disputes: [] }
    expect(page).toEqual({ ...nothing, next: "refunds:" })
    expect(await ask().list?.(new Date(0), "disputes:")).toEqual({ ...nothing, next: null })
    expect(await ask().findDispute("D")).toBeUndefined()
  })

  it("in its sandbox unless told otherwise, where there is no other address", async () => {
    const { asked } = answering({ [order]: orderOf() })
    for (const isSandbox of [true, false]) await square({ ...settings, isSandbox }).find(payment())
    expect(asked.map(({ origin }) => origin)).toEqual([
      "https://connect.squareupsandbox.com",
      "https://connect.squareup.com",
    ])
  })

  it("refuses in its word, else by its status", async () => {
    answering({
      [links]: [{ status: 400, body: { errors: [{ code: "INVALID_LOCATION" }] } }, { status: 400 }],
    })
    for (const word of ["INVALID_LOCATION", "400"])
      await expect(ask().start(payment())).rejects.toMatchObject(refused(word))
  })

  it("for a link, says what it is for at its order when it does not say so at once", async () => {
    const link = { id: "L", order_id: "REF", url: "https://square.link/u/1", created_at }
    answering({ [links]: { body: { payment_link: link } }, [order]: orderOf() })
    expect(await ask().start(payment())).toMatchObject({
      ref: "REF",
      status: "unpaid",
      amount: 1200,
      redirectUrl: "https://square.link/u/1",
    })
  })

  it.each([
    ["its payment", { id: "T", payment_id: "P" }],
    ["its payment by the tender's own id", { id: "P" }],
  ])("for an order that was paid, tells of %s", async (_, tender) => {
    answering({ [order]: orderOf({ tenders: [tender] }), "GET /v2/payments/P": paid })
    expect(await ask().find(payment())).toMatchObject({
      ref: "REF",
      captureRef: "P",
      status: "paid",
      capturedAmount: 1200,
    })
  })

  it("for an order whose payment it does not have, tells of the order", async () => {
    answering({ [order]: orderOf({ tenders: [{ id: "T" }] }), "GET /v2/payments/T": gone })
    expect(await ask().capture(payment(), money)).toMatchObject({ ref: "REF", status: "unpaid" })
  })

  it("gives back of the payment that its order has, where none is known", async () => {
    const { asked } = answering({
      [order]: [orderOf({ tenders: [{ id: "P" }] }), orderOf()],
      "GET /v2/payments/P": paid,
      "POST /v2/refunds": {
        body: { refund: { id: "R", status: "PENDING", amount_money: money, payment_id: "P" } },
      },
    })
    expect(await ask().refund(known, eur(500), "rfd_1")).toEqual({
      ref: "R",
      status: "pending",
      failure: null,
    })
    expect(JSON.parse(asked.at(-1)?.text ?? "")).toMatchObject({
      idempotency_key: "rfd_1",
      payment_id: "P",
      amount_money: eur(500),
    })
    expect(await ask().refund(known, eur(500), "rfd_2")).toMatchObject({
      status: "failed",
      failure: "nothing-captured",
    })
  })

  it("finds a refund among those of its payment by our id", async () => {
    const refund = (id: string, reason: string) => ({
      body: { refund: { id, status: "COMPLETED", amount_money: money, reason } },
    })
    answering({
      "GET /v2/payments/P": { body: { payment: paymentOf({ refund_ids: ["R0", "R1", "R2"] }) } },
      "GET /v2/refunds/R0": gone,
      "GET /v2/refunds/R1": refund("R1", "rfd_other"),
      "GET /v2/refunds/R2": refund("R2", "rfd_1"),
    })
    const by = { ref: null, ...money, payment: { ref: "REF", captureRef: "P" } }
    expect(await ask().findRefund({ ...by, key: "rfd_1" })).toMatchObject({ ref: "R2" })
    expect(await ask().findRefund({ ...by, key: "rfd_3" })).toBeUndefined()
  })

  it("lists page by page, what was sold and given back elsewhere too", async () => {
    const till = { id: "P2", status: "COMPLETED", amount_money: money, created_at, updated_at }
    const refund = { id: "R", status: "COMPLETED", amount_money: eur(500), payment_id: "P" }
    const { asked } = answering({
      "GET /v2/payments": [
        { body: { payments: [paymentOf(), till], cursor: "MORE" } },
        { body: { payments: [] } },
      ],
      "GET /v2/refunds": {
        body: {
          refunds: [
            { ...refund, reason: "rfd_1" },
            { ...refund, payment_id: undefined },
          ],
        },
      },
    })
    const list = (cursor?: string) => ask().list?.(new Date(0), cursor)
    const first = await list()
    expect(first?.payments).toMatchObject([
      { ref: "REF", captureRef: "P", key: "pay_1" },
      { ref: null, captureRef: "P2", key: null },
    ])
    expect(first?.next).toBe("payments:MORE")
    expect((await list("payments:MORE"))?.next).toBe("refunds:")
    expect(asked.map(({ query }) => query.get("cursor"))).toEqual([null, "MORE"])
    expect(await list("refunds:")).toMatchObject({
      refunds: [
        { key: "rfd_1", amount: 500, currency: "EUR", payment: { captureRef: "P" } },
        { key: null, payment: { ref: null, captureRef: null } },
      ],
      next: "disputes:",
    })
  })

  it("lists disputes that changed since, page by page, and no mere questions", async () => {
    const dispute = {
      id: "D1",
      state: "LOST",
      amount_money: eur(1200),
      disputed_payment: { payment_id: "P" },
    }
    const { asked } = answering({
      "GET /v2/disputes": [
        {
          body: {
            disputes: [
              { ...dispute, updated_at },
              { ...dispute, id: "D0", updated_at: "2026-01-01T00:00:00Z" },
              { ...dispute, id: "D2", state: "INQUIRY_CLOSED", updated_at },
            ],
            cursor: "MORE",
          },
        },
        { body: { disputes: [{ ...dispute, id: "D3", disputed_payment: undefined }] } },
      ],
    })
    const list = (cursor: string) => ask().list?.(new Date(created_at), cursor)
    const first = await list("disputes:")
    expect(first?.disputes).toMatchObject([
      { ref: "D1", status: "lost", amount: 1200, payment: { captureRef: "P" } },
    ])
    expect(first?.next).toBe("disputes:MORE")
    const last = await list("disputes:MORE")
    expect(last?.disputes.map(({ payment: of }) => of.captureRef)).toEqual([null])
    expect(last?.next).toBeNull()
    expect(asked.map(({ query }) => query.get("cursor"))).toEqual([null, "MORE"])
  })
})

describe("Stripe, asked", () => {
  const ask = () =>
    stripe({ secretKey: "sk_test_1", webhookSecret: "whsec_1", apiUrl: "http://stripe.test" })
  const intents = "/v1/payment_intents"
  const intentOf = (given: object = {}) => ({
    id: "pi_1",
    object: "payment_intent",
    status: "succeeded",
    currency: "eur",
    amount: 1200,
    amount_received: 1200,
    created: 1_763_632_800,
    metadata: { payment: "pay_1", reference: "ord_1" },
    latest_charge: "ch_1",
    last_payment_error: null,
    client_secret: "secret",
    ...given,
  })
  const error = (status: number, given: object) => ({
    status,
    body: { error: { type: "invalid_request_error", message: "No.", ...given } },
  })
  const reused = error(400, { type: "idempotency_error" })
  const over = error(400, { code: "payment_intent_unexpected_state" })

  it("refuses what it cannot count, and what has no payment, and nothing is sent", async () => {
    const { asked } = answering({})
    const odd = { amount: 1251, currency: "KWD" }
    await expect(ask().start(payment(odd))).rejects.toMatchObject(refused("amount-not-taken"))
    await expect(ask().capture(payment({ ref: null }), eur(1))).rejects.toMatchObject(
      refused("unknown-payment"),
    )
    await expect(ask().capture(payment({ ref: "pi_1" }), odd)).rejects.toMatchObject(
      refused("amount-not-taken"),
    )
    const charge = { ...payment(odd), customer: "cus_1", method: "pm_1" }
    await expect(ask().saved?.charge(charge)).rejects.toMatchObject(refused("amount-not-taken"))
    expect(await ask().refund({ ref: "pi_1", captureRef: null }, odd, "rfd_1")).toEqual({
      ref: "",
      status: "failed",
      failure: "amount-not-taken",
    })
    expect(asked).toEqual([])
  })

  it("under a key that was used otherwise, answers the payment that it stands for", async () => {
    answering({
      [`POST ${intents}`]: reused,
      [`GET ${intents}/search`]: [{ body: { data: [intentOf()] } }, { body: { data: [] } }],
    })
    expect(await ask().start(payment())).toMatchObject({ ref: "pi_1", status: "paid" })
    await expect(ask().start(payment())).rejects.toMatchObject(refused("StripeIdempotencyError"))
  })

  it("to take or give up what is over, answers what there is", async () => {
    answering({
      [`POST ${intents}/pi_1/capture`]: over,
      [`POST ${intents}/pi_1/cancel`]: over,
      [`GET ${intents}/pi_1`]: {
        body: intentOf(),
        headers: { date: "Fri, 20 Nov 2026 12:00:00 GMT" },
      },
    })
    const paid = { status: "paid", capturedAmount: 1200, at: "2026-11-20T12:00:00.003Z" }
    expect(await ask().capture(payment({ ref: "pi_1" }), eur(1200))).toMatchObject(paid)
    expect(await ask().cancel(payment({ ref: "pi_1" }))).toMatchObject(paid)
  })

  it("refuses in its word, and is as old as its intent without a clock", async () => {
    answering({
      [`POST ${intents}/pi_1/capture`]: error(400, { code: "amount_too_large" }),
      [`GET ${intents}/pi_1`]: { body: intentOf() },
    })
    await expect(ask().capture(payment({ ref: "pi_1" }), eur(9999))).rejects.toMatchObject(
      refused("amount_too_large"),
    )
    expect((await ask().find(payment({ ref: "pi_1" })))?.at).toBe("2025-11-20T10:00:00.003Z")
  })

  it("lists page by page, what was made elsewhere too", async () => {
    const refund = {
      id: "re_1",
      object: "refund",
      status: "succeeded",
      amount: 500,
      currency: "eur",
      metadata: { refund: "rfd_1" },
      payment_intent: { id: "pi_1" },
      charge: "ch_1",
    }
    const { asked } = answering({
      [`GET ${intents}`]: [
        { body: { data: [intentOf(), intentOf({ id: "pi_2", metadata: {} })], has_more: true } },
        { body: { data: [], has_more: false } },
      ],
      "GET /v1/refunds": [
        { body: { data: [refund], has_more: true } },
        {
          body: {
            data: [{ ...refund, metadata: null, payment_intent: null, charge: null }],
            has_more: false,
          },
        },
      ],
    })
    const list = (cursor?: string) => ask().list?.(new Date(0), cursor)
    const first = await list()
    expect(first?.payments.map(({ ref, key }) => [ref, key])).toEqual([
      ["pi_1", "pay_1"],
      ["pi_2", null],
    ])
    expect(first?.next).toBe("payments:pi_2")
    expect((await list("payments:pi_2"))?.next).toBe("refunds:")
    expect(await list("refunds:")).toMatchObject({
      refunds: [
        {
          key: "rfd_1",
          amount: 500,
          currency: "EUR",
          payment: { ref: "pi_1", captureRef: "ch_1" },
        },
      ],
      next: "refunds:re_1",
    })
    expect(await list("refunds:re_1")).toMatchObject({
      refunds: [{ key: null, payment: { ref: null, captureRef: null } }],
      next: "disputes:",
    })
    const after = asked.map(({ query }) => query.get("starting_after"))
    expect(after).toEqual([null, "pi_2", null, "re_1"])
  })

  it("lists disputes page by page, and no mere questions", async () => {
    const dispute = {
      id: "dp_1",
      status: "lost",
      amount: 1200,
      currency: "eur",
      reason: "fraudulent",
      payment_intent: "pi_1",
      charge: { id: "ch_1" },
    }
    answering({
      "GET /v1/disputes": [
        {
          body: {
            data: [dispute, { ...dispute, id: "dp_2", status: "warning_closed" }],
            has_more: true,
          },
        },
        {
          body: {
            data: [{ ...dispute, id: "dp_3", payment_intent: null, charge: null }],
            has_more: false,
          },
        },
      ],
      "GET /v1/disputes/dp_1": { body: dispute },
    })
    const known = {
      ref: "dp_1",
      status: "lost",
      amount: 1200,
      currency: "EUR",
      payment: { ref: "pi_1", captureRef: "ch_1" },
    }
    const list = (cursor: string) => ask().list?.(new Date(0), cursor)
    const first = await list("disputes:")
    expect(first?.disputes).toMatchObject([known])
    expect(first?.next).toBe("disputes:dp_2")
    expect(await list("disputes:dp_2")).toMatchObject({
      disputes: [{ ref: "dp_3", payment: { ref: null, captureRef: null } }],
      next: null,
    })
    expect(await ask().findDispute("dp_1")).toMatchObject(known)
  })

  it("that is not there any more is none", async () => {
    const gone = {
      status: 404,
      body: { error: { type: "invalid_request_error", code: "resource_missing", message: "No." } },
    }
    answering({
      [`GET ${intents}/pi_1`]: gone,
      "GET /v1/refunds/re_1": gone,
      "GET /v1/disputes/dp_1": gone,
    })
    expect(await ask().find(payment({ ref: "pi_1" }))).toBeUndefined()
    const asked = { key: "rfd_1", ref: "re_1", amount: 500, currency: "EUR" }
    const of = { ref: "pi_1", captureRef: null }
    expect(await ask().findRefund({ ...asked, payment: of })).toBeUndefined()
    expect(await ask().findDispute("dp_1")).toBeUndefined()
  })

  it("is reached over TLS, wherever it is", async () => {
    const { asked } = answering({ [`GET ${intents}/pi_1`]: { body: intentOf() } })
    const gateway = stripe({
      secretKey: "sk_test_1",
      webhookSecret: "whsec_1",
      apiUrl: "https://stripe.test",
    })
    await gateway.find(payment({ ref: "pi_1" }))
    expect(asked[0]?.origin).toBe("https://stripe.test")
  })
})
