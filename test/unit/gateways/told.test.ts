import type Stripe from "stripe"
import { describe, expect, it } from "vitest"

import { pageOf } from "#modules/payments/gateways/paypal-list.ts"
import * as paypal from "#modules/payments/gateways/paypal-told.ts"
import * as square from "#modules/payments/gateways/square-told.ts"
import { savedOf } from "#modules/payments/gateways/stripe-saved.ts"
import * as stripe from "#modules/payments/gateways/stripe-told.ts"

const time = "2026-11-20T10:00:00Z"
const eur = (value: string) => ({ value, currency_code: "EUR" })

describe("PayPal's order", () => {
  const capture = (given: object = {}) => ({
    id: "CAP",
    status: "COMPLETED",
    amount: eur("12.00"),
    update_time: time,
    ...given,
  })
  const order = (payments?: object, given: object = {}) => ({
    id: "ORD",
    status: "CREATED",
    create_time: time,
    purchase_units: [{ amount: eur("12.00"), custom_id: "ord_1", ...(payments && { payments }) }],
    ...given,
  })

  it.each([
    ["nobody has approved", order(), "unpaid", 0],
    ["its payer has approved", order(undefined, { status: "APPROVED" }), "unpaid", 0],
    ["was given up", order(undefined, { status: "VOIDED" }), "voided", 0],
    ["was taken", order({ captures: [capture()] }), "paid", 1200],
    ["was given back since", order({ captures: [capture({ status: "REFUNDED" })] }), "paid", 1200],
    ["was declined", order({ captures: [capture({ status: "DECLINED" })] }), "failed", 0],
    ["is looked at", order({ captures: [capture({ status: "PENDING" })] }), "unpaid", 0],
    ["is held", order({ authorizations: [capture({ status: "CREATED" })] }), "authorized", 0],
    ["was let go", order({ authorizations: [capture({ status: "VOIDED" })] }), "voided", 0],
    ["ran out", order({ authorizations: [capture({ status: "EXPIRED" })] }), "voided", 0],
    ["was denied", order({ authorizations: [capture({ status: "DENIED" })] }), "failed", 0],
  ] as const)("that %s", (_what, given, status, capturedAmount) => {
    expect(paypal.toAnswer(given)).toMatchObject({
      ref: "ORD",
      reference: "ord_1",
      status,
      amount: 1200,
      currency: "EUR",
      capturedAmount,
    })
  })

  it("says why it failed, in PayPal's word, or else by its state", () => {
    const failed = (given: object) =>
      paypal.toAnswer(order({ captures: [capture({ status: "FAILED", ...given })] })).failure
    expect(failed({ status_details: { reason: "PAYER_CANNOT_PAY" } })).toBe("PAYER_CANNOT_PAY")
    expect(failed({})).toBe("FAILED")
  })

  it("is approved only while nothing came of it, and says where its payer goes", () => {
    const links = [
      { rel: "self", href: "https://paypal.test/self" },
      { rel: "payer-action", href: "https://paypal.test/pay" },
    ]
    const approved = paypal.toAnswer(order(undefined, { status: "APPROVED", links }))
    expect(approved).toMatchObject({ isApproved: true, redirectUrl: "https://paypal.test/pay" })
    expect(paypal.toAnswer(order({ captures: [capture()] }))).not.toHaveProperty("isApproved")
  })

  it("of nothing has no amount", () => {
    const empty = paypal.toAnswer({ id: "ORD", status: "CREATED", purchase_units: [] })
    expect(empty).toMatchObject({ reference: "", currency: "", amount: Number.NaN })
  })

  it("knows its fee once all of it is told in the currency paid", () => {
    const fee = (paypal_fee?: object) => capture({ seller_receivable_breakdown: { paypal_fee } })
    const feeOf = (...captures: object[]) => paypal.toAnswer(order({ captures })).fee
    expect(feeOf(fee(eur("0.35")))).toBe(35)
    expect(feeOf(fee(eur("0.35")), fee(eur("0.10")))).toBe(45)
    expect(feeOf(fee(eur("0.35")), capture())).toBeUndefined()
    expect(feeOf(fee({ value: "0.40", currency_code: "USD" }))).toBeUndefined()
  })

  it("of one capture or authorization tells the same", () => {
    const held = capture({
      custom_id: "ord_1",
      supplementary_data: { related_ids: { order_id: "ORD" } },
    })
    expect(paypal.toldOf(held, "paid", time)).toMatchObject({
      ref: "ORD",
      captureRef: "CAP",
      reference: "ord_1",
      capturedAmount: 1200,
      failure: null,
    })
    const bare = paypal.toldOf(capture({ status: "DECLINED" }), "failed", time)
    expect(bare).toMatchObject({ ref: "", reference: "", capturedAmount: 0, failure: "DECLINED" })
    const reason = { reason: "DECLINED_BY_RISK" }
    const told = paypal.toldOf(capture({ status_details: reason }), "failed", time)
    expect(told.failure).toBe("DECLINED_BY_RISK")
  })

  it.each([
    ["COMPLETED", undefined, "succeeded", null],
    ["PENDING", undefined, "pending", null],
    ["FAILED", undefined, "failed", "FAILED"],
    ["CANCELLED", { reason: "ECHECK" }, "failed", "ECHECK"],
  ] as const)("has a refund that is %s", (status, status_details, ours, failure) => {
    const refund = {
      id: "R",
      status,
      amount: eur("1.00"),
      ...(status_details && { status_details }),
    }
    expect(paypal.toRefund(refund)).toEqual({ ref: "R", status: ours, failure })
  })

  it.each([
    ["OPEN", undefined, "open"],
    ["RESOLVED", "RESOLVED_SELLER_FAVOUR", "won"],
    ["RESOLVED", "RESOLVED_BUYER_FAVOUR", "lost"],
    ["RESOLVED", undefined, "lost"],
  ] as const)("is disputed: %s, %s", (status, outcome_code, ours) => {
    const dispute = {
      dispute_id: "D",
      status,
      dispute_amount: eur("5.00"),
      disputed_transactions: [{ seller_transaction_id: "CAP", invoice_number: "pay_1" }],
      ...(outcome_code && { dispute_outcome: { outcome_code } }),
    }
    expect(paypal.toDispute(dispute)).toEqual({
      ref: "D",
      status: ours,
      amount: 500,
      currency: "EUR",
      reason: null,
      key: "pay_1",
      payment: { ref: null, captureRef: "CAP" },
    })
    expect(paypal.toDispute({ dispute_id: "D", status })).toBeUndefined()
  })
})

