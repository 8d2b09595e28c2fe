/** A tax on a line or on the shipping, as it was reckoned: `rate` in percent (`8.875`), `amount` in minor units. */
export type TaxLine = { name: string; rate: string; amount: number }

/**
 * One step of how a price came about, in order, for people: what, over what, how much. Minor units, signed: the
 * amounts before the total add up to it (a tax that prices contain has none).
 */
export type Step = {
  kind: "currency" | "line" | "promotion" | "shipping" | "tax" | "rounding" | "total"
  detail: string
  amount: number
}
