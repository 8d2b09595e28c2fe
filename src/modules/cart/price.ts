import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import type { Destination } from "#lib/place.ts"
import type { Sellable } from "#modules/catalog/sellables.ts"
import {
  amountIn,
  exactlyIn,
  type InCurrency,
  inCurrency,
  isOwn,
  ownPrices,
  type Presentment,
  stepsOf,
} from "#modules/currencies/presentment.ts"
import { converted as convertedPromotion } from "#modules/promotions/discount.ts"
import * as promotions from "#modules/promotions/terms.ts"
import { converted as convertedMethod } from "#modules/shipping/rates.ts"
import * as shipping from "#modules/shipping/shipping.ts"
import { ratesByClass } from "#modules/tax/assess.ts"
import * as tax from "#modules/tax/tax.ts"

import { parcelOf, type Quote, quote } from "./quote.ts"

/** What is asked for: the things, the codes, where they go, how, and for whom. What is not known yet is left out. */
export type PriceRequest<Item extends Sellable & { quantity: number }> = {
  items: readonly Item[]
  codes?: readonly string[] | undefined
  /** ISO 3166-1 alpha-2 country, and what narrows it: taxes and shipping go by it. */
  destination?: Destination | undefined
  /** The id of a shipping method; without one the cheapest that goes there, and is no pickup, is taken. */
  shippingMethod?: string | undefined
  /** Whom limits per customer count: the account, else the e-mail address. */
  customer?: promotions.Customer | undefined
  /** The order that is priced anew: the promotions it has hold for it still, and its own uses do not count against it. */
  orderId?: Id<"order"> | undefined
  /** What it is priced in, with the price lists of these things; absent: the shop's own currency. */
  prices?: Presentment | undefined
}

/** What things cost together in a currency, each also in the shop's own. */
export type PricedIn<Item extends Sellable & { quantity: number }> = Quote<InCurrency<Item>> & {
  prices: Presentment
}

/**
 * Prices things under the shop's terms of this moment: promotions, shipping methods and tax rates as they stand, read
 * in one round trip and never from a cache. Without a destination nothing is reckoned for shipping and taxes. In another
 * currency all amounts of the terms are converted by the rate that the things are.
 * @throws `invalid-input` for a shipping method that is not offered, `shipping-unavailable` where nothing is sent to,
 * `rate-stale`
 */
export async function price<Item extends Sellable & { quantity: number }>(
  ctx: Ctx,
  request: PriceRequest<Item>,
): Promise<PricedIn<Item>> {
  const { destination, customer, prices = ownPrices(ctx) } = request
  const items = request.items.map((item) => inCurrency(prices, item))
  const ofTerms = {
    price: (amount: number) => amountIn(prices, amount),
    amount: (amount: number) => exactlyIn(prices, amount),
  }
  const asked = { codes: request.codes ?? [], customer, orderId: request.orderId }
  const isShipped = items.some(({ isDigital }) => !isDigital)
  const [methods, configured, rates, ...promoted] = await ctx.db.batch([
    ...shipping.selectMethods(ctx, destination),
    tax.selectRates(ctx, destination),
    ...promotions.selectTerms(ctx, asked),
  ])
  const { isFirstOrder, ...inForce } = promotions.toTerms(ctx, asked, promoted)
  const isConfigured = configured.length > 0
  const chosen =
    destination && isShipped
      ? shipping.choose(
          methodsIn(prices, methods),
          isConfigured,
          parcelOf(items),
          destination,
          request.shippingMethod,
        )
      : null
  const { pricesIncludeTax, rounding, level } = ctx.config.pricing
  const priced = quote(items, {
    refused: inForce.refused,
    promotions: isOwn(prices)
      ? inForce.promotions
      : inForce.promotions.map((promotion) => convertedPromotion(promotion, ofTerms)),
    facts: {
      currency: prices.currency,
      country: destination?.country,
      customer,
      isFirstOrder,
      isShipped,
    },
    how: { pricesIncludeTax, rounding, level },
    ...((destination || !isShipped || !isConfigured) && {
      shipping: chosen && {
        methodId: chosen.method.id,
        name: chosen.method.name,
        amount: chosen.amount,
        taxClass: chosen.method.taxClass,
      },
    }),
    taxes: ratesByClass(rates),
  })
  return { ...priced, explain: [...stepsOf(prices, priced.lines), ...priced.explain], prices }
}

/** Ways to send things, with what they cost in a currency. @throws `rate-stale` */
export function methodsIn<Method extends shipping.MethodRow>(
  prices: Presentment,
  methods: readonly Method[],
): Method[] {
  return methods.map((method) =>
    isOwn(prices) ? method : convertedMethod(method, (amount) => amountIn(prices, amount)),
  )
}
