import { dinero, toDecimal as formatDinero } from "dinero.js"
import * as iso4217 from "dinero.js/currencies"

/** Without MGA and MRU, whose unit is divided in fifths: no decimal says them. */
const currencies = new Map(
  Object.values(iso4217)
    .filter(({ base }) => base === 10)
    .map((currency) => [currency.code as string, currency]),
)

/** The largest amount read from outside, in minor units. */
export const largestAmount = 999_999_999_999

/** The largest price of one thing, in minor units: a full cart of it, 100 lines of 999, is still an exact integer. */
export const largestPrice = 9_999_999_999

/** A price from the wire in minor units, above zero; `undefined` as for `fromDecimal`, and above `largestPrice`. */
export function priceFrom(value: string | number, code: string): number | undefined {
  const amount = fromDecimal(value, code)
  return amount !== undefined && amount > 0 && amount <= largestPrice ? amount : undefined
}

/** Whether `code` is the ISO 4217 code, upper-case, of a decimal currency. */
export function isCurrency(code: string): boolean {
  return currencies.has(code)
}

/** Digits after the decimal point: USD 2, JPY 0, KWD 3 (ISO 4217). @throws RangeError for an unknown code. */
export function exponentOf(code: string): number {
  return currencyOf(code).exponent
}

/** Minor units as the wire's decimal string: (129999, USD) → "1299.99", (1300, JPY) → "1300". */
export function toDecimal(amount: number, code: string): string {
  return formatDinero(dinero({ amount, currency: currencyOf(code) }))
}

/** A signed amount on the wire: -500 → "-5.00". */
export function signed(amount: number, code: string): string {
  return amount < 0 ? `-${toDecimal(-amount, code)}` : toDecimal(amount, code)
}

/**
 * A decimal from the wire in minor units: ("1299.99", USD) → 129999. `undefined` for anything but plain
 * digits with at most the currency's decimals: signs, exponents, NaN, separators, amounts above `largestAmount`.
 */
export function fromDecimal(value: string | number, code: string): number | undefined {
  const exponent = exponentOf(code)
  const match = /^(\d{1,12})(?:\.(\d+))?$/.exec(String(value))
  if (!match) return undefined
  const [, units = "", decimals = ""] = match
  if (decimals.length > exponent) return undefined
  const amount = Number(units + decimals.padEnd(exponent, "0"))
  return amount <= largestAmount ? amount : undefined
}

/** How a half is rounded: to the even neighbour, away from zero, or towards it. */
export const roundings = ["half-even", "half-up", "half-down"] as const
export type Rounding = (typeof roundings)[number]

/** The same, and whatever is between two steps always to the larger, or always to the smaller one. */
export const stepRoundings = [...roundings, "up", "down"] as const
export type StepRounding = (typeof stepRoundings)[number]

/**
 * `amount` × `numerator` / `denominator` in minor units, rounded once; exact however large the product is.
 * @throws RangeError for anything but whole numbers from zero, and for a denominator of zero
 */
export function portion(
  amount: number,
  numerator: number | bigint,
  denominator: number | bigint,
  rounding: StepRounding = "half-even",
): number {
  const below = natural(denominator)
  const product = natural(amount) * natural(numerator)
  const whole = product / below
  const rest = product % below
  return Number(isRoundedUp(whole, rest, below, rounding) ? whole + 1n : whole)
}

function isRoundedUp(whole: bigint, rest: bigint, below: bigint, rounding: StepRounding): boolean {
  if (rounding === "up" || rounding === "down") return rounding === "up" && rest > 0n
  const isHalf = 2n * rest === below
  return (
    2n * rest > below ||
    (isHalf && (rounding === "half-up" || (rounding === "half-even" && whole % 2n === 1n)))
  )
}

/**
 * `amount` × `basisPoints` / 10 000 (825 = 8.25 %) in minor units, rounded once.
 * @throws RangeError for anything but whole numbers from zero
 */
export function applyRate(amount: number, basisPoints: number, rounding?: Rounding): number {
  return portion(amount, basisPoints, 10_000, rounding)
}

/**
 * `amount` × `part` / `whole` in minor units, rounded half to even, once. It never falls while `part` grows, and is
 * `amount` when that is the whole: what lies between two parts of a thing is never negative, and all of it adds up.
 * @throws RangeError for anything but whole numbers from zero, `whole` above it
 */
export function proportion(amount: number, part: number, whole: number): number {
  if (whole < 1) throw new RangeError("a part of nothing")
  const product = natural(amount) * natural(part)
  const by = natural(whole)
  const [share, rest] = [product / by, (product % by) * 2n]
  return Number(rest > by || (rest === by && share % 2n === 1n) ? share + 1n : share)
}

/**
 * Splits `total` minor units by `weights` so that the parts add up exactly: whole shares first, then one unit
 * each to the largest remainders, earlier parts first among equals (the largest remainder method; dinero's own
 * `allocate` hands the rest out in order). All weights zero: equal parts.
 * @throws RangeError for anything but whole numbers from zero
 */
export function allocate(total: number, weights: readonly (number | bigint)[]): number[] {
  if (weights.length === 0) return []
  const shares = weights.every((weight) => Number(weight) === 0) ? weights.map(() => 1) : weights
  const sum = shares.reduce<bigint>((all, weight) => all + natural(weight), 0n)
  const exact = shares.map((weight) => natural(total) * natural(weight))
  const parts = exact.map((product) => Number(product / sum))
  const rest = total - parts.reduce((all, part) => all + part, 0)
  exact
    .map((product, index) => ({ index, remainder: product % sum }))
    .toSorted((a, b) => Number(b.remainder - a.remainder) || a.index - b.index)
    .slice(0, rest)
    .forEach(({ index }) => (parts[index] = (parts[index] ?? 0) + 1))
  return parts
}

function currencyOf(code: string) {
  const currency = currencies.get(code)
  if (!currency) throw new RangeError(`${code} is no decimal currency of ISO 4217`)
  return currency
}

function natural(value: number | bigint): bigint {
  if (value < 0) throw new RangeError(`${value} is below zero`)
  return BigInt(value)
}
