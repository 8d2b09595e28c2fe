import { and, asc, eq, getTableColumns, inArray, isNull, or, sql } from "drizzle-orm"

import { may } from "#actor.ts"
import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"

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

/** What belongs to a product: its variants (its own included), its pictures, its category with those above. */
export type Parts = {
  variants: readonly VariantRow[]
  media: readonly (typeof media.$inferSelect)[]
  path: Product["category_path"]
}

/** A product, by id or slug, with everything that is shown of it; one round trip. */
export async function findWithParts(
  ctx: Ctx,
  ref: string,
): Promise<{ row: Joined; parts: Parts } | undefined> {
  const chosen = or(eq(products.id, ref as Id<"product">), eq(products.slug, ref))
  const ids = ctx.db.select({ id: products.id }).from(products).where(chosen)
  const [[row], variantRows, mediaRows, path] = await ctx.db.batch([
    ctx.db
      .select(joinedColumns)
      .from(products)
      .leftJoin(categories, eq(categories.id, products.categoryId))
      .leftJoin(brands, eq(brands.id, products.brandId))
      .where(chosen)
      .limit(1),
    ctx.db
      .select()
      .from(variants)
      .where(and(inArray(variants.productId, ids), isNull(variants.removedAt)))
      .orderBy(asc(variants.position), asc(variants.id)),
    ctx.db
      .select()
      .from(media)
      .where(inArray(media.productId, ids))
      .orderBy(asc(media.position), asc(media.id)),
    ctx.db
      .select({
        id: sql<Id<"category">>`id`.as("id"),
        name: sql<string>`name`.as("name"),
        slug: sql<string>`slug`.as("slug"),
      })
      .from(
        sql`(WITH RECURSIVE up AS (
              SELECT categories.* FROM categories JOIN products ON products.category_id = categories.id WHERE ${chosen}
              UNION ALL SELECT parent.* FROM categories AS parent JOIN up ON up.parent_id = parent.id)
            SELECT id, name, slug, path FROM up)`,
      )
      .orderBy(sql`length(path)`),
  ])
  return row && { row, parts: { variants: variantRows, media: mediaRows, path } }
}

/** A product as lists show it. */
export function toSummary(row: Joined): ProductSummary {
  const { currency } = row
  return {
    id: row.id,
    name: row.name,
    title: row.name,
    slug: row.slug,
    description:
      row.description.length > 300 ? `${row.description.slice(0, 299)}…` : row.description,
    price: toDecimal(row.priceAmount, currency),
    currency,
    compare_at_price:
      row.compareAtAmount === null ? null : toDecimal(row.compareAtAmount, currency),
    discount_percentage:
      row.compareAtAmount === null
        ? null
        : Math.round((100 * (row.compareAtAmount - row.priceAmount)) / row.compareAtAmount),
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

/** A product in full; what it costs the shop is for staff. */
export function toProduct(ctx: Ctx, row: Joined, parts: Parts): Product {
  return {
    ...toSummary(row),
    description: row.description,
    weight_grams: row.weightGrams,
    seo: row.seo,
    images: parts.media.map((one) => toImage(ctx, one)),
    variants: parts.variants
      .filter(({ id }) => (id as string) !== row.id)
      .map((variant) => toVariant(ctx, row, variant, parts.media)),
    category_path: parts.path,
    ...(may(ctx, "catalog:write") && {
      cost_price: row.costAmount === null ? null : toDecimal(row.costAmount, row.currency),
    }),
  }
}
