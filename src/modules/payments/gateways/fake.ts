import { equal, hmac } from "#lib/secret.ts"
import { call, silent } from "#platform/call.ts"

import type {
  Answer,
  Dispute,
  Gateway,
  News,
  RefundAnswer,
  SavedMethod,
  SetupAnswer,
  ToldDispute,
} from "../gateway.ts"
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
  fee: number | null
  failure: string | null
  client_secret: string
  redirect_url: string
  updated_at: string
}
type FakeRefund = {
  id: string
  key: string
  payment: string
  amount: number
  status: RefundAnswer["status"]
  failure: string | null
}

type FakeDispute = {
  id: string
  status: Dispute["status"]
  amount: number
  reason: string | null
}
/** With our id of its payment, and the gateway's. */
type ListedDispute = FakeDispute & { key: string; payment: string; currency: string }

type FakeSetup = {
  id: string
  status: SetupAnswer["status"]
  method: string | null
  client_secret: string
  redirect_url: string
}

/**
 * A gateway for tests and local development: plain JSON over HTTP, signed as Stripe signs (`t=<seconds>,v1=<HMAC>`).
 * The other side is test/support/gateways/server.ts, which misbehaves on demand.
 */
export function fake({ url, secret }: { url: string; secret: string }): Gateway {
  async function ask<T>(method: string, path: string, body?: unknown): Promise<T | undefined> {
    const response = await call("The fake gateway", `${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    if (response.status === 404) return undefined
    if (!response.ok) throw silent("The fake gateway", new Error(String(response.status)))
    return (await response.json()) as T
  }
  async function payment(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await ask<FakePayment>(method, path, body)
    if (!answer) throw new Error(`the fake gateway knows nothing of ${path}`)
    return toAnswer(answer)
  }

  /** What there must be. */
  async function must<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await ask<T>(method, path, body)
    if (answer === undefined) throw new Error(`the fake gateway knows nothing of ${path}`)
    return answer
  }

  return {
    takes: () => true,
    start: ({ key, reference, amount, currency, capture, returnUrl, customer, save }) =>
      payment("POST", "/v1/payments", {
        key,
        reference,
        amount,
        currency,
        capture,
        return_url: returnUrl ?? null,
        customer: customer?.ref ?? null,
        save: save ?? false,
      }),
    capture: ({ ref }, { amount }) => payment("POST", `/v1/payments/${ref}/capture`, { amount }),
    cancel: ({ key, reference, amount, currency }) =>
      payment("POST", `/v1/payments/by-key/${key}/cancel`, { reference, amount, currency }),
    async refund({ ref }, { amount }, key) {
      const answer = await ask<FakeRefund>("POST", `/v1/payments/${ref}/refunds`, { amount, key })
      return answer ? toRefund(answer) : { ref: "", status: "failed", failure: "unknown-payment" }
    },
    async find({ key }) {
      const answer = await ask<FakePayment>("GET", `/v1/payments/by-key/${key}`)
      return answer && toAnswer(answer)
    },
    async findRefund({ key }) {
      const answer = await ask<FakeRefund>("GET", `/v1/refunds/by-key/${key}`)
      return answer && toRefund(answer)
    },
    async findDispute(ref) {
      const found = await ask<ListedDispute>("GET", `/v1/disputes/${ref}`)
      return found && toDispute(found)
    },
    async readWebhook({ headers, body, now }) {
      const [, at = "", sent = ""] =
        /^t=(\d{1,12}),v1=([\w-]{43})$/.exec(headers.get("fake-signature") ?? "") ?? []
      const isTimely = Math.abs(now.getTime() / 1000 - Number(at)) <= windowSeconds
      const isSigned = equal(sent, await hmac(secret, `${at}.${body}`))
      if (at === "" || !isTimely || !isSigned) return { isGenuine: false }
      return { isGenuine: true, news: newsOf(body) }
    },
    async list(since, cursor = "0") {
      const page = await must<{
        payments: FakePayment[]
        refunds: (FakeRefund & { currency: string })[]
        disputes: ListedDispute[]
        next: string | null
      }>("GET", `/v1/movements?since=${since.toISOString()}&cursor=${cursor}`)
      return {
        payments: page.payments.map((one) => ({ ...toAnswer(one), key: one.key })),
        refunds: page.refunds.map((one) => ({
          ...toRefund(one),
          key: one.key,
          amount: one.amount,
          currency: one.currency,
          payment: { ref: one.payment, captureRef: null },
        })),
        disputes: page.disputes.map(toDispute),
        next: page.next,
      }
    },
    saved: {
      async customer(key, email) {
        return (await must<{ id: string }>("POST", "/v1/customers", { key, email })).id
      },
      async setup({ key, customer, returnUrl }) {
        const body = { key, customer, return_url: returnUrl ?? null }
        const { id, status, method, client_secret, redirect_url } = await must<FakeSetup>(
          "POST",
          "/v1/setups",
          body,
        )
        return {
          ref: id,
          status,
          method,
          clientSecret: client_secret,
          redirectUrl: redirect_url,
        }
      },
      methods: (customer) => must<SavedMethod[]>("GET", `/v1/customers/${customer}/methods`),
      charge: ({ key, reference, amount, currency, capture, customer, method }) =>
        payment("POST", "/v1/charges", {
          key,
          reference,
          amount,
          currency,
          capture,
          customer,
          method,
        }),
      async detach(method) {
        await ask("DELETE", `/v1/methods/${method}`)
      },
    },
  }
}

function newsOf(body: string): News | null {
  const event = JSON.parse(body) as {
    id: string
    type: string
    payment?: FakePayment
    refund?: FakeRefund
    dispute?: FakeDispute
  }
  const { payment, refund, dispute } = event
  if (!payment) return null
  return {
    eventId: event.id,
    kind: event.type,
    paymentId: payment.key,
    told: toAnswer(payment),
    ...(refund && { refund: { ...toRefund(refund), key: refund.key, amount: refund.amount } }),
    ...(dispute && {
      dispute: toDispute({
        ...dispute,
        key: payment.key,
        payment: payment.id,
        currency: payment.currency,
      }),
    }),
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
    ...(payment.fee !== null && { fee: payment.fee }),
    failure: payment.failure,
    at: payment.updated_at,
    clientSecret: payment.client_secret,
    redirectUrl: payment.redirect_url,
  }
}

function toDispute({ id, key, payment, ...told }: ListedDispute): ToldDispute {
  return { ...told, ref: id, key, payment: { ref: payment, captureRef: null } }
}

function toRefund({ id, status, failure }: FakeRefund): RefundAnswer {
  return { ref: id, status, failure }
}
