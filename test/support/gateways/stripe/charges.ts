import { cardOf } from "../cards.ts"
import { feeOf } from "../party.ts"
import { balance } from "./balance.ts"
import { dispute } from "./disputes.ts"
import type { Stripe } from "./stripe.ts"
import { type Params, Refusal, required, wholeOf } from "./wire.ts"

/** What stays at Stripe of a charge: 2.9 % and 30. It is not given back. */
const feeBasisPoints = 290
const feeFixed = 30

/** A charge that goes through or fails; `isCaptured`: its money is taken at once. */
export function charge(
  stripe: Stripe,
  intent: any,
  method: any,
  failure: { code: string; reason: string; message: string } | undefined,
  isCaptured: boolean,
): any {
  const { amount, currency } = intent
  const row = {
    id: stripe.newId("ch"),
    object: "charge",
    amount,
    amount_captured: 0,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: null,
    billing_details: method.billing_details,
    calculated_statement_descriptor: "NEXUS",
    captured: false,
    created: stripe.now(),
    currency,
    customer: intent.customer,
    description: intent.description,
    destination: null,
    dispute: null,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: failure?.code ?? null,
    failure_message: failure?.message ?? null,
    fraud_details: {},
    livemode: false,
    metadata: intent.metadata,
    on_behalf_of: null,
    outcome: {
      network_status: failure ? "declined_by_network" : "approved_by_network",
      reason: failure?.reason ?? null,
      risk_level: "normal",
      risk_score: 12,
      seller_message: failure
        ? "The bank did not return any further details with this decline."
        : "Payment complete.",
      type: failure ? "issuer_declined" : "authorized",
    },
    paid: !failure,
    payment_intent: intent.id,
    payment_method: method.id,
    payment_method_details: { card: method.card, type: "card" },
    receipt_email: intent.receipt_email,
    receipt_number: null,
    receipt_url: null,
    refunded: false,
    review: null,
    shipping: intent.shipping,
    source: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: failure ? "failed" : "succeeded",
    transfer_data: null,
    transfer_group: null,
  }
  stripe.table("ch").set(row.id, row)
  if (failure) stripe.happened("charge.failed", row)
  else if (isCaptured) take(stripe, row, amount)
  if (!failure) stripe.happened("charge.succeeded", row)
  return row
}

/** Takes the money of a charge, or a part of it; the rest is let go. */
export function take(stripe: Stripe, row: any, amount: number): void {
  const fee = feeOf(amount, feeBasisPoints, feeFixed)
  const transaction = balance(stripe, "charge", row.id, row.currency, amount, fee)
  Object.assign(row, {
    captured: true,
    amount_captured: amount,
    balance_transaction: transaction.id,
  })
  stripe.bookOf(row, { captured: amount, fee })
  const card = cardOf(stripe.get("pm", row.payment_method).number)
  if (card.disputed) dispute(stripe, row)
}

/** Money that may be captured of a charge, or as much of it as is asked. @throws Refusal */
export function capturable(params: Params, intent: any): number {
  const amount =
    params["amount_to_capture"] === undefined
      ? intent.amount_capturable
      : wholeOf(required(params, "amount_to_capture"), "amount_to_capture")
  if (amount < 1 || amount > intent.amount_capturable)
    throw new Refusal(400, {
      type: "invalid_request_error",
      code: "amount_too_large",
      message: "The requested capture amount is greater than the authorized amount.",
      param: "amount_to_capture",
    })
  return amount
}
