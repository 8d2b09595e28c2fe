import type { SQL } from "drizzle-orm"
import { getTableColumns, sql } from "drizzle-orm"
import type { BatchItem } from "drizzle-orm/batch"
import { drizzle, type DrizzleD1Database } from "drizzle-orm/d1"
import { SQLiteAsyncDialect, type SQLiteTable } from "drizzle-orm/sqlite-core"

import { type Meter, timed } from "#platform/meter.ts"

export type Db = DrizzleD1Database
/** A query that is built but not run: `commit` and `db.batch` take them. */
export type Statement = BatchItem<"sqlite">

/** D1: at most 100 bound parameters a statement; lists of values are cut to this many. */
export const listLimit = 90

/**
 * Drizzle over a D1 database or session, counting round trips, rows read and time into `meter`.
 * Every query goes through `all`, since `raw` hides what it read: a select that joins must name its columns
 * uniquely, as it must in a batch.
 */
export function openDb(d1: D1Database | D1DatabaseSession, meter: Meter): Db {
  // drizzle asks for a D1Database and uses `prepare` and `batch` only, which sessions have too.
  return drizzle(new CountedD1(d1, meter) as unknown as D1Database, { casing: "snake_case" })
}

/** A D1 database whose tables drizzle does not know: it is asked in SQL. */
export type SqlDb = {
  all<T>(query: SQL<T>): Promise<T[]>
  /** All of one moment, in one transaction and round trip; answers the rows of each. */
  batch<const Q extends readonly SQL<unknown>[]>(queries: Q): Promise<RowsOf<Q>>
  /** Writes in one transaction: all or none. Answers how many rows each changed. */
  write(queries: readonly SQL<unknown>[]): Promise<number[]>
}

type RowsOf<Q extends readonly SQL<unknown>[]> = {
  [K in keyof Q]: Q[K] extends SQL<infer T> ? T[] : never
}

/** SQL over a D1 database or session, counted as `openDb` counts. */
export function openSqlDb(d1: D1Database | D1DatabaseSession, meter: Meter): SqlDb {
  const counted = new CountedD1(d1, meter)
  const dialect = new SQLiteAsyncDialect()
  const prepare = (query: SQL<unknown>) => {
    const built = dialect.sqlToQuery(query)
    return counted.prepare(built.sql).bind(...built.params)
  }
  return {
    async all<T>(query: SQL<T>) {
      return (await prepare(query).all()).results as T[]
    },
    async batch<const Q extends readonly SQL<unknown>[]>(queries: Q) {
      const answers = await counted.batch(queries.map(prepare))
      // The batch answers in order.
      return answers.map(({ results }) => results) as RowsOf<Q>
    },
    async write(queries) {
      const answers = await counted.batch(queries.map(prepare))
      return answers.map(({ meta }) => meta.changes)
    },
  }
}

class CountedD1 {
  readonly #d1: D1Database | D1DatabaseSession
  readonly #meter: Meter

  constructor(d1: D1Database | D1DatabaseSession, meter: Meter) {
    this.#d1 = d1
    this.#meter = meter
  }

  prepare(sql: string): CountedStatement {
    return new CountedStatement(this.#d1.prepare(sql), this.#meter)
  }

  async batch(statements: CountedStatement[]): Promise<D1Result[]> {
    const results = await timed(this.#meter, "d1", () =>
      this.#d1.batch(statements.map(({ inner }) => inner)),
    )
    count(this.#meter, results)
    return results
  }
}

class CountedStatement {
  readonly inner: D1PreparedStatement
  readonly #meter: Meter

  constructor(inner: D1PreparedStatement, meter: Meter) {
    this.inner = inner
    this.#meter = meter
  }

  bind(...values: unknown[]): CountedStatement {
    return new CountedStatement(this.inner.bind(...values), this.#meter)
  }

  async all(): Promise<D1Result<Record<string, unknown>>> {
    const result = await timed(this.#meter, "d1", () => this.inner.all<Record<string, unknown>>())
    count(this.#meter, [result])
    return result
  }

  run(): Promise<D1Result<Record<string, unknown>>> {
    return this.all()
  }

  async raw(): Promise<unknown[][]> {
    return (await this.all()).results.map((row) => Object.values(row))
  }
}

function count(meter: Meter, results: readonly D1Result[]): void {
  meter.d1Queries += 1
  for (const { meta } of results) meter.d1RowsRead += meta.rows_read
}

/** Inserts of `rows`, as many statements as D1's limit of 100 bound parameters asks for. */
export function rowsOf<T extends SQLiteTable>(
  db: Db,
  table: T,
  rows: readonly T["$inferInsert"][],
): Statement[] {
  const columns = Math.max(1, ...rows.map((row) => Object.keys(row).length))
  const size = Math.floor(100 / columns)
  const statements: Statement[] = []
  for (let start = 0; start < rows.length; start += size) {
    statements.push(db.insert(table).values(rows.slice(start, start + size)))
  }
  return statements
}

/**
 * The rows of a table that meet a condition, as one value of another select, in no order: `rowsIn` reads it. So what
 * belongs to a row comes with it, and finding the row is not paid for twice. D1: at most 32 columns, which are the
 * arguments of one function.
 */
export function rowsAsJson(table: SQLiteTable, where: SQL | undefined): SQL<string> {
  const columns = sql.join(Object.values(getTableColumns(table)), sql`, `)
  return sql<string>`(SELECT json_group_array(json_array(${columns})) FROM ${table} WHERE ${where})`
}

/** The rows of a table that `rowsAsJson` wrote. */
export function rowsIn<T extends SQLiteTable>(table: T, text: string): T["$inferSelect"][] {
  const columns = Object.entries(getTableColumns(table))
  return (JSON.parse(text) as unknown[][]).map((values) => {
    const entries = columns.map(([name, column], index) => {
      const value = values[index] ?? null
      return [name, value === null ? null : column.mapFromDriverValue(value)]
    })
    // Every column of the table, as drizzle itself would have read it.
    return Object.fromEntries(entries) as T["$inferSelect"]
  })
}

/** Characters of a parameter: D1 takes strings up to 2 MB. */
const jsonLimit = 400_000

/**
 * Inserts of many rows, as one JSON parameter each: hundreds of rows a statement where `rowsOf` has a few. Every
 * column of the table must be given.
 */
export function jsonRowsOf<T extends SQLiteTable>(
  db: Db,
  table: T,
  rows: readonly T["$inferSelect"][],
) {
  const columns = Object.entries(getTableColumns(table))
  const texts = rows.map((row) =>
    JSON.stringify(
      columns.map(([name, column]) => {
        const value: unknown = (row as Record<string, unknown>)[name]
        return value === null || value === undefined ? null : column.mapToDriverValue(value)
      }),
    ),
  )
  const picked = sql.raw(columns.map((_, n) => `json_extract(value, '$[${n}]')`).join(", "))
  return chunksOf(texts).map((chunk) =>
    // WHERE tells SQLite that what follows may be ON CONFLICT, not a join.
    db
      .insert(table)
      .select(sql`SELECT ${picked} FROM json_each(${`[${chunk.join(",")}]`}) WHERE true`),
  )
}

function chunksOf(texts: readonly string[]): string[][] {
  const chunks: string[][] = []
  let size = jsonLimit
  for (const text of texts) {
    if (size + text.length > jsonLimit) {
      chunks.push([])
      size = 0
    }
    chunks.at(-1)?.push(text)
    size += text.length
  }
  return chunks
}
