import { feeOf, keyAmong } from "../party.ts"
import type { Call, PayPal } from "./paypal.ts"
import { minorOf, moneyOf, unprocessable } from "./wire.ts"

/** What PayPal keeps: 3.49 % and 0.49, which do not come back with a refund. */
const feeBasisPoints = 349
const feeFixed = 49

const protection = {
  status: "ELIGIBLE",
  dispute_categories: ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"],
}

function booked(paypal: PayPal, row: any, moved: Parameters<PayPal["book"]>[2]): void {
  const key = keyAmong([row.custom_id, row.invoice_id, row.reference_id])
  paypal.book(row.order, row.amount.currency_code, { ...moved, key })
}

function common(paypal: PayPal, order: any, unit: any): any {
  const at = paypal.now()
  return {
    id: paypal.newId(),
    ...(unit.custom_id !== undefined && { custom_id: unit.custom_id }),
    ...(unit.invoice_id !== undefined && { invoice_id: unit.invoice_id }),
    reference_id: unit.reference_id,
    seller_protection: protection,
    supplementary_data: { related_ids: { order_id: order.id } },
    payee: unit.payee,
    create_time: at,
    update_time: at,
    order: order.id,
  }
}

/** Takes minor units of an order's unit. @throws Refusal when its invoice was paid before */
export function capture(
  paypal: PayPal,
  order: any,
  unit: any,
  amount: number,
  authorization?: any,
): any {
  const { currency_code: currency } = unit.amount
  const invoices = paypal.table<string>("invoices")
  if (unit.invoice_id !== undefined && (invoices.get(unit.invoice_id) ?? order.id) !== order.id)
    throw unprocessable("DUPLICATE_INVOICE_ID", "/invoice_id", unit.invoice_id)
  if (unit.invoice_id !== undefined) invoices.set(unit.invoice_id, order.id)
  const fee = feeOf(amount, feeBasisPoints, feeFixed)
  const row = {
    ...common(paypal, order, unit),
    status: "COMPLETED",
    amount: moneyOf(amount, currency),
    final_capture: true,
    disbursement_mode: "INSTANT",
    seller_receivable_breakdown: {
      gross_amount: moneyOf(amount, currency),
      paypal_fee: moneyOf(fee, currency),
      net_amount: moneyOf(amount - fee, currency),
    },
  }
  if (authorization) row.supplementary_data.related_ids.authorization_id = authorization.id
  paypal.table("captures").set(row.id, row)
  unit.payments.captures = [...(unit.payments.captures ?? []), row.id]
  booked(paypal, row, { captured: amount, fee })
  paypal.happened("PAYMENT.CAPTURE.COMPLETED", "capture", shown(paypal.base, "captures", row))
  return row
}

/** Holds the money of an order's unit for 29 days. */
export function authorize(paypal: PayPal, order: any, unit: any): any {
  const row = {
    ...common(paypal, order, unit),
    status: "CREATED",
    amount: { currency_code: unit.amount.currency_code, value: unit.amount.value },
    expiration_time: new Date(Date.now() + 29 * 86_400_000).toISOString().replace(/\.\d+/, ""),
    left: minorOf(unit.amount, "amount"),
  }
  paypal.table("authorizations").set(row.id, row)
  unit.payments.authorizations = [row.id]
  paypal.happened(
    "PAYMENT.AUTHORIZATION.CREATED",
    "authorization",
    shown(paypal.base, "authorizations", row),
  )
  return row
}

function captureHeld(paypal: PayPal, { id, body }: Call): any {
  const held = paypal.get("authorizations", id)
  if (held.status === "VOIDED") throw unprocessable("AUTHORIZATION_VOIDED")
  if (held.status === "CAPTURED") throw unprocessable("AUTHORIZATION_ALREADY_CAPTURED")
  const amount = body.amount ? minorOf(body.amount, "/amount") : held.left
  if (body.amount && body.amount.currency_code !== held.amount.currency_code)
    throw unprocessable("AUTH_CAPTURE_CURRENCY_MISMATCH")
  if (amount > held.left)
    throw unprocessable("MAX_CAPTURE_AMOUNT_EXCEEDED", "/amount/value", body.amount?.value)
  const order = paypal.get("orders", held.order)
  const unit = order.purchase_units.find((one: any) => one.reference_id === held.reference_id)
  const row = capture(
    paypal,
    order,
    { ...unit, invoice_id: body.invoice_id ?? unit.invoice_id },
    amount,
    held,
  )
  const isLast = body.final_capture === true || amount === held.left
  Object.assign(row, { final_capture: isLast })
  Object.assign(held, {
    status: isLast ? "CAPTURED" : "PARTIALLY_CAPTURED",
    left: isLast ? 0 : held.left - amount,
    update_time: paypal.now(),
  })
  return row
}

