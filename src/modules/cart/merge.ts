import { and, eq, sql } from "drizzle-orm"

import { refuseProgram } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { type Id, newId } from "#lib/id.ts"
import { randomToken, sha256 } from "#lib/secret.ts"
import { iso } from "#lib/time.ts"
import { mostCodes } from "#modules/promotions/terms.ts"
import { commit } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import { isOpen, isOwn, limits, openCart, type Owner } from "./owner.ts"
import { cartAbandonments, cartLines, carts, savedItems } from "./tables.ts"

/**
 * Whose cart the request is about. A guest's cart that a user brings along is theirs first: at sign-in that has
 * happened already (`stageSignIn`), so this is for what was filled since.
 * @throws `forbidden` for an API key
 */
export async function ownerOf(ctx: Ctx): Promise<Owner> {
  const { actor, guestCart } = ctx
  refuseProgram(ctx)
  if (actor.type === "user") {
    const owner = { userId: actor.id, tokenHash: null }
    if (guestCart !== undefined && (await isFilled(ctx, guestCart)))
      await commit(ctx, stageMerge(ctx, guestCart, owner))
    return owner
  }
  if (actor.type === "guest" && actor.cartTokenHash !== undefined)
    return { userId: null, tokenHash: actor.cartTokenHash }
  const newToken = randomToken()
  return { userId: null, tokenHash: await sha256(newToken), newToken }
}

/** Makes the cart that came along with a sign-in or a registration the user's, in the batch of the session. */
export function stageSignIn(ctx: Ctx, userId: Id<"user">): Statement[] {
  return ctx.guestCart === undefined
    ? []
    : stageMerge(ctx, ctx.guestCart, { userId, tokenHash: null })
}

/** Whether a guest's token has anything to merge. */
async function isFilled(ctx: Ctx, tokenHash: string): Promise<boolean> {
  const guest: Owner = { userId: null, tokenHash }
  const [row] = await ctx.db
    .select({ n: sql<number>`count(*)`.as("n") })
    .from(
      sql`(SELECT 1 FROM carts WHERE ${isOpen(guest)} UNION ALL SELECT 1 FROM saved_items WHERE ${isOwn(guest, "saved_items")} LIMIT 1)`,
    )
  return (row?.n ?? 0) > 0
}

/**
 * Moves all that a guest has into another owner's cart. Quantities add up to what lists say can be bought, lines to
 * `limits`; what does not fit is saved for later, marked. Each statement works on the rows as they are when the batch
 * runs: what is put in or merged at the same time is before or after it, never lost, and a second merge finds nothing.
 * An order of either cart that was read before breaks on the cart's version (`stageClose`).
 */
