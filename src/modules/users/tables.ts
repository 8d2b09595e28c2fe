import { sql } from "drizzle-orm"
import { integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core"

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
  },
  (t) => [
    uniqueIndex("users_email").on(t.email),
    uniqueIndex("users_username").on(sql`lower(${t.username})`),
  ],
)
