import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core"

import type { Id } from "#lib/id.ts"
import { users } from "#modules/users/tables.ts"

/** One sign-in on one device: the family of its refresh tokens. It lives while it is not ended and not expired. */
export const sessions = sqliteTable(
  "sessions",
  {
    id: text().$type<Id<"session">>().primaryKey(),
    userId: text()
      .$type<Id<"user">>()
      .notNull()
      .references(() => users.id),
    /** The client's User-Agent, cut to 200 characters. */
    device: text().notNull(),
    createdAt: text().notNull(),
    lastSeenAt: text().notNull(),
    /** 30 days after sign-in, whatever is refreshed. */
    expiresAt: text().notNull(),
    endedAt: text(),
  },
  (t) => [index("sessions_user").on(t.userId, t.endedAt)],
)

/**
 * The refresh ledger. Tokens are kept as SHA-256; each has at most one successor (`refresh_tokens_parent`), which is
 * what two rotations at once break on.
 */
export const refreshTokens = sqliteTable(
  "refresh_tokens",
  {
    hash: text().primaryKey(),
    sessionId: text()
      .$type<Id<"session">>()
      .notNull()
      .references(() => sessions.id),
    parentHash: text(),
    createdAt: text().notNull(),
    /** 7 days after it was made: an idle session ends. */
    expiresAt: text().notNull(),
    usedAt: text(),
    generation: integer().notNull(),
  },
  (t) => [
    uniqueIndex("refresh_tokens_parent").on(t.parentHash),
    index("refresh_tokens_session").on(t.sessionId),
  ],
)