describe("PayPal's list of what moved", () => {
  const line = (given: object) => ({
    transaction_info: {
      transaction_id: "T",
      transaction_event_code: "T0006",
      transaction_updated_date: time,
      transaction_amount: eur("12.00"),
      transaction_status: "S",
      ...given,
    },
  })
  const all = (lines: object[], total_pages?: number) =>
    pageOf(
      {
        transaction_details: lines.map((given) => line(given)),
        ...(total_pages && { total_pages }),
      },
      1,
    )

  it("has sales, with fee and our ids where they are told", () => {
    const { payments } = all([
      {
        paypal_reference_id: "ORD",
        paypal_reference_id_type: "ODR",
        invoice_id: "pay_1",
        custom_field: "ord_1",
        fee_amount: eur("-0.35"),
      },
      { transaction_status: "D", fee_amount: { value: "-0.35", currency_code: "USD" } },
      { transaction_status: "P", transaction_updated_date: undefined },
    ])
    expect(payments).toMatchObject([
      { ref: "ORD", captureRef: "T", key: "pay_1", reference: "ord_1", status: "paid", fee: 35 },
      { ref: null, key: null, reference: "", status: "failed", capturedAmount: 0 },
      { status: "unpaid", capturedAmount: 0 },
    ])
    expect(payments[1]).not.toHaveProperty("fee")
    expect(payments[2]?.at).toBe("1970-01-01T00:00:00.000Z")
  })

  it("has refunds, as what they are of", () => {
    const refund = { transaction_event_code: "T1107", transaction_amount: eur("-5.00") }
    const { payments, refunds } = all([
      { ...refund, paypal_reference_id: "CAP", custom_field: "rfd_1" },
      { ...refund, transaction_status: "P" },
      { ...refund, transaction_status: "D" },
      { transaction_event_code: "T0400" },
      { transaction_event_code: undefined },
    ])
    expect(payments).toEqual([])
    expect(refunds).toMatchObject([
      { status: "succeeded", key: "rfd_1", amount: 500, payment: { captureRef: "CAP" } },
      { status: "pending", key: null, payment: { ref: null, captureRef: null } },
      { status: "failed" },
    ])
  })

  it("goes on until its last page", () => {
    expect([all([], 2).next, all([], 1).next, all([]).next]).toEqual([
      "2",
      "disputes:",
      "disputes:",
    ])
  })
})

