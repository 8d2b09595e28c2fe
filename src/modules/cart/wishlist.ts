import { and, eq, or, sql } from "drizzle-orm"

import { requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid, notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { urlOf } from "#modules/catalog/media.ts"
import { products } from "#modules/catalog/tables.ts"
import { commit } from "#platform/commit.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import { wishlistItems } from "./tables.ts"
import type { NewWishlistItem, WishlistItem, WishlistQuery } from "./wishlist-model.ts"

/** Products that a wishlist holds at most. */
const most = 1000

const columns = {
  productId: sql<Id<"product">>`${products.id}`.as("product_id"),
  name: products.name,
  slug: products.slug,
  priceAmount: products.priceAmount,
  currency: products.currency,
  imageKey: products.imageKey,
  isAvailable: sql<number>`(${products.status} = 'active' AND ${products.stockQuantity} > 0)`.as(
    "is_available",
  ),
}

/** A page of the caller's wishlist, newest first, at the prices of now. @throws `unauthenticated` */
export async function list(ctx: Ctx, query: WishlistQuery): Promise<Page<WishlistItem>> {
  const { id } = requireUser(ctx)
  const own = eq(wishlistItems.userId, id)
  const page = await readPage(
    ctx,
    { ...query, ordering: undefined },
    {
      orderings: {
        created_at: { by: wishlistItems.createdAt, of: (row: WishlistRow) => row.createdAt },
      },
      fallback: "-created_at",
      id: { by: wishlistItems.productId, of: (row) => row.productId },
      rows: ({ where, orderBy, limit, offset }) =>
        ctx.db
          .select({
            ...columns,
            createdAt: sql<string>`${wishlistItems.createdAt}`.as("wished_at"),
          })
          .from(wishlistItems)
          .innerJoin(products, eq(products.id, wishlistItems.productId))
          .where(and(own, where))
          .orderBy(...orderBy)
          .limit(limit)
          .offset(offset),
      matching: ctx.db
        .select({ one: sql`1` })
        .from(wishlistItems)
        .innerJoin(products, eq(products.id, wishlistItems.productId))
        .where(own)
        .getSQL(),
    },
  )
  return mapPage(page, toItem)
}

/**
 * Puts a product on the caller's wishlist. One that is there stays where it is: twice is once.
 * @throws `unauthenticated`, `not-found` for what the public does not see, `invalid-input` when the list is full
 */
export async function add(ctx: Ctx, { product_id }: NewWishlistItem): Promise<WishlistItem> {
  const user = requireUser(ctx)
  const [product] = await ctx.db
    .select(columns)
    .from(products)
    .where(
      and(
        or(eq(products.id, product_id as Id<"product">), eq(products.slug, product_id)),
        eq(products.status, "active"),
      ),
    )
    .limit(1)
  if (!product) throw notFound("product")
  const { productId } = product
  const own = eq(wishlistItems.userId, user.id)
  const [, found] = await commit(
    ctx,
    [
      ctx.db
        .insert(wishlistItems)
        .select(
          sql`SELECT ${user.id}, ${productId}, ${iso(ctx.now)} WHERE (SELECT count(*) FROM wishlist_items WHERE user_id = ${user.id}) < ${most}`,
        )
        .onConflictDoNothing(),
      ctx.db
        .select({ createdAt: wishlistItems.createdAt })
        .from(wishlistItems)
        .where(and(own, eq(wishlistItems.productId, productId))),
    ],
    { result: toItem({ ...product, createdAt: iso(ctx.now) }) },
  )
  const [item] = found
  if (!item)
    throw invalid({
      field: "product_id",
      detail: `A wishlist holds at most ${most} products.`,
      code: "too_many",
    })
  return toItem({ ...product, createdAt: item.createdAt })
}

/** Takes a product, named by id or slug, off the caller's wishlist. @throws `unauthenticated`, `not-found` */
export async function remove(ctx: Ctx, ref: string): Promise<void> {
  const user = requireUser(ctx)
  const [gone] = await commit(
    ctx,
    [
      ctx.db
        .delete(wishlistItems)
        .where(
          and(
            eq(wishlistItems.userId, user.id),
            sql`(product_id = ${ref} OR product_id = (SELECT id FROM products WHERE slug = ${ref}))`,
          ),
        )
        .returning({ productId: wishlistItems.productId }),
    ],
    { result: {} },
  )
  if (gone.length === 0) throw notFound("product on your wishlist")
}

/** Empties the caller's wishlist. Of an empty one it is nothing. @throws `unauthenticated` */
export async function clear(ctx: Ctx): Promise<void> {
  const user = requireUser(ctx)
  await commit(ctx, [ctx.db.delete(wishlistItems).where(eq(wishlistItems.userId, user.id))], {
    result: {},
  })
}

type WishlistRow = {
  productId: Id<"product">
  name: string
  slug: string
  priceAmount: number
  currency: string
  imageKey: string | null
  isAvailable: number
  createdAt: string
}

function toItem(row: WishlistRow): WishlistItem {
  return {
    product: {
      id: row.productId,
      name: row.name,
      title: row.name,
      slug: row.slug,
      price: toDecimal(row.priceAmount, row.currency),
      currency: row.currency,
      image: row.imageKey === null ? null : urlOf(row.imageKey),
    },
    is_available: row.isAvailable === 1,
    created_at: row.createdAt,
  }
}
