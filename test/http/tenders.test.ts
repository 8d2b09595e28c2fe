import { afterEach, describe, expect, it, vi } from "vitest"

import { call } from "../support/api.ts"
import { creditOf, expectSound, giftCard, grant, left, pay, paymentsOf } from "../support/credit.ts"
import { ctx } from "../support/ctx.ts"
import { standUp } from "../support/gateways/fake-fetch.ts"
import * as make from "../support/make.ts"
import {
  countOf,
  deliverAll,
  fieldsOf,
  move,
  order,
  roundTrips,
  rows,
  settleAll,
  stockOf,
  tally,
} from "../support/shop.ts"
import { expireUnpaid } from "#modules/checkout/expiry.ts"

afterEach(expectSound)

/** A customer, a member of the staff and a product of 10.00, of which there are 40. */
async function people() {
  const [buyer, staff] = [await make.user(), await make.user("staff")]
  const cap = await make.product({ name: "Cap", price: "10.00", stock_quantity: 40 })
  const items = (quantity: number) => [{ product_id: cap.id, quantity }]
  return { buyer, staff, cap, items }
}

describe("a gift card of 50.00", () => {
  it("hit by 20 orders of 10.00 at once pays exactly 5", async () => {
    const { cap, items } = await people()
    const { code } = await giftCard()
    const buyers = await Promise.all(Array.from({ length: 20 }, () => make.user()))
    const answers = await Promise.all(
      buyers.map((buyer) => order(items(1), buyer, { gift_cards: [code] })),
    )
    const counts = tally(answers)
    expect(counts["201"]).toBe(5)
    expect((counts["409 credit-changed"] ?? 0) + (counts["400 gift-card-not-valid"] ?? 0)).toBe(15)
    expect(await left(code)).toBe("0.00")
    expect(await rows("SELECT status, payment_status, paid_amount FROM orders")).toEqual(
      Array.from({ length: 5 }, () => ({
        status: "confirmed",
        payment_status: "paid",
        paid_amount: 1000,
      })),
    )
    await settleAll()
    expect(await stockOf(cap.id)).toEqual({ onHand: 35, held: 0, available: 35 })
  })

  it("hit by 20 payments of 10.00 at once, of 20 orders, pays exactly 5", async () => {
    const { buyer, items } = await people()
    const { code } = await giftCard()
    const orders = []
    for (let n = 0; n < 20; n++) orders.push((await order(items(1), buyer)).body.id)
    const answers = await Promise.all(orders.map((id) => pay(id, { gift_card: code }, buyer)))
    expect(tally(answers)["201"]).toBe(5)
    expect(await left(code)).toBe("0.00")
    expect(await rows("SELECT count(*) AS n FROM orders WHERE status = 'confirmed'")).toEqual([
      { n: 5 },
    ])
  })
})
