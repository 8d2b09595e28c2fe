import { and, eq, inArray, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { sha256 } from "#lib/secret.ts"
import { listLimit, type Statement } from "#platform/db.ts"

import { purchaseCounts, purchases } from "./tables.ts"

type Limited = { productId: Id<"product">; purchaseLimit: number | null; quantity: number }

/** Who is counted: an account by its own address, whatever the order says, a guest by the one they gave. */
export function customerOf(email: string): Promise<string> {
  return sha256(`purchase-limit:${email.toLowerCase()}`)
}

/** Limited products and how many of each is wanted, variants together. */
function wantedOf(lines: readonly Limited[]) {
  const limited = lines.filter(({ purchaseLimit }) => purchaseLimit !== null)
  return [...Map.groupBy(limited, ({ productId }) => productId)].map(([productId, all]) => ({
    productId,
    most: all[0]?.purchaseLimit ?? 0,
    quantity: all.reduce((sum, { quantity }) => sum + quantity, 0),
  }))
}

/** Counts an order against the limits of its products, in its own batch (`limitRefusals`). Nothing for the unlimited. */
export async function stagePurchases(
  ctx: Ctx,
  orderId: Id<"order">,
  email: string,
  lines: readonly Limited[],
): Promise<Statement[]> {
  const wanted = wantedOf(lines)
  if (wanted.length === 0) return []
  const customer = await customerOf(email)
  return wanted.flatMap(({ productId, most, quantity }) => [
    // Two steps: an upsert checks the row it would insert first, which for a limit that came down says nothing.
    ctx.db
      .insert(purchaseCounts)
      .values({ productId, customer, quantity: 0, most })
      .onConflictDoNothing(),
    ctx.db
      .update(purchaseCounts)
      .set({ quantity: sql`quantity + ${quantity}`, most })
      .where(and(eq(purchaseCounts.productId, productId), eq(purchaseCounts.customer, customer))),
    ctx.db.insert(purchases).values({ orderId, productId, customer, quantity }),
  ])
}

/** What a broken constraint of `stagePurchases` means. */
export const limitRefusals = { purchase_counts_limit: "purchase-limit-reached" } as const

/** Lets a cancelled order count no more. Idempotent. */
export async function giveBack(ctx: Ctx, orderId: Id<"order">): Promise<void> {
  const of = eq(purchases.orderId, orderId)
  const rows = await ctx.db.select().from(purchases).where(of)
  if (rows.length === 0) return
  const backs = rows.map(({ productId, customer }) =>
    ctx.db
      .update(purchaseCounts)
      .set({
        // What is not there any more was given back before.
        quantity: sql`quantity - coalesce((SELECT purchases.quantity FROM purchases WHERE purchases.order_id = ${orderId} AND purchases.product_id = ${productId}), 0)`,
      })
      .where(and(eq(purchaseCounts.productId, productId), eq(purchaseCounts.customer, customer))),
  )
  const [first, ...rest] = [...backs, ctx.db.delete(purchases).where(of)]
  if (first) await ctx.db.batch([first, ...rest])
}

/** The limits that an order would go beyond, and what is left of each: for people who ask before they order. */
export async function overLimit(
  ctx: Ctx,
  email: string | undefined,
  lines: readonly Limited[],
): Promise<{ productId: Id<"product">; left: number }[]> {
  const wanted = wantedOf(lines)
  if (wanted.length === 0) return []
  const customer = email === undefined ? "" : await customerOf(email)
  const ids = wanted.map(({ productId }) => productId).slice(0, listLimit)
  const rows = await ctx.db
    .select()
    .from(purchaseCounts)
    .where(and(eq(purchaseCounts.customer, customer), inArray(purchaseCounts.productId, ids)))
  const had = new Map(rows.map(({ productId, quantity }) => [productId, quantity]))
  return wanted.flatMap(({ productId, most, quantity }) => {
    const left = Math.max(0, most - (had.get(productId) ?? 0))
    return quantity > left ? [{ productId, left }] : []
  })
}
