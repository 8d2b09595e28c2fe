import { and, type SQL } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { invalid } from "#errors.ts"
import { fromDecimal, toDecimal } from "#lib/money.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import type { EntryRow } from "./entries.ts"
import type { CreditEntry, CreditEntryQuery } from "./model.ts"
import { creditEntries } from "./tables.ts"

/** A page of the movements that `filter` picks, the newest first; who calls has asked whose they are. @throws `invalid-page` */
export async function entriesOf(
  ctx: Ctx,
  query: CreditEntryQuery,
  filter: SQL,
): Promise<Page<CreditEntry>> {
  const page = await readPage<EntryRow>(ctx, query, {
    orderings: { created_at: { by: creditEntries.createdAt, of: (row) => row.createdAt } },
    fallback: "-created_at",
    id: { by: creditEntries.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(creditEntries)
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db.select({ id: creditEntries.id }).from(creditEntries).where(filter).getSQL(),
  })
  return mapPage(page, toEntry)
}

/** A signed amount from the wire, in minor units, for a balance of this. @throws `invalid-input` naming `delta` */
export function deltaFrom(text: string, currency: string, balance: number): number {
  const size = fromDecimal(text.replace(/^[+-]/, ""), currency)
  const fail = (detail: string) => invalid({ field: "delta", detail, code: "invalid" })
  if (size === undefined || size === 0) throw fail(`An amount of ${currency} is required.`)
  if (!text.startsWith("-")) return size
  if (size > balance) throw fail(`At most ${toDecimal(balance, currency)} can be taken away.`)
  return -size
}

/** A movement on the wire. */
export function toEntry(row: EntryRow): CreditEntry {
  const money = (amount: number) =>
    amount < 0 ? `-${toDecimal(-amount, row.currency)}` : toDecimal(amount, row.currency)
  return {
    id: row.id,
    kind: row.kind,
    amount: money(row.amount),
    balance: money(row.balanceAmount),
    currency: row.currency,
    reason: row.reason,
    order: row.reference,
    created_at: row.createdAt,
  }
}
