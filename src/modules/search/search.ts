import { eq, inArray } from "drizzle-orm"

import { may } from "#actor.ts"
import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { exponentOf, toDecimal } from "#lib/money.ts"
import * as lists from "#modules/catalog/lists.ts"
import type { ProductQuery, ProductSummary } from "#modules/catalog/model.ts"
import { type Joined, joinedColumns, toSummary } from "#modules/catalog/product.ts"
import { selectionOf } from "#modules/catalog/selection.ts"
import { brands, categories, products } from "#modules/catalog/tables.ts"
import * as currencies from "#modules/currencies/presentment.ts"
import { listLimit } from "#platform/db.ts"
import type { Page } from "#platform/page.ts"
import { rankPage } from "#platform/rank.ts"

import { columnsChunk, factColumns, type Kinds } from "./columns.ts"
import { type Counts, narrow, type Passed, priceBounds, type Stretch } from "./facets.ts"
import { filtersOf, valuesOf } from "./filters.ts"
import { highlight, markedWhole, snippet } from "./highlight.ts"
import type { BrowseQuery, Facets, FoundProduct, SearchQuery } from "./model.ts"
import { termsIn } from "./plan.ts"
import { decodePostings, postingsChunk } from "./postings.ts"
import { type Understood, understand } from "./understanding.ts"
import { skuTerm, tagTerm } from "./words.ts"

/** Seconds that a public answer may be old; indexing a change makes what was found before unusable. */
const lifetime = { fresh: 10, stale: 20 }

/** How much of each facet is shown. */
const most = { categories: 50, brands: 50, attributes: 20, values: 20 }

/** A page of what was found, with what is said of the whole. */
export type Found = Page<FoundProduct> & {
  query: string
  did_you_mean: string | null
  match: "all" | "some"
  facets: Facets
}

/**
 * Searches the products: active ones for the public, all of them for staff. Best match first, unless the query orders
 * otherwise; `relevance` ascends from the best. What the index has is seconds old, what is shown of a product is not.
 * @throws `invalid-input`, `invalid-page`, `rate-stale`
 */
