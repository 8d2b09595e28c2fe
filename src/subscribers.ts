import { eq } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import * as importWork from "#modules/catalog/import-work.ts"
import { relist } from "#modules/catalog/relist.ts"
import * as checkout from "#modules/checkout/checkout.ts"
import * as paid from "#modules/checkout/paid.ts"
import * as accountMails from "#modules/notifications/account-mails.ts"
import * as cartMails from "#modules/notifications/cart-mails.ts"
import * as creditMails from "#modules/notifications/credit-mails.ts"
import * as orderMails from "#modules/notifications/order-mails.ts"
import * as subscriptionMails from "#modules/notifications/subscription-mails.ts"
import * as edits from "#modules/orders/edits.ts"
import * as returnDecisions from "#modules/orders/return-decisions.ts"
import * as asking from "#modules/payments/asking.ts"
import * as reconcile from "#modules/payments/reconcile.ts"
import * as refundAnswers from "#modules/payments/refund-answers.ts"
import * as saved from "#modules/payments/saved.ts"
import * as voids from "#modules/payments/voids.ts"
import * as indexing from "#modules/search/indexing.ts"
import * as rebuild from "#modules/search/rebuild.ts"
import * as charges from "#modules/subscriptions/charges.ts"
import * as migration from "#modules/subscriptions/migration.ts"
import * as files from "#platform/files.ts"
import type { Message } from "#platform/outbox.ts"
import { deliveries, outbox } from "#platform/tables.ts"

type Subscriber<E extends Event> = (ctx: Ctx, event: E, id: Id<"event">) => Promise<void>

/** What each event sets off: the whole shop's consequences. Each is idempotent, for events come at least once. */
export const subscribers: {
  [T in Event["type"]]: Record<string, Subscriber<Extract<Event, { type: T }>>>
} = {
  "order.placed": { stock: checkout.finish },
  "order.cancelled": { stock: checkout.finish, subscription: charges.orderCancelled },
  "order.status-changed": { cash: paid.delivered },
  "order.edited": { stock: edits.settleEdit },
  "order.stock-lost": { mail: orderMails.stockLost },
  "payment.changed": { order: paid.paymentChanged, subscription: charges.follow },
  "payment.announced": { gateway: asking.askAgain },
  "gift-card.issued": { mail: creditMails.giftCard },
  "payment.void-requested": { gateway: voids.runVoid },
  "refund.requested": { gateway: refundAnswers.runRefund },
  "refund.changed": { order: paid.refundChanged, return: returnDecisions.refundChanged },
  "reconciliation.advanced": { work: reconcile.work },
  "return.changed": { stock: returnDecisions.restock },
  "subscription.started": {},
  "subscription.status-changed": { order: charges.giveUp, mail: subscriptionMails.changed },
  "subscription.renewed": {},
  "subscription.renewal-upcoming": { mail: subscriptionMails.upcoming },
  "subscription.payment-failed": { mail: subscriptionMails.failed },
  "subscription.price-changing": { mail: subscriptionMails.priceChanging },
  "plan.migration-begun": { prices: migration.announce },
  "payment-customer.removed": { gateway: saved.forget },
  "cart.abandoned": { mail: cartMails.remind },
  "email.verification-requested": { mail: accountMails.verifyEmail },
  "email.change-requested": { mail: accountMails.confirmEmail },
  "email.changed": { mail: accountMails.emailChanged },
  "password.reset-requested": { mail: accountMails.resetPassword },
  "password.changed": { mail: accountMails.passwordChanged },
  "session.started-on-new-device": { mail: accountMails.newDevice },
  "listings.outdated": { listings: relist },
  "stock.fell-low": {},
  "catalog.changed": { cache: (ctx) => ctx.cache.expire("catalog"), search: indexing.follow },
  "category.changed": { search: indexing.followCategory },
  "stock.turned": { search: indexing.restock },
  "products.outdated": { search: indexing.refresh },
  "index.begun": { search: rebuild.build },
  "products.imported": {
    cache: (ctx) => ctx.cache.expire("catalog"),
    search: indexing.followImport,
  },
  "import.advanced": { work: importWork.work },
  "media.removed": { files: (ctx, { keys }) => files.discard(ctx, keys) },
}

/**
 * Runs the subscribers of an event that have not dealt with it yet, and records each that succeeds; where it is done
 * nothing is.
 * @throws AggregateError when some failed: the next delivery runs only those
 */
export async function deliver(ctx: Ctx, { id, event }: Message): Promise<void> {
  // Each subscriber of an event's own type takes that event.
  const wanted = Object.entries(subscribers[event.type]) as [string, Subscriber<Event>][]
  const [[row], done] = await ctx.db.batch([
    ctx.db.select({ doneAt: outbox.doneAt }).from(outbox).where(eq(outbox.id, id)).limit(1),
    ctx.db
      .select({ subscriber: deliveries.subscriber })
      .from(deliveries)
      .where(eq(deliveries.eventId, id)),
  ])
  if (typeof row?.doneAt === "string") return
  const left = wanted.filter(([name]) => !done.some(({ subscriber }) => subscriber === name))
  const results = await Promise.allSettled(
    left.map(async ([subscriber, run]) => {
      await run(ctx, event, id)
      // Of an only one the event itself says that it is done.
      if (wanted.length > 1)
        await ctx.db
          .insert(deliveries)
          .values({ eventId: id, subscriber, createdAt: iso(ctx.now) })
          .onConflictDoNothing()
    }),
  )
  const failures = results.flatMap((result) =>
    result.status === "rejected" ? [result.reason as unknown] : [],
  )
  for (const failure of failures)
    ctx.log.error("subscriber failed", failure, { event_id: id, event_type: event.type })
  if (failures.length > 0)
    throw new AggregateError(failures, `${failures.length} subscribers of ${event.type} failed`)
  await ctx.db
    .update(outbox)
    .set({ doneAt: iso(ctx.now) })
    .where(eq(outbox.id, id))
}
