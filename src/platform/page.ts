import { and, asc, desc, eq, gt, lt, or, type SQL, sql } from "drizzle-orm"
import type { RunnableQuery } from "drizzle-orm/runnable-query"
import type { SQLiteColumn } from "drizzle-orm/sqlite-core"

import type { Ctx } from "#context.ts"
import { DomainError, invalid } from "#errors.ts"
import { decodeCursor, encodeCursor } from "#lib/cursor.ts"
import type { PageQuery } from "#lib/shapes.ts"

/** One page of a list, before the transport adds its addresses. */
export type Page<T> = {
  results: T[]
  count: number
  isCapped: boolean
  nextCursor: string | null
  window: Window
}

/** Where in the list: by `page` and its size, by `offset`, or after a cursor. */
export type Window = { limit: number; offset: number; page?: number; after?: string }

/** Counting stops here, and so do pages by number: further on, cursors lead (api.md 1.5). */
export const countCap = 10_000

/** A field that a list can be ordered by: the indexed column, and its value in a row that was read. It is never NULL. */
export type Ordering<Row> = { by: SQLiteColumn | SQL; of: (row: Row) => string | number }

type Slice = { where: SQL | undefined; orderBy: SQL[]; limit: number; offset: number }

type List<Row> = {
  orderings: Record<string, Ordering<Row>>
  /** As the wire writes it: `-created_at`. */
  fallback: string
  /** Breaks ties, in the direction of the first field. */
  id: Ordering<Row>
  rows: (slice: Slice) => RunnableQuery<Row[], "sqlite">
  /** One row, of anything, for each match: it is counted, up to the cap. */
  matching: SQL
}

/**
 * Reads one page: rows and count in one round trip. @throws `invalid-page` for a page that is none or beyond the end,
 * `invalid-input` for a broken cursor, limit or offset
 */
export async function readPage<Row>(
  ctx: Ctx,
  query: PageQuery,
  list: List<Row>,
): Promise<Page<Row>> {
  const window = windowOf(query)
  const terms = termsOf(query.ordering, list)
  const where = window.after === undefined ? undefined : beyond(window.after, terms)
  const orderBy = terms.map(({ by, descending }) => (descending ? desc(by) : asc(by)))
  const counting = ctx.db
    .select({ n: sql<number>`count(*)`.as("n") })
    .from(sql`(${list.matching} LIMIT ${countCap + 1})`)
  const [rows, counted] = await ctx.db.batch([
    list.rows({ where, orderBy, limit: window.limit + 1, offset: window.offset }),
    counting,
  ])
  const n = counted[0]?.n ?? 0
  const results = rows.slice(0, window.limit)
  if (window.page !== undefined && window.page > 1 && results.length === 0)
    throw new DomainError("invalid-page")
  const last = rows.length > window.limit ? results.at(-1) : undefined
  const nextCursor =
    last === undefined ? null : encodeCursor([signature(terms), ...terms.map(({ of }) => of(last))])
  return { results, count: Math.min(n, countCap), isCapped: n > countCap, nextCursor, window }
}

/** A page of a list that is in memory anyway. @throws as `readPage` */
export function slicePage<Row extends { id: string }>(
  query: PageQuery,
  all: readonly Row[],
): Page<Row> {
  const window = windowOf(query)
  const start = window.after === undefined ? window.offset : placeAfter(window.after, all)
  const results = all.slice(start, start + window.limit)
  if (window.page !== undefined && window.page > 1 && results.length === 0)
    throw new DomainError("invalid-page")
  const last = start + window.limit < all.length ? results.at(-1) : undefined
  const nextCursor = last === undefined ? null : encodeCursor([last.id])
  return { results, count: all.length, isCapped: false, nextCursor, window }
}

/** What a list in memory can be ordered by: a field of each row, by its name on the wire. */
type Ranking<Row> = {
  orderings: Record<string, Ordering<Row>["of"]>
  fallback: string
  id: (row: Row) => string
}

/** A page of rows in memory, in any of their orderings. @throws as `readPage` */
export function rankPage<Row>(
  query: PageQuery,
  all: readonly Row[],
  list: Ranking<Row>,
): Page<Row> {
  const window = windowOf(query)
  const orderings = Object.entries(list.orderings).map(
    ([name, of]) => [name, { by: sql.raw(name), of }] as const,
  )
  const terms = termsOf<Row>(query.ordering, {
    orderings: Object.fromEntries(orderings),
    fallback: list.fallback,
    id: { by: sql.raw("id"), of: list.id },
  })
  const compare = (keys: (index: number) => string | number, other: Row) => {
    for (const [index, { of, descending }] of terms.entries()) {
      const [a, b] = [keys(index), of(other)]
      if (a !== b) return a < b === descending ? 1 : -1
    }
    return 0
  }
  const after = window.after === undefined ? undefined : valuesOf(window.after, terms)
  const rows = after ? all.filter((row) => compare((index) => after[index] ?? 0, row) < 0) : all
  const first = leading(
    rows,
    (a, b) => compare((index) => terms[index]?.of(a) ?? 0, b),
    window.offset + window.limit + 1,
  )
  const results = first.slice(window.offset, window.offset + window.limit)
  if (window.page !== undefined && window.page > 1 && results.length === 0)
    throw new DomainError("invalid-page")
  const last = first.length > window.offset + window.limit ? results.at(-1) : undefined
  const nextCursor =
    last === undefined ? null : encodeCursor([signature(terms), ...terms.map(({ of }) => of(last))])
  const count = Math.min(all.length, countCap)
  return { results, count, isCapped: all.length > countCap, nextCursor, window }
}

