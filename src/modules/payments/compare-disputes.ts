import { and, asc, gt, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { toDecimal } from "#lib/money.ts"
import { commit, retryRaced } from "#platform/commit.ts"

import { answered, unreachable } from "./asking.ts"
import { type DisputeRow, selectDispute, stageDispute } from "./disputes.ts"
import type { ToldDispute } from "./gateway.ts"
import { gatewayOf } from "./gateways.ts"
import { type Finding, ofPayment, stageFindings } from "./mend.ts"
import type { PaymentMethod } from "./method.ts"
import { get, type PaymentRow } from "./payments.ts"
import type { ReconciliationRow } from "./reconciliations.ts"
import { disputes } from "./tables.ts"

/** Disputes that banks have not decided as far as we know, by the gateway's id of them. */
export function openDisputes(ctx: Ctx, after: string, limit: number): Promise<DisputeRow[]> {
  return (
    ctx.db
      .select()
      .from(disputes)
      // Written out: a bound status would keep SQLite off the partial index.
      .where(and(sql`${disputes.status} = 'open'`, gt(disputes.gatewayRef, after)))
      .orderBy(asc(disputes.gatewayRef))
      .limit(limit)
  )
}

/** Asks a gateway what became of a dispute, and mends what we know of it. */
export async function askedDispute(
  ctx: Ctx,
  run: ReconciliationRow,
  { provider, gatewayRef, paymentId }: DisputeRow,
): Promise<Finding[]> {
  const [payment, told] = await Promise.all([
    get(ctx, paymentId),
    answered(ctx, () => gatewayOf(ctx, provider)?.findDispute(gatewayRef)),
  ])
  if (told === unreachable)
    return [ofDispute(payment, gatewayRef, "unreachable", "The gateway did not answer.")]
  if (told) return mendDispute(ctx, run, payment, told)
  return [ofDispute(payment, gatewayRef, "dispute-mismatch", "The gateway knows nothing of it.")]
}

/** Brings what we know of a dispute in line with what its gateway says, where that can be. */
export function mendDispute(
  ctx: Ctx,
  run: ReconciliationRow,
  seen: PaymentRow,
  told: ToldDispute,
): Promise<Finding[]> {
  return retryRaced(async (tries) => {
    const payment = tries === 1 ? seen : await get(ctx, seen.id)
    const [known] = await selectDispute(ctx, payment.provider, told.ref)
    const { statements, events, refusals, mismatch } = stageDispute(ctx, payment, known, told, true)
    if (mismatch !== undefined) {
      const detail = `The gateway's dispute ${told.ref} does not fit: ${mismatch}.`
      return [ofDispute(payment, told.ref, "dispute-mismatch", detail)]
    }
    if (statements.length === 0) return []
    const over = (amount: number) => toDecimal(amount, payment.currency)
    const was = known ? `${known.status} over ${over(known.amount)}` : "not known"
    const detail = `A dispute was ${was}, and is ${told.status} over ${over(told.amount)}.`
    const repaired = ofDispute(payment, told.ref, "dispute-completed", detail, "repaired")
    await commit(ctx, [...statements, ...stageFindings(ctx, run, [repaired])], { events, refusals })
    return []
  })
}

/** A finding about a dispute, in the state that it was found in. */
function ofDispute(
  payment: PaymentRow,
  ref: string,
  kind: Finding["kind"],
  detail: string,
  outcome: Finding["outcome"] = "open",
): Finding {
  return { ...ofPayment(payment, kind, detail, outcome), key: `${kind}:${ref}`, gatewayRef: ref }
}

/** Which payment of ours a dispute is about, among those that are known. */
export function isAbout(
  { provider, id, gatewayRef, captureRef }: PaymentRow,
  by: PaymentMethod,
  { key, payment }: ToldDispute,
): boolean {
  return (
    provider === by &&
    (id === key ||
      (gatewayRef !== null && gatewayRef === payment.ref) ||
      (captureRef !== null && captureRef === payment.captureRef))
  )
}
