import { and, asc, desc, eq, inArray, or } from "drizzle-orm"

import { may, requireScope } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { signed, toDecimal } from "#lib/money.ts"
import { attempt } from "#modules/auth/limits.ts"
import type { PaymentRow } from "#modules/payments/payments.ts"
import { payments } from "#modules/payments/tables.ts"
import { requireMatch } from "#platform/version.ts"

import { amountDue } from "./balance.ts"
import { trackingUrl } from "./carriers.ts"
import { fulfilmentOf } from "./fulfilment.ts"
import { inBase } from "./in-base.ts"
import type { Fulfilment, ListedOrder, Order, OrderDetail, OrderPayment } from "./model.ts"
import { statusNames } from "./status.ts"
import {
  fulfilmentLines,
  fulfilments,
  orderChanges,
  orderLines,
  orderNotes,
  orders,
} from "./tables.ts"

export type OrderRow = typeof orders.$inferSelect
export type LineRow = typeof orderLines.$inferSelect
export type ChangeRow = typeof orderChanges.$inferSelect
export type NoteRow = typeof orderNotes.$inferSelect

/** A parcel with what is in it. */
export type ParcelRow = typeof fulfilments.$inferSelect & {
  lines: { lineId: Id<"orderLine">; quantity: number }[]
}

/** An order that is not committed yet, with its lines and the first row of its history. */
export type Draft = { order: OrderRow; lines: LineRow[] }

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

/**
 * One order, by id or number: the caller's own, any for staff, and whoever gives its number and e-mail address may
 * read it. @throws `unauthenticated`, `not-found`, `rate-limited`
 */
export async function get(ctx: Ctx, ref: string, email?: string): Promise<OrderDetail> {
  return toDetail(await open(ctx, ref, "orders:read", email))
}

/** The products of an order, each once. */
export function productsOf(lines: readonly LineRow[]): Id<"product">[] {
  return [...new Set(lines.map(({ productId }) => productId))]
}

/** An order with its lines, and its payments, newest first. */
export type Listed = Draft & { payments: PaymentRow[] }

/** An order with everything that belongs to it: payments newest first, the rest oldest first, notes the public ones. */
export type Opened = Listed & {
  changes: ChangeRow[]
  parcels: ParcelRow[]
  notes: NoteRow[]
}

/**
 * An order that the caller may see: their own, one whose token they hold, any for staff; anything else is not there.
 * Its number with its `email` opens it too, to be read only: tries are counted, right or wrong. To be changed it must be
 * as the caller saw it (`requireMatch`). @throws `unauthenticated`, `forbidden`, `not-found`, `rate-limited`, `stale`
 */
export async function open(
  ctx: Ctx,
  ref: string,
  permission: "orders:read" | "orders:write",
  email?: string,
): Promise<Opened> {
  const { actor } = ctx
  requireScope(ctx, permission)
  const looksUp = email !== undefined && permission === "orders:read"
  if (actor.type === "guest" && actor.orderTokenHash === undefined && !looksUp)
    throw new DomainError("unauthenticated")
  if (looksUp)
    await attempt(
      ctx,
      { limit: "order-client", of: ctx.client.address },
      { limit: "order-number", of: ref },
    )
  const { order, ...parts } = await select(ctx, ref)
  const isMine =
    may(ctx, permission) ||
    actor.type === "system" ||
    (actor.type === "user" && order?.userId === actor.id) ||
    (actor.type === "guest" &&
      order?.tokenHash !== null &&
      order?.tokenHash === actor.orderTokenHash)
  const isKnown =
    looksUp &&
    order?.number === ref.toUpperCase() &&
    order.email.toLowerCase() === email.trim().toLowerCase()
  if (!order || !(isMine || isKnown)) throw notFound("order")
  if (permission === "orders:write") requireMatch(ctx, order.version)
  return { order, ...parts }
}

