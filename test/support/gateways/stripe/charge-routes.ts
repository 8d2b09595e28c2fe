import { dispute } from "./disputes.ts"
import { refund } from "./refunds.ts"
import type { Stripe } from "./stripe.ts"
import { listOf, metadataOf, only, type Route } from "./wire.ts"

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
