import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import * as inventory from "#modules/inventory/inventory.ts"
import { cancelOpened } from "#modules/orders/cancel.ts"
import * as orders from "#modules/orders/orders.ts"
import * as orderPayment from "#modules/orders/payment.ts"
import { takeCash } from "#modules/payments/captures.ts"
import { refund } from "#modules/payments/refunds.ts"

/**
 * What follows when something happens to a payment (api.md 7.1, step 5): the order shows it; one that is paid, or
 * authorized, is sold, and one that is paid confirmed. Where the stock is gone it is cancelled and the money goes
 * back, as does what was paid for a cancelled order, and what was paid beyond the total. Idempotent.
 */
export async function paymentChanged(ctx: Ctx, event: { reference: string }): Promise<void> {
  const orderId = event.reference as Id<"order">
  const found = await orderPayment.syncPayment(ctx, orderId)
  if (!found) return
  const { order, lines } = found
  // What a bank holds back is nobody's to give back.
  const held = found.payments.reduce((sum, { disputedAmount }) => sum + disputedAmount, 0)
  const kept = order.paidAmount - order.refundedAmount - held
  const owed = order.status === "cancelled" ? 0 : order.totalAmount
  if (kept > owed) {
    await refund(ctx, {
      reference: orderId,
      amount: kept - owed,
      // Each time that more is paid, or comes back from a bank, what is too much of it goes back once.
      key: `surplus:${orderId}:${order.paidAmount}:${order.refundedAmount}`,
      reason: owed === 0 ? "The order was cancelled." : "More was paid than the order came to.",
    })
  }
  if (order.status !== "pending" || !isSecured(found)) return
  const missing = await inventory.settle(ctx, orderId, inventory.byProduct(lines))
  if (missing.length > 0) return stockLost(ctx, orderId)
  await orderPayment.confirmPaid(ctx, orderId)
}

/** The cash of an order that was delivered at a door was taken there. Idempotent. */
export async function delivered(
  ctx: Ctx,
  { orderId, to }: Extract<Event, { type: "order.status-changed" }>,
): Promise<void> {
  if (to !== "delivered") return
  const found = await orders.find(ctx, orderId)
  if (found?.lines.some(({ isDigital }) => !isDigital)) await takeCash(ctx, orderId)
}

/** Whether a gateway has the money, or vouches for it: then the stock is the buyer's. */
function isSecured({ order: { paymentStatus } }: orderPayment.Paid): boolean {
  return paymentStatus === "paid" || paymentStatus === "authorized" || paymentStatus === "disputed"
}

/** Cancels a pending order that cannot be filled, and says so; what was paid goes back with it. */
export async function stockLost(ctx: Ctx, orderId: Id<"order">): Promise<void> {
  const opened = await orders.open(ctx, orderId, "orders:write")
  if (opened.order.status === "cancelled") return
  const reason = "The stock was gone before the order could be completed."
  await cancelOpened(ctx, opened, reason, [{ type: "order.stock-lost", orderId }])
}
