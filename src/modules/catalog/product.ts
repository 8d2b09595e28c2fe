import { and, eq, getTableColumns, isNull, ne, or, sql } from "drizzle-orm"

import { may } from "#actor.ts"
import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import type { Presentment } from "#modules/currencies/presentment.ts"
import * as currencies from "#modules/currencies/presentment.ts"
import { rowsAsJson, rowsIn } from "#platform/db.ts"
import { mapPage, type Page } from "#platform/page.ts"

import { toImage, urlOf } from "./media.ts"
import type { Product, ProductSummary } from "./model.ts"
import { brands, categories, media, products, variants } from "./tables.ts"
import { toVariant, type VariantRow } from "./variants.ts"

export type ProductRow = typeof products.$inferSelect

/** A product with the names it is shown with. */
export type Joined = ProductRow & {
  categoryName: string | null
  categorySlug: string | null
  brandName: string | null
}

/** The columns of a `Joined`, over products left-joined with their category and brand. */
export const joinedColumns = {
  ...getTableColumns(products),
  categoryName: sql<string | null>`${categories.name}`.as("category_name"),
  categorySlug: sql<string | null>`${categories.slug}`.as("category_slug"),
  brandName: sql<string | null>`${brands.name}`.as("brand_name"),
}

/** What belongs to a product: the variants it comes in, its pictures, its category with those above. */
export type Parts = {
  variants: readonly VariantRow[]
  media: readonly (typeof media.$inferSelect)[]
  path: Product["category_path"]
}

/** None for a product without options, which is then itself what is sold: its own variant is not looked for. */
const variantsOfIt = sql<string>`CASE WHEN ${products.options} = '[]' THEN '[]' ELSE ${rowsAsJson(
  variants,
  and(
    eq(variants.productId, products.id),
    ne(variants.id, sql`${products.id}`),
    isNull(variants.removedAt),
  ),
)} END`.as("variants_of_it")
const mediaOfIt = rowsAsJson(media, eq(media.productId, products.id)).as("media_of_it")

/** A product, by id or slug, with everything that is shown of it; one statement, and as few rows as there are. */
export async function findWithParts(
  ctx: Ctx,
  ref: string,
): Promise<{ row: Joined; parts: Parts } | undefined> {
  const found = await ctx.db
    .select({
      ...joinedColumns,
      trail: categories.trail,
      variants: variantsOfIt,
      media: mediaOfIt,
    })
    .from(products)
    .leftJoin(categories, eq(categories.id, products.categoryId))
    .leftJoin(brands, eq(brands.id, products.brandId))
    .where(or(eq(products.id, ref as Id<"product">), eq(products.slug, ref)))
  // An id comes before the slug of another product.
  const one = found.find(({ id }) => id === ref) ?? found[0]
  if (!one) return undefined
  const { trail, variants: variantsText, media: mediaText, ...row } = one
  return {
    row,
    parts: {
      variants: inOrder(rowsIn(variants, variantsText)),
      media: inOrder(rowsIn(media, mediaText)),
      path: trail ?? [],
    },
  }
}

/** By position; two that were added at once have the same. */
function inOrder<T extends { id: string; position: number }>(rows: readonly T[]): T[] {
  return rows.toSorted((a, b) => a.position - b.position || (a.id < b.id ? -1 : 1))
}

/** A product as lists show it; with `prices`, in their currency. @throws `rate-stale` */
export function toSummary(row: Joined, prices?: Presentment): ProductSummary {
  const { currency, amount, compareAtAmount, inBase } = pricesOf(row, prices)
  return {
    id: row.id,
    name: row.name,
    title: row.name,
    slug: row.slug,
    description:
      row.description.length > 300 ? `${row.description.slice(0, 299)}…` : row.description,
    price: toDecimal(amount, currency),
    currency,
    ...inBase,
    compare_at_price: compareAtAmount === null ? null : toDecimal(compareAtAmount, currency),
    discount_percentage:
      compareAtAmount === null
        ? null
        : Math.round((100 * (compareAtAmount - amount)) / compareAtAmount),
    category: row.categoryId,
    category_name: row.categoryName,
    category_slug: row.categorySlug,
    brand: row.brandName,
    sku: row.sku,
    stock_quantity: row.stockQuantity,
    is_in_stock: row.stockQuantity > 0,
    status: row.status,
    is_active: row.status === "active",
    is_featured: row.isFeatured,
    is_digital: row.isDigital,
    image: row.imageKey === null ? null : urlOf(row.imageKey),
    options: row.options,
    attributes: row.attributes,
    tags: row.tags,
    average_rating: row.averageRating,
    reviews_count: row.reviewsCount,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}

function pricesOf(row: Joined, prices: Presentment | undefined) {
  const { id, priceAmount: unitAmount, compareAtAmount } = row
  if (!prices || currencies.isOwn(prices))
    return { currency: row.currency, amount: unitAmount, compareAtAmount, inBase: {} }
  const own = { variantId: id, pricedAs: id, unitAmount, compareAtAmount }
  return {
    currency: prices.currency,
    ...currencies.priceIn(prices, own),
    inBase: { base_currency: row.currency, base_price: toDecimal(unitAmount, row.currency) },
  }
}

/** A page of products as lists show them, in a currency. @throws `rate-stale` */
export async function toSummaries(
  ctx: Ctx,
  page: Page<Joined>,
  prices: currencies.Shown,
): Promise<Page<ProductSummary>> {
  const ids = page.results.map(({ id }) => id)
  const full = await currencies.withEntries(ctx, prices, ids)
  return mapPage(page, (row) => toSummary(row, full))
}

/** A product in full, with `prices` in their currency; what it costs the shop is for staff. @throws `rate-stale` */
export function toProduct(ctx: Ctx, row: Joined, parts: Parts, prices?: Presentment): Product {
  return {
    ...toSummary(row, prices),
    description: row.description,
    version: row.version,
    weight_grams: row.weightGrams,
    purchase_limit: row.purchaseLimit,
    tax_class: row.taxClass,
    seo: row.seo,
    images: parts.media.map((one) => toImage(ctx, one)),
    variants: parts.variants.map((variant) => toVariant(ctx, row, variant, parts.media, prices)),
    category_path: parts.path,
    ...(may(ctx, "catalog:write") && {
      cost_price: row.costAmount === null ? null : toDecimal(row.costAmount, row.currency),
    }),
  }
}
