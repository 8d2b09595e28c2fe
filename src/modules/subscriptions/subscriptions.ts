import { and, asc, eq, lte, sql } from "drizzle-orm"

import { may, nameOf, requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, notFound } from "#errors.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { signed } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { raced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import { noticeAt, type Anchor, type Cadence } from "./cycle.ts"
import type { Subscription } from "./model.ts"
import { amountOf } from "./prorate.ts"
import {
  type Action,
  allowed,
  isFinal,
  mayBecome,
  statusNames,
  type SubscriptionStatus,
} from "./status.ts"
import { type Item, subscriptionChanges, subscriptions } from "./tables.ts"

export type SubscriptionRow = typeof subscriptions.$inferSelect
type ChangeRow = typeof subscriptionChanges.$inferSelect

/**
 * A subscription that the caller may see or change: their own, any for staff; anything else is not there.
 * @throws `unauthenticated`, `forbidden` for an API key, `not-found`
 */
export async function open(
  ctx: Ctx,
  ref: string,
  permission: "orders:read" | "orders:write",
): Promise<SubscriptionRow> {
  const { id } = requireUser(ctx)
  const row = await find(ctx, ref as Id<"subscription">)
  if (!row || (row.userId !== id && !may(ctx, permission))) throw notFound("subscription")
  return row
}

/** A subscription, for the shop's own work. */
export async function find(ctx: Ctx, id: Id<"subscription">): Promise<SubscriptionRow | undefined> {
  const [row] = await ctx.db.select().from(subscriptions).where(eq(subscriptions.id, id)).limit(1)
  return row
}

/** Refuses what a subscription's state does not allow. @throws `subscription-not-changeable` with `subscription_status` and `allowed` */
export function requireState({ status }: SubscriptionRow, action: Action): void {
  const states: readonly SubscriptionStatus[] = allowed[action]
  if (states.includes(status)) return
  throw notNow(
    status,
    `A subscription that is ${statusNames[status].toLowerCase()} takes no such change.`,
    {
      allowed: states,
    },
  )
}

/** Nothing moves while money is under way: what it is for would not be what was paid. @throws `subscription-not-changeable` */
export function requireSettled({ status, orderId }: SubscriptionRow): void {
  if (orderId !== null)
    throw notNow(status, "The order of this period waits for its payment.", { order: orderId })
}

function notNow(status: string, why: string, details: Record<string, unknown>): DomainError {
  return new DomainError("subscription-not-changeable", why, {
    subscription_status: status,
    ...details,
  })
}

/** A change in the making: the subscription as it will be, what it writes and says (`changeRefusals`). */
export type Change = { next: SubscriptionRow; statements: Statement[]; events: Event[] }

/**
 * A change of a subscription and its row of history. Of two who change one at once the second breaks the history's
 * key, and its whole batch with it.
 */
export function stageChange(
  ctx: Ctx,
  row: SubscriptionRow,
  over: Partial<SubscriptionRow>,
  { kind, note = "" }: { kind: ChangeRow["kind"]; note?: string },
): Change {
  const next = { ...row, ...over, version: row.version + 1, updatedAt: iso(ctx.now) }
  if (next.status !== row.status && !mayBecome(row.status, next.status))
    throw new Error(`a subscription does not go from ${row.status} to ${next.status}`)
  const known = new Map<string, unknown>(Object.entries(row))
  const changed = Object.entries(next).filter(([column, value]) => known.get(column) !== value)
  return {
    next,
    statements: [
      stageHistory(ctx, next, kind, row.status, note),
      ctx.db
        .update(subscriptions)
        .set(Object.fromEntries(changed))
        .where(eq(subscriptions.id, row.id)),
    ],
    events:
      next.status === row.status
        ? []
        : [
            {
              type: "subscription.status-changed",
              subscriptionId: row.id,
              from: row.status,
              to: next.status,
            },
          ],
  }
}

/** The row of history of a subscription as it is after a change. */
export function stageHistory(
  ctx: Ctx,
  { id, version, status, updatedAt }: SubscriptionRow,
  kind: ChangeRow["kind"],
  from: SubscriptionStatus | null,
  note: string,
): Statement {
  return ctx.db.insert(subscriptionChanges).values({
    subscriptionId: id,
    version,
    kind,
    from,
    to: status,
    note,
    actor: nameOf(ctx.actor),
    createdAt: updatedAt,
  })
}

/** What a broken constraint of `stageChange` means: somebody was first, look again. */
export const changeRefusals = {
  "subscription_changes.subscription_id": () => raced(new DomainError("subscription-changed")),
} as const

/** Where the periods of a subscription are counted from, and how long they are. */
export function rhythmOf(row: SubscriptionRow): { anchor: Anchor; cadence: Cadence } {
  return {
    anchor: { at: new Date(row.anchorAt), number: row.anchorPeriod },
    cadence: { interval: row.interval, count: row.intervalCount },
  }
}

/** When there is something to do next for a subscription that nothing is wrong with: a notice, or the end of its period. */
export function nextAtOf(
  ctx: Ctx,
  row: Pick<
    SubscriptionRow,
    "period" | "periodStart" | "periodEnd" | "noticedPeriod" | "cancelAtPeriodEnd"
  >,
): string {
  const period = { start: new Date(row.periodStart), end: new Date(row.periodEnd) }
  const at = noticeAt(period, ctx.config.subscriptions.noticeDays)
  const isTold = row.noticedPeriod > row.period || row.cancelAtPeriodEnd
  return at && !isTold ? iso(at) : row.periodEnd
}

