import { proportion } from "#lib/money.ts"

/** A stretch of time, in ms. */
export type Span = { start: number; end: number }

/**
 * What of `amount`, the price of a whole period, is used up by `at`: nothing at its start, all of it at its end, and
 * never less than before. Rounded once, so that the parts over any split of the period add up to the whole.
 * Minor units.
 */
export function usedBy(amount: number, { start, end }: Span, at: number): number {
  return proportion(amount, Math.min(Math.max(at, start), end) - start, end - start)
}

/** What of `amount` is not used up by `at`. */
export function unusedBy(amount: number, period: Span, at: number): number {
  return amount - usedBy(amount, period, at)
}

/**
 * What a change of the price from `before` to `after` at `at` costs for the rest of the period; negative where it
 * gives back. Changed and changed back at once it is nothing.
 */
export function prorate(before: number, after: number, period: Span, at: number): number {
  return unusedBy(after, period, at) - unusedBy(before, period, at)
}

/** A thing and what it costs. */
type Priced = { unitAmount: number; quantity: number }

/**
 * Lays what is owed (or, below zero, what is to be given back) on the prices of things that are ordered anyway: as
 * much as goes evenly on the units of each, and no price below zero. `rest` is what is left for the next order.
 */
export function spread<Item extends Priced>(
  items: readonly Item[],
  amount: number,
): { items: Item[]; rest: number } {
  let rest = amount
  const laid = items.map((item): Item => {
    const each = Math.max(Math.trunc(rest / item.quantity), -item.unitAmount)
    rest -= each * item.quantity
    return { ...item, unitAmount: item.unitAmount + each }
  })
  // What did not go evenly on one may on a later one; -0 is 0.
  return { items: laid, rest: rest + 0 }
}

/** What things come to. */
export function amountOf(items: readonly Priced[]): number {
  return items.reduce((sum, { unitAmount, quantity }) => sum + unitAmount * quantity, 0)
}