describe("Square's", () => {
  const money = { amount: 1200, currency: "USD" }
  const payment = (given: object = {}) => ({
    id: "P",
    status: "COMPLETED",
    order_id: "O",
    note: "ord_1 pay_1",
    amount_money: money,
    created_at: time,
    updated_at: time,
    ...given,
  })

  it("order is unpaid until somebody pays it, and void once it is cancelled", () => {
    const order = { id: "O", state: "OPEN", total_money: money, created_at: time, updated_at: time }
    expect(square.ofOrder(order)).toMatchObject({ ref: "O", reference: "", status: "unpaid" })
    const cancelled = { ...order, state: "CANCELED", metadata: { reference: "ord_1" } }
    expect(square.ofOrder(cancelled)).toMatchObject({ reference: "ord_1", status: "voided" })
  })

  it.each([
    ["COMPLETED", "paid", 1200, null],
    ["APPROVED", "authorized", 0, null],
    ["PENDING", "unpaid", 0, null],
    ["CANCELED", "failed", 0, "CANCELED"],
    ["FAILED", "failed", 0, "FAILED"],
  ] as const)("payment that is %s", (state, status, capturedAmount, failure) => {
    const told = square.ofPayment(payment({ status: state }))
    expect(told).toMatchObject({ ref: "O", reference: "ord_1", status, capturedAmount, failure })
  })

  it("payment says why it failed, what it cost, and nothing of what was sold at a till", () => {
    const card_details = { errors: [{ code: "CVV_FAILURE" }] }
    expect(square.ofPayment(payment({ status: "FAILED", card_details })).failure).toBe(
      "CVV_FAILURE",
    )
    const fee = (currency: string) => [{ amount_money: { amount: 65, currency } }]
    expect(square.ofPayment(payment({ processing_fee: fee("USD") })).fee).toBe(65)
    expect(square.ofPayment(payment({ processing_fee: fee("CAD") })).fee).toBeUndefined()
    expect(square.ofPayment(payment({ processing_fee: [] })).fee).toBeUndefined()
    expect(square.ofPayment(payment({ processing_fee: [{}] })).fee).toBeUndefined()
    const till = square.ofPayment(
      payment({
        note: undefined,
        order_id: undefined,
        total_money: { amount: 1500, currency: "USD" },
      }),
    )
    expect(till).toMatchObject({ ref: "", reference: "", amount: 1500 })
    expect(square.keysOf(payment({ note: "a cup of tea" }))).toBeUndefined()
  })

  it.each([
    ["COMPLETED", "succeeded", null],
    ["PENDING", "pending", null],
    ["REJECTED", "failed", "REJECTED"],
  ])("refund that is %s", (status, ours, failure) => {
    const refund = square.toRefund({ id: "R", status, amount_money: money })
    expect(refund).toEqual({ ref: "R", status: ours, failure })
  })

  it.each([
    ["EVIDENCE_REQUIRED", "open"],
    ["WON", "won"],
    ["LOST", "lost"],
    ["ACCEPTED", "lost"],
  ])("dispute that is %s", (state, status) => {
    const dispute = { dispute_id: "D", state, amount_money: money }
    expect(square.toDispute(dispute)).toMatchObject({ ref: "D", status, reason: null })
    const named = { id: "D2", state, reason: "NO_KNOWLEDGE", amount_money: money }
    expect(square.toDispute(named)).toMatchObject({ ref: "D2", reason: "NO_KNOWLEDGE" })
    expect(square.toDispute({ state: `INQUIRY_${state}`, amount_money: money })).toBeUndefined()
  })
})