function voidHeld(paypal: PayPal, { id }: Call): any {
  const held = paypal.get("authorizations", id)
  if (held.status === "VOIDED") throw unprocessable("PREVIOUSLY_VOIDED")
  if (held.status.endsWith("CAPTURED")) throw unprocessable("PREVIOUSLY_CAPTURED")
  Object.assign(held, { status: "VOIDED", left: 0, update_time: paypal.now() })
  paypal.happened(
    "PAYMENT.AUTHORIZATION.VOIDED",
    "authorization",
    shown(paypal.base, "authorizations", held),
  )
  return held
}

function refund(paypal: PayPal, { id, body }: Call): any {
  const row = paypal.get("captures", id)
  const { currency_code: currency } = row.amount
  const taken = minorOf(row.amount, "amount")
  const before = row.refunded ?? 0
  if (before >= taken) throw unprocessable("CAPTURE_FULLY_REFUNDED")
  const amount = body.amount ? minorOf(body.amount, "/amount") : taken - before
  if (body.amount && body.amount.currency_code !== currency)
    throw unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH")
  if (amount > taken - before)
    throw unprocessable("REFUND_AMOUNT_EXCEEDED", "/amount/value", body.amount?.value)
  if (row.disputed) throw unprocessable("REFUND_NOT_ALLOWED")
  if (paypal.happens(paypal.behaviour.refuseRefunds))
    throw unprocessable("REFUND_FAILED_INSUFFICIENT_FUNDS")
  row.refunded = before + amount
  const at = paypal.now()
  const made = {
    id: paypal.newId(),
    status: paypal.behaviour.pendingRefunds ? "PENDING" : "COMPLETED",
    ...(paypal.behaviour.pendingRefunds && { status_details: { reason: "ECHECK" } }),
    amount: moneyOf(amount, currency),
    ...(body.invoice_id !== undefined && { invoice_id: body.invoice_id }),
    custom_id: body.custom_id ?? row.custom_id,
    ...(body.note_to_payer !== undefined && { note_to_payer: body.note_to_payer }),
    seller_payable_breakdown: {
      gross_amount: moneyOf(amount, currency),
      paypal_fee: moneyOf(0, currency),
      net_amount: moneyOf(amount, currency),
      total_refunded_amount: moneyOf(row.refunded, currency),
    },
    payer: row.payee,
    create_time: at,
    update_time: at,
    capture: row.id,
  }
  paypal.table("refunds").set(made.id, made)
  const order = paypal.get("orders", row.order)
  const unit = order.purchase_units.find((one: any) => one.reference_id === row.reference_id)
  unit.payments.refunds = [...(unit.payments.refunds ?? []), made.id]
  Object.assign(row, {
    status: row.refunded === taken ? "REFUNDED" : "PARTIALLY_REFUNDED",
    update_time: at,
  })
  booked(paypal, row, { refunded: amount })
  if (made.status === "PENDING")
    paypal.happened("PAYMENT.REFUND.PENDING", "refund", shown(paypal.base, "refunds", made))
  else paypal.happened("PAYMENT.CAPTURE.REFUNDED", "refund", shown(paypal.base, "refunds", made))
  return made
}

/** A refund that was on its way arrives, or comes back. */
export function settle(paypal: PayPal, made: any, status: "succeeded" | "failed"): void {
  const row = paypal.get("captures", made.capture)
  const amount = minorOf(made.amount, "amount")
  Object.assign(made, {
    status: status === "succeeded" ? "COMPLETED" : "FAILED",
    update_time: paypal.now(),
  })
  delete made.status_details
  if (status === "failed") {
    row.refunded -= amount
    row.status = row.refunded > 0 ? "PARTIALLY_REFUNDED" : "COMPLETED"
    booked(paypal, row, { refunded: -amount })
  }
  const type = status === "succeeded" ? "PAYMENT.CAPTURE.REFUNDED" : "PAYMENT.REFUND.FAILED"
  paypal.happened(type, "refund", shown(paypal.base, "refunds", made))
}

