import { and, asc, inArray, lte, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { daysAfter, iso } from "#lib/time.ts"
import { listLimit } from "#platform/db.ts"

import { cartAbandonments, cartLines, carts, savedItems } from "./tables.ts"

/** Transactions of one run: cron comes again. */
const mostPages = 50
/** Days that it is known which carts were left. */
const abandonmentDays = 400

/**
 * Deletes guests' carts that nobody touched for `GUEST_CART_DAYS`, those that went into another cart included, what
 * such guests saved for later, and old records of abandonment. Ordered carts stay. For cron: in pages, safe to run
 * twice at once; a cart that is touched meanwhile stays.
 */
export async function expireCarts(ctx: Ctx): Promise<void> {
  const before = iso(daysAfter(ctx.now, -ctx.config.guestCartDays))
  await inPages(() => expireGuests(ctx, before))
  await inPages(() => expireSaved(ctx, before))
  await inPages(() => forgetAbandonments(ctx))
}

async function inPages(work: () => Promise<number>): Promise<void> {
  for (let n = 0; n < mostPages; n++) if ((await work()) < listLimit) return
}

async function expireGuests(ctx: Ctx, before: string): Promise<number> {
  // As literally as the index `carts_of_guests` says it.
  const isOld = and(sql`user_id IS NULL AND status <> 'ordered'`, lte(carts.updatedAt, before))
  const found = await ctx.db
    .select({ id: carts.id })
    .from(carts)
    .where(isOld)
    .orderBy(asc(carts.updatedAt))
    .limit(listLimit)
  if (found.length === 0) return 0
  const ids = found.map(({ id }) => id)
  const old = and(inArray(carts.id, ids), isOld)
  await ctx.db.batch([
    ctx.db
      .delete(cartLines)
      .where(inArray(cartLines.cartId, ctx.db.select({ id: carts.id }).from(carts).where(old))),
    ctx.db.delete(carts).where(old),
  ])
  return found.length
}

/** What a guest saved stays as long as they have a cart. */
async function expireSaved(ctx: Ctx, before: string): Promise<number> {
  const gone = await ctx.db.delete(savedItems).where(
    inArray(
      savedItems.id,
      ctx.db
        .select({ id: savedItems.id })
        .from(savedItems)
        .where(
          and(
            sql`token_hash IS NOT NULL`,
            lte(savedItems.createdAt, before),
            sql`NOT EXISTS (SELECT 1 FROM carts WHERE carts.token_hash = saved_items.token_hash AND carts.status = 'open')`,
          ),
        )
        .limit(listLimit),
    ),
  )
  return gone.meta.changes
}

async function forgetAbandonments(ctx: Ctx): Promise<number> {
  const old = ctx.db
    .select({ id: cartAbandonments.id })
    .from(cartAbandonments)
    .where(lte(cartAbandonments.createdAt, iso(daysAfter(ctx.now, -abandonmentDays))))
    .limit(listLimit)
  const gone = await ctx.db.delete(cartAbandonments).where(inArray(cartAbandonments.id, old))
  return gone.meta.changes
}
