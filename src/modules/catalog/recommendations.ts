import { and, desc, eq, inArray, ne, type SQL, sql } from "drizzle-orm"

import { requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { carts, cartLines, wishlistItems } from "#modules/cart/tables.ts"
import { find as pricesIn } from "#modules/currencies/presentment.ts"
import { orderLines, orders } from "#modules/orders/tables.ts"
import { type Page, slicePage } from "#platform/page.ts"

import type { ProductSummary, ShownQuery } from "./model.ts"
import { toSummaries } from "./product.ts"
import { alike, facetsOf, ranked, type Scores, sharedColumns } from "./related.ts"
import { products } from "./tables.ts"
import { byIds } from "./walks.ts"

/** How many are recommended. */
const most = 24
/** How far back an account is looked at: its newest orders with so many lines in all, and its newest wishes. */
const lately = { orders: 10, lines: 100, wishes: 20, cartLines: 100 }
/** The newest of all these speak for it. */
const mostSeeds = 6
/** Of each, the newest order lines are looked at, and so many lines of their orders. */
const mostSales = 20
const mostTogether = 100
/** One order in which two products went together says more than a brand or a category that they share. */
const togetherWeight = 4
/** Facets of what speaks for it, by how much they say. */
const mostFacets = 8
/** Whoever little is known of gets what the shop features, then what is best rated of all that is in stock. */
const fallback: [string, number][] = [
  ["f:", 1],
  ["s:in", 0],
]

/** A product that somebody dealt with, and when. What was sent back is not `isWanted`: it speaks for nothing. */
type Trace = { id: Id<"product">; at: string; isWanted: boolean }

/**
 * What goes with what the caller last bought, put in the cart or wished for: bought together with it by others, or like
 * it. Nothing that their last ten orders, their cart or their newest wishes have, and nothing that cannot be bought now.
 * At most 24. It is theirs alone: no cache has it. Costs a few hundred rows, however many products and orders there are.
 * @throws `unauthenticated`, `forbidden`, `invalid-page`, `rate-stale`
 */
export async function list(ctx: Ctx, query: ShownQuery): Promise<Page<ProductSummary>> {
  const { id } = requireUser(ctx)
  const [prices, traces] = await Promise.all([pricesIn(ctx, query.currency), tracesOf(ctx, id)])
  const seeds = newest(traces)
  const scores = await scoresFor(ctx, seeds)
  for (const trace of traces) scores.delete(trace.id)
  return toSummaries(ctx, slicePage(query, await buyable(ctx, ranked(scores))), prices)
}

/** What an account dealt with lately; one round trip. */
async function tracesOf(ctx: Ctx, userId: Id<"user">): Promise<Trace[]> {
  const recent = ctx.db
    .select({ id: orders.id, status: orders.status, createdAt: orders.createdAt })
    .from(orders)
    .where(eq(orders.userId, userId))
    .orderBy(desc(orders.createdAt), desc(orders.id))
    .limit(lately.orders)
    .as("recent")
  const [bought, carted, wished] = await ctx.db.batch([
    ctx.db
      .select({ id: orderLines.productId, at: recent.createdAt, status: recent.status })
      .from(recent)
      .innerJoin(orderLines, eq(orderLines.orderId, recent.id))
      .where(ne(recent.status, "cancelled"))
      .limit(lately.lines),
    ctx.db
      .select({ id: cartLines.productId, at: cartLines.createdAt })
      .from(carts)
      .innerJoin(cartLines, eq(cartLines.cartId, carts.id))
      .where(and(eq(carts.userId, userId), eq(carts.status, "open")))
      .limit(lately.cartLines),
    ctx.db
      .select({ id: wishlistItems.productId, at: wishlistItems.createdAt })
      .from(wishlistItems)
      .where(eq(wishlistItems.userId, userId))
      .orderBy(desc(wishlistItems.createdAt), desc(wishlistItems.productId))
      .limit(lately.wishes),
  ])
  return [
    ...bought.map(({ id, at, status }) => ({ id, at, isWanted: status !== "refunded" })),
    ...[...carted, ...wished].map(({ id, at }) => ({ id, at, isWanted: true })),
  ]
}

/** The newest different products among them. */
function newest(traces: readonly Trace[]): Id<"product">[] {
  const wanted = traces
    .filter(({ isWanted }) => isWanted)
    .toSorted((a, b) => (a.at > b.at ? -1 : 1))
  return [...new Set(wanted.map(({ id }) => id))].slice(0, mostSeeds)
}

/** What goes with these products, in two round trips; one without any. */
async function scoresFor(ctx: Ctx, seeds: readonly Id<"product">[]): Promise<Scores> {
  if (seeds.length === 0) return alike(ctx, new Map(fallback))
  const [shared, ...together] = await ctx.db.batch([
    ctx.db
      .select(sharedColumns)
      .from(products)
      .where(inArray(products.id, [...seeds])),
    ...seeds.map((id) => soldWith(ctx, id)),
  ])
  const weights = new Map<string, number>()
  for (const [name, weight] of shared.flatMap(facetsOf))
    weights.set(name, (weights.get(name) ?? 0) + weight)
  const telling = [...weights].toSorted(([, a], [, b]) => b - a).slice(0, mostFacets)
  const scores = await alike(ctx, new Map([...fallback, ...telling]))
  for (const lines of together) {
    // An order counts once for a product, however many variants of it it has.
    const pairs = new Map(lines.map(({ orderId, id }) => [`${orderId} ${id}`, id]))
    for (const id of pairs.values()) {
      const { score = 0, rating = 0 } = scores.get(id) ?? {}
      scores.set(id, { score: score + togetherWeight, rating })
    }
  }
  return scores
}

/** Orders that went through: what is still open, was called off or came back recommends nothing. */
const wentThrough: SQL = sql`('confirmed', 'processing', 'shipped', 'delivered')`

/** What was in the newest orders of a product beside it. */
function soldWith(ctx: Ctx, id: Id<"product">) {
  return ctx.db
    .select({
      id: sql<Id<"product">>`other.product_id`.as("id"),
      orderId: sql<Id<"order">>`other.order_id`.as("order_id"),
    })
    .from(
      sql`(SELECT order_id FROM order_lines WHERE product_id = ${id} ORDER BY rowid DESC LIMIT ${mostSales}) AS own`,
    )
    .innerJoin(orders, sql`${orders.id} = own.order_id AND ${orders.status} IN ${wentThrough}`)
    .innerJoin(
      sql`order_lines AS other`,
      sql`other.order_id = own.order_id AND other.product_id <> ${id}`,
    )
    .limit(mostTogether)
}

/** The first of these products that can be bought now, in this order. */
async function buyable(ctx: Ctx, ids: readonly Id<"product">[]) {
  const rows: Awaited<ReturnType<typeof byIds>> = []
  for (let start = 0; start < ids.length && rows.length < most; start += most * 2) {
    const page = await byIds(ctx, ids.slice(start, start + most * 2), ["active"])
    rows.push(...page.filter(({ stockQuantity }) => stockQuantity > 0))
  }
  return rows.slice(0, most)
}