async function select(ctx: Ctx, ref: string) {
  const { db } = ctx
  const chosen = or(eq(orders.id, ref as Id<"order">), eq(orders.number, ref.toUpperCase()))
  const ids = db.select({ id: orders.id }).from(orders).where(chosen)
  const [[order], lines, changes, parcels, contents, made, notes] = await db.batch([
    db.select().from(orders).where(chosen).limit(1),
    db
      .select()
      .from(orderLines)
      .where(inArray(orderLines.orderId, ids))
      .orderBy(asc(orderLines.position)),
    db
      .select()
      .from(orderChanges)
      .where(inArray(orderChanges.orderId, ids))
      .orderBy(asc(orderChanges.version)),
    db
      .select()
      .from(fulfilments)
      .where(inArray(fulfilments.orderId, ids))
      .orderBy(asc(fulfilments.createdAt), asc(fulfilments.id)),
    db.select().from(fulfilmentLines).where(inArray(fulfilmentLines.orderId, ids)),
    db
      .select()
      .from(payments)
      .where(inArray(payments.reference, ids))
      .orderBy(desc(payments.createdAt), desc(payments.id)),
    db
      .select()
      .from(orderNotes)
      .where(and(inArray(orderNotes.orderId, ids), eq(orderNotes.isPublic, true)))
      .orderBy(asc(orderNotes.createdAt), asc(orderNotes.id)),
  ])
  const byParcel = Map.groupBy(contents, ({ fulfilmentId }) => fulfilmentId)
  return {
    order,
    lines,
    changes,
    parcels: parcels.map((parcel) => ({ ...parcel, lines: byParcel.get(parcel.id) ?? [] })),
    payments: made,
    notes,
  }
}

/** An order on the wire, as its changes answer it. */
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
    fulfilment_status: fulfilmentOf(lines),
    payment_method: row.paymentMethod,
    currency: row.currency,
    subtotal: money(row.subtotalAmount),
    discount: money(row.discountAmount),
    shipping_cost: money(row.shippingAmount),
    tax: money(row.taxAmount + row.includedTaxAmount),
    prices_include_tax: row.includedTaxAmount > 0,
    total: money(row.totalAmount),
    total_amount: money(row.totalAmount),
    ...inBase(row),
    paid_amount: money(row.paidAmount),
    refunded_amount: money(row.refundedAmount),
    amount_due: money(amountDue(row)),
    items: lines.map((line) => ({
      id: line.id,
      product_id: line.productId,
      variant_id: line.variantId,
      name: line.name,
      product_title: line.name,
      sku: line.sku,
      options: line.options,
      is_digital: line.isDigital,
      quantity: line.quantity,
      fulfilled_quantity: line.fulfilledQuantity,
      returned_quantity: line.returnedQuantity,
      unit_price: money(line.unitAmount),
      line_total: money(line.lineAmount),
      tax: money(line.taxAmount + line.includedTaxAmount),
      discount: money(line.discountAmount),
    })),
    shipping_address: row.shippingAddress,
    billing_address: row.billingAddress,
    shipping_method: row.shippingMethod,
    notes: row.notes,
    coupons: row.coupons,
    carrier: row.carrier,
    tracking_number: row.trackingNumber,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
    version: row.version,
    paid_at: row.paidAt,
    shipped_at: row.shippedAt,
    delivered_at: row.deliveredAt,
    cancelled_at: row.cancelledAt,
  }
}

/** An order on the wire, as lists show it. */
export function toListed({ order, lines, payments: made }: Listed): ListedOrder {
  return { ...toOrder(order, lines), payments: made.map(toPayment) }
}

function toPayment(row: PaymentRow): OrderPayment {
  const money = (amount: number) => toDecimal(amount, row.currency)
  return {
    id: row.id,
    provider: row.provider,
    status: row.status,
    amount: money(row.amount),
    captured: money(row.capturedAmount),
    refunded: money(row.refundedAmount),
    ...(row.giftCardLast4 !== null && { last4: row.giftCardLast4 }),
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}

/** An order on the wire with all that belongs to it. */
export function toDetail({ parcels, notes, ...listed }: Opened): OrderDetail {
  const { order } = listed
  return {
    ...toListed(listed),
    fulfilments: parcels.map(toFulfilment),
    public_notes: notes.map(({ id, text, createdAt }) => ({ id, text, created_at: createdAt })),
    explain: order.explain.map(({ kind, detail, amount }) => ({
      kind,
      detail,
      amount: signed(amount, order.currency),
    })),
  }
}

/** A parcel on the wire. */
export function toFulfilment(row: ParcelRow): Fulfilment {
  return {
    id: row.id,
    status: row.status,
    carrier: row.carrier,
    tracking_number: row.trackingNumber,
    tracking_url: row.trackingUrl ?? trackingUrl(row.carrier, row.trackingNumber),
    estimated_delivery: row.estimatedDelivery,
    items: row.lines.map(({ lineId, quantity }) => ({ item_id: lineId, quantity })),
    created_at: row.createdAt,
    updated_at: row.updatedAt,
    delivered_at: row.deliveredAt,
    cancelled_at: row.cancelledAt,
  }
}
