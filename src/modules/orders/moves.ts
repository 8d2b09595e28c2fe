import { and, eq } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import { iso } from "#lib/time.ts"
import type { Statement } from "#platform/db.ts"

import { changed, type ChangeStep, type Span, stageChanges } from "./changes.ts"
import { followed } from "./fulfilment.ts"
import type { ChangeRow, LineRow, OrderRow, ParcelRow } from "./orders.ts"
import type { OrderStatus } from "./status.ts"
import { orderLines } from "./tables.ts"

/** A change in the making: the order, its lines and parcels as they will be, and the steps that make them so. */
export type Move = {
  order: OrderRow
  lines: readonly LineRow[]
  parcels: readonly ParcelRow[]
  steps: readonly ChangeStep[]
  statements: readonly Statement[]
  events: readonly Event[]
}

/** A change of nothing yet. */
export function begin({ order, lines, parcels }: Pick<Move, "order" | "lines" | "parcels">): Move {
  return { order, lines, parcels, steps: [], statements: [], events: [] }
}

/** One step on, with its version and row of history. */
export function step(
  ctx: Ctx,
  move: Move,
  kind: ChangeRow["kind"],
  over: Partial<OrderRow>,
  note: string,
  span?: Span,
): Move {
  const next = changed(ctx, move.order, over)
  return { ...move, order: next, steps: [...move.steps, { next, note, kind, span }] }
}

/**
 * The order in another state; who calls has asked the table. With the confirmation everything digital counts as sent:
 * it is the buyer's to use from then on.
 */
export function toStatus(ctx: Ctx, move: Move, to: OrderStatus, note: string): Move {
  const { order } = move
  const now = iso(ctx.now)
  const next = step(ctx, move, "status", { status: to, ...stampOf(to, now) }, note)
  const events: Event[] = [
    ...move.events,
    { type: "order.status-changed", orderId: order.id, from: order.status, to },
  ]
  if (to !== "confirmed" || !move.lines.some(({ isDigital }) => isDigital))
    return { ...next, events }
  return {
    ...next,
    events,
    lines: move.lines.map((line) =>
      line.isDigital ? { ...line, fulfilledQuantity: line.quantity } : line,
    ),
    statements: [
      ...move.statements,
      ctx.db
        .update(orderLines)
        .set({ fulfilledQuantity: orderLines.quantity })
        .where(and(eq(orderLines.orderId, order.id), eq(orderLines.isDigital, true))),
    ],
  }
}

/** The states that follow by themselves from what is sent and what has arrived. */
export function follow(ctx: Ctx, move: Move): Move {
  const to = followed(move.order.status, move.lines, move.parcels)
  return to.reduce(
    (before, status) => toStatus(ctx, before, status, followNotes[status] ?? ""),
    move,
  )
}

const followNotes: Partial<Record<OrderStatus, string>> = {
  shipped: "Everything is sent.",
  delivered: "Everything has arrived.",
}

/** The statements of a change of `order`, for one batch (`changeRefusals`). */
export async function stageMove(
  ctx: Ctx,
  order: OrderRow,
  last: ChangeRow | undefined,
  move: Move,
): Promise<Statement[]> {
  return [...(await stageChanges(ctx, order, last, move.steps)), ...move.statements]
}

function stampOf(to: OrderStatus, now: string): Partial<OrderRow> {
  if (to === "shipped") return { shippedAt: now }
  if (to === "delivered") return { deliveredAt: now }
  if (to === "cancelled") return { cancelledAt: now }
  return {}
}
