import { proportion } from "#lib/money.ts"

import type { ReturnStatus } from "./return-status.ts"

/** What of a line counts when it comes back. Amounts in minor units. */
type Line = {
  quantity: number
  fulfilledQuantity: number
  returnedQuantity: number
  lineAmount: number
  discountAmount: number
  taxAmount: number
}

/** What of an order counts beside its lines. */
type Terms = {
  shippingAmount: number
  shippingTaxAmount: number
  includedTaxAmount: number
}

/**
 * What was paid for the next `count` units of a line that come back, its discount and the tax added to it in
 * proportion. However a line is sent back, in one go or piece by piece, the parts add up to what it cost.
 */
export function shareOf(line: Line, count: number): number {
  const paid = line.lineAmount - line.discountAmount + line.taxAmount
  const upTo = (units: number) => proportion(paid, units, line.quantity)
  return upTo(line.returnedQuantity + count) - upTo(line.returnedQuantity)
}

/** What was paid for an order's shipping, with the tax added to it. Lines and shipping together are the order's total. */
export function shippingOf(order: Terms): number {
  // Tax is added everywhere or included everywhere: one of an order's two taxes is zero.
  return order.shippingAmount + (order.includedTaxAmount > 0 ? 0 : order.shippingTaxAmount)
}

/** A line of a return, and how the return stands. */
type Asked = { status: ReturnStatus; quantity: number }

/** How many units of a line can still be asked to come back: those that were sent, less those that did or are to. */
export function returnable(line: Line, asked: readonly Asked[]): number {
  const underway = asked
    .filter(({ status }) => status === "requested" || status === "approved")
    .reduce((sum, { quantity }) => sum + quantity, 0)
  return Math.max(0, line.fulfilledQuantity - line.returnedQuantity - underway)
}
