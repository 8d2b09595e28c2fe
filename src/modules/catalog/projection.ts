import { and, eq, lt, type SQL, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { lowStockThreshold } from "#lib/stock.ts"
import type { Statement } from "#platform/db.ts"
import * as outbox from "#platform/outbox.ts"

import { products, variants } from "./tables.ts"

/** All levels of a product, as its stock object had them at `version`. */
export type Projected = {
  version: number
  levels: readonly {
    variantId: Id<"variant">
    onHand: number
    held: number
    available: number
    tracked: boolean
    backorderLimit: number
    lowAt: number
  }[]
}

/** The figures of a variant that has `quantity` and was never asked for. */
export function firstFigures(quantity: number) {
  return {
    stockQuantity: quantity,
    lowMargin: quantity - lowStockThreshold,
    isTracked: true,
    backorderLimit: 0,
  }
}

/** The figures of a variant, as its stock object has them. */
export function figuresOf(level: Projected["levels"][number]) {
  return {
    stockQuantity: Math.max(0, level.available),
    lowMargin: level.onHand - level.held - level.lowAt,
    isTracked: level.tracked,
    backorderLimit: level.backorderLimit,
  }
}

/**
 * Writes what can be bought, as the stock object had it at `version`, unless a later version is there. The snapshot
 * is of the whole product: after it nothing older is taken any more, of any variant. `instead`: the version that is to
 * be replaced whatever it is, as long as it is still there. The last statement but one writes an event when the product
 * has become available, or no longer is.
 */
export function stageStock(
  ctx: Ctx,
  id: Id<"product">,
  snapshot: Projected,
  instead?: number,
): Statement[] {
  const isDue =
    instead === undefined
      ? lt(products.stockVersion, snapshot.version)
      : eq(products.stockVersion, instead)
  const isLater = sql`EXISTS (SELECT 1 FROM products WHERE products.id = ${id} AND ${isDue})`
  return [
    ...snapshot.levels.map((level) =>
      ctx.db
        .update(variants)
        .set(figuresOf(level))
        .where(and(eq(variants.id, level.variantId), isLater)),
    ),
    outbox.stageWhen(
      ctx,
      { type: "stock.turned", productId: id },
      sql`EXISTS (SELECT 1 FROM products WHERE products.id = ${id} AND ${isDue} AND (products.stock_quantity > 0) <> (${total(id)} > 0))`,
    ),
    ctx.db
      .update(products)
      .set({ stockQuantity: total(id), stockVersion: snapshot.version })
      .where(and(eq(products.id, id), isDue)),
  ]
}

/** `stageStock` of many products, in two statements. */
export function stageSnapshots(
  ctx: Ctx,
  snapshots: readonly (Projected & { productId: Id<"product"> })[],
): Statement[] {
  if (snapshots.length === 0) return []
  const levels = JSON.stringify(
    snapshots.flatMap(({ productId, version, levels: all }) =>
      all.map((one) => ({ ...one, tracked: Number(one.tracked), productId, version })),
    ),
  )
  const versions = JSON.stringify(
    snapshots.map(({ productId, version }) => ({ productId, version })),
  )
  const of = <T>(name: string) => sql<T>`json_extract(one.value, ${sql.raw(`'$.${name}'`)})`
  return [
    ctx.db
      .update(variants)
      .set({
        stockQuantity: sql`max(0, ${of("available")})`,
        lowMargin: sql`${of("onHand")} - ${of("held")} - ${of("lowAt")}`,
        isTracked: of<boolean>("tracked"),
        backorderLimit: of<number>("backorderLimit"),
      })
      .from(sql`json_each(${levels}) AS one`)
      .where(
        sql`variants.id = ${of("variantId")} AND EXISTS (SELECT 1 FROM products WHERE products.id = ${of("productId")} AND products.stock_version < ${of("version")})`,
      ),
    ctx.db
      .update(products)
      .set({
        stockQuantity: sql`(SELECT coalesce(sum(sold.stock_quantity), 0) FROM variants AS sold WHERE sold.product_id = products.id AND sold.removed_at IS NULL AND ((sold.id = products.id) = (products.options = '[]')))`,
        stockVersion: of<number>("version"),
      })
      .from(sql`json_each(${versions}) AS one`)
      .where(sql`products.id = ${of("productId")} AND products.stock_version < ${of("version")}`),
  ]
}

/** Adds up a product's stock anew, after one of its variants came or went. */
export function stageTotal(ctx: Ctx, id: Id<"product">): Statement {
  return ctx.db
    .update(products)
    .set({ stockQuantity: total(id) })
    .where(eq(products.id, id))
}

/** Of the variants a product comes in, or of its own when it comes in none. */
function total(id: Id<"product">): SQL {
  return sql`(SELECT coalesce(sum(variants.stock_quantity), 0) FROM variants WHERE variants.product_id = ${id} AND variants.removed_at IS NULL AND ((variants.id = ${id}) = (SELECT options = '[]' FROM products AS own WHERE own.id = ${id})))`
}
