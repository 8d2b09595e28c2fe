import { and, asc, eq, or, type SQL, sql } from "drizzle-orm"
import type { SQLiteColumn } from "drizzle-orm/sqlite-core"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { signed, toDecimal } from "#lib/money.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import type { Account } from "./accounts.ts"
import type {
  Balance,
  BalanceQuery,
  Balances,
  LedgerTransfer,
  LedgerTransferQuery,
} from "./model.ts"
import { ledgerBalances, ledgerTransfers } from "./tables.ts"

type TransferRow = typeof ledgerTransfers.$inferSelect
type BalanceRow = typeof ledgerBalances.$inferSelect

/** The period that holds all others. */
export const ever = "all"

/** What each account holds, or what a day did to it. @throws `forbidden` */
export async function balances(ctx: Ctx, { date }: BalanceQuery): Promise<Balances> {
  requirePermission(ctx, "orders:read")
  const rows = await ctx.db
    .select()
    .from(ledgerBalances)
    .where(eq(ledgerBalances.period, date ?? ever))
    .orderBy(asc(ledgerBalances.account), asc(ledgerBalances.currency))
  const byCurrency = Map.groupBy(rows, ({ currency }) => currency)
  return {
    is_balanced: [...byCurrency.values()].every(
      (own) => own.reduce((sum, row) => sum + row.debitAmount - row.creditAmount, 0) === 0,
    ),
    results: rows.map(toBalance),
  }
}

/** A page of transfers, newest first. @throws `forbidden`, `invalid-page`, `invalid-input` */
export async function transfers(
  ctx: Ctx,
  query: LedgerTransferQuery,
): Promise<Page<LedgerTransfer>> {
  requirePermission(ctx, "orders:read")
  const { account } = query
  const ofReference =
    query.reference === undefined
      ? undefined
      : sql`${ledgerTransfers.reference} IN (SELECT ${query.reference} UNION ALL SELECT id FROM orders WHERE number = ${query.reference.toUpperCase()})`
  const all = (where: SQL | undefined) => ctx.db.select().from(ledgerTransfers).where(where)
  // Each side by its own index: an OR over both would read the account's whole past.
  const side = (column: SQLiteColumn, where: SQL | undefined) =>
    ctx.db
      .select({ id: ledgerTransfers.id })
      .from(ledgerTransfers)
      .where(and(eq(column, account as Account), ofReference, where))
  const sides = [ledgerTransfers.debit, ledgerTransfers.credit]
  const inOrder = { by: ledgerTransfers.id, of: (row: TransferRow) => row.id }
  const page = await readPage<TransferRow>(ctx, query, {
    orderings: { created_at: inOrder },
    fallback: "-created_at",
    id: inOrder,
    rows: ({ where, orderBy, limit, offset }) => {
      const first = (column: SQLiteColumn) =>
        sql`SELECT id FROM (${side(column, where)
          .orderBy(...orderBy)
          .limit(limit + offset)})`
      const chosen =
        account === undefined || ofReference !== undefined
          ? and(ofReference, where, onEitherSide(account))
          : sql`${ledgerTransfers.id} IN (${sql.join(sides.map(first), sql` UNION ALL `)})`
      return all(chosen)
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset)
    },
    matching:
      account === undefined || ofReference !== undefined
        ? all(and(ofReference, onEitherSide(account))).getSQL()
        : sql.join(
            sides.map((column) => side(column, undefined).getSQL()),
            sql` UNION ALL `,
          ),
  })
  return mapPage(page, toTransfer)
}

function onEitherSide(account: string | undefined): SQL | undefined {
  if (account === undefined) return undefined
  const name = account as Account
  return or(eq(ledgerTransfers.debit, name), eq(ledgerTransfers.credit, name))
}

/** An account on the wire. */
function toBalance({ account, currency, debitAmount, creditAmount }: BalanceRow): Balance {
  return {
    account,
    currency,
    debits: toDecimal(debitAmount, currency),
    credits: toDecimal(creditAmount, currency),
    balance: signed(debitAmount - creditAmount, currency),
  }
}

/** A transfer on the wire. */
function toTransfer(row: TransferRow): LedgerTransfer {
  return {
    id: row.key,
    debit: row.debit,
    credit: row.credit,
    amount: toDecimal(row.amount, row.currency),
    currency: row.currency,
    reference: row.reference,
    created_at: row.createdAt,
  }
}