/** The payer complains, and PayPal holds the money until it decides. */
export function dispute(paypal: PayPal, row: any, outcome?: "won" | "lost"): void {
  const amount = minorOf(row.amount, "amount") - (row.refunded ?? 0)
  if (outcome === undefined && !row.disputed && amount > 0) {
    row.disputed = `PP-D-${paypal.newId().slice(0, 6)}`
    const at = paypal.now()
    const made = {
      dispute_id: row.disputed,
      create_time: at,
      update_time: at,
      disputed_transactions: [
        {
          seller_transaction_id: row.id,
          custom: row.custom_id,
          invoice_number: row.invoice_id,
          gross_amount: row.amount,
          transaction_status: "COMPLETED",
          seller: { merchant_id: "NEXUSMERCHANT" },
        },
      ],
      reason: "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
      status: "OPEN",
      dispute_state: "OPEN_INQUIRIES",
      dispute_amount: moneyOf(amount, row.amount.currency_code),
      dispute_life_cycle_stage: "CHARGEBACK",
      dispute_channel: "INTERNAL",
    }
    paypal.table("disputes").set(made.dispute_id, made)
    booked(paypal, row, { disputed: amount })
    paypal.happened("CUSTOMER.DISPUTE.CREATED", "dispute", made)
  }
  const open = paypal.table("disputes").get(row.disputed)
  if (outcome === undefined || open?.status !== "OPEN") return
  Object.assign(open, {
    status: "RESOLVED",
    dispute_state: "RESOLVED",
    update_time: paypal.now(),
    dispute_outcome: {
      outcome_code: outcome === "won" ? "RESOLVED_SELLER_FAVOUR" : "RESOLVED_BUYER_FAVOUR",
      amount_refunded:
        outcome === "won" ? moneyOf(0, row.amount.currency_code) : open.dispute_amount,
    },
  })
  if (outcome === "won") {
    booked(paypal, row, { disputed: -minorOf(open.dispute_amount, "dispute_amount") })
    delete row.disputed
  }
  paypal.happened("CUSTOMER.DISPUTE.RESOLVED", "dispute", open)
}

/** What only this server knows of its rows. */
const hidden = ["order", "left", "refunded", "disputed", "capture", "reference_id"]

/** A capture, authorization or refund as it is shown, with its links. */
export function shown(base: string, kind: string, known: any): any {
  const { order, capture: of } = known
  const row: any = Object.fromEntries(
    Object.entries(known).filter(([name]) => !hidden.includes(name)),
  )
  const href = (what: string, id: string) => `${base}/v2/payments/${what}/${id}`
  const self = href(kind, row.id)
  const link = (rel: string, to: string, method = "GET") => ({ href: to, rel, method })
  const links = {
    captures: [
      link("self", self),
      link("refund", `${self}/refund`, "POST"),
      link("up", `${base}/v2/checkout/orders/${order}`),
    ],
    authorizations: [
      link("self", self),
      link("capture", `${self}/capture`, "POST"),
      link("void", `${self}/void`, "POST"),
      link("up", `${base}/v2/checkout/orders/${order}`),
    ],
    refunds: [link("self", self), link("up", href("captures", of))],
  }[kind]
  return { ...row, links }
}

/** Payments v2, as `[method, path, kind of what is answered, run]`. */
export function paymentRoutes(paypal: PayPal): [string, RegExp, string, (call: Call) => any][] {
  const one = (kind: string): [string, RegExp, string, (call: Call) => any] => [
    "GET",
    new RegExp(`^/v2/payments/${kind}/(\\w+)$`),
    kind,
    ({ id }) => paypal.get(kind, id),
  ]
  return [
    one("captures"),
    one("authorizations"),
    one("refunds"),
    [
      "POST",
      /^\/v2\/payments\/authorizations\/(\w+)\/capture$/,
      "captures",
      (call) => captureHeld(paypal, call),
    ],
    [
      "POST",
      /^\/v2\/payments\/authorizations\/(\w+)\/void$/,
      "authorizations",
      (call) => voidHeld(paypal, call),
    ],
    [
      "POST",
      /^\/v2\/payments\/captures\/(\w+)\/refund$/,
      "refunds",
      (call) => refund(paypal, call),
    ],
  ]
}
