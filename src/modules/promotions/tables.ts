import { sql } from "drizzle-orm"
import { check, index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core"

import type { Id } from "#lib/id.ts"

import type { Action, Condition } from "./discount.ts"

/**
 * Promotions, automatic or asked for by a code. Amounts in conditions and actions are minor units. `used` counts the
 * orders that have it now, `discountedAmount` what it took off them; a cancelled order gives both back. The CHECK is
 * what holds the limit: of two orders that take the last use the second is rolled back whole.
 */
export const promotions = sqliteTable(
  "promotions",
  {
    id: text().$type<Id<"promotion">>().primaryKey(),
    name: text().notNull(),
    description: text().notNull(),
    status: text({ enum: ["active", "inactive", "archived"] }).notNull(),
    /** What it is asked for by; NULL for an automatic one, and for one that has a batch of codes only. */
    code: text(),
    isAutomatic: integer({ mode: "boolean" }).notNull(),
    priority: integer().notNull(),
    isCombinable: integer({ mode: "boolean" }).notNull(),
    conditions: text({ mode: "json" }).$type<Condition[]>().notNull(),
    action: text({ mode: "json" }).$type<Action>().notNull(),
    startsAt: text(),
    endsAt: text(),
    usageLimit: integer(),
    usageLimitPerCustomer: integer(),
    used: integer().notNull(),
    discountedAmount: integer().notNull(),
    /** Counts what staff change of it; uses are not among that. */
    version: integer().notNull().default(1),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    index("promotions_created").on(t.createdAt, t.id),
    index("promotions_status").on(t.status, t.createdAt, t.id),
    index("promotions_automatic").on(t.isAutomatic, t.status, t.priority, t.id),
    check("promotions_uses_left", sql`used <= usage_limit`),
    check("promotions_used", sql`used >= 0`),
  ],
)

/** What promotions are asked for by, in upper case: the code of each, and those of batches, which have limits of their own. */
export const promotionCodes = sqliteTable(
  "promotion_codes",
  {
    code: text().primaryKey(),
    promotionId: text()
      .$type<Id<"promotion">>()
      .notNull()
      .references(() => promotions.id),
    usageLimit: integer(),
    used: integer().notNull(),
    createdAt: text().notNull(),
  },
  (t) => [
    index("promotion_codes_promotion").on(t.promotionId, t.code),
    check("promotion_codes_uses_left", sql`used <= usage_limit`),
  ],
)

/**
 * How often a customer has used a promotion: under the account's id and under the e-mail address, so that an account
 * and orders as a guest count together. `usageLimit` is the promotion's, per customer, as of the last use.
 */
export const promotionCustomers = sqliteTable(
  "promotion_customers",
  {
    promotionId: text().$type<Id<"promotion">>().notNull(),
    customer: text().notNull(),
    usageLimit: integer(),
    used: integer().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.promotionId, t.customer] }),
    index("promotion_customers_customer").on(t.customer),
    check("promotion_customers_uses_left", sql`used <= usage_limit`),
  ],
)

/** Which orders have used which promotions; `givenBackAt`: the order was cancelled, and the use no longer counts. */
export const promotionUses = sqliteTable(
  "promotion_uses",
  {
    orderId: text().$type<Id<"order">>().notNull(),
    promotionId: text()
      .$type<Id<"promotion">>()
      .notNull()
      .references(() => promotions.id),
    code: text(),
    userId: text().$type<Id<"user">>(),
    email: text().notNull(),
    discountAmount: integer().notNull(),
    createdAt: text().notNull(),
    givenBackAt: text(),
  },
  (t) => [
    primaryKey({ columns: [t.orderId, t.promotionId] }),
    index("promotion_uses_promotion").on(t.promotionId, t.createdAt),
  ],
)
