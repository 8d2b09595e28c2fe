import type { Ctx } from "#context.ts"
import { invalid } from "#errors.ts"
import { fromDecimal, toDecimal } from "#lib/money.ts"
import * as presentment from "#modules/currencies/presentment.ts"
import type { Parcel } from "#modules/shipping/rates.ts"
import * as shipping from "#modules/shipping/shipping.ts"

import * as carts from "./cart.ts"
import { methodsIn } from "./price.ts"
import { parcelOf } from "./quote.ts"
import type { ShippingOffers, ShippingQuery } from "./shipping-model.ts"

/**
 * The ways to have the caller's cart sent, or what the query describes, cheapest first; one round trip, and one more in
 * another currency than the shop's own.
 * @throws `rate-stale`, `invalid-input` for a subtotal of too many decimals, and a currency that is not offered
 */
export async function listMethods(ctx: Ctx, query: ShippingQuery): Promise<ShippingOffers> {
  const destination = query.country
    ? {
        country: query.country,
        state: query.state ?? "",
        postalCode: query.postal_code ?? "",
      }
    : undefined
  const selects = shipping.selectMethods(ctx, destination)
  const isDescribed = query.subtotal !== undefined || query.weight !== undefined
  const {
    found,
    lines,
    currency: ofCart,
  } = isDescribed
    ? { found: (await ctx.db.batch(selects))[0], lines: [], currency: null }
    : await withCart(ctx, selects)
  const ids = lines.flatMap(({ variantId, pricedAs }) => [variantId, pricedAs])
  const prices = await presentment.read(ctx, query.currency ?? ofCart, ids)
  const { currency } = prices
  const parcel = isDescribed
    ? described(query, currency)
    : parcelOf(lines.map((line) => presentment.inCurrency(prices, line)))
  // An empty cart may yet hold something that is sent.
  const isShipped = lines.length === 0 || lines.some(({ isDigital }) => !isDigital)
  const offers = isShipped ? shipping.offers(methodsIn(prices, found), parcel, destination) : []
  return {
    shipping_required: isShipped,
    currency,
    results: offers.map((offer) => toOffer(offer, currency)),
  }
}

/** A way to send things, and what it costs, on the wire. */
export function toOffer(
  { method, amount }: { method: shipping.MethodRow; amount: number },
  currency: string,
): ShippingOffers["results"][number] {
  return {
    id: method.id,
    name: method.name,
    description: method.description,
    type: method.type,
    price: toDecimal(amount, currency),
    currency,
    min_days: method.minDays,
    max_days: method.maxDays,
  }
}

async function withCart(ctx: Ctx, selects: ReturnType<typeof shipping.selectMethods>) {
  const [found, , cartRows, lineRows] = await ctx.db.batch([
    ...selects,
    ...(await carts.selectOpen(ctx)),
  ])
  const { lines = [], currency = null } = carts.toOpen(cartRows, lineRows) ?? {}
  return { found, lines, currency }
}

function described(query: ShippingQuery, currency: string): Parcel {
  const subtotalAmount = fromDecimal(query.subtotal ?? "0", currency)
  if (subtotalAmount === undefined)
    throw invalid({
      field: "subtotal",
      detail: `An amount with the decimals of ${currency} is required.`,
      code: "invalid",
    })
  return { subtotalAmount, weightGrams: query.weight ?? 0 }
}
