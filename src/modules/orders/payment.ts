import { and, asc, desc, eq, lte, type SQL, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { iso, secondsAfter } from "#lib/time.ts"
import { isCredit, isGateway } from "#modules/payments/method.ts"
import * as payments from "#modules/payments/payments.ts"
import { commit, retryRaced } from "#platform/commit.ts"

import { amountDue, type Balance, balanceOf, isSame, isUnsecured } from "./balance.ts"
import { cancelOpened } from "./cancel.ts"
import { changeRefusals } from "./changes.ts"
import { begin, follow, type Move, stageMove, step, toStatus } from "./moves.ts"
import { type Draft, open, type OrderRow } from "./orders.ts"
import { orderChanges, orderLines, orders } from "./tables.ts"

/** An order with its payments, the newest first. */
export type Paid = Draft & { payments: payments.PaymentRow[] }

type Decide = (found: Paid) => Move | undefined

/**
 * Brings an order's payment status and amounts in line with its payments, with a row of history where that changes
 * them; an order that was delivered and is refunded whole becomes refunded. Idempotent; answers the order as it is
 * then, `undefined` when there is none.
 */
export async function syncPayment(ctx: Ctx, orderId: Id<"order">): Promise<Paid | undefined> {
  const found = await change(ctx, orderId, (seen) => balanced(ctx, seen))
  if (found?.order.status !== "delivered" || found.order.paymentStatus !== "refunded") return found
  return change(ctx, orderId, ({ order, lines }) =>
    order.status === "delivered" && order.paymentStatus === "refunded"
      ? toStatus(ctx, startOf(order, lines), "refunded", "Everything paid was given back.")
      : undefined,
  )
}

/** Confirms a pending order that was paid in full without the staff; what is digital of it is delivered. Idempotent. */
export function confirmPaid(ctx: Ctx, orderId: Id<"order">): Promise<Paid | undefined> {
  return change(ctx, orderId, (found) =>
    found.order.status === "pending" && isPaidByItself(found) ? confirmed(ctx, found) : undefined,
  )
}

/** The confirmation of a pending order that is paid, and the states that follow by themselves. */
export function confirmed(ctx: Ctx, { order, lines }: Draft): Move {
  return follow(ctx, toStatus(ctx, startOf(order, lines), "confirmed", "Paid."))
}

/** Whether an order is paid, and a gateway, gift card or store credit did some of it: then nobody need confirm it. */
function isPaidByItself({ order, payments: made }: Paid): boolean {
  return (
    isCovered(order) &&
    made.some(
      ({ provider, capturedAmount }) =>
        (isGateway(provider) || isCredit(provider)) && capturedAmount > 0,
    )
  )
}

/**
 * What an order shows of a balance: the amounts; that it was paid, from when its total was captured, whatever comes of that
 * money; and until when it waits for a gateway.
 */
export function shownOf(
  ctx: Ctx,
  order: OrderRow,
  balance: Balance,
): Balance & Pick<OrderRow, "payBy" | "paidAt"> {
  const waits = order.status === "pending" && awaitsGateway({ ...order, ...balance })
  const ttl = ctx.config.payments.pendingOrderTtlSeconds
  const isPaid = balance.paidAmount >= order.totalAmount
  return {
    ...balance,
    payBy: waits ? (order.payBy ?? iso(secondsAfter(ctx.now, ttl))) : null,
    paidAt: order.paidAt ?? (isPaid ? iso(ctx.now) : null),
  }
}

/** Whether all of an order was paid, though a part of it may have gone back. */
export function isCovered({ paymentStatus, paidAmount, totalAmount }: OrderRow): boolean {
  const wentBack = paymentStatus === "partially_refunded"
  return paymentStatus === "paid" || (wentBack && paidAmount >= totalAmount)
}

/** Whether an order was paid whole, and all of it went back before anything was sold. */
export function isGivenUp(order: OrderRow): boolean {
  const { paymentMethod, paymentStatus, status, paidAmount, totalAmount } = order
  const isBack = paymentStatus === "refunded" && paidAmount >= totalAmount
  return isGateway(paymentMethod) && status === "pending" && isBack
}

/**
 * Whether an order waits for a gateway: until it is paid, or authorized, nothing is sold of it and it goes nowhere. A
 * pending one of which a part was paid, and came back, waits for the rest.
 */
export function awaitsGateway(order: OrderRow): boolean {
  const { paymentMethod, paymentStatus, status, paidAmount, totalAmount } = order
  if (!isGateway(paymentMethod)) return false
  if (isUnsecured(paymentStatus) || isGivenUp(order)) return true
  return status === "pending" && paymentStatus !== "authorized" && paidAmount < totalAmount
}

/**
 * Nothing is sent that a gateway is still to be paid for, or that the payer's bank may take the money back for.
 * @throws `order-unpaid` with `amount_due`, `order-disputed`
 */
export function requirePaid(order: OrderRow): void {
  if (order.paymentStatus === "disputed") throw new DomainError("order-disputed")
  const isGone = order.paymentStatus === "refunded"
  if (isGateway(order.paymentMethod) && (isGone || amountDue(order) > 0)) throw unpaid(order)
}

/** `order-unpaid`, saying how much is due. */
export function unpaid(order: OrderRow): DomainError {
  const due = toDecimal(amountDue(order), order.currency)
  const detail =
    order.paymentStatus === "refunded"
      ? "What was paid for the order went back."
      : `The order waits for a payment of ${due}.`
  return new DomainError("order-unpaid", detail, {
    amount_due: due,
    currency: order.currency,
  })
}

/**
 * Cancels an order whose time to be paid is over, if it is still pending and what is paid does not cover it, nor can
 * any more: whoever calls has given its payments up at their gateways. What was paid of it goes back. Answers whether
 * it did.
 * @throws `order-changed` when it keeps changing meanwhile
 */
export function expire(ctx: Ctx, orderId: Id<"order">): Promise<boolean> {
  // What was given up a moment ago shows on the order about now.
  return retryRaced(() => expireSeen(ctx, orderId))
}

async function expireSeen(ctx: Ctx, orderId: Id<"order">): Promise<boolean> {
  const opened = await open(ctx, orderId, "orders:write")
  const made = await payments.selectOf(ctx, orderId)
  const { status, payBy, totalAmount } = opened.order
  const paid = made.reduce((sum, { capturedAmount }) => sum + capturedAmount, 0)
  const isOver = status === "pending" && payBy !== null && payBy <= iso(ctx.now)
  const isHopeless =
    paid < totalAmount &&
    !made.some((payment) => isGateway(payment.provider) && payments.isOpen(payment))
  if (!isOver || !isHopeless) return false
  await cancelOpened(ctx, opened, "It was not paid in time.")
  return true
}

/** An order that was not paid in time. */
export type Overdue = Id<"order">

/** For how long an order that cannot be ended now is left alone at most, in seconds. */
const mostPutOffSeconds = 300

/** Orders whose time to be paid is over, 25 at a time, the longest overdue first. */
export async function overdue(ctx: Ctx): Promise<Overdue[]> {
  const rows = await ctx.db
    .select({ id: orders.id })
    .from(orders)
    .where(isOverdue(ctx))
    .orderBy(asc(orders.payBy))
    .limit(25)
  return rows.map(({ id }) => id)
}

/** Looks at an order that is still overdue again in five minutes, or what it had to be paid if that is less; no sooner. */
export async function putOff(ctx: Ctx, id: Overdue): Promise<void> {
  const seconds = Math.min(mostPutOffSeconds, ctx.config.payments.pendingOrderTtlSeconds)
  await ctx.db
    .update(orders)
    .set({ payBy: iso(secondsAfter(ctx.now, seconds)) })
    .where(and(eq(orders.id, id), isOverdue(ctx)))
}

/** Written out: a bound status would keep SQLite off the partial index. */
function isOverdue(ctx: Ctx): SQL | undefined {
  return and(
    sql`${orders.status} = 'pending' AND ${orders.payBy} IS NOT NULL`,
    lte(orders.payBy, iso(ctx.now)),
  )
}

/** How often an order's money is tried to be given back: what is refused for good is for people, and `verify` tells. */
const mostRefusals = 10

/**
 * Orders that have more money than is theirs, banks' share aside, and of which no refund has moved since the last try,
 * 25 at a time.
 */
export async function overpaid(ctx: Ctx): Promise<Id<"order">[]> {
  const before = iso(secondsAfter(ctx.now, -ctx.config.payments.refundRetrySeconds))
  const rows = await ctx.db
    .select({ id: orders.id })
    .from(orders)
    .where(
      // Written out as in the partial index.
      sql`paid_amount - refunded_amount > CASE status WHEN 'cancelled' THEN 0 ELSE total_amount END
        AND (SELECT sum(captured_amount - refunded_amount - disputed_amount) FROM payments WHERE reference = ${orders.id}) > CASE ${orders.status} WHEN 'cancelled' THEN 0 ELSE ${orders.totalAmount} END
        AND NOT EXISTS (SELECT 1 FROM refunds WHERE reference = ${orders.id} AND updated_at > ${before})
        AND (SELECT count(*) FROM refunds WHERE reference = ${orders.id} AND status = 'failed') < ${mostRefusals}`,
    )
    .limit(25)
  return rows.map(({ id }) => id)
}

/** An order with its payments, for the shop's own work. */
export async function findPaid(ctx: Ctx, orderId: Id<"order">): Promise<Paid | undefined> {
  const { order, lines, payments: made } = await look(ctx, orderId)
  return order && { order, lines, payments: made }
}

async function look(ctx: Ctx, orderId: Id<"order">) {
  const [[order], lines, made, [last]] = await ctx.db.batch([
    ctx.db.select().from(orders).where(eq(orders.id, orderId)).limit(1),
    ctx.db
      .select()
      .from(orderLines)
      .where(eq(orderLines.orderId, orderId))
      .orderBy(asc(orderLines.position)),
    payments.selectOf(ctx, orderId),
    ctx.db
      .select()
      .from(orderChanges)
      .where(eq(orderChanges.orderId, orderId))
      .orderBy(desc(orderChanges.version))
      .limit(1),
  ])
  return { order, lines, payments: made, last }
}

/** Looks at an order and takes the step that it asks for; looks again when somebody else was first. */
function change(ctx: Ctx, orderId: Id<"order">, decide: Decide): Promise<Paid | undefined> {
  return retryRaced(async () => {
    const { last, ...found } = await look(ctx, orderId)
    const { order } = found
    if (!order) return undefined
    const move = decide({ ...found, order })
    if (!move) return { ...found, order }
    await commit(ctx, await stageMove(ctx, order, last, move), {
      events: move.events,
      refusals: changeRefusals(ctx),
    })
    return { ...found, order: move.order, lines: [...move.lines] }
  })
}

/** Before it is confirmed and after it has arrived no parcel says where an order goes. */
function startOf(order: OrderRow, lines: Draft["lines"]): Move {
  return begin({ order, lines, parcels: [] })
}

function balanced(ctx: Ctx, { order, lines, payments: made }: Paid): Move | undefined {
  const balance = balanceOf(order.totalAmount, made)
  if (isSame(order, balance)) return undefined
  return step(ctx, startOf(order, lines), "payment", shownOf(ctx, order, balance), "")
}
