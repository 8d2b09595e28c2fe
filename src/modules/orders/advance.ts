import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { commit } from "#platform/commit.ts"

import { cancelOpened } from "./cancel.ts"
import { changeRefusals, illegal } from "./changes.ts"
import { leftToSend } from "./fulfilment.ts"
import type { Order, StatusChange } from "./model.ts"
import { begin, follow, type Move, stageMove, toStatus } from "./moves.ts"
import { open, type Opened, toOrder } from "./orders.ts"
import { deliver, sendAll } from "./parcels.ts"
import { awaitsGateway, requirePaid, unpaid } from "./payment.ts"
import { mayBecome } from "./status.ts"

/**
 * Moves an order along. Cancelling gives its stock and money back; `shipped` sends all that is left in one parcel;
 * `delivered` says that all its parcels arrived; only a refund makes it refunded. What a gateway is to be paid for goes
 * nowhere before it is.
 * @throws `forbidden`, `not-found`, `illegal-transition` with `from` and `to`, `already-cancelled`, `order-unpaid`,
 * `order-changed`, `stale`, `invalid-input` for a tracking number that cannot be the carrier's
 */
export async function setStatus(ctx: Ctx, ref: string, input: StatusChange): Promise<Order> {
  requirePermission(ctx, "orders:write")
  const opened = await open(ctx, ref, "orders:write")
  const { order, changes } = opened
  const { status: to, note } = input
  if (to === "cancelled")
    return (await cancelOpened(ctx, opened, note, [], (cancelled) => cancelled.order)).order
  if (!mayBecome(order.status, to) || to === "refunded") throw illegal(order.status, to)
  if (awaitsGateway(order)) throw unpaid(order)
  const move = moveTo(ctx, opened, input)
  const result = toOrder(move.order, move.lines)
  await commit(ctx, await stageMove(ctx, order, changes.at(-1), move), {
    refusals: changeRefusals(ctx),
    events: move.events,
    result,
  })
  return result
}

function moveTo(ctx: Ctx, opened: Opened, { status: to, note, ...tracking }: StatusChange): Move {
  const start = begin(opened)
  if (to === "shipped") {
    requirePaid(opened.order)
    return follow(ctx, sendAll(ctx, start, { note, ...tracking }))
  }
  if (to !== "delivered") return follow(ctx, toStatus(ctx, start, to, note))
  const left = leftToSend(opened.lines)
  if (left > 0)
    throw illegal(
      opened.order.status,
      to,
      `Cannot change status from shipped to delivered: ${left} of it are not sent.`,
    )
  return toStatus(ctx, deliver(ctx, start, opened.parcels), to, note)
}
