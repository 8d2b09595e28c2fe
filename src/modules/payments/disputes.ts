import { and, asc, eq } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { iso } from "#lib/time.ts"

import type { Dispute } from "./gateway.ts"
import type { PaymentMethod } from "./method.ts"
import {
  changed,
  changedEvent,
  nothing,
  type PaymentRow,
  type Staged,
  update,
  versionRefusals,
} from "./payments.ts"
import { addUp } from "./refunds.ts"
import { statusOf } from "./status.ts"
import { disputes } from "./tables.ts"

export type DisputeRow = typeof disputes.$inferSelect

/**
 * The change that a gateway's word on a dispute makes: what is open is held back, what is won is back, what is lost
 * counts as refunded. News come twice and out of order: one that is over stays so. `isAsked`: the gateway was asked, so
 * its amount holds, whatever an event said before. `mismatch`: it does not fit, and nothing changes.
 */
export function stageDispute(
  ctx: Ctx,
  payment: PaymentRow,
  known: DisputeRow | undefined,
  told: Dispute,
  isAsked = false,
): Staged & { mismatch?: string } {
  const isOver = known !== undefined && known.status !== "open"
  const isOther = known !== undefined && known.amount !== told.amount
  const refused = (mismatch: string) => ({ ...nothing(), mismatch })
  if (told.currency !== payment.currency) return refused("dispute-currency")
  if (told.amount > payment.capturedAmount) return refused("dispute-amount")
  if (known && known.paymentId !== payment.id) return refused("dispute-payment")
  if (isOther && !isAsked) return refused("dispute-amount")
  if (isOver && told.status === "open") return nothing()
  if (isOver && told.status !== known.status) return refused("dispute-over")
  if (known?.status === told.status && !isOther) return nothing()
  const next = figuresOf(payment, known, told)
  return {
    statements: [
      stageRow(ctx, payment, known, told),
      known?.status === "lost"
        ? addUp(ctx, payment.id)
        : update(ctx, payment, { ...next, version: payment.version + 1, updatedAt: iso(ctx.now) }),
    ],
    events: [changedEvent(payment)],
    refusals: { ...versionRefusals, "disputes.provider": changed },
  }
}

/** The payment as it is after the news. What was given back before can be disputed too, and is lost once. */
function figuresOf(
  payment: PaymentRow,
  known: DisputeRow | undefined,
  { status, amount }: Dispute,
): PaymentRow {
  const disputedAmount =
    payment.disputedAmount +
    (status === "open" ? amount : 0) -
    (known?.status === "open" ? known.amount : 0)
  const refundedAmount =
    status === "lost"
      ? Math.min(payment.refundedAmount + amount, payment.capturedAmount)
      : payment.refundedAmount
  return {
    ...payment,
    disputedAmount,
    refundedAmount,
    status: statusOf(payment.capturedAmount, refundedAmount, disputedAmount),
  }
}

function stageRow(
  ctx: Ctx,
  payment: PaymentRow,
  known: DisputeRow | undefined,
  { ref, status, amount, currency, reason }: Dispute,
) {
  const now = iso(ctx.now)
  if (known)
    return ctx.db
      .update(disputes)
      .set({ status, amount, reason: reason ?? known.reason, updatedAt: now })
      .where(and(eq(disputes.provider, known.provider), eq(disputes.gatewayRef, known.gatewayRef)))
  return ctx.db.insert(disputes).values({
    provider: payment.provider,
    gatewayRef: ref,
    paymentId: payment.id,
    status,
    amount,
    currency,
    reason,
    createdAt: now,
    updatedAt: now,
  })
}

/** A dispute by the gateway's id, for a batch. */
export function selectDispute(ctx: Ctx, provider: PaymentMethod, ref: string) {
  return ctx.db
    .select()
    .from(disputes)
    .where(and(eq(disputes.provider, provider), eq(disputes.gatewayRef, ref)))
    .limit(1)
}

/** The disputes of a payment, oldest first, for a batch. */
export function selectDisputesOf(ctx: Ctx, paymentId: Id<"payment">) {
  return ctx.db
    .select()
    .from(disputes)
    .where(eq(disputes.paymentId, paymentId))
    .orderBy(asc(disputes.createdAt), asc(disputes.gatewayRef))
}