export function stageMerge(ctx: Ctx, tokenHash: string, to: Owner): Statement[] {
  const { db } = ctx
  const now = iso(ctx.now)
  const guest: Owner = { userId: null, tokenHash }
  const source = openCart(guest)
  const target = openCart(to)
  // Ids of the layout of `newId`, of which SQL makes one for each row.
  const savedId = sql`${newId("savedItem", ctx.now).slice(0, 14)} || lower(hex(randomblob(8)))`
  const stock = (variantId: string) =>
    sql`min(${limits.quantity}, max(0, coalesce((SELECT stock_quantity FROM variants WHERE variants.id = ${sql.raw(variantId)}), 0)))`

  // The guest's lines: where each goes (`into_id`: a line that is there, NULL: a new one) and how much of it fits.
  const plan = sql`(
    SELECT g.*, t.id AS into_id, CASE
      WHEN t.id IS NOT NULL THEN min(g.quantity, max(0, ${stock("g.variant_id")} - t.quantity))
      WHEN row_number() OVER (PARTITION BY t.id IS NULL AND ${stock("g.variant_id")} > 0 ORDER BY g.created_at, g.id)
        <= ${limits.lines} - (SELECT count(*) FROM cart_lines WHERE cart_id = ${target})
      THEN min(g.quantity, ${stock("g.variant_id")})
      ELSE 0 END AS fit
    FROM cart_lines g LEFT JOIN cart_lines t ON t.cart_id = ${target} AND t.variant_id = g.variant_id
    WHERE g.cart_id = ${source}) AS plan`
  const guestQuantity = sql`(SELECT g.quantity FROM cart_lines g WHERE g.cart_id = ${source} AND g.variant_id = cart_lines.variant_id)`
  const owned = to.userId === null ? savedItems.tokenHash : savedItems.userId
  const saveMore = (overflow: ReturnType<typeof sql>) => ({
    target: [owned, savedItems.variantId],
    set: { quantity: sql`saved_items.quantity + excluded.quantity`, overflow },
  })

  return [
    db
      .insert(carts)
      .select(
        sql`SELECT ${newId("cart", ctx.now)}, ${to.userId}, ${to.tokenHash}, 'open', 0, ${now}, ${now}, NULL, '[]', NULL, (SELECT currency FROM carts WHERE ${isOpen(guest)}) WHERE EXISTS (SELECT 1 FROM cart_lines WHERE cart_id = ${source})`,
      )
      .onConflictDoNothing(),
    db
      .insert(savedItems)
      .select(
        sql`SELECT ${savedId}, ${to.userId}, ${to.tokenHash}, product_id, variant_id, quantity - fit, added_amount, 1, ${now} FROM ${plan} WHERE quantity > fit`,
      )
      .onConflictDoUpdate(saveMore(sql`1`)),
    db
      .update(cartLines)
      .set({
        quantity: sql`quantity + min(${guestQuantity}, max(0, ${stock("cart_lines.variant_id")} - quantity))`,
      })
      .where(and(eq(cartLines.cartId, target), sql`${guestQuantity} > 0`)),
    db
      .update(cartLines)
      .set({
        cartId: target,
        quantity: sql`min(quantity, ${stock("cart_lines.variant_id")})`,
      })
      .where(sql`cart_lines.id IN (SELECT id FROM ${plan} WHERE into_id IS NULL AND fit > 0)`),
    db.delete(cartLines).where(eq(cartLines.cartId, source)),
    db
      .insert(savedItems)
      .select(
        sql`SELECT ${savedId}, ${to.userId}, ${to.tokenHash}, product_id, variant_id, quantity, added_amount, overflow, created_at FROM saved_items WHERE ${isOwn(guest, "saved_items")}`,
      )
      .onConflictDoUpdate(saveMore(sql`max(saved_items.overflow, excluded.overflow)`)),
    db.delete(savedItems).where(isOwn(guest, "saved_items")),
    db
      .update(cartAbandonments)
      .set({ cartId: target, userId: to.userId })
      .where(
        sql`cart_abandonments.cart_id = ${source} AND ${target} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM cart_abandonments o WHERE o.cart_id = ${target} AND o.idle_since = cart_abandonments.idle_since)`,
      ),
    db
      .update(carts)
      .set({
        version: sql`version + 1`,
        updatedAt: now,
        sweptAt: null,
        ...(to.userId === null && {
          email: sql`coalesce(email, (SELECT email FROM carts WHERE ${isOpen(guest)}))`,
        }),
        coupons: sql`(SELECT json_group_array(value) FROM (SELECT value FROM (SELECT value, key, 0 AS brought FROM json_each(carts.coupons) UNION ALL SELECT value, key, 1 FROM json_each((SELECT coupons FROM carts WHERE ${isOpen(guest)}))) GROUP BY value ORDER BY min(brought), min(key) LIMIT ${mostCodes}))`,
      })
      .where(sql`${isOpen(to)} AND ${source} IS NOT NULL`),
    db
      .update(carts)
      .set({ status: "merged", version: sql`version + 1`, updatedAt: now })
      .where(isOpen(guest)),
  ]
}
