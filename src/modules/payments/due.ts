import { and, asc, eq, isNotNull, lte } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { iso } from "#lib/time.ts"

import { refresh } from "./asking.ts"
import { gatewayOf } from "./gateways.ts"
import { checkIn, get, type PaymentRow } from "./payments.ts"
import { recordRefund, runRefund } from "./refund-answers.ts"
import type { RefundRow } from "./refunds.ts"
import { payments, refunds } from "./tables.ts"
import { cancelAtGateway } from "./voids.ts"

/** How many one sweep asks about: each is a request of its own and some four queries, of D1's thousand. */
const pageSize = 50

/**
 * Asks the gateways about payments whose outcome is not known and due: an answer that was lost, a webhook that never
 * came, a void that was not heard. Answers how many it asked about; idempotent, safe to run twice at once.
 */
export async function checkPayments(ctx: Ctx): Promise<number> {
  const due = await ctx.db
    .select()
    .from(payments)
    .where(and(isNotNull(payments.checkAt), lte(payments.checkAt, iso(ctx.now))))
    .orderBy(asc(payments.checkAt))
    .limit(pageSize)
  for (const payment of due) {
    await put(ctx, payments, payment)
    await settled(ctx, payment).catch((error) =>
      ctx.log.error("payment not checked", error, { payment_id: payment.id }),
    )
  }
  return due.length
}

async function settled(ctx: Ctx, payment: PaymentRow): Promise<void> {
  if (payment.voidRequestedAt !== null) {
    await cancelAtGateway(ctx, payment)
    return
  }
  await refresh(ctx, payment)
}

/**
 * The same for refunds: one that the gateway never heard of is asked for, once, of one that is on its way is asked
 * what became of it.
 */
export async function checkRefunds(ctx: Ctx): Promise<number> {
  const due = await ctx.db
    .select()
    .from(refunds)
    .where(and(isNotNull(refunds.checkAt), lte(refunds.checkAt, iso(ctx.now))))
    .orderBy(asc(refunds.checkAt))
    .limit(pageSize)
  for (const refund of due) {
    await put(ctx, refunds, refund)
    await followed(ctx, refund).catch((error) =>
      ctx.log.error("refund not checked", error, { refund_id: refund.id }),
    )
  }
  return due.length
}

async function followed(ctx: Ctx, refund: RefundRow): Promise<void> {
  const { provider, gatewayRef, captureRef } = await get(ctx, refund.paymentId)
  if (gatewayRef === null) return
  const { id: key, gatewayRef: ref, amount, currency } = refund
  const payment = { ref: gatewayRef, captureRef }
  const answer = await gatewayOf(ctx, provider)?.findRefund({ key, ref, amount, currency, payment })
  if (answer) await recordRefund(ctx, refund, answer)
  else await runRefund(ctx, { refundId: refund.id })
}

/** Puts the next question off, a little longer each time, before this one is asked: what fails comes again. */
async function put(
  ctx: Ctx,
  table: typeof payments | typeof refunds,
  { id, checks }: { id: PaymentRow["id"] | RefundRow["id"]; checks: number },
): Promise<void> {
  await ctx.db
    .update(table)
    .set({ checks: checks + 1, checkAt: checkIn(ctx, { checks: checks + 1 }) })
    .where(and(eq(table.id, id as never), isNotNull(table.checkAt)))
}
