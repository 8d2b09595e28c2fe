import { sql } from "drizzle-orm"

import { nameOf, requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { type Id, randomBase32 } from "#lib/id.ts"
import * as sellables from "#modules/catalog/sellables.ts"
import { closePage, countCap, type Page, planPage, valuesAt, valuesIn } from "#platform/page.ts"

import { outOfStock } from "./inventory.ts"
import * as levels from "./levels.ts"
import type { Adjustment, MovementQuery, StockLevel, StockMovement, StockPolicy } from "./model.ts"
import { at } from "./remote.ts"
import { defaultPolicy, type Snapshot } from "./stock.ts"

/** Changes the stock of a variant, or of a product without variants. @throws `not-found`, `out-of-stock` when it would go below zero */
export async function adjust(ctx: Ctx, ref: string, input: Adjustment): Promise<StockLevel> {
  const staff = requirePermission(ctx, "inventory:write")
  const { productId, variantId } = await sellables.resolveStocked(ctx, ref)
  const amount = input.set === undefined ? { delta: input.delta ?? 0 } : { set: input.set }
  const change = {
    reason: input.reason,
    note: input.note,
    actor: nameOf(staff),
    key: `adjust:${ctx.once?.key ?? randomBase32(26)}`,
  }
  const answer = await at(ctx, productId, (stub) =>
    stub.adjust(productId, [{ variantId, ...amount }], change),
  )
  if (!answer.ok) throw outOfStock(answer.short)
  return shown(ctx, productId, variantId, answer.snapshot)
}

/**
 * Sets how a variant's stock is watched; fields left out stay. Idempotent. What was sold beyond a limit that is lowered
 * stays sold. @throws `forbidden`, `not-found`, `invalid-input` for a product with variants
 */
export async function setPolicy(ctx: Ctx, ref: string, input: StockPolicy): Promise<StockLevel> {
  requirePermission(ctx, "inventory:write")
  const { productId, variantId } = await sellables.resolveStocked(ctx, ref)
  const changes = {
    ...(input.is_tracked !== undefined && { tracked: input.is_tracked }),
    ...(input.backorder_limit !== undefined && { backorderLimit: input.backorder_limit }),
    ...(input.low_stock_threshold !== undefined && { lowAt: input.low_stock_threshold }),
  }
  const snapshot = await at(ctx, productId, (stub) => stub.watch(productId, variantId, changes))
  return shown(ctx, productId, variantId, snapshot)
}

/** The ledger of a variant, newest first: its ids are in the order of time. @throws `not-found`, `invalid-page`, `invalid-input` */
export async function movements(
  ctx: Ctx,
  ref: string,
  query: MovementQuery,
): Promise<Page<StockMovement>> {
  requirePermission(ctx, "inventory:read")
  const { productId, variantId } = await sellables.resolveStocked(ctx, ref)
  const byId = { by: sql`id`, of: (row: StockMovement) => row.id }
  const plan = planPage(query, { orderings: { id: byId }, fallback: "-id", id: byId })
  const { limit, offset, after } = plan.window
  const before = after === undefined ? undefined : Number(valuesAt(after, plan.terms)[0])
  const [rows, n] = await Promise.all([
    at(ctx, productId, (stub) => stub.movements(variantId, limit + 1, before, offset)),
    at(ctx, productId, (stub) => stub.countMovements(variantId, countCap + 1)),
  ])
  const results = rows.slice(0, limit)
  const last = rows.length > limit ? results.at(-1) : undefined
  return closePage(plan, results, n, last && valuesIn(plan.terms, last))
}

/** Brings the lists up to date, and answers the level that a change has made. */
async function shown(
  ctx: Ctx,
  productId: Id<"product">,
  variantId: Id<"variant">,
  snapshot: Snapshot,
): Promise<StockLevel> {
  await levels.project(ctx, productId, snapshot)
  await ctx.cache.expire("catalog")
  const level = snapshot.levels.find((one) => one.variantId === variantId)
  return {
    product_id: productId,
    variant_id: variantId,
    on_hand: level?.onHand ?? 0,
    held: level?.held ?? 0,
    available: Math.max(0, level?.available ?? 0),
    is_tracked: level?.tracked ?? true,
    backorder_limit: level?.backorderLimit ?? 0,
    low_stock_threshold: level?.lowAt ?? defaultPolicy.lowAt,
  }
}
