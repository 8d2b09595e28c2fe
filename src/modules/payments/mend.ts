import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import { toDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import { jsonRowsOf, type Statement } from "#platform/db.ts"

import type { Listed, RefundAnswer } from "./gateway.ts"
import type { PaymentMethod } from "./method.ts"
import { get, type PaymentRow, stageTold } from "./payments.ts"
import type { FindingRow, ReconciliationRow } from "./reconciliations.ts"
import { getRefund, stageAdopted, stageRefundTold } from "./refund-answers.ts"
import type { RefundRow } from "./refunds.ts"
import type { Told } from "./status.ts"
import { reconciliationItems } from "./tables.ts"

/** A difference that is not written down yet. */
export type Finding = Omit<FindingRow, "reconciliationId" | "createdAt">

/** What a step found that it could not mend, of how many; `next`: where the same phase goes on. */
export type Found = {
  checked: number
  findings: Finding[]
  next: ReconciliationRow["place"]
}

/** Writes findings down, each once. */
export function stageFindings(
  ctx: Ctx,
  { id: reconciliationId }: ReconciliationRow,
  findings: readonly Finding[],
): Statement[] {
  const createdAt = iso(ctx.now)
  const rows = findings.map((finding) => ({ ...finding, reconciliationId, createdAt }))
  return jsonRowsOf(ctx.db, reconciliationItems, rows).map((insert) => insert.onConflictDoNothing())
}

/** A finding about a payment. */
export function ofPayment(
  payment: PaymentRow,
  kind: Finding["kind"],
  detail: string,
  outcome: Finding["outcome"] = "open",
): Finding {
  return {
    key: `${kind}:${payment.id}`,
    kind,
    outcome,
    provider: payment.provider,
    paymentId: payment.id,
    refundId: null,
    gatewayRef: payment.gatewayRef,
    reference: payment.reference,
    amount: payment.amount,
    currency: payment.currency,
    detail,
  }
}

/** A finding about a refund. */
export function ofRefund(
  refund: RefundRow,
  provider: PaymentMethod,
  kind: Finding["kind"],
  detail: string,
  outcome: Finding["outcome"] = "open",
): Finding {
  return {
    key: `${kind}:${refund.id}`,
    kind,
    outcome,
    provider,
    paymentId: refund.paymentId,
    refundId: refund.id,
    gatewayRef: refund.gatewayRef,
    reference: refund.reference,
    amount: refund.amount,
    currency: refund.currency,
    detail,
  }
}

/** Brings a payment in line with what its gateway says, where that can be; answers what is left to people. */
export function mendPayment(
  ctx: Ctx,
  run: ReconciliationRow,
  seen: PaymentRow,
  told: Told,
): Promise<Finding[]> {
  return retryRaced(async (tries) => {
    const payment = tries === 1 ? seen : await get(ctx, seen.id)
    const money = (amount: number) => toDecimal(amount, payment.currency)
    const staged = stageTold(ctx, payment, told)
    if (staged.mismatch !== undefined)
      return [ofPayment(payment, "payment-mismatch", `The gateway has another ${staged.mismatch}.`)]
    const { next, statements, events, refusals } = staged
    if (statements.length > 0) {
      const isNews =
        next.status !== payment.status || next.capturedAmount !== payment.capturedAmount
      const isFee = next.feeAmount !== payment.feeAmount
      const repaired = isNews
        ? [
            ofPayment(
              next,
              "payment-completed",
              `It was ${payment.status} with ${money(payment.capturedAmount)} taken, and is ${next.status} with ${money(next.capturedAmount)}.`,
              "repaired",
            ),
          ]
        : isFee
          ? [
              ofPayment(
                next,
                "fee-noted",
                `The gateway keeps ${money(next.feeAmount ?? 0)} of it.`,
                "repaired",
              ),
            ]
          : []
      await commit(ctx, [...statements, ...stageFindings(ctx, run, repaired)], { events, refusals })
    }
    if (told.capturedAmount >= payment.capturedAmount || told.at < (payment.toldAt ?? "")) return []
    const detail = `It has ${money(payment.capturedAmount)} here, and ${money(told.capturedAmount)} at the gateway.`
    return [ofPayment(payment, "money-missing", detail)]
  })
}

/** The same for a refund. `amount`: what the gateway gave back, where it says so. */
export function mendRefund(
  ctx: Ctx,
  run: ReconciliationRow,
  seen: RefundRow,
  provider: PaymentMethod,
  answer: RefundAnswer & { amount?: number },
): Promise<Finding[]> {
  return retryRaced(async (tries) => {
    const refund = tries === 1 ? seen : (await getRefund(ctx, seen.id)).refund
    if (answer.amount !== undefined && answer.amount !== refund.amount) {
      const [ours, theirs] = [refund.amount, answer.amount].map((amount) =>
        toDecimal(amount, refund.currency),
      )
      const detail = `It is ${ours} here, and ${theirs} at the gateway.`
      return [ofRefund(refund, provider, "refund-mismatch", detail)]
    }
    const { statements, events, refusals } = stageRefundTold(ctx, refund, answer)
    if (statements.length > 0) {
      const detail = `It was ${refund.status}, and is ${answer.status}.`
      const repaired =
        answer.status === refund.status
          ? []
          : [ofRefund(refund, provider, "refund-completed", detail, "repaired")]
      await commit(ctx, [...statements, ...stageFindings(ctx, run, repaired)], { events, refusals })
      return []
    }
    if (answer.status === refund.status || answer.status === "pending") return []
    const detail = `It is ${refund.status} here, and ${answer.status} at the gateway.`
    return [ofRefund(refund, provider, "refund-mismatch", detail)]
  })
}

/** Takes a refund that was made at the gateway into the shop's books; answers what is left to people. */
export async function adopt(
  ctx: Ctx,
  run: ReconciliationRow,
  payment: PaymentRow,
  told: Listed["refunds"][number],
): Promise<Finding[]> {
  const { refund, statements, events, refusals } = stageAdopted(ctx, payment, told)
  const { provider } = payment
  const adopted = ofRefund(refund, provider, "refund-adopted", "It was made at the gateway.")
  const repaired = { ...adopted, outcome: "repaired" as const }
  try {
    await commit(ctx, [...statements, ...stageFindings(ctx, run, [repaired])], { events, refusals })
    return []
  } catch (error) {
    const code = error instanceof DomainError ? error.code : undefined
    // Somebody else was first.
    if (code === "payment-changed") return []
    if (code !== "refund-too-large") throw error
    const detail = "It was made at the gateway, and is more than the payment still has."
    return [{ ...adopted, key: `refund-adopted:${told.ref}`, refundId: null, detail }]
  }
}
