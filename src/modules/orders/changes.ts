import { eq } from "drizzle-orm"

import { nameOf } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import { randomBase32 } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { raced } from "#platform/commit.ts"
import { rowsOf, type Statement } from "#platform/db.ts"

import { type Change, chain } from "./history.ts"
import type { ChangeRow, Draft, OrderRow } from "./orders.ts"
import { type OrderStatus, transitions } from "./status.ts"
import { orderChanges, orderLines, orders } from "./tables.ts"

/** `NX-` + date + 40 random bits: nobody guesses the next one. */
export function newNumber(now: Date): string {
  return `NX-${iso(now).slice(0, 10).replaceAll("-", "")}-${randomBase32(8).toUpperCase()}`
}

/**
 * Inserts an order with its lines and history, and the steps that it takes at once. Its refusals: `placeRefusals`.
 */
export async function stage(
  ctx: Ctx,
  { order, lines }: Draft,
  steps: readonly ChangeStep[] = [],
): Promise<Statement[]> {
  const placed = await chain(undefined, {
    orderId: order.id,
    version: 1,
    kind: "placed",
    from: null,
    to: "pending",
    note: "",
    actor: nameOf(ctx.actor),
    createdAt: order.createdAt,
  })
  return [
    ctx.db.insert(orders).values(order),
    ...rowsOf(ctx.db, orderLines, lines),
    ctx.db.insert(orderChanges).values(placed),
    ...(steps.length > 0 ? await stageChanges(ctx, order, placed, steps) : []),
  ]
}

/** What a broken constraint of `stage` means, for the commit it is part of. */
export const placeRefusals = { "orders.cart_id": "cart-already-ordered" } as const

/** An order as the next change leaves it: the next version, as of now. */
export function changed(ctx: Ctx, order: OrderRow, over: Partial<OrderRow>): OrderRow {
  return { ...order, ...over, version: order.version + 1, updatedAt: iso(ctx.now) }
}

/** How a state moved that is not the order's own: of its fulfilment, or of a return. */
export type Span = { from: string | null; to: string | null }

/**
 * A change of an order and its row of history: `from` and `to` are the order's status, or the payment's, or the `span`
 * given; of `details`, `edit` and `note` there is none. `next` has the next version. Only what changed is written. Of
 * two who change an order at once the second breaks the history's key (`changeRefusals`).
 */
export async function stageChange(
  ctx: Ctx,
  order: OrderRow,
  next: OrderRow,
  last: ChangeRow | undefined,
  note: string,
  kind: ChangeRow["kind"] = "status",
  span?: Span,
): Promise<Statement[]> {
  return stageChanges(ctx, order, last, [{ next, note, kind, span }])
}

/** One change of several that are made at once: the order as it is after it. */
export type ChangeStep = {
  next: OrderRow
  note: string
  kind: ChangeRow["kind"]
  span?: Span | undefined
}

/** Several changes of an order in one batch, each with its version and row of history. */
export async function stageChanges(
  ctx: Ctx,
  order: OrderRow,
  last: ChangeRow | undefined,
  steps: readonly ChangeStep[],
): Promise<Statement[]> {
  const rows: ChangeRow[] = []
  let before = order
  for (const { next, note, kind, span } of steps) {
    const { from, to } = span ?? spanOf(kind, before, next)
    const change: Change = {
      orderId: order.id,
      version: next.version,
      kind,
      from,
      to,
      note,
      actor: nameOf(ctx.actor),
      createdAt: iso(ctx.now),
    }
    rows.push(await chain(rows.at(-1) ?? last, change))
    before = next
  }
  const known = new Map<string, unknown>(Object.entries(order))
  const changed = Object.entries(before).filter(([column, value]) => known.get(column) !== value)
  return [
    ...rowsOf(ctx.db, orderChanges, rows),
    ctx.db.update(orders).set(Object.fromEntries(changed)).where(eq(orders.id, order.id)),
  ]
}

function spanOf(kind: ChangeRow["kind"], order: OrderRow, next: OrderRow): Span {
  if (kind === "status") return { from: order.status, to: next.status }
  if (kind === "payment") return { from: order.paymentStatus, to: next.paymentStatus }
  return { from: null, to: null }
}

/**
 * Of two who change an order at once the second breaks the key of its history: final when the caller named a version,
 * else worth another look (`retryRaced`).
 */
export function changeRefusals(ctx: Ctx): Record<string, () => DomainError> {
  const refusal = ctx.ifMatch
    ? () => new DomainError("stale")
    : () => raced(new DomainError("order-changed"))
  return { "order_changes.order_id": refusal }
}

/** `illegal-transition`, naming both states and what the first one allows. */
export function illegal(from: OrderStatus, to: OrderStatus, why?: string): DomainError {
  const cannot =
    to === "cancelled"
      ? `Cannot cancel: a ${from} order cannot be cancelled.`
      : `Cannot change status from ${from} to ${to}.`
  return new DomainError("illegal-transition", why ?? cannot, {
    from,
    to,
    allowed: transitions[from],
  })
}
