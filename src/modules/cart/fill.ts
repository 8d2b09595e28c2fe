import { eq, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { type Id, newId } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { findSellables, type Sellable } from "#modules/catalog/sellables.ts"
import * as inventory from "#modules/inventory/inventory.ts"
import type { Statement } from "#platform/db.ts"

import { ownerOf } from "./merge.ts"
import { cartWithRoom, limits, openCart, stageOpen, touch } from "./owner.ts"
import { cartLines } from "./tables.ts"

/** What became of a thing that was to be in the cart. `thing` is absent where the catalogue has it no more. */
export type Filling = {
  variantId: Id<"variant">
  wanted: number
  thing: Sellable | undefined
  /** How many can be bought now. */
  available: number
  /** How many the cart then holds. */
  inCart: number
}

/**
 * Puts things into the caller's cart until it holds as many of each as are wanted, or as can be bought; a line that
 * holds more already stays, so that twice is once. `token`: a guest's who had none. Its refusals: `lineRefusals`.
 * @throws `forbidden` for an API key
 */
export async function stageFill(
  ctx: Ctx,
  wanted: ReadonlyMap<Id<"variant">, number>,
): Promise<{ fillings: Filling[]; statements: Statement[]; token: string | undefined }> {
  const owner = await ownerOf(ctx)
  const [found, lines] = await Promise.all([
    findSellables(ctx, [...wanted.keys()]),
    ctx.db
      .select({ variantId: cartLines.variantId, quantity: cartLines.quantity })
      .from(cartLines)
      .where(eq(cartLines.cartId, openCart(owner))),
  ])
  const held = new Map(lines.map(({ variantId, quantity }) => [variantId, quantity]))
  const onSale = [...found.values()].filter(({ isOnSale }) => isOnSale)
  const stock = await inventory.availableNow(
    ctx,
    onSale.map(({ productId }) => productId),
  )
  const fillings = [...wanted].map(([variantId, quantity]): Filling => {
    const thing = onSale.find((one) => one.variantId === variantId)
    const available = thing ? (stock.get(variantId) ?? 0) : 0
    const inCart = Math.max(
      held.get(variantId) ?? 0,
      Math.min(quantity, available, limits.quantity),
    )
    return { variantId, wanted: quantity, thing, available, inCart }
  })
  // Ids of one instant sort at random: sorted, they keep the lines in the order in which they are wanted.
  const ids = fillings.map(() => newId("cartLine", ctx.now)).toSorted()
  const statements = fillings.flatMap(({ variantId, thing, inCart }, index): Statement[] =>
    thing === undefined || inCart === (held.get(variantId) ?? 0)
      ? []
      : [
          ctx.db
            .insert(cartLines)
            .values({
              id: ids[index] ?? newId("cartLine", ctx.now),
              cartId: cartWithRoom(owner, variantId),
              productId: thing.productId,
              variantId,
              quantity: inCart,
              addedAmount: thing.unitAmount,
              createdAt: iso(ctx.now),
            })
            .onConflictDoUpdate({
              target: [cartLines.cartId, cartLines.variantId],
              set: { quantity: sql`max(cart_lines.quantity, excluded.quantity)` },
            }),
        ],
  )
  return {
    fillings,
    statements:
      statements.length === 0 ? [] : [stageOpen(ctx, owner), ...statements, touch(ctx, owner)],
    token: owner.newToken,
  }
}
