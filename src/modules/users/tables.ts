import { sql } from "drizzle-orm"
import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core"

import type { Id } from "#lib/id.ts"

/** Accounts. `email` is lower-case; usernames keep their case and are unique without it. */
export const users = sqliteTable(
  "users",
  {
    id: text().$type<Id<"user">>().primaryKey(),
    email: text().notNull(),
    username: text().notNull(),
    /** A PHC string: algorithm and parameters stand in it. */
    passwordHash: text().notNull(),
    role: text({ enum: ["customer", "staff", "admin"] }).notNull(),
    isActive: integer({ mode: "boolean" }).notNull(),
    isVerified: integer({ mode: "boolean" }).notNull(),
    firstName: text().notNull(),
    lastName: text().notNull(),
    phone: text().notNull(),
    gender: text({ enum: ["M", "F", "O", "N"] }),
    dateOfBirth: text(),
    bio: text().notNull(),
    website: text().notNull(),
    avatar: text().notNull(),
    /** Whatever the client keeps for this person; never queried. */
    preferences: text({ mode: "json" }).$type<Record<string, unknown>>().notNull(),
    emailNotifications: integer({ mode: "boolean" }).notNull(),
    pushNotifications: integer({ mode: "boolean" }).notNull(),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
    lastLoginAt: text(),
    /** When a second factor came to be asked of this account; NULL while none is. Written with `authenticators`. */
    mfaEnabledAt: text(),
    /** Counts the changes that staff make: of its role, and of whether it is open. */
    version: integer().notNull().default(1),
  },
  (t) => [
    uniqueIndex("users_email").on(t.email),
    uniqueIndex("users_username").on(sql`lower(${t.username})`),
    index("users_created").on(t.createdAt, t.id),
    index("users_role").on(t.role, t.createdAt, t.id),
    index("users_closed")
      .on(t.createdAt, t.id)
      .where(sql`is_active = 0`),
  ],
)

/** Where an account's orders may go. Exactly one is the default while there is any. */
export const addresses = sqliteTable(
  "addresses",
  {
    id: text().$type<Id<"address">>().primaryKey(),
    userId: text()
      .$type<Id<"user">>()
      .notNull()
      .references(() => users.id),
    firstName: text().notNull(),
    lastName: text().notNull(),
    addressLine1: text("address_line_1").notNull(),
    addressLine2: text("address_line_2").notNull(),
    city: text().notNull(),
    state: text().notNull(),
    postalCode: text().notNull(),
    /** ISO 3166-1 alpha-2. */
    country: text().notNull(),
    phoneNumber: text().notNull(),
    isDefault: integer({ mode: "boolean" }).notNull(),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    index("addresses_user").on(t.userId, t.createdAt, t.id),
    uniqueIndex("addresses_default")
      .on(t.userId)
      .where(sql`is_default = 1`),
  ],
)
