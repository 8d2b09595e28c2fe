import type { OrderStatus, paymentStatuses } from "./status.ts"

type PaymentStatus = (typeof paymentStatuses)[number]

/** What is counted of a payment, in minor units of the order's currency. */
type Counted = {
  status: PaymentStatus
  amount: number
  capturedAmount: number
  refundedAmount: number
  refundedTaxAmount: number
  refundedShippingAmount: number
}

/** What an order's payments come to. */
export type Balance = {
  paymentStatus: PaymentStatus
  paidAmount: number
  refundedAmount: number
  /** The parts of it that were tax, and shipping before tax. */
  refundedTaxAmount: number
  refundedShippingAmount: number
}

/** Of several payments of which nothing was captured or authorized the best one says how the order stands. */
const hopes = ["unpaid", "failed", "voided"] as const

/**
 * How an order stands by its payments: paid once they have captured its total, authorized once what is vouched for
 * makes up the rest, and unpaid while they cover a part; whatever came back since counts as refunded. An order of
 * nothing is paid. While a payer's bank holds any of it back it is disputed.
 */
export function balanceOf(totalAmount: number, payments: readonly Counted[]): Balance {
  const sum = (of: (payment: Counted) => number) =>
    payments.reduce((all, payment) => all + of(payment), 0)
  const paidAmount = sum((payment) => payment.capturedAmount)
  const refundedAmount = sum((payment) => payment.refundedAmount)
  return {
    paymentStatus: statusOf(),
    paidAmount,
    refundedAmount,
    refundedTaxAmount: sum((payment) => payment.refundedTaxAmount),
    refundedShippingAmount: sum((payment) => payment.refundedShippingAmount),
  }

  function statusOf(): PaymentStatus {
    if (payments.some(({ status }) => status === "disputed")) return "disputed"
    if (refundedAmount > 0) return refundedAmount < paidAmount ? "partially_refunded" : "refunded"
    if (paidAmount >= totalAmount) return "paid"
    const vouched = vouchedFor(payments)
    if (vouched > 0 && paidAmount + vouched >= totalAmount) return "authorized"
    if (paidAmount + vouched > 0) return "unpaid"
    return hopes.find((hope) => payments.some(({ status }) => status === hope)) ?? "unpaid"
  }
}

/** What gateways have authorized and not taken yet, in minor units. */
export function vouchedFor(payments: readonly Counted[]): number {
  return payments.reduce(
    (all, { status, amount }) => all + (status === "authorized" ? amount : 0),
    0,
  )
}

/** Whether an order shows this balance already. */
export function isSame(shown: Balance, balance: Balance): boolean {
  return (
    shown.paymentStatus === balance.paymentStatus &&
    shown.paidAmount === balance.paidAmount &&
    shown.refundedAmount === balance.refundedAmount &&
    shown.refundedTaxAmount === balance.refundedTaxAmount &&
    shown.refundedShippingAmount === balance.refundedShippingAmount
  )
}

/** Whether nobody vouches for the money: nothing was taken of it, and nothing is authorized. */
export function isUnsecured(status: PaymentStatus): boolean {
  return status === "unpaid" || status === "failed" || status === "voided"
}

/**
 * What is still to be paid of an order, in minor units. `paidAmount`: what was captured; what went back of it because
 * the order came to less (`reducedAmount`) was no payment, while any other refund asks for nothing anew.
 */
export function amountDue(order: {
  status: OrderStatus
  totalAmount: number
  paidAmount: number
  reducedAmount: number
}): number {
  if (order.status === "cancelled" || order.status === "refunded") return 0
  return Math.max(0, order.totalAmount - (order.paidAmount - order.reducedAmount))
}
