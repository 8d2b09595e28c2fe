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
    /** The /24 or /48 it was started from. */
    addressPrefix: text().notNull().default(""),
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

/** What a mailed link proves. */
export const tokenPurposes = ["verify-email", "reset-password", "change-email"] as const

/**
 * Tokens of mailed links, by SHA-256. The token itself is kept nowhere: it is derived from `id` and the shop's key
 * when the mail is written. One use, until `expiresAt`.
 */
export const mailedTokens = sqliteTable(
  "mailed_tokens",
  {
    id: text().$type<Id<"mailedToken">>().primaryKey(),
    hash: text().notNull(),
    purpose: text({ enum: tokenPurposes }).notNull(),
    userId: text()
      .$type<Id<"user">>()
      .notNull()
      .references(() => users.id),
    /** The address it was mailed to; for `change-email` the new one. */
    email: text().notNull(),
    createdAt: text().notNull(),
    expiresAt: text().notNull(),
    uses: integer().notNull(),
  },
  (t) => [
    check("mailed_tokens_once", sql`uses <= 1`),
    uniqueIndex("mailed_tokens_hash").on(t.hash),
    index("mailed_tokens_user").on(t.userId, t.purpose),
  ],
)

/** A user's authenticator app. The secret is sealed; `lastStep` is the last 30-second step whose code was taken. */
export const authenticators = sqliteTable("authenticators", {
  userId: text()
    .$type<Id<"user">>()
    .primaryKey()
    .references(() => users.id),
  sealedSecret: text().notNull(),
  lastStep: integer().notNull(),
  createdAt: text().notNull(),
  /** NULL until a first code has shown that the app has it. */
  confirmedAt: text(),
})

/** Recovery codes, by SHA-256: each of 130 bits, each for one use. */
export const recoveryCodes = sqliteTable(
  "recovery_codes",
  {
    hash: text().primaryKey(),
    userId: text()
      .$type<Id<"user">>()
      .notNull()
      .references(() => users.id),
    createdAt: text().notNull(),
    uses: integer().notNull(),
  },
  (t) => [check("recovery_codes_once", sql`uses <= 1`), index("recovery_codes_user").on(t.userId)],
)

/** Passkeys (WebAuthn credentials). `publicKey` is COSE, base64url. */
export const passkeys = sqliteTable(
  "passkeys",
  {
    /** The credential id, base64url. */
    id: text().primaryKey(),
    userId: text()
      .$type<Id<"user">>()
      .notNull()
      .references(() => users.id),
    publicKey: text().notNull(),
    counter: integer().notNull(),
    transports: text({ mode: "json" }).$type<string[]>().notNull(),
    name: text().notNull(),
    createdAt: text().notNull(),
    lastUsedAt: text(),
  },
  (t) => [index("passkeys_user").on(t.userId)],
)

/** One-use challenges: of a passkey ceremony, of the second step of a sign-in, of a sign-in at a provider. */
export const challenges = sqliteTable(
  "challenges",
  {
    /** SHA-256 of what the client holds. */
    hash: text().primaryKey(),
    kind: text({
      enum: ["passkey-register", "passkey-login", "mfa", "oauth", "oauth-exchange", "oauth-link"],
    }).notNull(),
    userId: text().$type<Id<"user">>(),
    /** What the end of the ceremony needs to know of its beginning, sealed. */
    sealedState: text().notNull(),
    createdAt: text().notNull(),
    expiresAt: text().notNull(),
    uses: integer().notNull(),
  },
  (t) => [check("challenges_once", sql`uses <= 1`), index("challenges_expires").on(t.expiresAt)],
)

/** Accounts at providers, by provider and subject: never by e-mail. */
export const identities = sqliteTable(
  "identities",
  {
    provider: text({ enum: ["google", "facebook", "github"] }).notNull(),
    subject: text().notNull(),
    userId: text()
      .$type<Id<"user">>()
      .notNull()
      .references(() => users.id),
    email: text(),
    createdAt: text().notNull(),
    lastUsedAt: text().notNull(),
  },
  (t) => [primaryKey({ columns: [t.provider, t.subject] }), index("identities_user").on(t.userId)],
)

/** Keys of programs, by SHA-256; shown once. What one may do is its scopes, within the role of whoever made it. */
export const apiKeys = sqliteTable(
  "api_keys",
  {
    id: text().$type<Id<"apiKey">>().primaryKey(),
    hash: text().notNull(),
    name: text().notNull(),
    lastFour: text().notNull(),
    scopes: text({ mode: "json" }).$type<string[]>().notNull(),
    userId: text()
      .$type<Id<"user">>()
      .notNull()
      .references(() => users.id),
    createdAt: text().notNull(),
    expiresAt: text(),
    lastUsedAt: text(),
    revokedAt: text(),
  },
  (t) => [uniqueIndex("api_keys_hash").on(t.hash), index("api_keys_created").on(t.createdAt, t.id)],
)

/** Every security event: who, what, of whom, when, from where. Append-only. */
export const audit = sqliteTable(
  "audit",
  {
    id: text().$type<Id<"audit">>().primaryKey(),
    action: text().notNull(),
    /** Who did it: an account's id, `guest` or `system`. */
    actor: text().notNull(),
    /** Whose account it is about. */
    userId: text().$type<Id<"user">>(),
    details: text({ mode: "json" }).$type<Record<string, string>>().notNull(),
    /** The /24 or /48 it came from. */
    addressPrefix: text().notNull(),
    device: text().notNull(),
    createdAt: text().notNull(),
  },
  (t) => [
    index("audit_user").on(t.userId, t.createdAt, t.id),
    index("audit_created").on(t.createdAt, t.id),
    index("audit_action").on(t.action, t.createdAt, t.id),
  ],
)
