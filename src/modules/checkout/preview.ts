import { requireScope } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, type FieldError } from "#errors.ts"
import { toDecimal } from "#lib/money.ts"
import { methodsIn } from "#modules/cart/price.ts"
import { parcelOf } from "#modules/cart/quote.ts"
import { toOffer } from "#modules/cart/shipping.ts"
import { inBase } from "#modules/cart/view.ts"
import { refuseUnlessOnSale } from "#modules/catalog/sellables.ts"
import { fundsIn, readPurse, toTenders } from "#modules/credit/funds.ts"
import {
  amountIn,
  inCurrency,
  ownPrices,
  type Presentment,
} from "#modules/currencies/presentment.ts"
import * as inventory from "#modules/inventory/inventory.ts"
import * as promotions from "#modules/promotions/promotions.ts"
import { offers, selectMethods } from "#modules/shipping/shipping.ts"

import {
  countedEmail,
  isDigital,
  type Priced,
  priceOf,
  pricesOf,
  refusedCodes,
  requireAsSeen,
} from "./draft.ts"
import { overLimit } from "./limits.ts"
import { type CheckoutDraft, type CheckoutQuote, type Validation } from "./model.ts"
import {
  addressesOf,
  destinationOf,
  findMethod,
  readWanted,
  requireLines,
  type WantedLine,
} from "./wanted.ts"

type Problem = FieldError & { available?: number; left?: number; item_id?: string }

/**
 * Everything that keeps the cart, or the items given, from being ordered, at once. Nothing is held: what is valid now
 * may be gone when it is ordered.
 * @throws `checkout-invalid` with `errors` and the members of the answer
 */
export async function validate(ctx: Ctx, input: CheckoutDraft): Promise<Validation> {
  requireScope(ctx, "orders:write")
  if (input.coupon_codes.length > 0) await promotions.countTry(ctx)
  const wanted = await readWanted(ctx, input)
  const addressErrors: FieldError[] = []
  const { shipping } = await addressesOf(ctx, input, addressErrors)
  const email = input.email ?? wanted.email
  const sold = wanted.lines.filter((line) => saleProblem(line) === undefined)
  const [available, limits, priced, purse, prices] = await Promise.all([
    inventory.availableNow(
      ctx,
      sold.map(({ productId }) => productId),
    ),
    overLimit(ctx, email && countedEmail(ctx, wanted, { email }), sold),
    priceOf(ctx, input, { ...wanted, lines: sold }, { shipping, email }).catch(refusal),
    readPurse(ctx, input),
    pricesOf(ctx, input, wanted).catch(() => ownPrices(ctx)),
  ])
  // Where only the shipping is refused, the rest is judged all the same.
  const judged =
    priced instanceof DomainError
      ? await priceOf(
          ctx,
          { currency: input.currency },
          { ...wanted, lines: sold },
          { shipping: null, email },
        ).catch(refusal)
      : priced
  const quote = judged instanceof DomainError ? undefined : judged
  // What cannot be priced in the currency asked for is shown in the shop's own.
  const shown = (prices.inForce ?? quote) ? prices : ownPrices(ctx)
  const { currency } = shown
  const funds = fundsIn(ctx, purse, currency)
  const short = (line: WantedLine) => line.quantity > (available.get(line.variantId) ?? 0)
  const errors: Problem[] = [
    ...(wanted.lines.length + wanted.unknown.length === 0
      ? [{ field: "items", detail: "Cart is empty", code: "cart-empty" }]
      : []),
    ...wanted.unknown,
    ...wanted.lines.flatMap((line): Problem[] => [
      ...(saleProblem(line) ??
        (short(line) ? [shortProblem(line, available.get(line.variantId) ?? 0)] : [])),
      ...priceProblem(line, shown),
    ]),
    ...limits.map(({ productId, left }): Problem => {
      const line = wanted.lines.find((one) => one.productId === productId)
      return {
        field: line?.field ?? "items",
        detail: `At most ${left} more of ${line?.name ?? "this"} for one customer.`,
        code: "purchase-limit-reached",
        left,
      }
    }),
    ...addressErrors,
    ...(findMethod(ctx, input.payment_method)
      ? []
      : [
          {
            field: "payment_method",
            detail: "This payment method is not offered now.",
            code: "payment-method-unavailable",
          },
        ]),
    ...(priced instanceof DomainError && sold.length > 0 ? problemsOf(priced) : []),
    ...(quote ? codeProblems(quote) : []),
    ...(priced instanceof DomainError ? [] : totalProblems(input, priced)),
    ...funds.refused.map(({ index, detail }) => ({
      field: `gift_cards.${index}`,
      detail,
      code: "gift-card-not-valid",
    })),
  ]
  const valid = sold.filter((line) => !short(line))
  const answer = {
    valid_items: toItems(valid, shown),
    item_count: wanted.lines.reduce((sum, { quantity }) => sum + quantity, 0),
    total_amount: toDecimal(quote?.totalAmount ?? 0, currency),
    ...toTenders(funds, quote?.totalAmount ?? 0, currency),
    currency,
  }
  if (errors.length > 0) {
    const detail =
      errors.length === 1 ? errors[0]?.detail : `${errors.length} things stand in the way`
    throw new DomainError("checkout-invalid", detail, { valid: false, ...answer, errors })
  }
  return { valid: true, errors: [], message: "Cart is valid for checkout", ...answer }
}

