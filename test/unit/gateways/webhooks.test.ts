import { createHmac, sign } from "node:crypto"

import { afterEach, describe, expect, it, vi } from "vitest"

import { crc32 } from "#lib/crc32.ts"
import type { News } from "#modules/payments/gateway.ts"
import { isCertificateUrl } from "#modules/payments/gateways/paypal-webhook.ts"
import { paypal } from "#modules/payments/gateways/paypal.ts"
import { square } from "#modules/payments/gateways/square.ts"
import { stripe } from "#modules/payments/gateways/stripe.ts"

import { type Issued, issue } from "../../support/certificates.ts"

const now = new Date("2026-11-20T12:00:00Z")
const seconds = now.getTime() / 1000

afterEach(() => vi.restoreAllMocks())

const unchanged = (text: string) => text
/** The same JSON, written otherwise. */
const rewritten = (text: string) => JSON.stringify(JSON.parse(text), null, 1)
/** One byte of an amount. */
const forged = (text: string) => text.replace("2000", "1000").replace("20.00", "10.00")

describe("a webhook of Stripe", () => {
  const secret = "whsec_a-secret-that-is-no-base64"
  const gateway = stripe({ secretKey: "sk_test_1", webhookSecret: secret })
  const event = (over: Record<string, unknown> = {}) =>
    JSON.stringify({
      id: "evt_1",
      object: "event",
      api_version: "2026-10-28.endive",
      created: seconds,
      livemode: false,
      pending_webhooks: 1,
      request: { id: "req_1", idempotency_key: "pay_1" },
      type: "payment_intent.succeeded",
      data: {
        object: {
          id: "pi_1",
          object: "payment_intent",
          amount: 2000,
          amount_received: 2000,
          currency: "usd",
          status: "succeeded",
          client_secret: "pi_1_secret_1",
          latest_charge: "ch_1",
          last_payment_error: null,
          metadata: { payment: "pay_1", reference: "ord_1" },
        },
      },
      ...over,
    })
  const v1 = (body: string, at = seconds, key = secret) =>
    createHmac("sha256", key).update(`${at}.${body}`).digest("hex")
  const read = (body: string, signature: string) =>
    gateway.readWebhook({ headers: new Headers({ "stripe-signature": signature }), body, now })

  it("is understood when it is signed", async () => {
    const body = event()
    expect(await read(body, `t=${seconds},v1=${v1(body)}`)).toMatchObject({
      isGenuine: true,
      news: {
        eventId: "evt_1",
        kind: "payment_intent.succeeded",
        paymentId: "pay_1",
        told: {
          ref: "pi_1",
          captureRef: "ch_1",
          reference: "ord_1",
          status: "paid",
          currency: "USD",
          amount: 2000,
          capturedAmount: 2000,
          at: "2026-11-20T12:00:00.003Z",
        },
      },
    })
  })

  const body = event()
  it.each([
    ["300 s old", `t=${seconds - 300},v1=${v1(body, seconds - 300)}`],
    ["300 s ahead", `t=${seconds + 300},v1=${v1(body, seconds + 300)}`],
    ["signed twice, the good one last", `t=${seconds},v1=${"0".repeat(64)},v1=${v1(body)}`],
    ["signed twice, the good one first", `t=${seconds},v1=${v1(body)},v1=${"0".repeat(64)}`],
    ["signed with other schemes beside", `t=${seconds},v1=${v1(body)},v0=${"0".repeat(64)}`],
  ])("is genuine: %s", async (_, signature) => {
    expect((await read(body, signature)).isGenuine).toBe(true)
  })

  it.each([
    ["301 s old", unchanged, `t=${seconds - 301},v1=${v1(body, seconds - 301)}`],
    ["301 s ahead", unchanged, `t=${seconds + 301},v1=${v1(body, seconds + 301)}`],
    ["of another body by a byte", forged, `t=${seconds},v1=${v1(body)}`],
    ["of the same JSON written otherwise", rewritten, `t=${seconds},v1=${v1(body)}`],
    ["of another secret", unchanged, `t=${seconds},v1=${v1(body, seconds, "whsec_other")}`],
    [
      "of the secret's decoded part",
      unchanged,
      `t=${seconds},v1=${v1(body, seconds, Buffer.from(secret.slice(6), "base64").toString("latin1"))}`,
    ],
    ["of v0 only", unchanged, `t=${seconds},v0=${v1(body)}`],
    ["of another time than it says", unchanged, `t=${seconds - 1},v1=${v1(body)}`],
    ["without time", unchanged, `v1=${v1(body)}`],
    ["without signature", unchanged, `t=${seconds}`],
    ["of nothing", unchanged, ""],
    ["of nonsense", unchanged, "t=abc,v1=,,,=="],
  ])("is refused: %s", async (_, change, signature) => {
    expect(await read(change(body), signature)).toEqual({ isGenuine: false })
  })

  it("of no JSON is refused", async () => {
    expect(await read("{", `t=${seconds},v1=${v1("{")}`)).toEqual({ isGenuine: false })
  })

  it.each([
    ["a type nobody knows", { type: "payout.paid", data: { object: { object: "payout" } } }],
    [
      "a payment of something else on the account",
      { data: { object: { ...JSON.parse(body).data.object, metadata: {} } } },
    ],
    [
      "a bank's mere question",
      {
        type: "charge.dispute.created",
        data: {
          object: {
            object: "dispute",
            id: "dp_1",
            status: "warning_needs_response",
            amount: 2000,
            currency: "usd",
            payment_intent: "pi_1",
            charge: "ch_1",
            reason: "general",
          },
        },
      },
    ],
  ])("is genuine and says nothing to us: %s", async (_, over) => {
    const text = event(over)
    expect(await read(text, `t=${seconds},v1=${v1(text)}`)).toEqual({ isGenuine: true, news: null })
  })

  const newsOf = async (type: string, object: Record<string, unknown>): Promise<News | null> => {
    const text = event({ type, data: { object } })
    const answer = await read(text, `t=${seconds},v1=${v1(text)}`)
    if (!answer.isGenuine) throw new Error("not genuine")
    return answer.news
  }

  it("tells of refunds by our id, and of those that were made at Stripe by none", async () => {
    const refund = {
      object: "refund",
      id: "re_1",
      amount: 500,
      currency: "usd",
      status: "failed",
      failure_reason: "lost_or_stolen_card",
      charge: "ch_1",
      payment_intent: "pi_1",
    }
    expect(await newsOf("refund.failed", { ...refund, metadata: { refund: "rfd_1" } })).toEqual({
      eventId: "evt_1",
      kind: "refund.failed",
      paymentId: null,
      told: null,
      payment: { ref: "pi_1", captureRef: "ch_1" },
      refund: {
        ref: "re_1",
        key: "rfd_1",
        amount: 500,
        status: "failed",
        failure: "lost_or_stolen_card",
      },
    })
    expect(
      (await newsOf("charge.refund.updated", { ...refund, metadata: {} }))?.refund?.key,
    ).toBeNull()
  })

  it.each([
    ["needs_response", "open"],
    ["under_review", "open"],
    ["won", "won"],
    ["lost", "lost"],
  ])("tells of a dispute that %s: it is %s", async (status, is) => {
    const dispute = {
      object: "dispute",
      id: "dp_1",
      status,
      amount: 2000,
      currency: "usd",
      reason: "fraudulent",
      charge: "ch_1",
      payment_intent: "pi_1",
    }
    expect(await newsOf("charge.dispute.updated", dispute)).toMatchObject({
      payment: { ref: "pi_1", captureRef: "ch_1" },
      dispute: { ref: "dp_1", status: is, amount: 2000, currency: "USD", reason: "fraudulent" },
    })
  })
})

