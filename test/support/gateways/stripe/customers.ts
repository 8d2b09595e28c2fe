import { type Card, cardOf, namedCard } from "../cards.ts"
import type { Stripe } from "./stripe.ts"
import {
  invalid,
  listOf,
  metadataOf,
  only,
  type Params,
  Refusal,
  required,
  type Route,
  searched,
} from "./wire.ts"

/** A card as a payment method; its number is kept beside what Stripe shows of it. */
function newMethod(stripe: Stripe, card: Card, billing: unknown = {}): any {
  const row = {
    id: stripe.newId("pm"),
    object: "payment_method",
    allow_redisplay: "unspecified",
    billing_details: {
      address: null,
      email: null,
      name: null,
      phone: null,
      tax_id: null,
      ...(billing as object),
    },
    card: {
      brand: card.brand,
      checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: "pass" },
      country: "US",
      display_brand: card.brand,
      exp_month: 12,
      exp_year: new Date().getUTCFullYear() + 4,
      fingerprint: `fp_${card.number.slice(-6)}`,
      funding: "credit",
      generated_from: null,
      last4: card.number.slice(-4),
      networks: { available: [card.brand], preferred: null },
      three_d_secure_usage: { supported: true },
      wallet: null,
    },
    created: stripe.now(),
    customer: null,
    livemode: false,
    metadata: {},
    type: "card",
    number: card.number,
  }
  stripe.table("pm").set(row.id, row)
  return row
}

/** The payment method that a request names or describes: `pm_card_visa`, `pm_…`, `payment_method_data`. */
export function methodOf(stripe: Stripe, params: Params): any {
  const { payment_method: named, payment_method_data: data } = params
  if (data !== undefined) return described(stripe, data)
  if (named === undefined) return undefined
  const card = namedCard(named)
  const method = card ? newMethod(stripe, card) : stripe.get("pm", named, "payment_method")
  if (method.customer !== null && method.customer !== (params["customer"] ?? method.customer))
    throw new Refusal(400, {
      type: "invalid_request_error",
      message: "The provided PaymentMethod does not belong to this customer.",
      param: "payment_method",
    })
  return method
}

function described(stripe: Stripe, data: Params): any {
  if (data["type"] !== "card") throw invalid("Only cards are taken here.", "type")
  const token = data["card"]?.token
  const card = token === undefined ? cardOf(data["card"]?.number ?? "") : namedCard(token)
  if (!card) throw invalid(`No such token: '${token}'`, "card[token]", "resource_missing")
  return newMethod(stripe, card, data["billing_details"])
}

/** A customer keeps a card for later. */
export function attach(stripe: Stripe, method: any, customer: string): any {
  stripe.get("cus", customer, "customer")
  if (method.customer !== null && method.customer !== customer)
    throw new Refusal(400, {
      type: "invalid_request_error",
      message:
        "The payment method you provided has already been attached to a customer. A payment method must be detached before it can be attached to another.",
    })
  if (method.customer === null) {
    method.customer = customer
    stripe.happened("payment_method.attached", method)
  }
  return method
}

function newCustomer(stripe: Stripe, params: Params): any {
  only(
    params,
    "address balance business_name description email individual_name invoice_prefix invoice_settings metadata name " +
      "payment_method phone preferred_locales shipping source tax tax_exempt test_clock validate",
  )
  const row = {
    id: stripe.newId("cus"),
    object: "customer",
    address: params["address"] ?? null,
    balance: 0,
    created: stripe.now(),
    currency: null,
    default_source: null,
    delinquent: false,
    description: params["description"] ?? null,
    email: params["email"] ?? null,
    invoice_prefix: stripe.newId("i").slice(2, 10).toUpperCase(),
    invoice_settings: {
      custom_fields: null,
      default_payment_method: params["invoice_settings"]?.default_payment_method ?? null,
      footer: null,
      rendering_options: null,
    },
    livemode: false,
    metadata: metadataOf({}, params["metadata"]),
    name: params["name"] ?? null,
    phone: params["phone"] ?? null,
    preferred_locales: [],
    shipping: params["shipping"] ?? null,
    tax_exempt: "none",
    test_clock: null,
  }
  stripe.table("cus").set(row.id, row)
  if (params["payment_method"]) attach(stripe, methodOf(stripe, params), row.id)
  stripe.happened("customer.created", row)
  return row
}

function newSetup(stripe: Stripe, params: Params): any {
  only(
    params,
    "allowed_payment_method_types attach_to_self automatic_payment_methods confirm customer description " +
      "excluded_payment_method_types flow_directions mandate_data metadata on_behalf_of payment_method payment_method_data " +
      "payment_method_options return_url single_use usage use_stripe_sdk",
  )
  if (params["customer"]) stripe.get("cus", params["customer"], "customer")
  const id = stripe.newId("seti")
  const method = methodOf(stripe, params)
  const row: any = {
    id,
    object: "setup_intent",
    application: null,
    automatic_payment_methods: params["allowed_payment_method_types"]
      ? null
      : { allow_redirects: "always", enabled: true },
    cancellation_reason: null,
    client_secret: `${id}_secret_${stripe.newId("s").slice(2)}`,
    created: stripe.now(),
    customer: params["customer"] ?? null,
    description: params["description"] ?? null,
    excluded_payment_method_types: null,
    flow_directions: null,
    last_setup_error: null,
    latest_attempt: null,
    livemode: false,
    mandate: null,
    metadata: metadataOf({}, params["metadata"]),
    next_action: null,
    on_behalf_of: null,
    payment_method: method?.id ?? null,
    payment_method_configuration_details: null,
    payment_method_options: {
      card: { mandate_options: null, network: null, request_three_d_secure: "automatic" },
    },
    payment_method_types: params["allowed_payment_method_types"] ?? ["card"],
    single_use_mandate: null,
    status: method ? "requires_confirmation" : "requires_payment_method",
    usage: params["usage"] ?? "off_session",
  }
  stripe.table("seti").set(id, row)
  stripe.happened("setup_intent.created", row)
  return params["confirm"] === "true" ? confirmSetup(stripe, row, params) : row
}