/**
 * What the cart, or the items given, cost: lines, promotions, shipping and taxes, how each came about, and how else it
 * can be sent. Nothing is
 * held; an order is priced anew.
 * @throws `cart-empty`, `product-unavailable`, `rate-stale`, `invalid-input` for what is not there
 */
export async function quoteFor(ctx: Ctx, input: CheckoutDraft): Promise<CheckoutQuote> {
  requireScope(ctx, "orders:write")
  if (input.coupon_codes.length > 0) await promotions.countTry(ctx)
  const wanted = await readWanted(ctx, input)
  requireLines(wanted)
  for (const line of wanted.lines) refuseUnlessOnSale(line)
  const errors: FieldError[] = []
  const { shipping } = await addressesOf(ctx, input, errors)
  if (errors.length > 0) throw new DomainError("invalid-input", errors[0]?.detail, { errors })
  const email = input.email ?? wanted.email
  const destination = destinationOf(shipping)
  const [priced, [methods], purse] = await Promise.all([
    priceOf(ctx, input, wanted, { shipping, email }),
    ctx.db.batch(selectMethods(ctx, destination)),
    readPurse(ctx, input),
  ])
  const { prices, lines } = priced
  const ways = isDigital(wanted)
    ? []
    : offers(methodsIn(prices, methods), parcelOf(lines), destination)
  const funds = fundsIn(ctx, purse, prices.currency)
  return {
    ...toQuote(ctx, priced),
    ...toTenders(funds, priced.totalAmount, prices.currency),
    refused_gift_cards: funds.refused.map(({ last4, reason, detail }) => ({
      last4,
      reason,
      detail,
    })),
    shipping_options: ways.map((way) => toOffer(way, prices.currency)),
  }
}

/** What keeps a thing from being bought at all. */
function saleProblem(line: WantedLine): Problem[] | undefined {
  try {
    refuseUnlessOnSale(line)
    return undefined
  } catch (error) {
    const detail = error instanceof DomainError ? error.message : "It cannot be bought now."
    return [{ field: line.field, detail, code: "product-unavailable", ...itemOf(line) }]
  }
}

function shortProblem(line: WantedLine, available: number): Problem {
  const detail = `Insufficient stock: only ${available} of ${line.name} left`
  return { field: line.field, detail, code: "out-of-stock", available, ...itemOf(line) }
}

function priceProblem(line: WantedLine, prices: Presentment): Problem[] {
  const { inCart, name, unitAmount } = line
  if (!inCart || inCart.addedAmount === unitAmount) return []
  const [now, before] = [unitAmount, inCart.addedAmount].map((one) =>
    toDecimal(amountIn(prices, one), prices.currency),
  )
  const detail = `${name} now costs ${now} instead of ${before}.`
  return [{ field: line.field, detail, code: "price-changed", ...itemOf(line) }]
}

