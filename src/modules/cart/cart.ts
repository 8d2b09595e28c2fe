import { and, eq, inArray, isNull, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { findSellables, refuseUnlessOnSale } from "#modules/catalog/sellables.ts"
import { find, read, requireRate } from "#modules/currencies/presentment.ts"
import * as inventory from "#modules/inventory/inventory.ts"
import { commit } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import { ownerOf } from "./merge.ts"
import type {
  Cart,
  CartChanges,
  CartItemChange,
  CartSummary,
  CartWithItem,
  NewCartItem,
} from "./model.ts"
import { cartWithRoom, isOpen, lineRefusals, openCart, stageOpen, touch } from "./owner.ts"
import { cartAbandonments, cartLines, carts, savedItems, wishlistItems } from "./tables.ts"
import {
  type CartRow,
  type LineRow,
  type OpenLine,
  selectCart,
  selectLines,
  toCart,
  toLine,
} from "./view.ts"

/**
 * The caller's cart; empty, and kept nowhere, before the first item. A guest without one is given a token. With
 * `currency` it is shown in that, whatever it keeps. @throws `rate-stale`, `invalid-input` for one that is not offered
 */
export async function get(ctx: Ctx, currency?: string): Promise<Cart> {
  const owner = await ownerOf(ctx)
  const rows = owner.newToken ? ([[], [], []] as const) : await ctx.db.batch(selectCart(ctx, owner))
  return toCart(ctx, owner, rows, currency)
}

/** A cart in figures. */
export async function summary(ctx: Ctx): Promise<CartSummary> {
  const cart = await get(ctx)
  const available = cart.items.filter((item) => item.is_available)
  const count = (items: Cart["items"]) => items.reduce((sum, { quantity }) => sum + quantity, 0)
  return {
    id: cart.id,
    total_items: cart.total_items,
    total_amount: cart.total_amount,
    available_items: count(available),
    unavailable_items: cart.total_items - count(available),
    currency: cart.currency,
  }
}

/**
 * Puts something into the caller's cart; a line that is there already grows, atomically: a hundred at once make a
 * hundred. Nothing is held: stock is taken when the order is placed.
 * @throws `not-found`, `product-unavailable`, `out-of-stock` with `available`, `cart-full`, `invalid-input`
 */
export async function addItem(ctx: Ctx, input: NewCartItem): Promise<CartWithItem> {
  const owner = await ownerOf(ctx)
  const ref = input.product_id ?? input.variant_id ?? input.sku ?? ""
  const thing = (await findSellables(ctx, [ref])).get(ref)
  if (!thing) throw notFound("product")
  refuseUnlessOnSale(thing)
  const available = (await inventory.availableNow(ctx, [thing.productId])).get(thing.variantId) ?? 0
  if (input.quantity > available)
    throw inventory.outOfStock([{ variantId: thing.variantId, available }])

  const now = iso(ctx.now)
  const line = {
    id: newId("cartLine", ctx.now),
    cartId: cartWithRoom(owner, thing.variantId),
    productId: thing.productId,
    variantId: thing.variantId,
    quantity: input.quantity,
    addedAmount: thing.unitAmount,
    createdAt: now,
  }
  const [, grown, , ...rows] = await commit(
    ctx,
    [
      stageOpen(ctx, owner),
      ctx.db
        .insert(cartLines)
        .values(line)
        .onConflictDoUpdate({
          target: [cartLines.cartId, cartLines.variantId],
          set: { quantity: sql`cart_lines.quantity + excluded.quantity` },
          setWhere: sql`cart_lines.quantity + excluded.quantity <= ${available}`,
        })
        .returning({ id: cartLines.id }),
      touch(ctx, owner),
      ...selectCart(ctx, owner),
    ],
    { refusals: lineRefusals, result: null },
  )
  const itemId = grown[0]?.id
  if (!itemId) throw inventory.outOfStock([{ variantId: thing.variantId, available }])
  return { ...(await toCart(ctx, owner, rows)), item_id: itemId }
}

/** Sets or changes a line's quantity. @throws `not-found`, `out-of-stock` with `available`, `cart-full` */
export async function updateItem(
  ctx: Ctx,
  ref: string,
  change: CartItemChange,
): Promise<CartWithItem> {
  const owner = await ownerOf(ctx)
  const id = ref as Id<"cartLine">
  const [line] = await ctx.db
    .select({ productId: cartLines.productId, variantId: cartLines.variantId })
    .from(cartLines)
    .innerJoin(carts, eq(carts.id, cartLines.cartId))
    .where(and(eq(cartLines.id, id), isOpen(owner)))
    .limit(1)
  if (!line) throw notFound("cart line")
  const available = (await inventory.availableNow(ctx, [line.productId])).get(line.variantId) ?? 0
  const next =
    change.quantity === undefined ? sql`quantity + ${change.change ?? 0}` : sql`${change.quantity}`
  const mine = and(eq(cartLines.id, id), eq(cartLines.cartId, openCart(owner)))
  const fewer = change.change !== undefined && change.change < 0
  const [, set, , ...rows] = await commit(
    ctx,
    [
      ctx.db.delete(cartLines).where(and(mine, sql`${next} < 1`)),
      ctx.db
        .update(cartLines)
        .set({ quantity: next })
        .where(and(mine, fewer ? undefined : sql`${next} <= ${available}`))
        .returning({ id: cartLines.id }),
      touch(ctx, owner),
      ...selectCart(ctx, owner),
    ],
    { refusals: lineRefusals, result: null },
  )
  if (set.length === 0 && rows[1].some(({ lineId }) => lineId === id))
    throw inventory.outOfStock([{ variantId: line.variantId, available }])
  return { ...(await toCart(ctx, owner, rows)), item_id: set[0]?.id ?? null }
}

/** Takes a line out. @throws `not-found` */
export async function removeItem(ctx: Ctx, ref: string): Promise<void> {
  const owner = await ownerOf(ctx)
  const gone = ctx.db
    .delete(cartLines)
    .where(and(eq(cartLines.id, ref as Id<"cartLine">), eq(cartLines.cartId, openCart(owner))))
    .returning({ id: cartLines.id })
  const [deleted] = await commit(ctx, [gone, touch(ctx, owner)], { result: {} })
  if (deleted.length === 0) throw notFound("cart line")
}

/** Takes everything out, and the codes with it; what is saved for later stays. Of an empty cart it is nothing. */
export async function clear(ctx: Ctx): Promise<void> {
  const owner = await ownerOf(ctx)
  await commit(
    ctx,
    [
      ctx.db.delete(cartLines).where(eq(cartLines.cartId, openCart(owner))),
      ctx.db.update(carts).set({ coupons: [] }).where(isOpen(owner)),
      touch(ctx, owner),
    ],
    { result: {} },
  )
}

/**
 * Says where a guest can be written to, and what the cart is priced in; null takes it back. Nothing is kept of a cart
 * that is not there. @throws `cart-empty`, `rate-stale`, `invalid-input` for a currency that is not offered
 */
export async function update(ctx: Ctx, { email, currency: asked }: CartChanges): Promise<Cart> {
  const owner = await ownerOf(ctx)
  const currency = asked === ctx.config.currency ? null : asked
  if (currency) await requirePriced(ctx, currency)
  const changes = {
    ...(email !== undefined && { email }),
    ...(currency !== undefined && { currency }),
  }
  const [set, , ...rows] = await commit(
    ctx,
    [
      ctx.db.update(carts).set(changes).where(isOpen(owner)).returning({ id: carts.id }),
      touch(ctx, owner),
      ...selectCart(ctx, owner),
    ],
    { result: null },
  )
  if (set.length === 0) throw new DomainError("cart-empty", "Put something in first")
  return toCart(ctx, owner, rows)
}

/** Refuses a currency in which nothing can be priced now: one with a rate, or with price lists, is let through. */
async function requirePriced(ctx: Ctx, currency: string): Promise<void> {
  const prices = await read(ctx, currency, [])
  if (!prices.inForce && !(await find(ctx, currency)).hasLists) requireRate(prices)
}

/** Statements that read the caller's open cart and its lines, for a batch; `toOpen` reads their rows. */
export async function selectOpen(ctx: Ctx) {
  return selectLines(ctx, await ownerOf(ctx))
}

/** A cart that is about to be ordered: its lines, its codes in upper case, and the address a guest gave. */
export type OpenCart = {
  id: Id<"cart">
  version: number
  lines: OpenLine[]
  coupons: string[]
  email: string | null
  currency: string | null
}

/** The open cart that `selectOpen` found; `undefined` when there is none. */
export function toOpen(
  cartRows: readonly CartRow[],
  lineRows: readonly LineRow[],
): OpenCart | undefined {
  const [cart] = cartRows
  if (!cart) return undefined
  const { id, version, coupons, email, currency } = cart
  return { id, version, lines: lineRows.map(toLine), coupons, email, currency }
}

/**
 * Closes a cart that becomes an order; if it had been left, it is recovered. A cart that was changed since `version`
 * makes its version NULL, which stops the batch (`closeRefusals`).
 */
export function stageClose(ctx: Ctx, id: Id<"cart">, version: number): Statement[] {
  return [
    ctx.db
      .update(carts)
      .set({
        status: "ordered",
        version: sql`CASE WHEN version = ${version} AND status = 'open' THEN version END`,
        updatedAt: iso(ctx.now),
      })
      .where(eq(carts.id, id)),
    ctx.db
      .update(cartAbandonments)
      .set({ recoveredAt: iso(ctx.now) })
      .where(and(eq(cartAbandonments.cartId, id), isNull(cartAbandonments.recoveredAt))),
  ]
}

/** What a broken constraint of `stageClose` means, for the commit it is part of. */
export const closeRefusals = {
  "NOT NULL constraint failed: carts.version": "cart-changed",
} as const

/** Takes away what an account, or a guest of this address, left in carts and lists. What was ordered is the orders'. */
export function stageErase(ctx: Ctx, userId: Id<"user">, email: string): Statement[] {
  const theirs = and(eq(carts.userId, userId), eq(carts.status, "open"))
  const open = ctx.db.select({ id: carts.id }).from(carts).where(theirs)
  return [
    ctx.db.delete(cartLines).where(inArray(cartLines.cartId, open)),
    ctx.db.delete(carts).where(theirs),
    ctx.db.update(carts).set({ email: null }).where(eq(carts.email, email)),
    ctx.db.delete(savedItems).where(eq(savedItems.userId, userId)),
    ctx.db.delete(wishlistItems).where(eq(wishlistItems.userId, userId)),
    ctx.db
      .update(cartAbandonments)
      .set({ userId: null })
      .where(eq(cartAbandonments.userId, userId)),
    ctx.db.update(cartAbandonments).set({ email: null }).where(eq(cartAbandonments.email, email)),
  ]
}
