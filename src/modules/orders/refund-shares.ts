import { allocate, proportion } from "#lib/money.ts"

import { shippingOf } from "./return-shares.ts"

/** What of an order's amounts, or of a line's, counts when money goes back. Minor units. */
type Order = {
  totalAmount: number
  shippingAmount: number
  shippingTaxAmount: number
  taxAmount: number
  includedTaxAmount: number
  paidAmount: number
  reducedAmount: number
}
type Line = {
  quantity: number
  returnedQuantity: number
  taxAmount: number
  includedTaxAmount: number
}

/** What of an amount is tax, and what shipping before tax; the rest is goods. */
type Split = { taxAmount: number; shippingAmount: number }

/** What refunds come to. */
type Back = Split & { amount: number }

/** An order's total in parts: goods and shipping before tax, and the tax of both, wherever the prices have it. */
export function partsOf(order: Order): { goods: number; shipping: number; tax: number } {
  const tax = order.taxAmount + order.includedTaxAmount
  const shipping =
    order.shippingAmount - (order.includedTaxAmount > 0 ? order.shippingTaxAmount : 0)
  return { goods: order.totalAmount - shipping - tax, shipping, tax }
}

/**
 * What is tax and what shipping of `amount` that goes back. `wanted`: what it should be, by the lines that come back;
 * absent: all that is left of the order in proportion. Never more than there is left of each, and in however many
 * pieces an order goes back, the parts add up to its own: the last piece takes the rest. `before`: what went back
 * already; of it, what was paid beyond the total or went back because the order shrank is no part of it.
 */
export function splitOf(order: Order, before: Back, amount: number, wanted?: Split): Split {
  const parts = partsOf(order)
  const surplus = Math.max(0, order.paidAmount - order.reducedAmount - order.totalAmount)
  const counted = before.amount - order.reducedAmount
  const surplusLeft = Math.max(0, surplus - Math.max(0, counted))
  const owed = Math.max(0, amount - surplusLeft)
  const goodsBack = Math.max(0, counted - surplus) - before.taxAmount - before.shippingAmount
  const left = {
    goods: Math.max(0, parts.goods - goodsBack),
    shipping: Math.max(0, parts.shipping - before.shippingAmount),
    tax: Math.max(0, parts.tax - before.taxAmount),
  }
  if (!wanted) {
    const all = left.goods + left.shipping + left.tax
    const [, shippingAmount = 0, taxAmount = 0] =
      all === 0 ? [] : allocate(Math.min(owed, all), [left.goods, left.shipping, left.tax])
    return { taxAmount, shippingAmount }
  }
  const taxAmount = Math.min(wanted.taxAmount, left.tax, owed)
  const shippingAmount = Math.min(wanted.shippingAmount, left.shipping, owed - taxAmount)
  // What the goods have no room for was the tax or shipping of others.
  const over = Math.max(0, owed - taxAmount - shippingAmount - left.goods)
  const moreTax = Math.min(over, left.tax - taxAmount)
  const moreShipping = Math.min(over - moreTax, left.shipping - shippingAmount)
  return { taxAmount: taxAmount + moreTax, shippingAmount: shippingAmount + moreShipping }
}

/** The tax in what was paid for the next `count` units of a line that come back: the pieces add up to the line's. */
export function taxOf(line: Line, count: number): number {
  const tax = line.taxAmount + line.includedTaxAmount
  const upTo = (units: number) => proportion(tax, units, line.quantity)
  return upTo(line.returnedQuantity + count) - upTo(line.returnedQuantity)
}

/** The tax in the next `amount` of what was paid for shipping: as `taxOf`, after `used` of it went back. */
export function shippingTaxOf(order: Order, used: number, amount: number): number {
  const whole = shippingOf(order)
  if (whole === 0) return 0
  const upTo = (part: number) => proportion(order.shippingTaxAmount, Math.min(part, whole), whole)
  return upTo(used + amount) - upTo(used)
}
