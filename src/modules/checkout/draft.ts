import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, invalid } from "#errors.ts"
import { addressWithin } from "#lib/address.ts"
import { newId } from "#lib/id.ts"
import { fromDecimal, toDecimal } from "#lib/money.ts"
import { sha256 } from "#lib/secret.ts"
import { iso, secondsAfter } from "#lib/time.ts"
import { price, type PricedIn } from "#modules/cart/price.ts"
import type { Quote, RefusedCode } from "#modules/cart/quote.ts"
import { type Presentment, read, toBase } from "#modules/currencies/presentment.ts"
import { newNumber } from "#modules/orders/changes.ts"
import type * as orders from "#modules/orders/orders.ts"
import { type ChosenMethod, isGateway } from "#modules/payments/method.ts"
import { couponError } from "#modules/promotions/promotions.ts"

import type { PlaceOrder } from "./model.ts"
import {
  type Addresses,
  addressesOf,
  destinationOf,
  type Wanted,
  type WantedLine,
} from "./wanted.ts"

/** What is known before anything is priced. */
export type Known = Addresses & { email: string; method: ChosenMethod }

/** Who orders, and where it goes. @throws `invalid-input` naming everything that is missing or unknown */
export async function knownOf(
  ctx: Ctx,
  input: PlaceOrder,
  wanted: Wanted,
  method: ChosenMethod,
): Promise<Known> {
  const errors: FieldError[] = []
  const email = input.email ?? wanted.email
  const { shipping, billing } = await addressesOf(ctx, input, errors)
  if (email === undefined)
    errors.push({ field: "email", detail: "This field is required.", code: "required" })
  if (input.shipping_address === undefined && !isDigital(wanted))
    errors.push({ field: "shipping_address", detail: "This field is required.", code: "required" })
  errors.push(...returnErrors(ctx, input))
  if (email === undefined || errors.length > 0) throw invalid(...errors)
  return {
    email,
    method,
    shipping,
    billing: billing ?? (input.use_shipping_as_billing === false ? null : shipping),
  }
}

/** What is wrong with where the payer's browser is to go: it is led nowhere but to this shop's pages. */
export function returnErrors(
  { config: { baseUrl, corsOrigins } }: Ctx,
  { return_url: url }: Pick<PlaceOrder, "return_url">,
): FieldError[] {
  if (url === undefined || addressWithin(url, new URL(baseUrl).origin, corsOrigins)) return []
  const detail = "Must be at this origin or one of CORS_ORIGINS."
  return [{ field: "return_url", detail, code: "invalid" }]
}

/** By which address purchases are counted: an account's own, whatever the order says; a guest's of the order. */
export function countedEmail(ctx: Ctx, wanted: Wanted, { email }: { email: string }): string {
  return ctx.actor.type === "user" ? (wanted.email ?? email) : email
}

/** Whether nothing of it is sent by post: then it needs no address. */
export function isDigital({ lines }: Pick<Wanted, "lines">): boolean {
  return lines.every((line) => line.isDigital)
}

/** What is asked for of an order's price. */
type Asked = Pick<PlaceOrder, "shipping_method" | "currency">
/** What is wanted, priced in the currency of the order. */
export type Priced = PricedIn<WantedLine>

/** How what is wanted is priced in the order's currency. @throws `invalid-input` for one that is not offered */
export function pricesOf(ctx: Ctx, input: Asked, wanted: Wanted): Promise<Presentment> {
  const ids = wanted.lines.flatMap(({ variantId, pricedAs }) => [variantId, pricedAs])
  return read(ctx, input.currency ?? wanted.currency, ids)
}

