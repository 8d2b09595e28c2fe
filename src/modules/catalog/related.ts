import { and, desc, eq, or, type SQL, sql } from "drizzle-orm"

import { may } from "#actor.ts"
import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { sha256 } from "#lib/secret.ts"
import { find as pricesIn } from "#modules/currencies/presentment.ts"
import { type Page, slicePage } from "#platform/page.ts"

import type { ProductSummary, ShownQuery } from "./model.ts"
import { toSummaries } from "./product.ts"
import { missing } from "./slugs.ts"
import { facets, listings, products } from "./tables.ts"
import { byIds } from "./walks.ts"

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
    .select({ id: products.id, ...sharedColumns })
    .from(products)
    .where(and(named, isSeen))
    .limit(1)
  if (!product) return undefined
  const scores = await alike(ctx, new Map(facetsOf(product)))
  scores.delete(product.id)
  return ranked(scores).slice(0, mostOfEach)
}

/** The columns of what a product can have in common with others. */
export const sharedColumns = {
  brandId: products.brandId,
  categoryId: products.categoryId,
  tags: products.tags,
}

/** How much a product has to do with others, and its rating, which decides between equals. */
export type Scores = Map<Id<"product">, { score: number; rating: number }>

/** The facets by which a product is like others, by name, with how much it says to be in one together. */
export function facetsOf(
  product: Pick<typeof products.$inferSelect, keyof typeof sharedColumns>,
): [string, number][] {
  return [
    ...(product.brandId ? [`b:${product.brandId}`] : []),
    ...(product.categoryId ? [`d:${product.categoryId}`] : []),
    ...product.tags.slice(0, mostTags).map((tag) => `t:${tag}`),
  ].map((name) => [name, weights[name.charAt(0) as keyof typeof weights]])
}

/** The best rated active products of each of these facets, scored by the facets they are among the best of; one round trip. */
export async function alike(ctx: Ctx, facetWeights: ReadonlyMap<string, number>): Promise<Scores> {
  const scores: Scores = new Map()
  const asked = [...facetWeights]
  const [first, ...rest] = asked.map(([name]) => bestOf(ctx, name))
  if (!first) return scores
  for (const [index, rows] of (await ctx.db.batch([first, ...rest])).entries())
    for (const { id, rating } of rows)
      scores.set(id, { score: (scores.get(id)?.score ?? 0) + (asked[index]?.[1] ?? 0), rating })
  return scores
}

/** Highest score first, then the best rated. */
export function ranked(scores: Scores): Id<"product">[] {
  return [...scores]
    .toSorted(
      ([a, one], [b, other]) =>
        other.score - one.score || other.rating - one.rating || (a < b ? -1 : 1),
    )
    .map(([id]) => id)
}

function bestOf(ctx: Ctx, facet: string) {
  const inFacet: SQL = sql`(SELECT ${facets.id} FROM ${facets} WHERE ${facets.name} = ${facet})`
  return ctx.db
    .select({ id: listings.productId, rating: listings.averageRating })
    .from(listings)
    .where(and(eq(listings.facetId, inFacet), eq(listings.status, "active")))
    .orderBy(desc(listings.averageRating), desc(listings.productId))
    .limit(mostOfEach + 1)
}
