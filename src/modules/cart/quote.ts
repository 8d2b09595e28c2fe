import type { Id } from "#lib/id.ts"

/** What is to be priced: a variant at its price now. Amounts are minor units of one currency. */
export type QuoteInput = { variantId: Id<"variant">; unitAmount: number; quantity: number }

/** A priced line. `lineAmount` is before its discount and tax. */
export type QuoteLine = QuoteInput & {
  lineAmount: number
  discountAmount: number
  taxAmount: number
}

/** `total = subtotal − discount + shipping + tax`, exactly, and never below zero. */
export type Quote = {
  lines: QuoteLine[]
  subtotalAmount: number
  discountAmount: number
  shippingAmount: number
  taxAmount: number
  totalAmount: number
}

/**
 * What things cost together, in minor units. A shop without promotions, tax rules and shipping methods has none of
 * the three: the total is the sum of the lines.
 * @throws RangeError when an amount is no exact integer any more
 */
export function quote(inputs: readonly QuoteInput[]): Quote {
  const lines = inputs.map((line) => ({
    ...line,
    lineAmount: exact(line.unitAmount * line.quantity),
    discountAmount: 0,
    taxAmount: 0,
  }))
  const sum = (of: (line: QuoteLine) => number) =>
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
    totalAmount: exact(subtotalAmount - discountAmount + shippingAmount + taxAmount),
  }
}

function exact(amount: number): number {
  if (!Number.isSafeInteger(amount)) throw new RangeError(`${amount} is beyond exact integers`)
  return amount
}
