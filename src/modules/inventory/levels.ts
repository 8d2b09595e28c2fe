import { and, asc, eq, gt, inArray, isNull, lte, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { type Projected, stageStock } from "#modules/catalog/projection.ts"
import { products, variants } from "#modules/catalog/tables.ts"
import { commit } from "#platform/commit.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import type { InventoryItem, InventoryQuery, Reconciled } from "./model.ts"
import { at } from "./remote.ts"
import { defaultPolicy, type Level, type Snapshot } from "./stock.ts"

/**
 * Writes a snapshot into the catalogue's lists, unless a later one is there already, and tells in the same batch what
 * has become `low`. Idempotent.
 */
export async function project(
  ctx: Ctx,
  productId: Id<"product">,
  snapshot: Snapshot,
  low: readonly Level[] = [],
): Promise<void> {
  await commit(ctx, stageStock(ctx, productId, snapshot), {
    events: low.map(({ variantId, onHand, held, lowAt }) => ({
      type: "stock.fell-low",
      productId,
      variantId,
      available: onHand - held,
      threshold: lowAt,
    })),
  })
}

const itemColumns = {
  variantId: sql<Id<"variant">>`${variants.id}`.as("variant_id"),
  productId: variants.productId,
  sku: variants.sku,
  name: products.name,
  options: sql<string>`${variants.options}`.as("variant_options"),
  stockQuantity: sql<number>`${variants.stockQuantity}`.as("variant_stock"),
  lowMargin: variants.lowMargin,
  isTracked: variants.isTracked,
  backorderLimit: variants.backorderLimit,
}

type ItemRow = {
  variantId: Id<"variant">
  productId: Id<"product">
  sku: string | null
  name: string
  options: string
  stockQuantity: number
  lowMargin: number
  isTracked: boolean
  backorderLimit: number
}

/** A page of what is stocked, the fewest first, as the lists have it: seconds old. @throws `forbidden`, `invalid-page` */
export async function list(ctx: Ctx, query: InventoryQuery): Promise<Page<InventoryItem>> {
  requirePermission(ctx, "inventory:read")
  const isStocked = and(sql`${variants.isStocked} = 1`, isNull(variants.removedAt))
  const byMargin = query.low_stock === true && query.threshold === undefined
  const filter = and(
    isStocked,
    query.low_stock === true
      ? and(
          sql`${variants.isTracked} = 1`,
          byMargin ? lte(variants.lowMargin, 0) : lte(variants.stockQuantity, query.threshold ?? 0),
        )
      : undefined,
  )
  const quantity = byMargin
    ? { by: variants.lowMargin, of: (row: ItemRow) => row.lowMargin }
    : { by: variants.stockQuantity, of: (row: ItemRow) => row.stockQuantity }
  const page = await readPage<ItemRow>(
    ctx,
    { ...query, ordering: undefined },
    {
      orderings: { quantity },
      fallback: "quantity",
      id: { by: variants.id, of: (row) => row.variantId },
      rows: ({ where, orderBy, limit, offset }) =>
        ctx.db
          .select(itemColumns)
          .from(variants)
          .innerJoin(products, eq(products.id, variants.productId))
          .where(and(filter, where))
          .orderBy(...orderBy)
          .limit(limit)
          .offset(offset),
      matching: ctx.db
        .select({ one: sql`1` })
        .from(variants)
        .where(filter)
        .getSQL(),
    },
  )
  return mapPage(page, toItem)
}

/** How many products one call of `reconcile` compares. */
const reconciledAtOnce = 50

/**
 * Compares the next products' figures in the lists with their stock objects, which are right, and mends what differs.
 * `after`: the `next` of the call before. Idempotent; a change that comes between is left as it is.
 * @throws `forbidden`
 */
export async function reconcile(ctx: Ctx, after: string): Promise<Reconciled> {
  if (ctx.actor.type !== "system") requirePermission(ctx, "inventory:write")
  const page = await ctx.db
    .select({ id: products.id, seen: products.stockVersion, total: products.stockQuantity })
    .from(products)
    .where(gt(products.id, after as Id<"product">))
    .orderBy(asc(products.id))
    .limit(reconciledAtOnce)
  if (page.length === 0) return { checked: 0, repaired: 0, next: null }
  const [rows, snapshots] = await Promise.all([
    ctx.db
      .select({
        id: variants.id,
        productId: variants.productId,
        stockQuantity: variants.stockQuantity,
        isStocked: variants.isStocked,
        removedAt: variants.removedAt,
      })
      .from(variants)
      .where(
        inArray(
          variants.productId,
          page.map(({ id }) => id),
        ),
      ),
    Promise.all(page.map(({ id }) => at(ctx, id, (stub) => stub.read()))),
  ])
  const byProduct = Map.groupBy(rows, ({ productId }) => productId)
  const repairs = page.flatMap((product, index) => {
    const snapshot = snapshots[index] ?? { version: 0, levels: [] }
    const own = (byProduct.get(product.id) ?? []).filter(({ removedAt }) => removedAt === null)
    const known = new Map(snapshot.levels.map((level) => [level.variantId, level]))
    const right = own.map(({ id }) => known.get(id) ?? emptyLevel(id))
    const differs = own.some(
      (row, n) => row.stockQuantity !== Math.max(0, right[n]?.available ?? 0),
    )
    const total = own.reduce(
      (sum, { isStocked }, n) => sum + (isStocked ? Math.max(0, right[n]?.available ?? 0) : 0),
      0,
    )
    if (!differs && total === product.total) return []
    const projected: Projected = { version: snapshot.version, levels: right }
    return [stageStock(ctx, product.id, projected, product.seen)]
  })
  if (repairs.length > 0) {
    await commit(ctx, repairs.flat())
    await ctx.cache.expire("catalog")
  }
  return {
    checked: page.length,
    repaired: repairs.length,
    next: page.length < reconciledAtOnce ? null : (page.at(-1)?.id ?? null),
  }
}

/** What a stock object that knows nothing of a variant has of it. */
function emptyLevel(variantId: Id<"variant">): Projected["levels"][number] {
  return { variantId, onHand: 0, held: 0, available: 0, ...defaultPolicy }
}

function toItem(row: ItemRow): InventoryItem {
  return {
    product_id: row.productId,
    variant_id: row.variantId,
    name: row.name,
    sku: row.sku,
    options: JSON.parse(row.options) as Record<string, string>,
    stock_quantity: row.stockQuantity,
    is_low: row.isTracked && row.lowMargin <= 0,
    is_tracked: row.isTracked,
    backorder_limit: row.backorderLimit,
  }
}
