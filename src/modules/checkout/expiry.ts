import type { Ctx } from "#context.ts"
import * as orderPayment from "#modules/orders/payment.ts"
import { cancelAtGateway } from "#modules/payments/payments.ts"

/** How many pages of orders one sweep goes through at most. */
const mostPages = 20

/**
 * Ends the orders whose time to be paid is over: each payment is given up at its gateway first, and only when the
 * gateway says that nothing was taken is the order cancelled and its stock let go. One that turns out to be paid is
 * confirmed instead (`payment.changed`). A gateway that does not answer is asked again with the next sweep. Answers how
 * many were cancelled; safe to run twice at once.
 */
export async function expireUnpaid(ctx: Ctx): Promise<number> {
  let cancelled = 0
  let after: orderPayment.Overdue | undefined
  for (let pages = 0; pages < mostPages; pages++) {
    const overdue = await orderPayment.overdue(ctx, after)
    for (const order of overdue) {
      const isDone = await end(ctx, order.id).catch((error) => {
        ctx.log.error("unpaid order left to the next sweep", error, { order_id: order.id })
        return false
      })
      if (isDone) cancelled += 1
    }
    after = overdue.at(-1)
    if (!after) break
  }
  return cancelled
}

async function end(ctx: Ctx, id: orderPayment.Overdue["id"]): Promise<boolean> {
  const found = await orderPayment.findPaid(ctx, id)
  for (const payment of found?.payments ?? []) await cancelAtGateway(ctx, payment)
  return orderPayment.expire(ctx, id)
}
