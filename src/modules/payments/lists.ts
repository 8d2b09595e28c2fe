import { and, asc, eq, inArray, or, type SQL, sql } from "drizzle-orm"

import { may, requirePermission, requireScope } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { orders } from "#modules/orders/tables.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import { type DisputeRow, selectDisputesOf } from "./disputes.ts"
import { offered } from "./gateways.ts"
import { isGateway, methodNames } from "./method.ts"
import type {
  Dispute,
  Payment,
  PaymentDetail,
  PaymentMethods,
  PaymentQuery,
  PaymentStart,
  Refund,
} from "./model.ts"
import type { PaymentRow } from "./payments.ts"
import type { RefundRow } from "./refunds.ts"
import { payments, refunds } from "./tables.ts"

/** The caller's payments, newest first; everybody's for staff. @throws `unauthenticated`, `invalid-page`, `invalid-input` */
export async function list(ctx: Ctx, query: PaymentQuery): Promise<Page<Payment>> {
  const { actor } = ctx
  if (actor.type !== "user") throw new DomainError("unauthenticated")
  return pageFor(ctx, query, may(ctx, "orders:read") ? undefined : eq(payments.userId, actor.id))
}

/** Everybody's payments, newest first. @throws `forbidden`, `invalid-page`, `invalid-input` */
export async function listAll(ctx: Ctx, query: PaymentQuery): Promise<Page<Payment>> {
  requirePermission(ctx, "orders:read")
  return pageFor(ctx, query, undefined)
}

async function pageFor(
  ctx: Ctx,
  query: PaymentQuery,
  whose: SQL | undefined,
): Promise<Page<Payment>> {
  const filter = and(
    whose,
    query.order === undefined ? undefined : ofOrder(ctx, query.order),
    query.status && eq(payments.status, query.status),
    query.provider && eq(payments.provider, query.provider),
  )
  const page = await readPage<PaymentRow>(ctx, query, {
    orderings: { created_at: { by: payments.createdAt, of: (row) => row.createdAt } },
    fallback: "-created_at",
    id: { by: payments.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(payments)
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db
      .select({ one: sql`1` })
      .from(payments)
      .where(filter)
      .getSQL(),
  })
  return mapPage(page, (row) => toPayment(forCaller(ctx, row)))
}

/** A payment without what lets its holder pay it, unless it is the caller's own to pay. */
function forCaller({ actor }: Ctx, row: PaymentRow): PaymentRow {
  const isPayer = actor.type === "guest" || (actor.type === "user" && actor.id === row.userId)
  return isPayer ? row : { ...row, action: null }
}

/** Payments of an order, by its id or number. */
function ofOrder(ctx: Ctx, ref: string): SQL {
  const ids = ctx.db
    .select({ id: orders.id })
    .from(orders)
    .where(or(eq(orders.id, ref as Id<"order">), eq(orders.number, ref.toUpperCase())))
  return inArray(payments.reference, ids)
}

/** A payment with its refunds and disputes: the payer's own, any for staff. @throws `unauthenticated`, `not-found` */
export async function read(ctx: Ctx, ref: string): Promise<PaymentDetail> {
  const { actor } = ctx
  requireScope(ctx, "orders:read")
  if (actor.type === "guest" && actor.orderTokenHash === undefined)
    throw new DomainError("unauthenticated")
  const id = ref as Id<"payment">
  const [[payment], made, disputed] = await ctx.db.batch([
    ctx.db.select().from(payments).where(eq(payments.id, id)).limit(1),
    ctx.db
      .select()
      .from(refunds)
      .where(eq(refunds.paymentId, id))
      .orderBy(asc(refunds.createdAt), asc(refunds.id)),
    selectDisputesOf(ctx, id),
  ])
  const isMine =
    may(ctx, "orders:read") ||
    (actor.type === "user" && payment?.userId === actor.id) ||
    (actor.type === "guest" &&
      payment?.tokenHash !== null &&
      payment?.tokenHash === actor.orderTokenHash)
  if (!payment || !isMine) throw notFound("payment")
  return {
    ...toPayment(forCaller(ctx, payment)),
    refunds: made.map(toRefund),
    disputes: disputed.map(toDispute),
  }
}

/** How an order can be paid now. */
export function methods(ctx: Ctx): PaymentMethods {
  const all = offered(ctx)
  const { cardGateway } = ctx.config.payments
  return {
    results: all.map((id) => ({ id, name: methodNames[id], is_gateway: isGateway(id) })),
    card: all.find((id) => id === cardGateway) ?? null,
  }
}

/** A payment as its payer meets it first. */
export function toStart(row: PaymentRow): PaymentStart {
  const { clientSecret, redirectUrl } = row.action ?? {}
  return {
    id: row.id,
    provider: row.provider,
    status: row.status,
    amount: toDecimal(row.amount, row.currency),
    currency: row.currency,
    failure: row.failure,
    ...(row.giftCardLast4 !== null && { last4: row.giftCardLast4 }),
    ...(clientSecret !== undefined && { client_secret: clientSecret }),
    ...(redirectUrl !== undefined && { redirect_url: redirectUrl }),
  }
}

/** A payment on the wire. */
export function toPayment(row: PaymentRow): Payment {
  return {
    ...toStart(row),
    order: row.reference,
    captured: toDecimal(row.capturedAmount, row.currency),
    refunded: toDecimal(row.refundedAmount, row.currency),
    transaction_id: row.gatewayRef,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}

/** A dispute on the wire. */
function toDispute(row: DisputeRow): Dispute {
  return {
    id: row.gatewayRef,
    status: row.status,
    amount: toDecimal(row.amount, row.currency),
    currency: row.currency,
    reason: row.reason,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}

/** A refund on the wire. */
export function toRefund(row: RefundRow): Refund {
  return {
    id: row.id,
    payment: row.paymentId,
    order: row.reference,
    status: row.status,
    amount: toDecimal(row.amount, row.currency),
    currency: row.currency,
    reason: row.reason,
    to: row.destination ?? "source",
    failure: row.failure,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}
