import { sql } from "drizzle-orm"
import {
  check,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from "drizzle-orm/sqlite-core"

import type { Account } from "./accounts.ts"

/**
 * The books: each row takes `amount` minor units of `currency` from the account `credit` and gives them to the account
 * `debit`, so that debits and credits are equal by construction. Only ever added to: triggers refuse the rest.
 */
export const ledgerTransfers = sqliteTable(
  "ledger_transfers",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    /** What it is for, once: `capture:<payment>:…`, `refund:<refund>:…`. */
    key: text().notNull(),
    debit: text().$type<Account>().notNull(),
    credit: text().$type<Account>().notNull(),
    amount: integer().notNull(),
    currency: text().notNull(),
    /** Whose books it belongs to: an order's id, a gift card's… */
    reference: text().notNull(),
    createdAt: text().notNull(),
  },
  (t) => [
    uniqueIndex("ledger_transfers_key").on(t.key),
    index("ledger_transfers_reference").on(t.reference, t.id),
    index("ledger_transfers_debit").on(t.debit, t.id),
    index("ledger_transfers_credit").on(t.credit, t.id),
    index("ledger_transfers_created").on(t.createdAt),
    check("ledger_transfers_amount", sql`amount > 0`),
    check("ledger_transfers_accounts", sql`debit <> credit`),
  ],
)

/**
 * What the transfers come to: by day (UTC; `all`: ever), account and currency. Kept by a trigger on `ledger_transfers`
 * (migrations/*_ledger.sql). The balance of an account is its debits less its credits.
 */
export const ledgerBalances = sqliteTable(
  "ledger_balances",
  {
    period: text().notNull(),
    account: text().$type<Account>().notNull(),
    currency: text().notNull(),
    debitAmount: integer().notNull(),
    creditAmount: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.period, t.account, t.currency] })],
)
