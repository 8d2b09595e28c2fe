import { asc, gt, inArray, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { creditEntries, giftCards, storeCredits } from "#modules/credit/tables.ts"

import { type Stretch, stretchLength, stretchOf } from "./check.ts"

/** Gift cards, by id: what lies on them against their movements. */
export async function giftCardBalances(ctx: Ctx, after: string): Promise<Stretch> {
  const page = await ctx.db
    .select({
      id: giftCards.id,
      currency: giftCards.currency,
      balanceAmount: giftCards.balanceAmount,
      sum: sql<number>`coalesce((SELECT sum(amount) FROM credit_entries WHERE gift_card_id = gift_cards.id), 0)`.as(
        "entries",
      ),
    })
    .from(giftCards)
    .where(gt(giftCards.id, after as Id<"giftCard">))
    .orderBy(asc(giftCards.id))
    .limit(stretchLength + 1)
  return stretchOf(page, (card) => differenceOf(card))
}

/** Accounts with store credit, by id: what they have in each currency against its movements. */
export async function accountBalances(ctx: Ctx, after: string): Promise<Stretch> {
  const page = await ctx.db
    .selectDistinct({ id: storeCredits.userId })
    .from(storeCredits)
    .where(gt(storeCredits.userId, after as Id<"user">))
    .orderBy(asc(storeCredits.userId))
    .limit(stretchLength + 1)
  const ids = page.slice(0, stretchLength).map(({ id }) => id)
  const [balances, sums] = await ctx.db.batch([
    ctx.db.select().from(storeCredits).where(inArray(storeCredits.userId, ids)),
    ctx.db
      .select({
        userId: creditEntries.userId,
        currency: creditEntries.currency,
        amount: sql<number>`sum(${creditEntries.amount})`.as("amount"),
      })
      .from(creditEntries)
      .where(inArray(creditEntries.userId, ids))
      .groupBy(creditEntries.userId, creditEntries.currency),
  ])
  const sumOf = new Map(sums.map((row) => [`${row.userId} ${row.currency}`, row.amount]))
  return stretchOf(page, ({ id }) =>
    balances
      .filter(({ userId }) => userId === id)
      .flatMap((row) =>
        differenceOf({ ...row, sum: sumOf.get(`${row.userId} ${row.currency}`) ?? 0 }),
      ),
  )
}

function differenceOf(row: { balanceAmount: number; sum: number; currency: string }): string[] {
  if (row.balanceAmount === row.sum) return []
  const [has, moved] = [row.balanceAmount, row.sum].map((amount) =>
    amount < 0 ? `-${toDecimal(-amount, row.currency)}` : toDecimal(amount, row.currency),
  )
  return [`It has ${has} ${row.currency}, and its movements come to ${moved} ${row.currency}.`]
}
