import { type Card, cardOf } from "../cards.ts"
import { balance } from "./balance.ts"
import type { Stripe } from "./stripe.ts"
import { invalid, metadataOf, missing, only, type Params, Refusal, wholeOf } from "./wire.ts"

const tooMuch = (message: string) =>
  new Refusal(400, { type: "invalid_request_error", message, param: "amount" })

/** Gives a charge back, or a part of it. @throws Refusal above what is left */
export function refund(stripe: Stripe, params: Params): any {
  only(
    params,
    "amount charge payment_intent reason metadata currency refund_application_fee reverse_transfer instructions_email origin",
  )
  const asked = params["charge"] ?? params["payment_intent"]
  if (asked === undefined)
    throw invalid(
      "One of the following params should be provided for this request: payment_intent or charge.",
    )
  if (
    params["reason"] &&
    !/^(?:duplicate|fraudulent|requested_by_customer)$/.test(params["reason"])
  )
    throw invalid(
      "Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer",
      "reason",
    )
  const id = params["charge"] ?? stripe.get("pi", asked, "payment_intent").latest_charge
  const row = id && stripe.table("ch").get(id)
  if (!row?.captured)
    throw params["charge"] && !row
      ? missing("charge", asked, "charge")
      : new Refusal(400, {
          type: "invalid_request_error",
          message: `This PaymentIntent (${asked}) does not have a successful charge to refund.`,
        })
  const left = row.amount_captured - row.amount_refunded
  if (left <= 0)
    throw new Refusal(400, {
      type: "invalid_request_error",
      code: "charge_already_refunded",
      message: `Charge ${row.id} has already been refunded.`,
    })
  // Disputed it stays; refunded it can be once the dispute is won.
  if (row.disputed && stripe.get("dp", row.dispute).status !== "won")
    throw new Refusal(400, {
      type: "invalid_request_error",
      code: "charge_disputed",
      message: `Charge ${row.id} has been charged back; cannot issue a refund.`,
    })
  const amount = params["amount"] === undefined ? left : wholeOf(params["amount"], "amount")
  if (amount < 1) throw tooMuch("Invalid positive integer")
  if (amount > left)
    throw tooMuch(`Refund amount (${amount}) is greater than unrefunded amount on charge (${left})`)
  return give(stripe, row, amount, params)
}

function give(stripe: Stripe, row: any, amount: number, params: Params): any {
  const card: Card = cardOf(stripe.get("pm", row.payment_method).number)
  const { pendingRefunds, refuseRefunds } = stripe.behaviour
  const fails = card.refund === "failed" || stripe.happens(refuseRefunds)
  const made: any = {
    id: stripe.newId("re"),
    object: "refund",
    amount,
    balance_transaction: null,
    charge: row.id,
    created: stripe.now(),
    currency: row.currency,
    destination_details: { card: { type: "refund", reference_status: "pending" }, type: "card" },
    metadata: metadataOf({}, params["metadata"]),
    payment_intent: row.payment_intent,
    reason: params["reason"] ?? null,
    receipt_number: null,
    source_transfer_reversal: null,
    status: pendingRefunds || card.refund === "pending" ? "pending" : "succeeded",
    transfer_reversal: null,
  }
  made.balance_transaction = balance(stripe, "refund", made.id, row.currency, -amount).id
  stripe.table("re").set(made.id, made)
  row.amount_refunded += amount
  row.refunded = row.amount_refunded === row.amount_captured
  stripe.bookOf(row, { refunded: amount })
  stripe.happened("refund.created", made)
  stripe.happened("charge.refunded", row)
  if (fails && made.status !== "pending") stripe.afterwards(() => settle(stripe, made, "failed"))
  return made
}

/** A refund that was on its way arrives, or comes back. */
export function settle(stripe: Stripe, made: any, status: "succeeded" | "failed"): void {
  made.status = status
  if (status === "failed") {
    const row = stripe.get("ch", made.charge)
    made.failure_reason = "expired_or_canceled_card"
    made.failure_balance_transaction = balance(
      stripe,
      "refund_failure",
      made.id,
      made.currency,
      made.amount,
    ).id
    row.amount_refunded -= made.amount
    row.refunded = false
    stripe.bookOf(row, { refunded: -made.amount })
  }
  stripe.happened("refund.updated", made)
  stripe.happened("charge.refund.updated", made)
  if (status === "failed") stripe.happened("refund.failed", made)
}
