import type { Step, TaxLine } from "#lib/explain.ts"
import type { Id } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import {
  type AppliedPromotion,
  discountOf,
  type Facts,
  type HowRounded,
  type Promotion,
  type PromotedLine,
  type RefusedCode,
  refusalOf,
} from "#modules/promotions/discount.ts"
import { assess, type HowTaxed, type TaxRate } from "#modules/tax/assess.ts"

export type { AppliedPromotion, RefusedCode } from "#modules/promotions/discount.ts"

/** What is to be priced: a variant at its price now. Amounts are minor units of one currency. */
export type QuoteItem = {
  variantId: Id<"variant">
  unitAmount: number
  quantity: number
  name?: string
  productId?: Id<"product">
  brandId?: Id<"brand"> | null
  categoryPath?: string | null
  taxClass?: string
}

/**
 * A priced line. `lineAmount` is before its discount and tax; `taxAmount` is added to it, `includedTaxAmount` is
 * contained in it: one of the two is zero.
 */
export type QuoteLine<Item extends QuoteItem = QuoteItem> = Item & {
  lineAmount: number
  discountAmount: number
  taxAmount: number
  includedTaxAmount: number
  taxes: TaxLine[]
}

/** How it is sent, and what that costs after discounts; `baseAmount` before them. */
export type QuotedShipping = {
  methodId: string
  name: string
  baseAmount: number
  amount: number
  taxAmount: number
  includedTaxAmount: number
  taxes: TaxLine[]
}

/**
 * `total = subtotal − discount + shipping + tax`, exactly, and never below zero. `subtotalAmount` is Σ lineAmount,
 * `discountAmount` Σ of the lines' discounts (a shipping discount lowers `shippingAmount`), `taxAmount` what is added
 * on top, shipping's tax included; `includedTaxAmount` is what prices contain already.
 */
export type Quote<Item extends QuoteItem = QuoteItem> = {
  lines: QuoteLine<Item>[]
  subtotalAmount: number
  discountAmount: number
  shippingAmount: number
  taxAmount: number
  includedTaxAmount: number
  totalAmount: number
  shipping: QuotedShipping | null
  promotions: AppliedPromotion[]
  refused: RefusedCode[]
  explain: Step[]
}

/** A shop's terms of one moment, for one order. */
export type Terms = {
  facts: Facts
  how: HowTaxed
  /** Automatic ones, and those asked for by a code that is in force: a handful, since each doubles the ways to combine them. */
  promotions: readonly Promotion[]
  /** Codes that are not in force. */
  refused: readonly RefusedCode[]
  /** How it is sent; null: not at all, or for nothing. Absent: not known yet. */
  shipping?: { methodId: string; name: string; amount: number; taxClass: string } | null
  /** The rates at the destination, by tax class. */
  taxes: ReadonlyMap<string, readonly TaxRate[]>
}

/** A shop that has no promotions, taxes and shipping. */
const plain: Terms = {
  facts: { currency: "USD", isShipped: false },
  how: { pricesIncludeTax: false, rounding: "half-even", level: "line" },
  promotions: [],
  refused: [],
  shipping: null,
  taxes: new Map(),
}

const noRates: readonly TaxRate[] = []

/**
 * What things cost together: lines, then promotions in their order, then shipping, then taxes on what is left. Of all
 * ways to use the promotions (the combinable ones together, also without some of the codes, or any one alone) the one
 * with the lowest total is taken. The order of lines and codes does not matter.
 * @throws RangeError when an amount is no exact integer any more
 */
export function quote<Item extends QuoteItem>(
  items: readonly Item[],
  terms: Terms = plain,
): Quote<Item> {
  // Rounding rests are handed out in an order that is the things' own, not the caller's.
  const places = items.map((_, index) => index).toSorted((a, b) => compare(items[a], items[b]))
  const lines = places.map((place) => toPromoted(items[place] as Item))
  exact(sum(lines.map(({ lineAmount }) => lineAmount)))

  const refused = [...terms.refused]
  const holding = terms.promotions.toSorted(inOrder).filter((promotion) => {
    const refusal = refusalOf(promotion, lines, terms.facts)
    if (!refusal) return true
    if (promotion.code !== null) refused.push({ code: promotion.code, ...refusal })
    return false
  })
  const best = bestOf(waysToUse(holding), lines, terms)
  for (const promotion of holding) {
    const { code } = promotion
    if (code === null || best.applied.some((one) => one.promotion === promotion)) continue
    const isBeaten = !best.chosen.includes(promotion) && best.applied.length > 0
    refused.push(
      isBeaten && (!promotion.isCombinable || best.chosen.some((one) => !one.isCombinable))
        ? { code, reason: "not-combinable", detail: "Another promotion takes more off, alone." }
        : { code, reason: "no-effect", detail: "It takes nothing more off this order." },
    )
  }
  return toQuote(items, places, lines, terms, best, refused)
}

