import { and, asc, eq, getTableColumns, gte, inArray, isNull, lt, or, sql } from "drizzle-orm"

import { isStaff, nameOf, requireRole } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, invalid, notFound } from "#errors.ts"
import { type Id, newId, randomBase32 } from "#lib/id.ts"
import { fromDecimal, toDecimal } from "#lib/money.ts"
import { freeSlug, slugOf } from "#lib/slug.ts"
import { iso } from "#lib/time.ts"
import { cartLines } from "#modules/cart/tables.ts"
import { orderLines } from "#modules/orders/tables.ts"
import { commit } from "#platform/commit.ts"
import { rowsOf, type Statement } from "#platform/db.ts"

import * as brandVerbs from "./brands.ts"
import * as categoryVerbs from "./categories.ts"
import * as mediaVerbs from "./media.ts"
import type { NewProduct, Product, ProductChanges, ProductSummary } from "./model.ts"
import { brands, categories, media, products, productTags, variants } from "./tables.ts"
import * as variantVerbs from "./variants.ts"

type ProductRow = typeof products.$inferSelect
type CategoryRow = typeof categories.$inferSelect

/** A product with the names it is shown with. */
export type Joined = ProductRow & {
  categoryName: string | null
  categorySlug: string | null
  brandName: string | null
}

export const joinedColumns = {
  ...getTableColumns(products),
  categoryName: sql<string | null>`${categories.name}`.as("category_name"),
  categorySlug: sql<string | null>`${categories.slug}`.as("category_slug"),
  brandName: sql<string | null>`${brands.name}`.as("brand_name"),
}

