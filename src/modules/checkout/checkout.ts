import { requireScope } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, invalid } from "#errors.ts"
import type { Event } from "#events.ts"
import { type Id, newId } from "#lib/id.ts"
import { randomToken, sha256 } from "#lib/secret.ts"
import { iso, minutesAfter } from "#lib/time.ts"
import * as carts from "#modules/cart/cart.ts"
import { price } from "#modules/cart/price.ts"
import { stageStock } from "#modules/catalog/projection.ts"
import { findSellables, refuseUnlessOnSale, type Sellable } from "#modules/catalog/sellables.ts"
import * as inventory from "#modules/inventory/inventory.ts"
import * as orders from "#modules/orders/orders.ts"
import type { Address } from "#modules/users/address-model.ts"
import * as addresses from "#modules/users/addresses.ts"
import * as users from "#modules/users/users.ts"
import { commit } from "#platform/commit.ts"

import type { Placed, PlaceOrder } from "./model.ts"

/** Longer than any recovery of a crashed order takes: `order.placed` is delivered again after half a minute. */
const holdMinutes = 30

type WantedLine = Sellable & { quantity: number }
type Wanted = {
  lines: WantedLine[]
  email: string | undefined
  cart?: { id: Id<"cart">; version: number }
}

/**
 * Turns the cart, or the items given, into a pending, unpaid order (api.md 7.1). Prices are those of now; stock is
 * held, the order recorded, then the hold is sold. Whatever dies in between heals itself: holds lapse, and
 * `order.placed` finishes what was recorded.
 * An API key orders in its owner's name, and never a cart.
 * @throws `forbidden`, `cart-empty`, `cart-changed`, `cart-already-ordered`, `product-unavailable`, `out-of-stock` with `items`,
 * `invalid-input` for unknown products and missing address or e-mail
 */
export async function place(ctx: Ctx, input: PlaceOrder): Promise<Placed> {
  requireScope(ctx, "orders:write")
  const wanted = await (input.items ? wantedItems(ctx, input.items) : wantedCart(ctx))
  const accessToken = ctx.actor.type === "guest" ? randomToken() : undefined
  const draft = await draftOf(ctx, input, wanted, accessToken)
  const { order } = draft
  const products = inventory.byProduct(wanted.lines)
  const result: Placed = {
    ...orders.toOrder(order, draft.lines),
    ...(accessToken !== undefined && { access_token: accessToken }),
  }

  const left = await inventory.reserve(ctx, order.id, products, minutesAfter(ctx.now, holdMinutes))
  try {
    await commit(
      ctx,
      [
        ...(await orders.stage(ctx, draft)),
        ...(wanted.cart ? carts.stageClose(ctx, wanted.cart.id, wanted.cart.version) : []),
        ...[...left].flatMap(([productId, snapshot]) => stageStock(ctx, productId, snapshot)),
      ],
      {
        events: [{ type: "order.placed", orderId: order.id }],
        refusals: { ...orders.placeRefusals, ...carts.closeRefusals },
        result,
      },
    )
  } catch (error) {
    if (error instanceof DomainError || !(await stands(ctx, order.id))) {
      await inventory.release(ctx, order.id, products)
      throw error
    }
  }
  await inventory
    .settle(ctx, order.id, products)
    .catch((error) => ctx.log.error("sale left to the event", error, { order_id: order.id }))
  return result
}

/**
 * Whether an order stands although the answer of its commit was lost. @throws `unavailable` when that cannot be told:
 * the hold is left to the event, if the order stands, or to lapse
 */
async function stands(ctx: Ctx, id: Id<"order">): Promise<boolean> {
  try {
    return await orders.exists(ctx, id)
  } catch (error) {
    ctx.log.error("commit in doubt", error, { order_id: id })
    throw new DomainError(
      "unavailable",
      "Whether the order was placed is not known yet: send it again with the same Idempotency-Key, or look at your orders",
    )
  }
}

/**
 * Makes sure that an order that was placed is sold, and that a cancelled one is not. A hold that lapsed meanwhile is
 * taken anew; if the stock is gone, the order is cancelled. Idempotent.
 */
export async function finish(
  ctx: Ctx,
  event: Extract<Event, { type: "order.placed" | "order.cancelled" }>,
): Promise<void> {
  const found = await orders.find(ctx, event.orderId)
  if (!found) return
  const { order, lines } = found
  if (order.status === "cancelled")
    return inventory.giveBack(ctx, order.id, orders.productsOf(lines))
  const missing = await inventory.settle(ctx, order.id, inventory.byProduct(lines))
  if (missing.length > 0)
    await orders.cancel(ctx, order.id, "The stock was gone before the order could be completed.")
}

