import fc from "fast-check"
import { describe, expect, it } from "vitest"

import { exponentOf, stepRoundings } from "#lib/money.ts"
import {
  type Conversion,
  convert,
  convertBack,
  crossRate,
  impliedRate,
  leastReaching,
  mostWithin,
  parseRate,
  rateText,
  withMargin,
} from "#modules/currencies/exchange.ts"
import { ecb, parseEcb } from "#modules/currencies/gateways/ecb.ts"
import { quotedRate } from "#modules/currencies/in-force.ts"

import { dailyFile } from "../support/ecb.ts"

/** `FC_RUNS=100000` runs each property so often. */
const numRuns = Number(process.env["FC_RUNS"] ?? 2000)

const rate = (text: string) => parseRate(text) ?? 0n
const conversion = (over: Partial<Omit<Conversion, "rate">> & { rate: string }): Conversion => ({
  base: "USD",
  currency: "EUR",
  increment: 1,
  rounding: "half-even",
  ...over,
  rate: rate(over.rate),
})

describe("a rate", () => {
  it("is its decimal, to the last digit", () => {
    for (const text of ["1", "0.92", "0.000000000000001", "999999999.999999999999999", "149.5"])
      expect(rateText(rate(text))).toBe(text)
    expect(rateText(rate("1.500"))).toBe("1.5")
    expect(rateText(rate("100"))).toBe("100")
  })

  it("is no zero, no exponent, no sign and no more digits than are kept", () => {
    for (const text of [
      "0",
      "0.0",
      "",
      "-1",
      "1e3",
      "NaN",
      "1.",
      ".5",
      "1,5",
      " 1",
      "1".repeat(10),
    ])
      expect(parseRate(text)).toBeUndefined()
    expect(parseRate("0.0000000000000001")).toBeUndefined()
  })

  it("of two currencies by a third is theirs divided", () => {
    // 1 EUR = 1.25 USD = 0.8 GBP: 1 USD = 0.64 GBP.
    expect(rateText(crossRate(rate("1.25"), rate("0.8")))).toBe("0.64")
    expect(rateText(crossRate(rate("3"), rate("1")))).toBe("0.333333333333333")
  })

  it("takes a margin on top", () => {
    expect(rateText(withMargin(rate("0.8"), 250))).toBe("0.82")
  })
})

describe("a price in another currency", () => {
  it("is rounded once, as the currency wants it", () => {
    expect(convert(1000, conversion({ rate: "0.92" }))).toBe(920)
    expect(convert(1999, conversion({ rate: "0.92" }))).toBe(1839)
    expect(convert(1999, conversion({ rate: "0.92", increment: 5 }))).toBe(1840)
    expect(convert(1999, conversion({ rate: "0.92", increment: 100, rounding: "up" }))).toBe(1900)
    expect(convert(1999, conversion({ rate: "0.92", increment: 100, rounding: "down" }))).toBe(1800)
  })

  it("has the digits of its currency: yen have none, dinars three", () => {
    expect(convert(1000, conversion({ currency: "JPY", rate: "149.5" }))).toBe(1495)
    expect(convert(1000, conversion({ currency: "KWD", rate: "0.307" }))).toBe(3070)
    expect(convert(1000, conversion({ base: "JPY", currency: "KWD", rate: "0.00205" }))).toBe(2050)
  })

  it("rounds a half as it is told to", () => {
    const half = (amount: number, rounding: Conversion["rounding"]) =>
      convert(amount, conversion({ rate: "0.5", rounding }))
    expect([half(3, "half-even"), half(5, "half-even")]).toEqual([2, 2])
    expect([half(3, "half-up"), half(3, "half-down")]).toEqual([2, 1])
  })

  it("of what costs something is never nothing", () => {
    expect(convert(1, conversion({ rate: "0.001" }))).toBe(1)
    expect(convert(1, conversion({ rate: "0.92", increment: 100 }))).toBe(100)
    expect(convert(0, conversion({ rate: "0.92" }))).toBe(0)
  })

  it("beyond exact integers is an error, not a number", () => {
    expect(() => convert(9_999_999_999, conversion({ rate: "9999999" }))).toThrow(RangeError)
  })
})

