import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import type { Destination } from "#lib/place.ts"
import type { Sellable } from "#modules/catalog/sellables.ts"
import * as promotions from "#modules/promotions/terms.ts"
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
}

/**
 * Prices things under the shop's terms of this moment: promotions, shipping methods and tax rates as they stand, read
 * in one round trip and never from a cache. Without a destination nothing is reckoned for shipping and taxes.
 * @throws `invalid-input` for a shipping method that is not offered, `shipping-unavailable` where nothing is sent to
 */
export async function price<Item extends Sellable & { quantity: number }>(
  ctx: Ctx,
  request: PriceRequest<Item>,
): Promise<Quote<Item>> {
  const { items, destination, customer } = request
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
      ? shipping.choose(methods, isConfigured, parcelOf(items), destination, request.shippingMethod)
      : null
  const { pricesIncludeTax, rounding, level } = ctx.config.pricing
  return quote(items, {
    ...inForce,
    facts: {
      currency: ctx.config.currency,
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
}
