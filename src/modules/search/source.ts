import { and, eq, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { brands, categories, products, variants } from "#modules/catalog/tables.ts"

import type { ProductSource } from "./document.ts"

/** These products as they are in the database; those that are not there are missing. One round trip. */
export async function readSources(
  ctx: Ctx,
  ids: readonly string[],
): Promise<Map<string, ProductSource>> {
  const wanted = sql`(SELECT value FROM json_each(${JSON.stringify(ids)}))`
  const [rows, variantRows] = await ctx.db.batch([
    ctx.db
      .select({
        id: products.id,
        name: products.name,
        description: products.description,
        priceAmount: products.priceAmount,
        status: products.status,
        isFeatured: products.isFeatured,
        tags: products.tags,
        attributes: products.attributes,
        options: products.options,
        sku: products.sku,
        stockQuantity: products.stockQuantity,
        averageRating: products.averageRating,
        createdAt: products.createdAt,
        updatedAt: products.updatedAt,
        brandId: products.brandId,
        brandName: sql<string | null>`${brands.name}`.as("brand_name"),
        categoryName: sql<string | null>`${categories.name}`.as("category_name"),
        categoryPath: sql<string | null>`${categories.path}`.as("category_path"),
        trail: categories.trail,
      })
      .from(products)
      .leftJoin(categories, eq(categories.id, products.categoryId))
      .leftJoin(brands, eq(brands.id, products.brandId))
      .where(sql`${products.id} IN ${wanted}`),
    ctx.db
      .select({ productId: variants.productId, sku: variants.sku })
      .from(variants)
      .where(
        sql`${variants.productId} IN ${wanted} AND ${variants.sku} IS NOT NULL AND ${variants.removedAt} IS NULL`,
      ),
  ])
  const skus = Map.groupBy(variantRows, ({ productId }) => productId)
  return new Map(
    rows.map((row) => {
      const above = row.trail?.slice(0, -1) ?? []
      return [
        row.id,
        {
          name: row.name,
          description: row.description,
          brandName: row.brandName,
          categoryName: row.categoryName,
          categoriesAbove: above.map(({ name }) => name),
          tags: row.tags,
          skus: [...new Set([row.sku, ...(skus.get(row.id) ?? []).map(({ sku }) => sku)])].filter(
            (sku) => sku !== null,
          ),
          properties: [
            ...Object.values(row.attributes).map(String),
            ...row.options.flatMap(({ values }) => values),
          ],
          facts: {
            id: row.id,
            status: row.status,
            featured: row.isFeatured,
            price: row.priceAmount,
            stock: row.stockQuantity,
            rating: row.averageRating,
            category: row.categoryPath ?? "",
            brand: row.brandId ?? "",
            attributes: onceEach(row.attributes),
          },
          times: { created: Date.parse(row.createdAt), updated: Date.parse(row.updatedAt) },
        },
      ]
    }),
  )
}

/** Letter case does not tell two names apart. */
function onceEach(attributes: Record<string, unknown>): [string, string][] {
  const pairs = Object.entries(attributes).map(([name, value]): [string, string] => [
    name,
    String(value),
  ])
  return [...new Map(pairs.map((pair) => [pair[0].toLowerCase(), pair])).values()]
}

/** Where in a walk over products one stands: the status, creation and id of the last one. */
export type Place = [status: string, createdAt: string, id: string]

/** The next products of a category itself, or of a brand, after this place, along the index of either. */
export async function nextOf(
  ctx: Ctx,
  of: { categoryId?: Id<"category">; brandId?: Id<"brand"> },
  after: Place | undefined,
  limit: number,
): Promise<Place[]> {
  const rows = await ctx.db
    .select({ status: products.status, createdAt: products.createdAt, id: products.id })
    .from(products)
    .where(
      and(
        of.categoryId && eq(products.categoryId, of.categoryId),
        of.brandId && eq(products.brandId, of.brandId),
        after &&
          sql`(${products.status}, ${products.createdAt}, ${products.id}) > (${after[0]}, ${after[1]}, ${after[2]})`,
      ),
    )
    .orderBy(products.status, products.createdAt, products.id)
    .limit(limit)
  return rows.map(({ status, createdAt, id }) => [status, createdAt, id])
}

/** The ids of the products after this one, in the order of their ids. */
export async function idsAfter(ctx: Ctx, after: string, limit: number): Promise<string[]> {
  const rows = await ctx.db
    .select({ id: products.id })
    .from(products)
    .where(sql`${products.id} > ${after}`)
    .orderBy(products.id)
    .limit(limit)
  return rows.map(({ id }) => id)
}

/** A category and all below it. */
export async function withBelow(ctx: Ctx, id: Id<"category">): Promise<Id<"category">[]> {
  const rows = await ctx.db
    .select({ id: sql<Id<"category">>`category.id`.as("id") })
    .from(
      sql`categories AS root JOIN categories AS category ON category.path >= root.path AND category.path < substr(root.path, 1, length(root.path) - 1) || '0'`,
    )
    .where(sql`root.id = ${id}`)
  return rows.map((row) => row.id)
}
