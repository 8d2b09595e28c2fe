import { and, eq, gt, gte, inArray, lte, or, type SQL, sql } from "drizzle-orm"

import { may } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid } from "#errors.ts"
import { fromDecimal } from "#lib/money.ts"
import type { PageQuery } from "#lib/shapes.ts"
import { listLimit } from "#platform/db.ts"
import { mapPage, type Ordering, type Page, readPage } from "#platform/page.ts"

import type { ProductQuery, ProductSummary } from "./model.ts"
import { type Joined, joinedColumns, toSummary } from "./product.ts"
import { brands, categories, products, productTags } from "./tables.ts"

/** Seconds that a public list may be behind: with KV's own 30 s it stays within the minute that api.md 1.13 promises. */
const lifetime = { fresh: 10, stale: 20 }

const orderings: Record<string, Ordering<Joined>> = {
  name: { by: products.name, of: (row) => row.name },
  price: { by: products.priceAmount, of: (row) => row.priceAmount },
  created_at: { by: products.createdAt, of: (row) => row.createdAt },
  updated_at: { by: products.updatedAt, of: (row) => row.updatedAt },
  average_rating: { by: products.averageRating, of: (row) => row.averageRating },
  stock_quantity: { by: products.stockQuantity, of: (row) => row.stockQuantity },
  category: { by: sql`coalesce(${categories.name}, '')`, of: (row) => row.categoryName ?? "" },
}

/**
 * A page of products: active ones for the public, at most 50 s old; all of them for staff, as they are.
 * @throws `invalid-page`, `invalid-input`
 */
export function list(ctx: Ctx, query: ProductQuery): Promise<Page<ProductSummary>> {
  const load = () => read(ctx, query, filterOf(ctx, query))
  if (may(ctx, "catalog:write")) return load()
  const key = JSON.stringify(
    Object.entries(query)
      .filter(([, value]) => value !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
  return key.length > 400 ? load() : ctx.cache.read(`products:${key}`, "catalog", lifetime, load)
}

/** The newest featured products, at most 12 a page. */
export function featured(ctx: Ctx, query: PageQuery): Promise<Page<ProductSummary>> {
  return list(ctx, { page_size: "12", ...query, featured: true })
}

/** The newest products, 20 a page. */
export function latest(ctx: Ctx, query: PageQuery): Promise<Page<ProductSummary>> {
  return list(ctx, { ...query, ordering: "-created_at" })
}

async function read(
  ctx: Ctx,
  query: PageQuery,
  filter: SQL | undefined,
): Promise<Page<ProductSummary>> {
  const page = await readPage<Joined>(ctx, query, {
    orderings,
    fallback: "-created_at",
    id: { by: products.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select(joinedColumns)
        .from(products)
        .leftJoin(categories, eq(categories.id, products.categoryId))
        .leftJoin(brands, eq(brands.id, products.brandId))
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db
      .select({ one: sql`1` })
      .from(products)
      .where(filter)
      .getSQL(),
  })
  return mapPage(page, toSummary)
}

function filterOf(ctx: Ctx, query: ProductQuery): SQL | undefined {
  const amount = (name: "min_price" | "max_price", text: string | undefined) => {
    const value = text === undefined ? undefined : fromDecimal(text, ctx.config.currency)
    if (text !== undefined && value === undefined)
      throw invalid({ field: name, detail: "A valid number is required.", code: "invalid" })
    return value
  }
  const least = amount("min_price", query.min_price ?? query.price_min)
  const most = amount("max_price", query.max_price ?? query.price_max)
  const category = [...commas(query.category), ...commas(query.category_slug)]
  return and(
    statusFilter(ctx, query),
    category.length > 0 ? inCategories(category, query.include_subcategories ?? true) : undefined,
    query.brand === undefined ? undefined : inBrands(commas(query.brand)),
    query.tag === undefined
      ? undefined
      : inArray(
          products.id,
          ctx.db
            .select({ id: productTags.productId })
            .from(productTags)
            .where(inArray(productTags.tag, commas(query.tag.toLowerCase()))),
        ),
    least === undefined ? undefined : gte(products.priceAmount, least),
    most === undefined ? undefined : lte(products.priceAmount, most),
    query.min_rating === undefined ? undefined : gte(products.averageRating, query.min_rating),
    query.in_stock === undefined
      ? undefined
      : query.in_stock
        ? gt(products.stockQuantity, 0)
        : lte(products.stockQuantity, 0),
    query.featured === undefined
      ? undefined
      : query.featured
        ? sql`is_featured = 1`
        : sql`is_featured = 0`,
  )
}

function statusFilter(ctx: Ctx, query: ProductQuery): SQL | undefined {
  if (!may(ctx, "catalog:write")) return eq(products.status, "active")
  if (query.status !== undefined) return eq(products.status, query.status)
  if (query.is_active !== undefined)
    return query.is_active
      ? eq(products.status, "active")
      : inArray(products.status, ["draft", "archived"])
  return undefined
}

/** The products of these categories, named by id or slug; with `below`, of their sub-categories too. */
function inCategories(refs: readonly string[], below: boolean): SQL {
  const named = or(inArray(sql`root.id`, refs), inArray(sql`root.slug`, refs))
  const belongs = below
    ? sql`category.path >= root.path AND category.path < substr(root.path, 1, length(root.path) - 1) || '0'`
    : sql`category.id = root.id`
  return sql`${products.categoryId} IN (SELECT category.id FROM categories AS root JOIN categories AS category ON ${belongs} WHERE ${named})`
}

function inBrands(refs: readonly string[]): SQL {
  const low = refs.map((ref) => ref.toLowerCase())
  return sql`${products.brandId} IN (SELECT brand.id FROM brands AS brand WHERE ${inArray(sql`brand.id`, refs)} OR ${inArray(sql`brand.slug`, refs)} OR ${inArray(sql`lower(brand.name)`, low)})`
}

function commas(list: string | undefined): string[] {
  return (list ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean)
    .slice(0, Math.floor(listLimit / 6))
}
