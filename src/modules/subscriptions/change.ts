import { and, eq } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { signed } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { orders } from "#modules/orders/tables.ts"
import { commit, retryRaced } from "#platform/commit.ts"

import type { Changed, SubscriptionChanges } from "./model.ts"
import { asCustomer } from "./orders.ts"
import type { Whole } from "./plan-draft.ts"
import { find as findPlan } from "./plans.ts"
import { amountOf, prorate, unusedBy } from "./prorate.ts"
import { whereTo } from "./start.ts"
import { isFinal } from "./status.ts"
import {
  changeRefusals,
  open,
  requireSettled,
  requireState,
  spanOf,
  stageChange,
  type SubscriptionRow,
  toSubscription,
} from "./subscriptions.ts"
import { type Item, subscriptionRenewals } from "./tables.ts"
import { choose, payingBy, planFor } from "./terms.ts"

/** What a subscription becomes, and what the rest of its period costs more. */
type Step = { over: Partial<SubscriptionRow>; prorationAmount: number; notes: string[] }

/**
 * Changes what a subscription brings, how often, where to or how it is paid. What it brings changes now: the rest of
 * the period costs more or less, and the next order makes up for it. Things keep the prices they were agreed at, unless
 * the plan changes; another rhythm begins a new period at once, less what is left of this one.
 * @throws `unauthenticated`, `not-found`, `subscription-not-changeable`, `subscription-changed`, `invalid-input`,
 * `payment-method-unavailable`, `unavailable`
 */
export function change(ctx: Ctx, ref: string, input: SubscriptionChanges): Promise<Changed> {
  return retryRaced(async () => {
    const row = await open(ctx, ref, "orders:write")
    const things = await thingsOf(ctx, row, input)
    const details = await detailsOf(ctx, { ...row, ...things.over }, input)
    const over = { ...things.over, ...details }
    const notes = [
      ...things.notes,
      ...Object.keys(input).filter((name) => !["plan", "items"].includes(name)),
    ]
    const kind = things.notes.length > 0 ? "items" : "details"
    const step = stageChange(ctx, row, over, { kind, note: notes.join(", ") })
    const proration = signed(things.prorationAmount, row.currency)
    const result = { ...toSubscription(step.next), proration }
    await commit(ctx, step.statements, { refusals: changeRefusals, result })
    return result
  })
}

async function thingsOf(ctx: Ctx, row: SubscriptionRow, input: SubscriptionChanges): Promise<Step> {
  if (input.plan === undefined && input.items === undefined)
    return { over: {}, prorationAmount: 0, notes: [] }
  requireState(row, "change")
  requireSettled(row)
  const isOther = input.plan !== undefined && input.plan !== row.planId
  const plan = isOther ? await planFor(ctx, input.plan ?? "") : await findPlan(ctx, row.planId)
  if (!plan) throw new Error(`${row.id} has no plan`)
  const asked =
    input.items ?? row.items.map(({ variantId, quantity }) => ({ variant_id: variantId, quantity }))
  const { items } = await choose(ctx, plan, asked, isOther ? [] : row.items)
  const terms: Partial<SubscriptionRow> = {
    items,
    upcoming: isOther ? null : row.upcoming,
    planId: plan.id,
    planName: plan.name,
    ...(isOther && {
      interval: plan.interval,
      intervalCount: plan.intervalCount,
      maxCycles: plan.maxCycles,
    }),
  }
  const keepsRhythm =
    !isOther || (plan.interval === row.interval && plan.intervalCount === row.intervalCount)
  return keepsRhythm ? withinPeriod(ctx, row, terms, items) : newRhythm(ctx, row, terms, plan)
}

async function withinPeriod(
  ctx: Ctx,
  row: SubscriptionRow,
  terms: Partial<SubscriptionRow>,
  items: readonly Item[],
): Promise<Step> {
  const after = amountOf(items)
  const prorationAmount =
    row.periodAmount === null
      ? 0
      : await limited(ctx, row, prorate(row.periodAmount, after, spanOf(row), ctx.now.getTime()))
  return {
    over: {
      ...terms,
      ...(row.periodAmount !== null && { periodAmount: after }),
      balanceAmount: row.balanceAmount + prorationAmount,
    },
    prorationAmount,
    notes: [`items for ${signed(after, row.currency)}`],
  }
}

/** A trial stays as long as it was; otherwise the period ends here, and what is left of it is taken off the next order. */
async function newRhythm(
  ctx: Ctx,
  row: SubscriptionRow,
  terms: Partial<SubscriptionRow>,
  plan: Whole,
): Promise<Step> {
  const notes = [`every ${plan.intervalCount} ${plan.interval}`]
  if (row.status === "trialing") return { over: terms, prorationAmount: 0, notes }
  const now = iso(ctx.now)
  const prorationAmount =
    row.periodAmount === null
      ? 0
      : await limited(ctx, row, -unusedBy(row.periodAmount, spanOf(row), ctx.now.getTime()))
  return {
    over: {
      ...terms,
      anchorAt: now,
      anchorPeriod: row.period + 1,
      periodEnd: now,
      periodAmount: null,
      balanceAmount: row.balanceAmount + prorationAmount,
      nextAt: now,
    },
    prorationAmount,
    notes,
  }
}

/** Of a period whose money went back nobody is given more than is still there of it, whatever they owe beside it. */
async function limited(ctx: Ctx, row: SubscriptionRow, amount: number): Promise<number> {
  if (amount >= 0) return amount
  const [order] = await ctx.db
    .select({ totalAmount: orders.totalAmount, refundedAmount: orders.refundedAmount })
    .from(subscriptionRenewals)
    .innerJoin(orders, eq(orders.id, subscriptionRenewals.orderId))
    .where(
      and(
        eq(subscriptionRenewals.subscriptionId, row.id),
        eq(subscriptionRenewals.period, row.period),
      ),
    )
  if (!order || order.refundedAmount === 0) return amount
  const left = Math.max(0, order.totalAmount - order.refundedAmount)
  return Math.max(amount, Math.min(0, -left - row.balanceAmount))
}

async function detailsOf(
  ctx: Ctx,
  row: SubscriptionRow,
  input: SubscriptionChanges,
): Promise<Partial<SubscriptionRow>> {
  const { shipping_address, billing_address, shipping_method, payment_method, saved_method } = input
  const isPaid = payment_method !== undefined || saved_method !== undefined
  const isSent = shipping_address !== undefined || billing_address !== undefined
  if (!isPaid && !isSent && shipping_method === undefined) return {}
  requireState(row, "details")
  const paying = isPaid
    ? await payingBy(ctx, row.userId, payment_method ?? row.provider, saved_method)
    : {}
  // An order that waits is paid as it says: another way is for whoever pays it.
  if ("provider" in paying && paying.provider !== row.provider) requireSettled(row)
  const to = isSent ? await whereTo(asCustomer(ctx, row.userId), input, { isDigital: true }) : null
  return {
    ...paying,
    ...(to && shipping_address !== undefined && { shippingAddress: to.shippingAddress }),
    ...(to && billing_address !== undefined && { billingAddress: to.billingAddress }),
    ...(shipping_method !== undefined && { shippingMethod: shipping_method }),
    // What failed is tried again with it at once.
    ...(isPaid && row.failure !== null && !isFinal(row.status) && { nextAt: iso(ctx.now) }),
  }
}
