import type { PaypalSettings } from "#config.ts"
import { refusalOf, refused } from "#platform/call.ts"

import type {
  Amount,
  Answer,
  Asked,
  Gateway,
  KnownPayment,
  StartRequest,
  ToldDispute,
} from "../gateway.ts"
import { toPaypal } from "./amounts.ts"
import { paypalOf } from "./paypal-client.ts"
import { disputesOf, pageOf, type PaypalTransactions } from "./paypal-list.ts"
import {
  type PaypalDispute,
  type PaypalOrder,
  type PaypalRefund,
  toAnswer,
  toDispute,
  toRefund,
} from "./paypal-told.ts"
import { paypalWebhooks } from "./paypal-webhook.ts"
import { failedRefund } from "./refusal.ts"

/** Somebody was first, or it is over: what there is says more than the refusal. */
const isOver = (issue: string) =>
  /^(?:ORDER_ALREADY_(?:CAPTURED|AUTHORIZED)|ORDER_COMPLETED_OR_VOIDED|ORDER_NOT_APPROVED|AUTHORIZATION_(?:ALREADY_CAPTURED|VOIDED|EXPIRED|DENIED)|PREVIOUSLY_(?:CAPTURED|VOIDED))$/.test(
    issue,
  )

/**
 * PayPal by Orders v2 and Payments v2 (developer.paypal.com/docs/api). The payer approves at `redirect_url`; then
 * `complete` takes the money, or authorizes it. Our payment's id is the invoice number, which PayPal lets be paid once,
 * and the request id, under which it answers what became of the same order for six hours.
 */
