import { inArray, or, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Group, Selection } from "#modules/catalog/selection.ts"
import { brands, categories } from "#modules/catalog/tables.ts"

import type { Filters } from "./facets.ts"

/**
 * What a selection narrows finds by, as the index has it: categories by their paths, brands by their ids. What names
 * nothing is a filter that nothing passes. At most one round trip.
 */
export async function filtersOf(ctx: Ctx, selection: Selection): Promise<Filters> {
  const { statuses, groups, least, most, rating } = selection
  const group = (kind: Group["kind"]) => groups.find((one) => one.kind === kind)
  const inCategories = group("category") ?? group("own-category")
  const categoryRefs = inCategories?.values ?? []
  const brandRefs = valuesOf(selection, "brand")
  const [paths, ids] =
    categoryRefs.length + brandRefs.length === 0
      ? [[], []]
      : await ctx.db.batch([
          ctx.db
            .select({ path: categories.path })
            .from(categories)
            .where(
              or(
                inArray(sql`${categories.id}`, [...categoryRefs]),
                inArray(categories.slug, [...categoryRefs]),
              ),
            ),
          ctx.db
            .select({ id: brands.id })
            .from(brands)
            .where(
              or(
                inArray(sql`${brands.id}`, [...brandRefs]),
                inArray(brands.slug, [...brandRefs]),
                inArray(
                  sql`lower(${brands.name})`,
                  brandRefs.map((ref) => ref.toLowerCase()),
                ),
              ),
            ),
        ])
  const featured = group("featured")
  const [stock] = valuesOf(selection, "stock")
  const below = inCategories?.kind === "category" ? "*" : ""
  return {
    statuses,
    featured: featured && !featured.none,
    ...(categoryRefs.length > 0 && { categories: paths.map(({ path }) => `${path}${below}`) }),
    ...(brandRefs.length > 0 && { brands: ids.map(({ id }) => id as string) }),
    minPrice: least,
    maxPrice: most,
    minRating: rating,
    inStock: stock === undefined ? undefined : stock === "in",
    attributes: groups.flatMap(({ kind, values }) =>
      kind === "attribute" ? [attributeOf(values)] : [],
    ),
  }
}

/** The values of a filter of which there is at most one: tags as they are kept. */
export function valuesOf(
  { groups }: Selection,
  kind: "brand" | "tag" | "stock",
): readonly string[] {
  return groups.find((one) => one.kind === kind)?.values ?? []
}

/** The values of one attribute, each `name=value`, with its name. */
function attributeOf(values: readonly string[]): readonly [name: string, values: string[]] {
  const name = (values[0] ?? "").split("=", 1)[0] ?? ""
  return [name, values.map((value) => value.slice(name.length + 1))]
}
