import { balance } from "./balance.ts"
import type { Stripe } from "./stripe.ts"

/** What a dispute costs, won or lost. */
const disputeFee = 1500

/** The holder of the card wants their money back from their bank; later the bank decides. */
export function dispute(stripe: Stripe, row: any, outcome?: "won" | "lost"): void {
  const open = row.dispute && stripe.get("dp", row.dispute)
  if (outcome === undefined && !open && !row.refunded) {
    const made = {
      id: stripe.newId("dp"),
      object: "dispute",
      amount: row.amount_captured - row.amount_refunded,
      balance_transactions: [] as unknown[],
      charge: row.id,
      created: stripe.now(),
      currency: row.currency,
      enhanced_eligibility_types: [],
      evidence: {},
      evidence_details: {
        due_by: stripe.now() + 604_800,
        enhanced_eligibility: {},
        has_evidence: false,
        past_due: false,
        submission_count: 0,
      },
      is_charge_refundable: false,
      livemode: false,
      metadata: {},
      payment_intent: row.payment_intent,
      payment_method_details: { card: { brand: "visa", case_type: "chargeback" }, type: "card" },
      reason: "fraudulent",
      status: "needs_response",
    }
    made.balance_transactions = [
      balance(stripe, "adjustment", made.id, row.currency, -made.amount, disputeFee),
    ]
    stripe.table("dp").set(made.id, made)
    Object.assign(row, { disputed: true, dispute: made.id })
    stripe.bookOf(row, { disputed: made.amount, fee: disputeFee })
    stripe.happened("charge.dispute.created", made)
    stripe.happened("charge.dispute.funds_withdrawn", made)
  }
  if (outcome !== undefined && open?.status === "needs_response") {
    open.status = outcome
    if (outcome === "won") {
      open.balance_transactions = [
        ...open.balance_transactions,
        balance(stripe, "adjustment", open.id, open.currency, open.amount),
      ]
      stripe.bookOf(row, { disputed: -open.amount })
      stripe.happened("charge.dispute.funds_reinstated", open)
    }
    stripe.happened("charge.dispute.closed", open)
  }
}
