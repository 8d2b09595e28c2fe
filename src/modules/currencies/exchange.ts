import { exponentOf, portion, type StepRounding } from "#lib/money.ts"

/** Where rates come from: the European Central Bank, or the shop's staff. */
export const rateSources = ["ecb", "manual"] as const
export type RateSource = (typeof rateSources)[number]

/** Digits behind the point that a rate has: what it is kept with on an order is what it was priced by. */
const digits = 15
const scale = 10n ** BigInt(digits)

/** Units of one currency for one of another, times 10^15: exact, above zero. */
export type Rate = bigint

/** How amounts in `base` become prices in `currency`: multiples of `increment` minor units. */
export type Conversion = {
  base: string
  currency: string
  rate: Rate
  increment: number
  rounding: StepRounding
}

/** A rate of its decimal: at most nine digits before the point and fifteen behind it, above zero; else `undefined`. */
export function parseRate(text: string): Rate | undefined {
  const [, whole = "", decimals = ""] = /^(\d{1,9})(?:\.(\d{1,15}))?$/.exec(text) ?? []
  if (whole === "") return undefined
  const rate = BigInt(whole + decimals.padEnd(digits, "0"))
  return rate > 0n ? rate : undefined
}

/** A rate as a decimal, without zeros at its end: what `parseRate` reads back as the same. */
export function rateText(rate: Rate): string {
  const text = String(rate).padStart(digits + 1, "0")
  return `${text.slice(0, -digits)}.${text.slice(-digits)}`.replace(/\.?0+$/, "")
}

/** What one of `from` is in `to`, of the rates that both have of a third currency; half-even to fifteen decimals. */
export function crossRate(from: Rate, to: Rate): Rate {
  return divided(to * scale, from)
}

/** A rate by which more is to be paid: by so many hundredths of a percent. */
export function withMargin(rate: Rate, basisPoints: number): Rate {
  return divided(rate * BigInt(10_000 + basisPoints), 10_000n)
}

/**
 * An amount of the base currency as a price: rounded once, to a multiple of the increment. It never falls while the
 * amount grows; what costs something costs an increment at least. @throws RangeError beyond exact integers
 */
export function convert(amount: number, conversion: Conversion): number {
  const { increment, rounding } = conversion
  const { times, by } = fractionOf(conversion)
  const steps = portion(amount, times, by * BigInt(increment), rounding)
  return exact((amount > 0 ? Math.max(1, steps) : steps) * increment)
}

/**
 * What an amount in `currency` is in the base currency, rounded down: converted once more it never comes to more than it
 * was. @throws RangeError beyond exact integers
 */
export function convertBack(amount: number, conversion: Conversion): number {
  const { times, by } = fractionOf(conversion)
  return exact(portion(amount, by, times, "down"))
}

/** The least amount of the base currency whose price is at least this one. */
export function leastReaching(price: number, conversion: Conversion): number {
  let [low, high] = [0, beyond(price, conversion)]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (convert(middle, conversion) >= price) high = middle
    else low = middle + 1
  }
  return low
}

/** The largest amount of the base currency whose price is at most this one. */
export function mostWithin(price: number, conversion: Conversion): number {
  return Math.max(0, leastReaching(price + 1, conversion) - 1)
}

/**
 * The rate of things that were not converted, of what they cost and what they would have cost in the base currency:
 * both in minor units, above zero.
 */
export function impliedRate(
  base: string,
  baseAmount: number,
  currency: string,
  amount: number,
): Rate {
  const unit = (code: string) => 10n ** BigInt(exponentOf(code))
  const rate = divided(BigInt(amount) * scale * unit(base), BigInt(baseAmount) * unit(currency))
  return rate > 0n ? rate : 1n
}

/** An amount of the base currency whose price is above this one. */
function beyond(price: number, conversion: Conversion): number {
  const { times, by } = fractionOf(conversion)
  return exact(portion(price + conversion.increment, by, times, "up") + 1)
}

/** Minor units of `currency` for one of `base`, as a fraction. */
function fractionOf({ base, currency, rate }: Conversion): { times: bigint; by: bigint } {
  return {
    times: rate * 10n ** BigInt(exponentOf(currency)),
    by: scale * 10n ** BigInt(exponentOf(base)),
  }
}

function divided(amount: bigint, by: bigint): bigint {
  const whole = amount / by
  const twice = 2n * (amount % by)
  return twice > by || (twice === by && whole % 2n === 1n) ? whole + 1n : whole
}

function exact(amount: number): number {
  if (!Number.isSafeInteger(amount)) throw new RangeError(`${amount} is beyond exact integers`)
  return amount
}
