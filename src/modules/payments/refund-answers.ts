import { and, eq, isNull, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError, notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { commit } from "#platform/commit.ts"

import type { RefundAnswer } from "./gateway.ts"
import { gatewayOf } from "./gateways.ts"
import {
  changed,
  changedEvent,
  checkIn,
  nothing,
  type PaymentRow,
  type Staged,
} from "./payments.ts"
import { add, draftOf, noSplit, type RefundRow, takeOff, tooLarge } from "./refunds.ts"
import { payments, refunds } from "./tables.ts"

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
 * The change that a gateway's word on a refund makes: what failed is taken off what its payment gave back, be it after
 * it had succeeded. Nothing else changes one that is over. Of two who say so one breaks (`payment-changed`).
 */
export function stageRefundTold(ctx: Ctx, row: RefundRow, answer: RefundAnswer): Staged {
  const { status, ref, failure } = answer
  const isLate = row.status === "succeeded" && status === "failed"
  if (row.status !== "pending" && !isLate) return nothing()
  if (status === "pending" && row.gatewayRef === ref) return nothing()
  return {
    statements: [
      ctx.db
        .update(refunds)
        .set({
          status: sql`CASE WHEN status = ${row.status} THEN ${status} END`,
          // What is refused has no id there.
          gatewayRef: ref === "" ? row.gatewayRef : ref,
          failure,
          checkAt: status === "pending" ? checkIn(ctx, row) : null,
          updatedAt: iso(ctx.now),
        })
        .where(eq(refunds.id, row.id)),
      ...(status === "failed" ? [takeOff(ctx, row)] : []),
    ],
    events:
      status === "pending"
        ? []
        : [{ type: "refund.changed", refundId: row.id, reference: row.reference }],
    refusals: { "NOT NULL constraint failed: refunds.status": changed },
  }
}

/** Whether a refund of ours may be what a gateway tells of: it was asked for, and the answer was lost. */
export async function isOnItsWay(ctx: Ctx, payment: PaymentRow, amount: number): Promise<boolean> {
  const rows = await ctx.db
    .select({ id: refunds.id })
    .from(refunds)
    .where(
      and(
        eq(refunds.paymentId, payment.id),
        eq(refunds.status, "pending"),
        eq(refunds.amount, amount),
        isNull(refunds.gatewayRef),
      ),
    )
    .limit(1)
  return rows.length > 0
}

/** Whether a refund was made at the gateway: it is not known there by our id. */
export function isAdopted({ key }: RefundRow): boolean {
  return key.startsWith("gateway:")
}

/**
 * Takes a refund that was made at the gateway into the books, once. Its refusals: `payment-changed`, and
 * `refund-too-large` where more would have gone back than was captured.
 */
export function stageAdopted(
  ctx: Ctx,
  payment: PaymentRow,
  { ref, status, amount, failure }: RefundAnswer & { amount: number },
): Staged & { refund: RefundRow } {
  const refund: RefundRow = {
    ...draftOf(ctx, payment, {
      ...noSplit,
      amount,
      key: `gateway:${payment.provider}:${ref}`,
      reason: "Made at the gateway.",
      destination: null,
    }),
    status,
    gatewayRef: ref,
    failure,
    // It is not asked for by our key: lists and webhooks say what becomes of it.
    checkAt: null,
  }
  const left = payment.capturedAmount - payment.refundedAmount
  return {
    refund,
    statements: [ctx.db.insert(refunds).values(refund), add(ctx, refund)],
    events: [changedEvent(payment)],
    refusals: {
      payments_amounts: () => tooLarge(left, payment.currency),
      "refunds.key": changed,
    },
  }
}
