import { desc, eq, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import type { Event } from "#events.ts"
import { type Id, newId } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { randomToken } from "#lib/secret.ts"
import { iso, secondsAfter } from "#lib/time.ts"
import { spendRefusals, stageEntry } from "#modules/credit/entries.ts"
import type { Holder } from "#modules/credit/entry.ts"
import { commit, raced, retryRaced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import type { Answer } from "./gateway.ts"
import { gatewayOf } from "./gateways.ts"
import { isCredit, isGateway, methodNames, type PaymentMethod } from "./method.ts"
import { judge, type Told } from "./status.ts"
import { payments } from "./tables.ts"

export type PaymentRow = typeof payments.$inferSelect

/** A change that is not committed yet, to be part of somebody's batch: what it writes, says, and can break on. */
export type Staged = {
  statements: Statement[]
  events: Event[]
  refusals: Record<string, () => DomainError>
}

/** After how many seconds a gateway that said nothing is asked: 1, 2, 4… minutes, at most an hour. */
export function patienceSeconds(checks: number): number {
  return Math.min(60 * 2 ** checks, 3600)
}

type NewPayment = {
  reference: string
  provider: PaymentMethod
  currency: string
  /** Minor units, above zero. */
  amount: number
  userId: Id<"user"> | null
  tokenHash: string | null
  /** What it is paid by, of a gift card's payment. */
  giftCardId?: Id<"giftCard">
  giftCardLast4?: string
  /** Where the payer's browser goes afterwards. */
  returnUrl?: string | undefined
}

/**
 * A payment that is not committed yet. One by a gift card or store credit is paid with its batch.
 * @throws `payment-method-unavailable` for an amount that its gateway cannot take in this currency
 */
export function draft(ctx: Ctx, given: NewPayment): PaymentRow {
  const now = iso(ctx.now)
  if (gatewayOf(ctx, given.provider)?.takes(given) === false)
    throw new DomainError(
      "payment-method-unavailable",
      `${methodNames[given.provider]} does not take ${toDecimal(given.amount, given.currency)} ${given.currency}.`,
    )
  const isPaid = isCredit(given.provider)
  return {
    giftCardId: null,
    giftCardLast4: null,
    ...given,
    id: newId("payment", ctx.now),
    status: isPaid ? "paid" : "unpaid",
    capturedAmount: isPaid ? given.amount : 0,
    refundedAmount: 0,
    refundedTaxAmount: 0,
    refundedShippingAmount: 0,
    disputedAmount: 0,
    feeAmount: null,
    capture: isGateway(given.provider) ? ctx.config.payments.capture : "manual",
    gatewayRef: null,
    captureRef: null,
    returnUrl: given.returnUrl ?? null,
    returnToken: isGateway(given.provider) ? randomToken(24) : null,
    action: null,
    failure: null,
    voidRequestedAt: null,
    toldAt: null,
    checkAt: isGateway(given.provider) ? iso(secondsAfter(ctx.now, patienceSeconds(0))) : null,
    checks: 0,
    version: 1,
    createdAt: now,
    updatedAt: now,
  }
}

/**
 * Inserts a payment, in the batch of what it is for; `start` asks its gateway afterwards, and should that never
 * happen, whoever wants to pay does. What a gift card or store credit pays is taken off it in that batch, and no more
 * than is there. Its refusals: `startRefusals`.
 */
export function stageStart(ctx: Ctx, payment: PaymentRow): Statement[] {
  const { id, amount, currency, reference } = payment
  const holder = holderOf(payment)
  return [
    ctx.db.insert(payments).values(payment),
    ...(holder
      ? stageEntry(ctx, holder, {
          key: `spend:${id}`,
          kind: "spent",
          amount: -amount,
          currency,
          reason: "",
          reference,
        })
      : []),
  ]
}

/** What a payment was paid by, of the shop's own credit; `undefined`: by something else. */
export function holderOf(payment: PaymentRow): Holder | undefined {
  const { provider, giftCardId, giftCardLast4: last4, userId } = payment
  if (provider === "gift_card" && giftCardId !== null)
    return { method: provider, giftCardId, last4: last4 ?? "" }
  if (provider === "store_credit" && userId !== null) return { method: provider, userId }
  return undefined
}

/** Payments of one moment, in the order given: who asks for the newest first gets the last first. */
export function inOrder(rows: readonly PaymentRow[]): PaymentRow[] {
  const ids = rows.map(({ id }) => id).toSorted()
  return rows.map((row, index) => ({ ...row, id: ids[index] ?? row.id }))
}

/** What a broken constraint of `stageStart` means: of one provider there is one payment to pay; credit has its own. */
export const startRefusals = {
  "payments.reference, payments.provider": () => changed(),
  ...spendRefusals,
} as const

/** Records that there is nothing at the gateway to come, unless somebody heard otherwise meanwhile. */
export async function close(
  ctx: Ctx,
  payment: PaymentRow,
  end: { status: "failed" | "voided"; failure: string | null },
): Promise<PaymentRow> {
  const next: PaymentRow = {
    ...payment,
    ...end,
    checkAt: null,
    version: payment.version + 1,
    updatedAt: iso(ctx.now),
  }
  const events = [changedEvent(next)]
  try {
    await commit(ctx, [update(ctx, payment, next)], { events, refusals: versionRefusals })
    return next
  } catch (error) {
    if (error instanceof DomainError && error.code === "payment-changed")
      return get(ctx, payment.id)
    throw error
  }
}

/**
 * Records what a gateway answered about a payment, whoever was told what first. An answer that does not fit is
 * logged, and changes nothing.
 */
export function record(ctx: Ctx, payment: PaymentRow, answer: Answer): Promise<PaymentRow> {
  return retryRaced(async (tries) => {
    const known = tries === 1 ? payment : await get(ctx, payment.id)
    const { statements, events, refusals, next, mismatch } = stageTold(ctx, known, answer)
    if (mismatch !== undefined) {
      const details = { payment_id: known.id, provider: known.provider }
      ctx.log.error("the gateway's answer does not fit", new Error(mismatch), details)
    }
    if (statements.length > 0) await commit(ctx, statements, { events, refusals })
    return next
  })
}

/** The change that a gateway's word makes; no statements where it makes none, `mismatch` where it does not fit. */
export function stageTold(
  ctx: Ctx,
  known: PaymentRow,
  told: Told & Pick<Answer, "clientSecret" | "redirectUrl">,
): Staged & { next: PaymentRow; mismatch?: string } {
  const judged = judge(known, told)
  if ("mismatch" in judged) return { ...nothing(), next: known, mismatch: judged.mismatch }
  const { status, capturedAmount, isNews } = judged
  const action = actionOf(told) ?? known.action
  const isRestless = status === "unpaid" || status === "authorized"
  // What is said for the first time is worth a write too: what the gateway calls it and keeps, and how it is paid.
  const isFirst =
    known.gatewayRef === null ||
    (known.action === null && action !== null && isRestless) ||
    (known.captureRef === null && told.captureRef !== undefined) ||
    (told.fee !== undefined && told.fee !== known.feeAmount)
  const next: PaymentRow = {
    ...known,
    status,
    capturedAmount,
    gatewayRef: told.ref,
    captureRef: told.captureRef ?? known.captureRef,
    feeAmount: told.fee ?? known.feeAmount,
    action: isRestless || status === "failed" ? action : null,
    failure: status === "failed" ? (told.failure ?? known.failure) : null,
    toldAt: known.toldAt !== null && known.toldAt > told.at ? known.toldAt : told.at,
    checkAt: isRestless ? (known.checkAt ?? checkIn(ctx, known)) : null,
    version: known.version + 1,
    updatedAt: iso(ctx.now),
  }
  if (!isNews && !isFirst) return { ...nothing(), next: known }
  return {
    next,
    statements: [update(ctx, known, next)],
    events: isNews ? [changedEvent(next)] : [],
    refusals: versionRefusals,
  }
}

/** Writes a payment as it is to be, unless somebody changed it since `known` was read (`versionRefusals`). */
export function update(ctx: Ctx, known: PaymentRow, next: PaymentRow): Statement {
  const { id, ...columns } = next
  return ctx.db
    .update(payments)
    .set({
      ...columns,
      version: sql`CASE WHEN version = ${known.version} THEN ${next.version} END`,
    })
    .where(eq(payments.id, id))
}

/** What a broken constraint of `update` means: look again. */
export const versionRefusals = {
  "NOT NULL constraint failed: payments.version": () => changed(),
} as const

/** Somebody was first. */
export function changed(): DomainError {
  return raced(new DomainError("payment-changed"))
}

/** Says that a payment is not what it was. */
export function changedEvent({ id, reference }: PaymentRow): Event {
  return { type: "payment.changed", paymentId: id, reference }
}

/** A change of nothing. */
export function nothing(): Staged {
  return { statements: [], events: [], refusals: {} }
}

/** When a gateway is asked about a payment again. */
export function checkIn(ctx: Ctx, { checks }: { checks: number }): string {
  return iso(secondsAfter(ctx.now, patienceSeconds(checks)))
}

/** A payment, for the shop's own work. @throws `not-found` */
export async function get(ctx: Ctx, id: Id<"payment">): Promise<PaymentRow> {
  const [row] = await ctx.db.select().from(payments).where(eq(payments.id, id)).limit(1)
  if (!row) throw new DomainError("not-found", "No such payment")
  return row
}

/** The payments of a reference, newest first, for a batch. */
export function selectOf(ctx: Ctx, reference: string) {
  return ctx.db
    .select()
    .from(payments)
    .where(eq(payments.reference, reference))
    .orderBy(desc(payments.createdAt), desc(payments.id))
}

/** Whether money may still come of it. */
export function isOpen({ status, provider }: PaymentRow): boolean {
  return (
    status === "unpaid" || status === "authorized" || (status === "failed" && isGateway(provider))
  )
}

/** Whether a payment is still to be made, and wanted. */
export function isAwaited(payment: PaymentRow): boolean {
  return isOpen(payment) && payment.voidRequestedAt === null
}

function actionOf({ clientSecret, redirectUrl }: Answer): PaymentRow["action"] {
  if (clientSecret === undefined && redirectUrl === undefined) return null
  return {
    ...(clientSecret !== undefined && { clientSecret }),
    ...(redirectUrl !== undefined && { redirectUrl }),
  }
}
