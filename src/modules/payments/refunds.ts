import { and, desc, eq, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import type { RefundAnswer } from "./gateway.ts"
import { gatewayOf } from "./gateways.ts"
import { isGateway } from "./method.ts"
import {
  changed,
  changedEvent,
  checkIn,
  nothing,
  type PaymentRow,
  type Staged,
} from "./payments.ts"
import { payments, refunds } from "./tables.ts"

export type RefundRow = typeof refunds.$inferSelect

type RefundOrder = {
  reference: string
  /** Minor units; `all`: whatever was captured and not given back yet. */
  amount: number | "all"
  /** What it is for, once: `cancel:<order>`, `return:<return>`, `edit:<order>:<version>`. */
  key: string
  reason: string
  /** Of this payment alone; absent: of all of the reference, the newest first. */
  paymentId?: Id<"payment">
}

/**
 * Gives money back, in the batch of what causes it: several at once never come to more than was captured, since
 * the amounts are added up under a CHECK (then `payment-changed`, for `retryRaced`). Without a gateway it is done
 * with the batch; a gateway is asked by the subscriber of `refund.requested`. A key that was used already, and
 * `all` of nothing, is nothing.
 * @throws `refund-too-large` with `refundable`
 */
export async function stageRefund(
  ctx: Ctx,
  { reference, amount, key, reason, paymentId }: RefundOrder,
): Promise<Staged & { refunds: RefundRow[] }> {
  const [used, rows] = await ctx.db.batch([
    ctx.db.select({ id: refunds.id }).from(refunds).where(eq(refunds.key, key)).limit(1),
    ctx.db
      .select()
      .from(payments)
      .where(
        and(
          eq(payments.reference, reference),
          sql`captured_amount > refunded_amount + disputed_amount`,
          paymentId === undefined ? undefined : eq(payments.id, paymentId),
        ),
      )
      .orderBy(desc(payments.createdAt), desc(payments.id)),
  ])
  if (used.length > 0) return { ...nothing(), refunds: [] }
  const refundable = rows.reduce((sum, row) => sum + refundableOf(row), 0)
  let left = amount === "all" ? refundable : amount
  if (left > refundable) throw tooLarge(refundable, rows[0]?.currency ?? ctx.config.currency)
  const parts = rows.flatMap((payment) => {
    const part = Math.min(left, refundableOf(payment))
    left -= part
    return part > 0 ? [{ payment, refund: draftOf(ctx, payment, part, key, reason) }] : []
  })
  return {
    refunds: parts.map(({ refund }) => refund),
    statements: parts.flatMap(({ payment, refund }) => [
      ctx.db.insert(refunds).values(refund),
      add(ctx, payment.id, refund.amount),
    ]),
    events: parts.flatMap(({ payment, refund: { id, status } }) => [
      changedEvent(payment),
      ...(status === "pending"
        ? [{ type: "refund.requested" as const, refundId: id, reference }]
        : []),
    ]),
    refusals: { payments_amounts: changed, "refunds.key": changed },
  }
}

/** What can be given back of a payment: what a bank holds meanwhile cannot. */
export function refundableOf({
  capturedAmount,
  refundedAmount,
  disputedAmount,
}: PaymentRow): number {
  return capturedAmount - refundedAmount - disputedAmount
}

function draftOf(
  ctx: Ctx,
  payment: PaymentRow,
  amount: number,
  key: string,
  reason: string,
): RefundRow {
  const isPending = isGateway(payment.provider)
  return {
    id: newId("refund", ctx.now),
    key,
    paymentId: payment.id,
    reference: payment.reference,
    status: isPending ? "pending" : "succeeded",
    amount,
    currency: payment.currency,
    reason,
    gatewayRef: null,
    failure: null,
    checkAt: isPending ? checkIn(ctx, { checks: 0 }) : null,
    checks: 0,
    createdAt: iso(ctx.now),
    updatedAt: iso(ctx.now),
  }
}

/** `refund-too-large`, naming what is left. */
export function tooLarge(refundable: number, currency: string): DomainError {
  const left = toDecimal(refundable, currency)
  return new DomainError("refund-too-large", `At most ${left} can be refunded`, {
    refundable: left,
  })
}

/** Adds to what is refunded of a payment, or takes off it again, whatever else happens to it meanwhile. */
function add(ctx: Ctx, id: Id<"payment">, amount: number): Statement {
  const sum = sql`refunded_amount + ${amount}`
  return ctx.db
    .update(payments)
    .set({
      refundedAmount: sum,
      status: sql`CASE WHEN disputed_amount > 0 THEN 'disputed' WHEN ${sum} <= 0 THEN 'paid' WHEN ${sum} < captured_amount THEN 'partially_refunded' ELSE 'refunded' END`,
      version: sql`version + 1`,
      updatedAt: iso(ctx.now),
    })
    .where(eq(payments.id, id))
}

type Beside = { statements?: Statement[]; result?: (rows: RefundRow[]) => unknown }

/**
 * Gives money back now, as `stageRefund`, with what is written beside it; `[]` when there was nothing to do. For what
 * is no part of another change.
 */
export function refund(ctx: Ctx, order: RefundOrder, beside: Beside = {}): Promise<RefundRow[]> {
  return retryRaced(async () => {
    const { statements, events, refusals, refunds: rows } = await stageRefund(ctx, order)
    if (statements.length > 0) {
      await commit(ctx, [...statements, ...(beside.statements ?? [])], {
        events,
        refusals,
        ...(beside.result && { result: beside.result(rows) }),
      })
    }
    return rows
  })
}

/** Asks the gateway for a refund, once however often it is called. @throws `unavailable` when it does not answer */
export async function runRefund(ctx: Ctx, { refundId }: { refundId: Id<"refund"> }): Promise<void> {
  const { refund: row, payment } = await getRefund(ctx, refundId)
  const gateway = gatewayOf(ctx, payment.provider)
  if (!gateway || row.status !== "pending" || payment.gatewayRef === null) return
  const { amount, currency } = row
  const { gatewayRef: ref, captureRef } = payment
  const answer = await gateway.refund({ ref, captureRef }, { amount, currency }, row.id)
  await recordRefund(ctx, row, answer)
}

/** A refund with its payment, for the shop's own work. @throws `not-found` */
export async function getRefund(
  ctx: Ctx,
  id: Id<"refund">,
): Promise<{ refund: RefundRow; payment: PaymentRow }> {
  const of = ctx.db.select({ id: refunds.paymentId }).from(refunds).where(eq(refunds.id, id))
  const [[row], [payment]] = await ctx.db.batch([
    ctx.db.select().from(refunds).where(eq(refunds.id, id)).limit(1),
    ctx.db
      .select()
      .from(payments)
      .where(sql`${payments.id} IN ${of}`)
      .limit(1),
  ])
  if (!row || !payment) throw notFound("refund")
  return { refund: row, payment }
}

/** Records what became of a refund; of two who do, one does. */
export async function recordRefund(ctx: Ctx, row: RefundRow, answer: RefundAnswer): Promise<void> {
  const { statements, events, refusals } = stageRefundTold(ctx, row, answer)
  if (statements.length === 0) return
  try {
    await commit(ctx, statements, { events, refusals })
  } catch (error) {
    if (!(error instanceof DomainError && error.code === "payment-changed")) throw error
  }
  if (answer.status === "failed")
    ctx.log.error("refund failed", new Error(answer.failure ?? "no reason"), { refund_id: row.id })
}

/**
 * The change that a gateway's word on a refund makes: what failed is taken off what its payment gave back. Only of a
 * pending one, or it breaks (`payment-changed`).
 */
export function stageRefundTold(ctx: Ctx, row: RefundRow, answer: RefundAnswer): Staged {
  if (row.status !== "pending") return nothing()
  const { status, ref, failure } = answer
  if (status === "pending" && row.gatewayRef === ref) return nothing()
  return {
    statements: [
      ctx.db
        .update(refunds)
        .set({
          status: sql`CASE WHEN status = 'pending' THEN ${status} END`,
          gatewayRef: ref,
          failure,
          checkAt: status === "pending" ? checkIn(ctx, row) : null,
          updatedAt: iso(ctx.now),
        })
        .where(eq(refunds.id, row.id)),
      ...(status === "failed" ? [add(ctx, row.paymentId, -row.amount)] : []),
    ],
    events:
      status === "pending"
        ? []
        : [{ type: "refund.changed", refundId: row.id, reference: row.reference }],
    refusals: { "NOT NULL constraint failed: refunds.status": changed },
  }
}
