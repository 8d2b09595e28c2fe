import type { Ctx } from "#context.ts"
import { notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { stageFill } from "#modules/cart/fill.ts"
import { lineRefusals } from "#modules/cart/owner.ts"
import { commit } from "#platform/commit.ts"

import { open } from "./orders.ts"
import type { Reordered } from "./reorder-model.ts"

/**
 * Fills the owner's cart with what an order held, at the prices of now, and says what is gone, fewer or dearer. The cart
 * then holds at least that: twice is once.
 * @throws `unauthenticated`, `not-found`, `forbidden` for an API key, `cart-full`
 */
export async function reorder(ctx: Ctx, ref: string): Promise<Reordered> {
  const { order, lines } = await open(ctx, ref, "orders:read")
  // Staff see the order, but its owner's cart is not theirs to fill.
  if (ctx.actor.type === "user" && order.userId !== ctx.actor.id) throw notFound("order")
  const wanted = new Map<Id<"variant">, number>()
  for (const { variantId, quantity } of lines)
    wanted.set(variantId, (wanted.get(variantId) ?? 0) + quantity)
  const { fillings, statements, token } = await stageFill(ctx, wanted)
  const items = fillings.flatMap((filling): Reordered["items"] => {
    const line = lines.find(({ variantId }) => variantId === filling.variantId)
    if (!line) return []
    const { thing, available, inCart } = filling
    const isThere = thing !== undefined && available > 0
    return [
      {
        product_id: line.productId,
        variant_id: line.variantId,
        name: thing?.name ?? line.name,
        sku: line.sku,
        outcome: !isThere ? "gone" : inCart < filling.wanted ? "fewer" : "added",
        quantity: filling.wanted,
        in_cart: inCart,
        available,
        unit_price_then: toDecimal(line.unitAmount, order.currency),
        unit_price: thing ? toDecimal(thing.unitAmount, thing.currency) : null,
        price_changed:
          thing !== undefined &&
          (thing.unitAmount !== line.unitAmount || thing.currency !== order.currency),
      },
    ]
  })
  const result: Reordered = {
    order_number: order.number,
    is_complete: items.every(({ outcome }) => outcome === "added"),
    currency: ctx.config.currency,
    items,
    ...(token !== undefined && { token }),
  }
  if (statements.length > 0) await commit(ctx, statements, { refusals: lineRefusals, result })
  return result
}
