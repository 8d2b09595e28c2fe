import { eq } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { refusalOf } from "#platform/call.ts"

import type { Answer, Asked } from "./gateway.ts"
import { gatewayOf } from "./gateways.ts"
import { close, get, isAwaited, type PaymentRow, record } from "./payments.ts"
import { payments } from "./tables.ts"

/**
 * Asks the gateway for the payment, once for each payment however often it is called, and records what it says; one
 * that its payer has approved is completed. No answer is no refusal: the payment stays as it is, and the sweeper asks
 * again.
 */
export async function start(ctx: Ctx, payment: PaymentRow): Promise<PaymentRow> {
  const gateway = gatewayOf(ctx, payment.provider)
  if (!gateway) return payment
  try {
    if (payment.gatewayRef !== null) return await refresh(ctx, payment)
    return await follow(ctx, payment, await gateway.start(requestOf(ctx, payment)))
  } catch (error) {
    const failure = refusalOf(error)
    if (failure !== undefined && payment.gatewayRef === null) {
      const details = { payment_id: payment.id, provider: payment.provider }
      ctx.log.error("the gateway refuses the payment", new Error(failure), details)
      return close(ctx, payment, { status: "failed", failure })
    }
    ctx.log.error("payment left to the sweeper", error, { payment_id: payment.id })
    return payment
  }
}

/**
 * Asks the gateway what became of a payment, and has it complete what its payer has approved. Idempotent.
 * @throws `unavailable`
 */
export async function refresh(ctx: Ctx, payment: PaymentRow): Promise<PaymentRow> {
  const answer = await gatewayOf(ctx, payment.provider)?.find(requestOf(ctx, payment))
  return answer ? follow(ctx, payment, answer) : payment
}

/**
 * The payer is back from the gateway, by the token that their browser was sent there with: asks it what they did, if it
 * answers. Answers where they go from here.
 * @throws `not-found`
 */
export async function arrive(
  ctx: Ctx,
  token: string,
): Promise<{ payment: PaymentRow; location: string | null }> {
  const [known] = await ctx.db
    .select()
    .from(payments)
    .where(eq(payments.returnToken, token))
    .limit(1)
  if (!known) throw notFound("payment")
  const payment = isAwaited(known)
    ? await refresh(ctx, known).catch((error) => {
        ctx.log.error("payment left to the sweeper", error, { payment_id: known.id })
        return known
      })
    : known
  if (payment.returnUrl === null) return { payment, location: null }
  const url = new URL(payment.returnUrl)
  url.searchParams.set("payment", payment.id)
  return { payment, location: url.href }
}

/** Asks the gateway again when a webhook said that there is more to be heard. @throws `unavailable` */
export async function askAgain(
  ctx: Ctx,
  { paymentId }: { paymentId: Id<"payment"> },
): Promise<void> {
  await refresh(ctx, await get(ctx, paymentId))
}

/** Records an answer; what is approved, and still wanted, is completed. */
async function follow(ctx: Ctx, payment: PaymentRow, answer: Answer): Promise<PaymentRow> {
  const next = await record(ctx, payment, answer)
  const gateway = gatewayOf(ctx, next.provider)
  if (!answer.isApproved || !gateway?.complete || !isAwaited(next)) return next
  return record(ctx, next, await gateway.complete(requestOf(ctx, next)))
}

/** What a gateway is told of a payment. The payer comes back to an address of ours, which leads on: `arrive`. */
export function requestOf(ctx: Ctx, payment: PaymentRow): Asked {
  const { id: key, reference, amount, currency, capture, gatewayRef: ref, captureRef } = payment
  return {
    key,
    reference,
    amount,
    currency,
    capture,
    returnUrl: `${ctx.config.baseUrl}/api/v1/payments/return/${payment.returnToken ?? ""}`,
    ref,
    captureRef,
  }
}

/** Stands for no answer: whether what was asked for has happened is not known. */
export const unreachable = Symbol("unreachable")

/** What a gateway answers, `unreachable` when it does not. */
export async function answered<T>(
  ctx: Ctx,
  ask: () => Promise<T> | undefined,
): Promise<T | undefined | typeof unreachable> {
  try {
    return await ask()
  } catch (error) {
    ctx.log.error("the gateway did not answer", error)
    return unreachable
  }
}
