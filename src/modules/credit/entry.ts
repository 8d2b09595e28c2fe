import type { Id } from "#lib/id.ts"

/** What moves a balance. `refunded`: what it paid came back, or what was paid otherwise was given as store credit. */
export const entryKinds = ["issued", "spent", "refunded", "adjusted"] as const
export type EntryKind = (typeof entryKinds)[number]

/** What credit lies on: a gift card, or an account. */
export type Holder =
  | { method: "gift_card"; giftCardId: Id<"giftCard">; last4: string }
  | { method: "store_credit"; userId: Id<"user"> }

/** What can be spent, in minor units. */
export type Fund = Holder & { balance: number }

/** What a holder pays of something, in minor units, above zero. */
export type Tender = Holder & { amount: number }

/** What these funds pay of `total`, in their order, each as much as it has until nothing is left to pay. */
export function tendersOf(total: number, funds: readonly Fund[]): Tender[] {
  let left = total
  return funds.flatMap(({ balance, ...holder }): Tender[] => {
    const amount = Math.min(left, balance)
    left -= amount
    return amount > 0 ? [{ ...holder, amount }] : []
  })
}

/** What tenders come to, in minor units. */
export function tendered(tenders: readonly Pick<Tender, "amount">[]): number {
  return tenders.reduce((sum, { amount }) => sum + amount, 0)
}
