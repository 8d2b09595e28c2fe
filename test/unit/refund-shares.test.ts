import fc from "fast-check"
import { describe, expect, it } from "vitest"

import { partsOf, shippingTaxOf, splitOf, taxOf } from "#modules/orders/refund-shares.ts"
import { shippingOf } from "#modules/orders/return-shares.ts"

const amount = (max = 100_000) => fc.integer({ min: 0, max })

/** An order of which everything was paid; prices with tax or without. */
const paidOrder = fc
  .record({
    goods: amount(),
    shipping: amount(5000),
    goodsTax: amount(20_000),
    shippingTax: amount(1000),
    isIncluded: fc.boolean(),
  })
  .map(({ goods, shipping, goodsTax, shippingTax, isIncluded }) => {
    const tax = goodsTax + shippingTax
    const includes = isIncluded && tax > 0
    const totalAmount = goods + shipping + tax
    return {
      totalAmount,
      shippingAmount: includes ? shipping + shippingTax : shipping,
      shippingTaxAmount: shippingTax,
      taxAmount: includes ? 0 : tax,
      includedTaxAmount: includes ? tax : 0,
      paidAmount: totalAmount,
      reducedAmount: 0,
    }
  })

/** How much of what is left goes back each time, in thousandths, and what of it is wanted as tax and shipping. */
const pieces = fc.array(
  fc.record({
    part: fc.integer({ min: 0, max: 1000 }),
    wanted: fc.option(fc.record({ taxAmount: amount(5000), shippingAmount: amount(5000) })),
  }),
  { maxLength: 12 },
)

describe("what of a refund is tax, and what shipping", () => {
  it("adds up to the order's own, in however many pieces all of it goes back", () => {
    fc.assert(
      fc.property(paidOrder, pieces, (order, given) => {
        const { tax, shipping, goods } = partsOf(order)
        const back = { amount: 0, taxAmount: 0, shippingAmount: 0 }
        for (const { part, wanted } of [...given, { part: 1000, wanted: null }]) {
          const piece = Math.floor(((order.totalAmount - back.amount) * part) / 1000)
          const split = splitOf(order, { ...back }, piece, wanted ?? undefined)
          expect(Math.min(split.taxAmount, split.shippingAmount)).toBeGreaterThanOrEqual(0)
          expect(split.taxAmount + split.shippingAmount).toBeLessThanOrEqual(piece)
          back.amount += piece
          back.taxAmount += split.taxAmount
          back.shippingAmount += split.shippingAmount
          const goodsBack = back.amount - back.taxAmount - back.shippingAmount
          expect(back.taxAmount <= tax && back.shippingAmount <= shipping).toBe(true)
          expect(goodsBack).toBeLessThanOrEqual(goods)
        }
        expect(back).toEqual({
          amount: order.totalAmount,
          taxAmount: tax,
          shippingAmount: shipping,
        })
      }),
    )
  })

  it("adds up to a line's, and to the shipping's, piece by piece", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 }),
        amount(9999),
        paidOrder,
        (counts, taxAmount, order) => {
          const quantity = counts.reduce((sum, count) => sum + count, 0)
          let returnedQuantity = 0
          let tax = 0
          for (const count of counts) {
            tax += taxOf({ quantity, returnedQuantity, taxAmount, includedTaxAmount: 0 }, count)
            returnedQuantity += count
          }
          expect(tax).toBe(taxAmount)
          const whole = shippingOf(order)
          const first = Math.floor(whole / 3)
          const taxes = [shippingTaxOf(order, 0, first), shippingTaxOf(order, first, whole - first)]
          expect(taxes.reduce((sum, one) => sum + one)).toBe(
            whole > 0 ? order.shippingTaxAmount : 0,
          )
        },
      ),
    )
  })

  it("leaves out what was paid too much, and what went back because the order shrank", () => {
    const order = {
      totalAmount: 1200,
      shippingAmount: 0,
      shippingTaxAmount: 0,
      taxAmount: 200,
      includedTaxAmount: 0,
      paidAmount: 2000,
      reducedAmount: 300,
    }
    const before = { amount: 300, taxAmount: 0, shippingAmount: 0 }
    // 500 were paid too much: they go back first, and hold no tax.
    expect(splitOf(order, before, 500)).toEqual({ taxAmount: 0, shippingAmount: 0 })
    expect(splitOf(order, before, 1100)).toEqual({ taxAmount: 100, shippingAmount: 0 })
    expect(splitOf(order, { ...before, amount: 800 }, 1200)).toEqual({
      taxAmount: 200,
      shippingAmount: 0,
    })
  })
})
