import fc from "fast-check"
import { describe, expect, it } from "vitest"

import type { Id } from "#lib/id.ts"
import { type Fund, tendered, tendersOf } from "#modules/credit/entry.ts"

const card = (balance: number): Fund => ({
  method: "gift_card",
  giftCardId: `gft_${balance}` as Id<"giftCard">,
  last4: "0F1G",
  balance,
})
const account = (balance: number): Fund => ({
  method: "store_credit",
  userId: "usr_1" as Id<"user">,
  balance,
})
const amounts = (total: number, funds: Fund[]) =>
  tendersOf(total, funds).map(({ method, amount }) => [method, amount])

describe("what funds pay of a total", () => {
  it("is all that each has, in their order, until nothing is left", () => {
    expect(amounts(3000, [card(500), card(700), account(5000)])).toEqual([
      ["gift_card", 500],
      ["gift_card", 700],
      ["store_credit", 1800],
    ])
    expect(amounts(400, [card(500), account(5000)])).toEqual([["gift_card", 400]])
    expect(amounts(400, [card(0), account(100)])).toEqual([["store_credit", 100]])
    expect(amounts(0, [card(500)])).toEqual([])
  })

  it("never comes to more than the total, nor than there is, and leaves nothing that could be paid", () => {
    const balances = fc.array(fc.nat(100_000), { maxLength: 11 })
    fc.assert(
      fc.property(fc.nat(500_000), balances, (total, all) => {
        const tenders = tendersOf(total, all.map(card))
        const there = all.reduce((sum, balance) => sum + balance, 0)
        expect(tendered(tenders)).toBe(Math.min(total, there))
        expect(tenders.every(({ amount }) => amount > 0)).toBe(true)
      }),
    )
  })
})
