import type { Ctx } from "#context.ts"
import * as orderPayment from "#modules/orders/payment.ts"
import { cancelAtGateway } from "#modules/payments/voids.ts"

/** Pages of orders in one sweep: each order is some ten queries, of the thousand that D1 gives one invocation. */
const mostPages = 2

/**
 * Ends the orders whose time to be paid is over: each payment is given up at its gateway first, and only when the
 * gateway says that nothing was taken is the order cancelled and its stock let go. One that turns out to be paid is
 * confirmed instead (`payment.changed`). Where a gateway does not answer the order is put off, so that it keeps no
 * other waiting. Answers how many were cancelled; safe to run twice at once.
 */
export async function expireUnpaid(ctx: Ctx): Promise<number> {
  let cancelled = 0
  for (let pages = 0; pages < mostPages; pages++) {
    const overdue = await orderPayment.overdue(ctx)
    for (const id of overdue) {
      const isDone = await end(ctx, id).catch((error) => {
        ctx.log.error("unpaid order put off", error, { order_id: id })
        return false
      })
      if (isDone) cancelled += 1
      else await orderPayment.putOff(ctx, id)
    }
    if (overdue.length === 0) break
  }
  return cancelled
}

async function end(ctx: Ctx, id: orderPayment.Overdue): Promise<boolean> {
  const found = await orderPayment.findPaid(ctx, id)
  for (const payment of found?.payments ?? []) await cancelAtGateway(ctx, payment)
  return orderPayment.expire(ctx, id)
}
