import { and, asc, desc, eq, gt, gte, lt, lte, or, type SQL, sql } from "drizzle-orm"
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

/** One page that was asked for, before it is read. */
export type Plan<Row> = Omit<Slice, "limit"> & { window: Window; terms: readonly Term<Row>[] }

/** What of a list is asked for. @throws as `readPage` */
export function planPage<Row>(
  query: PageQuery,
  list: Pick<List<Row>, "orderings" | "fallback" | "id">,
): Plan<Row> {
  const window = windowOf(query)
  const terms = termsOf(query.ordering, list)
  return {
    window,
    terms,
    where: window.after === undefined ? undefined : beyond(window.after, terms),
    orderBy: terms.map(({ by, descending }) => (descending ? desc(by) : asc(by))),
    offset: window.offset,
  }
}

/**
 * The page of these rows. `n`: how many there are in the list, counted to just above the cap, or exactly; `last`: the
 * values of the last row by which more follow. @throws `invalid-page`
 */
export function closePage<Row>(
  { window, terms }: Plan<Row>,
  results: Row[],
  n: number,
  last: readonly (string | number)[] | undefined,
): Page<Row> {
  if (window.page !== undefined && window.page > 1 && results.length === 0)
    throw new DomainError("invalid-page")
  const nextCursor = last === undefined ? null : encodeCursor([signatureOf(terms), ...last])
  return { results, count: Math.min(n, countCap), isCapped: n > countCap, nextCursor, window }
}

/** The values of a row that a cursor is made of. */
export function valuesIn<Row>(terms: readonly Term<Row>[], row: Row): (string | number)[] {
  return terms.map(({ of }) => of(row))
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
  const plan = planPage(query, list)
  const { where, orderBy, offset, window } = plan
  const counting = ctx.db
    .select({ n: sql<number>`count(*)`.as("n") })
    .from(sql`(${list.matching} LIMIT ${countCap + 1})`)
  const [rows, counted] = await ctx.db.batch([
    list.rows({ where, orderBy, limit: window.limit + 1, offset }),
    counting,
  ])
  const results = rows.slice(0, window.limit)
  const last = rows.length > window.limit ? results.at(-1) : undefined
  return closePage(plan, results, counted[0]?.n ?? 0, last && valuesIn(plan.terms, last))
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

/** A field of an ordering, as it was asked for. */
export type Term<Row> = { name: string; by: SQL; of: Ordering<Row>["of"]; descending: boolean }

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

/** The ordering as the wire writes it, the id that breaks ties included. */
export function signatureOf(terms: readonly { name: string; descending: boolean }[]): string {
  return terms.map(({ name, descending }) => (descending ? `-${name}` : name)).join(",")
}

function foreignCursor(): DomainError {
  return invalid({
    field: "cursor",
    detail: "This cursor does not belong to this list and ordering.",
    code: "invalid",
  })
}

/** The values that a cursor was made of, one for each term. @throws `invalid-input` */
export function valuesAt<Row>(cursor: string, terms: readonly Term<Row>[]): (string | number)[] {
  const values = decodeCursor(cursor)
  if (values?.length !== terms.length + 1 || values[0] !== signatureOf(terms)) throw foreignCursor()
  return values.slice(1)
}

/**
 * The rows after the cursor's: later in the first field that differs. In a form that SQLite answers by a range of the
 * index: a comparison of rows, or of the first field where the fields go different ways.
 */
function beyond<Row>(cursor: string, terms: readonly Term<Row>[]): SQL | undefined {
  const after = valuesAt(cursor, terms)
  const [first] = terms
  if (!first) return undefined
  const list = (parts: readonly SQL[]) => sql.join([...parts], sql`, `)
  if (terms.every(({ descending }) => descending === first.descending)) {
    const fields = list(terms.map(({ by }) => by))
    const values = list(after.map((value) => sql`${value}`))
    return first.descending ? sql`(${fields}) < (${values})` : sql`(${fields}) > (${values})`
  }
  const later = or(
    ...terms.map(({ by, descending }, index) => {
      const ties = terms.slice(0, index).map((term, tie) => eq(term.by, after[tie]))
      return and(...ties, descending ? lt(by, after[index]) : gt(by, after[index]))
    }),
  )
  return and(first.descending ? lte(first.by, after[0]) : gte(first.by, after[0]), later)
}
