import { and, eq, or, sql } from "drizzle-orm"

import { may, nameOf, requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { sha256 } from "#lib/secret.ts"
import { slugOf } from "#lib/slug.ts"
import { iso } from "#lib/time.ts"
import { cartLines, savedItems } from "#modules/cart/tables.ts"
import * as currencies from "#modules/currencies/presentment.ts"
import { orderLines } from "#modules/orders/tables.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import { rowsOf } from "#platform/db.ts"
import { claimVersion, mostTries, requireMatch, stageSeen, stale } from "#platform/version.ts"

import * as categoryVerbs from "./categories.ts"
import { draft, look, namesOf, ownVariant, refusals } from "./draft.ts"
import { objectOf, stageRemove } from "./media.ts"
import type { NewProduct, Product, ProductChanges } from "./model.ts"
import { findWithParts, type ProductRow, toProduct } from "./product.ts"
import { stageStock, stageTotal } from "./projection.ts"
import { missing, stageSlug } from "./slugs.ts"
import { media, oldSlugs, products, variants } from "./tables.ts"
import * as variantVerbs from "./variants.ts"

/** Seconds that a product may be behind for the public: with KV's own 30 s within the minute of api.md 1.13. */
const lifetime = { fresh: 10, stale: 20 }

/**
 * A product in full, by id or slug; one round trip, one more in a currency that has price lists. Drafts and archived
 * ones are there for staff only, who read it as it is; for the public it is at most 50 s old. @throws `not-found`, `moved` for a slug that it had before, `rate-stale`
 */
export async function get(ctx: Ctx, ref: string, currency?: string): Promise<Product> {
  const isStaff = may(ctx, "catalog:write")
  const prices = await currencies.find(ctx, currency)
  const load = async () => {
    const found = await findWithParts(ctx, ref)
    const isSeen = found && (found.row.status === "active" || isStaff)
    if (!isSeen) return null
    const ids = [found.row.id, ...found.parts.variants.map(({ id }) => id)]
    const full = await currencies.withEntries(ctx, prices, ids)
    return toProduct(ctx, found.row, found.parts, full)
  }
  const key = currencies.isOwn(prices) ? ref : `${prices.currency} ${ref}`
  const product = await (isStaff
    ? load()
    : ctx.cache.read(`product:${await sha256(key)}`, "catalog", lifetime, load))
  if (!product) throw await missing(ctx, "product", ref)
  return product
}

/**
 * Makes a product with its variants and puts its first stock into its stock object, before the rows: stock of a
 * product that is not there hurts nobody. `id`: the one an imported product came with.
 * @throws `forbidden`, `invalid-input`
 */
export async function create(
  ctx: Ctx,
  input: NewProduct,
  id: Id<"product"> = newId("product", ctx.now),
): Promise<Product> {
  const staff = requirePermission(ctx, "catalog:write")
  return retryRaced(async () => {
    const given = input.variants ?? []
    const [known, taken] = await Promise.all([
      look(ctx, input, input.slug ?? slugOf(input.name)),
      variantVerbs.takenSkus(ctx, [input.sku, ...given.map(({ sku }) => sku)]),
    ])
    const { row, errors } = draft(ctx, id, input, known)
    if (taken.has(row.sku)) errors.push(variantVerbs.skuTaken)
    const others: variantVerbs.VariantRow[] = []
    for (const [index, variant] of given.entries()) {
      const made = variantVerbs.draft(ctx, row, variant, others, index + 1)
      others.push(made.row)
      if (taken.has(made.row.sku)) made.errors.push(variantVerbs.skuTaken)
      errors.push(
        ...made.errors.map((error) => ({ ...error, field: `variants.${index}.${error.field}` })),
      )
    }
    if (row.options.length > 0 && input.stock_quantity !== undefined) {
      errors.push({ field: "stock_quantity", detail: "Say it of the variants.", code: "invalid" })
    }
    if (errors.length > 0) throw invalid(...errors)

    const own = ownVariant(row)
    const stocked = row.options.length > 0 ? others : [own]
    const available = stocked.reduce((sum, { stockQuantity }) => sum + stockQuantity, 0)
    const stock =
      available > 0 && (await variantVerbs.setStock(ctx, id, stocked, nameOf(staff), "restock"))
    const stockVersion = stock ? stock.version : 0
    const product: ProductRow = { ...row, stockQuantity: available, stockVersion }
    const result = toProduct(
      ctx,
      { ...product, ...namesOf(known) },
      { variants: others, media: [], path: known.category?.trail ?? [] },
    )
    await commit(
      ctx,
      [
        ...known.newBrand,
        ctx.db.insert(products).values(product),
        ...rowsOf(ctx.db, variants, [own, ...others]),
        ...stageSlug(ctx, "product", id, row.slug),
        ...categoryVerbs.stageCount(ctx, [row.categoryId]),
      ],
      {
        refusals,
        events: [{ type: "catalog.changed", productId: id }],
        result,
      },
    )
    await ctx.cache.expire("catalog")
    return result
  })
}

/**
 * Changes a product; fields left out stay. `stock_quantity` sets the stock of a product without variants.
 * @throws `forbidden`, `not-found`, `invalid-input`
 */
export async function update(ctx: Ctx, ref: string, input: ProductChanges): Promise<Product> {
  const staff = requirePermission(ctx, "catalog:write")
  return retryRaced(async () => {
    const found = await findWithParts(ctx, ref)
    if (!found) throw notFound("product")
    const { row: old, parts } = found
    requireMatch(ctx, old.version)
    const [known, taken] = await Promise.all([
      look(ctx, input, input.slug ?? old.slug, old),
      variantVerbs.takenSkus(ctx, [input.sku], old.id),
    ])
    const { row, errors } = draft(ctx, old.id, input, known, old)
    if (input.sku && taken.has(input.sku)) errors.push(variantVerbs.skuTaken)
    if (input.stock_quantity !== undefined && row.options.length > 0) {
      errors.push({ field: "stock_quantity", detail: "Say it of the variants.", code: "invalid" })
    }
    if (row.options.length === 0 && parts.variants.length > 0) {
      errors.push({
        field: "options",
        detail: "Variants need options to differ in.",
        code: "invalid",
      })
    }
    if (errors.length > 0) throw invalid(...errors)
    const seen =
      input.stock_quantity === undefined ? old.version : await claimVersion(ctx, products.id, old)
    row.version = seen + 1
    const own = { id: row.id as string as Id<"variant">, stockQuantity: row.stockQuantity }
    const stocked = input.stock_quantity === undefined ? [] : [own]
    const stock =
      stocked.length > 0 &&
      (await variantVerbs.setStock(ctx, row.id, stocked, nameOf(staff), "correction"))
    const {
      id,
      createdAt: _created,
      stockQuantity: _quantity,
      stockVersion: _version,
      ...columns
    } = row
    const result = toProduct(
      ctx,
      { ...row, ...namesOf(known) },
      { ...parts, path: known.category?.trail ?? [] },
    )
    await commit(
      ctx,
      [
        stageSeen(ctx, products.id, old.id, seen),
        ...known.newBrand,
        ctx.db.update(products).set(columns).where(eq(products.id, id)),
        ...stageSlug(ctx, "product", id, row.slug, old.slug),
        ctx.db
          .update(variants)
          .set({
            sku: row.sku,
            isStocked: row.options.length === 0,
            updatedAt: row.updatedAt,
          })
          .where(eq(variants.id, sql`${id}`)),
        ...categoryVerbs.stageCount(ctx, [old.categoryId, row.categoryId]),
        ...(stock ? stageStock(ctx, id, stock) : []),
        ...(input.options ? [stageTotal(ctx, id)] : []),
      ],
      {
        refusals: { ...stale(products.id), ...refusals },
        events: [{ type: "catalog.changed", productId: id }],
        result,
      },
    )
    await ctx.cache.expire("catalog")
    return result
  }, mostTries)
}

/**
 * Removes a product that nobody has ordered or put in a cart; any other is archived, since orders and carts name it.
 * @throws `forbidden`, `not-found`, `stale`
 */
export function remove(ctx: Ctx, ref: string): Promise<void> {
  requirePermission(ctx, "catalog:write")
  return retryRaced(() => takeAway(ctx, ref), mostTries)
}

async function takeAway(ctx: Ctx, ref: string): Promise<void> {
  const [row] = await ctx.db
    .select({ id: products.id, categoryId: products.categoryId, version: products.version })
    .from(products)
    .where(or(eq(products.id, ref as Id<"product">), eq(products.slug, ref)))
    .limit(1)
  if (!row) throw notFound("product")
  requireMatch(ctx, row.version)
  const { id } = row
  const files = await ctx.db.select({ key: media.key }).from(media).where(eq(media.productId, id))
  const unused = sql`NOT EXISTS (SELECT 1 FROM ${orderLines} WHERE ${orderLines.productId} = ${id}) AND NOT EXISTS (SELECT 1 FROM ${cartLines} WHERE ${cartLines.productId} = ${id}) AND NOT EXISTS (SELECT 1 FROM ${savedItems} WHERE ${savedItems.productId} = ${id})`
  await commit(
    ctx,
    [
      stageSeen(ctx, products.id, id, row.version),
      ctx.db
        .update(products)
        .set({ status: "archived", updatedAt: iso(ctx.now), version: row.version + 1 })
        .where(eq(products.id, id)),
      ...stageRemove(ctx, sql`media.product_id = ${id} AND ${unused}`),
      ctx.db.delete(variants).where(and(eq(variants.productId, id), unused)),
      ctx.db.delete(products).where(and(eq(products.id, id), unused)),
      ctx.db
        .delete(oldSlugs)
        .where(and(eq(oldSlugs.kind, "product"), eq(oldSlugs.targetId, id), unused)),
      ...categoryVerbs.stageCount(ctx, [row.categoryId]),
    ],
    {
      refusals: stale(products.id),
      // Whether it is unused, the batch decides: what is still named by then stays.
      events: [
        ...(files.length > 0
          ? [
              {
                type: "media.removed" as const,
                productId: id,
                keys: files.map(({ key }) => objectOf(key)),
              },
            ]
          : []),
        { type: "catalog.changed", productId: id },
      ],
      result: {},
    },
  )
  await ctx.cache.expire("catalog")
}
