import { cardOf, goodCard } from "../cards.ts"
import { authorize, capture } from "./payments.ts"
import type { Call, PayPal } from "./paypal.ts"
import { malformed, minorOf, missing, Refusal, unprocessable } from "./wire.ts"

/** What a purchase unit comes to by its parts must be its amount. @throws Refusal */
function checkUnit(unit: any, field: string): void {
  const amount = minorOf(unit.amount, `${field}/amount`)
  const { breakdown } = unit.amount
  const part = (name: string) =>
    breakdown?.[name] ? minorOf(breakdown[name], `${field}/amount/breakdown/${name}`, true) : 0
  if (breakdown) {
    const plus = ["item_total", "tax_total", "shipping", "handling", "insurance"].map(part)
    const minus = ["shipping_discount", "discount"].map(part)
    const sum = (all: number[]) => all.reduce((total, one) => total + one, 0)
    if (sum(plus) - sum(minus) !== amount)
      throw unprocessable("AMOUNT_MISMATCH", `${field}/amount/value`, unit.amount.value)
  }
  if (unit.items) {
    if (!breakdown?.item_total)
      throw malformed("MISSING_REQUIRED_PARAMETER", `${field}/amount/breakdown/item_total`)
    const items = unit.items.reduce(
      (sum: number, item: any, n: number) =>
        sum +
        Number(item.quantity) * minorOf(item.unit_amount, `${field}/items/${n}/unit_amount`, true),
      0,
    )
    if (items !== part("item_total")) throw unprocessable("ITEM_TOTAL_MISMATCH", `${field}/items`)
  }
  for (const [name, most] of [
    ["custom_id", 255],
    ["invoice_id", 127],
    ["reference_id", 256],
  ] as const)
    if (unit[name] !== undefined && (typeof unit[name] !== "string" || unit[name].length > most))
      throw malformed("INVALID_PARAMETER_VALUE", `${field}/${name}`, unit[name])
}

function create(paypal: PayPal, { body }: Call): any {
  if (body.intent !== "CAPTURE" && body.intent !== "AUTHORIZE")
    throw malformed(
      body.intent === undefined ? "MISSING_REQUIRED_PARAMETER" : "INVALID_PARAMETER_VALUE",
      "/intent",
      body.intent,
    )
  const units = body.purchase_units
  if (!Array.isArray(units) || units.length < 1 || units.length > 10)
    throw malformed("MISSING_REQUIRED_PARAMETER", "/purchase_units")
  units.forEach((unit, n) => checkUnit(unit, `/purchase_units/${n}`))
  const wallet = body.payment_source?.paypal
  const at = paypal.now()
  const order = {
    id: paypal.newId(),
    intent: body.intent,
    status: wallet ? "PAYER_ACTION_REQUIRED" : "CREATED",
    payment_source: wallet ? { paypal: {} } : undefined,
    purchase_units: units.map((unit) => ({
      reference_id: "default",
      ...unit,
      payee: { email_address: "shop@nexus.test", merchant_id: "NEXUSMERCHANT" },
      payments: {},
    })),
    create_time: at,
    update_time: at,
    /** Not shown. */
    context: wallet?.experience_context ?? body.application_context ?? {},
    card: null,
  }
  paypal.table("orders").set(order.id, order)
  return order
}

/** The links of an order as it stands. */
function linksOf(base: string, order: any): unknown[] {
  const href = `${base}/v2/checkout/orders/${order.id}`
  const payer = { href: `${base}/checkoutnow?token=${order.id}`, method: "GET" }
  const act = order.intent === "CAPTURE" ? "capture" : "authorize"
  return [
    { href, rel: "self", method: "GET" },
    ...(order.status === "PAYER_ACTION_REQUIRED" ? [{ ...payer, rel: "payer-action" }] : []),
    ...(order.status === "CREATED" ? [{ ...payer, rel: "approve" }] : []),
    ...(/^(?:CREATED|APPROVED)$/.test(order.status)
      ? [
          { href, rel: "update", method: "PATCH" },
          { href: `${href}/${act}`, rel: act, method: "POST" },
        ]
      : []),
  ]
}

/** An order as it is shown: whole, or what `Prefer: return=minimal` leaves of it. */
export function shown(base: string, order: any, isWhole: boolean): any {
  const { context: _, card: __, ...rest } = order
  const links = linksOf(base, order)
  return isWhole ? { ...rest, links } : { id: order.id, status: order.status, links }
}

