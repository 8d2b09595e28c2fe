import type { TaxLine } from "#lib/explain.ts"
import { allocate, portion, type Rounding } from "#lib/money.ts"
import { type Area, closeness } from "#lib/place.ts"

/** A tax rate in force at a place: `ratePpm` in millionths, 88 750 = 8.875 %. A compound one is on top of those before it. */
export type TaxRate = Area & {
  name: string
  taxClass: string
  ratePpm: number
  priority: number
  isCompound: boolean
}

/** How taxes are reckoned: on top of prices or out of them, and how they are rounded. */
export type HowTaxed = {
  pricesIncludeTax: boolean
  rounding: Rounding
  level: "line" | "order"
}

/** A percentage as people write it: 88 750 ppm → `8.875`. */
export function percentOf(ratePpm: number): string {
  const digits = String(ratePpm).padStart(5, "0")
  return `${digits.slice(0, -4)}.${digits.slice(-4)}`.replace(/\.?0+$/, "")
}

/**
 * Of the rates whose areas hold a place, those that count, by tax class: of one priority the closest (longest match),
 * and those of different priorities together, in their order.
 */
export function ratesByClass(rates: readonly TaxRate[]): Map<string, TaxRate[]> {
  const byClass = Map.groupBy(rates, ({ taxClass }) => taxClass)
  return new Map(
    [...byClass].map(([taxClass, all]) => {
      const closest = [...Map.groupBy(all, ({ priority }) => priority).values()].flatMap((group) =>
        group.toSorted((a, b) => closeness(b) - closeness(a)).slice(0, 1),
      )
      return [taxClass, closest.toSorted((a, b) => a.priority - b.priority)]
    }),
  )
}

/**
 * The taxes on each amount by its rates. An amount's taxes are reckoned together, rounded once, and split over its
 * rates so that they add up; at the level of the order, so are those of all amounts with the same rates.
 */
export function assess(
  entries: readonly { amount: number; rates: readonly TaxRate[] }[],
  how: HowTaxed,
): TaxLine[][] {
  const taxed = entries.map((entry) => ({
    ...entry,
    taxAmount: taxOn(entry.amount, entry.rates, how),
  }))
  if (how.level === "order")
    for (const [rates, group] of Map.groupBy(taxed, (entry) => entry.rates)) {
      const amounts = group.map(({ amount }) => amount)
      const whole = amounts.reduce((all, amount) => all + amount, 0)
      const parts = allocate(taxOn(whole, rates, how), amounts)
      for (const [place, entry] of group.entries()) entry.taxAmount = parts[place] ?? 0
    }
  return taxed.map(({ rates, taxAmount }) => {
    const split = allocate(taxAmount, sharesOf(rates).parts)
    return rates.map(({ name, ratePpm }, place) => ({
      name,
      rate: percentOf(ratePpm),
      amount: split[place] ?? 0,
    }))
  })
}

function taxOn(amount: number, rates: readonly TaxRate[], how: HowTaxed): number {
  const { parts, whole } = sharesOf(rates)
  const taxed = parts.reduce((all, part) => all + part, 0n)
  return portion(amount, taxed, how.pricesIncludeTax ? whole + taxed : whole, how.rounding)
}

/** What each rate takes of a net amount of `whole`: a compound rate takes of the taxes before it too. */
function sharesOf(rates: readonly TaxRate[]): { parts: bigint[]; whole: bigint } {
  let whole = 1n
  let parts: bigint[] = []
  for (const { ratePpm, isCompound } of rates) {
    const base = isCompound ? parts.reduce((all, part) => all + part, whole) : whole
    parts = [...parts.map((part) => part * 1_000_000n), base * BigInt(ratePpm)]
    whole *= 1_000_000n
  }
  return { parts, whole }
}
