import { equal, hmac } from "#lib/secret.ts"
import { call } from "#platform/call.ts"

import type { Answer, Gateway, News, RefundAnswer } from "../gateway.ts"
import type { OpenStatus } from "../status.ts"

/** How old a signature may be, and how far ahead, in seconds: Stripe's window. */
const windowSeconds = 300

/** A payment as the fake gateway writes it. Amounts in minor units. */
type FakePayment = {
  id: string
  key: string
  reference: string
  status: OpenStatus | "paid"
  currency: string
  amount: number
  captured: number
  failure: string | null
  client_secret: string
  redirect_url: string
  updated_at: string
}
type FakeRefund = {
  id: string
  key: string
  amount: number
  status: RefundAnswer["status"]
  failure: string | null
}

/**
 * A gateway for tests and local development: plain JSON over HTTP, signed as Stripe signs (`t=<seconds>,v1=<HMAC>`).
 * The other side is test/support/gateways/fake-server.ts, which misbehaves on demand.
 */
export function fake({ url, secret }: { url: string; secret: string }): Gateway {
  async function ask<T>(method: string, path: string, body?: unknown): Promise<T | undefined> {
    const response = await call("The fake gateway", `${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return response.status === 404 ? undefined : ((await response.json()) as T)
  }
  async function payment(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await ask<FakePayment>(method, path, body)
    if (!answer) throw new Error(`the fake gateway knows nothing of ${path}`)
    return toAnswer(answer)
  }

  return {
    start: ({ key, reference, amount, currency, capture, returnUrl }) =>
      payment("POST", "/v1/payments", {
        key,
        reference,
        amount,
        currency,
        capture,
        return_url: returnUrl ?? null,
      }),
    capture: ({ ref }, { amount }) => payment("POST", `/v1/payments/${ref}/capture`, { amount }),
    cancel: ({ key, reference, amount, currency }) =>
      payment("POST", `/v1/payments/by-key/${key}/cancel`, { reference, amount, currency }),
    async refund({ ref }, { amount }, key) {
      const answer = await ask<FakeRefund>("POST", `/v1/payments/${ref}/refunds`, { amount, key })
      return answer ? toRefund(answer) : { ref: "", status: "failed", failure: "unknown-payment" }
    },
    async find(key) {
      const answer = await ask<FakePayment>("GET", `/v1/payments/by-key/${key}`)
      return answer && toAnswer(answer)
    },
    async findRefund(key) {
      const answer = await ask<FakeRefund>("GET", `/v1/refunds/by-key/${key}`)
      return answer && toRefund(answer)
    },
    async readWebhook({ headers, body, now }) {
      const [, at = "", sent = ""] =
        /^t=(\d{1,12}),v1=([\w-]{43})$/.exec(headers.get("fake-signature") ?? "") ?? []
      const isTimely = Math.abs(now.getTime() / 1000 - Number(at)) <= windowSeconds
      const isSigned = equal(sent, await hmac(secret, `${at}.${body}`))
      if (at === "" || !isTimely || !isSigned) return { isGenuine: false }
      return { isGenuine: true, news: newsOf(body) }
    },
  }
}

function newsOf(body: string): News | null {
  const event = JSON.parse(body) as {
    id: string
    type: string
    payment?: FakePayment
    refund?: FakeRefund
  }
  const { payment, refund } = event
  if (!payment) return null
  return {
    eventId: event.id,
    kind: event.type,
    paymentId: payment.key,
    told: toAnswer(payment),
    ...(refund && { refund: { ...toRefund(refund), key: refund.key, amount: refund.amount } }),
  }
}

function toAnswer(payment: FakePayment): Answer {
  return {
    ref: payment.id,
    reference: payment.reference,
    status: payment.status,
    currency: payment.currency,
    amount: payment.amount,
    capturedAmount: payment.captured,
    failure: payment.failure,
    at: payment.updated_at,
    clientSecret: payment.client_secret,
    redirectUrl: payment.redirect_url,
  }
}

function toRefund({ id, status, failure }: FakeRefund): RefundAnswer {
  return { ref: id, status, failure }
}
