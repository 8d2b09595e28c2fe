import fc from "fast-check"
import { describe, expect, it } from "vitest"

import type { Id } from "#lib/id.ts"
import { allocate } from "#lib/money.ts"
import { type Quote, quote, type QuoteItem, type Terms } from "#modules/cart/quote.ts"
import type { Action, Condition, Promotion } from "#modules/promotions/discount.ts"
import { type HowTaxed, ratesByClass, type TaxRate } from "#modules/tax/assess.ts"

/** `FC_RUNS=100000` for the long run. */
const numRuns = Number(process.env["FC_RUNS"] ?? 2000)
/** Of one property, in ms: on a busy machine too. */
const patience = numRuns * 30
const holds = <T>(given: fc.Arbitrary<T>, property: (value: T) => void) =>
  fc.assert(
    fc.property(given, (value) => property(value)),
    { numRuns },
  )

const amount = fc.oneof(
  fc.integer({ min: 1, max: 50 }),
  fc.integer({ min: 1, max: 20_000 }),
  fc.integer({ min: 1, max: 9_999_999_999 }),
)
const classes = ["standard", "reduced", "none"]
const things = ["a", "b", "c", "d", "e"]

const items: fc.Arbitrary<QuoteItem[]> = fc
  .uniqueArray(fc.constantFrom(...things), { minLength: 1, maxLength: 5 })
  .chain((ids) =>
    fc.tuple(
      ...ids.map((id) =>
        fc.record({
          variantId: fc.constant(id as Id<"variant">),
          productId: fc.constant(id as Id<"product">),
          brandId: fc.constantFrom("x" as Id<"brand">, "y" as Id<"brand">, null),
          categoryPath: fc.constantFrom("/1/", "/1/2/", "/3/", null),
          taxClass: fc.constantFrom(...classes),
          unitAmount: amount,
          quantity: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 999 })),
        }),
      ),
    ),
  )

const basisPoints = fc.integer({ min: 1, max: 10_000 })
const maximum = fc.option(amount, { nil: undefined })
const withMaximum = <T extends object>(action: fc.Arbitrary<T>) =>
  fc
    .tuple(action, maximum)
    .map(([one, most]) => ({ ...one, ...(most !== undefined && { maximumAmount: most }) }))
