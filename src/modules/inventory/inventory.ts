import { may, nameOf, requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import { type Id, randomBase32 } from "#lib/id.ts"
import { stageStock } from "#modules/catalog/projection.ts"
import * as sellables from "#modules/catalog/sellables.ts"
import { timed } from "#platform/meter.ts"

import type { Adjustment, Availability, MovementList, MovementQuery, StockLevel } from "./model.ts"
import type { ProductStock } from "./object.ts"
import type { Line, Shortage, Snapshot } from "./stock.ts"

/** Lines of one product: what its stock object is asked for at once. */
export type ProductLines = { productId: Id<"product">; lines: Line[] }

/** A stock object from afar: its methods, answering promises. */
type Remote = {
  [M in "read" | "reserve" | "release" | "settle" | "cancel" | "adjust" | "movements"]: (
    ...args: Parameters<ProductStock[M]>
  ) => Promise<ReturnType<ProductStock[M]>>
}

function at<T>(ctx: Ctx, productId: Id<"product">, call: (stub: Remote) => Promise<T>): Promise<T> {
  // Workers' own type of a stub takes unions apart; what arrives is what was returned.
  const stub = ctx.stock.getByName(productId) as unknown as Remote
  return timed(ctx.meter, "do", () => call(stub))
}

/** Lines by product, in the order in which stock is always taken: by product id, so that of orders that want the same scarce things one gets all. */
export function byProduct(lines: readonly (Line & { productId: Id<"product"> })[]): ProductLines[] {
  const groups = Map.groupBy(lines, ({ productId }) => productId)
  return [...groups]
    .map(([productId, all]) => ({
      productId,
      lines: all.map(({ variantId, quantity }) => ({ variantId, quantity })),
    }))
    .toSorted((a, b) => (a.productId < b.productId ? -1 : 1))
}

/**
 * Holds everything for an order until `expiresAt`, or nothing: one object after another. Idempotent by order.
 * Answers what is left, by product. @throws `out-of-stock` with `items`, every line that is short
 */
export async function reserve(
  ctx: Ctx,
  orderId: Id<"order">,
  products: readonly ProductLines[],
  expiresAt: Date,
): Promise<Map<Id<"product">, Snapshot>> {
  const held = new Map<Id<"product">, Snapshot>()
  for (const [index, { productId, lines }] of products.entries()) {
    const answer = await at(ctx, productId, (stub) =>
      stub.reserve(productId, orderId, lines, expiresAt.getTime()),
    ).catch(async (error) => {
      // The object that failed may hold it nevertheless: it is told too, and what cannot be told lapses.
      await release(ctx, orderId, products.slice(0, index + 1))
      throw error
    })
    if (!answer.ok) {
      const [elsewhere] = await Promise.all([
        shortOf(ctx, products.slice(index + 1)),
        release(ctx, orderId, products.slice(0, index)),
      ])
      throw outOfStock([...answer.short, ...elsewhere])
    }
    held.set(productId, answer.snapshot)
  }
  return held
}

async function shortOf(ctx: Ctx, products: readonly ProductLines[]): Promise<Shortage[]> {
  const levels = await Promise.all(
    products.map(({ productId }) => at(ctx, productId, (stub) => stub.read())),
  )
  const available = new Map(
    levels
      .flatMap((snapshot) => snapshot.levels)
      .map((level) => [level.variantId, Math.max(0, level.available)]),
  )
  return products
    .flatMap(({ lines }) => lines)
    .flatMap(({ variantId, quantity }) => {
      const left = available.get(variantId) ?? 0
      return left < quantity ? [{ variantId, available: left }] : []
    })
}

/** `out-of-stock` for lines that are short; `available` is the first one's. */
export function outOfStock(short: readonly Shortage[]): DomainError {
  const [first] = short
  const detail =
    first && first.available > 0
      ? `Insufficient stock: only ${first.available} left`
      : "Insufficient stock: none left"
  const items = short.map(({ variantId, available }) => ({ variant_id: variantId, available }))
  return new DomainError("out-of-stock", detail, { available: first?.available ?? 0, items })
}

/** Lets go of what is held for an order. What does not answer lapses by itself. Never throws. */
export async function release(
  ctx: Ctx,
  orderId: Id<"order">,
  products: readonly ProductLines[],
): Promise<void> {
  const told = await Promise.allSettled(
    products.map(({ productId }) => at(ctx, productId, (stub) => stub.release(productId, orderId))),
  )
  for (const result of told)
    if (result.status === "rejected")
      ctx.log.error("hold left to lapse", result.reason, { order_id: orderId })
}

/** Sells what an order holds. Idempotent. Answers what is missing where a hold lapsed and the stock is gone. */
export async function settle(
  ctx: Ctx,
  orderId: Id<"order">,
  products: readonly ProductLines[],
): Promise<Shortage[]> {
  const answers = await Promise.all(
    products.map(({ productId, lines }) =>
      at(ctx, productId, (stub) => stub.settle(productId, orderId, lines)),
    ),
  )
  return answers.flatMap((answer) => (answer.ok ? [] : answer.short))
}

/** Gives an order's stock back, sold or held, once, and shows it in lists at once. */
export async function giveBack(
  ctx: Ctx,
  orderId: Id<"order">,
  productIds: readonly Id<"product">[],
): Promise<void> {
  await Promise.all(
    productIds.map(async (productId) => {
      const snapshot = await at(ctx, productId, (stub) => stub.cancel(productId, orderId))
      ctx.defer(
        project(ctx, productId, snapshot).catch((error) =>
          ctx.log.error("projection left to the alarm", error),
        ),
      )
    }),
  )
}

/** What can be bought now of the things in a cart, by variant, straight from the objects. */
export async function availableNow(
  ctx: Ctx,
  productIds: Iterable<Id<"product">>,
): Promise<Map<Id<"variant">, number>> {
  const snapshots = await Promise.all(
    [...new Set(productIds)].map((productId) => at(ctx, productId, (stub) => stub.read())),
  )
  return new Map(
    snapshots
      .flatMap(({ levels }) => levels)
      .map(({ variantId, available }) => [variantId, Math.max(0, available)]),
  )
}

/** Writes a snapshot into the catalogue's lists, unless a later one is there already. */
export async function project(
  ctx: Ctx,
  productId: Id<"product">,
  snapshot: Snapshot,
): Promise<void> {
  const [first, ...rest] = stageStock(ctx, productId, snapshot)
  if (first) await ctx.db.batch([first, ...rest])
}

/** What can be bought of a product, exactly. @throws `not-found` */
export async function availability(ctx: Ctx, ref: string): Promise<Availability> {
  const { id: productId, sellables: known } = await sellables.sellablesOf(ctx, ref)
  const snapshot = await at(ctx, productId, (stub) => stub.read())
  const levels = new Map(snapshot.levels.map((level) => [level.variantId, level]))
  const listed = known.map(({ id, sku }) => {
    const level = levels.get(id) ?? { onHand: 0, held: 0, available: 0 }
    const available = Math.max(0, level.available)
    return {
      variant_id: id,
      sku,
      available,
      ...(may(ctx, "inventory:read") && { on_hand: level.onHand, held: level.held }),
    }
  })
  return {
    product_id: productId,
    available: listed.reduce((sum, { available }) => sum + available, 0),
    variants: listed,
  }
}

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
  await project(ctx, productId, answer.snapshot)
  await ctx.cache.expire("catalog")
  const level = answer.snapshot.levels.find((one) => one.variantId === variantId)
  return {
    product_id: productId,
    variant_id: variantId,
    on_hand: level?.onHand ?? 0,
    held: level?.held ?? 0,
    available: level?.available ?? 0,
  }
}

/** The ledger of a variant, newest first. @throws `not-found` */
export async function movements(
  ctx: Ctx,
  ref: string,
  query: MovementQuery,
): Promise<MovementList> {
  requirePermission(ctx, "inventory:read")
  const { productId, variantId } = await sellables.resolveStocked(ctx, ref)
  const rows = await at(ctx, productId, (stub) =>
    stub.movements(variantId, query.limit, query.before),
  )
  return {
    results: rows,
    next_before: rows.length === query.limit ? (rows.at(-1)?.id ?? null) : null,
  }
}
