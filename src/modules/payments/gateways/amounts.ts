import { exponentOf, fromDecimal, toDecimal } from "#lib/money.ts"

import type { Amount } from "../gateway.ts"

/** Without minor units for us (ISO 4217), in hundredths at Stripe, always whole: its "special cases". */
const stripeHundredfold: readonly string[] = ["UGX", "ISK"]

/**
 * An amount as Stripe counts it (docs.stripe.com/currencies): minor units, ISK and UGX in hundredths. `undefined` for
 * what it cannot take: of three decimals the last must be 0.
 */
export function toStripe({ amount, currency }: Amount): number | undefined {
  if (stripeHundredfold.includes(currency)) return amount * 100
  return exponentOf(currency) === 3 && amount % 10 !== 0 ? undefined : amount
}

/** What Stripe counts in minor units; no whole number where it is no amount of ours. */
export function fromStripe(amount: number, currency: string): number {
  return stripeHundredfold.includes(currency) ? amount / 100 : amount
}

/** What PayPal takes (developer.paypal.com/api/rest/reference/currency-codes). */
const paypalCurrencies: readonly string[] =
  "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD".split(
    " ",
  )

/** Of these PayPal takes no decimals, although HUF and TWD have two (ISO 4217). */
const paypalWhole: readonly string[] = ["HUF", "JPY", "TWD"]

/** An amount as PayPal writes it: "1299.99", JPY "1300", HUF "4500". `undefined` for what it cannot take. */
export function toPaypal({ amount, currency }: Amount): string | undefined {
  if (!paypalCurrencies.includes(currency)) return undefined
  const text = toDecimal(amount, currency)
  if (!paypalWhole.includes(currency)) return text
  const [whole = "", decimals = ""] = text.split(".")
  return /^0*$/.test(decimals) ? whole : undefined
}

/** What PayPal writes, in minor units; NaN where it is no amount of that currency. */
export function fromPaypal({ value, currency_code: currency }: PaypalMoney): number {
  if (!paypalCurrencies.includes(currency)) return Number.NaN
  // It writes "1300.00" of whole currencies too.
  const text = exponentOf(currency) === 0 ? value.replace(/\.0+$/, "") : value
  return fromDecimal(text, currency) ?? Number.NaN
}

export type PaypalMoney = { value: string; currency_code: string }

/** What Square takes (developer.squareup.com/docs/build-basics/common-data-types/working-with-monetary-amounts). */
const squareCurrencies: readonly string[] = ["AUD", "CAD", "EUR", "GBP", "JPY", "USD"]

/** An amount as Square counts it: minor units of ISO 4217. `undefined` for currencies it does not take. */
export function toSquare({ amount, currency }: Amount): SquareMoney | undefined {
  return squareCurrencies.includes(currency) ? { amount, currency } : undefined
}

export type SquareMoney = { amount: number; currency: string }
