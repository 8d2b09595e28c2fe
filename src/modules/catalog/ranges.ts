import { and, eq, type SQL, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { compare } from "#lib/compare.ts"
import { sha256 } from "#lib/secret.ts"
import type { PageQuery } from "#lib/shapes.ts"
import {
  closePage,
  countCap,
  type Ordering,
  type Page,
  type Plan,
  planPage,
  signatureOf,
  valuesAt,
  valuesIn,
} from "#platform/page.ts"

import { type Joined, joinedColumns } from "./product.ts"
import {
  countIn,
  everything,
  facetsOf,
  type Group,
  listedIn,
  residual,
  type Selection,
} from "./selection.ts"
import {
  brands,
  catalogVersion,
  categories,
  listings,
  products,
  type ProductStatus,
} from "./tables.ts"

/** A product of a list. `listedCategory`: its category's name, as lists are ordered by it. */
type Row = Joined & { listedCategory: string }
/** What a product is ordered by, its id last. */
type Key = (string | number)[]

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

/** Pages further on are found by key first: rows that are only skipped need not be joined. */
const deepOffset = 100

/**
 * A page of the products of a selection.
 *
 * One facet in an order that it has an index for is a range of that index, and its count is kept. Any other selection of
 * up to 10 000 products is read once for each version of the catalogue, ids and ordering only: its pages are pieces of
 * that, its count is its length. Of a larger one so many are remembered, which is as far as pages by number go; cursors
 * beyond walk its order, skipping what is not in it: of so many, one in a few is.
 * @throws `invalid-page`, `invalid-input` for a broken cursor
 */
export async function readSelection(
  ctx: Ctx,
  selection: Selection,
  query: PageQuery,
): Promise<Page<Row>> {
  const plan = planOf(query)
  const { groups, least, most, rating } = selection
  const isRanged = [least, most, rating].some((bound) => bound !== undefined)
  const [group, ...more] = groups
  const isOne = more.length === 0 && !group?.none && (group?.values.length ?? 1) === 1
  if (isRanged || !isOne || !isIndexed(plan, group !== undefined))
    return readSet(ctx, selection, plan)
  const [facet = everything] = group ? facetsOf(group) : []
  return walk(ctx, { ...selection, groups: [] }, plan, { facet })
}

function planOf(query: PageQuery): Plan<Row> {
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
function isIndexed({ terms }: Plan<Row>, isOfFacet: boolean): boolean {
  const [first = "", second, ...rest] = terms.map(({ name }) => name)
  if (second === "id") return first in listed || !isOfFacet
  const isPriced = second === "price" || second === "price_down"
  return !isOfFacet && first === "category" && isPriced && rest.length === 1
}

/** An index to go along: a facet's, or that of everything. `driver`: the group that the facet stands for. */
type Path = { facet: SQL; driver?: Group | undefined }

/** A page along an index. `n`: how many there are, where that is known; else the facet's count is. */
async function walk(
  ctx: Ctx,
  selection: Selection,
  plan: Plan<Row>,
  path: Path,
  n?: number,
): Promise<Page<Row>> {
  const { window, terms } = plan
  const counting = countIn(ctx, selection, [path.facet])
  const [status, ...others] = selection.statuses
  if (status && others.length === 0 && window.offset <= deepOffset) {
    const [rows, counted] = await ctx.db.batch([
      rowsAlong(ctx, selection, plan, path, status),
      counting,
    ])
    const results = rows.slice(0, window.limit)
    const last = rows.length > window.limit ? results.at(-1) : undefined
    return closePage(plan, results, n ?? counted[0]?.n ?? 0, last && valuesIn(terms, last))
  }
  const [counted, keys] = await Promise.all([counting, keysOf(ctx, selection, plan, path)])
  return pageOfKeys(ctx, selection, plan, keys, window.offset, n ?? counted[0]?.n ?? 0)
}

/** A page of the set of a selection, which is remembered by the version of the catalogue; beyond it, a walk. */
async function readSet(ctx: Ctx, selection: Selection, plan: Plan<Row>): Promise<Page<Row>> {
  const wanted = selection.groups.filter(({ none }) => !none)
  const [versions, ...counted] = await ctx.db.batch([
    ctx.db
      .select({ version: catalogVersion.version })
      .from(catalogVersion)
      .where(eq(catalogVersion.id, 1)),
    ...wanted.map((group) => countIn(ctx, selection, facetsOf(group))),
  ])
  const sizes = counted.map(([row]) => row?.n ?? 0)
  const driver = wanted[sizes.indexOf(Math.min(...sizes))]
  const asked = JSON.stringify([versions[0]?.version, selection, signatureOf(plan.terms)])
  const [own, ...more] = driver ? facetsOf(driver) : []
  // Several facets have no order together: they are found in the order of everything.
  const path: Path = own && more.length === 0 ? { facet: own, driver } : { facet: everything }
  const { keys, isWhole } = await ctx.cache.remember(`set:${await sha256(asked)}`, () =>
    load(ctx, selection, plan, path, driver),
  )
  const { after, limit } = plan.window
  const n = isWhole ? keys.length : countCap + 1
  const place =
    after === undefined ? plan.window.offset : placeAfter(valuesAt(after, plan.terms), keys, plan)
  return isWhole || place + limit < keys.length
    ? pageOfKeys(ctx, selection, plan, keys, place, n)
    : walk(ctx, selection, plan, path, n)
}

/**
 * The first 10 000 keys of a selection, in order. Reads the smallest facet, or a range of price or rating in it; where
 * that finds more, the order itself as far as it takes.
 */
async function load(
  ctx: Ctx,
  selection: Selection,
  plan: Plan<Row>,
  path: Path,
  driver: Group | undefined,
): Promise<{ keys: Key[]; isWhole: boolean }> {
  const { least, most, rating } = selection
  const isPriced = least !== undefined || most !== undefined
  const along = isPriced
    ? listings.priceAmount
    : rating === undefined
      ? undefined
      : listings.averageRating
  const matching = residual(selection, listings, along, driver)
  const [first, ...rest] = (driver ? facetsOf(driver) : [everything]).flatMap((facet) =>
    selection.statuses.map((status) =>
      keysIn(ctx, plan)
        .where(and(listedIn(facet, status), matching))
        .limit(countCap + 1),
    ),
  )
  if (!first) return { keys: [], isWhole: true }
  const found = (await ctx.db.batch([first, ...rest])).flat().map(toKey)
  const keys = [...new Map(found.map((key) => [key.at(-1), key])).values()]
  if (keys.length <= countCap) return { keys: sorted(keys, plan), isWhole: true }
  const front = { ...plan, where: undefined, offset: 0, window: { limit: countCap, offset: 0 } }
  return { keys: await keysOf(ctx, selection, front, path), isWhole: false }
}

/** Keys along an index in all statuses, up to the end of a page and one more. */
async function keysOf(ctx: Ctx, selection: Selection, plan: Plan<Row>, path: Path): Promise<Key[]> {
  const [first, ...rest] = selection.statuses.map((status) =>
    keysAlong(ctx, selection, plan, path, status),
  )
  if (!first) return []
  const ranges = await ctx.db.batch([first, ...rest])
  const [only = [], ...others] = ranges.map((range) => range.map(toKey))
  return others.length === 0 ? only : sorted([only, ...others].flat(), plan)
}

/** The rows of a page and one more, in one status, along an index. */
function rowsAlong(
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
function keysIn(ctx: Ctx, plan: Plan<Row>) {
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

/** The page of sorted keys that begins at `place`. */
async function pageOfKeys(
  ctx: Ctx,
  { statuses }: Selection,
  plan: Plan<Row>,
  keys: readonly Key[],
  place: number,
  n: number,
): Promise<Page<Row>> {
  const chosen = keys.slice(place, place + plan.window.limit)
  const rows = await byIds(ctx, chosen.map(idOf), statuses)
  return closePage(
    plan,
    rows,
    n,
    keys.length > place + plan.window.limit ? chosen.at(-1) : undefined,
  )
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

function toKey(row: Record<string, string | number>): Key {
  return Object.values(row)
}

function idOf(key: Key): string {
  return String(key.at(-1))
}

function sorted(keys: readonly Key[], plan: Plan<Row>): Key[] {
  return keys.toSorted((a, b) => order(a, b, plan))
}

/** How many keys are not after these values. */
function placeAfter(values: Key, keys: readonly Key[], plan: Plan<Row>): number {
  const index = keys.findIndex((key) => order(key, values, plan) > 0)
  return index < 0 ? keys.length : index
}

function order(a: Key, b: Key, { terms }: Plan<Row>): number {
  for (const [index, { descending }] of terms.entries()) {
    const difference = compare(a[index] ?? "", b[index] ?? "")
    if (difference !== 0) return descending ? -difference : difference
  }
  return 0
}
