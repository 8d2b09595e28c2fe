import fc from "fast-check"
import { describe, expect, it } from "vitest"

import { proportion } from "#lib/money.ts"
import { returnable, shareOf, shippingOf } from "#modules/orders/return-shares.ts"

const line = (over: Partial<Parameters<typeof shareOf>[0]> = {}) => ({
  quantity: 3,
  fulfilledQuantity: 3,
  returnedQuantity: 0,
  lineAmount: 3000,
  discountAmount: 100,
  taxAmount: 203,
  ...over,
})

describe("a proportion", () => {
  it.each([
    [100, 1, 3, 33],
    [100, 2, 3, 67],
    [100, 3, 3, 100],
    [5, 1, 2, 2],
    [7, 1, 2, 4],
    [0, 1, 9, 0],
    [999_999_999_999, 999, 999, 999_999_999_999],
    [999_999_999_999, 1, 2, 500_000_000_000],
  ])("of %i, %i of %i, is %i", (amount, part, whole, share) => {
    expect(proportion(amount, part, whole)).toBe(share)
  })

  it.each([
    [1, 1, 0],
    [-1, 1, 1],
    [1, -1, 1],
    [1.5, 1, 1],
  ])("of %d, %d of %d is none", (amount, part, whole) => {
    expect(() => proportion(amount, part, whole)).toThrow(RangeError)
  })
})

describe("what is given back for a line", () => {
  it("is what was paid for it, discount and tax in proportion", () => {
    // 30.00 − 1.00 + 2.03 = 31.03
    expect(shareOf(line(), 3)).toBe(3103)
    expect([0, 1, 2].map((returnedQuantity) => shareOf(line({ returnedQuantity }), 1))).toEqual([
      1034, 1035, 1034,
    ])
    expect(shareOf(line(), 0)).toBe(0)
  })

  it("adds up to the whole however it comes back, and no part is negative", () => {
    const order = fc.record({
      lines: fc.array(
        fc.record({
          unit: fc.integer({ min: 0, max: 9_999_999_999 }),
          parts: fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 8 }),
          discount: fc.double({ min: 0, max: 1, noNaN: true }),
          tax: fc.integer({ min: 0, max: 99_999_999 }),
        }),
        { minLength: 1, maxLength: 5 },
      ),
      shippingAmount: fc.integer({ min: 0, max: 99_999 }),
      shippingTaxAmount: fc.integer({ min: 0, max: 9999 }),
      isIncluded: fc.boolean(),
    })
    fc.assert(
      fc.property(order, ({ lines, shippingAmount, shippingTaxAmount, isIncluded }) => {
        let total = shippingAmount + (isIncluded ? 0 : shippingTaxAmount)
        let given = 0
        for (const { unit, parts, discount, tax } of lines) {
          const quantity = parts.reduce((sum, part) => sum + part, 0)
          const lineAmount = unit * quantity
          const discountAmount = Math.floor(lineAmount * discount)
          const taxAmount = isIncluded ? 0 : tax
          const one = line({ quantity, lineAmount, discountAmount, taxAmount })
          total += lineAmount - discountAmount + taxAmount
          for (const [index, part] of parts.entries()) {
            const returnedQuantity = parts.slice(0, index).reduce((sum, n) => sum + n, 0)
            const share = shareOf({ ...one, returnedQuantity }, part)
            expect(share).toBeGreaterThanOrEqual(0)
            given += share
          }
        }
        const includedTaxAmount = isIncluded ? 1 : 0
        given += shippingOf({ shippingAmount, shippingTaxAmount, includedTaxAmount })
        expect(given).toBe(total)
      }),
      { numRuns: 5000 },
    )
  }, 60_000)
})

describe("how many can still be asked to come back", () => {
  it("is what was sent, less what came back or is to", () => {
    const asked = (
      status: "requested" | "approved" | "received" | "rejected",
      quantity: number,
    ) => ({
      status,
      quantity,
    })
    expect(returnable(line(), [])).toBe(3)
    expect(returnable(line({ fulfilledQuantity: 2 }), [asked("requested", 1)])).toBe(1)
    expect(returnable(line({ returnedQuantity: 1 }), [asked("received", 1)])).toBe(2)
    expect(returnable(line(), [asked("rejected", 3), asked("approved", 2)])).toBe(1)
    expect(returnable(line({ fulfilledQuantity: 0 }), [asked("requested", 1)])).toBe(0)
  })
})
