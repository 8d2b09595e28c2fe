/** A tax on a line or on the shipping, as it was reckoned. `amount` in minor units. */
export type TaxLine = { name: string; rateBasisPoints: number; amount: number }

/** One step of how a price came about, in order, for people: what, over what, how much (minor units, signed). */
export type Step = {
  kind: "line" | "promotion" | "shipping" | "tax" | "rounding" | "total"
  detail: string
  amount: number
}
