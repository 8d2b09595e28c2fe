import fc from "fast-check"
import { describe, expect, it, test } from "vitest"

import {
  allocate,
  applyRate,
  exponentOf,
  fromDecimal,
  isCurrency,
  largestAmount,
  toDecimal,
  priceFrom,
} from "#lib/money.ts"

const numRuns = 10_000
const currency = fc.constantFrom("JPY", "KRW", "USD", "EUR", "KWD", "BHD", "CLF")
const amount = fc.nat({ max: largestAmount })

describe("currencies", () => {
  test.each([
    ["USD", 2],
    ["EUR", 2],
    ["JPY", 0],
    ["KWD", 3],
  ])("%s has %i digits after the point", (code, digits) => {
    expect(exponentOf(code)).toBe(digits)
  })

  it.each(["USD", "JPY", "KWD"])("%s is one", (code) => {
    expect(isCurrency(code)).toBe(true)
  })

  it.each(["usd", "US", "XYZ", "BTC", "", "constructor"])("%j is none", (code) => {
    expect(isCurrency(code)).toBe(false)
    expect(() => exponentOf(code)).toThrow(RangeError)
  })

  it.each(["MGA", "MRU"])("%s, whose unit is divided in fifths, is refused", (code) => {
    expect(isCurrency(code)).toBe(false)
    expect(() => toDecimal(12, code)).toThrow(RangeError)
  })
})

describe("an amount as the wire writes it", () => {
  test.each([
    [129999, "USD", "1299.99"],
    [100, "USD", "1.00"],
    [5, "USD", "0.05"],
    [0, "USD", "0.00"],
    [1300, "JPY", "1300"],
    [0, "JPY", "0"],
    [1250, "KWD", "1.250"],
    [1, "KWD", "0.001"],
    [999999999999, "USD", "9999999999.99"],
    [9007199254740991, "USD", "90071992547409.91"],
  ])("%i minor units of %s are %j", (minor, code, decimal) => {
    expect(toDecimal(minor, code)).toBe(decimal)
  })
})

describe("an amount read from the wire", () => {
  test.each([
    ["1299.99", "USD", 129999],
    ["1300", "USD", 130000],
    ["0.5", "USD", 50],
    ["007", "USD", 700],
    ["0", "USD", 0],
    [19.99, "USD", 1999],
    [5, "USD", 500],
    ["1300", "JPY", 1300],
    [1300, "JPY", 1300],
    ["1.25", "KWD", 1250],
    ["0.001", "KWD", 1],
    ["9999999999.99", "USD", 999999999999],
    ["999999999999", "JPY", 999999999999],
  ])("%j %s is %i minor units", (decimal, code, minor) => {
    expect(fromDecimal(decimal, code)).toBe(minor)
  })

  test.each([
    ["-1", "USD"],
    ["+1", "USD"],
    [-1, "USD"],
    ["1e3", "USD"],
    [1e21, "USD"],
    [1e-7, "USD"],
    ["NaN", "USD"],
    [Number.NaN, "USD"],
    ["Infinity", "USD"],
    [Number.POSITIVE_INFINITY, "USD"],
    ["", "USD"],
    [" 1", "USD"],
    ["1 ", "USD"],
    ["1\n", "USD"],
    ["1,5", "USD"],
    ["1,000.00", "USD"],
    ["1_000", "USD"],
    ["1.", "USD"],
    [".5", "USD"],
    ["1.2.3", "USD"],
    ["0x10", "USD"],
    ["$1", "USD"],
    ["٣", "USD"],
    ["１", "USD"],
    ["1.999", "USD"],
    ["1.990", "USD"],
    [0.1 + 0.2, "USD"],
    ["1.0", "JPY"],
    ["1.2345", "KWD"],
    ["10000000000.00", "USD"],
    ["1000000000000", "JPY"],
    ["9999999999999", "USD"],
  ])("%j is no amount of %s", (decimal, code) => {
    expect(fromDecimal(decimal, code)).toBeUndefined()
  })

  it("comes back from its decimal, whatever it is", () => {
    fc.assert(
      fc.property(amount, currency, (minor, code) => {
        expect(fromDecimal(toDecimal(minor, code), code)).toBe(minor)
      }),
      { numRuns },
    )
  })

  it("is never more than the largest, and always a whole number", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\d{0,14}\.?\d{0,4}$/), currency, (text, code) => {
        const minor = fromDecimal(text, code) ?? 0
        expect(Number.isInteger(minor) && minor >= 0 && minor <= largestAmount).toBe(true)
      }),
      { numRuns },
    )
  })
})

