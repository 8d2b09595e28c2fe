import { and, asc, eq, inArray, isNull, or, sql } from "drizzle-orm"

import { may } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid, notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"

import { products, variants } from "./tables.ts"
import type { VariantRow } from "./variants.ts"

/** Something that can be put in a cart: a variant with what its product says of it. Amounts in minor units. */
export type Sellable = {
  variantId: Id<"variant">
  productId: Id<"product">
  name: string
  slug: string
  sku: string | null
  options: Record<string, string>
  unitAmount: number
  /** Whose price it has: its own, or its product's. */
  pricedAs: Id<"variant">
  currency: string
  isDigital: boolean
  /** How many of the product one customer may have; null: any number. */
  purchaseLimit: number | null
  imageKey: string | null
  brandId: Id<"brand"> | null
  /** The ids of its category and those above, from the root down: `/1/4/`. */
  categoryPath: string | null
  weightGrams: number | null
  taxClass: string
  /** The projection: what lists say can be bought. */
  stockQuantity: number
  /** Whether it is on sale: an active product, a variant that was not removed, and no product that comes in variants. */
  isOnSale: boolean
  /** The product comes in variants, and this is the product itself. */
  needsVariant: boolean
}

/** The columns of a `Sellable`, over variants joined with their products. */
export const sellableColumns = {
  variantId: sql<Id<"variant">>`${variants.id}`.as("variant_id"),
  productId: sql<Id<"product">>`${products.id}`.as("product_id"),
  name: products.name,
  slug: products.slug,
  sku: sql<string | null>`${variants.sku}`.as("variant_sku"),
  options: sql<string>`${variants.options}`.as("variant_options"),
  unitAmount: sql<number>`coalesce(${variants.priceAmount}, ${products.priceAmount})`.as(
    "unit_amount",
  ),
  pricedAs: sql<
    Id<"variant">
  >`CASE WHEN ${variants.priceAmount} IS NULL THEN ${products.id} ELSE ${variants.id} END`.as(
    "priced_as",
  ),
  currency: products.currency,
  isDigital: products.isDigital,
  purchaseLimit: products.purchaseLimit,
  imageKey: products.imageKey,
  brandId: products.brandId,
  categoryPath: sql<
    string | null
  >`(SELECT path FROM categories WHERE categories.id = ${products.categoryId})`.as("category_path"),
  weightGrams: products.weightGrams,
  taxClass: products.taxClass,
  stockQuantity: sql<number>`${variants.stockQuantity}`.as("variant_stock"),
  isOnSale:
    sql<number>`(${products.status} = 'active' AND ${variants.removedAt} IS NULL AND (${variants.id} <> ${products.id} OR ${products.options} = '[]'))`.as(
      "is_on_sale",
    ),
  needsVariant: sql<number>`(${variants.id} = ${products.id} AND ${products.options} <> '[]')`.as(
    "needs_variant",
  ),
}

type Raw = Omit<Sellable, "options" | "isOnSale" | "needsVariant"> & {
  options: string
  isOnSale: number
  needsVariant: number
}

/** A row of `sellableColumns` as what it means. */
export function toSellable(row: Raw): Sellable {
  return {
    ...row,
    options: JSON.parse(row.options) as Record<string, string>,
    isOnSale: row.isOnSale === 1,
    needsVariant: row.needsVariant === 1,
  }
}

/** What names sellable things: variant or product ids, SKUs, product slugs. Answers those that are there, by the reference; one round trip. */
export async function findSellables(
  ctx: Ctx,
  refs: readonly string[],
): Promise<Map<string, Sellable>> {
  const wanted = [...new Set(refs)]
  const chunks = Array.from({ length: Math.ceil(wanted.length / 45) }, (_, index) =>
    wanted.slice(index * 45, index * 45 + 45),
  )
  const queries = chunks.flatMap((chunk) => [
    ctx.db
      .select(sellableColumns)
      .from(variants)
      .innerJoin(products, eq(products.id, variants.productId))
      .where(or(inArray(variants.id, chunk as Id<"variant">[]), inArray(variants.sku, chunk))),
    ctx.db
      .select(sellableColumns)
      .from(products)
      .innerJoin(variants, eq(variants.id, sql`${products.id}`))
      .where(inArray(products.slug, chunk)),
  ])
  const [first, ...rest] = queries
  const found = first ? (await ctx.db.batch([first, ...rest])).flat().map(toSellable) : []
  const bySlug = new Map(found.map((one) => [one.slug, one]))
  const byRef = new Map(
    found.flatMap((one) => [
      ...(one.sku === null ? [] : [[one.sku, one] as const]),
      [one.variantId as string, one] as const,
    ]),
  )
  return new Map(
    wanted.flatMap((ref) => {
      const one = byRef.get(ref) ?? bySlug.get(ref)
      return one ? [[ref, one] as const] : []
    }),
  )
}

/** A product's id and what of it can be stocked and sold, in order. @throws `not-found`, for a hidden product to the public too */
export async function sellablesOf(
  ctx: Ctx,
  ref: string,
): Promise<{ id: Id<"product">; sellables: Pick<VariantRow, "id" | "sku">[] }> {
  const rows = await ctx.db
    .select({
      productId: variants.productId,
      id: variants.id,
      sku: variants.sku,
      options: sql<string>`${products.options}`.as("product_options"),
      status: products.status,
    })
    .from(variants)
    .innerJoin(products, eq(products.id, variants.productId))
    .where(
      and(
        or(eq(products.id, ref as Id<"product">), eq(products.slug, ref)),
        isNull(variants.removedAt),
      ),
    )
    .orderBy(asc(variants.position), asc(variants.id))
  const [first] = rows
  if (!first || (first.status !== "active" && !may(ctx, "catalog:write"))) throw notFound("product")
  const own = (row: { id: string }) => row.id === first.productId
  return {
    id: first.productId,
    sellables: rows.filter((row) => own(row) === (first.options === "[]")),
  }
}

/** What a stock route means by its path: a variant, or a product without variants. @throws `not-found`, `invalid-input` for a product with variants */
export async function resolveStocked(
  ctx: Ctx,
  ref: string,
): Promise<{ productId: Id<"product">; variantId: Id<"variant"> }> {
  const one = (await findSellables(ctx, [ref])).get(ref)
  if (!one) throw notFound("product or variant")
  if (one.needsVariant)
    throw invalid({
      field: "item",
      detail: "This product comes in variants: name one of them.",
      code: "variant-required",
    })
  return one
}

/** `product-unavailable`, or what else keeps this thing from being bought. */
export function refuseUnlessOnSale(sellable: Sellable): void {
  if (sellable.needsVariant)
    throw invalid({
      field: "product_id",
      detail: "This product comes in variants: send variant_id.",
      code: "variant-required",
    })
  if (!sellable.isOnSale)
    throw new DomainError("product-unavailable", `${sellable.name} cannot be bought now`)
}
