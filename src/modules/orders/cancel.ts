import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import type { Event } from "#events.ts"
import { iso } from "#lib/time.ts"
import * as inventory from "#modules/inventory/inventory.ts"
import { stageRefund } from "#modules/payments/refunds.ts"
import { stageVoid } from "#modules/payments/voids.ts"
import { stageGiveBack } from "#modules/promotions/promotions.ts"
import { commit, retryRaced } from "#platform/commit.ts"

import { changed, illegal, changeRefusals, stageChange } from "./changes.ts"
import { isSent, mayCancel } from "./fulfilment.ts"
import type { Cancelled } from "./model.ts"
import { open, type Opened, productsOf, toOrder } from "./orders.ts"

/**
 * Cancels an order of which nothing has been sent; its stock returns exactly once, even if this process dies now.
 * @throws `unauthenticated`, `not-found`, `already-cancelled`, `illegal-transition`, `order-changed`, `stale`
 */
export function cancel(ctx: Ctx, ref: string, reason: string): Promise<Cancelled> {
  return retryRaced(async () => cancelOpened(ctx, await open(ctx, ref, "orders:write"), reason))
}

/**
 * The same for an order that was opened before; should it have changed since, nothing happens. What is paid goes back,
 * what is still to be paid is given up, and its promotions are free again, in the same batch. `answerOf`: what the
 * caller answers, if it is something else.
 */
export async function cancelOpened(
  ctx: Ctx,
  opened: Opened,
  reason: string,
  also: readonly Event[] = [],
  answerOf: (cancelled: Cancelled) => unknown = (cancelled) => cancelled,
): Promise<Cancelled> {
  const { order, lines, changes, parcels } = opened
  if (order.status === "cancelled")
    throw new DomainError("already-cancelled", "Cannot cancel: the order is already cancelled.")
  if (!mayCancel(order.status, parcels))
    throw illegal(
      order.status,
      "cancelled",
      parcels.some(isSent) && order.status === "processing"
        ? "Cannot cancel: a part of the order has been sent. Take the rest out of it instead."
        : undefined,
    )
  const next = changed(ctx, order, { status: "cancelled", cancelledAt: iso(ctx.now) })
  const reference = order.id
  const [back, unpaid] = await Promise.all([
    stageRefund(ctx, { reference, amount: "all", key: `cancel:${order.id}`, reason }),
    stageVoid(ctx, reference),
  ])
  const result = { message: "Order cancelled successfully.", order: toOrder(next, lines) }
  const statements = [
    ...(await stageChange(ctx, order, next, changes.at(-1), reason)),
    ...back.statements,
    ...unpaid.statements,
    ...stageGiveBack(ctx, order.id),
  ]
  await commit(ctx, statements, {
    refusals: { ...changeRefusals(ctx), ...back.refusals, ...unpaid.refusals },
    events: [
      { type: "order.cancelled", orderId: order.id },
      ...also,
      ...back.events,
      ...unpaid.events,
    ],
    result: answerOf(result),
  })
  // The event does this again, should it fail now: giving back is idempotent.
  await inventory
    .giveBack(ctx, order.id, productsOf(lines))
    .catch((error) => ctx.log.error("stock left to the event", error, { order_id: order.id }))
  return result
}
