import { and, asc, isNotNull, lte } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { iso, secondsAfter } from "#lib/time.ts"
import * as users from "#modules/users/users.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import { withLease } from "#platform/lease.ts"

import { collect, fail, follow } from "./charges.ts"
import { dueOf } from "./cycle.ts"
import { taskOf } from "./due.ts"
import { placeFor } from "./orders.ts"
import { stageResume } from "./pause.ts"
import {
  type Change,
  changeRefusals,
  find,
  nextAtOf,
  putOff,
  rhythmOf,
  stageChange,
  type SubscriptionRow,
} from "./subscriptions.ts"
import { subscriptions } from "./tables.ts"

/** How many one sweep looks at: each is some fifteen queries, of the thousand that D1 gives one invocation. */
const pageSize = 25
/** How long one has before another sweep may take it over, in seconds. */
const leaseSeconds = 120
/** For how long one that failed is left alone, in seconds, so that it keeps no other waiting. */
const putOffSeconds = 300

/**
 * What keeps the order of a period from being placed and is no accident: it is tried again by the schedule of charges
 * that failed. Anything else is tried again in five minutes.
 */
const standingInTheWay = [
  "out-of-stock",
  "product-unavailable",
  "purchase-limit-reached",
  "shipping-unavailable",
  "payment-method-unavailable",
  "invalid-input",
] as const

/**
 * Sees to the subscriptions that are due, the longest overdue first: orders the next period, asks for money that is
 * late, tells of what is coming, ends what is over. One after another, each under a lease of its own; what fails is put
 * off. Answers how many were due; safe to run twice at once.
 */
export async function renewDue(ctx: Ctx): Promise<number> {
  const due = await ctx.db
    .select({ id: subscriptions.id })
    .from(subscriptions)
    .where(and(isNotNull(subscriptions.nextAt), lte(subscriptions.nextAt, iso(ctx.now))))
    .orderBy(asc(subscriptions.nextAt))
    .limit(pageSize)
  for (const { id } of due) {
    try {
      await withLease(ctx, `subscription:${id}`, leaseSeconds, () => advance(ctx, id))
    } catch (error) {
      ctx.log.error("subscription put off", error, { subscription_id: id })
      await putOff(ctx, id, iso(secondsAfter(ctx.now, putOffSeconds)))
    }
  }
  return due.length
}

/** Does what is to be done for one subscription now, if anything is. Idempotent. */
export function advance(ctx: Ctx, id: Id<"subscription">): Promise<void> {
  return retryRaced(async () => {
    const row = await find(ctx, id)
    const now = iso(ctx.now)
    if (!row || row.nextAt === null || row.nextAt > now) return
    switch (taskOf(row, now)) {
      case "collect":
        return collect(ctx, row)
      case "renew":
        return renew(ctx, row)
      case "resume":
        return write(ctx, stageResume(ctx, row))
      case "notice":
        return notice(ctx, row)
      case "cancel":
        return write(ctx, stageEnd(ctx, row, "cancelled"))
      case "end":
        return write(ctx, stageEnd(ctx, row, "ended"))
      case "nothing":
        return putOff(ctx, id, iso(secondsAfter(ctx.now, putOffSeconds)))
    }
  })
}

async function renew(ctx: Ctx, row: SubscriptionRow): Promise<void> {
  const user = await users.find(ctx, row.userId)
  if (!user?.isActive) return write(ctx, stageEnd(ctx, row, "cancelled", "The account was closed."))
  const { anchor, cadence } = rhythmOf(row)
  const { catchUp } = ctx.config.subscriptions
  const period = dueOf(anchor, cadence, row.period + 1, ctx.now, catchUp)
  try {
    const { placed, next } = await placeFor(ctx, row, period)
    if (next.orderId !== null) await follow(ctx, { reference: placed.id })
  } catch (error) {
    const reason = reasonOf(error)
    if (reason === undefined) throw error
    // The shop's fault is no reason to lose a customer: in the end this period is left out, and the next one is not.
    const span = {
      period: period.number,
      periodStart: iso(period.start),
      periodEnd: iso(period.end),
    }
    const skipped: Partial<SubscriptionRow> = {
      ...span,
      status: "active",
      periodAmount: null,
      failure: null,
      failedAt: null,
      attempts: 0,
      nextAt: nextAtOf(ctx, { ...row, ...span }),
    }
    await fail(ctx, row, reason, reason === "out-of-stock" ? skipped : undefined)
  }
}

function reasonOf(error: unknown): string | undefined {
  const code = error instanceof DomainError ? error.code : undefined
  return standingInTheWay.find((one) => one === code)
}

/** Tells of the next renewal, once; nothing is ordered by it. */
async function notice(ctx: Ctx, row: SubscriptionRow): Promise<void> {
  const next = row.period + 1
  if (row.noticedPeriod >= next || row.cancelAtPeriodEnd || isLast(row))
    return putOff(ctx, row.id, row.periodEnd)
  const over = { noticedPeriod: next, nextAt: row.periodEnd }
  const change = stageChange(ctx, row, over, { kind: "details", note: "Told of its renewal." })
  return write(ctx, {
    ...change,
    events: [{ type: "subscription.renewal-upcoming", subscriptionId: row.id, period: next }],
  })
}

function isLast({ maxCycles, cycles }: SubscriptionRow): boolean {
  return maxCycles !== null && cycles >= maxCycles
}

function stageEnd(
  ctx: Ctx,
  row: SubscriptionRow,
  status: "cancelled" | "ended",
  reason?: string,
): Change {
  const at = iso(ctx.now)
  const over: Partial<SubscriptionRow> = {
    status,
    nextAt: null,
    failure: null,
    failedAt: null,
    attempts: 0,
    ...(status === "ended" ? { endedAt: at } : { cancelledAt: at }),
    ...(reason !== undefined && { cancelReason: reason }),
  }
  return stageChange(ctx, row, over, { kind: "status", note: reason ?? "" })
}

async function write(ctx: Ctx, change: Change): Promise<void> {
  await commit(ctx, change.statements, { events: change.events, refusals: changeRefusals })
}