async function wantedItems(ctx: Ctx, items: NonNullable<PlaceOrder["items"]>): Promise<Wanted> {
  const refs = items.map((item) => item.product_id ?? item.variant_id ?? item.sku ?? "")
  const [found, email] = await Promise.all([findSellables(ctx, refs), emailOf(ctx)])
  const unknown = refs.flatMap((ref, index): FieldError[] =>
    found.has(ref)
      ? []
      : [
          {
            field: `items.${index}.product_id`,
            detail: `No such product: ${ref}`,
            code: "unknown",
          },
        ],
  )
  if (unknown.length > 0) throw invalid(...unknown)
  const sums = new Map<Id<"variant">, WantedLine>()
  for (const [index, ref] of refs.entries()) {
    const thing = found.get(ref)
    if (!thing) continue
    refuseUnlessOnSale(thing)
    const before = sums.get(thing.variantId)?.quantity ?? 0
    sums.set(thing.variantId, { ...thing, quantity: before + (items[index]?.quantity ?? 0) })
  }
  return { lines: [...sums.values()], email }
}

async function wantedCart(ctx: Ctx): Promise<Wanted> {
  const selects = await carts.selectOpen(ctx)
  const [cartRows, lineRows, userRows] = await ctx.db.batch([...selects, users.selectEmail(ctx)])
  const cart = carts.toOpen(cartRows, lineRows)
  if (!cart || cart.lines.length === 0) throw new DomainError("cart-empty", "Cart is empty")
  for (const line of cart.lines) refuseUnlessOnSale(line)
  return { lines: cart.lines, email: userRows[0]?.email, cart }
}

async function emailOf(ctx: Ctx): Promise<string | undefined> {
  return ctx.actor.type === "user" ? (await users.selectEmail(ctx))[0]?.email : undefined
}

async function draftOf(
  ctx: Ctx,
  input: PlaceOrder,
  wanted: Wanted,
  accessToken: string | undefined,
): Promise<orders.Draft> {
  const errors: FieldError[] = []
  const email = input.email ?? wanted.email
  const { shipping, billing } = await addressesOf(ctx, input, errors)
  if (email === undefined)
    errors.push({ field: "email", detail: "This field is required.", code: "required" })
  if (input.shipping_address === undefined && !wanted.lines.every(({ isDigital }) => isDigital))
    errors.push({ field: "shipping_address", detail: "This field is required.", code: "required" })
  if (errors.length > 0) throw invalid(...errors)

  const id = newId("order", ctx.now)
  const now = iso(ctx.now)
  const priced = await price(ctx, { items: wanted.lines })
  const order: orders.OrderRow = {
    id,
    number: orders.newNumber(ctx.now),
    cartId: wanted.cart?.id ?? null,
    userId: ctx.actor.type === "user" ? ctx.actor.id : null,
    email: email ?? "",
    tokenHash: accessToken === undefined ? null : await sha256(accessToken),
    status: "pending",
    paymentStatus: "unpaid",
    paymentMethod: input.payment_method,
    currency: ctx.config.currency,
    subtotalAmount: priced.subtotalAmount,
    discountAmount: priced.discountAmount,
    shippingAmount: priced.shippingAmount,
    taxAmount: priced.taxAmount,
    totalAmount: priced.totalAmount,
    includedTaxAmount: priced.includedTaxAmount,
    shippingTaxAmount: priced.shipping
      ? priced.shipping.taxAmount + priced.shipping.includedTaxAmount
      : 0,
    shippingMethod: priced.shipping
      ? { id: priced.shipping.methodId, name: priced.shipping.name }
      : null,
    coupons: priced.promotions.flatMap(({ code }) => (code === null ? [] : [code])),
    explain: priced.explain,
    paidAmount: 0,
    refundedAmount: 0,
    payBy: null,
    shippingAddress: shipping,
    billingAddress: billing ?? (input.use_shipping_as_billing === false ? null : shipping),
    notes: input.notes,
    carrier: null,
    trackingNumber: null,
    version: 1,
    createdAt: now,
    updatedAt: now,
    paidAt: null,
    shippedAt: null,
    deliveredAt: null,
    cancelledAt: null,
  }
  const lines = priced.lines.map((line, position): orders.LineRow => {
    const { productId, variantId, name, sku, options, quantity, unitAmount, isDigital } = line
    const { lineAmount, discountAmount, taxAmount, includedTaxAmount, taxes } = line
    return {
      id: newId("orderLine", ctx.now),
      orderId: id,
      position,
      productId,
      variantId,
      name,
      sku,
      options,
      quantity,
      unitAmount,
      lineAmount,
      discountAmount,
      taxAmount,
      includedTaxAmount,
      taxes,
      isDigital,
      fulfilledQuantity: 0,
      returnedQuantity: 0,
    }
  })
  return { order, lines }
}

/** The addresses of an order: as they were given, or the caller's own by id. An id of somebody else's is no address. */
async function addressesOf(
  ctx: Ctx,
  input: PlaceOrder,
  errors: FieldError[],
): Promise<{ shipping: Address | null; billing: Address | null }> {
  const fields = ["shipping_address", "billing_address"] as const
  const ids = fields.flatMap((field) => {
    const given = input[field]
    return typeof given === "string" ? [given] : []
  })
  const own = ids.length === 0 ? new Map<string, Address>() : await addresses.findOwn(ctx, ids)
  const [shipping = null, billing = null] = fields.map((field) => {
    const given = input[field]
    const found = typeof given === "string" ? own.get(given) : given
    if (given !== undefined && !found)
      errors.push({ field, detail: "You have no address with this id.", code: "unknown" })
    return found
  })
  return { shipping, billing }
}
