import { and, desc, eq, ne, or, type SQL, sql } from "drizzle-orm"

import { may } from "#actor.ts"
import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { sha256 } from "#lib/secret.ts"
import { find as pricesIn } from "#modules/currencies/presentment.ts"
import { type Page, slicePage } from "#platform/page.ts"

import type { ProductSummary, ShownQuery } from "./model.ts"
import { toSummaries } from "./product.ts"
import { byIds } from "./ranges.ts"
import { missing } from "./slugs.ts"
import { facets, listings, products } from "./tables.ts"

const lifetime = { fresh: 10, stale: 20 }
/** Of each thing that a product has in common with others, the best rated are looked at. */
const mostOfEach = 24
const mostTags = 5
/** How much it says to have this in common. */
const weights = { b: 3, d: 3, t: 2 } as const

/**
 * Active products of a product's brand, category or tags: what they have most of in common with it first, then the best
 * rated. At most 24, and at most 50 s old for the public. @throws `not-found`, `moved`, `invalid-page`, `rate-stale`
 */
export async function list(
  ctx: Ctx,
  ref: string,
  query: ShownQuery,
): Promise<Page<ProductSummary>> {
  const prices = await pricesIn(ctx, query.currency)
  const load = async () => {
    const ids = await find(ctx, ref)
    return ids && (await byIds(ctx, ids, ["active"]))
  }
  const rows = await (may(ctx, "catalog:write")
    ? load()
    : ctx.cache.read(
        `related:${await sha256(ref)}`,
        "catalog",
        lifetime,
        async () => (await load()) ?? null,
      ))
  if (!rows) throw await missing(ctx, "product", ref)
  return toSummaries(ctx, slicePage(query, rows), prices)
}

/** Ids of the products related to one that the caller may see; `undefined` when they see none. */
async function find(ctx: Ctx, ref: string): Promise<Id<"product">[] | undefined> {
  const isSeen = may(ctx, "catalog:write") ? undefined : eq(products.status, "active")
  const named = or(eq(products.id, ref as Id<"product">), eq(products.slug, ref))
  const [product] = await ctx.db
    .select({
      id: products.id,
      brandId: products.brandId,
      categoryId: products.categoryId,
      tags: products.tags,
    })
    .from(products)
    .where(and(named, isSeen))
    .limit(1)
  if (!product) return undefined
  const names = [
    ...(product.brandId ? [`b:${product.brandId}`] : []),
    ...(product.categoryId ? [`d:${product.categoryId}`] : []),
    ...product.tags.slice(0, mostTags).map((tag) => `t:${tag}`),
  ]
  const [first, ...rest] = names.map((name) => bestOf(ctx, name, product.id))
  if (!first) return []
  const scores = new Map<Id<"product">, { shared: number; rating: number }>()
  for (const [index, rows] of (await ctx.db.batch([first, ...rest])).entries()) {
    const weight = weights[(names[index] ?? "t").charAt(0) as keyof typeof weights]
    for (const { id, rating } of rows)
      scores.set(id, { shared: (scores.get(id)?.shared ?? 0) + weight, rating })
  }
  return [...scores]
    .toSorted(
      ([a, one], [b, other]) =>
        other.shared - one.shared || other.rating - one.rating || (a < b ? -1 : 1),
    )
    .slice(0, mostOfEach)
    .map(([id]) => id)
}

function bestOf(ctx: Ctx, facet: string, except: Id<"product">) {
  const inFacet: SQL = sql`(SELECT ${facets.id} FROM ${facets} WHERE ${facets.name} = ${facet})`
  return ctx.db
    .select({ id: listings.productId, rating: listings.averageRating })
    .from(listings)
    .where(
      and(
        eq(listings.facetId, inFacet),
        eq(listings.status, "active"),
        ne(listings.productId, except),
      ),
    )
    .orderBy(desc(listings.averageRating), desc(listings.productId))
    .limit(mostOfEach)
}
