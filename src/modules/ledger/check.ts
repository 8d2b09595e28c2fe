import { eq, type SQL, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { signed } from "#lib/money.ts"

import { ever } from "./books.ts"
import { ledgerBalances, ledgerTransfers } from "./tables.ts"

/** A balance that is not what its transfers come to, or a currency whose accounts do not come to nothing. */
export type Fault = { subject: string; detail: string }

type Sum = { account: string; currency: string; debits: number; credits: number }

/**
 * Adds up one day of the books anew, the next one after `after`, and compares it with what was kept of it; past the last
 * day, what was kept of all days with what was kept for ever. `next`: the day; null: there is none left.
 */
export async function checkDay(
  ctx: Ctx,
  after: string,
): Promise<{ checked: number; faults: Fault[]; next: string | null }> {
  // After every instant of a day: `T` sorts before `~`.
  const endOf = after === "" ? "" : `${after}~`
  const day = sql<string | null>`(SELECT min(day) FROM (
    SELECT substr(min(created_at), 1, 10) AS day FROM ledger_transfers WHERE created_at > ${endOf}
    UNION ALL SELECT min(period) FROM ledger_balances WHERE period > ${after} AND period < ${ever}))`
  const inDay = sql`${ledgerTransfers.createdAt} >= ${day} AND ${ledgerTransfers.createdAt} < ${day} || '~'`
  const [[step], kept, booked] = await ctx.db.batch([
    ctx.db.select({ day: day.as("day") }).from(sql`(SELECT 1)`),
    selectKept(ctx, sql`${ledgerBalances.period} = ${day}`),
    ctx.db
      .select({
        account: sql<string>`account`,
        currency: sql<string>`currency`,
        debits: sql<number>`sum(debit)`.as("debits"),
        credits: sql<number>`sum(credit)`.as("credits"),
      })
      .from(
        sql`(SELECT debit AS account, currency, amount AS debit, 0 AS credit FROM ledger_transfers WHERE ${inDay}
          UNION ALL SELECT credit, currency, 0, amount FROM ledger_transfers WHERE ${inDay})`,
      )
      .groupBy(sql`1, 2`),
  ])
  if (step?.day !== null && step?.day !== undefined)
    return { ...compared(step.day, kept, booked), next: step.day }
  const [total, days] = await ctx.db.batch([
    selectKept(ctx, eq(ledgerBalances.period, ever)),
    selectKept(ctx, sql`${ledgerBalances.period} < ${ever}`),
  ])
  return { ...compared(ever, total, days), next: null }
}

function selectKept(ctx: Ctx, where: SQL) {
  return ctx.db
    .select({
      account: sql<string>`${ledgerBalances.account}`.as("account"),
      currency: sql<string>`${ledgerBalances.currency}`.as("currency"),
      debits: sql<number>`sum(${ledgerBalances.debitAmount})`.as("debits"),
      credits: sql<number>`sum(${ledgerBalances.creditAmount})`.as("credits"),
    })
    .from(ledgerBalances)
    .where(where)
    .groupBy(sql`1, 2`)
}

function compared(period: string, kept: readonly Sum[], booked: readonly Sum[]) {
  const keyOf = ({ account, currency }: Sum) => `${account} ${currency}`
  const [left, right] = [kept, booked].map((sums) => new Map(sums.map((sum) => [keyOf(sum), sum])))
  const keys = new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])
  const drift = [...keys].flatMap((key): Fault[] => {
    const [is, should] = [left?.get(key), right?.get(key)]
    if (is?.debits === should?.debits && is?.credits === should?.credits) return []
    const said = (sum: Sum | undefined) =>
      sum
        ? `${signed(sum.debits, sum.currency)} less ${signed(sum.credits, sum.currency)}`
        : "nothing"
    return [
      {
        subject: `${period} ${key}`,
        detail: `It is kept as ${said(is)}, and its transfers come to ${said(should)}.`,
      },
    ]
  })
  const tilted = [...Map.groupBy(kept, ({ currency }) => currency)].flatMap(
    ([currency, own]): Fault[] => {
      const sum = own.reduce((all, { debits, credits }) => all + debits - credits, 0)
      return sum === 0
        ? []
        : [
            {
              subject: `${period} ${currency}`,
              detail: `Its accounts come to ${signed(sum, currency)}, and not to nothing.`,
            },
          ]
    },
  )
  return { checked: kept.length, faults: [...drift, ...tilted] }
}
