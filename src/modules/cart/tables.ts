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
import { users } from "#modules/users/tables.ts"

/**
 * Carts: of a user, or of whoever holds the token (kept as SHA-256). One open cart each; an ordered one is closed, and
 * so is one whose lines went into another cart.
 */
export const carts = sqliteTable(
  "carts",
  {
    id: text().$type<Id<"cart">>().primaryKey(),
    userId: text()
      .$type<Id<"user">>()
      .references(() => users.id),
    tokenHash: text(),
    status: text({ enum: ["open", "ordered", "merged"] }).notNull(),
    /** Counts the changes of the lines: an order is made of the cart as it was read, or not at all. */
    version: integer().notNull(),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
    /** Where a guest can be written to, as they said. */
    email: text(),
    /** Codes in upper case, in the order they were given. */
    coupons: text({ mode: "json" }).$type<string[]>().notNull().default([]),
    /** When the sweep found it idle; NULL again with the next change. */
    sweptAt: text(),
    /** What its prices are shown in; NULL: the shop's own. */
    currency: text(),
  },
  (t) => [
    uniqueIndex("carts_open_user")
      .on(t.userId)
      .where(sql`status = 'open'`),
    uniqueIndex("carts_open_token")
      .on(t.tokenHash)
      .where(sql`status = 'open'`),
    index("carts_idle")
      .on(t.updatedAt)
      .where(
        sql`status = 'open' AND swept_at IS NULL AND (user_id IS NOT NULL OR email IS NOT NULL)`,
      ),
    index("carts_of_guests")
      .on(t.updatedAt)
      .where(sql`user_id IS NULL AND status <> 'ordered'`),
    index("carts_ordered")
      .on(t.updatedAt)
      .where(sql`status = 'ordered'`),
    index("carts_email")
      .on(t.email)
      .where(sql`email IS NOT NULL`),
    check("carts_owner", sql`(user_id IS NULL) <> (token_hash IS NULL)`),
  ],
)

/** What lies in a cart. `addedAmount`: the price when it was put there, in minor units, to tell that it changed. */
export const cartLines = sqliteTable(
  "cart_lines",
  {
    id: text().$type<Id<"cartLine">>().primaryKey(),
    cartId: text()
      .$type<Id<"cart">>()
      .notNull()
      .references(() => carts.id),
    productId: text().$type<Id<"product">>().notNull(),
    variantId: text().$type<Id<"variant">>().notNull(),
    quantity: integer().notNull(),
    addedAmount: integer().notNull(),
    createdAt: text().notNull(),
  },
  (t) => [
    uniqueIndex("cart_lines_variant").on(t.cartId, t.variantId),
    index("cart_lines_product").on(t.productId),
    check("cart_lines_quantity", sql`quantity BETWEEN 1 AND 999`),
  ],
)

/**
 * What is saved for later, by owner: it outlives the cart. `overflow`: it did not fit when two carts became one.
 */
export const savedItems = sqliteTable(
  "saved_items",
  {
    id: text().$type<Id<"savedItem">>().primaryKey(),
    userId: text()
      .$type<Id<"user">>()
      .references(() => users.id),
    tokenHash: text(),
    productId: text().$type<Id<"product">>().notNull(),
    variantId: text().$type<Id<"variant">>().notNull(),
    quantity: integer().notNull(),
    addedAmount: integer().notNull(),
    overflow: integer({ mode: "boolean" }).notNull(),
    createdAt: text().notNull(),
  },
  (t) => [
    uniqueIndex("saved_items_user").on(t.userId, t.variantId),
    uniqueIndex("saved_items_token").on(t.tokenHash, t.variantId),
    index("saved_items_product").on(t.productId),
    index("saved_items_of_guests")
      .on(t.createdAt)
      .where(sql`token_hash IS NOT NULL`),
    check("saved_items_owner", sql`(user_id IS NULL) <> (token_hash IS NULL)`),
    check("saved_items_quantity", sql`quantity >= 1`),
  ],
)

/**
 * Carts that were left, once for each time they lay idle. `items` and `amount` (minor units) are of that moment;
 * `recoveredAt`: when the cart was ordered after all. A cart that went into another one takes its rows along.
 */
export const cartAbandonments = sqliteTable(
  "cart_abandonments",
  {
    id: text().$type<Id<"abandonment">>().primaryKey(),
    cartId: text().$type<Id<"cart">>().notNull(),
    /** The cart's last change. */
    idleSince: text().notNull(),
    userId: text().$type<Id<"user">>(),
    email: text(),
    items: integer().notNull(),
    amount: integer().notNull(),
    currency: text().notNull(),
    /** SHA-256 of what the reminder's link carries. */
    tokenHash: text().notNull(),
    createdAt: text().notNull(),
    recoveredAt: text(),
  },
  (t) => [
    uniqueIndex("cart_abandonments_once").on(t.cartId, t.idleSince),
    uniqueIndex("cart_abandonments_token").on(t.tokenHash),
    index("cart_abandonments_created").on(t.createdAt, t.id),
    index("cart_abandonments_lost")
      .on(t.createdAt, t.id)
      .where(sql`recovered_at IS NULL`),
    index("cart_abandonments_recovered")
      .on(t.createdAt, t.id)
      .where(sql`recovered_at IS NOT NULL`),
    index("cart_abandonments_user").on(t.userId),
    index("cart_abandonments_email")
      .on(t.email)
      .where(sql`email IS NOT NULL`),
  ],
)

/** What users would like to have: products, not how many. */
export const wishlistItems = sqliteTable(
  "wishlist_items",
  {
    userId: text()
      .$type<Id<"user">>()
      .notNull()
      .references(() => users.id),
    productId: text().$type<Id<"product">>().notNull(),
    createdAt: text().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.userId, t.productId] }),
    index("wishlist_items_created").on(t.userId, t.createdAt, t.productId),
  ],
)
