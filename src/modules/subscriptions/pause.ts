import type { Ctx } from "#context.ts"
import { invalid } from "#errors.ts"
import { iso } from "#lib/time.ts"
import { commit, retryRaced } from "#platform/commit.ts"

import type { Pause, Subscription } from "./model.ts"
import {
  type Change,
  changeRefusals,
  nextAtOf,
  open,
  requireSettled,
  requireState,
  stageChange,
  type SubscriptionRow,
  toSubscription,
} from "./subscriptions.ts"

/**
 * Stops the renewals of a subscription, until a day or until it is resumed. What is paid for runs on; nothing is given
 * back. @throws `unauthenticated`, `not-found`, `subscription-not-changeable`, `subscription-changed`, `invalid-input`
 */
export function pause(ctx: Ctx, ref: string, { resume_at }: Pause): Promise<Subscription> {
  return retryRaced(async () => {
    const row = await open(ctx, ref, "orders:write")
    requireState(row, "pause")
    requireSettled(row)
    if (resume_at !== undefined && resume_at <= iso(ctx.now))
      throw invalid({ field: "resume_at", detail: "It resumes later than now.", code: "invalid" })
    const over = {
      status: "paused" as const,
      pausedAt: iso(ctx.now),
      resumeAt: resume_at ?? null,
      nextAt: resume_at ?? null,
    }
    const note = resume_at === undefined ? "" : `Until ${resume_at}.`
    return answer(ctx, stageChange(ctx, row, over, { kind: "status", note }))
  })
}

/**
 * Goes on with a paused subscription: with the period that runs still, if it was paid for, else with a new one that
 * begins now, and whose order follows within a minute. Periods that passed are not made up for.
 * @throws `unauthenticated`, `not-found`, `subscription-not-changeable`, `subscription-changed`
 */
export function resume(ctx: Ctx, ref: string): Promise<Subscription> {
  return retryRaced(async () => {
    const row = await open(ctx, ref, "orders:write")
    requireState(row, "resume")
    return answer(ctx, stageResume(ctx, row))
  })
}

/** The change that goes on with a paused subscription. */
export function stageResume(ctx: Ctx, row: SubscriptionRow): Change {
  const now = iso(ctx.now)
  const isRunning = row.periodEnd > now
  const inTrial = isRunning && row.period === 0
  const over: Partial<SubscriptionRow> = {
    status: inTrial ? "trialing" : "active",
    pausedAt: null,
    resumeAt: null,
    ...(isRunning
      ? { nextAt: nextAtOf(ctx, row) }
      : { anchorAt: now, anchorPeriod: row.period + 1, periodEnd: now, nextAt: now }),
  }
  return stageChange(ctx, row, over, { kind: "status", note: "Resumed." })
}

async function answer(ctx: Ctx, { next, statements, events }: Change): Promise<Subscription> {
  const result = toSubscription(next)
  await commit(ctx, statements, { events, refusals: changeRefusals, result })
  return result
}
