import type { Id } from "#lib/id.ts"
import { type Area, closeness } from "#lib/place.ts"

/** What a step of a method costs up to a weight (grams) or an order total (minor units); null: from there on whatever it is. */
export type PriceStep = { upTo: number | null; amount: number }

/** A way to send things. Amounts in minor units; `freeFromAmount`: it costs nothing from this subtotal on. */
export type ShippingMethod = {
  id: Id<"shippingMethod">
  name: string
  type: "flat" | "weight" | "total" | "pickup"
  amount: number
  steps: PriceStep[]
  freeFromAmount: number | null
  taxClass: string
  position: number
}

/** What is sent: its price before discounts, so that a coupon makes no shipping dearer, and its weight. */
export type Parcel = { subtotalAmount: number; weightGrams: number }

/** A method with its amounts in another currency. */
export function converted<Method extends ShippingMethod>(
  method: Method,
  price: (amount: number) => number,
): Method {
  const { type, steps, amount, freeFromAmount } = method
  return {
    ...method,
    amount: price(amount),
    freeFromAmount: freeFromAmount === null ? null : price(freeFromAmount),
    steps: steps.map(({ upTo, amount: cost }) => ({
      upTo: type === "total" && upTo !== null ? price(upTo) : upTo,
      amount: price(cost),
    })),
  }
}

/** What a method costs for a parcel, in minor units; `undefined`: it does not take one so heavy or so dear. */
export function priceOf(method: ShippingMethod, parcel: Parcel): number | undefined {
  const { type, steps, freeFromAmount } = method
  const measure = type === "weight" ? parcel.weightGrams : parcel.subtotalAmount
  const amount =
    type === "flat" || type === "pickup"
      ? method.amount
      : steps
          .toSorted((a, b) => (a.upTo ?? Infinity) - (b.upTo ?? Infinity))
          .find(({ upTo }) => upTo === null || measure <= upTo)?.amount
  if (amount === undefined) return undefined
  return freeFromAmount !== null && parcel.subtotalAmount >= freeFromAmount ? 0 : amount
}

/** Of methods whose zones hold a place, those of the closest ones: a zone for a state wins over one for its country. */
export function closest<Method>(found: readonly { method: Method; area: Area }[]): Method[] {
  const most = Math.max(...found.map(({ area }) => closeness(area)))
  return found.filter(({ area }) => closeness(area) === most).map(({ method }) => method)
}

/** The methods that take a parcel, with what they cost; cheapest first, then as staff ordered them. */
export function offersFor<Method extends ShippingMethod>(
  methods: readonly Method[],
  parcel: Parcel,
): { method: Method; amount: number }[] {
  return methods
    .flatMap((method) => {
      const amount = priceOf(method, parcel)
      return amount === undefined ? [] : [{ method, amount }]
    })
    .toSorted(
      (a, b) =>
        a.amount - b.amount ||
        a.method.position - b.method.position ||
        (a.method.id < b.method.id ? -1 : 1),
    )
}
