import type { Square } from "./square.ts"
import { bookOf } from "./tenders.ts"

/** The payer's bank takes the money back until it decides. */
export function dispute(square: Square, payment: any, outcome?: "won" | "lost"): void {
  const { currency } = payment.amount_money
  const amount = payment.amount_money.amount - (payment.refunded_money?.amount ?? 0)
  const known = [...square.table("disputes").values()].find(
    (one) => one.disputed_payment.payment_id === payment.id,
  )
  if (outcome === undefined && !known && amount > 0) {
    const at = square.now()
    const made = {
      id: square.newId(22),
      amount_money: { amount, currency },
      reason: "NO_KNOWLEDGE",
      state: "EVIDENCE_REQUIRED",
      due_at: new Date(Date.now() + 7 * 86_400_000).toISOString(),
      disputed_payment: { payment_id: payment.id },
      card_brand: "VISA",
      created_at: at,
      updated_at: at,
      reported_at: at,
      brand_dispute_id: square.newId(12),
      version: 1,
      location_id: payment.location_id,
    }
    square.table("disputes").set(made.id, made)
    bookOf(square, payment, { disputed: amount })
    square.happened("dispute.created", "dispute", made.id, { dispute: made })
  }
  if (outcome === undefined || known?.state !== "EVIDENCE_REQUIRED") return
  Object.assign(known, {
    state: outcome === "won" ? "WON" : "LOST",
    updated_at: square.now(),
    version: known.version + 1,
  })
  if (outcome === "won") bookOf(square, payment, { disputed: -known.amount_money.amount })
  square.happened("dispute.state.updated", "dispute", known.id, { dispute: known })
}