/** What things weigh and cost before anything else: what shipping goes by. Grams, minor units. */
export function parcelOf(
  items: readonly (QuoteItem & { weightGrams: number | null; isDigital: boolean })[],
): { subtotalAmount: number; weightGrams: number } {
  return {
    subtotalAmount: sum(items.map(({ unitAmount, quantity }) => unitAmount * quantity)),
    weightGrams: sum(
      items.map((item) => (item.isDigital ? 0 : (item.weightGrams ?? 0) * item.quantity)),
    ),
  }
}

type Promoted = PromotedLine & { taxClass: string }

/** What came of promotions used in one way. Lists run along the lines. */
type Reckoning = {
  chosen: readonly Promotion[]
  applied: { promotion: Promotion; lines: number[]; shipping: number; amount: number }[]
  left: number[]
  shippingAmount: number
  taxes: TaxLine[][]
  totalAmount: number
}

/** The ways that promotions may be used. With one code more there are these ways and others: it makes nothing dearer. */
function waysToUse(holding: readonly Promotion[]): Promotion[][] {
  const combinable = holding.filter(({ isCombinable }) => isCombinable)
  const codes = combinable.filter(({ code }) => code !== null)
  const automatic = combinable.filter(({ code }) => code === null)
  const together = Array.from({ length: 2 ** codes.length }, (_, left) => {
    const some = codes.filter((_code, bit) => (left & (1 << bit)) === 0)
    return [...automatic, ...some].toSorted(inOrder)
  })
  return [...together, ...holding.map((one) => [one]), []]
}

function bestOf(ways: readonly Promotion[][], lines: readonly Promoted[], terms: Terms): Reckoning {
  const [first = reckon([], lines, terms), ...others] = ways.map((way) => reckon(way, lines, terms))
  return others.reduce((best, one) => {
    const saves = best.totalAmount - one.totalAmount
    // Free shipping saves nothing before it is known where to; of ways that cost the same the fuller one is taken.
    return saves > 0 || (saves === 0 && one.applied.length > best.applied.length) ? one : best
  }, first)
}

function reckon(chosen: readonly Promotion[], lines: readonly Promoted[], terms: Terms): Reckoning {
  const how: HowRounded = terms.how
  let left = lines.map(({ lineAmount }) => lineAmount)
  let shippingAmount = terms.shipping?.amount ?? 0
  const applied = chosen.flatMap((promotion) => {
    const off = discountOf(promotion, lines, left, shippingAmount, how)
    left = left.map((amount, index) => amount - (off.lines[index] ?? 0))
    shippingAmount -= off.shipping
    const amount = sum(off.lines) + off.shipping
    const isPending = promotion.action.type === "free_shipping" && terms.shipping === undefined
    return amount > 0 || isPending ? [{ promotion, ...off, amount }] : []
  })
  const entries = lines.map(({ taxClass }, index) => ({
    amount: left[index] ?? 0,
    rates: terms.taxes.get(taxClass) ?? noRates,
  }))
  const { shipping } = terms
  const taxes = assess(
    shipping
      ? [
          ...entries,
          { amount: shippingAmount, rates: terms.taxes.get(shipping.taxClass) ?? noRates },
        ]
      : entries,
    terms.how,
  )
  const added = terms.how.pricesIncludeTax ? 0 : sum(taxes.map(amountOf))
  const totalAmount = exact(sum(left) + shippingAmount + added)
  return { chosen, applied, left, shippingAmount, taxes, totalAmount }
}

