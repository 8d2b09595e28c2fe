import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import { type Id, newId } from "#lib/id.ts"
import * as inventory from "#modules/inventory/inventory.ts"
import { cancelOpened } from "#modules/orders/cancel.ts"
import * as orders from "#modules/orders/orders.ts"
import * as orderPayment from "#modules/orders/payment.ts"
import { takeCash } from "#modules/payments/captures.ts"
import { keptOf, refund } from "#modules/payments/refunds.ts"

/**
 * What follows when something happens to a payment (api.md 7.1, step 5): the order shows it; one that is paid, or
 * authorized, is sold, and one that is paid confirmed. Where the stock is gone it is cancelled and the money goes
 * back, as does what was paid for a cancelled order, and what was paid beyond the total. Idempotent.
 */
export async function paymentChanged(ctx: Ctx, event: { reference: string }): Promise<void> {
  const found = await orderPayment.syncPayment(ctx, event.reference as Id<"order">)
  if (!found) return
  await giveSurplusBack(ctx, found)
  await goOn(ctx, found)
}

/**
 * The same when a refund has ended. One that failed is not tried again at once, for its gateway would refuse it again:
 * `returnSurpluses` does later. Idempotent.
 */
export async function refundChanged(ctx: Ctx, event: { reference: string }): Promise<void> {
  const found = await orderPayment.syncPayment(ctx, event.reference as Id<"order">)
  if (found) await goOn(ctx, found)
}

/**
 * Tries again to give back what orders have too much of, where a gateway refused to: those of which no refund has moved
 * for a while, so many times. Answers how many it tried; safe to run twice at once.
 */
export async function returnSurpluses(ctx: Ctx): Promise<number> {
  const ids = await orderPayment.overpaid(ctx)
  for (const id of ids)
    await paymentChanged(ctx, { reference: id }).catch((error) =>
      ctx.log.error("surplus not given back", error, { order_id: id }),
    )
  return ids.length
}

/** Gives back what was paid for a cancelled order, and what was paid beyond the total. Idempotent. */
async function giveSurplusBack(ctx: Ctx, { order, payments }: orderPayment.Paid): Promise<void> {
  const owed = order.status === "cancelled" ? 0 : order.totalAmount
  if (keptOf(payments) <= owed) return
  await refund(ctx, {
    reference: order.id,
    // Worked out and written on one reading of the payments: done twice, there is nothing left the second time.
    amount: { beyond: owed },
    key: `surplus:${newId("refund", ctx.now)}`,
    reason: owed === 0 ? "The order was cancelled." : "More was paid than the order came to.",
  })
}

/** Sells a pending order that is paid for, or vouched for; cancels one whose money or stock is gone. */
async function goOn(ctx: Ctx, found: orderPayment.Paid): Promise<void> {
  const { order, lines } = found
  if (orderPayment.isGivenUp(order)) return moneyGone(ctx, order.id)
  if (order.status !== "pending" || !isSecured(found)) return
  const missing = await inventory.settle(ctx, order.id, inventory.byProduct(lines))
  if (missing.length > 0) return stockLost(ctx, order.id)
  await orderPayment.confirmPaid(ctx, order.id)
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
function isSecured({ order }: orderPayment.Paid): boolean {
  const isVouchedFor = order.paymentStatus === "authorized" || order.paymentStatus === "disputed"
  return isVouchedFor || orderPayment.isCovered(order)
}

/** Cancels a pending order whose money went back, to the payer or their bank, before it was sold. */
async function moneyGone(ctx: Ctx, orderId: Id<"order">): Promise<void> {
  const opened = await orders.open(ctx, orderId, "orders:write")
  if (!orderPayment.isGivenUp(opened.order)) return
  await cancelOpened(ctx, opened, "Its money went back before it was confirmed.")
}

/** Cancels a pending order that cannot be filled, and says so; what was paid goes back with it. */
export async function stockLost(ctx: Ctx, orderId: Id<"order">): Promise<void> {
  const opened = await orders.open(ctx, orderId, "orders:write")
  if (opened.order.status === "cancelled") return
  const reason = "The stock was gone before the order could be completed."
  await cancelOpened(ctx, opened, reason, [{ type: "order.stock-lost", orderId }])
}
