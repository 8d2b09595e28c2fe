import { and, eq, lt, type SQL, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import type { Statement } from "#platform/db.ts"

import { products, variants } from "./tables.ts"

/** All levels of a product, as its stock object had them at `version`. */
export type Projected = {
  version: number
  levels: readonly { variantId: Id<"variant">; available: number }[]
}

/**
 * Writes what can be bought, as the stock object had it at `version`, unless a later version is there. The snapshot
 * is of the whole product: after it nothing older is taken any more, of any variant.
 */
export function stageStock(ctx: Ctx, id: Id<"product">, snapshot: Projected): Statement[] {
  const isLater = sql`EXISTS (SELECT 1 FROM products WHERE products.id = ${id} AND products.stock_version < ${snapshot.version})`
  return [
    ...snapshot.levels.map(({ variantId, available }) =>
      ctx.db
        .update(variants)
        .set({ stockQuantity: Math.max(0, available) })
        .where(and(eq(variants.id, variantId), isLater)),
    ),
    ctx.db
      .update(products)
      .set({ stockQuantity: total(id), stockVersion: snapshot.version })
      .where(and(eq(products.id, id), lt(products.stockVersion, snapshot.version))),
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
      all.map(({ variantId, available }) => [
        variantId,
        Math.max(0, available),
        productId,
        version,
      ]),
    ),
  )
  const versions = JSON.stringify(snapshots.map(({ productId, version }) => [productId, version]))
  const level = sql`SELECT json_extract(value, '$[1]') FROM json_each(${levels}) JOIN products ON products.id = json_extract(value, '$[2]') AND products.stock_version < json_extract(value, '$[3]') WHERE json_extract(value, '$[0]') = variants.id`
  const version = sql`SELECT json_extract(value, '$[1]') FROM json_each(${versions}) WHERE json_extract(value, '$[0]') = products.id`
  return [
    ctx.db
      .update(variants)
      .set({ stockQuantity: sql`coalesce((${level}), stock_quantity)` })
      .where(sql`variants.id IN (SELECT json_extract(value, '$[0]') FROM json_each(${levels}))`),
    ctx.db
      .update(products)
      .set({
        stockQuantity: sql`(SELECT coalesce(sum(variants.stock_quantity), 0) FROM variants WHERE variants.product_id = products.id AND variants.removed_at IS NULL AND ((variants.id = products.id) = (products.options = '[]')))`,
        stockVersion: sql`(${version})`,
      })
      .where(
        sql`products.id IN (SELECT json_extract(value, '$[0]') FROM json_each(${versions})) AND products.stock_version < (${version})`,
      ),
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
