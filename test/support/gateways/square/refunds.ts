import type { Square } from "./square.ts"
import { bookOf } from "./tenders.ts"
import { moneyOf, Refusal, textOf } from "./wire.ts"

/** Gives a payment back, or a part of it: on its way first, there a little later. @throws Refusal */
export function refund(square: Square, body: any): any {
  const payment = square.get("payments", textOf(body.payment_id, "payment_id", 255, true) ?? "")
  const money = moneyOf(body.amount_money, "amount_money")
  const reason = textOf(body.reason, "reason", 192)
  const before = payment.refunded_money?.amount ?? 0
  const isDisputed = [...square.table("disputes").values()].some(
    ({ disputed_payment, state }) => disputed_payment.payment_id === payment.id && state !== "WON",
  )
  if (payment.status !== "COMPLETED" || isDisputed)
    throw new Refusal(400, {
      category: "REFUND_ERROR",
      code: "PAYMENT_NOT_REFUNDABLE",
      detail: isDisputed ? "The payment is disputed." : "The payment is not completed.",
    })
  if (money.currency !== payment.amount_money.currency)
    throw new Refusal(400, {
      category: "REFUND_ERROR",
      code: "REFUND_AMOUNT_INVALID",
      detail: "Another currency than the payment's.",
      field: "amount_money.currency",
    })
  if (before + money.amount > payment.amount_money.amount)
    throw new Refusal(400, {
      category: "REFUND_ERROR",
      code: "REFUND_AMOUNT_INVALID",
      detail: "The requested refund amount exceeds the amount available to refund.",
      field: "amount_money.amount",
    })
  const at = square.now()
  const made = {
    id: `${payment.id}_${square.newId(22)}`,
    status: "PENDING",
    amount_money: money,
    payment_id: payment.id,
    order_id: payment.order_id,
    location_id: payment.location_id,
    ...(reason !== undefined && { reason }),
    created_at: at,
    updated_at: at,
  }
  square.table("refunds").set(made.id, made)
  payment.refunded_money = { ...money, amount: before + money.amount }
  payment.refund_ids = [...(payment.refund_ids ?? []), made.id]
  bookOf(square, payment, { refunded: money.amount })
  square.happened("refund.created", "refund", made.id, { refund: made })
  square.changed("payment", payment, {})
  const fails = square.happens(square.behaviour.refuseRefunds)
  if (!square.behaviour.pendingRefunds)
    square.afterwards(() => settle(square, made, fails ? "failed" : "succeeded"))
  return { refund: made }
}

/** A refund that was on its way arrives, or is refused. */
export function settle(square: Square, made: any, status: "succeeded" | "failed"): void {
  const payment = square.get("payments", made.payment_id)
  if (status === "failed") {
    const { amount, currency } = payment.refunded_money
    payment.refunded_money = { amount: amount - made.amount_money.amount, currency }
    bookOf(square, payment, { refunded: -made.amount_money.amount })
  }
  square.changed("refund", made, { status: status === "succeeded" ? "COMPLETED" : "FAILED" })
}