/** The card is kept, or its bank refuses. @throws Refusal 402 */
export function confirmSetup(stripe: Stripe, row: any, params: Params): any {
  const method =
    methodOf(stripe, params) ?? (row.payment_method && stripe.get("pm", row.payment_method))
  if (!row.status.startsWith("requires_") || !method)
    throw new Refusal(400, {
      type: "invalid_request_error",
      code: "setup_intent_unexpected_state",
      message: `You cannot confirm this SetupIntent because it has a status of ${row.status}.`,
      setup_intent: row,
    })
  const card = cardOf(method.number)
  if (card.decline && !card.failsLater) {
    const { code, reason, message } = card.decline
    const error = {
      type: "card_error",
      code,
      decline_code: reason,
      message,
      payment_method: stripe.seen(method),
    }
    Object.assign(row, { status: "requires_payment_method", last_setup_error: error })
    stripe.happened("setup_intent.setup_failed", row)
    throw new Refusal(402, { ...error, setup_intent: structuredClone(row) })
  }
  Object.assign(row, { status: "succeeded", payment_method: method.id, next_action: null })
  if (row.customer) attach(stripe, method, row.customer)
  stripe.happened("setup_intent.succeeded", row)
  return row
}

/** Customers, their cards, and setup intents, which keep a card without charging it. */
export function customerRoutes(stripe: Stripe): Route[] {
  const rows = (kind: string) => [...stripe.table(kind).values()]
  const cards = (url: string, customer: string, params: Params) => {
    stripe.get("cus", customer, "customer")
    const own = rows("pm").filter((row) => row.customer === customer)
    return listOf(url, own, params)
  }
  return [
    ["POST", "/v1/customers", (params) => newCustomer(stripe, params)],
    [
      "GET",
      "/v1/customers",
      (params) =>
        listOf(
          "/v1/customers",
          rows("cus").filter((row) => (params["email"] ?? row.email) === row.email),
          params,
        ),
    ],
    [
      "GET",
      "/v1/customers/search",
      (params) => searched("/v1/customers/search", rows("cus"), params),
    ],
    ["GET", "/v1/customers/:id", (_, id) => stripe.get("cus", id)],
    [
      "POST",
      "/v1/customers/:id",
      (params, id) => {
        const row = stripe.get("cus", id)
        for (const name of ["name", "email", "phone", "description", "address", "shipping"])
          if (params[name] !== undefined) row[name] = params[name]
        Object.assign(row.invoice_settings, params["invoice_settings"])
        row.metadata = metadataOf(row.metadata, params["metadata"])
        return row
      },
    ],
    [
      "DELETE",
      "/v1/customers/:id",
      (_, id) => {
        stripe.get("cus", id)
        for (const row of rows("pm")) if (row.customer === id) row.customer = null
        stripe.table("cus").delete(id)
        return { id, object: "customer", deleted: true }
      },
    ],
    [
      "GET",
      "/v1/customers/:id/payment_methods",
      (params, id) => cards(`/v1/customers/${id}/payment_methods`, id, params),
    ],
    ["POST", "/v1/payment_methods", (params) => described(stripe, params)],
    [
      "GET",
      "/v1/payment_methods",
      (params) => cards("/v1/payment_methods", required(params, "customer"), params),
    ],
    ["GET", "/v1/payment_methods/:id", (_, id) => stripe.get("pm", id)],
    [
      "POST",
      "/v1/payment_methods/:id/attach",
      (params, id) =>
        attach(stripe, methodOf(stripe, { payment_method: id }), required(params, "customer")),
    ],
    [
      "POST",
      "/v1/payment_methods/:id/detach",
      (_, id) => {
        const row = stripe.get("pm", id)
        if (row.customer === null)
          throw new Refusal(400, {
            type: "invalid_request_error",
            message:
              "The payment method you provided is not attached to a customer so detachment is impossible.",
          })
        row.customer = null
        stripe.happened("payment_method.detached", row)
        return row
      },
    ],
    ["POST", "/v1/setup_intents", (params) => newSetup(stripe, params)],
    ["GET", "/v1/setup_intents/:id", (_, id) => stripe.get("seti", id)],
    [
      "POST",
      "/v1/setup_intents/:id/confirm",
      (params, id) => confirmSetup(stripe, stripe.get("seti", id), params),
    ],
    [
      "POST",
      "/v1/setup_intents/:id/cancel",
      (_, id) => Object.assign(stripe.get("seti", id), { status: "canceled" }),
    ],
  ]
}
