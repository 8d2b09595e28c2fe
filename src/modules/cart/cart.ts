import { and, asc, eq, type SQL, sql } from "drizzle-orm"

import { refuseProgram } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { randomToken, sha256 } from "#lib/secret.ts"
import { iso } from "#lib/time.ts"
import { urlOf } from "#modules/catalog/media.ts"
import {
  findSellables,
  refuseUnlessOnSale,
  type Sellable,
  sellableColumns,
  toSellable,
} from "#modules/catalog/sellables.ts"
import { products, variants } from "#modules/catalog/tables.ts"
import * as inventory from "#modules/inventory/inventory.ts"
import { commit } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import type { Cart, CartItemChange, CartSummary, CartWithItem, NewCartItem } from "./model.ts"
import { quote } from "./quote.ts"
import { cartLines, carts } from "./tables.ts"

type CartRow = typeof carts.$inferSelect

/** A line of an open cart with the thing it is of. */
export type OpenLine = Sellable & { id: Id<"cartLine">; quantity: number; addedAmount: number }

/** Whose cart it is: a user's, or that of whoever holds the token. */
type Owner = { userId: Id<"user"> | null; tokenHash: string | null; newToken?: string }

/** The caller's cart; empty, and kept nowhere, before the first item. A guest without one is given a token. */
export async function get(ctx: Ctx): Promise<Cart> {
  const owner = await ownerOf(ctx)
  const { cart, lines } = await read(ctx, owner)
  return toCart(ctx, owner, cart, lines)
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
  const cart: CartRow = {
    id: newId("cart", ctx.now),
    userId: owner.userId,
    tokenHash: owner.tokenHash,
    status: "open",
    version: 0,
    createdAt: now,
    updatedAt: now,
  }
  // NULL, which the column refuses, when the line would be the 101st.
  const cartId = sql<
    Id<"cart">
  >`(SELECT id FROM carts WHERE ${isOpen(owner)} AND (SELECT count(*) FROM cart_lines WHERE cart_lines.cart_id = carts.id AND cart_lines.variant_id <> ${thing.variantId}) < 100)`
  const line = {
    id: newId("cartLine", ctx.now),
    cartId,
    productId: thing.productId,
    variantId: thing.variantId,
    quantity: input.quantity,
    addedAmount: thing.unitAmount,
    createdAt: now,
  }
  const [, grown, , cartRows, lineRows] = await commit(
    ctx,
    [
      ctx.db.insert(carts).values(cart).onConflictDoNothing(),
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
      ...selects(ctx, owner),
    ],
    { refusals, result: null },
  )
  const itemId = grown[0]?.id
  if (!itemId) throw inventory.outOfStock([{ variantId: thing.variantId, available }])
  return { ...toCart(ctx, owner, cartRows[0], lineRows.map(toLine)), item_id: itemId }
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
  const fewer = change.change !== undefined && change.change < 0
  const [, set, , cartRows, lineRows] = await commit(
    ctx,
    [
      ctx.db.delete(cartLines).where(and(eq(cartLines.id, id), sql`${next} < 1`)),
      ctx.db
        .update(cartLines)
        .set({ quantity: next })
        .where(and(eq(cartLines.id, id), fewer ? undefined : sql`${next} <= ${available}`))
        .returning({ id: cartLines.id }),
      touch(ctx, owner),
      ...selects(ctx, owner),
    ],
    { refusals, result: null },
  )
  const lines = lineRows.map(toLine)
  if (set.length === 0 && lines.some((one) => one.id === id))
    throw inventory.outOfStock([{ variantId: line.variantId, available }])
  return { ...toCart(ctx, owner, cartRows[0], lines), item_id: set[0]?.id ?? null }
}

/** Takes a line out. @throws `not-found` */
export async function removeItem(ctx: Ctx, ref: string): Promise<void> {
  const owner = await ownerOf(ctx)
  const mine = sql`${cartLines.cartId} IN (SELECT id FROM carts WHERE ${isOpen(owner)})`
  const gone = ctx.db
    .delete(cartLines)
    .where(and(eq(cartLines.id, ref as Id<"cartLine">), mine))
    .returning({ id: cartLines.id })
  const [deleted] = await commit(ctx, [gone, touch(ctx, owner)], { result: {} })
  if (deleted.length === 0) throw notFound("cart line")
}

/** Takes everything out. Of an empty cart it is nothing. */
export async function clear(ctx: Ctx): Promise<void> {
  const owner = await ownerOf(ctx)
  const mine = sql`${cartLines.cartId} IN (SELECT id FROM carts WHERE ${isOpen(owner)})`
  await commit(ctx, [ctx.db.delete(cartLines).where(mine), touch(ctx, owner)], { result: {} })
}

/** Statements that read the caller's open cart and its lines, for a batch; `toOpen` reads their rows. */
export async function selectOpen(ctx: Ctx) {
  return selects(ctx, await ownerOf(ctx))
}

/** The open cart that `selectOpen` found; `undefined` when there is none. */
export function toOpen(
  cartRows: readonly CartRow[],
  lineRows: readonly LineRow[],
): { id: Id<"cart">; version: number; lines: OpenLine[] } | undefined {
  const [cart] = cartRows
  return cart && { id: cart.id, version: cart.version, lines: lineRows.map(toLine) }
}

