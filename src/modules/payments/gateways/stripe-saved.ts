import type Stripe from "stripe"

import type { Saved, SavedMethod, SetupAnswer } from "../gateway.ts"
import { ask, countOf, isReused } from "./stripe-client.ts"
import { toAnswer } from "./stripe-told.ts"

const expand = ["latest_charge.balance_transaction"]

/** Stripe's customers and their payment methods. `searched`: the intent of one of our payments. */
export function savedOf(
  client: Stripe,
  searched: (key: string) => Promise<Stripe.PaymentIntent | undefined>,
): Saved {
  return {
    async customer(key, email) {
      const query = `metadata["customer"]:"${key}"`
      const { data } = await ask(() => client.customers.search({ query, limit: 1 }))
      // The search is a minute behind; until then the key answers the same customer.
      const made =
        data[0] ??
        (await ask(() =>
          client.customers.create(
            { email, metadata: { customer: key } },
            { idempotencyKey: `customer-${key}-${email}`.slice(0, 255) },
          ),
        ))
      return made.id
    },
    async setup({ key, customer }) {
      const asked = {
        customer,
        usage: "off_session",
        automatic_payment_methods: { enabled: true },
        metadata: { setup: key },
      } as const
      const made = await ask(() =>
        client.setupIntents.create(asked, { idempotencyKey: `setup-${key}` }),
      )
      // What a key answers again is as old as the setup.
      return toSetup(await ask(() => client.setupIntents.retrieve(made.id)))
    },
    async methods(customer) {
      const { data } = await ask(() =>
        client.customers.listPaymentMethods(customer, { limit: 100 }),
      )
      return data.map(toMethod)
    },
    async charge({ key, reference, capture, customer, method, amount, currency }) {
      const made = await ask(
        () =>
          client.paymentIntents.create(
            {
              amount: countOf({ amount, currency }),
              currency: currency.toLowerCase(),
              capture_method: capture,
              customer,
              payment_method: method,
              // Nobody is there to be sent anywhere.
              automatic_payment_methods: { enabled: true, allow_redirects: "never" },
              off_session: true,
              confirm: true,
              metadata: { payment: key, reference },
              expand,
            },
            { idempotencyKey: key },
          ),
        // A decline comes with its intent; a key that was used otherwise stands for another one.
        (error) => error.payment_intent ?? (isReused(error) ? searched(key) : undefined),
      )
      return toAnswer(made, made.created)
    },
    async detach(method) {
      await ask<unknown>(
        () => client.paymentMethods.detach(method),
        // It is not there, or with no customer.
        () => "gone",
      )
    },
  }
}

function toSetup(setup: Stripe.SetupIntent): SetupAnswer {
  const { id, status, client_secret: clientSecret, payment_method: method } = setup
  return {
    ref: id,
    status: status === "succeeded" ? "succeeded" : status === "canceled" ? "failed" : "open",
    method:
      status === "succeeded" ? (typeof method === "string" ? method : (method?.id ?? null)) : null,
    ...(clientSecret !== null && { clientSecret }),
  }
}

function toMethod(method: Stripe.PaymentMethod): SavedMethod {
  const { id, type, card } = method
  const last4 = card?.last4 ?? method.sepa_debit?.last4 ?? method.us_bank_account?.last4 ?? null
  return {
    ref: id,
    kind: type,
    brand: card?.brand ?? null,
    last4,
    expires: card ? `${card.exp_year}-${String(card.exp_month).padStart(2, "0")}` : null,
  }
}
