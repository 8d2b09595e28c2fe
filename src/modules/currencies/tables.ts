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
import { stepRoundings } from "#lib/money.ts"
import { variants } from "#modules/catalog/tables.ts"

import { rateSources as sources } from "./exchange.ts"

/**
 * The currencies that prices are shown and paid in beside the shop's own. `increment`: converted prices are multiples of
 * it, in minor units. A rate older than `maxAgeHours` prices nothing; `marginBasisPoints` are added to it.
 */
export const currencies = sqliteTable(
  "currencies",
  {
    code: text().primaryKey(),
    isEnabled: integer({ mode: "boolean" }).notNull(),
    /** Whose rates it goes by. */
    source: text({ enum: sources }).notNull(),
    increment: integer().notNull(),
    rounding: text({ enum: stepRoundings }).notNull(),
    maxAgeHours: integer().notNull(),
    marginBasisPoints: integer().notNull(),
    /** Counts what staff change of it. */
    version: integer().notNull().default(1),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    index("currencies_created").on(t.createdAt, t.code),
    check("currencies_increment", sql`increment > 0`),
    check("currencies_margin", sql`margin_basis_points BETWEEN 0 AND 10000`),
  ],
)

/**
 * Every rate there ever was: units of `currency` for one of `base`, a decimal. Rows are added, never changed. Of a day
 * a provider has one rate; staff may set as many as they like.
 */
export const exchangeRates = sqliteTable(
  "exchange_rates",
  {
    id: text().$type<Id<"exchangeRate">>().primaryKey(),
    source: text({ enum: sources }).notNull(),
    base: text().notNull(),
    currency: text().notNull(),
    rate: text().notNull(),
    asOf: text().notNull(),
    actor: text().notNull(),
    createdAt: text().notNull(),
  },
  (t) => [
    uniqueIndex("exchange_rates_once")
      .on(t.currency, t.source, t.base, t.asOf)
      .where(sql`source <> 'manual'`),
    index("exchange_rates_as_of").on(t.asOf, t.id),
    index("exchange_rates_currency").on(t.currency, t.asOf, t.id),
  ],
)

/** The newest of `exchange_rates`, of each source. */
export const latestRates = sqliteTable(
  "latest_rates",
  {
    source: text({ enum: sources }).notNull(),
    base: text().notNull(),
    currency: text().notNull(),
    rate: text().notNull(),
    asOf: text().notNull(),
  },
  (t) => [primaryKey({ columns: [t.currency, t.source, t.base] })],
)

/** What is known of each provider: how new its rates are, and when it was asked last. */
export const rateProviders = sqliteTable("rate_providers", {
  source: text({ enum: sources }).primaryKey(),
  asOf: text(),
  triedAt: text().notNull(),
})

/** Prices that are not converted: in one currency, while the list holds. Of several the one that began last counts. */
export const priceLists = sqliteTable(
  "price_lists",
  {
    id: text().$type<Id<"priceList">>().primaryKey(),
    name: text().notNull(),
    currency: text().notNull(),
    isActive: integer({ mode: "boolean" }).notNull(),
    startsAt: text(),
    endsAt: text(),
    /** Counts what staff change of it; prices on it are not among that. */
    version: integer().notNull().default(1),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    index("price_lists_created").on(t.createdAt, t.id),
    index("price_lists_currency").on(t.currency, t.createdAt, t.id),
  ],
)

/** What a variant costs by a price list, in minor units of its currency. A product itself is the variant of its id. */
export const priceListEntries = sqliteTable(
  "price_list_entries",
  {
    listId: text()
      .$type<Id<"priceList">>()
      .notNull()
      .references(() => priceLists.id, { onDelete: "cascade" }),
    variantId: text()
      .$type<Id<"variant">>()
      .notNull()
      .references(() => variants.id, { onDelete: "cascade" }),
    amount: integer().notNull(),
    compareAtAmount: integer(),
    updatedAt: text().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.listId, t.variantId] }),
    index("price_list_entries_variant").on(t.variantId),
    check("price_list_entries_amount", sql`amount > 0`),
  ],
)
