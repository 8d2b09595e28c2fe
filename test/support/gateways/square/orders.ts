import { cardOf } from "../cards.ts"
import { charge } from "./payments.ts"
import type { Call, Square } from "./square.ts"
import { orderChanged } from "./tenders.ts"
import { invalid, moneyOf, textOf } from "./wire.ts"

/** A new order: what its lines and service charges come to, less its discounts. @throws Refusal */
export function draft(square: Square, given: any, state: string): any {
  const lines = (given?.line_items ?? []).map((line: any, n: number) => {
    const field = `order.line_items[${n}]`
    if (!/^[1-9]\d*$/.test(line.quantity ?? ""))
      throw invalid("INVALID_VALUE", "Invalid quantity.", `${field}.quantity`)
    const price = moneyOf(line.base_price_money, `${field}.base_price_money`)
    const total = { amount: price.amount * Number(line.quantity), currency: price.currency }
    return { uid: square.newId(22), ...line, gross_sales_money: total, total_money: total }
  })
  const [first] = lines
  if (!first)
    throw invalid("MISSING_REQUIRED_PARAMETER", "Missing required parameter.", "order.line_items")
  const { currency } = first.total_money
  const sum = (all: any[], of: (one: any) => number) =>
    all.reduce((total, one) => total + of(one), 0)
  const amount =
    sum(lines, (line) => line.total_money.amount) +
    sum(given.service_charges ?? [], (one) => one.amount_money?.amount ?? 0) -
    sum(given.discounts ?? [], (one) => one.amount_money?.amount ?? 0)
  const at = square.now()
  const order = {
    id: square.newId(34),
    location_id: square.location,
    ...(textOf(given.reference_id, "order.reference_id", 40) && {
      reference_id: given.reference_id,
    }),
    source: { name: "Nexus" },
    line_items: lines,
    ...(given.metadata && { metadata: given.metadata }),
    created_at: at,
    updated_at: at,
    state,
    version: 1,
    total_money: { amount, currency },
    net_amount_due_money: { amount, currency },
    tenders: [] as any[],
  }
  square.table("orders").set(order.id, order)
  return order
}

function newLink(square: Square, { body, base }: Call): any {
  const { quick_pay: quick, checkout_options, payment_note, description, pre_populated_data } = body
  const given = quick
    ? {
        line_items: [
          {
            name: textOf(quick.name, "quick_pay.name", 255, true),
            quantity: "1",
            base_price_money: quick.price_money,
          },
        ],
      }
    : body.order
  const location = quick?.location_id ?? body.order?.location_id
  if (location !== square.location)
    throw invalid("INVALID_LOCATION", "The location is not known.", "order.location_id")
  textOf(checkout_options?.redirect_url, "checkout_options.redirect_url", 2048)
  textOf(payment_note, "payment_note", 500)
  // A link's order is a draft until it is paid.
  const order = draft(square, given, "DRAFT")
  const id = square.newId(16)
  const link = {
    id,
    version: 1,
    ...(description !== undefined && { description }),
    order_id: order.id,
    ...(checkout_options && { checkout_options }),
    ...(pre_populated_data && { pre_populated_data }),
    ...(payment_note !== undefined && { payment_note }),
    url: `${base}/pay/square/${id}`,
    long_url: `${base}/pay/square/${id}?src=sheet`,
    created_at: square.now(),
    updated_at: square.now(),
  }
  square.table("links").set(id, link)
  return { payment_link: link, related_resources: { orders: [order] } }
}

/** A link is taken down, and its order with it unless it was paid. */
function dropLink(square: Square, id: string): any {
  const link = square.get("links", id)
  const order = square.get("orders", link.order_id)
  square.table("links").delete(id)
  if (order.state !== "DRAFT") return { id }
  Object.assign(order, { state: "CANCELED", updated_at: square.now(), version: order.version + 1 })
  orderChanged(square, order)
  return { id, cancelled_order_id: order.id }
}

/** Somebody pays by a link with a card; declined, they may try again. */
export function payLink(square: Square, id: string, number: string): string | null {
  const link = square.get("links", id)
  const order = square.get("orders", link.order_id)
  if (order.state !== "DRAFT") return "This link was used."
  const payment = charge(square, cardOf(number), {
    money: order.total_money,
    order,
    // https://developer.squareup.com/docs/checkout-api: links complete by themselves unless a custom delay is asked.
    isAutomatic: link.checkout_options?.enable_auto_complete !== false,
    note: link.payment_note,
  })
  return payment.card_details.errors?.[0]?.code ?? null
}

/** Orders, payment links and locations, as `[method, path, run]`. */
export function orderRoutes(square: Square): [string, RegExp, (call: Call) => any][] {
  return [
    ["POST", /^\/v2\/orders$/, ({ body }) => ({ order: draft(square, body.order, "OPEN") })],
    [
      "POST",
      /^\/v2\/orders\/search$/,
      ({ body }) => {
        const states = body.query?.filter?.state_filter?.states
        const from = body.query?.filter?.date_time_filter?.created_at?.start_at
        const orders = [...square.table("orders").values()].filter(
          (row) =>
            (states?.includes(row.state) ?? true) &&
            (from === undefined || Date.parse(row.created_at) >= Date.parse(from)),
        )
        return orders.length > 0 ? { orders: orders.toReversed().slice(0, body.limit ?? 500) } : {}
      },
    ],
    [
      "POST",
      /^\/v2\/orders\/batch-retrieve$/,
      ({ body }) => ({
        orders: body.order_ids.flatMap((id: string) => square.table("orders").get(id) ?? []),
      }),
    ],
    ["GET", /^\/v2\/orders\/([\w-]+)$/, ({ id }) => ({ order: square.get("orders", id) })],
    ["POST", /^\/v2\/online-checkout\/payment-links$/, (call) => newLink(square, call)],
    [
      "GET",
      /^\/v2\/online-checkout\/payment-links$/,
      () => ({ payment_links: [...square.table("links").values()].toReversed() }),
    ],
    [
      "GET",
      /^\/v2\/online-checkout\/payment-links\/([\w-]+)$/,
      ({ id }) => ({ payment_link: square.get("links", id) }),
    ],
    [
      "DELETE",
      /^\/v2\/online-checkout\/payment-links\/([\w-]+)$/,
      ({ id }) => dropLink(square, id),
    ],
    [
      "GET",
      /^\/v2\/locations$/,
      () => ({
        locations: [
          {
            id: square.location,
            name: "Nexus",
            status: "ACTIVE",
            country: "US",
            currency: "USD",
            capabilities: ["CREDIT_CARD_PROCESSING"],
          },
        ],
      }),
    ],
  ]
}