/** The payer agrees, with a card behind their account that may turn out not to be good. */
export function approve(paypal: PayPal, id: string, card: string): any {
  const order = paypal.get("orders", id)
  // A payer whose instrument was declined comes back with another.
  if (!/^(?:CREATED|PAYER_ACTION_REQUIRED|APPROVED)$/.test(order.status)) throw missing()
  Object.assign(order, {
    status: "APPROVED",
    card,
    update_time: paypal.now(),
    payer: {
      name: { given_name: "Ada", surname: "Lovelace" },
      email_address: "ada@buyer.test",
      payer_id: "PAYERADA00001",
      address: { country_code: "GB" },
    },
    payment_source: {
      paypal: {
        email_address: "ada@buyer.test",
        account_id: "PAYERADA00001",
        account_status: "VERIFIED",
        name: { given_name: "Ada", surname: "Lovelace" },
        address: { country_code: "GB" },
      },
    },
  })
  paypal.happened("CHECKOUT.ORDER.APPROVED", "checkout-order", shown(paypal.base, order, true))
  return order
}

/** Takes or holds the money of an approved order. @throws Refusal */
function complete(paypal: PayPal, { id, mock }: Call, intent: "CAPTURE" | "AUTHORIZE"): any {
  const order = paypal.get("orders", id)
  if (order.intent !== intent) throw unprocessable("ACTION_DOES_NOT_MATCH_INTENT")
  if (order.status === "COMPLETED")
    throw unprocessable(
      intent === "CAPTURE" ? "ORDER_ALREADY_CAPTURED" : "ORDER_ALREADY_AUTHORIZED",
    )
  if (order.status !== "APPROVED") throw unprocessable("ORDER_NOT_APPROVED")
  const isRefused = cardOf(order.card ?? goodCard).decline !== undefined
  if (isRefused || mock === "INSTRUMENT_DECLINED" || paypal.happens(paypal.behaviour.decline)) {
    const refusal = unprocessable("INSTRUMENT_DECLINED")
    refusal.body["links"] = [
      { href: `${paypal.base}/checkoutnow?token=${id}`, rel: "redirect", method: "GET" },
    ]
    throw refusal
  }
  for (const unit of order.purchase_units) {
    if (intent === "CAPTURE") capture(paypal, order, unit, minorOf(unit.amount, "amount"))
    else authorize(paypal, order, unit)
  }
  Object.assign(order, { status: "COMPLETED", update_time: paypal.now() })
  if (intent === "CAPTURE")
    paypal.happened("CHECKOUT.ORDER.COMPLETED", "checkout-order", shown(paypal.base, order, true))
  return order
}

/** Orders v2: `create`, `get`, `capture`, `authorize`, as `[method, path, run]`; what is run answers an order. */
export function orderRoutes(paypal: PayPal): [string, RegExp, (call: Call) => any][] {
  return [
    ["POST", /^\/v2\/checkout\/orders$/, (call) => create(paypal, call)],
    ["GET", /^\/v2\/checkout\/orders\/(\w+)$/, ({ id }) => paypal.get("orders", id)],
    [
      "POST",
      /^\/v2\/checkout\/orders\/(\w+)\/capture$/,
      (call) => complete(paypal, call, "CAPTURE"),
    ],
    [
      "POST",
      /^\/v2\/checkout\/orders\/(\w+)\/authorize$/,
      (call) => complete(paypal, call, "AUTHORIZE"),
    ],
    [
      "PATCH",
      /^\/v2\/checkout\/orders\/(\w+)$/,
      ({ id, body }) => {
        const order = paypal.get("orders", id)
        if (order.status === "COMPLETED") throw unprocessable("ORDER_ALREADY_CAPTURED")
        for (const { op, path, value } of body) {
          const [, field] = /^\/purchase_units\/@reference_id=='default'\/(\w+)$/.exec(path) ?? []
          if (!field || !/^(?:add|replace)$/.test(op))
            throw new Refusal(422, "UNPROCESSABLE_ENTITY", "The patch cannot be applied.", [
              { issue: "NOT_PATCHABLE", description: "Cannot be patched.", field: path },
            ])
          order.purchase_units[0][field] = value
          checkUnit(order.purchase_units[0], "/purchase_units/0")
        }
        return undefined
      },
    ],
  ]
}
