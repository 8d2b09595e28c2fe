import { and, eq, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import * as inventory from "#modules/inventory/inventory.ts"
import { commit, raced, retryRaced } from "#platform/commit.ts"

import { ownerOf } from "./merge.ts"
import type { Cart, CartWithItem } from "./model.ts"
import { cartWithRoom, isOwn, limits, lineRefusals, openCart, stageOpen, touch } from "./owner.ts"
import { cartLines, savedItems } from "./tables.ts"
import { selectCart, toCart } from "./view.ts"

/** Takes a line out of the cart and keeps it for later; what is kept already grows. Twice is once. @throws `not-found` */
export async function save(ctx: Ctx, ref: string): Promise<Cart> {
  const owner = await ownerOf(ctx)
  const line = and(eq(cartLines.id, ref as Id<"cartLine">), eq(cartLines.cartId, openCart(owner)))
  const [, gone, , ...rows] = await commit(
    ctx,
    [
      ctx.db
        .insert(savedItems)
        .select(
          sql`SELECT ${newId("savedItem", ctx.now)}, ${owner.userId}, ${owner.tokenHash}, product_id, variant_id, quantity, added_amount, 0, ${iso(ctx.now)} FROM cart_lines WHERE ${line}`,
        )
        .onConflictDoUpdate({
          target: [
            owner.userId === null ? savedItems.tokenHash : savedItems.userId,
            savedItems.variantId,
          ],
          set: { quantity: sql`saved_items.quantity + excluded.quantity` },
        }),
      ctx.db.delete(cartLines).where(line).returning({ id: cartLines.id }),
      touch(ctx, owner),
      ...selectCart(ctx, owner),
    ],
    { result: null },
  )
  if (gone.length === 0) throw notFound("cart line")
  return toCart(ctx, owner, rows)
}

/**
 * Puts a saved thing back into the cart, as many of it as there are; the rest stays saved.
 * @throws `not-found`, `out-of-stock` when there is none left, `cart-full`
 */
export async function restore(ctx: Ctx, ref: string): Promise<CartWithItem> {
  const owner = await ownerOf(ctx)
  return retryRaced(async () => {
    const own = and(eq(savedItems.id, ref as Id<"savedItem">), isOwn(owner, "saved_items"))
    const [item] = await ctx.db
      .select({
        productId: savedItems.productId,
        variantId: savedItems.variantId,
        quantity: savedItems.quantity,
        inCart:
          sql<number>`coalesce((SELECT quantity FROM cart_lines WHERE cart_lines.cart_id = ${openCart(owner)} AND cart_lines.variant_id = saved_items.variant_id), 0)`.as(
            "in_cart",
          ),
      })
      .from(savedItems)
      .where(own)
      .limit(1)
    if (!item) throw notFound("saved item")
    const available = (await inventory.availableNow(ctx, [item.productId])).get(item.variantId) ?? 0
    const room = Math.min(available, limits.quantity) - item.inCart
    if (room < 1 && available > item.inCart) throw new DomainError("cart-full")
    if (room < 1) throw inventory.outOfStock([{ variantId: item.variantId, available }])
    const back = Math.min(item.quantity, room)

    // Both sides as they were read, or the whole batch again.
    const asRead = and(own, eq(savedItems.quantity, item.quantity))
    const changed = () => raced(new DomainError("cart-changed", "The cart was changed meanwhile"))
    const [, put, , , ...rows] = await commit(
      ctx,
      [
        stageOpen(ctx, owner),
        ctx.db
          .insert(cartLines)
          .select(
            sql`SELECT ${newId("cartLine", ctx.now)}, ${cartWithRoom(owner, item.variantId)}, product_id, variant_id, ${back}, added_amount, ${iso(ctx.now)} FROM saved_items WHERE ${asRead}`,
          )
          .onConflictDoUpdate({
            target: [cartLines.cartId, cartLines.variantId],
            set: {
              quantity: sql`CASE WHEN cart_lines.quantity = ${item.inCart} THEN cart_lines.quantity + excluded.quantity END`,
            },
          })
          .returning({ id: cartLines.id }),
        back < item.quantity
          ? ctx.db
              .update(savedItems)
              .set({ quantity: item.quantity - back })
              .where(asRead)
          : ctx.db.delete(savedItems).where(asRead),
        touch(ctx, owner),
        ...selectCart(ctx, owner),
      ],
      {
        refusals: {
          "NOT NULL constraint failed: cart_lines.quantity": changed,
          ...lineRefusals,
        },
        result: null,
      },
    )
    const itemId = put[0]?.id
    if (!itemId) throw changed()
    return { ...(await toCart(ctx, owner, rows)), item_id: itemId }
  })
}

/** Forgets a saved thing. @throws `not-found` */
export async function forget(ctx: Ctx, ref: string): Promise<void> {
  const owner = await ownerOf(ctx)
  const own = and(eq(savedItems.id, ref as Id<"savedItem">), isOwn(owner, "saved_items"))
  const [gone] = await commit(
    ctx,
    [ctx.db.delete(savedItems).where(own).returning({ id: savedItems.id })],
    { result: {} },
  )
  if (gone.length === 0) throw notFound("saved item")
}
