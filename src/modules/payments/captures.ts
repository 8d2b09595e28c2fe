import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { priceFrom } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { stageAudit } from "#modules/auth/audit.ts"
import { commit, retryRaced } from "#platform/commit.ts"

import { gatewayOf } from "./gateways.ts"
import { toPayment } from "./lists.ts"
import { isGateway } from "./method.ts"
import type { CaptureInput, MarkPaidInput, Payment } from "./model.ts"
import {
  cancelAtGateway,
  changedEvent,
  get,
  isOpen,
  type PaymentRow,
  record,
  requestOf,
  stageVoidOf,
  update,
  versionRefusals,
} from "./payments.ts"

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

/** @throws `invalid-input` for more than was authorized */
function amountOf(given: string | undefined, { amount, currency }: PaymentRow): number {
  if (given === undefined) return amount
  const value = priceFrom(given, currency)
  if (value === undefined || value > amount)
    throw invalid({
      field: "amount",
      detail: "At most what was authorized, with the currency's digits.",
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
 * Says that an invoice was paid, or the cash taken at the door: staff's word, so it is audited. Said already is said.
 * @throws `forbidden`, `not-found`, `payment-closed` for a gateway's, which only the gateway can say, and for one that
 * was given up
 */
export function markPaid(ctx: Ctx, id: string, { note }: MarkPaidInput): Promise<Payment> {
  requirePermission(ctx, "orders:write")
  return retryRaced(async () => {
    const payment = await get(ctx, id as Id<"payment">)
    if (isGateway(payment.provider))
      throw closed(payment, "marked as paid: its gateway says so, and nobody else")
    if (payment.capturedAmount > 0) return toPayment(payment)
    if (payment.status !== "unpaid") throw closed(payment, "marked as paid")
    const next: PaymentRow = {
      ...payment,
      status: "paid",
      capturedAmount: payment.amount,
      version: payment.version + 1,
      updatedAt: iso(ctx.now),
    }
    const audit = { ...detailsOf(payment), ...(note !== "" && { note }) }
    await commit(
      ctx,
      [update(ctx, payment, next), ...stageAudit(ctx, "payment.marked-paid", null, audit)],
      { events: [changedEvent(next)], refusals: versionRefusals, result: toPayment(next) },
    )
    return toPayment(next)
  })
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
