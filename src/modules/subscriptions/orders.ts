import type { Actor } from "#actor.ts"
import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { hmac, sha256 } from "#lib/secret.ts"
import { daysAfter, iso, secondsAfter } from "#lib/time.ts"
import * as checkout from "#modules/checkout/checkout.ts"
import type { Placed, PlaceOrder } from "#modules/checkout/model.ts"
import { isGateway } from "#modules/payments/method.ts"
import * as saved from "#modules/payments/saved.ts"
import type { Statement } from "#platform/db.ts"

import type { Period } from "./cycle.ts"
import { amountOf, spread } from "./prorate.ts"
import {
  type Change,
  changeRefusals,
  itemsAt,
  nextAtOf,
  stageChange,
  stageHistory,
  type SubscriptionRow,
} from "./subscriptions.ts"
import { subscriptionRenewals, subscriptions } from "./tables.ts"

/** When a charge that was not answered, or whose answer is not final, is looked at again, in seconds. */
const patienceSeconds = 900
/** For how many days an order waits for its money at most: the tries end before, and give it up. */
const mostDays = 90

/** What opens the order of a period, and pays it, without signing in: mailed to its customer, kept nowhere. */
export function payToken(
  ctx: Ctx,
  { id }: Pick<SubscriptionRow, "id">,
  period: number,
): Promise<string> {
  return hmac(ctx.config.dataKey, `pay:${id}:${period}`)
}

/**
 * Places the order of a period: an order like any other, at the agreed prices, in the customer's name. The
 * subscription moves on in the order's own batch, where the period's row lets through one order of one period. A new
 * subscription is written in there whole. Its gateway is asked for the money afterwards, by the payment's id.
 * @throws `subscription-changed`, and what `checkout.place` throws
 */
export async function placeFor(
  ctx: Ctx,
  row: SubscriptionRow,
  period: Period,
  {
    isNew = false,
    resultOf,
  }: { isNew?: boolean; resultOf?: (placed: Placed, next: SubscriptionRow) => unknown } = {},
): Promise<{ placed: Placed; next: SubscriptionRow }> {
  if (row.currency !== ctx.config.currency)
    throw new Error(`${row.id} was agreed in ${row.currency}, and the shop is in another currency`)
  const items = itemsAt(row, iso(period.start))
  const laid = spread(items, row.balanceAmount)
  let made: Change | undefined
  const changeOf = (placed: Placed) =>
    (made ??= stagePeriod(ctx, row, period, { items, rest: laid.rest, placed, isNew }))
  const placed = await checkout.place(asCustomer(ctx, row.userId), orderOf(row), {
    tokenHash: await sha256(await payToken(ctx, row, period.number)),
    unitAmounts: new Map(laid.items.map(({ variantId, unitAmount }) => [variantId, unitAmount])),
    // The first order is somebody's who is here: it has no longer than others.
    ...(!isNew && { payBy: iso(daysAfter(ctx.now, mostDays)) }),
    pay: async (payment) =>
      (await saved.charge(ctx, payment, { userId: row.userId, method: row.methodRef })) ?? payment,
    stage: async (order) => changeOf(order).statements,
    events: (order) => changeOf(order).events,
    refusals: {
      ...changeRefusals,
      "subscription_renewals.subscription_id":
        changeRefusals["subscription_changes.subscription_id"],
    },
    result: (order) => resultOf?.(order, changeOf(order).next) ?? null,
  })
  return { placed, next: changeOf(placed).next }
}

function stagePeriod(
  ctx: Ctx,
  row: SubscriptionRow,
  { number, start, end }: Period,
  {
    items,
    rest,
    placed,
    isNew,
  }: { items: SubscriptionRow["items"]; rest: number; placed: Placed; isNew: boolean },
): Change {
  const [startsAt, endsAt] = [iso(start), iso(end)]
  const waits = placed.payment !== null && isGateway(row.provider)
  const renewal = {
    subscriptionId: row.id,
    period: number,
    orderId: placed.id,
    status: waits ? ("open" as const) : placed.payment ? ("invoiced" as const) : ("paid" as const),
    startsAt,
    endsAt,
    createdAt: iso(ctx.now),
  }
  const span = { period: number, periodStart: startsAt, periodEnd: endsAt }
  const over: Partial<SubscriptionRow> = {
    ...span,
    status: isNew && waits ? "past_due" : "active",
    items,
    upcoming: row.upcoming && row.upcoming.from > startsAt ? row.upcoming : null,
    periodAmount: amountOf(items),
    balanceAmount: rest,
    cycles: row.cycles + 1,
    failure: null,
    failedAt: null,
    attempts: 0,
    orderId: waits ? placed.id : null,
    paymentId: waits ? (placed.payment?.id ?? null) : null,
    nextAt: waits ? checkAt(ctx) : nextAtOf(ctx, { ...row, ...span }),
  }
  const renewed: Event = {
    type: "subscription.renewed",
    subscriptionId: row.id,
    period: number,
    orderId: placed.id,
  }
  const note = `Period ${number}: order ${placed.order_number}.`
  const change = isNew
    ? stageNew(ctx, { ...row, ...over }, note)
    : stageChange(ctx, row, over, { kind: "period", note })
  return {
    ...change,
    statements: [...change.statements, ctx.db.insert(subscriptionRenewals).values(renewal)],
    events: [...change.events, renewed],
  }
}

/** A new subscription and the first row of its history. */
export function stageNew(ctx: Ctx, next: SubscriptionRow, note = ""): Change {
  const statements: Statement[] = [
    ctx.db.insert(subscriptions).values(next),
    stageHistory(ctx, next, "started", null, note),
  ]
  return { next, statements, events: [{ type: "subscription.started", subscriptionId: next.id }] }
}

/** When a charge is looked at again that is under way. */
export function checkAt(ctx: Ctx): string {
  return iso(secondsAfter(ctx.now, patienceSeconds))
}

/** The customer as who orders: prices and limits are theirs, and so is the order. */
export function asCustomer(ctx: Ctx, id: Id<"user">): Ctx {
  const actor: Actor =
    ctx.actor.type === "user" && ctx.actor.id === id
      ? ctx.actor
      : { type: "user", id, role: "customer", sessionId: "" as Id<"session"> }
  return { ...ctx, actor }
}

function orderOf(row: SubscriptionRow): PlaceOrder {
  return {
    items: row.items.map(({ variantId, quantity }) => ({ variant_id: variantId, quantity })),
    ...(row.shippingAddress && { shipping_address: row.shippingAddress }),
    ...(row.billingAddress
      ? { billing_address: row.billingAddress }
      : { use_shipping_as_billing: true }),
    ...(row.shippingMethod !== null && { shipping_method: row.shippingMethod }),
    payment_method: row.provider,
    coupon_codes: [],
    gift_cards: [],
    use_store_credit: false,
    notes: "",
  }
}
