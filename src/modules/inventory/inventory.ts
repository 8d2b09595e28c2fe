import { may } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import * as sellables from "#modules/catalog/sellables.ts"

import * as levels from "./levels.ts"
import type { Availability } from "./model.ts"
import { at } from "./remote.ts"
import { type HoldId, type Line, orderOf, type Shortage, type Snapshot } from "./stock.ts"

/** Lines of one product: what its stock object is asked for at once. */
export type ProductLines = { productId: Id<"product">; lines: Line[] }

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
 * Holds everything under `holdId` until `expiresAt`, or nothing: one object after another. Idempotent by hold.
 * Answers what is left, by product. @throws `out-of-stock` with `items`, every line that is short
 */
export async function reserve(
  ctx: Ctx,
  holdId: HoldId,
  products: readonly ProductLines[],
  expiresAt: Date,
): Promise<Map<Id<"product">, Snapshot>> {
  const held = new Map<Id<"product">, Snapshot>()
  for (const [index, { productId, lines }] of products.entries()) {
    const answer = await at(ctx, productId, (stub) =>
      stub.reserve(productId, holdId, lines, expiresAt.getTime()),
    ).catch(async (error) => {
      // The object that failed may hold it nevertheless: it is told too, and what cannot be told lapses.
      await release(ctx, holdId, products.slice(0, index + 1))
      throw error
    })
    if (!answer.ok) {
      const [elsewhere] = await Promise.all([
        shortOf(ctx, products.slice(index + 1)),
        release(ctx, holdId, products.slice(0, index)),
      ])
      throw outOfStock([...answer.short, ...elsewhere])
    }
    held.set(productId, answer.snapshot)
  }
  return held
}

async function shortOf(ctx: Ctx, products: readonly ProductLines[]): Promise<Shortage[]> {
  const snapshots = await Promise.all(
    products.map(({ productId }) => at(ctx, productId, (stub) => stub.read())),
  )
  const available = new Map(
    snapshots
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

/** Lets go of what is held. What does not answer lapses by itself. Never throws. */
export async function release(
  ctx: Ctx,
  holdId: HoldId,
  products: readonly ProductLines[],
): Promise<void> {
  const told = await Promise.allSettled(
    products.map(({ productId }) => at(ctx, productId, (stub) => stub.release(productId, holdId))),
  )
  for (const result of told)
    if (result.status === "rejected")
      ctx.log.error("hold left to lapse", result.reason, { order_id: orderOf(holdId) })
}

/** Sells what is held. Idempotent. Answers what is missing where a hold lapsed and the stock is gone. */
export async function settle(
  ctx: Ctx,
  holdId: HoldId,
  products: readonly ProductLines[],
): Promise<Shortage[]> {
  const answers = await Promise.all(
    products.map(({ productId, lines }) =>
      at(ctx, productId, (stub) => stub.settle(productId, holdId, lines)),
    ),
  )
  return answers.flatMap((answer) => (answer.ok ? [] : answer.short))
}

/**
 * Takes back some of what was sold to an order, once by `key`, and shows it in lists at once; what is not fit to be sold
 * again (`restock: false`) is written off. Rows of the order say how much may come back: more than was sold is a bug.
 */
export async function returnItems(
  ctx: Ctx,
  orderId: Id<"order">,
  key: string,
  products: readonly ProductLines[],
  { restock }: { restock: boolean },
): Promise<void> {
  await Promise.all(
    products.map(async ({ productId, lines }) => {
      const answer = await at(ctx, productId, (stub) =>
        stub.takeBack(productId, orderId, `return:${key}`, lines, restock),
      )
      if (!answer.ok)
        throw new Error(`${orderId} returns more of ${productId} under ${key} than it was sold`)
      show(ctx, productId, answer.snapshot)
    }),
  )
}

/** Gives back what an order and its changes still have, sold or held, once, and shows it in lists at once. */
export async function giveBack(
  ctx: Ctx,
  orderId: Id<"order">,
  productIds: readonly Id<"product">[],
): Promise<void> {
  await Promise.all(
    productIds.map(async (productId) => {
      const snapshot = await at(ctx, productId, (stub) => stub.cancel(productId, orderId))
      show(ctx, productId, snapshot)
    }),
  )
}

function show(ctx: Ctx, productId: Id<"product">, snapshot: Snapshot): void {
  ctx.defer(
    levels
      .project(ctx, productId, snapshot)
      .catch((error) => ctx.log.error("projection left to the alarm", error)),
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

/** What can be bought of a product, exactly. @throws `not-found` */
export async function availability(ctx: Ctx, ref: string): Promise<Availability> {
  const { id: productId, sellables: known } = await sellables.sellablesOf(ctx, ref)
  const snapshot = await at(ctx, productId, (stub) => stub.read())
  const byVariant = new Map(snapshot.levels.map((level) => [level.variantId, level]))
  const listed = known.map(({ id, sku }) => {
    const level = byVariant.get(id)
    const available = Math.max(0, level?.available ?? 0)
    return {
      variant_id: id,
      sku,
      available,
      is_tracked: level?.tracked ?? true,
      is_backorder: level?.tracked === true && available > 0 && level.onHand <= level.held,
      ...(may(ctx, "inventory:read") && { on_hand: level?.onHand ?? 0, held: level?.held ?? 0 }),
    }
  })
  return {
    product_id: productId,
    available: listed.reduce((sum, { available }) => sum + available, 0),
    variants: listed,
  }
}