/** Closes a cart that becomes an order. A cart that was changed since `version` makes its version NULL, which stops the batch (`closeRefusals`). */
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
  ]
}

/** What a broken constraint of `stageClose` means, for the commit it is part of. */
export const closeRefusals = {
  "NOT NULL constraint failed: carts.version": "cart-changed",
} as const

const refusals = {
  cart_lines_quantity: "cart-full",
  "NOT NULL constraint failed: cart_lines.cart_id": "cart-full",
} as const

async function ownerOf(ctx: Ctx): Promise<Owner> {
  const { actor } = ctx
  refuseProgram(ctx)
  if (actor.type === "user") return { userId: actor.id, tokenHash: null }
  if (actor.type === "guest" && actor.cartTokenHash !== undefined)
    return { userId: null, tokenHash: actor.cartTokenHash }
  const newToken = randomToken()
  return { userId: null, tokenHash: await sha256(newToken), newToken }
}

function isOpen({ userId, tokenHash }: Owner): SQL {
  return userId === null
    ? sql`carts.token_hash = ${tokenHash} AND carts.status = 'open'`
    : sql`carts.user_id = ${userId} AND carts.status = 'open'`
}

function touch(ctx: Ctx, owner: Owner) {
  return ctx.db
    .update(carts)
    .set({ updatedAt: iso(ctx.now), version: sql`version + 1` })
    .where(isOpen(owner))
}

function selects(ctx: Ctx, owner: Owner) {
  return [
    ctx.db.select().from(carts).where(isOpen(owner)).limit(1),
    ctx.db
      .select({
        ...sellableColumns,
        lineId: sql<Id<"cartLine">>`${cartLines.id}`.as("line_id"),
        quantity: cartLines.quantity,
        addedAmount: cartLines.addedAmount,
      })
      .from(carts)
      .innerJoin(cartLines, eq(cartLines.cartId, carts.id))
      .innerJoin(variants, eq(variants.id, cartLines.variantId))
      .innerJoin(products, eq(products.id, variants.productId))
      .where(isOpen(owner))
      .orderBy(asc(cartLines.createdAt), asc(cartLines.id)),
  ] as const
}

type LineRow = Awaited<ReturnType<typeof selects>[1]>[number]

async function read(
  ctx: Ctx,
  owner: Owner,
): Promise<{ cart: CartRow | undefined; lines: OpenLine[] }> {
  if (owner.newToken) return { cart: undefined, lines: [] }
  const [cartRows, lineRows] = await ctx.db.batch(selects(ctx, owner))
  return { cart: cartRows[0], lines: lineRows.map(toLine) }
}

function toLine({ lineId, quantity, addedAmount, ...row }: LineRow): OpenLine {
  return { ...toSellable(row), id: lineId, quantity, addedAmount }
}

function toCart(
  ctx: Ctx,
  owner: Owner,
  cart: CartRow | undefined,
  lines: readonly OpenLine[],
): Cart {
  const { currency } = ctx.config
  const priced = quote(lines)
  const items = lines.map((line, index) => toItem(line, priced.lines[index]?.lineAmount ?? 0))
  return {
    id: cart?.id ?? null,
    user: owner.userId,
    ...(owner.newToken && { token: owner.newToken }),
    items,
    total_items: lines.reduce((sum, { quantity }) => sum + quantity, 0),
    subtotal: toDecimal(priced.subtotalAmount, currency),
    discount: toDecimal(priced.discountAmount, currency),
    total: toDecimal(priced.totalAmount, currency),
    total_amount: toDecimal(priced.totalAmount, currency),
    currency,
    coupons: [],
    warnings: lines.flatMap(warningsOf),
    created_at: cart?.createdAt ?? null,
    updated_at: cart?.updatedAt ?? null,
  }
}

function toItem(line: OpenLine, lineAmount: number): Cart["items"][number] {
  const isVariant = (line.variantId as string) !== line.productId
  const unitPrice = toDecimal(line.unitAmount, line.currency)
  return {
    id: line.id,
    product: {
      id: line.productId,
      name: line.name,
      title: line.name,
      slug: line.slug,
      price: unitPrice,
      image: line.imageKey === null ? null : urlOf(line.imageKey),
    },
    variant: isVariant ? { id: line.variantId, sku: line.sku, options: line.options } : null,
    quantity: line.quantity,
    unit_price: unitPrice,
    subtotal: toDecimal(lineAmount, line.currency),
    is_available: line.isOnSale && line.quantity <= line.stockQuantity,
    stock_available: line.stockQuantity,
    price_changed: line.unitAmount !== line.addedAmount,
  }
}

function warningsOf(line: OpenLine): Cart["warnings"] {
  const warn = (code: Cart["warnings"][number]["code"], detail: string) => [
    { code, item_id: line.id, detail },
  ]
  return [
    ...(line.isOnSale ? [] : warn("unavailable", `${line.name} cannot be bought now.`)),
    ...(line.isOnSale && line.quantity > line.stockQuantity
      ? warn("over-stock", `Only ${line.stockQuantity} of ${line.name} left.`)
      : []),
    ...(line.unitAmount === line.addedAmount
      ? []
      : warn(
          "price-changed",
          `${line.name} now costs ${toDecimal(line.unitAmount, line.currency)} instead of ${toDecimal(line.addedAmount, line.currency)}.`,
        )),
  ]
}
