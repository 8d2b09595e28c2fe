import type { DatabaseSync } from "node:sqlite"

import { catalogueRows } from "../../support/catalogue-rows.ts"

/** Puts a made-up catalogue into an open database of the shop; its indexes are built afterwards, which is quicker. */
export function fill(db: DatabaseSync, count: number): void {
  db.exec("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; BEGIN")
  const indexes = db
    .prepare(
      "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('products', 'listings', 'variants', 'media')",
    )
    .all() as { name: string; sql: string }[]
  for (const { name } of indexes) db.exec(`DROP INDEX ${name}`)
  for (const { into, columns, rows } of catalogueRows(count)) {
    const marks = columns.map(() => "?").join(", ")
    const statement = db.prepare(`INSERT INTO ${into} (${columns.join(", ")}) VALUES (${marks})`)
    for (const row of rows) statement.run(...row)
  }
  for (const { sql } of indexes) db.exec(sql)
  db.exec("COMMIT")
}
