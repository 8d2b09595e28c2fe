import { sql } from "drizzle-orm"
import { check, index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core"

import type { Id } from "#lib/id.ts"
import { users } from "#modules/users/tables.ts"

/** Carts: of a user, or of whoever holds the token (kept as SHA-256). One open cart each; an ordered one is closed. */
export const carts = sqliteTable(
  "carts",
  {
    id: text().$type<Id<"cart">>().primaryKey(),
    userId: text()
      .$type<Id<"user">>()
      .references(() => users.id),
    tokenHash: text(),
    status: text({ enum: ["open", "ordered"] }).notNull(),
    /** Counts the changes of the lines: an order is made of the cart as it was read, or not at all. */
    version: integer().notNull(),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    uniqueIndex("carts_open_user")
      .on(t.userId)
      .where(sql`status = 'open'`),
    uniqueIndex("carts_open_token")
      .on(t.tokenHash)
      .where(sql`status = 'open'`),
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
