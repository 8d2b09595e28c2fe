import { requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { type FieldError, invalid } from "#errors.ts"
import { newId } from "#lib/id.ts"
import { daysAfter, iso } from "#lib/time.ts"
import type { Placed } from "#modules/checkout/model.ts"
import { addressesOf } from "#modules/checkout/wanted.ts"
import { commit } from "#platform/commit.ts"

import { follow } from "./charges.ts"
import { periodOf } from "./cycle.ts"
import type { NewSubscription, Started } from "./model.ts"
import { placeFor, stageNew } from "./orders.ts"
import type { Whole } from "./plan-draft.ts"
import { find, nextAtOf, rhythmOf, type SubscriptionRow, toSubscription } from "./subscriptions.ts"
import { type Chosen, choose, payingBy, planFor } from "./terms.ts"

/**
 * Subscribes the caller to a plan, at its prices of now. With a trial nothing is ordered before it is over; of one
 * plan a customer has one. Without, the first order is placed at once, and the subscription with it or not at all.
 * It is `past_due` until a gateway is paid, and cancelled should that never happen.
 * @throws `unauthenticated`, `invalid-input` naming every field that is wrong, `trial-used`,
 * `payment-method-unavailable`, `unavailable`, and what `checkout.place` throws
 */
export async function start(ctx: Ctx, input: NewSubscription): Promise<Started> {
  const { id: userId } = requireUser(ctx)
  const plan = await planFor(ctx, input.plan)
  const chosen = await choose(ctx, plan, input.items)
  const paying = await payingBy(ctx, userId, input.payment_method, input.saved_method)
  const addresses = await whereTo(ctx, input, chosen)
  const terms = { ...paying, ...addresses, shippingMethod: input.shipping_method ?? null }
  const hasTrial = plan.trialDays > 0 && input.trial !== false
  const row = draft(ctx, plan, chosen, { userId, ...terms }, hasTrial)
  if (!hasTrial) return withOrder(ctx, row)
  const made = stageNew(ctx, { ...row, nextAt: nextAtOf(ctx, row) })
  const result = toStarted(made.next)
  await commit(ctx, made.statements, {
    events: made.events,
    refusals: { "subscriptions.user_id": "trial-used" },
    result,
  })
  return result
}

async function withOrder(ctx: Ctx, row: SubscriptionRow): Promise<Started> {
  const { anchor, cadence } = rhythmOf(row)
  const resultOf = (placed: Placed, next: SubscriptionRow) => toStarted(next, placed)
  const { placed, next } = await placeFor(ctx, row, periodOf(anchor, cadence, 1), {
    isNew: true,
    resultOf,
  })
  if (next.orderId === null) return toStarted(next, placed)
  // The event does this again, should it fail now.
  await follow(ctx, { reference: placed.id }).catch((error) =>
    ctx.log.error("payment left to the event", error, { order_id: placed.id }),
  )
  return toStarted((await find(ctx, next.id)) ?? next, placed)
}

/** Where it goes. @throws `invalid-input` for an address that is unknown, or missing where something is sent */
export async function whereTo(
  ctx: Ctx,
  input: Pick<NewSubscription, "shipping_address" | "billing_address">,
  { isDigital }: Pick<Chosen, "isDigital">,
): Promise<Pick<SubscriptionRow, "shippingAddress" | "billingAddress">> {
  const errors: FieldError[] = []
  const { shipping, billing } = await addressesOf(ctx, input, errors)
  if (input.shipping_address === undefined && !isDigital)
    errors.push({ field: "shipping_address", detail: "This field is required.", code: "required" })
  if (errors.length > 0) throw invalid(...errors)
  return { shippingAddress: shipping, billingAddress: billing ?? shipping }
}

type Terms = Pick<
  SubscriptionRow,
  "userId" | "provider" | "methodRef" | "shippingAddress" | "billingAddress" | "shippingMethod"
>

function draft(
  ctx: Ctx,
  plan: Whole,
  { items }: Chosen,
  terms: Terms,
  hasTrial: boolean,
): SubscriptionRow {
  const now = iso(ctx.now)
  const trialEndsAt = hasTrial ? iso(daysAfter(ctx.now, plan.trialDays)) : null
  return {
    ...terms,
    id: newId("subscription", ctx.now),
    planId: plan.id,
    planName: plan.name,
    status: "trialing",
    currency: ctx.config.currency,
    interval: plan.interval,
    intervalCount: plan.intervalCount,
    maxCycles: plan.maxCycles,
    items,
    upcoming: null,
    anchorAt: trialEndsAt ?? now,
    anchorPeriod: 1,
    period: 0,
    periodStart: now,
    periodEnd: trialEndsAt ?? now,
    periodAmount: null,
    balanceAmount: 0,
    cycles: 0,
    trialEndsAt,
    cancelAtPeriodEnd: false,
    cancelReason: "",
    resumeAt: null,
    pausedAt: null,
    cancelledAt: null,
    endedAt: null,
    failure: null,
    failedAt: null,
    attempts: 0,
    orderId: null,
    paymentId: null,
    noticedPeriod: 0,
    nextAt: null,
    version: 1,
    createdAt: now,
    updatedAt: now,
  }
}

function toStarted(row: SubscriptionRow, placed?: Placed): Started {
  return {
    ...toSubscription(row),
    order: placed
      ? {
          id: placed.id,
          order_number: placed.order_number,
          total: placed.total,
          payment: placed.payment,
        }
      : null,
  }
}
