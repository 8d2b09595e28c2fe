import { type SQL, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { type Id, newId } from "#lib/id.ts"
import { iso } from "#lib/time.ts"

import { carts } from "./tables.ts"

/** Whose cart it is: a user's, or that of whoever holds the token. */
export type Owner = { userId: Id<"user"> | null; tokenHash: string | null; newToken?: string }

/** Lines that a cart has at most, and pieces that a line has. */
export const limits = { lines: 100, quantity: 999 }

/** Picks an owner's rows of this table. */
export function isOwn({ userId, tokenHash }: Owner, table: "carts" | "saved_items"): SQL {
  const columns = sql.raw(`${table}.${userId === null ? "token_hash" : "user_id"}`)
  return sql`${columns} = ${userId ?? tokenHash}`
}

/** Picks an owner's open cart. */
export function isOpen(owner: Owner): SQL {
  return sql`${isOwn(owner, "carts")} AND carts.status = 'open'`
}

/** The id of an owner's open cart, or NULL. */
export function openCart(owner: Owner): SQL<Id<"cart">> {
  return sql`(SELECT id FROM carts WHERE ${isOpen(owner)})`
}

/** The same, but NULL where the cart is full and has no line of this variant: `cart_lines.cart_id` refuses it. */
export function cartWithRoom(owner: Owner, variantId: Id<"variant">): SQL<Id<"cart">> {
  return sql`(SELECT id FROM carts WHERE ${isOpen(owner)} AND (SELECT count(*) FROM cart_lines WHERE cart_lines.cart_id = carts.id AND cart_lines.variant_id <> ${variantId}) < ${limits.lines})`
}

/** What the constraints of a line mean, for the commit that writes one. */
export const lineRefusals = {
  cart_lines_quantity: "cart-full",
  "NOT NULL constraint failed: cart_lines.cart_id": "cart-full",
} as const

/** Gives an owner who has none a cart. */
export function stageOpen(ctx: Ctx, { userId, tokenHash }: Owner) {
  const now = iso(ctx.now)
  return ctx.db
    .insert(carts)
    .values({
      id: newId("cart", ctx.now),
      userId,
      tokenHash,
      status: "open",
      version: 0,
      createdAt: now,
      updatedAt: now,
    })
    .onConflictDoNothing()
}

/** Notes a change of an owner's open cart: whoever orders it as it was before is refused, and it is not idle. */
export function touch(ctx: Ctx, owner: Owner) {
  return ctx.db
    .update(carts)
    .set({ updatedAt: iso(ctx.now), sweptAt: null, version: sql`version + 1` })
    .where(isOpen(owner))
}
