import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import { price } from "#modules/cart/price.ts"
import type { Quote } from "#modules/cart/quote.ts"
import { findSellables, type Sellable } from "#modules/catalog/sellables.ts"
import { asPlaced } from "#modules/currencies/presentment.ts"
import type { Address } from "#modules/users/address-model.ts"

import { inBase } from "./in-base.ts"
import type { LineRow, OrderRow } from "./orders.ts"

/** What an order is to hold: units of a line it has, at the line's price, or of something new, at today's. */
export type Wanted = Sellable & { quantity: number; line?: LineRow | undefined }

/**
 * What an order comes to with these units: lines that are there cost what they cost when it was placed, new things
 * what they cost now; its promotions hold for it still, whether or not they have ended; shipping by its method and
 * taxes are reckoned by today's rates, and an order in another currency by the exchange rate that it was placed with.
 * Lines in the order given, the new ones last.
 * @throws `product-unavailable` for a line whose product is gone, `invalid-input` for a shipping method that is no
 * longer offered, `shipping-unavailable`
 */
export async function reprice(
  ctx: Ctx,
  order: OrderRow,
  kept: readonly { line: LineRow; quantity: number }[],
  added: readonly (Sellable & { quantity: number })[],
): Promise<Quote<Wanted>> {
  const known = await findSellables(
    ctx,
    kept.map(({ line }) => line.variantId),
  )
  const items = kept.map(({ line, quantity }): Wanted => {
    const sellable = known.get(line.variantId)
    if (!sellable)
      throw new DomainError("product-unavailable", `${line.name} is no more in the catalogue`)
    const { name, sku, options, unitAmount, isDigital } = line
    return { ...sellable, name, sku, options, unitAmount, isDigital, quantity, line }
  })
  const amounts = new Map(kept.map(({ line }) => [line.variantId, line.unitAmount]))
  const { exchange_rate: rate } = inBase(order)
  return price(ctx, {
    prices: asPlaced(ctx, { currency: order.currency, rate }, amounts),
    items: [...items, ...added],
    codes: order.coupons,
    destination: destinationOf(order.shippingAddress),
    shippingMethod: order.shippingMethod?.id,
    customer: { userId: order.userId, email: order.email },
    orderId: order.id,
  })
}

/** Where an order goes, as prices want to know it. */
export function destinationOf(address: Address | null) {
  if (!address) return undefined
  return { country: address.country, state: address.state, postalCode: address.postal_code }
}
