import { toDecimal } from "#lib/money.ts"

import type { Order } from "./model.ts"
import type { orders } from "./tables.ts"

type Figures =
  | "currency"
  | "totalAmount"
  | "baseCurrency"
  | "baseTotalAmount"
  | "exchangeRate"
  | "exchangeRateAt"
  | "exchangeRateSource"

/** What an order comes to in the shop's own currency, by the rate it was placed with, on the wire. */
export function inBase(
  row: Pick<typeof orders.$inferSelect, Figures>,
): Pick<Order, "base_currency" | "base_total" | "exchange_rate"> {
  const { baseCurrency, baseTotalAmount, exchangeRate, exchangeRateAt, exchangeRateSource } = row
  const isConverted =
    baseCurrency !== null &&
    baseTotalAmount !== null &&
    exchangeRate !== null &&
    exchangeRateAt !== null &&
    exchangeRateSource !== null
  if (!isConverted)
    return {
      base_currency: row.currency,
      base_total: toDecimal(row.totalAmount, row.currency),
      exchange_rate: null,
    }
  return {
    base_currency: baseCurrency,
    base_total: toDecimal(baseTotalAmount, baseCurrency),
    exchange_rate: {
      base: baseCurrency,
      rate: exchangeRate,
      as_of: exchangeRateAt,
      source: exchangeRateSource,
    },
  }
}
