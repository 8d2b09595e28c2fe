import { and, asc, eq, inArray, isNull, or } from "drizzle-orm"

import { may, nameOf, requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { type FieldError, invalid, notFound } from "#errors.ts"
import { type Id, newId, randomBase32 } from "#lib/id.ts"
import { largestPrice, priceFrom, toDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import * as currencies from "#modules/currencies/presentment.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import { listLimit } from "#platform/db.ts"
import { claimVersion, mostTries, requireMatch, stageSeen, stale } from "#platform/version.ts"

import { type MediaRow, stageUnlink, toImage } from "./media.ts"
import type { NewVariant, Variant, VariantChanges } from "./model.ts"
import { firstFigures, type Projected, stageStock, stageTotal } from "./projection.ts"
import { missing } from "./slugs.ts"
import { media, type Option, products, variants } from "./tables.ts"

export type VariantRow = typeof variants.$inferSelect
type ProductRow = typeof products.$inferSelect

/** The variants a product comes in; none for a plain product. @throws `not-found`, `rate-stale` */
export async function list(ctx: Ctx, ref: string, currency?: string): Promise<Variant[]> {
  const { product, rows, pictures } = await productWith(ctx, ref)
  const ids = [product.id, ...rows.map(({ id }) => id)]
  const prices = await currencies.withEntries(ctx, await currencies.find(ctx, currency), ids)
  return rows.map((row) => toVariant(ctx, product, row, pictures, prices))
}

/** One of them. @throws `not-found`, `rate-stale` */
export async function get(
  ctx: Ctx,
  ref: string,
  variantRef: string,
  currency?: string,
): Promise<Variant> {
  const { product, rows, pictures } = await productWith(ctx, ref)
  const row = pick(rows, variantRef)
  const ids = [product.id, row.id]
  const prices = await currencies.withEntries(ctx, await currencies.find(ctx, currency), ids)
  return toVariant(ctx, product, row, pictures, prices)
}

/** Adds a form to a product. @throws `forbidden`, `not-found`, `invalid-input` */
export async function create(ctx: Ctx, ref: string, input: NewVariant): Promise<Variant> {
  const staff = requirePermission(ctx, "catalog:write")
  const { product, rows, pictures } = await productWith(ctx, ref)
  const taken = await takenSkus(ctx, [input.sku])
  const position = Math.max(0, ...rows.map((row) => row.position)) + 1
  const { row, errors } = draft(ctx, product, input, rows, position)
  if (taken.has(row.sku)) errors.push(skuTaken)
  if (errors.length > 0) throw invalid(...errors)
  const stock = await setStock(ctx, product.id, [row], nameOf(staff), "restock")
  const result = toVariant(ctx, product, row, pictures)
  await commit(ctx, [ctx.db.insert(variants).values(row), ...stageStock(ctx, product.id, stock)], {
    refusals,
    events: [{ type: "catalog.changed", productId: product.id }],
    result,
  })
  await ctx.cache.expire("catalog")
  return result
}

/**
 * Changes one of a product's forms; `stock_quantity` sets its stock.
 * @throws `forbidden`, `not-found`, `invalid-input`, `stale`
 */
export function update(
  ctx: Ctx,
  ref: string,
  variantRef: string,
  input: VariantChanges,
): Promise<Variant> {
  requirePermission(ctx, "catalog:write")
  return retryRaced(() => change(ctx, ref, variantRef, input), mostTries)
}

async function change(
  ctx: Ctx,
  ref: string,
  variantRef: string,
  input: VariantChanges,
): Promise<Variant> {
  const staff = requirePermission(ctx, "catalog:write")
  const { product, rows, pictures } = await productWith(ctx, ref)
  const old = pick(rows, variantRef)
  requireMatch(ctx, old.version)
  const price =
    input.price === undefined
      ? old.priceAmount === null
        ? null
        : toDecimal(old.priceAmount, product.currency)
      : input.price
  const merged: NewVariant = {
    sku: input.sku === undefined ? old.sku : input.sku,
    options: input.options ?? old.options,
    price,
    stock_quantity: input.stock_quantity ?? old.stockQuantity,
  }
  const { row, errors } = draft(
    ctx,
    product,
    merged,
    rows.filter(({ id }) => id !== old.id),
    old.position,
    old,
  )
  if ((await takenSkus(ctx, [row.sku], row.id)).has(row.sku)) errors.push(skuTaken)
  if (errors.length > 0) throw invalid(...errors)
  const seen =
    input.stock_quantity === undefined ? old.version : await claimVersion(ctx, variants.id, old)
  row.version = seen + 1
  const stock =
    input.stock_quantity === undefined
      ? []
      : stageStock(
          ctx,
          product.id,
          await setStock(ctx, product.id, [row], nameOf(staff), "correction"),
        )
  const { sku, options, priceAmount, version, updatedAt } = row
  const result = toVariant(ctx, product, row, pictures)
  const changed = ctx.db
    .update(variants)
    .set({ sku, options, priceAmount, version, updatedAt })
    .where(eq(variants.id, old.id))
  await commit(ctx, [stageSeen(ctx, variants.id, old.id, seen), changed, ...stock], {
    refusals: { ...stale(variants.id), ...refusals },
    events: [{ type: "catalog.changed", productId: product.id }],
    result,
  })
  await ctx.cache.expire("catalog")
  return result
}

/**
 * Takes a form out of sale. Its row stays for the orders that name it; its SKU is free again.
 * @throws `forbidden`, `not-found`, `stale`
 */
export function remove(ctx: Ctx, ref: string, variantRef: string): Promise<void> {
  requirePermission(ctx, "catalog:write")
  return retryRaced(() => takeOut(ctx, ref, variantRef), mostTries)
}

async function takeOut(ctx: Ctx, ref: string, variantRef: string): Promise<void> {
  const { product, rows } = await productWith(ctx, ref)
  const { id, version } = pick(rows, variantRef)
  requireMatch(ctx, version)
  const gone = ctx.db
    .update(variants)
    .set({ removedAt: iso(ctx.now), sku: null, version: version + 1 })
    .where(eq(variants.id, id))
  const seen = stageSeen(ctx, variants.id, id, version)
  await commit(ctx, [seen, gone, stageUnlink(ctx, id), stageTotal(ctx, product.id)], {
    refusals: stale(variants.id),
    events: [{ type: "catalog.changed", productId: product.id }],
    result: {},
  })
  await ctx.cache.expire("catalog")
}

/** Which of these SKUs other variants have. Looks at 90; the rest is left to the index. */
export async function takenSkus(
  ctx: Ctx,
  skus: readonly (string | null | undefined)[],
  except?: string,
): Promise<Set<string | null | undefined>> {
  const asked = skus.filter((sku) => typeof sku === "string").slice(0, listLimit)
  if (asked.length === 0) return new Set()
  const rows = await ctx.db
    .select({ id: variants.id, sku: variants.sku })
    .from(variants)
    .where(inArray(variants.sku, asked))
  return new Set(rows.filter(({ id }) => id !== except).map(({ sku }) => sku))
}

/**
 * Sets what is on hand of new or corrected variants in the product's stock object; answers all its levels after that.
 * The same `key` again changes nothing.
 */
export async function setStock(
  ctx: Ctx,
  productId: Id<"product">,
  rows: readonly Pick<VariantRow, "id" | "stockQuantity">[],
  actor: string,
  reason: "restock" | "correction",
  key = `${reason}:${ctx.once?.key ?? randomBase32(26)}`,
): Promise<Projected> {
  const changes = rows.map(({ id, stockQuantity }) => ({ variantId: id, set: stockQuantity }))
  const change = { reason, note: "", actor, key }
  const answer = await ctx.stock.getByName(productId).adjust(productId, changes, change)
  // A level that is set, to zero or more, is never short.
  return answer.ok ? answer.snapshot : { version: 0, levels: [] }
}

/** A variant's row, with every field that does not fit the product or the other variants. */
export function draft(
  ctx: Ctx,
  product: { id: Id<"product">; options: readonly Option[]; currency: string },
  input: NewVariant,
  others: readonly Pick<VariantRow, "options">[],
  position: number,
  old?: VariantRow,
): { row: VariantRow; errors: FieldError[] } {
  const errors: FieldError[] = []
  const priceAmount = input.price ? priceFrom(input.price, product.currency) : null
  if (priceAmount === undefined)
    errors.push({
      field: "price",
      detail: `A valid price is required: at most ${toDecimal(largestPrice, product.currency)}, with the decimals of ${product.currency}.`,
      code: "invalid",
    })
  const fits =
    product.options.length > 0 &&
    product.options.every(({ name, values }) => values.includes(input.options[name] ?? ""))
  if (!fits || Object.keys(input.options).length !== product.options.length) {
    errors.push({
      field: "options",
      detail: "Name one value of each option of the product.",
      code: "invalid",
    })
  } else if (
    others.some(({ options }) =>
      product.options.every(({ name }) => options[name] === input.options[name]),
    )
  ) {
    errors.push({ field: "options", detail: "Another variant has these options.", code: "taken" })
  }
  const row: VariantRow = {
    id: old?.id ?? newId("variant", ctx.now),
    productId: product.id,
    sku: input.sku ?? null,
    options: input.options,
    priceAmount: priceAmount ?? null,
    ...firstFigures(input.stock_quantity ?? 0),
    isStocked: true,
    position,
    removedAt: null,
    version: old ? old.version + 1 : 1,
    createdAt: old?.createdAt ?? iso(ctx.now),
    updatedAt: iso(ctx.now),
  }
  return { row, errors }
}

/** The refusal of a SKU that another variant has. */
export const skuTaken = { field: "sku", detail: "This SKU already exists.", code: "taken" }

/** What the constraints of a variant's row mean. */
export const refusals = {
  "variants.sku": () => invalid(skuTaken),
}

async function productWith(
  ctx: Ctx,
  ref: string,
): Promise<{ product: ProductRow; rows: VariantRow[]; pictures: MediaRow[] }> {
  const chosen = or(eq(products.id, ref as Id<"product">), eq(products.slug, ref))
  const ids = ctx.db.select({ id: products.id }).from(products).where(chosen)
  const [[product], rows, pictures] = await ctx.db.batch([
    ctx.db.select().from(products).where(chosen).limit(1),
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
  ])
  if (!product || (product.status !== "active" && !may(ctx, "catalog:write")))
    throw await missing(ctx, "product", ref)
  return { product, rows: rows.filter(({ id }) => (id as string) !== product.id), pictures }
}

function pick(rows: readonly VariantRow[], ref: string): VariantRow {
  const row = rows.find(({ id, sku }) => id === ref || sku === ref)
  if (!row) throw notFound("variant")
  return row
}

/** A variant on the wire; with `prices`, in their currency. @throws `rate-stale` */
export function toVariant(
  ctx: Pick<Ctx, "config">,
  product: Pick<ProductRow, "id" | "priceAmount" | "currency">,
  row: VariantRow,
  pictures: readonly MediaRow[],
  prices?: currencies.Presentment,
): Variant {
  const unitAmount = row.priceAmount ?? product.priceAmount
  const pricedAs = row.priceAmount === null ? product.id : row.id
  const price = toDecimal(unitAmount, product.currency)
  const shown =
    !prices || currencies.isOwn(prices)
      ? { price, currency: product.currency }
      : {
          price: toDecimal(
            currencies.priceIn(prices, { variantId: row.id, pricedAs, unitAmount }).amount,
            prices.currency,
          ),
          currency: prices.currency,
          base_currency: product.currency,
          base_price: price,
        }
  return {
    id: row.id,
    sku: row.sku,
    options: row.options,
    ...shown,
    stock_quantity: row.stockQuantity,
    is_in_stock: row.stockQuantity > 0,
    version: row.version,
    images: pictures.filter((one) => one.variantId === row.id).map((one) => toImage(ctx, one)),
  }
}