describe("a webhook of Square", () => {
  const signatureKey = "a signature key"
  const notificationUrl = "https://api.shop.test/api/v1/payments/webhooks/square"
  const gateway = square({
    accessToken: "token",
    locationId: "L1",
    signatureKey,
    notificationUrl,
    isSandbox: true,
  })
  const body = JSON.stringify({
    merchant_id: "M1",
    type: "payment.updated",
    event_id: "6a8f5f28-54a1-4eb0-a98a-3111513fd4fc",
    created_at: "2026-11-20T12:00:00.123Z",
    data: {
      type: "payment",
      id: "sqp_1",
      object: {
        payment: {
          id: "sqp_1",
          status: "COMPLETED",
          order_id: "sqo_1",
          note: "ord_1 pay_1",
          amount_money: { amount: 2000, currency: "USD" },
          total_money: { amount: 2000, currency: "USD" },
          processing_fee: [{ amount_money: { amount: 88, currency: "USD" } }],
          created_at: "2026-11-20T11:59:59.000Z",
          updated_at: "2026-11-20T12:00:00.123Z",
        },
      },
    },
  })
  const signed = (text: string, key = signatureKey, url = notificationUrl) =>
    createHmac("sha256", key)
      .update(url + text)
      .digest("base64")
  const read = (text: string, signature: string) =>
    gateway.readWebhook({
      headers: new Headers({ "x-square-hmacsha256-signature": signature }),
      body: text,
      now,
    })

  it("is understood when it is signed", async () => {
    expect(await read(body, signed(body))).toMatchObject({
      isGenuine: true,
      news: {
        eventId: "6a8f5f28-54a1-4eb0-a98a-3111513fd4fc",
        paymentId: "pay_1",
        told: {
          ref: "sqo_1",
          captureRef: "sqp_1",
          reference: "ord_1",
          status: "paid",
          amount: 2000,
          capturedAmount: 2000,
          fee: 88,
          at: "2026-11-20T12:00:00.123Z",
        },
      },
    })
  })

  it.each([
    ["of another body by a byte", forged(body), signed(body)],
    ["of the same JSON written otherwise", rewritten(body), signed(body)],
    ["of another key", body, signed(body, "another key")],
    ["of another address", body, signed(body, signatureKey, "https://api.shop.test/webhooks")],
    ["of the address with a slash", body, signed(body, signatureKey, `${notificationUrl}/`)],
    ["of the body alone", body, signed(body, signatureKey, "")],
    ["in hex", body, Buffer.from(signed(body), "base64").toString("hex")],
    ["of nothing", body, ""],
    ["of nonsense", body, "§$%"],
  ])("is refused: %s", async (_, text, signature) => {
    const headers = { get: () => signature } as unknown as Headers
    expect(await gateway.readWebhook({ headers, body: text, now })).toEqual({ isGenuine: false })
  })

  it.each(["invoice.payment_made", "payment.nobody_knows"])(
    "says nothing to us: %s",
    async (type) => {
      const text = body.replace("payment.updated", type)
      expect(await read(text, signed(text))).toEqual({ isGenuine: true, news: null })
    },
  )

  it("of no signature is refused", async () => {
    expect(await gateway.readWebhook({ headers: new Headers(), body, now })).toEqual({
      isGenuine: false,
    })
  })

  it("tells of refunds by our id and their payment, where it knows them", async () => {
    const refund = { id: "R", status: "COMPLETED", amount_money: { amount: 500, currency: "USD" } }
    const newsOf = async (given: object) => {
      const object = { refund: { ...refund, ...given } }
      const text = JSON.stringify({ type: "refund.updated", event_id: "e1", data: { object } })
      return read(text, signed(text))
    }
    expect(await newsOf({ payment_id: "sqp_1", reason: "rfd_1" })).toMatchObject({
      news: {
        payment: { captureRef: "sqp_1" },
        refund: { ref: "R", key: "rfd_1", amount: 500, status: "succeeded" },
      },
    })
    expect(await newsOf({})).toMatchObject({ news: { payment: {}, refund: { key: null } } })
  })

  it("says nothing to us of a dispute that is a mere question, or about nothing", async () => {
    for (const given of [
      { state: "INQUIRY_EVIDENCE_REQUIRED", disputed_payment: { payment_id: "sqp_1" } },
      { state: "LOST" },
    ]) {
      const dispute = { id: "d", amount_money: { amount: 1, currency: "USD" }, ...given }
      const data = { object: { dispute } }
      const text = JSON.stringify({ type: "dispute.created", event_id: "e1", data })
      expect(await read(text, signed(text))).toEqual({ isGenuine: true, news: null })
    }
  })

  it("says nothing to us of what was sold at the till", async () => {
    const text = body.replace("ord_1 pay_1", "Two coffees")
    expect(await read(text, signed(text))).toEqual({ isGenuine: true, news: null })
  })

  it.each([
    ["EVIDENCE_REQUIRED", "open"],
    ["PROCESSING", "open"],
    ["WON", "won"],
    ["LOST", "lost"],
    ["ACCEPTED", "lost"],
  ])("tells of a dispute that is %s: it is %s", async (state, status) => {
    const dispute = {
      id: "dts_1",
      state,
      reason: "NO_KNOWLEDGE",
      amount_money: { amount: 2000, currency: "USD" },
      disputed_payment: { payment_id: "sqp_1" },
    }
    const text = JSON.stringify({
      type: "dispute.state.updated",
      event_id: "e1",
      data: { object: { dispute } },
    })
    expect(await read(text, signed(text))).toMatchObject({
      news: { payment: { captureRef: "sqp_1" }, dispute: { ref: "dts_1", status, amount: 2000 } },
    })
  })
})