export function paypal(settings: PaypalSettings): Gateway {
  const ask = paypalOf(settings)

  async function start(request: StartRequest): Promise<Answer> {
    const order = await ask<PaypalOrder>({
      method: "POST",
      path: "/v2/checkout/orders",
      body: orderOf(request),
      requestId: request.key,
    })
    if (!order) throw refused("RESOURCE_NOT_FOUND")
    return toAnswer(order)
  }
  const seek = (ref: string) =>
    ask<PaypalOrder>({ method: "GET", path: `/v2/checkout/orders/${ref}` })
  async function orderAt(ref: string): Promise<PaypalOrder> {
    const known = await seek(ref)
    if (!known) throw refused("RESOURCE_NOT_FOUND")
    return known
  }
  /** An order with what it says, asked for again if its first answer was lost. */
  async function found(payment: Asked): Promise<{ order: PaypalOrder; answer: Answer }> {
    const order = await orderAt(payment.ref ?? (await start(payment)).ref)
    return { order, answer: toAnswer(order) }
  }
  async function captureRefOf({ ref, captureRef }: KnownPayment): Promise<string> {
    const known = captureRef ?? toAnswer(await orderAt(ref)).captureRef
    if (known === undefined) throw refused("nothing-captured")
    return known
  }

  async function findDispute(ref: string): Promise<ToldDispute | undefined> {
    const found = await ask<PaypalDispute>({ method: "GET", path: `/v1/customer/disputes/${ref}` })
    return found && toDispute(found)
  }

  return {
    takes: (amount) => toPaypal(amount) !== undefined,
    start,
    async complete(payment) {
      const { order, answer } = await found(payment)
      if (!answer.isApproved) return answer
      const verb = payment.capture === "automatic" ? "capture" : "authorize"
      try {
        await ask({
          method: "POST",
          path: `/v2/checkout/orders/${order.id}/${verb}`,
          body: {},
          // Declined, the payer may approve again with something else: then it is another request.
          requestId: `${payment.key}-${verb}-${order.update_time ?? order.create_time ?? ""}`,
        })
      } catch (error) {
        const issue = refusalOf(error)
        if (issue === undefined) throw error
        if (!isOver(issue))
          return { ...answer, status: "failed", failure: issue, isApproved: false }
      }
      return toAnswer(await orderAt(order.id))
    },
    async capture(payment, amount) {
      const { order, answer } = await found(payment)
      const held = heldOf(order)
      if (answer.status !== "authorized" || !held) return answer
      try {
        await ask({
          method: "POST",
          path: `/v2/payments/authorizations/${held}/capture`,
          body: { amount: moneyOf(amount), final_capture: true },
          requestId: `${payment.key}-capture-${amount.amount}`,
        })
      } catch (error) {
        const issue = refusalOf(error)
        if (issue === undefined) throw error
        if (!isOver(issue)) return { ...answer, failure: issue }
      }
      return toAnswer(await orderAt(order.id))
    },
    async cancel(payment) {
      const { order, answer } = await found(payment)
      const held = heldOf(order)
      if (answer.status === "authorized" && held) {
        await ask({
          method: "POST",
          path: `/v2/payments/authorizations/${held}/void`,
          requestId: `${payment.key}-void`,
        }).catch((error: unknown) => {
          if (!isOver(refusalOf(error) ?? "")) throw error
        })
        return toAnswer(await orderAt(order.id))
      }
      // An order that only we can complete is given up by never doing so: PayPal forgets it by itself.
      return isPending(order) || answer.status === "paid" ? answer : givenUp(answer)
    },
    async find(payment) {
      if (payment.ref === null) return start(payment)
      const known = await seek(payment.ref)
      return known && toAnswer(known)
    },
    async refund(payment, amount, key) {
      try {
        const made = await ask<PaypalRefund>({
          method: "POST",
          path: `/v2/payments/captures/${await captureRefOf(payment)}/refund`,
          body: { amount: moneyOf(amount), custom_id: key },
          requestId: key,
        })
        if (!made) throw refused("RESOURCE_NOT_FOUND")
        return toRefund(made)
      } catch (error) {
        return failedRefund(error)
      }
    },
    async findRefund({ key, ref, payment }) {
      if (ref !== null) {
        const made = await ask<PaypalRefund>({ method: "GET", path: `/v2/payments/refunds/${ref}` })
        return made && toRefund(made)
      }
      const { purchase_units: units } = await orderAt(payment.ref)
      const made = units[0]?.payments?.refunds?.find(({ custom_id }) => custom_id === key)
      return made && toRefund(made)
    },
    findDispute,
    readWebhook: paypalWebhooks(settings),
    async list(since, cursor = "1") {
      const [, token] = /^disputes:(.*)$/.exec(cursor) ?? []
      if (token !== undefined) return disputesOf(ask, since, token, findDispute)
      const query = new URLSearchParams({
        start_date: since.toISOString(),
        end_date: new Date().toISOString(),
        fields: "transaction_info",
        page_size: "100",
        page: cursor,
      })
      const page = await ask<PaypalTransactions>({
        method: "GET",
        path: `/v1/reporting/transactions?${query.toString()}`,
      })
      return pageOf(page ?? { transaction_details: [], total_pages: 0 }, Number(cursor))
    },
  }
}

/** The order that is asked for; the same for the same payment. */
function orderOf({ key, reference, capture, returnUrl, ...amount }: StartRequest) {
  return {
    intent: capture === "automatic" ? "CAPTURE" : "AUTHORIZE",
    purchase_units: [{ custom_id: reference, invoice_id: key, amount: moneyOf(amount) }],
    payment_source: {
      paypal: {
        experience_context: {
          user_action: "PAY_NOW",
          shipping_preference: "NO_SHIPPING",
          ...(returnUrl !== undefined && { return_url: returnUrl, cancel_url: returnUrl }),
        },
      },
    },
  }
}

/** @throws `payment-refused` for an amount that PayPal cannot take; `takes` says so before */
function moneyOf(amount: Amount) {
  const value = toPaypal(amount)
  if (value === undefined) throw refused("amount-not-taken")
  return { currency_code: amount.currency, value }
}

/** The authorization that can be captured or voided. */
function heldOf(order: PaypalOrder): string | undefined {
  const all = order.purchase_units[0]?.payments?.authorizations
  return all?.findLast(({ status }) => status === "CREATED")?.id
}

/** Whether money is on its way, as from a bank account: nobody can stop it any more. */
function isPending(order: PaypalOrder): boolean {
  const { captures = [], authorizations = [] } = order.purchase_units[0]?.payments ?? {}
  return [...captures, ...authorizations].some(({ status }) => status === "PENDING")
}

function givenUp(answer: Answer): Answer {
  return { ...answer, status: "voided", failure: null, isApproved: false }
}
