import { keyAmong } from "../party.ts"
import type { Square } from "./square.ts"

/** A payment counts towards its order once it is there, and pays it once its money is taken. */
export function paidWith(square: Square, order: any, payment: any): void {
  const { amount, currency } = payment.amount_money
  const isKnown = order.tenders.some((one: any) => one.payment_id === payment.id)
  if (!isKnown)
    order.tenders.push({
      id: payment.id,
      location_id: square.location,
      transaction_id: order.id,
      created_at: payment.created_at,
      amount_money: payment.amount_money,
      type: "CARD",
      payment_id: payment.id,
    })
  Object.assign(order, {
    state: payment.status === "COMPLETED" ? "COMPLETED" : "OPEN",
    net_amount_due_money: { amount: order.total_money.amount - amount, currency },
    updated_at: square.now(),
    version: order.version + 1,
  })
  orderChanged(square, order)
}

/** Tells the shop of an order. */
export function orderChanged(
  square: Square,
  { id, location_id, state, version, updated_at, created_at }: any,
): void {
  const order_updated = { order_id: id, location_id, state, version, updated_at, created_at }
  square.happened("order.updated", "order", id, { order_updated })
}

/** Books money of a payment, with our id of it as its order or note tell it. */
export function bookOf(square: Square, payment: any, moved: Parameters<Square["book"]>[2]): void {
  const order = square.table("orders").get(payment.order_id)
  const told = [
    payment.reference_id,
    payment.note,
    order?.reference_id,
    ...Object.values(order?.metadata ?? {}),
  ]
  square.book(payment.id, payment.amount_money.currency, { ...moved, key: keyAmong(told) })
}
