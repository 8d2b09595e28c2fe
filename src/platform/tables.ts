import { sql } from "drizzle-orm"
import { index, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core"

import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"

/**
 * What happened, written in the batch of the change itself. The queue only wakes the subscribers; a row is due
 * again at `nextAt` until `doneAt` says that each of them succeeded.
 */
export const outbox = sqliteTable(
  "outbox",
  {
    id: text().$type<Id<"event">>().primaryKey(),
    event: text({ mode: "json" }).$type<Event>().notNull(),
    createdAt: text().notNull(),
    nextAt: text().notNull(),
    doneAt: text(),
  },
  (t) => [
    index("outbox_due")
      .on(t.nextAt)
      .where(sql`done_at IS NULL`),
    index("outbox_done").on(t.doneAt),
  ],
)

/** Which of an event's several subscribers have dealt with it: a redelivered event runs only the others. */
export const deliveries = sqliteTable(
  "deliveries",
  {
    eventId: text().$type<Id<"event">>().notNull(),
    subscriber: text().notNull(),
    createdAt: text().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.eventId, t.subscriber] }),
    index("deliveries_created").on(t.createdAt),
  ],
)

/** Events whose subscribers failed to the last try. Any row turns `/health/readiness` yellow. */
export const deadLetters = sqliteTable("dead_letters", {
  eventId: text().$type<Id<"event">>().primaryKey(),
  event: text({ mode: "json" }).$type<Event>().notNull(),
  createdAt: text().notNull(),
})

/** Work that one at a time does: whose turn it is, and until when, should they die. */
export const leases = sqliteTable("leases", {
  name: text().primaryKey(),
  holder: text().notNull(),
  until: text().notNull(),
})

/**
 * Idempotency keys (api.md 1.11). `claim`: a request with this key began; `token` tells it from the next one,
 * `lockedUntil` is when another may take over. `effect`: the change is committed; this row stands in the batch of
 * the change, so its primary key lets only one such batch through. `answer` is sealed.
 */
export const idempotency = sqliteTable(
  "idempotency",
  {
    /** SHA-256 over principal, method, path and the client's key. */
    key: text().notNull(),
    stage: text({ enum: ["claim", "effect"] }).notNull(),
    fingerprint: text().notNull(),
    token: text().notNull(),
    lockedUntil: text(),
    answer: text(),
    createdAt: text().notNull(),
  },
  (t) => [primaryKey({ columns: [t.key, t.stage] }), index("idempotency_created").on(t.createdAt)],
)

/**
 * Objects in R2 that no row names: `upload`, being stored by a request that has not committed its row; `removed`,
 * no longer named. A row goes with its object, or when another row names the object.
 */
export const looseObjects = sqliteTable(
  "loose_objects",
  {
    key: text().primaryKey(),
    reason: text({ enum: ["upload", "removed"] }).notNull(),
    createdAt: text().notNull(),
  },
  (t) => [index("loose_objects_due").on(t.reason, t.createdAt)],
)
