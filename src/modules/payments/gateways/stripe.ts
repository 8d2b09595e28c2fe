import type Stripe from "stripe"

import type { StripeSettings } from "#config.ts"
import { refused } from "#platform/call.ts"

import type { Answer, Gateway, StartRequest } from "../gateway.ts"
import { fromStripe, toStripe } from "./amounts.ts"
import { failedRefund } from "./refusal.ts"
import {
  ask,
  askFor,
  clientOf,
  countOf,
  isReused,
  secondsOf,
  type StripeError,
} from "./stripe-client.ts"
import { savedOf } from "./stripe-saved.ts"
import { idOf, toAnswer, toDispute, toRefund } from "./stripe-told.ts"
import { readStripe } from "./stripe-webhook.ts"

/** What is read beside a payment intent: its charge, and what Stripe keeps of it. */
const expand = ["latest_charge.balance_transaction"]

/** As many as one page of `list` has of one kind. */
const pageSize = 50

/**
 * Stripe by payment intents (docs.stripe.com/api, version of the SDK). The client confirms with `client_secret`. Our
 * payment's id is the idempotency key, kept by Stripe for a day at least, and in the metadata for ever.
 */
export function stripe(settings: StripeSettings): Gateway {
  const client = clientOf(settings)
  const intents = client.paymentIntents

  async function start(request: StartRequest): Promise<Answer> {
    const made = await ask(
      () => intents.create(intentOf(request), { idempotencyKey: request.key }),
      // The key was used for something else: a saved method was charged under it.
      (error) => (isReused(error) ? searched(request.key) : undefined),
    )
    // What a key answers again is as old as the intent.
    return toAnswer(made, made.created)
  }
  async function searched(key: string): Promise<Stripe.PaymentIntent | undefined> {
    const query = `metadata["payment"]:"${key}"`
    const { data } = await ask(() =>
      intents.search({ query, limit: 1, expand: expand.map((path) => `data.${path}`) }),
    )
    return data[0]
  }
  /** What cannot be done to an intent in its state says what that is when it is looked at. */
  const unlessOver = (id: string) => (error: StripeError) =>
    error.code === "payment_intent_unexpected_state" ? intents.retrieve(id, { expand }) : undefined

  return {
    takes: (amount) => toStripe(amount) !== undefined,
    start,
    async capture({ ref, key }, amount) {
      if (ref === null) throw refused("unknown-payment")
      const taken = await ask(
        () =>
          intents.capture(
            ref,
            { amount_to_capture: countOf(amount), expand },
            { idempotencyKey: `${key}-capture-${amount.amount}` },
          ),
        unlessOver(ref),
      )
      return toAnswer(taken, secondsOf(taken))
    },
    async cancel(payment) {
      const ref = payment.ref ?? (await start(payment)).ref
      // Without a key of its own: what could not be given up a while ago may be by now.
      const given = await ask(() => intents.cancel(ref, { expand }), unlessOver(ref))
      return toAnswer(given, secondsOf(given))
    },
    async find({ ref, key }) {
      if (ref === null) {
        const found = await searched(key)
        return found && toAnswer(found, found.created)
      }
      const found = await askFor(() => intents.retrieve(ref, { expand }))
      return found && toAnswer(found, secondsOf(found))
    },
    async refund({ ref }, amount, key) {
      try {
        const wanted = { payment_intent: ref, amount: countOf(amount), metadata: { refund: key } }
        const idempotencyKey = key
        return toRefund(await ask(() => client.refunds.create(wanted, { idempotencyKey })))
      } catch (error) {
        return failedRefund(error)
      }
    },
    async findRefund({ key, ref, payment }) {
      if (ref !== null) {
        const made = await askFor(() => client.refunds.retrieve(ref))
        return made && toRefund(made)
      }
      const { data } = await ask(() =>
        client.refunds.list({ payment_intent: payment.ref, limit: 100 }),
      )
      const found = data.find(({ metadata }) => metadata?.["refund"] === key)
      return found && toRefund(found)
    },
    async findDispute(ref) {
      const found = await askFor(() => client.disputes.retrieve(ref))
      return found && toDispute(found)
    },
    readWebhook: (webhook) => readStripe(client, settings.webhookSecret, webhook),
    async list(since, cursor) {
      const [kind = "payments", after] = cursor?.split(":") ?? []
      const params = {
        created: { gte: Math.floor(since.getTime() / 1000) },
        limit: pageSize,
        ...(after && { starting_after: after }),
      }
      if (kind === "payments") {
        const page = await ask(() =>
          intents.list({ ...params, expand: expand.map((path) => `data.${path}`) }),
        )
        return {
          payments: page.data.map((intent) => ({
            ...toAnswer(intent, intent.created),
            key: intent.metadata["payment"] ?? null,
          })),
          refunds: [],
          disputes: [],
          next: page.has_more ? `payments:${page.data.at(-1)?.id}` : "refunds:",
        }
      }
      if (kind === "disputes") {
        const page = await ask(() => client.disputes.list(params))
        return {
          payments: [],
          refunds: [],
          disputes: page.data.flatMap((dispute) => toDispute(dispute) ?? []),
          next: page.has_more ? `disputes:${page.data.at(-1)?.id}` : null,
        }
      }
      const page = await ask(() => client.refunds.list(params))
      return {
        payments: [],
        refunds: page.data.map((refund) => {
          const currency = refund.currency.toUpperCase()
          return {
            ...toRefund(refund),
            key: refund.metadata?.["refund"] ?? null,
            amount: fromStripe(refund.amount, currency),
            currency,
            payment: {
              ref: idOf(refund.payment_intent) ?? null,
              captureRef: idOf(refund.charge) ?? null,
            },
          }
        }),
        disputes: [],
        next: page.has_more ? `refunds:${page.data.at(-1)?.id}` : "disputes:",
      }
    },
    saved: savedOf(client, searched),
  }
}

/** What is asked for; the same for the same payment, as Stripe's idempotency wants it. */
function intentOf({
  key,
  reference,
  capture,
  customer,
  save,
  ...amount
}: Omit<StartRequest, "returnUrl">): Stripe.PaymentIntentCreateParams {
  return {
    amount: countOf(amount),
    currency: amount.currency.toLowerCase(),
    capture_method: capture,
    automatic_payment_methods: { enabled: true },
    metadata: { payment: key, reference },
    ...(customer && { customer: customer.ref }),
    ...(save && { setup_future_usage: "off_session" }),
  }
}
