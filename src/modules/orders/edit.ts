/** A line of an order, as far as an edit asks about it. Amounts of money are not looked at. */
type Line = { id: string; name: string; quantity: number; fulfilledQuantity: number }

/** What is left of a line, and by how much that is more or less than there was. */
export type Kept<L extends Line> = { line: L; quantity: number; change: number }

/** Lines as an edit leaves them; `short`: less than what was sent of them is asked for. */
export type Outcome<L extends Line> = { kept: Kept<L>[]; removed: L[]; short: L[] }

/** Sets how many there are to be of lines: what is not named stays, 0 takes a line out, the last word on one counts. */
export function outcomeOf<L extends Line>(
  lines: readonly L[],
  wanted: ReadonlyMap<string, number>,
): Outcome<L> {
  const all = lines.map((line) => {
    const quantity = wanted.get(line.id) ?? line.quantity
    return { line, quantity, change: quantity - line.quantity }
  })
  return {
    kept: all.filter(({ quantity }) => quantity > 0),
    removed: all.filter(({ quantity }) => quantity === 0).map(({ line }) => line),
    short: all
      .filter(({ line, quantity }) => quantity < line.fulfilledQuantity)
      .map(({ line }) => line),
  }
}

/** What an edit did, for people: `Cap: 3 → 1; Mug: 2 → 0; Pen: + 5.` */
export function toldOf<L extends Line>(
  { kept, removed }: Outcome<L>,
  added: readonly { name: string; quantity: number }[],
): string {
  const parts = [
    ...kept
      .filter(({ change }) => change !== 0)
      .map(({ line, quantity }) => `${line.name}: ${line.quantity} → ${quantity}`),
    ...removed.map(({ name, quantity }) => `${name}: ${quantity} → 0`),
    ...added.map(({ name, quantity }) => `${name}: + ${quantity}`),
  ]
  return `${parts.join("; ")}.`
}

/** How money stands after an edit, in minor units. */
export type Settlement = {
  /** What goes back of what was paid. */
  refundAmount: number
  /** Of all that was refunded, what counts as never paid. */
  reducedAmount: number
}

/**
 * What an edit gives back: what was paid beyond the new total, as far as it was not refunded otherwise. `paid` and
 * `refunded` are what payments captured and gave back; `reduced` what of the latter was for earlier edits; `before` is
 * the total until now: what was paid beyond that, and went back, is not given back again.
 */
export function settlementOf(
  totalAmount: number,
  {
    paid,
    refunded,
    reduced,
    before,
  }: { paid: number; refunded: number; reduced: number; before: number },
): Settlement {
  const surplus = Math.max(0, paid - reduced - before)
  const returned = Math.min(surplus, Math.max(0, refunded - reduced))
  const excess = Math.max(0, paid - reduced - returned - totalAmount)
  const refundAmount = Math.min(excess, Math.max(0, paid - refunded))
  return { refundAmount, reducedAmount: reduced + returned + refundAmount }
}