export function search(ctx: Ctx, query: SearchQuery): Promise<Found> {
  const { q, ...narrowed } = query
  const load = () => find(ctx, q, narrowed)
  if (may(ctx, "catalog:write")) return load()
  const key = JSON.stringify(
    Object.entries(query)
      .filter(([, value]) => value !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
  return key.length > 400 ? load() : ctx.cache.read(`search:${key}`, "search", lifetime, load)
}

/** A page of products: of all, or of what a search finds. @throws as `lists.list` and `search` */
export async function browse(ctx: Ctx, query: BrowseQuery): Promise<Page<ProductSummary>> {
  const { search: text = "", ...rest } = query
  if (text.trim() === "") return lists.list(ctx, rest)
  const found = await search(ctx, { ...rest, q: text })
  return { ...found, results: found.results.map(({ highlights: _found, ...summary }) => summary) }
}

/** Columns of one chunk with what else they are ordered by. */
type Column = Stretch & {
  names: readonly (Kinds["names"] | null)[]
  times: readonly (Kinds["times"] | null)[]
}

async function find(
  ctx: Ctx,
  text: string,
  query: ProductQuery & Record<string, unknown>,
): Promise<Found> {
  const forStaff = may(ctx, "catalog:write")
  const ordering = query.ordering ?? "relevance"
  const prices = await currencies.find(ctx, query.currency)
  const selection = selectionOf(ctx, query, prices)
  const tags = valuesOf(selection, "tag").map(tagTerm)
  const [filters, understood] = await Promise.all([
    filtersOf(ctx, selection),
    understand(ctx, text, {
      forStaff,
      terms: tags,
      kinds: [
        ...(/\b(?:name|category)\b/.test(ordering) ? (["names"] as const) : []),
        ...(/\b(?:created_at|updated_at)\b/.test(ordering) ? (["times"] as const) : []),
      ],
    }),
  ])
  const stretches = understood ? stretchesOf(understood, tags) : []
  const bounds = priceBounds(exponentOf(ctx.config.currency))
  const { passed, counts } = narrow(stretches, filters, bounds)
  const page = rankPage<Passed<Column>>({ ...query, ordering }, passed, {
    orderings,
    fallback: "relevance",
    id: ({ stretch, place }) => stretch.columns.ids[place] ?? "",
  })
  const ids = page.results.map(({ stretch, place }) => stretch.columns.ids[place] ?? "")
  const top = {
    categories: leading(counts.categories, most.categories),
    brands: leading(counts.brands, most.brands),
  }
  const [[rows, categoryRows, brandRows], full] = await Promise.all([
    readNames(ctx, ids, top, forStaff),
    currencies.withEntries(ctx, prices, ids),
  ])
  const terms = understood ? termsIn(understood.plan) : new Set<string>()
  return {
    ...page,
    results: ids.flatMap((id) => {
      const row = rows.get(id)
      return row ? [{ ...toSummary(row, full), highlights: highlightsOf(row, terms) }] : []
    }),
    query: text,
    did_you_mean: understood?.didYouMean ?? null,
    match: understood && !understood.matches.isWhole ? "some" : "all",
    facets: {
      ...countsOf(prices, counts, bounds),
      category: top.categories.flatMap(([id, count]) => {
        const row = categoryRows.get(id)
        return row ? [{ ...row, count }] : []
      }),
      brand: top.brands.flatMap(([id, count]) => {
        const row = brandRows.get(id)
        return row ? [{ ...row, count }] : []
      }),
    },
  }
}

const orderings: Record<string, (row: Passed<Column>) => string | number> = {
  relevance: ({ score }) => -score,
  name: ({ stretch, place }) => stretch.names[place]?.name ?? "",
  category: ({ stretch, place }) => stretch.names[place]?.category ?? "",
  price: ({ stretch, place }) => stretch.columns.price[place] ?? 0,
  stock_quantity: ({ stretch, place }) => stretch.columns.stock[place] ?? 0,
  average_rating: ({ stretch, place }) => stretch.columns.rating[place] ?? 0,
  created_at: ({ stretch, place }) => stretch.times[place]?.created ?? 0,
  updated_at: ({ stretch, place }) => stretch.times[place]?.updated ?? 0,
}

/** What was found, beside its columns: those of its chunk, or, of a document that waits, its own. */
function stretchesOf(understood: Understood, tags: readonly string[]): Column[] {
  const { index, matches } = understood
  const tagged = tags.length === 0 ? undefined : taggedBy(understood, tags)
  const waiting = [...index.waiting]
  const placeOf = new Map(waiting.map(([doc], place) => [doc, place]))
  const own: Column = {
    columns: factColumns(waiting.map(([, document]) => document?.facts)),
    names: waiting.map(([, document]) => document?.names ?? null),
    times: waiting.map(([, document]) => document?.times ?? null),
    places: [],
    scores: [],
  }
  const chunks = new Map(
    [...index.facts].map(([chunk, columns]): [number, Column] => [
      chunk,
      {
        columns,
        names: index.names.get(chunk) ?? [],
        times: index.times.get(chunk) ?? [],
        places: [],
        scores: [],
      },
    ]),
  )
  for (const [at, doc] of matches.docs.entries()) {
    if (tagged && !tagged.has(doc)) continue
    const place = placeOf.get(doc)
    const stretch = place === undefined ? chunks.get(Math.floor(doc / columnsChunk)) : own
    stretch?.places.push(place ?? doc % columnsChunk)
    stretch?.scores.push(matches.scores[at] ?? 0)
  }
  return [...chunks.values(), own].filter(({ places }) => places.length > 0)
}

function taggedBy({ index, rows }: Understood, tags: readonly string[]): Set<number> {
  const docs = new Set<number>()
  for (const row of rows) {
    if (!tags.includes(row.term.replace(/^!/, ""))) continue
    for (const offset of decodePostings(row.data, row.count).offsets)
      docs.add(row.chunk * postingsChunk + offset)
  }
  for (const [doc, document] of index.waiting) {
    const isTagged = document?.terms.some(([term]) => tags.includes(term)) ?? false
    if (isTagged) docs.add(doc)
    else docs.delete(doc)
  }
  return docs
}

/** The products of a page, and the names of what is counted; one round trip. */
async function readNames(
  ctx: Ctx,
  ids: readonly string[],
  top: { categories: [string, number][]; brands: [string, number][] },
  forStaff: boolean,
) {
  const read = (some: readonly string[]) =>
    ctx.db
      .select(joinedColumns)
      .from(products)
      .leftJoin(categories, eq(categories.id, products.categoryId))
      .leftJoin(brands, eq(brands.id, products.brandId))
      .where(inArray(products.id, some as Id<"product">[]))
  const keysOf = <K extends string>(entries: [string, number][]) => entries.map(([id]) => id as K)
  const [first, second, categoryRows, brandRows] = await ctx.db.batch([
    read(ids.slice(0, listLimit)),
    read(ids.slice(listLimit)),
    ctx.db
      .select({
        id: categories.id,
        name: categories.name,
        slug: categories.slug,
        parent: categories.parentId,
      })
      .from(categories)
      .where(inArray(categories.id, keysOf<Id<"category">>(top.categories))),
    ctx.db
      .select({ id: brands.id, name: brands.name, slug: brands.slug })
      .from(brands)
      .where(inArray(brands.id, keysOf<Id<"brand">>(top.brands))),
  ])
  return [
    new Map(
      [...first, ...second]
        // The index may not know yet that it is hidden.
        .filter(({ status }) => forStaff || status === "active")
        .map((row): [string, Joined] => [row.id, row]),
    ),
    new Map(categoryRows.map((row) => [row.id as string, row])),
    new Map(brandRows.map((row) => [row.id as string, row])),
  ] as const
}

function highlightsOf(row: Joined, terms: ReadonlySet<string>): Record<string, string> {
  const fields = {
    name: highlight(row.name, terms),
    description: snippet(row.description, terms),
    brand: highlight(row.brandName ?? "", terms),
    category_name: highlight(row.categoryName ?? "", terms),
    sku: row.sku !== null && terms.has(skuTerm(row.sku)) ? markedWhole(row.sku) : undefined,
    tags: highlight(row.tags.join(", "), terms),
  }
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

/** The most frequent first, and of equally frequent ones the one whose key comes first. */
function leading<K extends string | number>(
  counts: ReadonlyMap<K, number>,
  n: number,
): [K, number][] {
  return [...counts].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, n)
}

/** The facets that need no names. */
function countsOf(prices: currencies.Presentment, counts: Counts, bounds: readonly number[]) {
  const { currency } = prices
  const money = (amount: number) => toDecimal(currencies.amountIn(prices, amount), currency)
  return {
    price: [...counts.prices]
      .toSorted(([a], [b]) => a - b)
      .map(([bound, count]) => {
        const before = bounds.findLast((one) => one < bound)
        return {
          min: money(before === undefined ? 0 : before + 1),
          max: Number.isFinite(bound) ? money(bound) : null,
          currency,
          count,
        }
      }),
    rating: [4, 3, 2, 1].flatMap((min) => {
      const count = counts.ratings.get(min)
      return count === undefined ? [] : [{ min, count }]
    }),
    in_stock: [
      { value: true, count: counts.inStock.yes },
      { value: false, count: counts.inStock.no },
    ],
    attributes: [...counts.attributes.values()]
      .map(({ name, values }) => {
        const all = [...values.values()].toSorted(
          (a, b) => b.count - a.count || (a.value < b.value ? -1 : 1),
        )
        const covered = all.reduce((sum, { count }) => sum + count, 0)
        return { name, values: all.slice(0, most.values), covered }
      })
      .toSorted((a, b) => b.covered - a.covered || (a.name < b.name ? -1 : 1))
      .slice(0, most.attributes)
      .map(({ name, values }) => ({ name, values })),
  }
}