function itemOf({ inCart }: WantedLine): { item_id?: string } {
  return inCart ? { item_id: inCart.id } : {}
}

function codeProblems(quote: Priced): Problem[] {
  return refusedCodes(quote).map(({ code, reason, detail }) => ({
    field: "coupon_codes",
    detail: `${code}: ${detail}`,
    code: reason,
  }))
}

/** A total other than the one that was seen; without the codes that are refused it is another one anyway. */
function totalProblems({ expected_total: expected }: CheckoutDraft, quote: Priced): Problem[] {
  if (refusedCodes(quote).length > 0) return []
  try {
    requireAsSeen(expected, quote)
    return []
  } catch (error) {
    return [{ field: "expected_total", ...refusalOf(error) }]
  }
}

/** A refusal as a value; anything else is thrown. */
function refusal(error: unknown): DomainError {
  if (error instanceof DomainError) return error
  throw error
}

function refusalOf(error: unknown): { detail: string; code: string } {
  const { message: detail, code } = refusal(error)
  return { detail, code }
}

/** What a refused price says of fields, or of the shipping, which is what else it can be. */
function problemsOf(error: unknown): Problem[] {
  const { details, ...said } = refusal(error)
  const { errors } = details as { errors?: Problem[] }
  return errors ?? [{ field: "shipping_method", detail: refusal(error).message, code: said.code }]
}

function toItems(wanted: readonly WantedLine[], prices: Presentment): Validation["valid_items"] {
  const lines = wanted.map((line) => inCurrency(prices, line))
  const { currency } = prices
  return lines.map((line) => ({
    product_id: line.productId,
    variant_id: line.variantId,
    product_name: line.name,
    sku: line.sku,
    quantity: line.quantity,
    unit_price: toDecimal(line.unitAmount, currency),
    total_price: toDecimal(line.unitAmount * line.quantity, currency),
  }))
}

type PricedQuote = Omit<
  CheckoutQuote,
  "shipping_options" | "tenders" | "amount_due" | "refused_gift_cards"
>

function toQuote(ctx: Ctx, quote: Priced): PricedQuote {
  const { pricing } = ctx.config
  const { currency } = quote.prices
  const money = (amount: number) => toDecimal(amount, currency)
  const total = money(quote.totalAmount)
  const taxes = [...quote.lines.flatMap((line) => line.taxes), ...(quote.shipping?.taxes ?? [])]
  return {
    currency,
    items: quote.lines.map((line) => ({
      product_id: line.productId,
      variant_id: line.variantId,
      product_name: line.name,
      sku: line.sku,
      quantity: line.quantity,
      unit_price: money(line.unitAmount),
      total_price: money(line.lineAmount),
      discount: money(line.discountAmount),
      tax: money(line.taxAmount + line.includedTaxAmount),
    })),
    subtotal: money(quote.subtotalAmount),
    discount: money(quote.discountAmount),
    shipping_cost: money(quote.shippingAmount),
    shipping_method: quote.shipping
      ? { id: quote.shipping.methodId, name: quote.shipping.name }
      : null,
    tax: money(quote.taxAmount + quote.includedTaxAmount),
    prices_include_tax: pricing.pricesIncludeTax,
    taxes: [...Map.groupBy(taxes, ({ name }) => name)].map(([name, all]) => ({
      name,
      amount: money(all.reduce((sum, { amount }) => sum + amount, 0)),
    })),
    total,
    total_amount: total,
    ...inBase(quote, ctx.now),
    promotions: quote.promotions.map(({ code, name, discountAmount }) => ({
      code,
      name,
      discount: money(discountAmount),
    })),
    refused_codes: quote.refused,
    explain: quote.explain.map(({ kind, detail, amount }) => ({
      kind,
      detail,
      amount: amount < 0 ? `-${money(-amount)}` : money(amount),
    })),
  }
}