const codes = ["USD", "EUR", "JPY", "KRW", "KWD", "BHD", "CHF", "CLP"]
const rates = fc.oneof(
  fc.bigInt(10n ** 10n, 10n ** 20n),
  fc.integer({ min: 1, max: 9_999_999 }).map((n) => BigInt(n) * 10n ** 11n),
)
const conversions = fc
  .record({
    base: fc.constantFrom(...codes),
    currency: fc.constantFrom(...codes),
    rate: rates,
    increment: fc.constantFrom(1, 5, 10, 100),
    rounding: fc.constantFrom(...stepRoundings),
  })
  .filter(({ base, currency }) => base !== currency)
const amounts = fc.integer({ min: 0, max: 9_999_999 })

describe("there and back", () => {
  it("never gains: what is paid in a currency comes to no more when it is converted there and back", () => {
    fc.assert(
      fc.property(conversions, amounts, (to, base) => {
        const price = convert(base, to)
        const again = convert(convertBack(price, to), to)
        expect(again).toBeLessThanOrEqual(price)
      }),
      { numRuns },
    )
  })

  it("books no more in the shop's currency than was paid", () => {
    fc.assert(
      fc.property(conversions, amounts, (to, paid) => {
        const booked = convertBack(paid, to)
        // booked × rate ≤ paid, as fractions.
        const scaled = BigInt(booked) * to.rate * 10n ** BigInt(exponentOf(to.currency))
        expect(scaled <= BigInt(paid) * 10n ** 15n * 10n ** BigInt(exponentOf(to.base))).toBe(true)
      }),
      { numRuns },
    )
  })

  it("never gains from the shop's currency either, where prices are rounded down", () => {
    fc.assert(
      fc.property(conversions, amounts, (given, base) => {
        const to = { ...given, rounding: "down" as const }
        const price = convert(base, to)
        // The least price of anything is one step, whatever that is worth.
        fc.pre(price > to.increment)
        expect(convertBack(price, to)).toBeLessThanOrEqual(base)
      }),
      { numRuns },
    )
  })

  it("gains nothing on a way over a third currency that rates do not give", () => {
    fc.assert(
      fc.property(rates, rates, amounts, (one, other, base) => {
        const cross = crossRate(one, other)
        fc.pre(cross > 10n ** 10n && cross < 10n ** 20n)
        const direct: Conversion = {
          base: "USD",
          currency: "GBP",
          rate: cross,
          increment: 1,
          rounding: "down",
        }
        fc.pre(convert(base, direct) > 1)
        expect(convertBack(convert(base, direct), direct)).toBeLessThanOrEqual(base)
      }),
      { numRuns },
    )
  })
})

describe("conversion", () => {
  it("makes nothing cheaper that is dearer", () => {
    fc.assert(
      fc.property(conversions, amounts, amounts, (to, a, b) => {
        const [less, more] = a < b ? [a, b] : [b, a]
        expect(convert(less, to)).toBeLessThanOrEqual(convert(more, to))
      }),
      { numRuns },
    )
  })

  it("is off by less than a step of its rounding", () => {
    fc.assert(
      fc.property(conversions, amounts, (to, base) => {
        const unit = 10n ** 15n * 10n ** BigInt(exponentOf(to.base))
        const true_ = BigInt(base) * to.rate * 10n ** BigInt(exponentOf(to.currency))
        const off = BigInt(convert(base, to)) * unit - true_
        const step = BigInt(to.increment) * unit
        expect(off < step && off > -step).toBe(true)
      }),
      { numRuns },
    )
  })

  it("finds exactly the amounts whose prices are in a range", () => {
    fc.assert(
      fc.property(conversions, fc.integer({ min: 1, max: 999_999 }), (to, price) => {
        const least = leastReaching(price, to)
        expect(convert(least, to)).toBeGreaterThanOrEqual(price)
        expect(convert(least - 1, to)).toBeLessThan(price)
        const most = mostWithin(price, to)
        expect(convert(most, to)).toBeLessThanOrEqual(price)
        expect(convert(most + 1, to)).toBeGreaterThan(price)
      }),
      { numRuns },
    )
  })

  it("of what is by price list is what the list comes to", () => {
    expect(rateText(impliedRate("USD", 2000, "EUR", 1800))).toBe("0.9")
    expect(rateText(impliedRate("USD", 1000, "JPY", 1500))).toBe("150")
  })
})