describe("Stripe's", () => {
  const intent = (given: object) =>
    ({
      id: "pi_1",
      status: "succeeded",
      currency: "eur",
      amount: 1200,
      amount_received: 1200,
      metadata: { reference: "ord_1" },
      latest_charge: "ch_1",
      last_payment_error: null,
      client_secret: null,
      ...given,
    }) as unknown as Stripe.PaymentIntent

  it.each([
    [{}, "paid", null],
    [{ status: "requires_capture" }, "authorized", null],
    [{ status: "canceled" }, "voided", null],
    [{ status: "requires_payment_method" }, "unpaid", null],
    [{ status: "requires_payment_method", last_payment_error: {} }, "failed", "declined"],
    [
      { status: "requires_payment_method", last_payment_error: { code: "card_declined" } },
      "failed",
      "card_declined",
    ],
    [
      {
        status: "requires_payment_method",
        last_payment_error: { code: "card_declined", decline_code: "lost_card" },
      },
      "failed",
      "lost_card",
    ],
  ] as const)("intent %j", (given, status, failure) => {
    expect(stripe.toTold(intent(given), 0)).toMatchObject({ status, failure, reference: "ord_1" })
  })

  it("fee is known where the charge is booked in the currency paid", () => {
    const charge = (currency: string) => ({
      latest_charge: { id: "ch_1", balance_transaction: { currency, fee: 47 } },
    })
    expect(stripe.toTold(intent(charge("eur")), 0)).toMatchObject({ captureRef: "ch_1", fee: 47 })
    expect(stripe.toTold(intent(charge("usd")), 0)).not.toHaveProperty("fee")
    const bare = stripe.toTold(intent({ latest_charge: null, metadata: {} }), 0)
    expect(bare).not.toHaveProperty("captureRef")
    expect(bare.reference).toBe("")
  })

  it.each([
    ["succeeded", null, "succeeded", null],
    ["failed", "lost_or_stolen_card", "failed", "lost_or_stolen_card"],
    ["canceled", null, "failed", "canceled"],
    ["requires_action", null, "pending", null],
  ])("refund that is %s", (status, failure_reason, ours, failure) => {
    const refund = { id: "re_1", status, failure_reason } as unknown as Stripe.Refund
    expect(stripe.toRefund(refund)).toEqual({ ref: "re_1", status: ours, failure })
  })

  it.each([
    ["needs_response", "open"],
    ["won", "won"],
    ["lost", "lost"],
    ["warning_needs_response", undefined],
    ["prevented", undefined],
  ])("dispute that is %s", (status, ours) => {
    const dispute = { id: "dp_1", status, amount: 5, currency: "eur", reason: "fraudulent" }
    expect(stripe.toDispute(dispute as unknown as Stripe.Dispute)?.status).toBe(ours)
  })
})

describe("Stripe's saved methods", () => {
  const saved = (client: object) => savedOf(client as Stripe, async () => undefined)

  it.each([
    [{ status: "succeeded", payment_method: "pm_1" }, "succeeded", "pm_1"],
    [{ status: "succeeded", payment_method: { id: "pm_2" } }, "succeeded", "pm_2"],
    [{ status: "succeeded", payment_method: null }, "succeeded", null],
    [{ status: "canceled", payment_method: "pm_1" }, "failed", null],
    [{ status: "requires_action", payment_method: null }, "open", null],
  ])("are set up: %j", async (given, status, method) => {
    const setup = { id: "seti_1", client_secret: "secret", ...given }
    const gateway = saved({
      setupIntents: { create: async () => setup, retrieve: async () => setup },
    })
    const answer = await gateway.setup({ key: "k", customer: "cus_1", returnUrl: undefined })
    expect(answer).toEqual({ ref: "seti_1", status, method, clientSecret: "secret" })
  })

  it("are shown by their last four, whatever they are", async () => {
    const data = [
      {
        id: "pm_1",
        type: "card",
        card: { brand: "visa", last4: "4242", exp_year: 2030, exp_month: 4 },
      },
      { id: "pm_2", type: "sepa_debit", sepa_debit: { last4: "3000" } },
      { id: "pm_3", type: "us_bank_account", us_bank_account: { last4: "6789" } },
      { id: "pm_4", type: "link" },
    ]
    const gateway = saved({ customers: { listPaymentMethods: async () => ({ data }) } })
    expect(await gateway.methods("cus_1")).toEqual([
      { ref: "pm_1", kind: "card", brand: "visa", last4: "4242", expires: "2030-04" },
      { ref: "pm_2", kind: "sepa_debit", brand: null, last4: "3000", expires: null },
      { ref: "pm_3", kind: "us_bank_account", brand: null, last4: "6789", expires: null },
      { ref: "pm_4", kind: "link", brand: null, last4: null, expires: null },
    ])
  })

  it("belong to the customer that is found, else to a new one", async () => {
    const made: unknown[] = []
    const client = (found: object[]) => ({
      customers: {
        search: async () => ({ data: found }),
        create: async (given: unknown) => {
          made.push(given)
          return { id: "cus_new" }
        },
      },
    })
    expect(await saved(client([{ id: "cus_old" }])).customer("usr_1", "a@nexus.test")).toBe(
      "cus_old",
    )
    expect(made).toEqual([])
    expect(await saved(client([])).customer("usr_1", "a@nexus.test")).toBe("cus_new")
    expect(made).toEqual([{ email: "a@nexus.test", metadata: { customer: "usr_1" } }])
  })
})
