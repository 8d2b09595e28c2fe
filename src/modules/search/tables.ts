import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core"

import type { Id } from "#lib/id.ts"

/** What means the same in a search. With `source` only that finds the others, not the other way round. */
export const synonyms = sqliteTable(
  "synonyms",
  {
    id: text().$type<Id<"synonym">>().primaryKey(),
    source: text(),
    terms: text({ mode: "json" }).$type<string[]>().notNull(),
    version: integer().notNull().default(1),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [index("synonyms_created").on(t.createdAt, t.id)],
)

/** The phrases that a synonym is found by: singular, lower case. */
export const synonymPhrases = sqliteTable(
  "synonym_phrases",
  {
    phrase: text().notNull(),
    synonymId: text()
      .$type<Id<"synonym">>()
      .notNull()
      .references(() => synonyms.id),
  },
  (t) => [
    primaryKey({ columns: [t.phrase, t.synonymId] }),
    index("synonym_phrases_synonym").on(t.synonymId),
  ],
)
