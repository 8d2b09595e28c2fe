import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import * as orders from "#modules/orders/orders.ts"
import { payToken } from "#modules/subscriptions/orders.ts"
import { amountOf } from "#modules/subscriptions/prorate.ts"
import { find, itemsAt, type SubscriptionRow } from "#modules/subscriptions/subscriptions.ts"
import * as users from "#modules/users/users.ts"

import * as email from "./email.ts"
import { type Letter, write } from "./templates/letter.tsx"
import * as letters from "./templates/subscription.ts"

type Of<T extends Event["type"]> = Extract<Event, { type: T }>

/** Tells of the next renewal, if it is still to come. */
export function upcoming(
  ctx: Ctx,
  event: Of<"subscription.renewal-upcoming">,
  id: Id<"event">,
): Promise<void> {
  return send(ctx, event.subscriptionId, id, "subscription-upcoming", async (row) =>
    row.period < event.period && row.status !== "cancelled" && !row.cancelAtPeriodEnd
      ? letters.renewalUpcoming(toldOf(row, row.periodEnd), dayOf(row.periodEnd))
      : undefined,
  )
}

/** Tells that an order could not be placed or charged, and, where it can be paid, how. */
export function failed(
  ctx: Ctx,
  event: Of<"subscription.payment-failed">,
  id: Id<"event">,
): Promise<void> {
  const { orderId, reason, nextAt } = event
  const day = nextAt === null ? {} : { day: dayOf(nextAt) }
  return send(ctx, event.subscriptionId, id, "subscription-payment-failed", async (row) => {
    const found = orderId === null ? undefined : await orders.find(ctx, orderId)
    if (!found)
      return letters.notRenewed(toldOf(row), { isShort: reason === "out-of-stock", ...day })
    const { order } = found
    if (order.status !== "pending") return undefined
    const url = await payUrl(ctx, row, order.number)
    return letters.paymentFailed(toldOf(row), { reason, order: order.number, url, ...day })
  })
}

/** Tells that a subscription is over, or paused because it could not be charged. */
export function changed(
  ctx: Ctx,
  event: Of<"subscription.status-changed">,
  id: Id<"event">,
): Promise<void> {
  return send(ctx, event.subscriptionId, id, `subscription-${event.to}`, async (row) => {
    if (event.to === "cancelled") return letters.cancelled(toldOf(row), row.cancelReason)
    return event.to === "paused" && event.from === "past_due"
      ? letters.paused(toldOf(row))
      : undefined
  })
}

/** Tells what a subscription will cost, and from when. */
export function priceChanging(
  ctx: Ctx,
  event: Of<"subscription.price-changing">,
  id: Id<"event">,
): Promise<void> {
  return send(ctx, event.subscriptionId, id, "subscription-price", async (row) =>
    row.upcoming?.from === event.from
      ? letters.priceChanging(toldOf(row), {
          amount: moneyOf(row, event.from),
          day: dayOf(event.from),
        })
      : undefined,
  )
}

async function send(
  ctx: Ctx,
  subscriptionId: Id<"subscription">,
  id: Id<"event">,
  template: string,
  letterOf: (row: SubscriptionRow) => Promise<Letter | undefined>,
): Promise<void> {
  const row = await find(ctx, subscriptionId)
  const user = row && (await users.find(ctx, row.userId))
  const letter = row && user?.isActive ? await letterOf(row) : undefined
  if (!user || !letter) return
  await email.send(ctx, id, { template, to: user.email, ...write(letter) })
}

/** The page where an order is paid; the token behind the `#` opens it without signing in. */
async function payUrl(ctx: Ctx, row: SubscriptionRow, order: string): Promise<string> {
  const page = ctx.config.subscriptions.payUrl || `${ctx.config.baseUrl}/orders/pay`
  return `${page}#token=${await payToken(ctx, row, row.period)}&order=${order}`
}

function toldOf(row: SubscriptionRow, at = row.periodStart) {
  return { plan: row.planName, items: row.items, amount: moneyOf(row, at) }
}

function moneyOf(row: SubscriptionRow, at: string): string {
  return `${toDecimal(amountOf(itemsAt(row, at)), row.currency)} ${row.currency}`
}

/** 2026-11-20T09:30:00.000Z → 2026-11-20 */
function dayOf(instant: string): string {
  return instant.slice(0, 10)
}
