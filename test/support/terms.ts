import type { Id } from "#lib/id.ts"
import { quote, type QuoteItem, type Terms } from "#modules/cart/quote.ts"
import type { Action, Condition, Promotion } from "#modules/promotions/discount.ts"
import { ratesByClass, type TaxRate } from "#modules/tax/assess.ts"

/** A line for a quote: 10.00, one of it, unless said otherwise. Its product is the thing itself. */
export function item(variantId: string, over: Partial<QuoteItem> = {}): QuoteItem {
  return {
    variantId: variantId as Id<"variant">,
    productId: variantId as Id<"product">,
    name: variantId,
    unitAmount: 1000,
    quantity: 1,
    ...over,
  }
}

/** A promotion in force, combinable and by code unless said otherwise. */
export function promotion(
  action: Action,
  conditions: Condition[] = [],
  over: Partial<Promotion> = {},
): Promotion {
  const code = over.code === undefined ? "CODE" : over.code
  return {
    id: `prm_${code ?? "auto"}` as Id<"promotion">,
    name: code ?? "Automatic",
    code,
    priority: 0,
    isCombinable: true,
    conditions,
    action,
    ...over,
  }
}

/** A tax rate on the class `standard`, unless said otherwise. */
export function rate(ratePpm: number, over: Partial<TaxRate> = {}): TaxRate {
  return {
    name: "Tax",
    taxClass: "standard",
    country: "GB",
    state: "",
    postalPrefix: "",
    ratePpm,
    priority: 1,
    isCompound: false,
    ...over,
  }
}

/** A shop's terms: none, unless said otherwise. */
export function terms({
  rates = [],
  facts = {},
  how = {},
  ...over
}: Partial<Omit<Terms, "facts" | "how" | "taxes">> & {
  rates?: TaxRate[]
  facts?: Partial<Terms["facts"]>
  how?: Partial<Terms["how"]>
} = {}): Terms {
  return {
    facts: { currency: "USD", isShipped: true, ...facts },
    how: { pricesIncludeTax: false, rounding: "half-even", level: "line", ...how },
    promotions: [],
    refused: [],
    shipping: null,
    taxes: ratesByClass(rates),
    ...over,
  }
}

/** A way to send it: `amount` in minor units. */
export function sentFor(amount: number, taxClass = "standard") {
  return { methodId: "shm_1", name: "Standard", amount, taxClass }
}

/** What each line, in order, has off. */
export function discounts(items: readonly QuoteItem[], given: Terms): number[] {
  return quote(items, given).lines.map(({ discountAmount }) => discountAmount)
}
