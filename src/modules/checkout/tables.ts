import { sql } from "drizzle-orm"
import { check, index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core"

import type { Id } from "#lib/id.ts"

/**
 * How many of a product that is limited one customer has, under a CHECK: of orders at once no more than `most` come
 * through. `customer`: SHA-256 of the e-mail address, lower-case: an account's own, a guest's as they gave it.
 */
export const purchaseCounts = sqliteTable(
  "purchase_counts",
  {
    productId: text().$type<Id<"product">>().notNull(),
    customer: text().notNull(),
    quantity: integer().notNull(),
    /** The product's limit as it was with the last order. */
    most: integer().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.productId, t.customer] }),
    check("purchase_counts_limit", sql`quantity >= 0 AND quantity <= most`),
  ],
)

/** What an order counts for in `purchaseCounts`; gone once it is given back. */
export const purchases = sqliteTable(
  "purchases",
  {
    orderId: text().$type<Id<"order">>().notNull(),
    productId: text().$type<Id<"product">>().notNull(),
    customer: text().notNull(),
    quantity: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.orderId, t.productId] })],
)

/**
 * The orders of bulk requests by the caller's own reference: the row stands in the order's batch, so of one reference
 * there is one order, however often and however many at once it is sent.
 */
export const orderReferences = sqliteTable(
  "order_references",
  {
    /** The account that ordered. */
    caller: text().$type<Id<"user">>().notNull(),
    reference: text().notNull(),
    orderId: text().$type<Id<"order">>().notNull(),
    /** SHA-256 of what was asked for. */
    fingerprint: text().notNull(),
    createdAt: text().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.caller, t.reference] }),
    index("order_references_order").on(t.orderId),
  ],
)
