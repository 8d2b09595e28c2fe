import { cardOf } from "../cards.ts"
import { capturable, charge, take } from "./charges.ts"
import { attach, methodOf } from "./customers.ts"
import type { Stripe } from "./stripe.ts"
import {
  chargeable,
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

const createParams =
  "amount currency allowed_payment_method_types amount_details application_fee_amount automatic_payment_methods " +
  "capture_method confirm confirmation_method confirmation_token customer customer_account description " +
  "error_on_requires_action excluded_payment_method_types hooks mandate mandate_data metadata off_session on_behalf_of " +
  "payment_details payment_method payment_method_configuration payment_method_data payment_method_options radar_options " +
  "receipt_email return_url setup_future_usage shipping statement_descriptor statement_descriptor_suffix transfer_data " +
  "transfer_group use_stripe_sdk"
const confirmParams =
  "allowed_payment_method_types amount_details amount_to_confirm capture_method client_secret confirmation_token " +
  "error_on_requires_action excluded_payment_method_types hooks key mandate mandate_data off_session payment_details " +
  "payment_method payment_method_data payment_method_options radar_options receipt_email return_url setup_future_usage " +
  "shipping use_stripe_sdk"

function create(stripe: Stripe, params: Params): any {
  only(params, createParams)
  const currency = required(params, "currency").toLowerCase()
  const amount = chargeable(required(params, "amount"), currency)
  const capture_method = params["capture_method"] ?? "automatic_async"
  if (!/^(?:automatic|automatic_async|manual)$/.test(capture_method))
    throw invalid("Invalid capture_method", "capture_method")
  if (params["customer"]) stripe.get("cus", params["customer"], "customer")
  if (params["confirm"] !== "true")
    for (const name of ["off_session", "error_on_requires_action", "return_url", "mandate_data"])
      if (params[name] !== undefined)
        throw invalid(
          `The parameter \`${name}\` cannot be passed when creating a PaymentIntent unless \`confirm\` is set to true.`,
          name,
        )
  const types = params["allowed_payment_method_types"]
  const automatic = params["automatic_payment_methods"]
  const id = stripe.newId("pi")
  const intent: any = {
    id,
    object: "payment_intent",
    amount,
    allowed_payment_method_types: types ?? null,
    amount_capturable: 0,
    amount_details: { tip: {} },
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    // On unless the types are named (`payment_method_types` is gone as of API version 2026-10-28).
    automatic_payment_methods: types
      ? null
      : { allow_redirects: automatic?.allow_redirects ?? "always", enabled: true },
    canceled_at: null,
    cancellation_reason: null,
    capture_method,
    client_secret: `${id}_secret_${stripe.newId("s").slice(2)}`,
    confirmation_method: "automatic",
    created: stripe.now(),
    currency,
    customer: params["customer"] ?? null,
    description: params["description"] ?? null,
    excluded_payment_method_types: null,
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    metadata: metadataOf({}, params["metadata"]),
    next_action: null,
    on_behalf_of: null,
    payment_method: null,
    payment_method_configuration_details: null,
    payment_method_options: {
      card: {
        installments: null,
        mandate_options: null,
        network: null,
        request_three_d_secure: "automatic",
      },
    },
    payment_method_types: types ?? ["card"],
    processing: null,
    receipt_email: params["receipt_email"] ?? null,
    review: null,
    setup_future_usage: params["setup_future_usage"] ?? null,
    shipping: params["shipping"] ?? null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: params["statement_descriptor_suffix"] ?? null,
    status: "requires_payment_method",
    transfer_data: null,
    transfer_group: null,
  }
  const method = methodOf(stripe, params)
  if (method) Object.assign(intent, { payment_method: method.id, status: "requires_confirmation" })
  if (params["confirm"] === "true") checkReturn(intent, params)
  stripe.table("pi").set(id, intent)
  stripe.happened("payment_intent.created", intent)
  return params["confirm"] === "true" ? confirm(stripe, intent, params) : intent
}

/** @throws Refusal for methods that may lead away from the shop when nobody said where to come back to */
function checkReturn(intent: any, params: Params): void {
  const leads = intent.automatic_payment_methods?.allow_redirects === "always"
  if (leads && params["return_url"] === undefined)
    throw invalid(
      "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these " +
        "payment methods might redirect your customer off of your page, you must provide a `return_url`.",
      "return_url",
    )
}

const unexpected = (intent: any, message: string) =>
  new Refusal(400, {
    type: "invalid_request_error",
    code: "payment_intent_unexpected_state",
    message,
    payment_intent: intent,
  })

function confirm(stripe: Stripe, intent: any, params: Params): any {
  only(params, params["confirm"] === undefined ? confirmParams : createParams)
  if (!/^requires_(?:payment_method|confirmation|action)$/.test(intent.status))
    throw unexpected(
      intent,
      `You cannot confirm this PaymentIntent because it has a status of ${intent.status}.`,
    )
  const method =
    methodOf(stripe, params) ?? (intent.payment_method && stripe.get("pm", intent.payment_method))
  if (!method)
    throw unexpected(
      intent,
      "You cannot confirm this PaymentIntent because it's missing a payment method.",
    )
  // A payer's own browser says where it is.
  if (params["client_secret"] === undefined) checkReturn(intent, params)
  if (params["setup_future_usage"]) intent.setup_future_usage = params["setup_future_usage"]
  intent.payment_method = method.id
  const card = cardOf(method.number)
  const off = params["off_session"] === "true"
  if (card.challenge && off)
    return decline(stripe, intent, method, {
      code: "authentication_required",
      reason: "authentication_required",
      message: "Your card was declined. This transaction requires authentication.",
    })
  if (card.challenge) {
    intent.status = "requires_action"
    const return_url = params["return_url"] ?? null
    intent.next_action = return_url
      ? {
          type: "redirect_to_url",
          redirect_to_url: { return_url, url: `${stripe.base}/pay/stripe/${intent.id}` },
        }
      : { type: "use_stripe_sdk", use_stripe_sdk: { type: "three_d_secure_redirect" } }
    stripe.happened("payment_intent.requires_action", intent)
    return intent
  }
  const failed =
    card.decline && (!card.failsLater || method.customer !== null) ? card.decline : undefined
  const byChance = stripe.happens(stripe.behaviour.decline)
    ? { code: "card_declined", reason: "generic_decline", message: "Your card was declined." }
    : undefined
  const failure = failed ?? byChance
  return failure ? decline(stripe, intent, method, failure) : succeed(stripe, intent, method)
}

/** @throws Refusal always: a decline is an answer of 402 */
function decline(
  stripe: Stripe,
  intent: any,
  method: any,
  failure: { code: string; reason: string; message: string },
): never {
  const made = charge(stripe, intent, method, failure, false)
  const error = {
    type: "card_error",
    code: failure.code,
    decline_code: failure.reason,
    message: failure.message,
    charge: made.id,
    doc_url: `https://stripe.com/docs/error-codes/${failure.code.replaceAll("_", "-")}`,
    payment_method: stripe.seen(method),
  }
  Object.assign(intent, {
    status: "requires_payment_method",
    payment_method: null,
    latest_charge: made.id,
    last_payment_error: error,
    next_action: null,
  })
  stripe.happened("payment_intent.payment_failed", intent)
  throw new Refusal(402, { ...error, payment_intent: structuredClone(intent) })
}

/** The card goes through: the money is taken, or held until it is captured. */
export function succeed(stripe: Stripe, intent: any, method: any): any {
  const isManual = intent.capture_method === "manual"
  const made = charge(stripe, intent, method, undefined, !isManual)
  Object.assign(intent, {
    latest_charge: made.id,
    last_payment_error: null,
    next_action: null,
    payment_method: method.id,
    ...(isManual
      ? { status: "requires_capture", amount_capturable: intent.amount }
      : { status: "succeeded", amount_received: intent.amount }),
  })
  if (intent.setup_future_usage && intent.customer) attach(stripe, method, intent.customer)
  stripe.happened(
    isManual ? "payment_intent.amount_capturable_updated" : "payment_intent.succeeded",
    intent,
  )
  return intent
}

function capture(stripe: Stripe, intent: any, params: Params): any {
  only(
    params,
    "amount_to_capture metadata final_capture statement_descriptor statement_descriptor_suffix",
  )
  if (intent.status !== "requires_capture")
    throw unexpected(
      intent,
      `This PaymentIntent could not be captured because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.`,
    )
  const amount = capturable(params, intent)
  const made = stripe.get("ch", intent.latest_charge)
  take(stripe, made, amount)
  Object.assign(intent, {
    status: "succeeded",
    amount_received: amount,
    amount_capturable: 0,
    metadata: metadataOf(intent.metadata, params["metadata"]),
  })
  stripe.happened("charge.captured", made)
  stripe.happened("payment_intent.succeeded", intent)
  return intent
}

function cancel(stripe: Stripe, intent: any, params: Params): any {
  only(params, "cancellation_reason")
  const reason = params["cancellation_reason"] ?? null
  if (reason && !/^(?:duplicate|fraudulent|requested_by_customer|abandoned)$/.test(reason))
    throw invalid("Invalid cancellation_reason", "cancellation_reason")
  if (!/^(?:requires_\w+|processing)$/.test(intent.status))
    throw unexpected(
      intent,
      `You cannot cancel this PaymentIntent because it has a status of ${intent.status}.`,
    )
  Object.assign(intent, {
    status: "canceled",
    amount_capturable: 0,
    canceled_at: stripe.now(),
    cancellation_reason: reason,
    next_action: null,
  })
  stripe.happened("payment_intent.canceled", intent)
  return intent
}

function update(stripe: Stripe, intent: any, params: Params): any {
  only(params, createParams.replace(/ (?:confirm|off_session|return_url)\b/g, ""))
  if (!/^requires_(?:payment_method|confirmation|action)$/.test(intent.status) && params["amount"])
    throw unexpected(
      intent,
      `This PaymentIntent's amount could not be updated because it has a status of ${intent.status}.`,
    )
  if (params["amount"]) intent.amount = chargeable(params["amount"], intent.currency)
  for (const name of ["description", "receipt_email", "customer", "setup_future_usage", "shipping"])
    if (params[name] !== undefined) intent[name] = params[name]
  intent.metadata = metadataOf(intent.metadata, params["metadata"])
  const method = methodOf(stripe, params)
  if (method) Object.assign(intent, { payment_method: method.id, status: "requires_confirmation" })
  return intent
}

/** Payment intents. */
export function intentRoutes(stripe: Stripe): Route[] {
  const path = "/v1/payment_intents"
  const rows = () => [...stripe.table("pi").values()]
  const on = (run: (intent: any, params: Params) => unknown) => (params: Params, id: string) =>
    run(stripe.get("pi", id), params)
  return [
    ["POST", path, (params) => create(stripe, params)],
    [
      "GET",
      path,
      (params) => {
        const { customer } = params
        return listOf(
          path,
          rows().filter((row) => (customer ?? row.customer) === row.customer),
          params,
        )
      },
    ],
    ["GET", `${path}/search`, (params) => searched(`${path}/search`, rows(), params)],
    ["GET", `${path}/:id`, on((intent) => intent)],
    ["POST", `${path}/:id`, on((intent, params) => update(stripe, intent, params))],
    ["POST", `${path}/:id/confirm`, on((intent, params) => confirm(stripe, intent, params))],
    ["POST", `${path}/:id/capture`, on((intent, params) => capture(stripe, intent, params))],
    ["POST", `${path}/:id/cancel`, on((intent, params) => cancel(stripe, intent, params))],
  ]
}
