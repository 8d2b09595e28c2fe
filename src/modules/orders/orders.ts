import { and, asc, eq, inArray, or, sql } from "drizzle-orm"

import { may, nameOf, requirePermission, requireScope } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, notFound } from "#errors.ts"
import type { Event } from "#events.ts"
import { type Id, randomBase32 } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import * as inventory from "#modules/inventory/inventory.ts"
import { stageVoid } from "#modules/payments/payments.ts"
import { stageRefund } from "#modules/payments/refunds.ts"
import { stageGiveBack } from "#modules/promotions/promotions.ts"
import { commit } from "#platform/commit.ts"
import { rowsOf, type Statement } from "#platform/db.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import { type Change, chain } from "./history.ts"
import type {
  Cancelled,
  Order,
  OrderChange,
  OrderChangeQuery,
  StateMachines,
  StatusChange,
  Tracking,
} from "./model.ts"
import { returnTransitions } from "./return-status.ts"
import { mayBecome, type OrderStatus, statusNames, timeline, transitions } from "./status.ts"
import { orderChanges, orderLines, orders } from "./tables.ts"

export type OrderRow = typeof orders.$inferSelect
export type LineRow = typeof orderLines.$inferSelect
type ChangeRow = typeof orderChanges.$inferSelect

/** An order that is not committed yet, with its lines and the first row of its history. */
export type Draft = { order: OrderRow; lines: LineRow[] }

/** `NX-` + date + 40 random bits: nobody guesses the next one. */
export function newNumber(now: Date): string {
  return `NX-${iso(now).slice(0, 10).replaceAll("-", "")}-${randomBase32(8).toUpperCase()}`
}

/** Inserts an order with its lines and history. Its refusals: `placeRefusals`. */
export async function stage(ctx: Ctx, { order, lines }: Draft): Promise<Statement[]> {
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
  ]
}

/** What a broken constraint of `stage` means, for the commit it is part of. */
export const placeRefusals = { "orders.cart_id": "cart-already-ordered" } as const

/** Whether an order was committed: for whoever lost the answer of the commit. */
export async function exists(ctx: Ctx, id: Id<"order">): Promise<boolean> {
  return (
    (await ctx.db.select({ id: orders.id }).from(orders).where(eq(orders.id, id)).limit(1)).length >
    0
  )
}

/** An order with its lines, for the shop's own work. */
export async function find(ctx: Ctx, id: Id<"order">): Promise<Draft | undefined> {
  const [[order], lines] = await ctx.db.batch([
    ctx.db.select().from(orders).where(eq(orders.id, id)).limit(1),
    ctx.db
      .select()
      .from(orderLines)
      .where(eq(orderLines.orderId, id))
      .orderBy(asc(orderLines.position)),
  ])
  return order && { order, lines }
}

/** One order, by id or number: the caller's own, or any for staff. @throws `unauthenticated`, `not-found` */
export async function get(ctx: Ctx, ref: string): Promise<Order> {
  const { order, lines } = await open(ctx, ref, "orders:read")
  return toOrder(order, lines)
}

/** Where an order is. @throws `unauthenticated`, `not-found` */
export async function track(ctx: Ctx, ref: string): Promise<Tracking> {
  const { order, changes } = await open(ctx, ref, "orders:read")
  return {
    order_id: order.id,
    order_number: order.number,
    status: order.status,
    carrier: order.carrier,
    tracking_number: order.trackingNumber,
    tracking_url: null,
    estimated_delivery: null,
    timeline: timeline(
      order.status,
      changes.filter(({ kind }) => kind === "placed" || kind === "status"),
    ),
  }
}