describe("the daily file", () => {
  it("is read as it is published", () => {
    const told = parseEcb(dailyFile("2026-11-20", { USD: "1.0525", JPY: "162.30", GBP: "0.8341" }))
    expect(told.base).toBe("EUR")
    expect(told.asOf).toBe("2026-11-20T14:00:00.000Z")
    expect([...told.rates]).toEqual([
      ["USD", "1.0525"],
      ["JPY", "162.30"],
      ["GBP", "0.8341"],
    ])
  })

  const whole = dailyFile("2026-11-20", { USD: "1.0525", JPY: "162.30" })
  it.each<[string, string]>([
    ["is cut off", whole.slice(0, -20)],
    ["is a page about it", "<!doctype html><html><body>Sorry</body></html>"],
    ["is empty", ""],
    ["has no rates", dailyFile("2026-11-20", {})],
    ["has a day that is none", dailyFile("2026-02-30", { USD: "1.05" })],
    [
      "has two days",
      whole.replace("</Cube>\n\t</Cube>", "</Cube><Cube time='2026-11-19'></Cube></Cube>"),
    ],
    ["has a rate of zero", whole.replace("1.0525", "0")],
    ["has a rate that is no decimal", whole.replace("1.0525", "1.05.25")],
    ["has one currency twice", whole.replace("JPY", "USD")],
    [
      "has a rate before its day",
      whole.replace("<Cube time", "<Cube currency='GBP' rate='1'/><Cube time"),
    ],
    [
      "defines entities",
      whole.replace("<gesmes:Envelope", '<!DOCTYPE x [<!ENTITY a "b">]><gesmes:Envelope'),
    ],
    ["has other elements", whole.replace("<Cube>", "<Cube><script>")],
  ])("that %s is refused", (_, xml) => {
    expect(() => parseEcb(xml)).toThrow(Error)
  })

  it("is expected on working days, after 16:00 in Frankfurt", () => {
    const expected = (now: string) => ecb("http://ecb.test").expected(new Date(now))
    expect(expected("2026-11-20T15:29:00Z")).toBe("2026-11-19T14:00:00.000Z")
    expect(expected("2026-11-20T15:31:00Z")).toBe("2026-11-20T14:00:00.000Z")
    expect(expected("2026-11-22T20:00:00Z")).toBe("2026-11-20T14:00:00.000Z")
    expect(expected("2026-11-23T15:00:00Z")).toBe("2026-11-20T14:00:00.000Z")
    expect(expected("2026-11-23T16:00:00Z")).toBe("2026-11-23T14:00:00.000Z")
  })
})

describe("the rate in force", () => {
  const terms = {
    code: "GBP",
    source: "ecb" as const,
    increment: 1,
    rounding: "half-even" as const,
    maxAgeHours: 24,
    marginBasisPoints: 0,
  }
  const told = (currency: string, text: string, asOf = "2026-11-20T14:00:00.000Z") => ({
    source: "ecb" as const,
    base: "EUR",
    currency,
    rate: text,
    asOf,
  })
  const now = new Date("2026-11-21T14:00:00.000Z")

  it("crosses two rates of the euro, and is as old as the older of them", () => {
    const rates = [told("USD", "1.25"), told("GBP", "0.8", "2026-11-20T15:00:00.000Z")]
    expect(quotedRate(terms, rates, "USD", now)?.quoted).toEqual({
      base: "USD",
      rate: "0.64",
      as_of: "2026-11-20T14:00:00.000Z",
      source: "ecb",
    })
  })

  it("is the euro's own where the shop's is the euro, and its inverse into the euro", () => {
    expect(quotedRate(terms, [told("GBP", "0.8")], "EUR", now)?.quoted.rate).toBe("0.8")
    const into = quotedRate({ ...terms, code: "EUR" }, [told("USD", "1.25")], "USD", now)
    expect(into?.quoted.rate).toBe("0.8")
  })

  it("is none when it is older than the currency allows, by a millisecond", () => {
    const rates = [told("GBP", "0.8")]
    expect(quotedRate(terms, rates, "EUR", now)).toBeDefined()
    expect(quotedRate(terms, rates, "EUR", new Date(now.getTime() + 1))).toBeUndefined()
  })

  it("is of the currency's own source only, and none of a currency that nobody tells", () => {
    const rates = [told("GBP", "0.8")]
    expect(quotedRate({ ...terms, source: "manual" }, rates, "EUR", now)).toBeUndefined()
    expect(quotedRate(terms, rates, "USD", now)).toBeUndefined()
  })
})