/** The span of the period that runs, in ms. */
export function spanOf({ periodStart, periodEnd }: SubscriptionRow): {
  start: number
  end: number
} {
  return { start: Date.parse(periodStart), end: Date.parse(periodEnd) }
}

/** Looks at a subscription that is due again at `until`, no sooner. */
export async function putOff(ctx: Ctx, id: Id<"subscription">, until: string): Promise<void> {
  await ctx.db
    .update(subscriptions)
    .set({ nextAt: until })
    .where(and(eq(subscriptions.id, id), lte(subscriptions.nextAt, iso(ctx.now))))
}

/** What the items cost in a period that begins at `startsAt`: as agreed, or as was announced for then. */
export function itemsAt(
  { items, upcoming }: Pick<SubscriptionRow, "items" | "upcoming">,
  startsAt: string,
): Item[] {
  if (!upcoming || upcoming.from > startsAt) return items
  return items.map((item) => ({
    ...item,
    unitAmount: upcoming.unitAmounts[item.variantId] ?? item.unitAmount,
  }))
}

/** An account's subscriptions, oldest first, at most `most`: for its export. */
export function selectOf(ctx: Ctx, userId: Id<"user">, most: number) {
  return ctx.db
    .select()
    .from(subscriptions)
    .where(eq(subscriptions.userId, userId))
    .orderBy(asc(subscriptions.createdAt), asc(subscriptions.id))
    .limit(most)
}

/**
 * Cancels every subscription of an account and takes its addresses out; what it was charged for stays known. One that
 * is being changed at this moment breaks the batch (`changeRefusals`).
 */
export async function stageErase(
  ctx: Ctx,
  userId: Id<"user">,
): Promise<{ statements: Statement[]; events: Event[] }> {
  const now = iso(ctx.now)
  const live = sql`${subscriptions.status} NOT IN ('cancelled', 'ended')`
  const ofThem = eq(subscriptions.userId, userId)
  const ending = await ctx.db
    .select({ id: subscriptions.id, status: subscriptions.status })
    .from(subscriptions)
    .where(and(ofThem, live))
  const statements = [
    ctx.db
      .insert(subscriptionChanges)
      .select(
        sql`SELECT id, version + 1, 'status', status, 'cancelled', 'The account was erased.', ${nameOf(ctx.actor)}, ${now} FROM subscriptions WHERE user_id = ${userId} AND status NOT IN ('cancelled', 'ended')`,
      ),
    ctx.db
      .update(subscriptions)
      .set({
        status: "cancelled",
        cancelledAt: now,
        nextAt: null,
        failure: null,
        failedAt: null,
        paymentId: null,
        version: sql`version + 1`,
        updatedAt: now,
      })
      .where(and(ofThem, live)),
    ctx.db
      .update(subscriptions)
      .set({ shippingAddress: null, billingAddress: null, methodRef: null, cancelReason: "" })
      .where(ofThem),
  ]
  return {
    statements,
    events: ending.map(({ id, status: from }) => ({
      type: "subscription.status-changed",
      subscriptionId: id,
      from,
      to: "cancelled",
    })),
  }
}

/** A subscription on the wire. */
export function toSubscription(row: SubscriptionRow): Subscription {
  const { currency, upcoming } = row
  const money = (amount: number) => toDecimal(amount, currency)
  const isLive = !isFinal(row.status) && row.status !== "paused"
  const isLast = row.cancelAtPeriodEnd || (row.maxCycles !== null && row.cycles >= row.maxCycles)
  return {
    id: row.id,
    user: row.userId,
    status: row.status,
    status_display: statusNames[row.status],
    plan: { id: row.planId, name: row.planName },
    interval: row.interval,
    interval_count: row.intervalCount,
    items: row.items.map((item) => ({
      product_id: item.productId,
      variant_id: item.variantId,
      name: item.name,
      sku: item.sku,
      quantity: item.quantity,
      unit_price: money(item.unitAmount),
      upcoming_price:
        upcoming?.unitAmounts[item.variantId] === undefined
          ? null
          : money(upcoming.unitAmounts[item.variantId] ?? 0),
    })),
    currency,
    amount: money(amountOf(row.items)),
    balance: signed(row.balanceAmount, currency),
    prices_change_at: upcoming?.from ?? null,
    payment_method: row.provider,
    saved_method: row.methodRef,
    shipping_address: row.shippingAddress,
    billing_address: row.billingAddress,
    shipping_method: row.shippingMethod,
    current_period: {
      number: row.period,
      starts_at: row.periodStart,
      ends_at: row.periodEnd,
    },
    next_renewal_at: isLive && !isLast ? row.periodEnd : null,
    cycles: row.cycles,
    max_cycles: row.maxCycles,
    trial_ends_at: row.trialEndsAt,
    cancel_at_period_end: row.cancelAtPeriodEnd,
    cancellation_reason: row.cancelReason,
    failure:
      row.failure === null
        ? null
        : {
            reason: row.failure,
            attempts: row.attempts,
            next_attempt_at: row.nextAt,
            order: row.orderId,
          },
    resume_at: row.resumeAt,
    paused_at: row.pausedAt,
    cancelled_at: row.cancelledAt,
    ended_at: row.endedAt,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}