/** Prices what is wanted, under the terms of now. @throws as `price` and `pricesOf` */
export async function priceOf(
  ctx: Ctx,
  input: Asked,
  wanted: Wanted,
  { shipping, email }: { shipping: Addresses["shipping"]; email: string | undefined },
): Promise<Priced> {
  const destination = destinationOf(shipping)
  const prices = await pricesOf(ctx, input, wanted)
  return price(ctx, {
    prices,
    items: wanted.lines,
    codes: wanted.codes,
    ...(destination && { destination }),
    ...(input.shipping_method !== undefined && { shippingMethod: input.shipping_method }),
    customer: { userId: ctx.actor.type === "user" ? ctx.actor.id : null, email },
  })
}

/** The codes that keep something from being ordered: those that were asked for and do nothing. */
export function refusedCodes({ refused }: Quote): RefusedCode[] {
  return refused.filter(({ reason }) => !harmless.includes(reason))
}

/** Codes that do nothing only because something better is done already stand in nobody's way. */
const harmless: readonly string[] = ["not-combinable", "no-effect"]

/**
 * Nobody pays another price than they saw: refuses codes that do nothing, and a total that is not the expected one.
 * @throws `coupon-unknown`, `coupon-expired`, `coupon-used-up`, `coupon-not-applicable`, `price-changed` with `total`
 */
export function requireAsSeen(
  expected: string | undefined,
  priced: Quote & { prices: Presentment },
): void {
  const [first] = refusedCodes(priced)
  if (first) throw couponError(first)
  const { currency } = priced.prices
  if (expected !== undefined && fromDecimal(expected, currency) !== priced.totalAmount) {
    const total = toDecimal(priced.totalAmount, currency)
    throw new DomainError("price-changed", `The total is ${total} now`, { total })
  }
}

/**
 * The order that is to be committed: everything in it a snapshot. `creditAmount`: what gift cards and store credit pay
 * of it with that commit. A gateway's waits for its payment until `payBy`.
 */
export async function draftOf(
  ctx: Ctx,
  input: PlaceOrder,
  wanted: Wanted,
  known: Known,
  priced: Priced,
  creditAmount: number,
  accessToken: string | undefined,
): Promise<orders.Draft> {
  const id = newId("order", ctx.now)
  const now = iso(ctx.now)
  const isPaid = creditAmount === priced.totalAmount
  const waits = isGateway(known.method) && !isPaid
  const inBase = toBase(priced.prices, priced.totalAmount, priced.lines, ctx.now)
  const order: orders.OrderRow = {
    id,
    number: newNumber(ctx.now),
    cartId: wanted.cart?.id ?? null,
    userId: ctx.actor.type === "user" ? ctx.actor.id : null,
    email: known.email,
    tokenHash: accessToken === undefined ? null : await sha256(accessToken),
    status: "pending",
    paymentStatus: isPaid ? "paid" : "unpaid",
    paymentMethod: known.method,
    currency: priced.prices.currency,
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
    paidAmount: creditAmount,
    refundedAmount: 0,
    refundedTaxAmount: 0,
    refundedShippingAmount: 0,
    reducedAmount: 0,
    payBy: waits ? iso(secondsAfter(ctx.now, ctx.config.payments.pendingOrderTtlSeconds)) : null,
    shippingAddress: known.shipping,
    billingAddress: known.billing,
    notes: input.notes,
    carrier: null,
    trackingNumber: null,
    version: 1,
    createdAt: now,
    updatedAt: now,
    paidAt: isPaid ? now : null,
    shippedAt: null,
    deliveredAt: null,
    cancelledAt: null,
    baseCurrency: inBase?.baseCurrency ?? null,
    baseTotalAmount: inBase?.baseAmount ?? null,
    exchangeRate: inBase?.rate.rate ?? null,
    exchangeRateAt: inBase?.rate.as_of ?? null,
    exchangeRateSource: inBase?.rate.source ?? null,
  }
  const lines = priced.lines.map((line, position): orders.LineRow => {
    const { productId, variantId, name, sku, options, quantity, unitAmount } = line
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
      isDigital: line.isDigital,
      fulfilledQuantity: 0,
      returnedQuantity: 0,
    }
  })
  return { order, lines }
}
