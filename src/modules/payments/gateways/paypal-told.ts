import type { Answer, ToldDispute, RefundAnswer } from "../gateway.ts"
import type { Told } from "../status.ts"
import { fromPaypal, type PaypalMoney } from "./amounts.ts"
import { toldAt } from "./told-at.ts"

type Link = { rel: string; href: string }
type Timed = { create_time?: string; update_time?: string }

/** Money that was taken, or is held (`authorization`), as Payments v2 writes it. */
export type PaypalPayment = Timed & {
  id: string
  status: string
  status_details?: { reason?: string }
  amount: PaypalMoney
  custom_id?: string
  invoice_id?: string
  seller_receivable_breakdown?: { paypal_fee?: PaypalMoney }
  supplementary_data?: { related_ids?: { order_id?: string; authorization_id?: string } }
}
export type PaypalRefund = Timed & {
  id: string
  status: string
  status_details?: { reason?: string }
  amount: PaypalMoney
  custom_id?: string
  links?: Link[]
}
export type PaypalOrder = Timed & {
  id: string
  status: string
  purchase_units: {
    amount: PaypalMoney
    custom_id?: string
    invoice_id?: string
    payments?: {
      authorizations?: PaypalPayment[]
      captures?: PaypalPayment[]
      refunds?: PaypalRefund[]
    }
  }[]
  links?: Link[]
}
export type PaypalDispute = {
  dispute_id: string
  status: string
  reason?: string
  dispute_amount?: PaypalMoney
  dispute_outcome?: { outcome_code?: string }
  disputed_transactions?: { seller_transaction_id?: string; invoice_number?: string }[]
}

const isTaken = ({ status }: PaypalPayment) =>
  status === "COMPLETED" || status === "PARTIALLY_REFUNDED" || status === "REFUNDED"
const isRefused = ({ status }: PaypalPayment) =>
  status === "DECLINED" || status === "DENIED" || status === "FAILED"

/** An order with what was held and taken of it, as we know payments. */
export function toAnswer(order: PaypalOrder): Answer {
  const [unit] = order.purchase_units
  const { captures = [], authorizations = [] } = unit?.payments ?? {}
  const taken = captures.filter(isTaken)
  const held = authorizations.at(-1)
  const last = captures.at(-1) ?? held
  const status = statusOf(order, taken.length > 0, held, last)
  const redirectUrl = order.links?.find(({ rel }) => /^(?:payer-action|approve)$/.test(rel))?.href
  const fee = feeOf(taken)
  return {
    ref: order.id,
    ...(taken[0] && { captureRef: taken[0].id }),
    reference: unit?.custom_id ?? "",
    status,
    currency: unit?.amount.currency_code ?? "",
    amount: unit ? fromPaypal(unit.amount) : Number.NaN,
    capturedAmount: taken.reduce((sum, { amount }) => sum + fromPaypal(amount), 0),
    ...(fee !== undefined && { fee }),
    failure: status === "failed" ? (last?.status_details?.reason ?? last?.status ?? null) : null,
    at: latest([order, ...authorizations, ...captures], status),
    ...(redirectUrl !== undefined && { redirectUrl }),
    ...(status === "unpaid" && order.status === "APPROVED" && { isApproved: true }),
  }
}

function statusOf(
  order: PaypalOrder,
  isPaid: boolean,
  held: PaypalPayment | undefined,
  last: PaypalPayment | undefined,
): Told["status"] {
  if (isPaid) return "paid"
  if (last && isRefused(last)) return "failed"
  if (held?.status === "CREATED") return "authorized"
  if (order.status === "VOIDED" || held?.status === "VOIDED" || held?.status === "EXPIRED")
    return "voided"
  return "unpaid"
}

/** What one capture, or authorization, says of the payment that it is the whole of. */
export function toldOf(payment: PaypalPayment, status: Told["status"], at: string): Told {
  const amount = fromPaypal(payment.amount)
  const isPaid = status === "paid"
  const fee = isPaid ? feeOf([payment]) : undefined
  return {
    ref: payment.supplementary_data?.related_ids?.order_id ?? "",
    ...(isPaid && { captureRef: payment.id }),
    reference: payment.custom_id ?? "",
    status,
    currency: payment.amount.currency_code,
    amount,
    capturedAmount: isPaid ? amount : 0,
    ...(fee !== undefined && { fee }),
    failure: status === "failed" ? (payment.status_details?.reason ?? payment.status) : null,
    at: latest([payment, { update_time: at }], status),
  }
}

/** What PayPal keeps, once it says so of all, in the currency that was paid in. */
function feeOf(taken: readonly PaypalPayment[]): number | undefined {
  const fees = taken.map(({ amount, seller_receivable_breakdown: of }) => {
    const fee = of?.paypal_fee
    return fee && fee.currency_code === amount.currency_code ? fromPaypal(fee) : Number.NaN
  })
  const sum = fees.reduce((all, fee) => all + fee, 0)
  return fees.length > 0 && !Number.isNaN(sum) ? sum : undefined
}

function latest(things: readonly Timed[], status: Told["status"]): string {
  const times = things.flatMap(({ create_time, update_time }) =>
    [create_time, update_time].map((time) => Date.parse(time ?? "")),
  )
  return toldAt(Math.max(0, ...times.filter((time) => !Number.isNaN(time))), status)
}

/** What became of a refund. */
export function toRefund({ id, status, status_details }: PaypalRefund): RefundAnswer {
  if (status === "COMPLETED") return { ref: id, status: "succeeded", failure: null }
  if (status === "PENDING") return { ref: id, status: "pending", failure: null }
  return { ref: id, status: "failed", failure: status_details?.reason ?? status }
}

/** Outcomes in which the money stays with the seller. */
const won: readonly string[] = [
  "RESOLVED_SELLER_FAVOUR",
  "RESOLVED_WITH_PAYOUT",
  "CANCELED_BY_BUYER",
  "DENIED",
  "NONE",
]

/** A dispute; PayPal holds the money from its first day. `undefined` while it does not say how much. */
export function toDispute(dispute: PaypalDispute): ToldDispute | undefined {
  const { dispute_id, status, dispute_amount: amount, dispute_outcome: outcome } = dispute
  const [transaction] = dispute.disputed_transactions ?? []
  if (!amount) return undefined
  const isWon = won.includes(outcome?.outcome_code ?? "")
  return {
    ref: dispute_id,
    status: status === "RESOLVED" ? (isWon ? "won" : "lost") : "open",
    amount: fromPaypal(amount),
    currency: amount.currency_code,
    reason: dispute.reason ?? null,
    key: transaction?.invoice_number ?? null,
    payment: { ref: null, captureRef: transaction?.seller_transaction_id ?? null },
  }
}