/** An order's history, oldest first. @throws `unauthenticated`, `not-found`, `invalid-page` */
export async function history(
  ctx: Ctx,
  ref: string,
  query: OrderChangeQuery,
): Promise<Page<OrderChange>> {
  const { order } = await open(ctx, ref, "orders:read")
  const of = eq(orderChanges.orderId, order.id)
  const version = { by: orderChanges.version, of: (row: ChangeRow) => row.version }
  const page = await readPage<ChangeRow>(
    ctx,
    { ...query, ordering: undefined },
    {
      orderings: { version },
      fallback: "version",
      id: version,
      rows: ({ where, orderBy, limit, offset }) =>
        ctx.db
          .select()
          .from(orderChanges)
          .where(and(of, where))
          .orderBy(...orderBy)
          .limit(limit)
          .offset(offset),
      matching: ctx.db
        .select({ one: sql`1` })
        .from(orderChanges)
        .where(of)
        .getSQL(),
    },
  )
  return mapPage(page, toChange)
}

/**
 * Moves an order along. Cancelling gives its stock back; only a refund makes it refunded.
 * @throws `forbidden`, `not-found`, `illegal-transition` with `from` and `to`, `already-cancelled`, `order-changed`
 */
export async function setStatus(ctx: Ctx, ref: string, input: StatusChange): Promise<Order> {
  requirePermission(ctx, "orders:write")
  const opened = await open(ctx, ref, "orders:write")
  if (input.status === "cancelled") return (await cancelOpened(ctx, opened, input.note)).order
  const { order, lines, changes } = opened
  const { status: to } = input
  if (!mayBecome(order.status, to) || to === "refunded") throw illegal(order.status, to)
  const next: OrderRow = {
    ...order,
    status: to,
    carrier: input.carrier ?? order.carrier,
    trackingNumber: input.tracking_number ?? order.trackingNumber,
    shippedAt: to === "shipped" ? iso(ctx.now) : order.shippedAt,
    deliveredAt: to === "delivered" ? iso(ctx.now) : order.deliveredAt,
    version: order.version + 1,
    updatedAt: iso(ctx.now),
  }
  const result = toOrder(next, lines)
  const event = { type: "order.status-changed", orderId: order.id, from: order.status, to } as const
  await commit(ctx, await stageChange(ctx, order, next, changes.at(-1), input.note), {
    refusals: changeRefusals,
    events: [event],
    result,
  })
  return result
}

/**
 * Cancels an order that has not been shipped; its stock returns exactly once, even if this process dies now.
 * @throws `unauthenticated`, `not-found`, `already-cancelled`, `illegal-transition`, `order-changed`
 */
export async function cancel(ctx: Ctx, ref: string, reason: string): Promise<Cancelled> {
  return cancelOpened(ctx, await open(ctx, ref, "orders:write"), reason)
}

/**
 * The same for an order that was opened before; should it have changed since, nothing happens. What is paid goes back
 * and what is still to be paid is given up, in the same batch.
 */
export async function cancelOpened(
  ctx: Ctx,
  { order, lines, changes }: Opened,
  reason: string,
  also: readonly Event[] = [],
): Promise<Cancelled> {
  if (order.status === "cancelled")
    throw new DomainError("already-cancelled", "Cannot cancel: the order is already cancelled.")
  if (!mayBecome(order.status, "cancelled")) throw illegal(order.status, "cancelled")
  const next: OrderRow = {
    ...order,
    status: "cancelled",
    cancelledAt: iso(ctx.now),
    updatedAt: iso(ctx.now),
    version: order.version + 1,
  }
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
    refusals: { ...changeRefusals, ...back.refusals, ...unpaid.refusals },
    events: [
      { type: "order.cancelled", orderId: order.id },
      ...also,
      ...back.events,
      ...unpaid.events,
    ],
    result,
  })
  // The event does this again, should it fail now: giving back is idempotent.
  await inventory
    .giveBack(ctx, order.id, productsOf(lines))
    .catch((error) => ctx.log.error("stock left to the event", error, { order_id: order.id }))
  return result
}

/** Which states an order can go through. */
export function stateMachines(): StateMachines {
  const order = Object.fromEntries(Object.entries(transitions).map(([from, to]) => [from, [...to]]))
  return {
    order,
    final: Object.keys(order).filter((state) => order[state]?.length === 0),
    return: Object.fromEntries(
      Object.entries(returnTransitions).map(([from, to]) => [from, [...to]]),
    ),
  }
}

