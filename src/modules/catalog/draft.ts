import { and, eq, gte, lt, or } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, invalid } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { largestPrice, priceFrom, toDecimal } from "#lib/money.ts"
import { freeSlug } from "#lib/slug.ts"
import { iso } from "#lib/time.ts"
import { raced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import * as brandVerbs from "./brands.ts"
import type { ProductChanges } from "./model.ts"
import type { ProductRow } from "./product.ts"
import { firstFigures } from "./projection.ts"
import { brands, categories, products } from "./tables.ts"
import * as variantVerbs from "./variants.ts"

/** What a product's fields refer to, as it is now. */
export type Known = {
  category: Pick<typeof categories.$inferSelect, "id" | "name" | "slug" | "trail"> | undefined
  brand: brandVerbs.BrandRow | undefined
  newBrand: Statement[]
  slug: string
  unknownCategory: boolean
}

/** What a product's fields refer to, in one round trip. */
export async function look(
  ctx: Ctx,
  input: ProductChanges,
  wanted: string,
  old?: ProductRow,
): Promise<Known> {
  const base = wanted || "product"
  const categoryRef = input.category === undefined ? (old?.categoryId ?? null) : input.category
  const brandRef = input.brand === undefined ? (old?.brandId ?? null) : input.brand
  const [[category], [brand], slugs] = await ctx.db.batch([
    ctx.db
      .select({
        id: categories.id,
        name: categories.name,
        slug: categories.slug,
        trail: categories.trail,
      })
      .from(categories)
      .where(
        or(
          eq(categories.id, (categoryRef ?? "") as Id<"category">),
          eq(categories.slug, categoryRef ?? ""),
        ),
      )
      .limit(1),
    ctx.db
      .select()
      .from(brands)
      .where(brandVerbs.named(brandRef ?? ""))
      .limit(1),
    ctx.db
      .select({ slug: products.slug, id: products.id })
      .from(products)
      .where(
        or(
          eq(products.slug, base),
          and(gte(products.slug, `${base}-0`), lt(products.slug, `${base}-:`)),
        ),
      )
      .limit(5000),
  ])
  const newBrand = brandRef !== null && !brand ? brandVerbs.draft(ctx, brandRef) : undefined
  const taken = new Set(slugs.filter(({ id }) => id !== old?.id).map(({ slug }) => slug))
  return {
    category,
    brand: brand ?? newBrand,
    newBrand: newBrand ? [brandVerbs.stageNew(ctx, newBrand)] : [],
    slug: freeSlug(base, taken),
    unknownCategory: categoryRef !== null && !category,
  }
}

/** A product's row of what was sent over what was there, with every field that does not hold. */
export function draft(
  ctx: Ctx,
  id: Id<"product">,
  input: ProductChanges,
  known: Known,
  old?: ProductRow,
): { row: ProductRow; errors: FieldError[] } {
  const errors: FieldError[] = []
  const { currency } = ctx.config
  const amount = (
    field: "price" | "compare_at_price" | "cost_price",
    before: number | null | undefined,
  ): number | null => {
    const text = input[field]
    if (text === undefined || text === null) return text === null ? null : (before ?? null)
    const value = priceFrom(text, currency)
    if (value === undefined)
      errors.push({
        field,
        detail: `A valid price is required: at most ${toDecimal(largestPrice, currency)}, with the decimals of ${currency}.`,
        code: "invalid",
      })
    return value ?? null
  }
  const priceAmount = amount("price", old?.priceAmount) ?? 0
  const compareAtAmount = amount("compare_at_price", old?.compareAtAmount)
  if (compareAtAmount !== null && compareAtAmount <= priceAmount) {
    errors.push({
      field: "compare_at_price",
      detail: "The price before is above the price.",
      code: "invalid",
    })
  }
  if (known.unknownCategory)
    errors.push({ field: "category", detail: "No such category.", code: "unknown" })
  const status =
    input.status ??
    (input.is_active === undefined
      ? (old?.status ?? "active")
      : input.is_active
        ? "active"
        : "draft")
  const row: ProductRow = {
    id,
    name: input.name ?? old?.name ?? "",
    slug: known.slug,
    description: input.description ?? old?.description ?? "",
    priceAmount,
    compareAtAmount,
    costAmount: amount("cost_price", old?.costAmount),
    currency: old?.currency ?? currency,
    categoryId: known.category?.id ?? null,
    brandId: known.brand?.id ?? null,
    sku: input.sku === undefined ? (old?.sku ?? null) : input.sku,
    status,
    isFeatured: input.is_featured ?? old?.isFeatured ?? false,
    isDigital: input.is_digital ?? old?.isDigital ?? false,
    weightGrams: input.weight_grams === undefined ? (old?.weightGrams ?? null) : input.weight_grams,
    purchaseLimit:
      input.purchase_limit === undefined ? (old?.purchaseLimit ?? null) : input.purchase_limit,
    taxClass: input.tax_class ?? old?.taxClass ?? "standard",
    tags: input.tags ?? old?.tags ?? [],
    attributes: input.attributes ?? old?.attributes ?? {},
    seo: input.seo ?? old?.seo ?? {},
    options: input.options ?? old?.options ?? [],
    imageKey: old?.imageKey ?? null,
    stockQuantity: input.stock_quantity ?? old?.stockQuantity ?? 0,
    stockVersion: old?.stockVersion ?? 0,
    averageRating: old?.averageRating ?? 0,
    reviewsCount: old?.reviewsCount ?? 0,
    version: old ? old.version + 1 : 1,
    createdAt: old?.createdAt ?? iso(ctx.now),
    updatedAt: iso(ctx.now),
  }
  return { row, errors }
}

/** The variant that a product is to itself; see `variants`. */
export function ownVariant(row: ProductRow): variantVerbs.VariantRow {
  return {
    id: row.id as string as Id<"variant">,
    productId: row.id,
    sku: row.sku,
    options: {},
    priceAmount: null,
    ...firstFigures(row.options.length > 0 ? 0 : row.stockQuantity),
    isStocked: row.options.length === 0,
    position: 0,
    removedAt: null,
    version: 1,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  }
}

/** The names that a product is shown with. */
export function namesOf(known: Known) {
  return {
    categoryName: known.category?.name ?? null,
    categorySlug: known.category?.slug ?? null,
    brandName: known.brand?.name ?? null,
  }
}

/** What the constraints of a product's rows mean. Two who take the same slug, or make the same brand, at once: the second looks again. */
export const refusals = {
  ...variantVerbs.refusals,
  "products.slug": () => raced(new DomainError("invalid-input", "This slug is taken.")),
  "brands.slug": () => raced(new DomainError("invalid-input", "This brand was made meanwhile.")),
  brands_name: () => raced(new DomainError("invalid-input", "This brand was made meanwhile.")),
  "FOREIGN KEY constraint failed": () =>
    raced(new DomainError("invalid-input", "The category was removed meanwhile.")),
  "products.id": () =>
    invalid({ field: "id", detail: "A product with this id already exists.", code: "taken" }),
}
