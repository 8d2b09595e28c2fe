import { desc, eq } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { iso } from "#lib/time.ts"
import { findPaid } from "#modules/orders/payment.ts"
import { nothing, type Staged } from "#modules/payments/payments.ts"
import { stageRefund } from "#modules/payments/refunds.ts"
import { commit, retryRaced } from "#platform/commit.ts"

import type { Cancel, Subscription } from "./model.ts"
import { unusedBy } from "./prorate.ts"
import {
  changeRefusals,
  nextAtOf,
  open,
  requireState,
  spanOf,
  stageChange,
  type SubscriptionRow,
  toSubscription,
} from "./subscriptions.ts"
import { subscriptionRenewals } from "./tables.ts"

/**
 * Cancels a subscription: at the end of the period that is paid for, or now. Now gives back what is left of the
 * period, where `SUBSCRIPTION_CANCEL_CREDIT` says so. One whose period is over, that is paused or that waits for its
 * money ends now either way, and its unpaid order is given up with it.
 * @throws `unauthenticated`, `not-found`, `subscription-not-changeable`, `subscription-changed`
 */
export function cancel(ctx: Ctx, ref: string, { at, reason }: Cancel): Promise<Subscription> {
  return retryRaced(async () => {
    const row = await open(ctx, ref, "orders:write")
    requireState(row, "cancel")
    const now = iso(ctx.now)
    const runsOn = row.status === "active" || row.status === "trialing"
    if (at === "period_end" && runsOn && row.orderId === null && row.periodEnd > now) {
      const wish = { cancelAtPeriodEnd: true, cancelReason: reason, nextAt: row.periodEnd }
      const change = stageChange(ctx, row, wish, {
        kind: "details",
        note: "To end with the period.",
      })
      const result = toSubscription(change.next)
      await commit(ctx, change.statements, { refusals: changeRefusals, result })
      return result
    }
    const back = await stageCredit(ctx, row)
    const over: Partial<SubscriptionRow> = {
      status: "cancelled",
      cancelledAt: now,
      cancelReason: reason,
      nextAt: null,
      failure: null,
      failedAt: null,
      attempts: 0,
    }
    const change = stageChange(ctx, row, over, { kind: "status", note: reason })
    const result = toSubscription(change.next)
    await commit(ctx, [...change.statements, ...back.statements], {
      events: [...change.events, ...back.events],
      refusals: { ...changeRefusals, ...back.refusals },
      result,
    })
    return result
  })
}

/** Takes back the wish to cancel with the period. @throws `unauthenticated`, `not-found`, `subscription-not-changeable`, `subscription-changed` */
export function undoCancel(ctx: Ctx, ref: string): Promise<Subscription> {
  return retryRaced(async () => {
    const row = await open(ctx, ref, "orders:write")
    requireState(row, "cancel")
    if (!row.cancelAtPeriodEnd) return toSubscription(row)
    const kept = { cancelAtPeriodEnd: false, cancelReason: "" }
    const over = {
      ...kept,
      ...(row.status !== "paused" &&
        row.orderId === null && { nextAt: nextAtOf(ctx, { ...row, ...kept }) }),
    }
    const change = stageChange(ctx, row, over, { kind: "details", note: "To go on." })
    const result = toSubscription(change.next)
    await commit(ctx, change.statements, { refusals: changeRefusals, result })
    return result
  })
}

/**
 * What is left of the period that was paid for, back the way it came: of the price of its things, less what changes
 * have left to be paid, and never more than is still there of the order's money.
 */
async function stageCredit(ctx: Ctx, row: SubscriptionRow): Promise<Staged> {
  if (!ctx.config.subscriptions.cancelCredit || row.periodAmount === null) return nothing()
  const [renewal] = await ctx.db
    .select({ orderId: subscriptionRenewals.orderId, period: subscriptionRenewals.period })
    .from(subscriptionRenewals)
    .where(eq(subscriptionRenewals.subscriptionId, row.id))
    .orderBy(desc(subscriptionRenewals.period))
    .limit(1)
  const found = renewal?.period === row.period ? await findPaid(ctx, renewal.orderId) : undefined
  if (!found || found.order.status === "cancelled") return nothing()
  const kept = found.payments.reduce(
    (sum, { capturedAmount, refundedAmount }) => sum + capturedAmount - refundedAmount,
    0,
  )
  const left = unusedBy(row.periodAmount, spanOf(row), ctx.now.getTime()) - row.balanceAmount
  const amount = Math.min(kept, Math.max(0, left))
  if (amount === 0) return nothing()
  return stageRefund(ctx, {
    reference: found.order.id,
    amount,
    key: `subscription:${row.id}:${row.period}`,
    reason: "The subscription was cancelled before the period was over.",
  })
}