/** The products of an order, each once. */
export function productsOf(lines: readonly LineRow[]): Id<"product">[] {
  return [...new Set(lines.map(({ productId }) => productId))]
}

export type Opened = { order: OrderRow; lines: LineRow[]; changes: ChangeRow[] }

/** An order that the caller may see: their own, one whose token they hold, any for staff; anything else is not there. */
export async function open(
  ctx: Ctx,
  ref: string,
  permission: "orders:read" | "orders:write",
): Promise<Opened> {
  const { actor } = ctx
  requireScope(ctx, permission)
  if (actor.type === "guest" && actor.orderTokenHash === undefined)
    throw new DomainError("unauthenticated")
  const chosen = or(eq(orders.id, ref as Id<"order">), eq(orders.number, ref.toUpperCase()))
  const ids = ctx.db.select({ id: orders.id }).from(orders).where(chosen)
  const [[order], lines, changes] = await ctx.db.batch([
    ctx.db.select().from(orders).where(chosen).limit(1),
    ctx.db
      .select()
      .from(orderLines)
      .where(inArray(orderLines.orderId, ids))
      .orderBy(asc(orderLines.position)),
    ctx.db
      .select()
      .from(orderChanges)
      .where(inArray(orderChanges.orderId, ids))
      .orderBy(asc(orderChanges.version)),
  ])
  const mine =
    may(ctx, permission) ||
    actor.type === "system" ||
    (actor.type === "user" && order?.userId === actor.id) ||
    (actor.type === "guest" &&
      order?.tokenHash !== null &&
      order?.tokenHash === actor.orderTokenHash)
  if (!order || !mine) throw notFound("order")
  return { order, lines, changes }
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

/** Of two who change an order at once the second breaks the key of its history. */
export const changeRefusals = { "order_changes.order_id": "order-changed" } as const

function illegal(from: OrderStatus, to: OrderStatus): DomainError {
  const verb =
    to === "cancelled"
      ? `Cannot cancel: a ${from} order cannot be cancelled.`
      : `Cannot change status from ${from} to ${to}.`
  return new DomainError("illegal-transition", verb, { from, to, allowed: transitions[from] })
}

/** An order on the wire. */
export function toOrder(row: OrderRow, lines: readonly LineRow[]): Order {
  const money = (amount: number) => toDecimal(amount, row.currency)
  return {
    id: row.id,
    order_number: row.number,
    user: row.userId,
    email: row.email,
    status: row.status,
    status_display: statusNames[row.status],
    payment_status: row.paymentStatus,
    fulfilment_status: row.shippedAt === null ? "unfulfilled" : "fulfilled",
    payment_method: row.paymentMethod,
    currency: row.currency,
    subtotal: money(row.subtotalAmount),
    discount: money(row.discountAmount),
    shipping_cost: money(row.shippingAmount),
    tax: money(row.taxAmount),
    total: money(row.totalAmount),
    total_amount: money(row.totalAmount),
    items: lines.map((line) => ({
      id: line.id,
      product_id: line.productId,
      variant_id: line.variantId,
      name: line.name,
      product_title: line.name,
      sku: line.sku,
      options: line.options,
      quantity: line.quantity,
      unit_price: money(line.unitAmount),
      line_total: money(line.lineAmount),
      tax: money(line.taxAmount),
      discount: money(line.discountAmount),
    })),
    shipping_address: row.shippingAddress,
    billing_address: row.billingAddress,
    notes: row.notes,
    coupons: [],
    carrier: row.carrier,
    tracking_number: row.trackingNumber,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
    paid_at: row.paidAt,
    shipped_at: row.shippedAt,
    delivered_at: row.deliveredAt,
    cancelled_at: row.cancelledAt,
  }
}

function toChange(row: ChangeRow): OrderChange {
  return {
    version: row.version,
    kind: row.kind,
    from: row.from,
    to: row.to,
    note: row.note,
    actor: row.actor,
    created_at: row.createdAt,
    hash: row.hash,
  }
}
