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

import type { Id } from "#lib/id.ts"

import { entryKinds } from "./entry.ts"

/**
 * Gift cards. Of a code there is only its SHA-256, and its last four characters for people. `balanceAmount`, in minor
 * units of `currency`, is the sum of the card's entries; the CHECK is what keeps it from being spent twice.
 */
export const giftCards = sqliteTable(
  "gift_cards",
  {
    id: text().$type<Id<"giftCard">>().primaryKey(),
    codeHash: text().notNull(),
    last4: text().notNull(),
    currency: text().notNull(),
    initialAmount: integer().notNull(),
    balanceAmount: integer().notNull(),
    status: text({ enum: ["active", "disabled"] }).notNull(),
    expiresAt: text(),
    /** Whom its code is mailed to. */
    recipientEmail: text(),
    /** What is written to them. */
    message: text().notNull(),
    /** For staff. */
    note: text().notNull(),
    version: integer().notNull(),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    uniqueIndex("gift_cards_code").on(t.codeHash),
    index("gift_cards_created").on(t.createdAt, t.id),
    index("gift_cards_status").on(t.status, t.createdAt, t.id),
    index("gift_cards_last4").on(t.last4, t.createdAt, t.id),
    index("gift_cards_recipient").on(t.recipientEmail, t.createdAt, t.id),
    check("gift_cards_balance", sql`balance_amount >= 0`),
    check("gift_cards_initial", sql`initial_amount > 0`),
  ],
)

/** What accounts have with the shop, in minor units of each currency: the sum of their entries, never below zero. */
export const storeCredits = sqliteTable(
  "store_credits",
  {
    userId: text().$type<Id<"user">>().notNull(),
    currency: text().notNull(),
    balanceAmount: integer().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.userId, t.currency] }),
    check("store_credits_balance", sql`balance_amount >= 0`),
  ],
)

/**
 * Every movement of a gift card, or of an account's store credit: rows are added, never changed. `key` says what for,
 * once. `amount`: minor units, below zero where it is spent; `balanceAmount`: what was there afterwards.
 */
export const creditEntries = sqliteTable(
  "credit_entries",
  {
    id: text().$type<Id<"creditEntry">>().primaryKey(),
    key: text().notNull(),
    giftCardId: text()
      .$type<Id<"giftCard">>()
      .references(() => giftCards.id),
    userId: text().$type<Id<"user">>(),
    currency: text().notNull(),
    kind: text({ enum: entryKinds }).notNull(),
    amount: integer().notNull(),
    balanceAmount: integer().notNull(),
    reason: text().notNull(),
    /** What it paid for, or was paid for: an order's id. */
    reference: text(),
    actor: text().notNull(),
    createdAt: text().notNull(),
  },
  (t) => [
    uniqueIndex("credit_entries_key").on(t.key),
    index("credit_entries_gift_card").on(t.giftCardId, t.createdAt, t.id),
    index("credit_entries_user").on(t.userId, t.createdAt, t.id),
    check("credit_entries_amount", sql`amount <> 0`),
    check("credit_entries_owner", sql`(gift_card_id IS NULL) <> (user_id IS NULL)`),
  ],
)