/** A product in full, by id or slug; one round trip. Drafts and archived ones are there for staff only. @throws `not-found` */
export async function get(ctx: Ctx, ref: string): Promise<Product> {
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
  if (!row || (row.status !== "active" && !isStaff(ctx))) throw notFound("product")
  return toProduct(ctx, row, { variants: variantRows, media: mediaRows, path })
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
  const staff = requireRole(ctx, "staff")
  return retrying(async () => {
    const known = await look(ctx, input, input.slug ?? slugOf(input.name))
    const { row, errors } = draft(ctx, id, input, known)
    const given = input.variants ?? []
    const others: variantVerbs.VariantRow[] = []
    for (const [index, variant] of given.entries()) {
      const made = variantVerbs.draft(ctx, row, variant, others, index + 1)
      others.push(made.row)
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
    const answer = await variantVerbs.setStock(
      ctx,
      id,
      stocked,
      nameOf(staff),
      "restock",
      `create:${id}`,
    )
    const product: ProductRow = {
      ...row,
      stockQuantity: available,
      stockVersion: answer.ok ? answer.snapshot.version : 0,
    }
    const result = toProduct(
      ctx,
      { ...product, ...namesOf(known) },
      { variants: [own, ...others], media: [], path: [...known.above] },
    )
    await commit(
      ctx,
      [
        ...known.newBrand,
        ctx.db.insert(products).values(product),
        ...rowsOf(ctx.db, variants, [own, ...others]),
        ...stageTags(ctx, id, row.tags),
        ...categoryVerbs.stageCount(ctx, [row.categoryId]),
      ],
      {
        refusals: { ...variantVerbs.refusals, ...races },
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
  const staff = requireRole(ctx, "staff")
  return retrying(async () => {
    const [old] = await ctx.db
      .select()
      .from(products)
      .where(or(eq(products.id, ref as Id<"product">), eq(products.slug, ref)))
      .limit(1)
    if (!old) throw notFound("product")
    const known = await look(ctx, input, input.slug ?? old.slug, old)
    const { row, errors } = draft(ctx, old.id, input, known, old)
    if (input.stock_quantity !== undefined && row.options.length > 0) {
      errors.push({ field: "stock_quantity", detail: "Say it of the variants.", code: "invalid" })
    }
    if (errors.length > 0) throw invalid(...errors)
    const stock =
      input.stock_quantity === undefined
        ? []
        : await correct(ctx, row.id, input.stock_quantity, nameOf(staff))
    const {
      id,
      stockQuantity: _quantity,
      stockVersion: _version,
      createdAt: _created,
      ...columns
    } = row
    await commit(
      ctx,
      [
        ...known.newBrand,
        ctx.db.update(products).set(columns).where(eq(products.id, id)),
        ctx.db
          .update(variants)
          .set({ sku: row.sku, updatedAt: row.updatedAt })
          .where(eq(variants.id, sql`${id}`)),
        ...(input.tags
          ? [
              ctx.db.delete(productTags).where(eq(productTags.productId, id)),
              ...stageTags(ctx, id, row.tags),
            ]
          : []),
        ...categoryVerbs.stageCount(ctx, [old.categoryId, row.categoryId]),
        ...stock,
      ],
      {
        refusals: { ...variantVerbs.refusals, ...races },
        events: [{ type: "catalog.changed", productId: id }],
        result: null,
      },
    )
    await ctx.cache.expire("catalog")
    return get(ctx, id)
  })
}

async function correct(
  ctx: Ctx,
  id: Id<"product">,
  quantity: number,
  actor: string,
): Promise<Statement[]> {
  const own = { id: id as string as Id<"variant">, stockQuantity: quantity }
  const answer = await variantVerbs.setStock(
    ctx,
    id,
    [own],
    actor,
    "correction",
    `update:${ctx.once?.key ?? randomBase32(26)}`,
  )
  return answer.ok ? stageStock(ctx, id, answer.snapshot) : []
}

/**
 * Removes a product that nobody has ordered or put in a cart; any other is archived, since orders and carts name it.
 * @throws `forbidden`, `not-found`
 */
export async function remove(ctx: Ctx, ref: string): Promise<void> {
  requireRole(ctx, "staff")
  const [row] = await ctx.db
    .select({ id: products.id, categoryId: products.categoryId })
    .from(products)
    .where(or(eq(products.id, ref as Id<"product">), eq(products.slug, ref)))
    .limit(1)
  if (!row) throw notFound("product")
  const { id } = row
  const files = await ctx.db.select({ key: media.key }).from(media).where(eq(media.productId, id))
  const unused = sql`NOT EXISTS (SELECT 1 FROM ${orderLines} WHERE ${orderLines.productId} = ${id}) AND NOT EXISTS (SELECT 1 FROM ${cartLines} WHERE ${cartLines.productId} = ${id})`
  const results = await commit(
    ctx,
    [
      ctx.db
        .update(products)
        .set({ status: "archived", updatedAt: iso(ctx.now) })
        .where(eq(products.id, id)),
      ctx.db.delete(productTags).where(and(eq(productTags.productId, id), unused)),
      ctx.db.delete(media).where(and(eq(media.productId, id), unused)),
      ctx.db.delete(variants).where(and(eq(variants.productId, id), unused)),
      ctx.db
        .delete(products)
        .where(and(eq(products.id, id), unused))
        .returning({ id: products.id }),
      ...categoryVerbs.stageCount(ctx, [row.categoryId]),
    ],
    { events: [{ type: "catalog.changed", productId: id }], result: {} },
  )
  const deleted = (results[4] as unknown[]).length > 0
  if (deleted && files.length > 0) ctx.defer(ctx.files.delete(files.map(({ key }) => key)))
  await ctx.cache.expire("catalog")
}

/** Writes what can be bought, as the stock object had it at `version`, unless a later version is there. */
export function stageStock(
  ctx: Ctx,
  id: Id<"product">,
  snapshot: { version: number; levels: readonly { variantId: Id<"variant">; available: number }[] },
): Statement[] {
  const older = and(eq(products.id, id), lt(products.stockVersion, snapshot.version))
  const quantities = snapshot.levels.map((level) => ({
    ...level,
    available: Math.max(0, level.available),
  }))
  const isLater = sql`EXISTS (SELECT 1 FROM products WHERE products.id = ${id} AND products.stock_version < ${snapshot.version})`
  const sellable = sql`(SELECT coalesce(sum(variants.stock_quantity), 0) FROM variants WHERE variants.product_id = ${id} AND variants.removed_at IS NULL AND ((variants.id = ${id}) = (SELECT options = '[]' FROM products AS own WHERE own.id = ${id})))`
  return [
    ...quantities.map(({ variantId, available }) =>
      ctx.db
        .update(variants)
        .set({ stockQuantity: available })
        .where(and(eq(variants.id, variantId), isLater)),
    ),
    ctx.db
      .update(products)
      .set({ stockQuantity: sql`${sellable}`, stockVersion: snapshot.version })
      .where(older),
  ]
}

type Known = {
  category: CategoryRow | undefined
  /** From the root down to the category. */
  above: { id: Id<"category">; name: string; slug: string }[]
  brand: brandVerbs.BrandRow | undefined
  newBrand: Statement[]
  slug: string
  unknownCategory: boolean
}

/** What a product's fields refer to, in one round trip. */
async function look(
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
      .select()
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
  const above = category
    ? await ctx.db
        .select({ id: categories.id, name: categories.name, slug: categories.slug })
        .from(categories)
        .where(inArray(categories.id, category.path.split("/").filter(Boolean) as Id<"category">[]))
        .orderBy(sql`length(path)`)
    : []
  const taken = new Set(slugs.filter(({ id }) => id !== old?.id).map(({ slug }) => slug))
  return {
    category,
    above,
    brand: brand ?? newBrand,
    newBrand: newBrand ? [ctx.db.insert(brands).values(newBrand)] : [],
    slug: freeSlug(base, taken),
    unknownCategory: categoryRef !== null && !category,
  }
}

/** A product's row of what was sent over what was there, with every field that does not hold. */
function draft(
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
    const value = fromDecimal(text, currency)
    if (value === undefined)
      errors.push({
        field,
        detail: `A valid price is required: ${currency} has fewer decimals.`,
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
    tags: input.tags ?? old?.tags ?? [],
    attributes: input.attributes ?? old?.attributes ?? {},
    seo: input.seo ?? old?.seo ?? {},
    options: input.options ?? old?.options ?? [],
    imageKey: old?.imageKey ?? null,
    stockQuantity: input.stock_quantity ?? old?.stockQuantity ?? 0,
    stockVersion: old?.stockVersion ?? 0,
    averageRating: old?.averageRating ?? 0,
    reviewsCount: old?.reviewsCount ?? 0,
    createdAt: old?.createdAt ?? iso(ctx.now),
    updatedAt: iso(ctx.now),
  }
  return { row, errors }
}

/** The variant that a product is to itself; see `variants`. */
function ownVariant(row: ProductRow): variantVerbs.VariantRow {
  return {
    id: row.id as string as Id<"variant">,
    productId: row.id,
    sku: row.sku,
    options: {},
    priceAmount: null,
    stockQuantity: row.options.length > 0 ? 0 : row.stockQuantity,
    position: 0,
    removedAt: null,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  }
}

function stageTags(ctx: Ctx, productId: Id<"product">, tags: readonly string[]): Statement[] {
  return rowsOf(
    ctx.db,
    productTags,
    [...new Set(tags)].map((tag) => ({ tag, productId })),
  )
}

function namesOf(known: Known) {
  return {
    categoryName: known.category?.name ?? null,
    categorySlug: known.category?.slug ?? null,
    brandName: known.brand?.name ?? null,
  }
}

/** Two who take the same slug, or make the same brand, at once: the second looks again. */
const races = {
  "products.slug": () => new DomainError("invalid-input", "This slug is taken.", { raced: true }),
  "brands.slug": () =>
    new DomainError("invalid-input", "This brand was made meanwhile.", { raced: true }),
  brands_name: () =>
    new DomainError("invalid-input", "This brand was made meanwhile.", { raced: true }),
  "products.id": () =>
    invalid({ field: "id", detail: "A product with this id already exists.", code: "taken" }),
}

async function retrying<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      const raced = error instanceof DomainError && error.details["raced"] === true
      if (!raced || tries === 5) throw error
    }
  }
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
    image: row.imageKey === null ? null : mediaVerbs.urlOf(row.imageKey),
    options: row.options,
    attributes: row.attributes,
    tags: row.tags,
    average_rating: row.averageRating,
    reviews_count: row.reviewsCount,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}

type Parts = {
  variants: readonly variantVerbs.VariantRow[]
  media: readonly (typeof media.$inferSelect)[]
  path: Product["category_path"]
}

function toProduct(ctx: Ctx, row: Joined, parts: Parts): Product {
  return {
    ...toSummary(row),
    description: row.description,
    weight_grams: row.weightGrams,
    seo: row.seo,
    images: parts.media.map(mediaVerbs.toImage),
    variants: parts.variants
      .filter(({ id }) => (id as string) !== row.id)
      .map((variant) => variantVerbs.toVariant(row, variant)),
    category_path: parts.path,
    ...(isStaff(ctx) && {
      cost_price: row.costAmount === null ? null : toDecimal(row.costAmount, row.currency),
    }),
  }
}
