import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, invalid } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import type { Destination } from "#lib/place.ts"
import * as carts from "#modules/cart/cart.ts"
import { findSellables, type Sellable } from "#modules/catalog/sellables.ts"
import { offered } from "#modules/payments/gateways.ts"
import type { ChosenMethod } from "#modules/payments/method.ts"
import type { Address } from "#modules/users/address-model.ts"
import * as addresses from "#modules/users/addresses.ts"
import * as users from "#modules/users/users.ts"

import type { CheckoutTerms, PlaceOrder } from "./model.ts"

/** Something that is to be ordered; `field` is where it was asked for. */
export type WantedLine = Sellable & {
  quantity: number
  field: string
  /** Of a cart: its line, and the price (minor units) when it was put there. */
  inCart?: { id: Id<"cartLine">; addedAmount: number }
}

/** What somebody wants to order, as it stands in the catalogue now. */
export type Wanted = {
  lines: WantedLine[]
  /** What was asked for and is not there. */
  unknown: FieldError[]
  /** The caller's account's own address; a guest's, as they gave it with the cart. */
  email: string | undefined
  codes: string[]
  /** What the cart is priced in; null: the shop's own currency. */
  currency: string | null
  cart?: { id: Id<"cart">; version: number }
}

/** Reads the cart, or the items given, in one round trip. */
export function readWanted(ctx: Ctx, input: Pick<PlaceOrder, "items" | "coupon_codes">) {
  return input.items
    ? fromItems(ctx, input.items, input.coupon_codes)
    : fromCart(ctx, input.coupon_codes)
}

async function fromItems(
  ctx: Ctx,
  items: NonNullable<PlaceOrder["items"]>,
  given: readonly string[],
): Promise<Wanted> {
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
  const sums = new Map<Id<"variant">, WantedLine>()
  for (const [index, ref] of refs.entries()) {
    const thing = found.get(ref)
    if (!thing) continue
    const before = sums.get(thing.variantId)
    const quantity = (before?.quantity ?? 0) + (items[index]?.quantity ?? 0)
    sums.set(thing.variantId, { ...thing, quantity, field: before?.field ?? `items.${index}` })
  }
  return { lines: [...sums.values()], unknown, email, codes: codesOf(given), currency: null }
}

async function fromCart(ctx: Ctx, given: readonly string[]): Promise<Wanted> {
  const selects = await carts.selectOpen(ctx)
  const [cartRows, lineRows, userRows] = await ctx.db.batch([...selects, users.selectEmail(ctx)])
  const cart = carts.toOpen(cartRows, lineRows)
  const lines = (cart?.lines ?? []).map(({ id, addedAmount, ...line }, index) => ({
    ...line,
    field: `items.${index}`,
    inCart: { id, addedAmount },
  }))
  return {
    lines,
    unknown: [],
    email: userRows[0]?.email ?? cart?.email ?? undefined,
    codes: codesOf([...(cart?.coupons ?? []), ...given]),
    currency: cart?.currency ?? null,
    ...(cart && { cart: { id: cart.id, version: cart.version } }),
  }
}

/** Codes in upper case, each once, in the order they were given. */
function codesOf(given: readonly string[]): string[] {
  return [...new Set(given.map((code) => code.toUpperCase()))]
}

async function emailOf(ctx: Ctx): Promise<string | undefined> {
  return ctx.actor.type === "user" ? (await users.selectEmail(ctx))[0]?.email : undefined
}

/** The addresses of an order. */
export type Addresses = { shipping: Address | null; billing: Address | null }

/** The addresses of an order: as they were given, or the caller's own by id. An id of somebody else's is no address. */
export async function addressesOf(
  ctx: Ctx,
  input: Pick<CheckoutTerms, "shipping_address" | "billing_address">,
  errors: FieldError[],
): Promise<Addresses> {
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

/** Where things go, as prices want to know it. */
export function destinationOf(address: Address | null): Destination | undefined {
  if (!address) return undefined
  return { country: address.country, state: address.state, postalCode: address.postal_code }
}

/** The payment method that is meant; `undefined` for one that is not offered now. */
export function findMethod(
  ctx: Ctx,
  asked: CheckoutTerms["payment_method"],
): ChosenMethod | undefined {
  const method = asked === "card" ? ctx.config.payments.cardGateway : asked
  return offered(ctx).find((one) => one === method)
}

/** The payment method that is meant. @throws `payment-method-unavailable` with `offered` */
export function methodOf(ctx: Ctx, asked: CheckoutTerms["payment_method"]): ChosenMethod {
  const method = findMethod(ctx, asked)
  if (method) return method
  const all = offered(ctx)
  const detail = `${asked} is not offered now: choose one of ${all.join(", ")}.`
  throw new DomainError("payment-method-unavailable", detail, {
    offered: all,
    errors: [{ field: "payment_method", detail, code: "payment-method-unavailable" }],
  })
}

/** @throws `cart-empty`, `invalid-input` for what is not there */
export function requireLines({ lines, unknown }: Wanted): void {
  if (unknown.length > 0) throw invalid(...unknown)
  if (lines.length === 0) throw new DomainError("cart-empty", "Cart is empty")
}