function toQuote<Item extends QuoteItem>(
  items: readonly Item[],
  places: readonly number[],
  lines: readonly Promoted[],
  terms: Terms,
  best: Reckoning,
  refused: readonly RefusedCode[],
): Quote<Item> {
  const taxed = (taxes: readonly TaxLine[]) => {
    const amount = amountOf(taxes)
    return terms.how.pricesIncludeTax
      ? { taxAmount: 0, includedTaxAmount: amount }
      : { taxAmount: amount, includedTaxAmount: 0 }
  }
  const quoted = items.map((item, index): QuoteLine<Item> => {
    const place = places.indexOf(index)
    const lineAmount = lines[place]?.lineAmount ?? 0
    const taxes = best.taxes[place] ?? []
    const discountAmount = lineAmount - (best.left[place] ?? 0)
    return { ...item, lineAmount, discountAmount, ...taxed(taxes), taxes }
  })
  const shippingTaxes = best.taxes[lines.length] ?? []
  const shipping = terms.shipping
    ? {
        methodId: terms.shipping.methodId,
        name: terms.shipping.name,
        baseAmount: terms.shipping.amount,
        amount: best.shippingAmount,
        ...taxed(shippingTaxes),
        taxes: shippingTaxes,
      }
    : null
  const all = [...quoted, ...(shipping ? [shipping] : [])]
  const priced = {
    lines: quoted,
    subtotalAmount: sum(quoted.map(({ lineAmount }) => lineAmount)),
    discountAmount: sum(quoted.map(({ discountAmount }) => discountAmount)),
    shippingAmount: best.shippingAmount,
    taxAmount: sum(all.map(({ taxAmount }) => taxAmount)),
    includedTaxAmount: sum(all.map(({ includedTaxAmount }) => includedTaxAmount)),
    totalAmount: best.totalAmount,
    shipping,
    promotions: best.applied.map(({ promotion: { id, code, name }, amount }) => ({
      promotionId: id,
      code,
      name,
      discountAmount: amount,
    })),
    refused: refused.toSorted((a, b) => (a.code < b.code ? -1 : 1)),
  }
  return { ...priced, explain: steps(priced, terms) }
}

function steps(priced: Omit<Quote, "explain">, terms: Terms): Step[] {
  const { currency } = terms.facts
  const { how } = terms
  const money = (amount: number) => `${toDecimal(amount, currency)} ${currency}`
  const taxSteps = (of: string, amount: number, taxes: readonly TaxLine[]): Step[] =>
    taxes.map(({ name, rate, amount: tax }) => ({
      kind: "tax",
      detail: how.pricesIncludeTax
        ? `${name} ${rate} %, ${money(tax)}, is in the ${money(amount)} of ${of}`
        : `${name} ${rate} % on the ${money(amount)} of ${of}`,
      amount: how.pricesIncludeTax ? 0 : tax,
    }))
  const { lines, shipping } = priced
  const nameOf = (line: QuoteItem) => line.name ?? line.variantId
  const taxes = [
    ...lines.flatMap((line) =>
      taxSteps(nameOf(line), line.lineAmount - line.discountAmount, line.taxes),
    ),
    ...(shipping ? taxSteps(shipping.name, shipping.amount, shipping.taxes) : []),
  ]
  const where = how.level === "line" ? "once a line" : "once for the order, and split over it"
  return [
    ...lines.map((line): Step => ({
      kind: "line",
      detail: `${line.quantity} × ${nameOf(line)} at ${money(line.unitAmount)}`,
      amount: line.lineAmount,
    })),
    ...priced.promotions.map(({ name, code, discountAmount }): Step => ({
      kind: "promotion",
      detail: code === null ? name : `${name} (${code})`,
      amount: 0 - discountAmount,
    })),
    ...priced.refused.map(({ code, detail }): Step => ({
      kind: "promotion",
      detail: `${code} does nothing. ${detail}`,
      amount: 0,
    })),
    ...(shipping
      ? [{ kind: "shipping" as const, detail: shipping.name, amount: shipping.baseAmount }]
      : []),
    ...taxes,
    ...(taxes.length > 0
      ? [
          {
            kind: "rounding" as const,
            detail: `Taxes are rounded ${how.rounding}, ${where}`,
            amount: 0,
          },
        ]
      : []),
    { kind: "total", detail: "To pay", amount: priced.totalAmount },
  ]
}

function toPromoted(item: QuoteItem): Promoted {
  return {
    variantId: item.variantId,
    productId: item.productId ?? item.variantId,
    brandId: item.brandId ?? null,
    categoryPath: item.categoryPath ?? null,
    taxClass: item.taxClass ?? "standard",
    unitAmount: item.unitAmount,
    quantity: item.quantity,
    lineAmount: exact(item.unitAmount * item.quantity),
  }
}

function inOrder(a: Promotion, b: Promotion): number {
  return a.priority - b.priority || (a.id < b.id ? -1 : 1)
}

function compare(a: QuoteItem | undefined, b: QuoteItem | undefined): number {
  if (!a || !b) return 0
  if (a.variantId !== b.variantId) return a.variantId < b.variantId ? -1 : 1
  return a.unitAmount - b.unitAmount || a.quantity - b.quantity
}

function amountOf(taxes: readonly TaxLine[]): number {
  return sum(taxes.map(({ amount }) => amount))
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((all, amount) => exact(all + amount), 0)
}

function exact(amount: number): number {
  if (!Number.isSafeInteger(amount)) throw new RangeError(`${amount} is beyond exact integers`)
  return amount
}