describe("a webhook of PayPal", () => {
  const webhookId = "8PT597110X687430LKGECATA"
  const certUrl = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"
  const settings = { clientId: "id", clientSecret: "secret", webhookId, isSandbox: false }
  const [from, to] = [new Date("2026-01-01T00:00:00Z"), new Date("2027-01-01T00:00:00Z")]
  const name = "messageverificationcerts.paypal.com"
  const authority = issue({ name: "An authority", from, to: new Date("2051-01-01T00:00:00Z") })
  const leaf = issue({ name, from, to, issuer: authority })
  const chain = leaf.pem + authority.pem
  const body = JSON.stringify({
    id: "WH-1",
    event_version: "1.0",
    create_time: "2026-11-20T11:59:59.000Z",
    resource_type: "capture",
    event_type: "PAYMENT.CAPTURE.COMPLETED",
    resource: {
      id: "CAP1",
      status: "COMPLETED",
      amount: { currency_code: "USD", value: "20.00" },
      custom_id: "ord_1",
      invoice_id: "pay_1",
      final_capture: true,
      seller_receivable_breakdown: {
        gross_amount: { currency_code: "USD", value: "20.00" },
        paypal_fee: { currency_code: "USD", value: "1.19" },
      },
      supplementary_data: { related_ids: { order_id: "ORDER1" } },
      create_time: "2026-11-20T11:59:58Z",
      update_time: "2026-11-20T11:59:58Z",
      note: "Grüße",
    },
  })

  type Sent = {
    text?: string
    by?: Issued
    time?: string
    id?: string
    pem?: string
    headers?: Record<string, string>
  }
  async function read({
    text = body,
    by = leaf,
    time = now.toISOString(),
    id = webhookId,
    pem = chain,
    headers = {},
  }: Sent = {}) {
    const asked: string[] = []
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
      asked.push(new Request(input).url)
      return new Response(pem)
    })
    const signature = sign("sha256", Buffer.from(`T-1|${time}|${id}|${crc32(body)}`), by.privateKey)
    const answer = await paypal(settings).readWebhook({
      headers: new Headers({
        "paypal-auth-algo": "SHA256withRSA",
        "paypal-cert-url": certUrl,
        "paypal-transmission-id": "T-1",
        "paypal-transmission-time": time,
        "paypal-transmission-sig": signature.toString("base64"),
        ...headers,
      }),
      body: text,
      now,
    })
    return { answer, asked }
  }

  it("is summed up by the CRC-32 everybody has", () => {
    expect(crc32("123456789")).toBe(0xcbf43926)
    expect(crc32("")).toBe(0)
    expect(String(crc32(body))).toMatch(/^\d+$/)
  })

  it("is understood when it is signed", async () => {
    const { answer, asked } = await read()
    expect(answer).toMatchObject({
      isGenuine: true,
      news: {
        eventId: "WH-1",
        paymentId: "pay_1",
        told: {
          ref: "ORDER1",
          captureRef: "CAP1",
          reference: "ord_1",
          status: "paid",
          currency: "USD",
          amount: 2000,
          capturedAmount: 2000,
          fee: 119,
        },
      },
    })
    expect(asked).toEqual([certUrl])
  })

  it("is genuine by a certificate alone, and within 300 s", async () => {
    expect((await read({ pem: leaf.pem })).answer.isGenuine).toBe(true)
    for (const off of [-300, 300]) {
      const time = new Date(now.getTime() + off * 1000).toISOString()
      expect((await read({ time })).answer.isGenuine).toBe(true)
    }
  })

  const other = issue({ name, from, to })
  const old = issue({
    name,
    from: new Date("2020-01-01T00:00:00Z"),
    to: new Date("2026-11-20T11:59:59Z"),
    issuer: authority,
  })
  const early = issue({ name, from: new Date("2026-11-20T12:00:01Z"), to, issuer: authority })
  const foreign = issue({ name: "paypal.com.evil.test", from, to, issuer: authority })
  const lookalike = issue({ name: "evilpaypal.com", from, to, issuer: authority })
  const off = (ms: number) => new Date(now.getTime() + ms).toISOString()
  it.each<[string, Sent]>([
    ["of another body by a byte", { text: forged(body) }],
    ["of the same JSON written otherwise", { text: rewritten(body) }],
    ["of another webhook's id", { id: "another" }],
    ["of another key", { by: other }],
    ["301 s old", { time: off(-301_000) }],
    ["301 s ahead", { time: off(301_000) }],
    ["of no time", { time: "yesterday" }],
    ["of another time than it says", { headers: { "paypal-transmission-time": off(-1000) } }],
    ["of another transmission", { headers: { "paypal-transmission-id": "T-2" } }],
    ["of another algorithm", { headers: { "paypal-auth-algo": "SHA1withRSA" } }],
    ["of nonsense", { headers: { "paypal-transmission-sig": "!" } }],
    ["by a certificate that was", { by: old, pem: old.pem + authority.pem }],
    ["by a certificate that is to be", { by: early, pem: early.pem + authority.pem }],
    ["by a certificate of somebody else", { by: foreign, pem: foreign.pem + authority.pem }],
    [
      "by a certificate of a name like PayPal's",
      { by: lookalike, pem: lookalike.pem + authority.pem },
    ],
    [
      "by a chain that does not hold",
      { pem: leaf.pem + issue({ name: "An authority", from, to }).pem },
    ],
    ["by a chain of strangers", { pem: leaf.pem + other.pem }],
    ["by no certificate", { pem: "<html>" }],
    [
      "by a broken certificate",
      { pem: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----" },
    ],
  ])("is refused: %s", async (_, sent) => {
    expect((await read(sent)).answer).toEqual({ isGenuine: false })
  })

  it.each([
    "https://evil.test/v1/notifications/certs/CERT-1",
    "https://api.paypal.com.evil.test/v1/notifications/certs/CERT-1",
    "https://evilapi.paypal.com/v1/notifications/certs/CERT-1",
    "http://api.paypal.com/v1/notifications/certs/CERT-1",
    "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
    "https://user:pass@api.paypal.com/v1/notifications/certs/CERT-1",
    "https://api.paypal.com/v1/notifications/certs/../../x",
    "https://api.paypal.com/v1/notifications/certs/CERT-1?to=evil",
    "https://api.paypal.com/other/CERT-1",
    "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
    "https://169.254.169.254/v1/notifications/certs/CERT-1",
    "file:///v1/notifications/certs/CERT-1",
    "",
  ])("is refused without asking for a certificate at %s", async (url) => {
    const { answer, asked } = await read({ headers: { "paypal-cert-url": url } })
    expect([answer, asked]).toEqual([{ isGenuine: false }, []])
  })

  it("finds certificates where PayPal has them, of its sandbox in the sandbox alone", () => {
    const at = (host: string) => `https://${host}/v1/notifications/certs/CERT-1`
    const sandbox = { ...settings, isSandbox: true }
    expect(isCertificateUrl(settings, at("api-m.paypal.com"))).toBe(true)
    expect(isCertificateUrl(sandbox, at("api.sandbox.paypal.com"))).toBe(true)
    expect(isCertificateUrl(sandbox, at("api-m.sandbox.paypal.com"))).toBe(true)
    expect(isCertificateUrl(sandbox, at("api.paypal.com"))).toBe(false)
  })

  /** What is understood of an event with this resource. */
  async function newsOf(event_type: string, resource: object, given: object = {}) {
    const text = JSON.stringify({ id: "WH-2", event_type, resource, ...given })
    const signature = sign(
      "sha256",
      Buffer.from(`T-1|${now.toISOString()}|${webhookId}|${crc32(text)}`),
      leaf.privateKey,
    )
    const { answer } = await read({
      text,
      headers: { "paypal-transmission-sig": signature.toString("base64") },
    })
    if (!answer.isGenuine) throw new Error("not genuine")
    return answer.news
  }
  const amount = { currency_code: "USD", value: "20.00" }
  const of = (related_ids: object) => ({ supplementary_data: { related_ids } })

  it.each([
    ["PAYMENT.CAPTURE.COMPLETED", "paid", 2000, null],
    ["PAYMENT.CAPTURE.PENDING", "unpaid", 0, null],
    ["PAYMENT.CAPTURE.DENIED", "failed", 0, "RISK"],
    ["PAYMENT.CAPTURE.DECLINED", "failed", 0, "RISK"],
    ["PAYMENT.AUTHORIZATION.CREATED", "authorized", 0, null],
    ["PAYMENT.AUTHORIZATION.VOIDED", "voided", 0, null],
  ])("%s says of a payment that it is %s", async (kind, status, capturedAmount, failure) => {
    const payment = {
      id: "P1",
      status: "SOMETHING",
      status_details: { reason: "RISK" },
      amount,
      invoice_id: "pay_1",
      custom_id: "ord_1",
      ...of({ order_id: "ORDER1" }),
    }
    expect(await newsOf(kind, payment)).toMatchObject({
      paymentId: "pay_1",
      told: { ref: "ORDER1", reference: "ord_1", status, capturedAmount, failure },
    })
  })

  it.each([
    [
      "a part of what was held",
      of({ order_id: "ORDER1", authorization_id: "A" }),
      { ref: "ORDER1" },
    ],
    ["an order that it does not name", of({}), {}],
    ["an order that it does not name at all", {}, {}],
  ])("of %s says too little: PayPal is asked", async (_, given, payment) => {
    const news = await newsOf("PAYMENT.CAPTURE.COMPLETED", {
      id: "C",
      status: "X",
      amount,
      ...given,
    })
    expect(news).toEqual({
      eventId: "WH-2",
      kind: "PAYMENT.CAPTURE.COMPLETED",
      paymentId: null,
      told: null,
      payment,
      isIncomplete: true,
    })
  })

  it("that an order is approved wants it completed", async () => {
    const order = (given: object) => ({
      id: "ORDER1",
      status: "APPROVED",
      purchase_units: [{ amount, ...given }],
    })
    expect(await newsOf("CHECKOUT.ORDER.APPROVED", order({ invoice_id: "pay_1" }))).toMatchObject({
      paymentId: "pay_1",
      isIncomplete: true,
      told: { ref: "ORDER1", status: "unpaid", amount: 2000 },
    })
    expect((await newsOf("CHECKOUT.ORDER.APPROVED", order({})))?.paymentId).toBeNull()
  })

  it("tells of refunds by our id and their capture, where it knows them", async () => {
    const refund = { id: "R1", status: "COMPLETED", amount: { ...amount, value: "5.00" } }
    const links = [
      { rel: "self", href: "https://api.paypal.com/v2/payments/refunds/R1" },
      { rel: "up", href: "https://api.paypal.com/v2/payments/captures/CAP1" },
    ]
    expect(
      await newsOf("PAYMENT.CAPTURE.REFUNDED", { ...refund, custom_id: "rfd_1", links }),
    ).toMatchObject({
      payment: { captureRef: "CAP1" },
      refund: { ref: "R1", key: "rfd_1", amount: 500, status: "succeeded" },
    })
    expect(await newsOf("PAYMENT.REFUND.PENDING", { ...refund, status: "PENDING" })).toMatchObject({
      payment: {},
      refund: { key: null, status: "pending" },
    })
  })

  it("tells of disputes by the capture they are about, once it says how much", async () => {
    const dispute = { dispute_id: "D1", status: "OPEN", reason: "UNAUTHORISED" }
    const about = { seller_transaction_id: "CAP1", invoice_number: "pay_1" }
    expect(
      await newsOf("CUSTOMER.DISPUTE.CREATED", {
        ...dispute,
        dispute_amount: amount,
        disputed_transactions: [about],
      }),
    ).toMatchObject({
      paymentId: "pay_1",
      payment: { captureRef: "CAP1" },
      dispute: { ref: "D1", status: "open", amount: 2000, reason: "UNAUTHORISED" },
    })
    expect(
      await newsOf("CUSTOMER.DISPUTE.UPDATED", { ...dispute, dispute_amount: amount }),
    ).toMatchObject({ paymentId: null, payment: {}, dispute: { ref: "D1" } })
    expect(await newsOf("CUSTOMER.DISPUTE.UPDATED", dispute)).toBeNull()
  })

  it.each(["BILLING.SUBSCRIPTION.CREATED", "CUSTOMER.DISPUTE.COMMENTED", "PAYMENT.SALE.COMPLETED"])(
    "says nothing to us: %s",
    async (kind) => {
      expect(await newsOf(kind, { id: "X" })).toBeNull()
    },
  )

  it("is refused while PayPal does not show its certificate, and taken once it does", async () => {
    vi.spyOn(globalThis, "fetch")
      .mockResolvedValueOnce(new Response(chain, { status: 503 }))
      .mockResolvedValueOnce(new Response(chain))
    const signature = sign(
      "sha256",
      Buffer.from(`T-1|${now.toISOString()}|${webhookId}|${crc32(body)}`),
      leaf.privateKey,
    )
    const headers = new Headers({
      "paypal-auth-algo": "SHA256withRSA",
      "paypal-cert-url": certUrl,
      "paypal-transmission-id": "T-1",
      "paypal-transmission-time": now.toISOString(),
      "paypal-transmission-sig": signature.toString("base64"),
    })
    const gateway = paypal(settings)
    expect((await gateway.readWebhook({ headers, body, now })).isGenuine).toBe(false)
    expect((await gateway.readWebhook({ headers, body, now })).isGenuine).toBe(true)
  })

  it("of no headers is refused, and nothing is asked", async () => {
    const spy = vi.spyOn(globalThis, "fetch")
    const answer = await paypal(settings).readWebhook({ headers: new Headers(), body, now })
    expect([answer, spy.mock.calls]).toEqual([{ isGenuine: false }, []])
  })

  it("keeps few certificates: whoever names many addresses fills nothing", async () => {
    const asked: string[] = []
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
      asked.push(new Request(input).url.slice(-2))
      return new Response(chain)
    })
    const gateway = paypal(settings)
    for (const n of [1, 2, 3, 4, 5, 6, 7, 8, 1, 9, 1, 9]) {
      const headers = new Headers({
        "paypal-auth-algo": "SHA256withRSA",
        "paypal-cert-url": certUrl.replace(/[^/]+$/, `CERT-${n}`),
        "paypal-transmission-time": now.toISOString(),
      })
      expect((await gateway.readWebhook({ headers, body, now })).isGenuine).toBe(false)
    }
    // The ninth drops the eight before it.
    const of = ["-1", "-2", "-3", "-4", "-5", "-6", "-7", "-8", "-9", "-1"]
    expect(asked).toEqual(of)
  })

  it("asks for a certificate once", async () => {
    const asked: string[] = []
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
      asked.push(new Request(input).url)
      return new Response(chain)
    })
    const gateway = paypal(settings)
    for (const id of ["T-1", "T-2"]) {
      const signature = sign(
        "sha256",
        Buffer.from(`${id}|${now.toISOString()}|${webhookId}|${crc32(body)}`),
        leaf.privateKey,
      )
      const headers = new Headers({
        "paypal-auth-algo": "SHA256withRSA",
        "paypal-cert-url": certUrl,
        "paypal-transmission-id": id,
        "paypal-transmission-time": now.toISOString(),
        "paypal-transmission-sig": signature.toString("base64"),
      })
      expect((await gateway.readWebhook({ headers, body, now })).isGenuine).toBe(true)
    }
    expect(asked).toEqual([certUrl])
  })
})
