import { sql } from "drizzle-orm"
import { check, index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core"

import type { Id } from "#lib/id.ts"

/**
 * Tax rates by class and area. `country` is `*` for the whole world; `state` and `postalPrefix` are empty for all.
 * Of those with one `priority` the closest area counts; different priorities add up. `ratePpm`: 88 750 = 8.875 %.
 */
export const taxRates = sqliteTable(
  "tax_rates",
  {
    id: text().$type<Id<"taxRate">>().primaryKey(),
    name: text().notNull(),
    taxClass: text().notNull(),
    country: text().notNull(),
    state: text().notNull(),
    postalPrefix: text().notNull(),
    priority: integer().notNull(),
    ratePpm: integer().notNull(),
    isCompound: integer({ mode: "boolean" }).notNull(),
    /** Counts what staff change of it. */
    version: integer().notNull().default(1),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    uniqueIndex("tax_rates_area").on(t.country, t.state, t.postalPrefix, t.taxClass, t.priority),
    index("tax_rates_created").on(t.createdAt, t.id),
    check("tax_rates_rate", sql`rate_ppm BETWEEN 0 AND 1000000`),
  ],
)
