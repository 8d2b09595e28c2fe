import { index, sqliteTable, text } from "drizzle-orm/sqlite-core"

import type { Id } from "#lib/id.ts"

/**
 * Mails by the event that caused them: the row is written before the mail goes out, so that it goes out at most once
 * an event. The local mailbox keeps the text too; other providers' rows hold none.
 */
export const mails = sqliteTable(
  "mails",
  {
    eventId: text().$type<Id<"event">>().notNull().primaryKey(),
    template: text().notNull(),
    to: text().notNull(),
    subject: text().notNull(),
    text: text().notNull(),
    html: text().notNull(),
    createdAt: text().notNull(),
    sentAt: text(),
  },
  (t) => [index("mails_created").on(t.createdAt, t.eventId), index("mails_to").on(t.to)],
)
