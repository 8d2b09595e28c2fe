import { and, eq, type SQL, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { compare } from "#lib/compare.ts"
import type { PageQuery } from "#lib/shapes.ts"
import { type Ordering, type Plan, planPage } from "#platform/page.ts"

import { type Joined, joinedColumns } from "./product.ts"
import { type Group, listedIn, residual, type Selection } from "./selection.ts"
import { brands, categories, listings, products, type ProductStatus } from "./tables.ts"

/** A product of a list. `listedCategory`: its category's name, as lists are ordered by it. */
export type Row = Joined & { listedCategory: string }
/** What a product is ordered by, its id last. */
export type Key = (string | number)[]

const listed: Record<string, Ordering<Row>> = {
  name: { by: listings.name, of: (row) => row.name },
  price: { by: listings.priceAmount, of: (row) => row.priceAmount },
  created_at: { by: listings.createdAt, of: (row) => row.createdAt },
  average_rating: { by: listings.averageRating, of: (row) => row.averageRating },
  category: { by: listings.categoryName, of: (row) => row.listedCategory },
}
const turned: Record<string, Ordering<Row>> = {
  price_down: { by: listings.priceDown, of: (row) => -row.priceAmount },
}
/** These have indexes over all products only, not in each facet. */
const unlisted: Record<string, Ordering<Row>> = {
  updated_at: { by: products.updatedAt, of: (row) => row.updatedAt },
  stock_quantity: { by: products.stockQuantity, of: (row) => row.stockQuantity },
}
const ofProducts: Record<string, Ordering<Row>> = {
  name: { by: products.name, of: (row) => row.name },
  price: { by: products.priceAmount, of: (row) => row.priceAmount },
  created_at: { by: products.createdAt, of: (row) => row.createdAt },
  average_rating: { by: products.averageRating, of: (row) => row.averageRating },
  category: { by: sql`coalesce(${categories.name}, '')`, of: (row) => row.listedCategory },
  ...unlisted,
}

/** The order and the place that a list is asked for in, by the table that has an index for it. @throws `invalid-page`, `invalid-input` */
export function planOf(query: PageQuery): Plan<Row> {
  const fallback = "-created_at"
  const of = (row: Row) => row.id
  const pair = /^\s*(-?)category\s*,\s*(-?)price\s*(?=,|$)/.exec(query.ordering ?? "")
  if (pair && pair[1] !== pair[2]) {
    const rest = (query.ordering ?? "").slice(pair[0].length)
    const ordering = `${pair[1]}category,${pair[1]}price_down${rest}`
    return planPage<Row>(
      { ...query, ordering },
      {
        orderings: { ...listed, ...unlisted, ...turned },
        fallback,
        id: { by: listings.productId, of },
      },
    )
  }
  const byListing = planPage<Row>(query, {
    orderings: { ...listed, ...unlisted },
    fallback,
    id: { by: listings.productId, of },
  })
  return isUnlisted(byListing)
    ? planPage<Row>(query, { orderings: ofProducts, fallback, id: { by: products.id, of } })
    : byListing
}

/** Whether it begins with a field that `listings` has not. */
function isUnlisted({ terms }: Pick<Plan<Row>, "terms">): boolean {
  return (terms[0]?.name ?? "") in unlisted
}

/** Whether an index has all products, or those of each facet, in this order. */
export function isIndexed({ terms }: Plan<Row>, isOfFacet: boolean): boolean {
  const [first = "", second, ...rest] = terms.map(({ name }) => name)
  if (second === "id") return first in listed || !isOfFacet
  const isPriced = second === "price" || second === "price_down"
  return !isOfFacet && first === "category" && isPriced && rest.length === 1
}

/** An index to go along: a facet's, or that of everything. `driver`: the group that the facet stands for. */
export type Path = { facet: SQL; driver?: Group | undefined }

/** Keys along an index in all statuses, up to the end of a page and one more. */
export async function keysOf(
  ctx: Ctx,
  selection: Selection,
  plan: Plan<Row>,
  path: Path,
): Promise<Key[]> {
  const [first, ...rest] = selection.statuses.map((status) =>
    keysAlong(ctx, selection, plan, path, status),
  )
  if (!first) return []
  const ranges = await ctx.db.batch([first, ...rest])
  const [only = [], ...others] = ranges.map((range) => range.map(toKey))
  return others.length === 0 ? only : sorted([only, ...others].flat(), plan)
}

/** The rows of a page and one more, in one status, along an index. */
export function rowsAlong(
  ctx: Ctx,
  selection: Selection,
  plan: Plan<Row>,
  path: Path,
  status: ProductStatus,
) {
  const category = isUnlisted(plan) ? ofProducts["category"]?.by : listings.categoryName
  const columns = {
    ...joinedColumns,
    listedCategory: sql<string>`${category}`.as("listed_category"),
  }
  const query = isUnlisted(plan)
    ? ctx.db.select(columns).from(products)
    : ctx.db.select(columns).from(listings).innerJoin(products, eq(products.id, listings.productId))
  return query
    .leftJoin(categories, eq(categories.id, products.categoryId))
    .leftJoin(brands, eq(brands.id, products.brandId))
    .where(whereAlong(selection, plan, path, status))
    .orderBy(...plan.orderBy)
    .limit(plan.window.limit + 1)
    .offset(plan.offset)
}

/** The keys of everything up to the end of a page and one more, in one status, along an index. */
function keysAlong(
  ctx: Ctx,
  selection: Selection,
  plan: Plan<Row>,
  path: Path,
  status: ProductStatus,
) {
  const query = isUnlisted(plan)
    ? ctx.db
        .select(keyColumns(plan))
        .from(products)
        .leftJoin(categories, eq(categories.id, products.categoryId))
    : keysIn(ctx, plan)
  return query
    .where(whereAlong(selection, plan, path, status))
    .orderBy(...plan.orderBy)
    .limit(plan.offset + plan.window.limit + 1)
}

/** Keys of listings; products are joined only where the order asks for what listings have not. */
export function keysIn(ctx: Ctx, plan: Plan<Row>) {
  const query = ctx.db.select(keyColumns(plan)).from(listings)
  return isUnlisted(plan) || plan.terms.some(({ name }) => name in unlisted)
    ? query
        .innerJoin(products, eq(products.id, listings.productId))
        .leftJoin(categories, eq(categories.id, products.categoryId))
    : query
}

function keyColumns({ terms }: Plan<Row>) {
  return Object.fromEntries(
    terms.map(({ by }, index) => [`k${index}`, sql<string | number>`${by}`.as(`k${index}`)]),
  )
}

function whereAlong(
  selection: Selection,
  plan: Plan<Row>,
  { facet, driver }: Path,
  status: ProductStatus,
): SQL | undefined {
  const isPrice = plan.terms[0]?.name === "price"
  const isRating = plan.terms[0]?.name === "average_rating"
  const along = isPrice ? listings.priceAmount : isRating ? listings.averageRating : undefined
  return isUnlisted(plan)
    ? and(eq(products.status, status), residual(selection, products), plan.where)
    : and(listedIn(facet, status), residual(selection, listings, along, driver), plan.where)
}

/** Products by their ids, in that order; without those that are gone, or of another status. */
export async function byIds(
  ctx: Ctx,
  ids: readonly string[],
  statuses: readonly ProductStatus[],
): Promise<Row[]> {
  if (ids.length === 0) return []
  const rows = await ctx.db
    .select({
      ...joinedColumns,
      listedCategory: sql<string>`${ofProducts["category"]?.by}`.as("listed_category"),
    })
    .from(sql`json_each(${JSON.stringify(ids)}) AS wanted`)
    .innerJoin(products, eq(products.id, sql`wanted.value`))
    .leftJoin(categories, eq(categories.id, products.categoryId))
    .leftJoin(brands, eq(brands.id, products.brandId))
  const byId = new Map(rows.map((row) => [row.id as string, row]))
  return ids.flatMap((id) => {
    const row = byId.get(id)
    return row && statuses.includes(row.status) ? [row] : []
  })
}

/** The values that a row of keys has, the id last. */
export function toKey(row: Record<string, string | number>): Key {
  return Object.values(row)
}

/** The id of the product that has this key. */
export function idOf(key: Key): string {
  return String(key.at(-1))
}

/** Keys in the order of a list. */
export function sorted(keys: readonly Key[], plan: Plan<Row>): Key[] {
  return keys.toSorted((a, b) => order(a, b, plan))
}

/** Which of two keys comes first: below zero, the first one. */
export function order(a: Key, b: Key, { terms }: Plan<Row>): number {
  for (const [index, { descending }] of terms.entries()) {
    const difference = compare(a[index] ?? "", b[index] ?? "")
    if (difference !== 0) return descending ? -difference : difference
  }
  return 0
}