describe("a rate of an amount", () => {
  test.each([
    // 8.25 % of 100.00, 19 % of 19.99 (3.7981), 0 %, 100 %
    [10000, 825, 825],
    [1999, 1900, 380],
    [1999, 0, 0],
    [1999, 10000, 1999],
    [0, 825, 0],
    // ties go to the even one: 0.5, 1.5, 2.5, 3.5, 4.5
    [1, 5000, 0],
    [3, 5000, 2],
    [5, 5000, 2],
    [7, 5000, 4],
    [9, 5000, 4],
    // 0.4999, 0.5001, 1.4999, 1.5001, 2.4999, 2.5001
    [1, 4999, 0],
    [1, 5001, 1],
    [1, 14999, 1],
    [1, 15001, 2],
    [1, 24999, 2],
    [1, 25001, 3],
    // 206.25, 618.75, 82.5, 247.5
    [2500, 825, 206],
    [7500, 825, 619],
    [1000, 825, 82],
    [3000, 825, 248],
    // beyond what a product of two numbers can say exactly: 71 685 578 240 331.0
    [868916099882800, 825, 71685578240331],
    [999999999999, 10000, 999999999999],
  ])("%i at %i basis points is %i", (minor, basisPoints, part) => {
    expect(applyRate(minor, basisPoints)).toBe(part)
  })

  it.each([
    [-1, 825],
    [100, -1],
    [1.5, 825],
    [100, 8.25],
    [Number.NaN, 825],
  ])("%d at %d is refused: whole numbers from zero only", (minor, basisPoints) => {
    expect(() => applyRate(minor, basisPoints)).toThrow(RangeError)
  })

  it("is never more than half a unit off, and keeps the order of amounts", () => {
    fc.assert(
      fc.property(amount, amount, fc.nat({ max: 10_000 }), (a, b, rate) => {
        const [less, more] = a < b ? [a, b] : [b, a]
        const off = BigInt(applyRate(more, rate)) * 10_000n - BigInt(more) * BigInt(rate)
        expect(off <= 5_000n && off >= -5_000n).toBe(true)
        expect(applyRate(less, rate)).toBeLessThanOrEqual(applyRate(more, rate))
      }),
      { numRuns },
    )
  })
})

describe("an amount split by weights", () => {
  test.each([
    [100, [1, 1, 1], [34, 33, 33]],
    [101, [1, 1, 1], [34, 34, 33]],
    // 33.33…, 66.67: the larger remainder gets the unit
    [100, [1, 2], [33, 67]],
    // 0.5, 1.5, 8: the first among equals
    [10, [5, 15, 80], [1, 1, 8]],
    // 1.4, 1.3, 7.3
    [10, [14, 13, 73], [2, 1, 7]],
    // 1.1, 1.8, 7.1
    [10, [11, 18, 71], [1, 2, 7]],
    // 2.5, 0, 2.5
    [5, [1, 0, 1], [3, 0, 2]],
    [7, [0, 0, 0], [3, 2, 2]],
    [0, [3, 4], [0, 0]],
    [5, [9], [5]],
    [5, [], []],
    [2, [1, 1, 1, 1], [1, 1, 0, 0]],
    [999999999999, [999999999999, 999999999999], [500000000000, 499999999999]],
  ])("%i by %j is %j", (total, weights, parts) => {
    expect(allocate(total, weights)).toEqual(parts)
  })

  it.each([
    [-10, [1, 1]],
    [10, [2, -1]],
    [1.5, [1, 1]],
    [10, [0.5, 0.5]],
  ])("%d by %j is refused: whole numbers from zero only", (total, weights) => {
    expect(() => allocate(total, weights)).toThrow(RangeError)
  })

  it("adds up, and each part is less than one unit off its exact share", () => {
    fc.assert(
      fc.property(
        amount,
        fc.array(amount, { minLength: 1, maxLength: 20 }).filter((all) => all.some((n) => n > 0)),
        (total, weights) => {
          const parts = allocate(total, weights)
          expect(parts.reduce((sum, part) => sum + part, 0)).toBe(total)
          const sum = weights.reduce((all, weight) => all + BigInt(weight), 0n)
          parts.forEach((part, index) => {
            const off = BigInt(part) * sum - BigInt(total) * BigInt(weights[index]!)
            expect(off < sum && off > -sum).toBe(true)
          })
        },
      ),
      { numRuns },
    )
  })

  it("gives a larger weight no smaller part, and of equals the earlier one no smaller part", () => {
    fc.assert(
      fc.property(
        amount,
        fc.array(fc.nat({ max: 1000 }), { minLength: 2, maxLength: 12 }),
        (total, weights) => {
          const parts = allocate(
            total,
            weights.toSorted((a, b) => b - a),
          )
          expect(parts).toEqual(parts.toSorted((a, b) => b - a))
        },
      ),
      { numRuns },
    )
  })
})

it("takes a price that a full cart of still adds up exactly, and none above", () => {
  expect(priceFrom("99999999.99", "USD")).toBe(9_999_999_999)
  expect(priceFrom("100000000.00", "USD")).toBeUndefined()
  expect(priceFrom("0.00", "USD")).toBeUndefined()
  expect(Number.isSafeInteger(9_999_999_999 * 999 * 100)).toBe(true)
})
