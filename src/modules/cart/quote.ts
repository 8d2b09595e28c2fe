import type { Step, TaxLine } from "#lib/explain.ts"
import type { Id } from "#lib/id.ts"

/** What is to be priced: a variant at its price now. Amounts are minor units of one currency. */
export type QuoteItem = { variantId: Id<"variant">; unitAmount: number; quantity: number }

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

/** A promotion that took something off. `code` is null for an automatic one; `discountAmount` is of lines and shipping together. */
export type AppliedPromotion = {
  promotionId: string
  code: string | null
  name: string
  discountAmount: number
}

/** A code that was asked for and did nothing, and why, for people. */
export type RefusedCode = { code: string; reason: string; detail: string }

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

/**
 * What things cost together, in minor units: a shop without promotions, tax rules and shipping methods has none of
 * the three.
 * @throws RangeError when an amount is no exact integer any more
 */
export function quote<Item extends QuoteItem>(items: readonly Item[]): Quote<Item> {
  const lines = items.map((line) => ({
    ...line,
    lineAmount: exact(line.unitAmount * line.quantity),
    discountAmount: 0,
    taxAmount: 0,
    includedTaxAmount: 0,
    taxes: [],
  }))
  const sum = (of: (line: QuoteLine<Item>) => number) =>
    exact(lines.reduce((all, line) => all + of(line), 0))
  const subtotalAmount = sum((line) => line.lineAmount)
  const discountAmount = sum((line) => line.discountAmount)
  const taxAmount = sum((line) => line.taxAmount)
  const shippingAmount = 0
  return {
    lines,
    subtotalAmount,
    discountAmount,
    shippingAmount,
    taxAmount,
    includedTaxAmount: 0,
    totalAmount: exact(subtotalAmount - discountAmount + shippingAmount + taxAmount),
    shipping: null,
    promotions: [],
    refused: [],
    explain: [],
  }
}

function exact(amount: number): number {
  if (!Number.isSafeInteger(amount)) throw new RangeError(`${amount} is beyond exact integers`)
  return amount
}
