import { type Card, cardOf } from "../cards.ts"
import { feeOf } from "../party.ts"
import type { Stripe } from "./stripe.ts"
import {
  invalid,
  listOf,
  metadataOf,
  missing,
  only,
  type Params,
  Refusal,
  required,
  type Route,
  wholeOf,
} from "./wire.ts"

/** Money moving at Stripe: 2.9 % and 30 of it stay there; a dispute costs 15.00. Fees are not given back. */
const feeBasisPoints = 290
const feeFixed = 30
const disputeFee = 1500

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

function balance(
  stripe: Stripe,
  type: string,
  source: string,
  currency: string,
  amount: number,
  fee = 0,
): any {
  const row = {
    id: stripe.newId("txn"),
    object: "balance_transaction",
    amount,
    available_on: stripe.now(),
    balance_type: "payments",
    created: stripe.now(),
    currency,
    description: null,
    exchange_rate: null,
    fee,
    fee_details:
      fee === 0
        ? []
        : [
            {
              amount: fee,
              application: null,
              currency,
              description: "Stripe processing fees",
              type: "stripe_fee",
            },
          ],
    net: amount - fee,
    reporting_category: type === "adjustment" ? "dispute" : type,
    source,
    status: "available",
    type,
  }
  stripe.table("txn").set(row.id, row)
  return row
}

const tooMuch = (message: string) =>
  new Refusal(400, { type: "invalid_request_error", message, param: "amount" })

function refund(stripe: Stripe, params: Params): any {
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
  if (row.disputed)
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

/** Charges, refunds, disputes and balance transactions. */
export function chargeRoutes(stripe: Stripe): Route[] {
  const list = (kind: string, path: string, fields: string[]): Route => [
    "GET",
    path,
    (params) => {
      const rows = [...stripe.table(kind).values()].filter((row) =>
        fields.every((field) => params[field] === undefined || row[field] === params[field]),
      )
      return listOf(path, rows, params)
    },
  ]
  const one = (kind: string, path: string): Route => [
    "GET",
    `${path}/:id`,
    (_, id) => stripe.get(kind, id),
  ]
  return [
    list("ch", "/v1/charges", ["customer", "payment_intent"]),
    one("ch", "/v1/charges"),
    ["POST", "/v1/refunds", (params) => refund(stripe, params)],
    list("re", "/v1/refunds", ["charge", "payment_intent"]),
    one("re", "/v1/refunds"),
    [
      "POST",
      "/v1/refunds/:id",
      (params, id) => {
        only(params, "metadata")
        const made = stripe.get("re", id)
        made.metadata = metadataOf(made.metadata, params["metadata"])
        return made
      },
    ],
    list("dp", "/v1/disputes", ["charge", "payment_intent"]),
    one("dp", "/v1/disputes"),
    [
      "POST",
      "/v1/disputes/:id/close",
      (_, id) => {
        const open = stripe.get("dp", id)
        dispute(stripe, stripe.get("ch", open.charge), "lost")
        return open
      },
    ],
    list("txn", "/v1/balance_transactions", ["source", "type", "currency"]),
    one("txn", "/v1/balance_transactions"),
    [
      "GET",
      "/v1/events",
      (params) => {
        const rows = [...stripe.table("evt").values()].filter(
          ({ type }) =>
            (params["type"] ?? type) === type && (params["types"]?.includes(type) ?? true),
        )
        return listOf("/v1/events", rows, params)
      },
    ],
    one("evt", "/v1/events"),
  ]
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
