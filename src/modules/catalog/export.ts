import { asc, eq, gt, inArray, isNull, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { toCsvLine } from "#lib/csv.ts"
import type { Id } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"

import { everything } from "./category-tree.ts"
import { categoryColumns, productColumns, tagsToCell } from "./import-columns.ts"
import { brands, categories, products, variants } from "./tables.ts"

/** What files the catalogue is written as. */
export type ExportFormat = "csv" | "ndjson"

/** Products in one read: two statements, whatever the size of the catalogue. */
const pageSize = 100

type Fields = Record<string, unknown>

/**
 * Every product as an import takes it, by id, in pieces of a hundred: what is read of the database for one does not
 * grow with their number. What is made while it runs may be in it or not. Taken in again it changes nothing; taken in
 * by an empty shop, its categories first, it makes the same products.
 * @throws `forbidden`
 */
export function productPieces(ctx: Ctx, format: ExportFormat): AsyncGenerator<string> {
  requirePermission(ctx, "catalog:write")
  return pieces(format, productColumns, pagesOf(ctx))
}

/** Every category as an import takes it, parents before their children. @throws `forbidden` */
export function categoryPieces(ctx: Ctx, format: ExportFormat): AsyncGenerator<string> {
  requirePermission(ctx, "catalog:write")
  async function* pages(): AsyncGenerator<Fields[]> {
    const rows = await everything(ctx)
    const depth = (path: string) => path.split("/").length
    yield rows
      .toSorted((a, b) => depth(a.path) - depth(b.path) || (a.id < b.id ? -1 : 1))
      .map(({ id, name, slug, description, parentId, isActive }) => ({
        id,
        name,
        slug,
        description,
        parent: parentId,
        is_active: isActive,
      }))
  }
  return pieces(format, categoryColumns, pages())
}

async function* pieces(
  format: ExportFormat,
  columns: readonly string[],
  pages: AsyncGenerator<Fields[]>,
): AsyncGenerator<string> {
  if (format === "csv") yield toCsvLine(columns)
  for await (const page of pages)
    yield page
      .map((fields) =>
        format === "csv"
          ? toCsvLine(columns.map((column) => cellOf(fields, column)))
          : `${JSON.stringify(fields)}\n`,
      )
      .join("")
}

async function* pagesOf(ctx: Ctx): AsyncGenerator<Fields[]> {
  for (let after = ""; ;) {
    const ids = ctx.db
      .select({ id: products.id })
      .from(products)
      .where(gt(products.id, after as Id<"product">))
      .orderBy(asc(products.id))
      .limit(pageSize)
    const [rows, variantRows] = await ctx.db.batch([
      ctx.db
        .select({
          product: products,
          // By slug, as people write it, unless that is some category's id.
          category: sql<
            string | null
          >`CASE WHEN EXISTS (SELECT 1 FROM categories AS other WHERE other.id = ${categories.slug}) THEN ${categories.id} ELSE ${categories.slug} END`.as(
            "category_ref",
          ),
          brand: sql<string | null>`${brands.name}`.as("brand_name"),
        })
        .from(products)
        .leftJoin(categories, eq(categories.id, products.categoryId))
        .leftJoin(brands, eq(brands.id, products.brandId))
        .where(gt(products.id, after as Id<"product">))
        .orderBy(asc(products.id))
        .limit(pageSize),
      ctx.db
        .select()
        .from(variants)
        .where(sql`${inArray(variants.productId, ids)} AND ${isNull(variants.removedAt)}`)
        .orderBy(asc(variants.position), asc(variants.id)),
    ])
    const byProduct = Map.groupBy(variantRows, ({ productId }) => productId)
    if (rows.length > 0)
      yield rows.map(({ product, category, brand }) =>
        toFields(product, category, brand, byProduct.get(product.id) ?? []),
      )
    if (rows.length < pageSize) return
    after = rows.at(-1)?.product.id ?? after
  }
}

function toFields(
  row: typeof products.$inferSelect,
  category: string | null,
  brand: string | null,
  all: readonly (typeof variants.$inferSelect)[],
): Fields {
  const amount = (value: number | null) => (value === null ? null : toDecimal(value, row.currency))
  return {
    id: row.id,
    sku: row.sku,
    name: row.name,
    slug: row.slug,
    description: row.description,
    price: amount(row.priceAmount),
    compare_at_price: amount(row.compareAtAmount),
    cost_price: amount(row.costAmount),
    category,
    brand,
    tags: row.tags,
    status: row.status,
    is_featured: row.isFeatured,
    is_digital: row.isDigital,
    weight_grams: row.weightGrams,
    ...(row.options.length === 0 && { stock_quantity: row.stockQuantity }),
    seo: row.seo,
    attributes: row.attributes,
    options: row.options,
    variants: all
      .filter(({ id }) => (id as string) !== row.id)
      .map((variant) => ({
        id: variant.id,
        sku: variant.sku,
        options: variant.options,
        price: amount(variant.priceAmount),
        stock_quantity: variant.stockQuantity,
      })),
  }
}

function cellOf(fields: Fields, column: string): string {
  if (column.startsWith("seo_"))
    return (fields["seo"] as Record<string, string>)[column.slice(4)] ?? ""
  const value = fields[column]
  if (value === null || value === undefined) return ""
  if (column === "tags") return tagsToCell(value as string[])
  if (typeof value !== "object") return String(value as string | number | boolean)
  const isEmpty = Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0
  return isEmpty ? "" : JSON.stringify(value)
}
