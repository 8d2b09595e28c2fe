import { inArray, or, sql } from "drizzle-orm"

import { may } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid } from "#errors.ts"
import { fromDecimal } from "#lib/money.ts"
import type { ProductQuery } from "#modules/catalog/model.ts"
import { brands, categories } from "#modules/catalog/tables.ts"
import { baseRange, type Presentment } from "#modules/currencies/presentment.ts"
import { listLimit } from "#platform/db.ts"

import type { Filters } from "./facets.ts"

/**
 * What a query narrows its finds by, as the index has it: categories by their paths, brands by their ids. What names
 * nothing is a filter that nothing passes. Prices are in the currency of `prices`. At most one round trip.
 * @throws `invalid-input`, `rate-stale`
 */
export async function filtersOf(
  ctx: Ctx,
  query: ProductQuery & Record<string, unknown>,
  prices: Presentment,
): Promise<Filters> {
  const { least: minPrice, most: maxPrice } = baseRange(prices, {
    least: amountOf(prices, "min_price", query.min_price ?? query.price_min),
    most: amountOf(prices, "max_price", query.max_price ?? query.price_max),
  })
  const categoryRefs = [...commas(query.category), ...commas(query.category_slug)]
  const brandRefs = commas(query.brand)
  const below = (query.include_subcategories ?? true) ? "*" : ""
  const [paths, ids] =
    categoryRefs.length + brandRefs.length === 0
      ? [[], []]
      : await ctx.db.batch([
          ctx.db
            .select({ path: categories.path })
            .from(categories)
            .where(
              or(
                inArray(sql`${categories.id}`, categoryRefs),
                inArray(categories.slug, categoryRefs),
              ),
            ),
          ctx.db
            .select({ id: brands.id })
            .from(brands)
            .where(
              or(
                inArray(sql`${brands.id}`, brandRefs),
                inArray(brands.slug, brandRefs),
                inArray(
                  sql`lower(${brands.name})`,
                  brandRefs.map((ref) => ref.toLowerCase()),
                ),
              ),
            ),
        ])
  return {
    statuses: statusesOf(ctx, query),
    featured: query.featured,
    ...(categoryRefs.length > 0 && { categories: paths.map(({ path }) => `${path}${below}`) }),
    ...(brandRefs.length > 0 && { brands: ids.map(({ id }) => id as string) }),
    minPrice,
    maxPrice,
    minRating: query.min_rating,
    inStock: query.in_stock,
    attributes: Object.entries(query).flatMap(([name, value]) => {
      const attribute = /^attr\.(.{1,60})$/su.exec(name)?.[1]
      if (attribute === undefined) return []
      const texts = [value].flat().flatMap((one) => (typeof one === "string" ? commas(one) : []))
      return texts.length === 0 ? [] : [[attribute, texts] as const]
    }),
  }
}

/** Tags of which a product must have one, as they are kept. */
export function tagsOf({ tag }: ProductQuery): string[] {
  return commas(tag?.toLowerCase())
}

function amountOf(
  { currency }: Presentment,
  name: "min_price" | "max_price",
  text: string | undefined,
): number | undefined {
  const value = text === undefined ? undefined : fromDecimal(text, currency)
  if (text !== undefined && value === undefined)
    throw invalid({ field: name, detail: "A valid number is required.", code: "invalid" })
  return value
}

function statusesOf(ctx: Ctx, query: ProductQuery): Filters["statuses"] {
  if (!may(ctx, "catalog:write")) return ["active"]
  if (query.status !== undefined) return [query.status]
  if (query.is_active === undefined) return undefined
  return query.is_active ? ["active"] : ["draft", "archived"]
}

function commas(list: string | undefined): string[] {
  return (list ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean)
    .slice(0, Math.floor(listLimit / 6))
}
