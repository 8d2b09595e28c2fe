import { iso } from "#lib/time.ts"

import type { Answer, RefundAnswer, ToldDispute } from "../gateway.ts"
import type { Told } from "../status.ts"
import type { SquareMoney } from "./amounts.ts"

export type SquareOrder = {
  id: string
  state: string
  total_money: SquareMoney
  metadata?: Record<string, string>
  tenders?: { id: string; payment_id?: string }[]
  created_at: string
  updated_at: string
}
export type SquarePayment = {
  id: string
  status: string
  order_id?: string
  note?: string
  amount_money: SquareMoney
  /** With tips, which links do not ask for. */
  total_money?: SquareMoney
  processing_fee?: { amount_money?: SquareMoney }[]
  card_details?: { errors?: { code: string }[] }
  refund_ids?: string[]
  created_at: string
  updated_at: string
}
export type SquareRefund = {
  id: string
  status: string
  amount_money: SquareMoney
  payment_id?: string
  reason?: string
}
export type SquareDispute = {
  id?: string
  dispute_id?: string
  state: string
  reason?: string
  amount_money: SquareMoney
  disputed_payment?: { payment_id?: string }
  updated_at?: string
}

/** What a payment's note holds: the reference and our payment's id, for no payment of a link has another place. */
export const noteOf = (reference: string, key: string) => `${reference} ${key}`

/** Our payment's id and its reference; `undefined` for what was sold otherwise, at a till say. */
export function keysOf({ note }: SquarePayment): { key: string; reference: string } | undefined {
  const [, reference = "", key = ""] = /^(\S+) (pay_\w+)$/.exec(note ?? "") ?? []
  return key === "" ? undefined : { key, reference }
}

/** An order that nobody has paid yet. */
export function ofOrder(order: SquareOrder): Answer {
  return {
    ref: order.id,
    reference: order.metadata?.["reference"] ?? "",
    status: order.state === "CANCELED" ? "voided" : "unpaid",
    currency: order.total_money.currency,
    amount: order.total_money.amount,
    capturedAmount: 0,
    failure: null,
    at: iso(new Date(order.updated_at)),
  }
}

/** A payment of an order's link, as we know payments. */
export function ofPayment(payment: SquarePayment): Told {
  const { amount, currency } = payment.total_money ?? payment.amount_money
  const status = statusOf(payment)
  const fees = payment.processing_fee?.map(({ amount_money }) => amount_money)
  const isKnown = fees && fees.length > 0 && fees.every((fee) => fee?.currency === currency)
  return {
    ref: payment.order_id ?? "",
    ...(status === "paid" && { captureRef: payment.id }),
    reference: keysOf(payment)?.reference ?? "",
    status,
    currency,
    amount,
    capturedAmount: status === "paid" ? amount : 0,
    ...(isKnown && { fee: fees.reduce((sum, fee) => sum + (fee?.amount ?? 0), 0) }),
    failure:
      status === "failed" ? (payment.card_details?.errors?.[0]?.code ?? payment.status) : null,
    at: iso(new Date(payment.updated_at)),
  }
}

/** One that was let go failed: its link may be paid by another. */
function statusOf({ status }: SquarePayment): Told["status"] {
  if (status === "COMPLETED") return "paid"
  if (status === "APPROVED") return "authorized"
  return status === "FAILED" || status === "CANCELED" ? "failed" : "unpaid"
}

/** What became of a refund. */
export function toRefund({ id, status }: SquareRefund): RefundAnswer {
  if (status === "COMPLETED") return { ref: id, status: "succeeded", failure: null }
  if (status === "PENDING") return { ref: id, status: "pending", failure: null }
  return { ref: id, status: "failed", failure: status }
}

/** A dispute; `undefined` for a mere question of the bank (`INQUIRY_…`), which moves no money. */
export function toDispute(dispute: SquareDispute): ToldDispute | undefined {
  const { state, amount_money: money } = dispute
  if (state.startsWith("INQUIRY_")) return undefined
  return {
    ref: dispute.id ?? dispute.dispute_id ?? "",
    status: state === "WON" ? "won" : state === "LOST" || state === "ACCEPTED" ? "lost" : "open",
    amount: money.amount,
    currency: money.currency,
    reason: dispute.reason ?? null,
    key: null,
    payment: { ref: null, captureRef: dispute.disputed_payment?.payment_id ?? null },
  }
}
