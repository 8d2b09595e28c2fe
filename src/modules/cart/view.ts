import { asc, desc, eq, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { urlOf } from "#modules/catalog/media.ts"
import { type Sellable, sellableColumns, toSellable } from "#modules/catalog/sellables.ts"
import { products, variants } from "#modules/catalog/tables.ts"
import type { InCurrency, Presentment } from "#modules/currencies/presentment.ts"
import * as presentment from "#modules/currencies/presentment.ts"

import type { Cart } from "./model.ts"
import { isOpen, isOwn, type Owner } from "./owner.ts"
import { price, type PricedIn } from "./price.ts"
import { type Quote, quote } from "./quote.ts"
import { cartLines, carts, savedItems } from "./tables.ts"

export type CartRow = typeof carts.$inferSelect

/** A line of an open cart with the thing it is of. */
export type OpenLine = Sellable & { id: Id<"cartLine">; quantity: number; addedAmount: number }

/** A thing that is saved for later. */
export type SavedLine = Sellable & {
  id: Id<"savedItem">
  quantity: number
  addedAmount: number
  overflow: boolean
}

/** Of what is saved for later the newest are shown. */
const mostSaved = 200

/** Statements that read an owner's open cart and its lines, for a batch. */
export function selectLines(ctx: Ctx, owner: Owner) {
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

/** Statements that read all that an owner's cart shows, for the end of a batch; `toCart` takes their rows. */
export function selectCart(ctx: Ctx, owner: Owner) {
  return [
    ...selectLines(ctx, owner),
    ctx.db
      .select({
        ...sellableColumns,
        savedId: sql<Id<"savedItem">>`${savedItems.id}`.as("saved_id"),
        quantity: savedItems.quantity,
        addedAmount: savedItems.addedAmount,
        overflow: savedItems.overflow,
      })
      .from(savedItems)
      .innerJoin(variants, eq(variants.id, savedItems.variantId))
      .innerJoin(products, eq(products.id, variants.productId))
      .where(isOwn(owner, "saved_items"))
      .orderBy(desc(savedItems.createdAt), asc(savedItems.id))
      .limit(mostSaved),
  ] as const
}

export type LineRow = Awaited<ReturnType<typeof selectLines>[1]>[number]
type SavedRow = Awaited<ReturnType<typeof selectCart>[2]>[number]
export type CartRows = readonly [readonly CartRow[], readonly LineRow[], readonly SavedRow[]]

/** A row of `selectLines` as what it means. */
export function toLine({ lineId, quantity, addedAmount, ...row }: LineRow): OpenLine {
  return { ...toSellable(row), id: lineId, quantity, addedAmount }
}

function toSavedLine({ savedId, quantity, addedAmount, overflow, ...row }: SavedRow): SavedLine {
  return { ...toSellable(row), id: savedId, quantity, addedAmount, overflow }
}

/** What lies in a cart at these prices, with its codes, for its owner; an empty one asks nobody. @throws `rate-stale` */
export async function priceCart(
  ctx: Ctx,
  owner: Owner,
  cart: CartRow | undefined,
  lines: readonly OpenLine[],
  prices: Presentment,
  codes: readonly string[] = cart?.coupons ?? [],
): Promise<PricedIn<OpenLine>> {
  if (lines.length === 0) return { ...quote<InCurrency<OpenLine>>([]), explain: [], prices }
  const customer = { userId: owner.userId, email: cart?.email ?? undefined }
  return price(ctx, { items: lines, codes, customer, prices })
}

/** How things are priced in a currency. @throws `invalid-input` for one that is not offered any more */
export function pricesOf(
  ctx: Ctx,
  currency: string | null,
  things: readonly Sellable[],
): Promise<Presentment> {
  const ids = things.flatMap(({ variantId, pricedAs }) => [variantId, pricedAs])
  return presentment.read(ctx, currency, ids)
}

/**
 * The cart as the wire shows it, at the prices of now, in the currency `asked` for, else in its own. In one that is not
 * offered any more, or has no rate that is
 * new enough, it cannot be ordered: it is shown in the shop's own, with a warning.
 */
export async function toCart(
  ctx: Ctx,
  owner: Owner,
  rows: CartRows,
  asked?: string,
): Promise<Cart> {
  const currency = asked ?? rows[0][0]?.currency
  if (!currency) return show(ctx, owner, rows, presentment.ownPrices(ctx))
  const things = [...rows[1].map(toLine), ...rows[2].map(toSavedLine)]
  const inCurrency = async () => show(ctx, owner, rows, await pricesOf(ctx, currency, things))
  if (asked !== undefined) return inCurrency()
  try {
    return await inCurrency()
  } catch (error) {
    if (!isUnpriced(error)) throw error
    const shown = await show(ctx, owner, rows, presentment.ownPrices(ctx))
    const detail = `${error.message} Prices are in ${shown.currency}.`
    const warning = { code: "currency-unavailable" as const, item_id: null, detail }
    return { ...shown, warnings: [warning, ...shown.warnings] }
  }
}

/** Whether it is the currency that something cannot be priced for. */
function isUnpriced(error: unknown): error is DomainError {
  if (!(error instanceof DomainError)) return false
  const { errors } = error.details as { errors?: { field: string }[] }
  return error.code === "rate-stale" || errors?.[0]?.field === "currency"
}

async function show(
  ctx: Ctx,
  owner: Owner,
  [cartRows, lineRows, savedRows]: CartRows,
  prices: Presentment,
): Promise<Cart> {
  const { currency } = prices
  const [cart] = cartRows
  const lines = lineRows.map(toLine)
  const saved = savedRows.map(toSavedLine)
  const priced = await priceCart(ctx, owner, cart, lines, prices)
  const money = (amount: number) => toDecimal(amount, currency)
  return {
    id: cart?.id ?? null,
    user: owner.userId,
    email: cart?.email ?? null,
    ...(owner.newToken !== undefined && { token: owner.newToken }),
    items: priced.lines.map((line) => ({
      ...toItem(line, currency),
      subtotal: money(line.lineAmount),
    })),
    saved_items: saved.map((line) => toItem(presentment.inCurrency(prices, line), currency)),
    total_items: lines.reduce((sum, { quantity }) => sum + quantity, 0),
    subtotal: money(priced.subtotalAmount),
    discount: money(priced.discountAmount),
    tax: money(priced.taxAmount + priced.includedTaxAmount),
    prices_include_tax: ctx.config.pricing.pricesIncludeTax,
    total: money(priced.totalAmount),
    total_amount: money(priced.totalAmount),
    currency,
    ...inBase(priced, ctx.now),
    coupons: (cart?.coupons ?? []).map((code) => toCoupon(code, priced, money)),
    explain: priced.explain.map((step) => ({ ...step, amount: signed(step.amount, money) })),
    warnings: [
      ...lines.flatMap((line) => warningsOf(line, prices)),
      ...saved.filter(({ overflow }) => overflow).map(toOverflow),
      ...priced.refused.map(({ code, detail }) => ({
        code: "coupon-refused" as const,
        item_id: null,
        coupon: code,
        detail,
      })),
    ],
    created_at: cart?.createdAt ?? null,
    updated_at: cart?.updatedAt ?? null,
  }
}

/** What a quote comes to in the shop's own currency, on the wire. */
export function inBase(
  { prices, lines, totalAmount }: PricedIn<Sellable & { quantity: number }>,
  now: Date,
): Pick<Cart, "base_currency" | "base_total" | "exchange_rate"> {
  const figures = presentment.toBase(prices, totalAmount, lines, now)
  return {
    base_currency: prices.base,
    base_total: toDecimal(figures?.baseAmount ?? totalAmount, prices.base),
    exchange_rate: figures?.rate ?? null,
  }
}

function signed(amount: number, money: (amount: number) => string): string {
  return amount < 0 ? `-${money(-amount)}` : money(amount)
}

function toCoupon(code: string, priced: Quote, money: (amount: number) => string) {
  const applied = priced.promotions.filter((one) => one.code === code)
  return {
    code,
    name: applied[0]?.name ?? null,
    discount: money(applied.reduce((sum, { discountAmount }) => sum + discountAmount, 0)),
  }
}

function toItem<Line extends OpenLine | SavedLine>(line: InCurrency<Line>, currency: string) {
  const isVariant = (line.variantId as string) !== line.productId
  const unitPrice = toDecimal(line.unitAmount, currency)
  return {
    id: line.id as Line["id"],
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
    is_available: line.isOnSale && line.quantity <= line.stockQuantity,
    stock_available: line.stockQuantity,
    price_changed: line.baseAmount !== line.addedAmount,
  }
}

function toOverflow(line: SavedLine): Cart["warnings"][number] {
  const detail = `${line.quantity} of ${line.name} did not fit into the cart and are saved for later.`
  return { code: "saved-for-later", item_id: line.id, detail }
}

function warningsOf(line: OpenLine, prices: Presentment): Cart["warnings"] {
  const money = (amount: number) => toDecimal(presentment.amountIn(prices, amount), prices.currency)
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
          `${line.name} now costs ${money(line.unitAmount)} instead of ${money(line.addedAmount)}.`,
        )),
  ]
}
