import type { Stripe } from "./stripe.ts"

/** Money that moved on the account: what came, what it cost. */
export function balance(
  stripe: Stripe,
  type: string,
  source: string,
  currency: string,
  amount: number,
  fee = 0,
): any {
  const row = {
    id: stripe.newId("txn"),
    object: "balance_transaction",
    amount,
    available_on: stripe.now(),
    balance_type: "payments",
    created: stripe.now(),
    currency,
    description: null,
    exchange_rate: null,
    fee,
    fee_details:
      fee === 0
        ? []
        : [
            {
              amount: fee,
              application: null,
              currency,
              description: "Stripe processing fees",
              type: "stripe_fee",
            },
          ],
    net: amount - fee,
    reporting_category: type === "adjustment" ? "dispute" : type,
    source,
    status: "available",
    type,
  }
  stripe.table("txn").set(row.id, row)
  return row
}
