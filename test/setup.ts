import { applyD1Migrations, reset } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { afterEach, beforeEach, vi } from "vitest"

import { forget } from "#platform/cache.ts"

/** What makes each database as its migrations leave it, kept for all files: replaying them takes longer than most tests. */
const kept = globalThis as { databases?: Promise<[shop: string[], search: string[]]> }

beforeEach(async () => {
  if (kept.databases) {
    const [shop, search] = await kept.databases
    const makeBoth = () => Promise.all([make(env.DB, shop), make(env.SEARCH, search)])
    // What the test before left running may have outlived its databases' end, and kept them.
    await makeBoth().catch(async () => {
      await reset()
      await makeBoth()
    })
    return
  }
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  await applyD1Migrations(env.SEARCH, env.SEARCH_MIGRATIONS)
  kept.databases = Promise.all([statementsOf(env.DB), statementsOf(env.SEARCH)])
  await kept.databases
})

afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  forget()
  await reset()
})

/** The statements that make a database that is like this one: tables, rows, then what watches over them. */
async function statementsOf(db: D1Database): Promise<string[]> {
  const { results } = await db
    .prepare(
      "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf_%' ORDER BY rowid",
    )
    .all<{ type: "table" | "view" | "index" | "trigger"; name: string; sql: string }>()
  const {
    table = [],
    view = [],
    index = [],
    trigger = [],
  } = Object.groupBy(results, ({ type }) => type)
  const rows = await Promise.all(table.map(({ name }) => insertsOf(db, name)))
  return [
    ...table.map(({ sql }) => sql),
    ...rows.flat(),
    ...[...index, ...view, ...trigger].map(({ sql }) => sql),
  ]
}

async function insertsOf(db: D1Database, table: string): Promise<string[]> {
  const { results: columns } = await db
    .prepare("SELECT name FROM pragma_table_info(?)")
    .bind(table)
    .all<{ name: string }>()
  const values = columns.map(({ name }) => `quote("${name}")`).join(" || ', ' || ")
  const { results } = await db
    .prepare(`SELECT ${values} AS line FROM "${table}"`)
    .all<{ line: string }>()
  return results.map(({ line }) => `INSERT INTO "${table}" VALUES (${line})`)
}

async function make(db: D1Database, statements: readonly string[]): Promise<void> {
  await db.batch(statements.map((statement) => db.prepare(statement)))
}
