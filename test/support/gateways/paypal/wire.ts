import { randomBytes } from "node:crypto"

import { digitsOf } from "../party.ts"

/** What a request may be refused for (developer.paypal.com/api/rest/reference/orders/v2/errors), by the issue it names. */
const descriptions: Record<string, string> = {
  INVALID_PARAMETER_VALUE: "The value of a field is invalid.",
  MISSING_REQUIRED_PARAMETER: "A required field is missing.",
  CURRENCY_NOT_SUPPORTED: "Currency code is not currently supported.",
  DECIMALS_NOT_SUPPORTED: "Currency does not support decimals.",
  DECIMAL_PRECISION: "The amount has too many decimals.",
  CANNOT_BE_ZERO_OR_NEGATIVE: "Must be greater than zero.",
  AMOUNT_MISMATCH:
    "Should equal item_total + tax_total + shipping + handling + insurance - shipping_discount - discount.",
  ITEM_TOTAL_MISMATCH:
    "Should equal sum of (unit_amount * quantity) across all items for a given purchase_unit.",
  ORDER_NOT_APPROVED: "Payer has not yet approved the Order for payment.",
  ORDER_ALREADY_CAPTURED:
    "Order already captured. If 'intent=CAPTURE' only one capture per order is allowed.",
  ORDER_ALREADY_AUTHORIZED:
    "Order already authorized. If 'intent=AUTHORIZE' only one authorization per order is allowed.",
  ACTION_DOES_NOT_MATCH_INTENT: "Order was created with another intent.",
  INSTRUMENT_DECLINED:
    "The instrument presented was either declined by the processor or bank, or it can't be used for this payment.",
  DUPLICATE_INVOICE_ID:
    "Requested invoice number has been previously captured. Possible duplicate transaction.",
  AUTHORIZATION_VOIDED: "A voided authorization cannot be captured or reauthorized.",
  AUTHORIZATION_ALREADY_CAPTURED: "Authorization has already been captured.",
  PREVIOUSLY_CAPTURED: "Authorization has been previously captured and hence cannot be voided.",
  PREVIOUSLY_VOIDED: "Authorization has been previously voided and hence cannot be voided.",
  MAX_CAPTURE_AMOUNT_EXCEEDED: "Capture amount exceeds allowable limit.",
  AUTH_CAPTURE_CURRENCY_MISMATCH:
    "Currency of capture must be the same as currency of authorization.",
  CAPTURE_FULLY_REFUNDED: "The capture has already been fully refunded.",
  REFUND_NOT_ALLOWED: "The capture is disputed.",
  REFUND_AMOUNT_EXCEEDED:
    "The refund amount must be less than or equal to the capture amount that has not yet been refunded.",
  REFUND_CAPTURE_CURRENCY_MISMATCH: "Refund must be in the same currency as the capture.",
  REFUND_FAILED_INSUFFICIENT_FUNDS: "Capture could not be refunded due to insufficient funds.",
}

/** An error in PayPal's words. */
export class Refusal extends Error {
  readonly status: number
  readonly body: Record<string, unknown>
  constructor(status: number, name: string, message: string, details: unknown[] = []) {
    super(message)
    this.status = status
    this.body = { name, message, debug_id: randomBytes(6).toString("hex"), details, links: [] }
  }
}

/** 422: well written, and cannot be done. */
export function unprocessable(issue: string, field?: string, value?: string): Refusal {
  return new Refusal(
    422,
    "UNPROCESSABLE_ENTITY",
    "The requested action could not be performed, semantically incorrect, or failed business validation.",
    [
      {
        issue,
        description: descriptions[issue] ?? issue,
        ...(field && { field, value, location: "body" }),
      },
    ],
  )
}

/** 400: not written as it should be. */
export function malformed(issue: string, field: string, value?: unknown): Refusal {
  return new Refusal(
    400,
    "INVALID_REQUEST",
    "Request is not well-formed, syntactically incorrect, or violates schema.",
    [{ field, value, location: "body", issue, description: descriptions[issue] ?? issue }],
  )
}

export function missing(): Refusal {
  return new Refusal(404, "RESOURCE_NOT_FOUND", "The specified resource does not exist.", [
    {
      issue: "INVALID_RESOURCE_ID",
      description:
        "Specified resource ID does not exist. Please check the resource ID and try again.",
    },
  ])
}

export type Money = { currency_code: string; value: string }

const supported =
  "AUD BRL CAD CNY CZK DKK EUR HKD HUF ILS JPY MYR MXN TWD NZD NOK PHP PLN GBP SGD SEK CHF THB USD"

/** An amount in ISO minor units. @throws Refusal when PayPal cannot read it, or has no such currency */
export function minorOf(money: Money | undefined, field: string, mayBeZero = false): number {
  if (!money) throw malformed("MISSING_REQUIRED_PARAMETER", field)
  const { currency_code: currency, value } = money
  if (!/^[A-Z]{3}$/.test(currency ?? ""))
    throw malformed("INVALID_PARAMETER_VALUE", `${field}/currency_code`, currency)
  if (typeof value !== "string" || !/^-?\d+(?:\.\d+)?$/.test(value))
    throw malformed("INVALID_PARAMETER_VALUE", `${field}/value`, value)
  if (!supported.split(" ").includes(currency))
    throw unprocessable("CURRENCY_NOT_SUPPORTED", `${field}/currency_code`, currency)
  const [whole = "", fraction = ""] = value.split(".")
  if (/^(?:HUF|JPY|TWD)$/.test(currency) && fraction !== "")
    throw unprocessable("DECIMALS_NOT_SUPPORTED", `${field}/value`, value)
  if (fraction.length > 2) throw unprocessable("DECIMAL_PRECISION", `${field}/value`, value)
  const minor = Number(whole + fraction.padEnd(digitsOf(currency), "0"))
  if (minor < 0 || (minor === 0 && !mayBeZero))
    throw unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE", `${field}/value`, value)
  return minor
}

/** ISO minor units in PayPal's form: `"12.34"`, JPY `"1234"`. */
export function moneyOf(minor: number, currency: string): Money {
  const digits = digitsOf(currency)
  const text = String(Math.abs(minor)).padStart(digits + 1, "0")
  const whole = text.slice(0, text.length - digits)
  const fraction = text.slice(text.length - digits)
  const isWhole = digits === 0 || /^(?:HUF|TWD)$/.test(currency)
  const value = `${minor < 0 ? "-" : ""}${whole}${isWhole ? "" : `.${fraction}`}`
  return { currency_code: currency, value }
}
