import { and, eq, or } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError, notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { commit, raced, retryRaced } from "#platform/commit.ts"

import type { News } from "./gateway.ts"
import { gatewayOf } from "./gateways.ts"
import type { PaymentMethod } from "./method.ts"
import { nothing, type PaymentRow, stageTold } from "./payments.ts"
import { type RefundRow, stageRefundTold } from "./refunds.ts"
import { gatewayEvents, payments, refunds } from "./tables.ts"

type Known = { payment: PaymentRow | undefined; refund: RefundRow | undefined; isSeen: boolean }

/**
 * Takes what a gateway sends: verified over its raw body, each event once, its row in the batch of its effect. What
 * does not fit what we know (another amount, currency, reference, an unknown payment) is quarantined and changes
 * nothing; news that we do not follow are received and forgotten.
 * @throws `not-found` for a gateway that is off, `signature-not-valid`
 */
export async function receive(
  ctx: Ctx,
  provider: string,
  webhook: { headers: Headers; body: string },
): Promise<void> {
  const gateway = gatewayOf(ctx, provider)
  if (!gateway) throw notFound("payment gateway")
  const read = await gateway.readWebhook({ ...webhook, now: ctx.now })
  if (!read.isGenuine) throw new DomainError("signature-not-valid")
  const { news } = read
  // Past `gatewayOf` the name is one of a gateway.
  if (news) await retryRaced(() => take(ctx, provider as PaymentMethod, news))
}

async function take(ctx: Ctx, provider: PaymentMethod, news: News): Promise<void> {
  const { payment, refund, isSeen } = await look(ctx, provider, news)
  if (isSeen) return
  const staged = payment && stageTold(ctx, payment, news.told)
  const reason = misfit(news, payment, refund) ?? staged?.mismatch ?? null
  const ofRefund =
    reason === null && refund && news.refund ? stageRefundTold(ctx, refund, news.refund) : nothing()
  const effect = reason === null && staged ? staged : nothing()
  const statements = [...effect.statements, ...ofRefund.statements]
  const row = {
    provider,
    eventId: news.eventId,
    paymentId: payment?.id ?? null,
    kind: news.kind,
    outcome:
      reason !== null
        ? ("quarantined" as const)
        : statements.length > 0
          ? ("applied" as const)
          : ("ignored" as const),
    reason,
    news,
    createdAt: iso(ctx.now),
  }
  await commit(ctx, [ctx.db.insert(gatewayEvents).values(row), ...statements], {
    events: [...effect.events, ...ofRefund.events],
    refusals: {
      ...effect.refusals,
      ...ofRefund.refusals,
      // The same event at once: it is there when looked for again.
      "gateway_events.provider": () => raced(new DomainError("payment-changed")),
    },
  })
  if (reason !== null) {
    const details = { provider, event_id: news.eventId, payment_id: row.paymentId }
    ctx.log.error("webhook quarantined", new Error(reason), details)
  }
}

/** The payment that the news are about, by our id or the gateway's; its refund; whether the event was there before. */
async function look(ctx: Ctx, provider: PaymentMethod, news: News): Promise<Known> {
  const named = news.paymentId as Id<"payment"> | null
  const [found, [refund], seen] = await ctx.db.batch([
    ctx.db
      .select()
      .from(payments)
      .where(
        or(
          and(eq(payments.provider, provider), eq(payments.gatewayRef, news.told.ref)),
          named === null ? undefined : and(eq(payments.id, named), eq(payments.provider, provider)),
        ),
      )
      .limit(2),
    ctx.db
      .select()
      .from(refunds)
      .where(eq(refunds.id, (news.refund?.key ?? "") as Id<"refund">))
      .limit(1),
    ctx.db
      .select({ eventId: gatewayEvents.eventId })
      .from(gatewayEvents)
      .where(and(eq(gatewayEvents.provider, provider), eq(gatewayEvents.eventId, news.eventId)))
      .limit(1),
  ])
  const payment = found.find(({ id }) => id === named) ?? found[0]
  return { payment, refund, isSeen: seen.length > 0 }
}

/** What `stageTold` cannot see: that nobody knows the payment, or that its refund is none of ours. */
function misfit(
  news: News,
  payment: PaymentRow | undefined,
  refund: RefundRow | undefined,
): string | undefined {
  if (!payment) return "unknown-payment"
  if (!news.refund) return undefined
  if (refund?.paymentId !== payment.id) return "unknown-refund"
  return news.refund.amount === refund.amount ? undefined : "refund-amount"
}