const action: fc.Arbitrary<Action> = fc.oneof(
  withMaximum(fc.record({ type: fc.constant("percentage" as const), basisPoints })),
  withMaximum(
    fc.record({
      type: fc.constant("fixed_amount" as const),
      amount,
      per: fc.constantFrom("order" as const, "item" as const),
    }),
  ),
  withMaximum(fc.record({ type: fc.constant("free_shipping" as const) })),
  withMaximum(
    fc.record(
      {
        type: fc.constant("buy_x_get_y" as const),
        buy: fc.integer({ min: 1, max: 4 }),
        get: fc.integer({ min: 1, max: 4 }),
        basisPoints,
        of: fc.record({ products: fc.subarray(things, { minLength: 1 }) }),
      },
      { requiredKeys: ["type", "buy", "get", "basisPoints"] },
    ),
  ),
  withMaximum(
    fc.record({
      type: fc.constant("tiered" as const),
      by: fc.constantFrom("spend" as const, "quantity" as const),
      tiers: fc.array(
        fc.oneof(
          fc.record({ from: fc.integer({ min: 1, max: 500 }), basisPoints }),
          fc.record({ from: fc.integer({ min: 1, max: 500 }), amount }),
        ),
        { minLength: 1, maxLength: 3 },
      ),
    }),
  ),
)
const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({
    type: fc.constant("minimum_spend" as const),
    amount: fc.integer({ min: 1, max: 5000 }),
  }),
  fc.record({
    type: fc.constant("minimum_quantity" as const),
    quantity: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({
    type: fc.constant("products" as const),
    ids: fc.subarray(things, { minLength: 1 }),
  }),
  fc.record({
    type: fc.constant("categories" as const),
    ids: fc.constantFrom<string[][]>(["1"], ["2", "3"]),
  }),
  fc.record({
    type: fc.constant("brands" as const),
    ids: fc.constantFrom<string[][]>(["x"], ["y"]),
  }),
)
const promotions: fc.Arbitrary<Promotion[]> = fc
  .array(
    fc.record({
      isAutomatic: fc.boolean(),
      priority: fc.integer({ min: 0, max: 2 }),
      isCombinable: fc.oneof(fc.constant(true), fc.boolean()),
      conditions: fc.array(condition, { maxLength: 2 }),
      action,
    }),
    { maxLength: 4 },
  )
  .map((all) =>
    all.map(({ isAutomatic, ...one }, index) => ({
      ...one,
      id: `prm_${index}` as Id<"promotion">,
      name: `Promotion ${index}`,
      code: isAutomatic ? null : `CODE${index}`,
    })),
  )

const rates: fc.Arbitrary<TaxRate[]> = fc.array(
  fc.record({
    name: fc.constantFrom("VAT", "GST"),
    taxClass: fc.constantFrom("standard", "reduced"),
    country: fc.constantFrom("GB", "*"),
    state: fc.constantFrom("", "S"),
    postalPrefix: fc.constant(""),
    ratePpm: fc.oneof(
      fc.constantFrom(0, 50_000, 88_750, 99_750, 200_000),
      fc.integer({ min: 0, max: 1_000_000 }),
    ),
    priority: fc.integer({ min: 1, max: 3 }),
    isCompound: fc.boolean(),
  }),
  { maxLength: 4 },
)
const how: fc.Arbitrary<HowTaxed> = fc.record({
  pricesIncludeTax: fc.boolean(),
  rounding: fc.constantFrom("half-even", "half-up", "half-down"),
  level: fc.constantFrom("line", "order"),
})
const shipping = fc.option(
  fc.record({
    methodId: fc.constant("shm_1"),
    name: fc.constant("Standard"),
    amount: fc.integer({ min: 0, max: 100_000 }),
    taxClass: fc.constantFrom(...classes),
  }),
)
const terms: fc.Arbitrary<Terms> = fc
  .record({
    currency: fc.constantFrom("USD", "JPY", "KWD"),
    how,
    promotions,
    rates,
    shipping,
  })
  .map(({ currency, rates: all, shipping: way, ...rest }) => ({
    ...rest,
    facts: { currency, isShipped: way !== null },
    refused: [],
    shipping: way,
    taxes: ratesByClass(all),
  }))
const cases: fc.Arbitrary<[QuoteItem[], Terms]> = fc.tuple(items, terms)

const sum = (all: readonly number[]) => all.reduce((one, other) => one + other, 0)
const amounts = (all: readonly { amount: number }[]) => sum(all.map((one) => one.amount))

/** Everything of a quote that must be the same whatever the order of what was asked. */
function essence({ lines, refused, ...rest }: Quote) {
  return {
    totals: [rest.subtotalAmount, rest.discountAmount, rest.shippingAmount, rest.taxAmount],
    totalAmount: rest.totalAmount,
    promotions: rest.promotions,
    refused,
    lines: lines.toSorted((a, b) => (a.variantId < b.variantId ? -1 : 1)),
  }
}

describe("whatever is priced under whatever terms", () => {
  it(
    "lines − discounts + shipping + tax is the total, to the unit, and nothing is negative",
    () => {
      holds(cases, ([given, by]) => {
        const priced = quote(given, by)
        const { lines } = priced
        const parts = [...lines, ...(priced.shipping ? [priced.shipping] : [])]
        expect(priced.totalAmount).toBe(
          priced.subtotalAmount - priced.discountAmount + priced.shippingAmount + priced.taxAmount,
        )
        expect(priced.subtotalAmount).toBe(sum(lines.map((one) => one.lineAmount)))
        expect(priced.discountAmount).toBe(sum(lines.map((one) => one.discountAmount)))
        expect(priced.taxAmount).toBe(sum(parts.map((one) => one.taxAmount)))
        expect(priced.includedTaxAmount).toBe(sum(parts.map((one) => one.includedTaxAmount)))
        expect(priced.shippingAmount).toBe(priced.shipping?.amount ?? 0)
        expect(priced.totalAmount).toBeGreaterThanOrEqual(0)
        const wrongLines = lines.filter(
          (one) =>
            one.lineAmount !== one.unitAmount * one.quantity ||
            one.discountAmount < 0 ||
            one.discountAmount > one.lineAmount,
        )
        const wrongTaxes = parts.filter(
          (one) =>
            one.taxAmount + one.includedTaxAmount !== amounts(one.taxes) ||
            Math.min(one.taxAmount, one.includedTaxAmount) !== 0 ||
            one.taxes.some((tax) => tax.amount < 0),
        )
        expect([wrongLines, wrongTaxes]).toEqual([[], []])
      })
    },
    patience,
  )

  it(
    "what the promotions took is what the lines and the shipping lost",
    () => {
      holds(cases, ([given, by]) => {
        const priced = quote(given, by)
        const { shipping: way } = priced
        expect(sum(priced.promotions.map((one) => one.discountAmount))).toBe(
          priced.discountAmount + (way ? way.baseAmount - way.amount : 0),
        )
        expect(priced.promotions.every((one) => one.discountAmount > 0)).toBe(true)
        for (const one of priced.promotions) {
          const { action: of } = by.promotions.find(({ id }) => id === one.promotionId)!
          expect(one.discountAmount).toBeLessThanOrEqual(of.maximumAmount ?? Infinity)
        }
      })
    },
    patience,
  )

  it(
    "every code is applied or refused, and says so once",
    () => {
      holds(cases, ([given, by]) => {
        const priced = quote(given, by)
        const said = [...priced.promotions, ...priced.refused].flatMap(({ code }) => code ?? [])
        const asked = by.promotions.flatMap(({ code }) => code ?? [])
        expect(said.toSorted()).toEqual(asked.toSorted())
      })
    },
    patience,
  )

  it(
    "the steps of the explanation add up to the total",
    () => {
      holds(cases, ([given, by]) => {
        const { explain, totalAmount } = quote(given, by)
        expect(amounts(explain.slice(0, -1))).toBe(totalAmount)
        expect(explain.at(-1)).toMatchObject({ kind: "total", amount: totalAmount })
      })
    },
    patience,
  )

  it(
    "the order of lines and codes does not matter",
    () => {
      holds(fc.tuple(cases, fc.nat(), fc.nat()), ([[given, by], first, second]) => {
        const turned = <T>(all: readonly T[], n: number) => {
          const at = all.length === 0 ? 0 : n % all.length
          return [...all.slice(at), ...all.slice(0, at)].toReversed()
        }
        const other = { ...by, promotions: turned(by.promotions, second) }
        expect(essence(quote(turned(given, first), other))).toEqual(essence(quote(given, by)))
      })
    },
    patience,
  )

  it(
    "is never dearer than with any one of the promotions alone, or with none",
    () => {
      holds(cases, ([given, by]) => {
        const { totalAmount } = quote(given, by)
        const single = by.promotions.map((one) => [{ ...one, isCombinable: true }])
        for (const alone of [[], ...single])
          expect(totalAmount).toBeLessThanOrEqual(
            quote(given, { ...by, promotions: alone }).totalAmount,
          )
      })
    },
    patience,
  )

  it(
    "is never dearer with one code more",
    () => {
      holds(cases, ([given, by]) => {
        const { totalAmount } = quote(given, by)
        for (const one of by.promotions.filter(({ code }) => code !== null)) {
          const fewer = { ...by, promotions: by.promotions.filter((other) => other !== one) }
          expect(totalAmount).toBeLessThanOrEqual(quote(given, fewer).totalAmount)
        }
      })
    },
    patience,
  )

  it(
    "prices with their taxes: net and tax are the price, whatever the taxes are",
    () => {
      holds(cases, ([given, by]) => {
        const inclusive = { ...by, how: { ...by.how, pricesIncludeTax: true } }
        const taxed = quote(given, inclusive)
        const untaxed = quote(given, { ...inclusive, taxes: new Map() })
        expect(taxed.totalAmount).toBe(untaxed.totalAmount)
        for (const one of taxed.lines) {
          const net = one.lineAmount - one.discountAmount - one.includedTaxAmount
          expect(net).toBeGreaterThanOrEqual(0)
        }
      })
    },
    patience,
  )

  it(
    "a price with its tax holds the tax that was put on it",
    () => {
      const oneThing = fc.record({ unitAmount: amount, rates, rounding: how })
      holds(oneThing, ({ unitAmount, rates: all, rounding }) => {
        const thing = (price: number) => [
          { variantId: "a" as Id<"variant">, unitAmount: price, quantity: 1 },
        ]
        const by = (pricesIncludeTax: boolean): Terms => ({
          facts: { currency: "USD", isShipped: true },
          how: { ...rounding, pricesIncludeTax },
          promotions: [],
          refused: [],
          shipping: null,
          taxes: ratesByClass(all),
        })
        const net = quote(thing(unitAmount), by(false))
        const gross = quote(thing(net.totalAmount), by(true))
        expect(gross.includedTaxAmount).toBe(net.taxAmount)
        expect(gross.lines[0]?.taxes).toEqual(net.lines[0]?.taxes)
      })
    },
    patience,
  )

  it(
    "given back in parts, by any quantities, it is the whole",
    () => {
      holds(fc.tuple(cases, fc.array(fc.integer({ min: 1, max: 400 }))), ([[given, by], sizes]) => {
        for (const one of quote(given, by).lines) {
          const paid = one.lineAmount - one.discountAmount + one.taxAmount
          const quantities: number[] = []
          let rest = one.quantity
          for (const size of [...sizes, 999]) {
            const some = Math.min(size, rest)
            quantities.push(some)
            rest -= some
          }
          const parts = allocate(paid, quantities)
          expect(sum(parts)).toBe(paid)
          expect(Math.min(...parts)).toBeGreaterThanOrEqual(0)
        }
      })
    },
    patience,
  )
})
