import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { priceFrom, toDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { stageAudit } from "#modules/auth/audit.ts"
import { commit, retryRaced } from "#platform/commit.ts"

import { requestOf } from "./asking.ts"
import { gatewayOf } from "./gateways.ts"
import { toPayment } from "./lists.ts"
import { isGateway } from "./method.ts"
import type { CaptureInput, MarkedPaid, MarkPaidInput, Payment } from "./model.ts"
import {
  changedEvent,
  draft,
  get,
  isOpen,
  type PaymentRow,
  record,
  selectOf,
  type Staged,
  stageStart,
  startRefusals,
  update,
  versionRefusals,
} from "./payments.ts"
import { cancelAtGateway, stageVoidOf } from "./voids.ts"

/**
 * Takes the money of an authorized payment, or less of it; the rest is let go. Taken already is taken.
 * @throws `forbidden`, `not-found`, `payment-closed`, `payment-refused`, `unavailable`: ask again, it is taken once
 */
export async function capture(ctx: Ctx, id: string, input: CaptureInput): Promise<Payment> {
  requirePermission(ctx, "orders:write")
  const payment = await get(ctx, id as Id<"payment">)
  if (payment.capturedAmount > 0 && isGateway(payment.provider)) return toPayment(payment)
  const gateway = gatewayOf(ctx, payment.provider)
  if (!gateway || payment.status !== "authorized") throw closed(payment, "captured")
  const amount = amountOf(input.amount, payment)
  const { currency } = payment
  const answer = await gateway.capture(requestOf(ctx, payment), { amount, currency })
  const next = await record(ctx, payment, answer)
  await commit(ctx, stageAudit(ctx, "payment.captured", null, detailsOf(payment)), {
    result: toPayment(next),
  })
  if (next.capturedAmount === 0)
    throw new DomainError("payment-refused", undefined, { failure: answer.failure })
  return toPayment(next)
}

/** @throws `invalid-input` for more than it is */
function amountOf(given: string | undefined, { amount, currency }: PaymentRow): number {
  if (given === undefined) return amount
  const value = priceFrom(given, currency)
  if (value === undefined || value > amount)
    throw invalid({
      field: "amount",
      detail: `At most ${toDecimal(amount, currency)}, with the currency's digits.`,
      code: "invalid",
    })
  return value
}

/**
 * Gives a payment up that nothing was taken of. Given up already is given up.
 * @throws `forbidden`, `not-found`, `payment-closed` when it was taken meanwhile, `payment-changed`, `unavailable`
 */
export async function voidPayment(ctx: Ctx, id: string): Promise<Payment> {
  requirePermission(ctx, "orders:write")
  const payment = await get(ctx, id as Id<"payment">)
  if (payment.status === "voided") return toPayment(payment)
  if (!isOpen(payment)) throw closed(payment, "voided")
  const staged = stageVoidOf(ctx, [payment])
  await commit(
    ctx,
    [...staged.statements, ...stageAudit(ctx, "payment.voided", null, detailsOf(payment))],
    { events: staged.events, refusals: staged.refusals },
  )
  const next = await cancelAtGateway(ctx, await get(ctx, payment.id))
  if (next.capturedAmount > 0) throw closed(next, "voided")
  return toPayment(next)
}

/**
 * Says that an invoice was paid, or the cash taken at the door, or a part of it: staff's word, so it is audited. What is
 * left of a part is a payment of its own. Said already is said.
 * @throws `forbidden`, `not-found`, `payment-closed` for a gateway's, which only the gateway can say, for one that was
 * paid at once and one that was given up, `invalid-input` for more than it is
 */
export function markPaid(
  ctx: Ctx,
  id: string,
  { amount: part, note }: MarkPaidInput,
): Promise<MarkedPaid> {
  requirePermission(ctx, "orders:write")
  return retryRaced(async () => {
    const payment = await get(ctx, id as Id<"payment">)
    if (isGateway(payment.provider))
      throw closed(payment, "marked as paid: its gateway says so, and nobody else")
    if (payment.capturedAmount > 0)
      return { ...toPayment(payment), rest: await restOf(ctx, payment) }
    if (payment.status !== "unpaid") throw closed(payment, "marked as paid")
    const staged = stagePaid(ctx, payment, amountOf(part, payment))
    const audit = { ...detailsOf(payment), amount: told(staged.next), ...(note !== "" && { note }) }
    const result = { ...toPayment(staged.next), rest: staged.rest?.id ?? null }
    await commit(
      ctx,
      [...staged.statements, ...stageAudit(ctx, "payment.marked-paid", null, audit)],
      { events: staged.events, refusals: staged.refusals, result },
    )
    return result
  })
}

/** The change that pays an open payment without a gateway, or `amount` of it: what is left is one of its own. */
function stagePaid(
  ctx: Ctx,
  payment: PaymentRow,
  amount: number,
): Staged & { next: PaymentRow; rest: PaymentRow | undefined } {
  const next: PaymentRow = {
    ...payment,
    status: "paid",
    amount,
    capturedAmount: amount,
    version: payment.version + 1,
    updatedAt: iso(ctx.now),
  }
  const { reference, provider, currency, userId, tokenHash } = payment
  const left = payment.amount - amount
  const rest =
    left > 0
      ? draft(ctx, { reference, provider, currency, amount: left, userId, tokenHash })
      : undefined
  return {
    next,
    rest,
    statements: [update(ctx, payment, next), ...(rest ? stageStart(ctx, rest) : [])],
    events: [changedEvent(next)],
    refusals: { ...versionRefusals, ...startRefusals },
  }
}

/**
 * What was still to be paid at the door of what `reference` names was paid there: it has been delivered. Idempotent;
 * audited.
 */
export function takeCash(ctx: Ctx, reference: string): Promise<void> {
  return retryRaced(async () => {
    const open = (await selectOf(ctx, reference)).filter(
      ({ provider, status, voidRequestedAt }) =>
        provider === "cod" && status === "unpaid" && voidRequestedAt === null,
    )
    if (open.length === 0) return
    const staged = open.map((payment) => stagePaid(ctx, payment, payment.amount))
    await commit(
      ctx,
      staged.flatMap(({ next, statements }) => [
        ...statements,
        ...stageAudit(ctx, "payment.marked-paid", null, {
          ...detailsOf(next),
          amount: told(next),
          note: "Delivered.",
        }),
      ]),
      { events: staged.flatMap(({ events }) => events), refusals: versionRefusals },
    )
  })
}

/** The payment of what was left of one that was paid in part. */
async function restOf(ctx: Ctx, { id, reference, provider }: PaymentRow) {
  const open = (await selectOf(ctx, reference)).find(
    (one) => one.id !== id && one.provider === provider && one.status === "unpaid",
  )
  return open?.id ?? null
}

function told({ amount, currency }: PaymentRow): string {
  return `${toDecimal(amount, currency)} ${currency}`
}

function closed({ status, provider }: PaymentRow, what: string): DomainError {
  return new DomainError(
    "payment-closed",
    `A ${provider} payment that is ${status} cannot be ${what}.`,
    {
      payment_status: status,
    },
  )
}

function detailsOf({ id, reference }: PaymentRow): Record<string, string> {
  return { payment_id: id, reference }
}
