import fc from "fast-check"
import { describe, expect, it } from "vitest"

import type { Id } from "#lib/id.ts"
import { quote } from "#modules/cart/quote.ts"

const line = (unitAmount: number, quantity: number, variantId = "var_1") => ({
  variantId: variantId as Id<"variant">,
  unitAmount,
  quantity,
})

const inputs = fc.array(
  fc
    .tuple(fc.nat({ max: 999_999_999_999 }), fc.integer({ min: 1, max: 999 }))
    .map(([unitAmount, quantity]) => line(unitAmount, quantity)),
  { maxLength: 9 },
)

describe("a quote", () => {
  it("prices each line by unit and quantity, and adds them up", () => {
    expect(quote([line(129999, 2, "var_laptop"), line(1999, 3, "var_mug")])).toEqual({
      lines: [
        {
          variantId: "var_laptop",
          unitAmount: 129999,
          quantity: 2,
          lineAmount: 259998,
          discountAmount: 0,
          taxAmount: 0,
          includedTaxAmount: 0,
          taxes: [],
        },
        {
          variantId: "var_mug",
          unitAmount: 1999,
          quantity: 3,
          lineAmount: 5997,
          discountAmount: 0,
          taxAmount: 0,
          includedTaxAmount: 0,
          taxes: [],
        },
      ],
      subtotalAmount: 265995,
      discountAmount: 0,
      shippingAmount: 0,
      taxAmount: 0,
      includedTaxAmount: 0,
      totalAmount: 265995,
      shipping: null,
      promotions: [],
      refused: [],
      explain: [
        { kind: "line", detail: "2 × var_laptop at 1299.99 USD", amount: 259998 },
        { kind: "line", detail: "3 × var_mug at 19.99 USD", amount: 5997 },
        { kind: "total", detail: "To pay", amount: 265995 },
      ],
    })
  })

  it("of nothing is nothing", () => {
    expect(quote([])).toEqual({
      lines: [],
      subtotalAmount: 0,
      discountAmount: 0,
      shippingAmount: 0,
      taxAmount: 0,
      includedTaxAmount: 0,
      totalAmount: 0,
      shipping: null,
      promotions: [],
      refused: [],
      explain: [{ kind: "total", detail: "To pay", amount: 0 }],
    })
  })

  it("keeps what else a line brings along", () => {
    const mug = { ...line(1999, 1), name: "Mug" }
    expect(quote([mug]).lines[0]).toMatchObject({ name: "Mug", lineAmount: 1999 })
  })

  it("holds the fullest cart there can be: a hundred lines, 999 each, exactly", () => {
    const full = Array.from({ length: 100 }, () => line(90_000_000_000, 999))
    expect(quote(full).totalAmount).toBe(8_991_000_000_000_000)
  })

  it("refuses sums beyond exact integers", () => {
    expect(quote([line(9_007_199_254_740_991, 1)]).totalAmount).toBe(9_007_199_254_740_991)
    expect(() => quote([line(9_007_199_254_740_992, 1)])).toThrow(RangeError)
    expect(() => quote([line(4_503_599_627_370_496, 2)])).toThrow(RangeError)
    expect(() => quote([line(9_007_199_254_740_991, 1), line(1, 1)])).toThrow(RangeError)
    const beyond = Array.from({ length: 100 }, () => line(999_999_999_999, 999))
    expect(() => quote(beyond)).toThrow(RangeError)
  })

  it.each([
    [0.5, 1],
    [Number.NaN, 1],
    [Number.POSITIVE_INFINITY, 1],
    [100, 0.333],
  ])("refuses amounts that are no whole numbers: %d × %d", (unitAmount, quantity) => {
    expect(() => quote([line(unitAmount, quantity)])).toThrow(RangeError)
  })

  it("adds up to the unit, and nothing in it is negative", () => {
    fc.assert(
      fc.property(inputs, (given) => {
        const priced = quote(given)
        const sum = given.reduce((all, { unitAmount, quantity }) => all + unitAmount * quantity, 0)
        expect(priced.subtotalAmount).toBe(sum)
        expect(priced.totalAmount).toBe(
          priced.subtotalAmount - priced.discountAmount + priced.shippingAmount + priced.taxAmount,
        )
        const ofLines = (of: "lineAmount" | "discountAmount" | "taxAmount") =>
          priced.lines.reduce((all, one) => all + one[of], 0)
        expect(priced.subtotalAmount).toBe(ofLines("lineAmount"))
        expect(priced.discountAmount).toBe(ofLines("discountAmount"))
        expect(priced.taxAmount).toBe(ofLines("taxAmount"))
        const { lines } = priced
        for (const one of lines) {
          expect(one.lineAmount).toBe(one.unitAmount * one.quantity)
          expect(Math.min(one.lineAmount, one.discountAmount, one.taxAmount)).toBeGreaterThan(-1)
        }
        expect(
          Math.min(
            priced.subtotalAmount,
            priced.discountAmount,
            priced.shippingAmount,
            priced.taxAmount,
            priced.totalAmount,
          ),
        ).toBeGreaterThan(-1)
      }),
      { numRuns: 10_000 },
    )
  })

  it("does not depend on the order of the lines", () => {
    fc.assert(
      fc.property(inputs, (given) => {
        expect(quote(given.toReversed()).totalAmount).toBe(quote(given).totalAmount)
      }),
      { numRuns: 10_000 },
    )
  })
})
