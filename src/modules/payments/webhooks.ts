import { and, eq, inArray, or, type SQL, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError, notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { commit, raced, retryRaced } from "#platform/commit.ts"

import { refresh } from "./asking.ts"
import { type DisputeRow, selectDispute, stageDispute } from "./disputes.ts"
import type { Answer, News } from "./gateway.ts"
import { gatewayOf } from "./gateways.ts"
import type { PaymentMethod } from "./method.ts"
import { isAwaited, nothing, type PaymentRow, type Staged, stageTold } from "./payments.ts"
import { isOnItsWay, stageAdopted, stageRefundTold } from "./refund-answers.ts"
import type { RefundRow } from "./refunds.ts"
import type { Told } from "./status.ts"
import { gatewayEvents, payments, refunds } from "./tables.ts"

type Known = {
  payment: PaymentRow | undefined
  refund: RefundRow | undefined
  dispute: DisputeRow | undefined
  isSeen: boolean
}

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

async function take(ctx: Ctx, provider: PaymentMethod, news: News, isAsked = false): Promise<void> {
  const known = await look(ctx, provider, news)
  if (known.isSeen) return
  const { payment } = known
  const { reason, effect } = await effectOf(ctx, news, known)
  // What is disputed, or was given back, was taken: that word was lost, or is late.
  if (
    (news.dispute ?? news.refund) &&
    !isAsked &&
    reason !== null &&
    payment &&
    isAwaited(payment)
  ) {
    await refresh(ctx, payment)
    return take(ctx, provider, news, true)
  }
  const isToBeAsked = reason === null && news.isIncomplete && payment && isAwaited(payment)
  const events = [
    ...effect.events,
    ...(isToBeAsked
      ? [
          {
            type: "payment.announced" as const,
            paymentId: payment.id,
            reference: payment.reference,
          },
        ]
      : []),
  ]
  const row = {
    provider,
    eventId: news.eventId,
    paymentId: payment?.id ?? null,
    kind: news.kind,
    outcome:
      reason !== null
        ? ("quarantined" as const)
        : effect.statements.length > 0 || events.length > 0
          ? ("applied" as const)
          : ("ignored" as const),
    reason,
    news: { ...news, told: news.told && withoutSecret(news.told) },
    createdAt: iso(ctx.now),
  }
  await commit(ctx, [ctx.db.insert(gatewayEvents).values(row), ...effect.statements], {
    events,
    refusals: {
      ...effect.refusals,
      // The same event at once: it is there when looked for again.
      "gateway_events.provider": () => raced(new DomainError("payment-changed")),
    },
  })
  if (reason !== null) {
    const details = { provider, event_id: news.eventId, payment_id: row.paymentId }
    ctx.log.error("webhook quarantined", new Error(reason), details)
  }
}

/** What was told, without what lets its holder pay. */
function withoutSecret(told: Answer): Told {
  const copy = { ...told }
  delete copy.clientSecret
  return copy
}

/** What the news change, or why they do not fit and change nothing. */
async function effectOf(
  ctx: Ctx,
  news: News,
  { payment, refund, dispute }: Known,
): Promise<{ reason: string | null; effect: Staged }> {
  const refused = (reason: string) => ({ reason, effect: nothing() })
  const misfits = misfit(news, payment, refund)
  if (!payment || misfits !== undefined) return refused(misfits ?? "unknown-payment")
  const ofPayment = news.told ? stageTold(ctx, payment, news.told) : undefined
  if (ofPayment?.mismatch !== undefined) return refused(ofPayment.mismatch)
  const ofRefund = await refundEffect(ctx, payment, refund, news)
  // A dispute changes its payment by version, after what else is told of it.
  const seen = ofPayment && ofPayment.statements.length > 0 ? ofPayment.next : payment
  const ofDispute = news.dispute ? stageDispute(ctx, seen, dispute, news.dispute) : undefined
  if (ofDispute?.mismatch !== undefined) return refused(ofDispute.mismatch)
  const all = [ofPayment ?? nothing(), ofRefund, ofDispute ?? nothing()]
  return {
    reason: null,
    effect: {
      statements: all.flatMap(({ statements }) => statements),
      events: all.flatMap(({ events }) => events),
      refusals: Object.assign({}, ...all.map(({ refusals }) => refusals)),
    },
  }
}

/** What news of a refund change. One that was made at the gateway, and not by us, is taken into our books. */
async function refundEffect(
  ctx: Ctx,
  payment: PaymentRow,
  refund: RefundRow | undefined,
  { refund: told }: News,
): Promise<Staged> {
  if (!told) return nothing()
  if (refund) return stageRefundTold(ctx, refund, told)
  // One of ours whose answer was lost: the sweep asks for it by its key.
  if (told.status === "failed" || (await isOnItsWay(ctx, payment, told.amount))) return nothing()
  return stageAdopted(ctx, payment, told)
}

/** The payment that the news are about, by our id or the gateway's; its refund; whether the event was there before. */
async function look(ctx: Ctx, provider: PaymentMethod, news: News): Promise<Known> {
  const named = news.paymentId as Id<"payment"> | null
  const refundId = (news.refund?.key ?? "") as Id<"refund">
  const ref = news.told?.ref ?? news.payment?.ref
  const captureRef = news.told?.captureRef ?? news.payment?.captureRef
  const ofRefund = ctx.db
    .select({ id: refunds.paymentId })
    .from(refunds)
    .where(eq(refunds.id, refundId))
  const ways: SQL[] = [
    ...(named === null ? [] : [eq(payments.id, named)]),
    ...(ref === undefined ? [] : [eq(payments.gatewayRef, ref)]),
    ...(captureRef === undefined ? [] : [eq(payments.captureRef, captureRef)]),
    ...(news.refund ? [inArray(payments.id, ofRefund)] : []),
  ]
  const [found, given, [dispute], seen] = await ctx.db.batch([
    ctx.db
      .select()
      .from(payments)
      .where(or(sql`0`, ...ways.map((way) => and(eq(payments.provider, provider), way))))
      .limit(ways.length + 1),
    ctx.db
      .select()
      .from(refunds)
      .where(or(eq(refunds.id, refundId), eq(refunds.gatewayRef, news.refund?.ref ?? "")))
      .limit(2),
    selectDispute(ctx, provider, news.dispute?.ref ?? ""),
    ctx.db
      .select({ eventId: gatewayEvents.eventId })
      .from(gatewayEvents)
      .where(and(eq(gatewayEvents.provider, provider), eq(gatewayEvents.eventId, news.eventId)))
      .limit(1),
  ])
  const payment = found.find(({ id }) => id === named) ?? found[0]
  const refund =
    given.find(({ id }) => id === refundId) ??
    given.find(({ paymentId }) => paymentId === payment?.id)
  return { payment, refund, dispute, isSeen: seen.length > 0 }
}

/** What `stageTold` cannot see: that nobody knows the payment, or that its refund is none of ours. */
function misfit(
  news: News,
  payment: PaymentRow | undefined,
  refund: RefundRow | undefined,
): string | undefined {
  if (!payment) return "unknown-payment"
  if (!news.refund) return undefined
  if (!refund && isOurs(news.refund.key)) return "unknown-refund"
  if (!refund)
    return news.refund.amount > payment.capturedAmount - payment.refundedAmount
      ? "refund-amount"
      : undefined
  if (refund.paymentId !== payment.id) return "unknown-refund"
  return news.refund.amount === refund.amount ? undefined : "refund-amount"
}

/** Whether a key that a gateway tells with a refund is an id of ours: it was made by this shop, or one before it. */
function isOurs(key: string | null): boolean {
  return key?.startsWith("rfd_") ?? false
}
