import { badCard, type Card, cardOf, goodCard } from "../cards.ts"
import { feeOf } from "../party.ts"
import { refund } from "./refunds.ts"
import type { Call, Square } from "./square.ts"
import { bookOf, paidWith } from "./tenders.ts"
import { invalid, type Money, moneyOf, Refusal, textOf } from "./wire.ts"

/** What Square keeps of an online payment: 2.9 % and 30. */
const feeBasisPoints = 290
const feeFixed = 30

/** Square's sandbox sources, by the cards here that behave like them. */
const sources: Record<string, string> = {
  "cnon:card-nonce-ok": goodCard,
  "cnon:card-nonce-declined": badCard,
  "cnon:card-nonce-rejected-cvv": "4000000000000127",
  "cnon:card-nonce-rejected-expiration": "4000000000000069",
  "wnon:cash-app-ok": goodCard,
}

type Wish = {
  money: Money
  order: any
  isAutomatic: boolean
  reference?: string | undefined
  note?: string | undefined
  delay?: string
}

/** A payment by card, taken, held or refused. */
export function charge(
  square: Square,
  card: Card,
  { money, order, isAutomatic, reference, note, delay }: Wish,
): any {
  const code =
    card.decline?.square ??
    (square.happens(square.behaviour.decline) ? "GENERIC_DECLINE" : undefined)
  const at = square.now()
  const state = code ? "FAILED" : isAutomatic ? "CAPTURED" : "AUTHORIZED"
  const errors = code
    ? [{ category: "PAYMENT_METHOD_ERROR", code, detail: `Authorization error: '${code}'` }]
    : []
  const payment: any = {
    id: square.newId(22),
    created_at: at,
    updated_at: at,
    amount_money: money,
    status: code ? "FAILED" : isAutomatic ? "COMPLETED" : "APPROVED",
    delay_duration: delay ?? "PT168H",
    delay_action: "CANCEL",
    delayed_until: new Date(Date.now() + 7 * 86_400_000).toISOString(),
    source_type: "CARD",
    card_details: {
      status: state,
      card: {
        card_brand:
          card.brand.toUpperCase() === "UNKNOWN" ? "OTHER_BRAND" : card.brand.toUpperCase(),
        last_4: card.number.slice(-4),
        exp_month: 12,
        exp_year: new Date().getUTCFullYear() + 4,
        fingerprint: `sq-1-${card.number.slice(-6)}`,
        card_type: "CREDIT",
        prepaid_type: "NOT_PREPAID",
        bin: card.number.slice(0, 6),
      },
      entry_method: "KEYED",
      cvv_status: code === "CVV_FAILURE" ? "CVV_REJECTED" : "CVV_ACCEPTED",
      avs_status: "AVS_ACCEPTED",
      statement_description: "SQ *NEXUS",
      card_payment_timeline: code
        ? {}
        : { authorized_at: at, ...(isAutomatic && { captured_at: at }) },
      ...(errors.length > 0 && { errors }),
    },
    location_id: square.location,
    order_id: order.id,
    ...(reference !== undefined && { reference_id: reference }),
    ...(note !== undefined && { note }),
    risk_evaluation: { created_at: at, risk_level: "NORMAL" },
    total_money: money,
    approved_money: code ? { ...money, amount: 0 } : money,
    receipt_number: square.newId(4),
    application_details: {
      square_product: "ECOMMERCE_API",
      application_id: "sandbox-sq0idb-nexus",
    },
    version_token: square.newId(30),
  }
  square.table("payments").set(payment.id, payment)
  square.happened("payment.created", "payment", payment.id, { payment })
  if (isAutomatic && !code) taken(square, payment)
  if (!code) paidWith(square, order, payment)
  return payment
}

/** The money of a payment is taken; what Square keeps of it is known a little later. */
function taken(square: Square, payment: any): void {
  const { amount, currency } = payment.amount_money
  const fee = feeOf(amount, feeBasisPoints, feeFixed)
  bookOf(square, payment, { captured: amount, fee })
  square.changed("payment", payment, {})
  square.afterwards(() =>
    square.changed("payment", payment, {
      processing_fee: [
        { effective_at: square.now(), type: "INITIAL", amount_money: { amount: fee, currency } },
      ],
    }),
  )
}

