import { describe, expect, it } from "vitest"

import { closeness } from "#lib/place.ts"
import { quote } from "#modules/cart/quote.ts"
import { percentOf, ratesByClass } from "#modules/tax/assess.ts"

import { item, promotion, rate, sentFor, terms } from "../support/terms.ts"

describe("tax on prices without it", () => {
  it("is added, once a line, on what is left of it, and on the shipping", () => {
    const priced = quote(
      [item("a", { unitAmount: 999 }), item("b", { unitAmount: 4999, quantity: 2 })],
      terms({
        rates: [rate(200_000, { name: "VAT" })],
        shipping: sentFor(499),
        promotions: [promotion({ type: "percentage", basisPoints: 1000 })],
      }),
    )
    // 9.99 − 1.00 = 8.99 → 1.798; 99.98 − 10.00 = 89.98 → 17.996; 4.99 → 0.998
    expect(priced).toMatchObject({
      subtotalAmount: 10_997,
      discountAmount: 1100,
      shippingAmount: 499,
      taxAmount: 180 + 1800 + 100,
      includedTaxAmount: 0,
      totalAmount: 10_997 - 1100 + 499 + 2080,
      lines: [
        { taxes: [{ name: "VAT", rate: "20", amount: 180 }] },
        { taxes: [{ name: "VAT", rate: "20", amount: 1800 }] },
      ],
      shipping: { taxAmount: 100 },
    })
  })

  it("of several rates is rounded once and split: GST and QST in Québec", () => {
    const rates = [
      rate(50_000, { name: "GST", country: "CA" }),
      rate(99_750, { name: "QST", country: "CA", state: "QC", priority: 2 }),
    ]
    // 14.975 % of 10.10 is 1.512…: 0.505 and 1.007…
    expect(quote([item("a", { unitAmount: 1010 })], terms({ rates })).lines[0]).toMatchObject({
      taxAmount: 151,
      taxes: [
        { name: "GST", rate: "5", amount: 50 },
        { name: "QST", rate: "9.975", amount: 101 },
      ],
    })
  })

  it("that is compound is on top of the tax before it", () => {
    const rates = [
      rate(100_000, { name: "Duty" }),
      rate(100_000, { name: "VAT", priority: 2, isCompound: true }),
    ]
    expect(quote([item("a")], terms({ rates })).lines[0]?.taxes).toEqual([
      { name: "Duty", rate: "10", amount: 100 },
      { name: "VAT", rate: "10", amount: 110 },
    ])
  })

  it("goes by the class of the thing; a class without a rate is not taxed", () => {
    const items = [
      item("book", { taxClass: "books" }),
      item("pen"),
      item("gift", { taxClass: "none" }),
    ]
    const rates = [rate(200_000), rate(50_000, { taxClass: "books" })]
    const priced = quote(items, terms({ rates, shipping: sentFor(100, "none") }))
    expect(priced.lines.map(({ taxAmount }) => taxAmount)).toEqual([50, 200, 0])
    expect(priced.shipping).toMatchObject({ taxAmount: 0, taxes: [] })
  })

  it.each([
    ["half-even", 2],
    ["half-up", 3],
    ["half-down", 2],
  ] as const)("rounded %s: 2.5 is %d", (rounding, tax) => {
    const priced = quote(
      [item("a", { unitAmount: 25 })],
      terms({ rates: [rate(100_000)], how: { rounding } }),
    )
    expect(priced.taxAmount).toBe(tax)
  })

  it("rounded once for the order is split over the lines", () => {
    const items = ["a", "b", "c"].map((id) => item(id, { unitAmount: 33 }))
    const rates = [rate(100_000)]
    expect(quote(items, terms({ rates })).taxAmount).toBe(9)
    const once = quote(items, terms({ rates, how: { level: "order" } }))
    expect(once.taxAmount).toBe(10)
    expect(once.lines.map(({ taxAmount }) => taxAmount)).toEqual([4, 3, 3])
  })
})

describe("tax in prices with it", () => {
  it("is taken out of them: the total is what the tags say", () => {
    const priced = quote(
      [item("a", { unitAmount: 11_900 })],
      terms({
        rates: [rate(190_000)],
        how: { pricesIncludeTax: true },
        shipping: sentFor(595),
      }),
    )
    expect(priced).toMatchObject({
      taxAmount: 0,
      includedTaxAmount: 1900 + 95,
      totalAmount: 12_495,
      lines: [{ includedTaxAmount: 1900, taxAmount: 0 }],
      shipping: { includedTaxAmount: 95 },
    })
  })
})

describe("the rates at a place", () => {
  it("are the closest of each priority: postal code before state before country before the world", () => {
    const rates = [
      rate(10_000, { name: "world", country: "*" }),
      rate(20_000, { name: "country", country: "US" }),
      rate(30_000, { name: "state", country: "US", state: "NY" }),
      rate(40_000, { name: "postal", country: "US", postalPrefix: "100" }),
      rate(50_000, { name: "city", country: "US", state: "NY", priority: 2 }),
    ]
    const names = (all: typeof rates) =>
      (ratesByClass(all).get("standard") ?? []).map(({ name }) => name)
    expect(names(rates)).toEqual(["postal", "city"])
    expect(names(rates.filter(({ name }) => name !== "postal"))).toEqual(["state", "city"])
    expect(names(rates.slice(0, 2))).toEqual(["country"])
    expect(closeness({ country: "*", state: "", postalPrefix: "" })).toBe(0)
  })

  it("are written in percent", () => {
    expect([0, 1, 88_750, 100_000, 200_000, 1_000_000].map(percentOf)).toEqual([
      "0",
      "0.0001",
      "8.875",
      "10",
      "20",
      "100",
    ])
  })
})

describe("the explanation", () => {
  it("lists every step in order, and the amounts before the total add up to it", () => {
    const priced = quote(
      [item("Mug", { quantity: 2 })],
      terms({
        rates: [rate(200_000, { name: "VAT" })],
        shipping: sentFor(500),
        promotions: [promotion({ type: "percentage", basisPoints: 1000 }, [], { name: "Spring" })],
        refused: [{ code: "OLD", reason: "expired", detail: "It is over." }],
      }),
    )
    expect(priced.explain).toEqual([
      { kind: "line", detail: "2 × Mug at 10.00 USD", amount: 2000 },
      { kind: "promotion", detail: "Spring (CODE)", amount: -200 },
      { kind: "promotion", detail: "OLD does nothing. It is over.", amount: 0 },
      { kind: "shipping", detail: "Standard", amount: 500 },
      { kind: "tax", detail: "VAT 20 % on the 18.00 USD of Mug", amount: 360 },
      { kind: "tax", detail: "VAT 20 % on the 5.00 USD of Standard", amount: 100 },
      { kind: "rounding", detail: "Taxes are rounded half-even, once a line", amount: 0 },
      { kind: "total", detail: "To pay", amount: 2760 },
    ])
  })

  it("speaks in the store's currency, whatever its digits", () => {
    const of = (currency: string) =>
      quote([item("a", { unitAmount: 1300 })], terms({ facts: { currency } })).explain[0]?.detail
    expect([of("JPY"), of("KWD")]).toEqual(["1 × a at 1300 JPY", "1 × a at 1.300 KWD"])
  })
})
