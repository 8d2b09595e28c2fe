import { inArray, isNull, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { asciiLower, slugOf } from "#lib/slug.ts"

import type * as brandVerbs from "./brands.ts"
import { type Draft, type Run, takenBefore } from "./import-chunk.ts"
import type { ImportProduct } from "./import-model.ts"
import { brands, categories, products, variants } from "./tables.ts"

/** What the lines of a chunk refer to, as it is now, and as the lines so far change it. */
export type Known = Awaited<ReturnType<typeof look>>

/** All that the lines refer to, and all that is there already, in two round trips whatever their number. */
export async function look(
  ctx: Ctx,
  run: Run,
  drafts: readonly Draft<ImportProduct>[],
  keys: readonly string[],
) {
  const inputs = drafts.flatMap(({ input }) => (input ? [input] : []))
  // Of lines whose shape is wrong too: what they miss depends on whether they are there already.
  const named = drafts.map(({ mapped }) => namedIn(mapped.value))
  const ids = list(named.map(({ id }) => id))
  const skus = list([
    ...named.map(({ sku }) => sku),
    ...inputs.flatMap(({ variants: all }) => (all ?? []).map(({ sku }) => sku)),
  ])
  const handles = list(run.layout.format === "shopify" ? named.map(({ slug }) => slug) : [])
  const bases = list(inputs.map(baseOf))
  const brandRefs = list(inputs.map(({ brand }) => brand))
  const categoryRefs = list(inputs.map(({ category }) => category))
  const variantIds = list(
    inputs.flatMap(({ id, variants: all }) => [id, ...(all ?? []).map((one) => one.id)]),
  )
  const brandNames = list(inputs.map(({ brand }) => brand).map((name) => name && asciiLower(name)))
  const brandSlugs = list(inputs.map(({ brand }) => brand && slugOf(brand)))
  const found = sql`(SELECT value FROM json_each(${ids}) UNION SELECT variants.product_id FROM json_each(${skus}) JOIN variants ON variants.sku = value UNION SELECT products.id FROM json_each(${handles}) JOIN products ON products.slug = value)`
  const [productRows, variantRows, ownerRows, categoryRows, brandRows, slugRows] =
    await ctx.db.batch([
      ctx.db.select().from(products).where(inArray(products.id, found)),
      ctx.db
        .select()
        .from(variants)
        .where(sql`${inArray(variants.productId, found)} AND ${isNull(variants.removedAt)}`)
        .orderBy(variants.position, variants.id),
      ctx.db
        .select({ id: variants.id, productId: variants.productId })
        .from(variants)
        .where(sql`variants.id IN (SELECT value FROM json_each(${variantIds}))`),
      ctx.db
        .select()
        .from(categories)
        .where(
          sql`categories.id IN (SELECT value FROM json_each(${categoryRefs}) UNION SELECT named.id FROM json_each(${categoryRefs}) CROSS JOIN categories AS named ON named.slug = value)`,
        ),
      ctx.db
        .select()
        .from(brands)
        .where(
          sql`brands.id IN (SELECT named.id FROM json_each(${brandNames}) CROSS JOIN brands AS named ON lower(named.name) = value UNION SELECT value FROM json_each(${brandRefs}) UNION SELECT named.id FROM json_each(${brandSlugs}) CROSS JOIN brands AS named ON named.slug = value UNION SELECT named.id FROM json_each(${brandSlugs}) CROSS JOIN brands AS named ON named.slug >= value || '-0' AND named.slug < value || '-:')`,
        ),
      ctx.db
        .select({ slug: products.slug, id: products.id })
        .from(products)
        .where(
          sql`products.id IN (SELECT taken.id FROM json_each(${bases}) CROSS JOIN products AS taken ON taken.slug = value UNION SELECT taken.id FROM json_each(${bases}) CROSS JOIN products AS taken ON taken.slug >= value || '-0' AND taken.slug < value || '-:')`,
        ),
    ])
  return {
    products: new Map(productRows.map((row) => [row.id as string, row])),
    byHandle: new Map(productRows.map((row) => [row.slug, row])),
    variants: Map.groupBy(variantRows, (row) => row.productId as string),
    /** Which product a variant's id belongs to, one that is no longer sold too. */
    productOf: new Map(ownerRows.map((row) => [row.id as string, row.productId as string])),
    ownerOf: new Map(variantRows.map((row) => [row.sku, row])),
    categories: new Map([
      ...categoryRows.map((row) => [row.slug, row] as const),
      ...categoryRows.map((row) => [row.id as string, row] as const),
    ]),
    brands: new Map([
      ...brandRows.map((row) => [row.id as string, row] as const),
      ...brandRows.map((row) => [row.slug, row] as const),
      ...brandRows.map((row) => [asciiLower(row.name), row] as const),
    ]),
    brandSlugs: new Set(brandRows.map(({ slug }) => slug)),
    newBrands: [] as brandVerbs.BrandRow[],
    slugs: new Map(slugRows.map(({ slug, id }) => [slug, id as string])),
    /** By earlier lines: keys, with the line that has them. */
    before: await takenBefore(ctx, run, keys),
    taken: new Map<string, number>(),
  }
}

function list(values: readonly (string | null | undefined)[]): string {
  return JSON.stringify([...new Set(values.filter((one) => typeof one === "string"))])
}

/** What names a product in a line, right or wrong as it may be otherwise. */
export function namedIn(value: unknown): Partial<Record<"id" | "sku" | "slug", string>> {
  const { id, sku, slug } = value as Record<string, unknown>
  return {
    ...((typeof id === "string" || typeof id === "number") && { id: String(id).slice(0, 64) }),
    ...(typeof sku === "string" && { sku: sku.trim() }),
    ...(typeof slug === "string" && { slug }),
  }
}

/** What the slug of a product is made of. */
export function baseOf({ slug, name }: ImportProduct): string {
  return slug ?? (slugOf(name ?? "") || "product")
}
