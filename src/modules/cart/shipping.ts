import type { Ctx } from "#context.ts"
import { invalid } from "#errors.ts"
import { fromDecimal, toDecimal } from "#lib/money.ts"
import type { Parcel } from "#modules/shipping/rates.ts"
import * as shipping from "#modules/shipping/shipping.ts"

import * as carts from "./cart.ts"
import { parcelOf } from "./quote.ts"
import type { ShippingOffers, ShippingQuery } from "./shipping-model.ts"

/**
 * The ways to have the caller's cart sent, or what the query describes, cheapest first; one round trip.
 * @throws `invalid-input` for a subtotal of too many decimals
 */
export async function listMethods(ctx: Ctx, query: ShippingQuery): Promise<ShippingOffers> {
  const { currency } = ctx.config
  const destination = query.country
    ? {
        country: query.country,
        state: query.state ?? "",
        postalCode: query.postal_code ?? "",
      }
    : undefined
  const selects = shipping.selectMethods(ctx, destination)
  const isDescribed = query.subtotal !== undefined || query.weight !== undefined
  const [found, { parcel, isShipped }] = isDescribed
    ? [(await ctx.db.batch(selects))[0], { parcel: described(query, currency), isShipped: true }]
    : await withCart(ctx, selects)
  const offers = isShipped ? shipping.offers(found, parcel, destination) : []
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
  const lines = carts.toOpen(cartRows, lineRows)?.lines ?? []
  // An empty cart may yet hold something that is sent.
  const isShipped = lines.length === 0 || lines.some(({ isDigital }) => !isDigital)
  return [found, { parcel: parcelOf(lines), isShipped }] as const
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
