import fc from "fast-check"
import { describe, expect, it } from "vitest"

import {
  fromPaypal,
  fromStripe,
  toPaypal,
  toSquare,
  toStripe,
} from "#modules/payments/gateways/amounts.ts"

describe("an amount as Stripe counts it", () => {
  it.each([
    // minor units, currency, at Stripe
    [129_999, "USD", 129_999],
    [1, "EUR", 1],
    [1300, "JPY", 1300],
    [1300, "KRW", 1300],
    [1300, "VND", 1300],
    [5000, "CLP", 5000],
    [4500, "HUF", 4500],
    [4500, "TWD", 4500],
    [500, "ISK", 50_000],
    [12_000, "UGX", 1_200_000],
    [1250, "KWD", 1250],
    [1200, "BHD", 1200],
    [5120, "TND", 5120],
  ])("%i of %s is %s", (amount, currency, at) => {
    expect(toStripe({ amount, currency })).toBe(at)
    expect(fromStripe(at, currency)).toBe(amount)
  })

  it.each([
    [1251, "KWD"],
    [1, "JOD"],
    [99, "OMR"],
  ])("cannot be %i of %s: the last of three decimals is 0", (amount, currency) => {
    expect(toStripe({ amount, currency })).toBeUndefined()
  })

  it("is no whole number when it is none of ours", () => {
    expect(fromStripe(50_050, "ISK")).toBe(500.5)
  })
})

describe("an amount as PayPal writes it", () => {
  it.each([
    [129_999, "USD", "1299.99"],
    [5, "EUR", "0.05"],
    [1000, "GBP", "10.00"],
    [1300, "JPY", "1300"],
    [450_000, "HUF", "4500"],
    [450_000, "TWD", "4500"],
  ])("%i of %s is %s", (amount, currency, at) => {
    expect(toPaypal({ amount, currency })).toBe(at)
    expect(fromPaypal({ value: at, currency_code: currency })).toBe(amount)
  })

  it.each([
    ["1300.00", "JPY", 1300],
    ["4500.00", "HUF", 450_000],
    ["4500", "HUF", 450_000],
    ["10", "USD", 1000],
    ["10.5", "USD", 1050],
    ["10.005", "USD", Number.NaN],
    ["-10.00", "USD", Number.NaN],
    ["1e3", "USD", Number.NaN],
    ["1300.50", "JPY", Number.NaN],
    ["1.250", "KWD", Number.NaN],
  ])("%s %s is %s", (value, currency_code, amount) => {
    expect(fromPaypal({ value, currency_code })).toBe(amount)
  })
})

it.each([
  [450_050, "HUF"],
  [1, "TWD"],
  [1250, "KWD"],
  [500, "ISK"],
])("%i of %s is nothing that PayPal takes", (amount, currency) => {
  expect(toPaypal({ amount, currency })).toBeUndefined()
})

describe("an amount as Square counts it", () => {
  it.each([
    [129_999, "USD", { amount: 129_999, currency: "USD" }],
    [1300, "JPY", { amount: 1300, currency: "JPY" }],
    [1250, "KWD", undefined],
    [1000, "CHF", undefined],
  ])("%i of %s is %j", (amount, currency, at) => {
    expect(toSquare({ amount, currency })).toEqual(at)
  })
})

it("is the same amount when it comes back, whatever it is", () => {
  const stripe = ["USD", "EUR", "JPY", "HUF", "TWD", "ISK", "UGX", "KWD", "TND"]
  const paypal = ["USD", "EUR", "JPY", "HUF", "TWD"]
  // Thousands are whole in each of them.
  const thousands = fc.integer({ min: 1, max: 999_999 }).map((n) => n * 1000)
  fc.assert(
    fc.property(thousands, fc.constantFrom(...stripe), (amount, currency) => {
      expect(fromStripe(toStripe({ amount, currency }) ?? Number.NaN, currency)).toBe(amount)
    }),
  )
  fc.assert(
    fc.property(thousands, fc.constantFrom(...paypal), (amount, currency_code) => {
      const value = toPaypal({ amount, currency: currency_code }) ?? ""
      expect(fromPaypal({ value, currency_code })).toBe(amount)
    }),
  )
})