function create(square: Square, { body }: Call): any {
  const source = textOf(body.source_id, "source_id", 255, true) ?? ""
  const money = moneyOf(body.amount_money, "amount_money")
  const reference = textOf(body.reference_id, "reference_id", 40)
  const note = textOf(body.note, "note", 500)
  if (body.location_id !== undefined && body.location_id !== square.location)
    throw invalid("INVALID_LOCATION", "The location is not known.", "location_id")
  const card = sources[source]
  if (card === undefined)
    throw new Refusal(404, {
      category: "INVALID_REQUEST_ERROR",
      code: "NOT_FOUND",
      detail: "Card nonce not found",
      field: "source_id",
    })
  const known = body.order_id === undefined ? undefined : square.get("orders", body.order_id)
  if (known && known.total_money.amount !== money.amount)
    throw invalid("BAD_REQUEST", "The payment total does not match the order's.", "amount_money")
  const order =
    known ??
    square.newOrder(
      {
        reference_id: reference,
        line_items: [{ name: "Payment", quantity: "1", base_price_money: money }],
      },
      "OPEN",
    )
  const isAutomatic = body.autocomplete !== false
  const payment = charge(square, cardOf(card), {
    money,
    order,
    isAutomatic,
    reference,
    note,
    ...(body.delay_duration && { delay: body.delay_duration }),
  })
  if (payment.status === "FAILED")
    throw new Refusal(400, payment.card_details.errors[0], { payment: structuredClone(payment) })
  return { payment }
}

/** Takes what is held. @throws Refusal unless it is */
function complete(square: Square, { id, body }: Call): any {
  const payment = square.get("payments", id)
  if (payment.status !== "APPROVED")
    throw invalid(
      "BAD_REQUEST",
      `Payment ${id} is in state ${payment.status} and cannot be completed.`,
    )
  if (body.version_token !== undefined && body.version_token !== payment.version_token)
    throw invalid("VERSION_MISMATCH", "The payment was changed meanwhile.", "version_token")
  payment.status = "COMPLETED"
  Object.assign(payment.card_details, { status: "CAPTURED" })
  payment.card_details.card_payment_timeline.captured_at = square.now()
  taken(square, payment)
  paidWith(square, square.get("orders", payment.order_id), payment)
  return { payment }
}

function cancel(square: Square, id: string): any {
  const payment = square.get("payments", id)
  if (payment.status !== "APPROVED")
    throw invalid(
      "BAD_REQUEST",
      `Payment ${id} is in state ${payment.status} and cannot be canceled.`,
    )
  payment.card_details.status = "VOIDED"
  payment.card_details.card_payment_timeline.voided_at = square.now()
  square.changed("payment", payment, { status: "CANCELED" })
  return { payment }
}

/** What a key paid is given back or let go; a key nobody used is nothing to be done (api: CancelPaymentByIdempotencyKey). */
function cancelByKey(square: Square, { body }: Call): any {
  const key = textOf(body.idempotency_key, "idempotency_key", 45, true)
  const kept = square.table("keys").get(`/v2/payments ${key}`)
  const payment = square.table("payments").get(kept?.body?.payment?.id)
  if (payment?.status === "APPROVED") cancel(square, payment.id)
  else if (payment?.status === "COMPLETED")
    refund(square, { payment_id: payment.id, amount_money: payment.amount_money })
  return {}
}

/** Payments, refunds and disputes, as `[method, path, run]`. */
export function paymentRoutes(square: Square): [string, RegExp, (call: Call) => any][] {
  const rows = (name: string) => [...square.table(name).values()]
  return [
    ["POST", /^\/v2\/payments$/, (call) => create(square, call)],
    ["GET", /^\/v2\/payments$/, ({ query }) => square.listed("payments", rows("payments"), query)],
    ["POST", /^\/v2\/payments\/cancel$/, (call) => cancelByKey(square, call)],
    ["GET", /^\/v2\/payments\/([\w-]+)$/, ({ id }) => ({ payment: square.get("payments", id) })],
    ["POST", /^\/v2\/payments\/([\w-]+)\/complete$/, (call) => complete(square, call)],
    ["POST", /^\/v2\/payments\/([\w-]+)\/cancel$/, ({ id }) => cancel(square, id)],
    ["POST", /^\/v2\/refunds$/, ({ body }) => refund(square, body)],
    ["GET", /^\/v2\/refunds$/, ({ query }) => square.listed("refunds", rows("refunds"), query)],
    ["GET", /^\/v2\/refunds\/([\w-]+)$/, ({ id }) => ({ refund: square.get("refunds", id) })],
    [
      "GET",
      /^\/v2\/disputes$/,
      ({ query }) => {
        const states = query.get("states")?.split(",")
        return square.listed(
          "disputes",
          // Unasked, Square keeps those that are over to itself.
          rows("disputes").filter(
            ({ state }) => states?.includes(state) ?? !/^(?:WON|LOST|ACCEPTED)$/.test(state),
          ),
          query,
        )
      },
    ],
    ["GET", /^\/v2\/disputes\/([\w-]+)$/, ({ id }) => ({ dispute: square.get("disputes", id) })],
  ]
}
