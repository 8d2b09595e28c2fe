/** The states of a payment (api.md 7). Once anything is captured, the amounts alone say which. */
export const paymentStatuses = [
  "unpaid",
  "authorized",
  "paid",
  "partially_refunded",
  "refunded",
  "failed",
  "voided",
  "disputed",
] as const
export type PaymentStatus = (typeof paymentStatuses)[number]

/** The states in which no money has moved. */
export type OpenStatus = Exclude<
  PaymentStatus,
  "paid" | "partially_refunded" | "refunded" | "disputed"
>

/**
 * Where a payment goes from each state. A failed one may be tried again by whoever pays. Captured money is captured,
 * even of a payment that was given up: news may come late, and a void may come too late. A refund that fails puts
 * the payment back. Disputed it is while the payer's bank holds some of it: back when the dispute is won, refunded
 * when it is lost.
 */
export const paymentTransitions: Record<PaymentStatus, readonly PaymentStatus[]> = {
  unpaid: ["authorized", "paid", "failed", "voided"],
  authorized: ["paid", "failed", "voided"],
  failed: ["authorized", "paid", "voided"],
  voided: ["paid"],
  paid: ["partially_refunded", "refunded", "disputed"],
  partially_refunded: ["refunded", "paid", "disputed"],
  refunded: ["partially_refunded", "paid", "disputed"],
  disputed: ["paid", "partially_refunded", "refunded"],
}

/** Whether a payment may go from one state to another. */
export function mayBecome(from: PaymentStatus, to: PaymentStatus): boolean {
  return paymentTransitions[from].includes(to)
}

/** A payment in figures, minor units of `currency`. */
export type Figures = {
  status: PaymentStatus
  reference: string
  currency: string
  amount: number
  capturedAmount: number
  refundedAmount: number
  /** What banks hold of it while disputes are open. */
  disputedAmount: number
  gatewayRef: string | null
  captureRef: string | null
  toldAt: string | null
}

/**
 * What a gateway says of one payment, as of `at` (ISO 8601): the whole of it, whatever the news was about. `failure`
 * is why it failed, in the gateway's word.
 */
export type Told = {
  ref: string
  /** What the gateway calls the money that was taken, where that is another id than `ref`. */
  captureRef?: string
  reference: string
  status: OpenStatus | "paid"
  currency: string
  amount: number
  capturedAmount: number
  /** What the gateway keeps of it, in minor units of `currency`, once it says so. */
  fee?: number
  failure: string | null
  at: string
}

/** What a payment becomes by what is told of it; `mismatch` names what is not ours, and then nothing changes. */
export type Judged =
  | { mismatch: "reference" | "currency" | "amount" | "gateway-ref" | "capture-ref" | "captured" }
  | { status: PaymentStatus; capturedAmount: number; isNews: boolean }

/**
 * Judges what a gateway says against what is known. Captured money only grows; of the rest an older word than the
 * last one, and one that the table does not allow, changes nothing: news come twice, late and out of order.
 */
export function judge(known: Figures, told: Told): Judged {
  if (told.reference !== known.reference) return { mismatch: "reference" }
  if (told.currency !== known.currency) return { mismatch: "currency" }
  if (told.amount !== known.amount) return { mismatch: "amount" }
  if (known.gatewayRef !== null && told.ref !== known.gatewayRef) return { mismatch: "gateway-ref" }
  if (told.captureRef !== undefined && known.captureRef !== null)
    if (told.captureRef !== known.captureRef) return { mismatch: "capture-ref" }
  if (told.capturedAmount > known.amount) return { mismatch: "captured" }
  const capturedAmount = Math.max(known.capturedAmount, told.capturedAmount)
  const isOld = known.toldAt !== null && told.at < known.toldAt
  const status =
    capturedAmount > 0
      ? statusOf(capturedAmount, known.refundedAmount, known.disputedAmount)
      : !isOld && told.status !== "paid" && mayBecome(known.status, told.status)
        ? told.status
        : known.status
  return {
    status,
    capturedAmount,
    isNews: status !== known.status || capturedAmount !== known.capturedAmount,
  }
}

/** The state of a payment of which something was captured. */
export function statusOf(
  capturedAmount: number,
  refundedAmount: number,
  disputedAmount = 0,
): PaymentStatus {
  if (disputedAmount > 0) return "disputed"
  if (refundedAmount <= 0) return "paid"
  return refundedAmount < capturedAmount ? "partially_refunded" : "refunded"
}