/** The first `n` of these in their order, without sorting the rest. */
function leading<T>(all: readonly T[], compare: (a: T, b: T) => number, n: number): T[] {
  let first: T[] = []
  for (let start = 0; start < all.length; start += n + 1000)
    first = [...first, ...all.slice(start, start + n + 1000)].toSorted(compare).slice(0, n)
  return first
}

function placeAfter(cursor: string, all: readonly { id: string }[]): number {
  const [id] = decodeCursor(cursor) ?? []
  const index = all.findIndex((row) => row.id === id)
  if (index < 0) throw foreignCursor()
  return index + 1
}

/** The same page of other things. */
export function mapPage<Row, T>(page: Page<Row>, to: (row: Row) => T): Page<T> {
  return { ...page, results: page.results.map(to) }
}

function windowOf(query: PageQuery): Window {
  if (query.cursor !== undefined) {
    return {
      limit: Math.min(
        whole(query, query.page_size === undefined ? "limit" : "page_size", 20, 1),
        100,
      ),
      offset: 0,
      after: query.cursor,
    }
  }
  if (query.limit !== undefined || query.offset !== undefined) {
    return {
      limit: Math.min(whole(query, "limit", 20, 1), 100),
      offset: whole(query, "offset", 0, 0, countCap),
    }
  }
  const limit = Math.min(whole(query, "page_size", 20, 1), 100)
  const text = query.page ?? "1"
  const page = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (page < 1) throw new DomainError("invalid-page")
  if ((page - 1) * limit >= countCap)
    throw new DomainError(
      "invalid-page",
      `Pages by number end at ${countCap} rows: follow next_cursor`,
    )
  return { limit, offset: (page - 1) * limit, page }
}

function whole(
  query: PageQuery,
  name: "limit" | "offset" | "page_size",
  fallback: number,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number {
  const text = query[name]
  if (text === undefined) return fallback
  const value = /^\d{1,9}$/.test(text) ? Number(text) : -1
  if (value < least || value > most)
    throw invalid({
      field: name,
      detail: `${name} is a whole number of at least ${least}.`,
      code: "invalid",
    })
  return value
}

type Term<Row> = { name: string; by: SQL; of: Ordering<Row>["of"]; descending: boolean }

function termsOf<Row>(
  asked: string | undefined,
  list: Pick<List<Row>, "orderings" | "fallback" | "id">,
): Term<Row>[] {
  const read = (text: string): Term<Row>[] =>
    text.split(",").flatMap((part) => {
      const name = part.trim().replace(/^-/, "")
      const ordering = Object.hasOwn(list.orderings, name) ? list.orderings[name] : undefined
      return ordering ? [termOf(name, ordering, part.trim().startsWith("-"))] : []
    })
  const known = read(asked ?? "")
  const terms =
    known.length > 0
      ? known.filter((term, index) => known.findIndex(({ name }) => name === term.name) === index)
      : read(list.fallback)
  return [...terms, termOf("id", list.id, terms[0]?.descending ?? false)]
}

function termOf<Row>(name: string, { by, of }: Ordering<Row>, descending: boolean): Term<Row> {
  return { name, by: sql`${by}`, of, descending }
}

function signature(terms: readonly { name: string; descending: boolean }[]): string {
  return terms.map(({ name, descending }) => (descending ? `-${name}` : name)).join(",")
}

function foreignCursor(): DomainError {
  return invalid({
    field: "cursor",
    detail: "This cursor does not belong to this list and ordering.",
    code: "invalid",
  })
}

/** The ordering values that a cursor of this list and ordering holds. */
function valuesOf<Row>(cursor: string, terms: readonly Term<Row>[]): (string | number)[] {
  const values = decodeCursor(cursor)
  if (values?.length !== terms.length + 1 || values[0] !== signature(terms)) throw foreignCursor()
  return values.slice(1)
}

/** The rows after the cursor's: later in the first field that differs. */
function beyond<Row>(cursor: string, terms: readonly Term<Row>[]): SQL | undefined {
  const after = valuesOf(cursor, terms)
  return or(
    ...terms.map(({ by, descending }, index) => {
      const ties = terms.slice(0, index).map((term, tie) => eq(term.by, after[tie]))
      return and(...ties, descending ? lt(by, after[index]) : gt(by, after[index]))
    }),
  )
}
