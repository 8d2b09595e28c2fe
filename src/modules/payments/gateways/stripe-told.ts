import type Stripe from "stripe"

import type { Answer, RefundAnswer, ToldDispute } from "../gateway.ts"
import type { Told } from "../status.ts"
import { fromStripe } from "./amounts.ts"
import { toldAt } from "./told-at.ts"

/** A payment intent as we know payments; `seconds`: as of when (Unix time). */
export function toTold(intent: Stripe.PaymentIntent, seconds: number): Told {
  const { latest_charge: charge, last_payment_error: error } = intent
  const status = statusOf(intent)
  const currency = intent.currency.toUpperCase()
  const booked = typeof charge === "object" ? charge?.balance_transaction : undefined
  const isOurs = typeof booked === "object" && booked?.currency === intent.currency
  const chargeId = typeof charge === "string" ? charge : charge?.id
  return {
    ref: intent.id,
    ...(status === "paid" && chargeId !== undefined && { captureRef: chargeId }),
    reference: intent.metadata["reference"] ?? "",
    status,
    currency,
    amount: fromStripe(intent.amount, currency),
    capturedAmount: fromStripe(intent.amount_received, currency),
    // In the currency that Stripe pays out, which may be another one.
    ...(status === "paid" && isOurs && { fee: fromStripe(booked.fee, currency) }),
    failure: status === "failed" ? (error?.decline_code ?? error?.code ?? "declined") : null,
    at: toldAt(seconds * 1000, status),
  }
}

/** The same with what the payer needs. */
export function toAnswer(intent: Stripe.PaymentIntent, seconds: number): Answer {
  const { client_secret: clientSecret } = intent
  return { ...toTold(intent, seconds), ...(clientSecret !== null && { clientSecret }) }
}

function statusOf({ status, last_payment_error }: Stripe.PaymentIntent): Told["status"] {
  if (status === "succeeded") return "paid"
  if (status === "requires_capture") return "authorized"
  if (status === "canceled") return "voided"
  return status === "requires_payment_method" && last_payment_error ? "failed" : "unpaid"
}

/** What became of a refund; one that waits for the payer to say where it goes is on its way. */
export function toRefund({ id, status, failure_reason }: Stripe.Refund): RefundAnswer {
  if (status === "succeeded") return { ref: id, status, failure: null }
  if (status === "failed" || status === "canceled")
    return { ref: id, status: "failed", failure: failure_reason ?? status }
  return { ref: id, status: "pending", failure: null }
}

/** A dispute; `undefined` for a mere question of the bank (`warning_…`), which moves no money. */
export function toDispute({
  id,
  status,
  amount,
  currency,
  reason,
  payment_intent: intent,
  charge,
}: Stripe.Dispute): ToldDispute | undefined {
  if (status.startsWith("warning_") || status === "prevented") return undefined
  const code = currency.toUpperCase()
  return {
    ref: id,
    status: status === "won" ? "won" : status === "lost" ? "lost" : "open",
    amount: fromStripe(amount, code),
    currency: code,
    reason,
    key: null,
    payment: { ref: idOf(intent) ?? null, captureRef: idOf(charge) ?? null },
  }
}

/** The id of what Stripe names or, expanded, shows. */
export function idOf(thing: string | { id: string } | null): string | undefined {
  return typeof thing === "string" ? thing : thing?.id
}
