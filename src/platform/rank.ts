import { sql } from "drizzle-orm"

import type { PageQuery } from "#lib/shapes.ts"
import {
  closePage,
  type Ordering,
  type Page,
  planPage,
  type Term,
  valuesAt,
  valuesIn,
} from "#platform/page.ts"

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
  { orderings, fallback, id }: Ranking<Row>,
): Page<Row> {
  // Nothing here is asked in SQL.
  const nowhere = sql`NULL`
  const plan = planPage<Row>(query, {
    orderings: Object.fromEntries(
      Object.entries(orderings).map(([name, of]) => [name, { by: nowhere, of }]),
    ),
    fallback,
    id: { by: nowhere, of: id },
  })
  const { terms, offset, window } = plan
  const after = window.after === undefined ? undefined : valuesAt(window.after, terms)
  const rows = after ? all.filter((row) => compare(terms, (at) => after[at] ?? 0, row) < 0) : all
  const end = offset + window.limit
  const first = leading(rows, (a, b) => compare(terms, (at) => terms[at]?.of(a) ?? 0, b), end + 1)
  const results = first.slice(offset, end)
  const last = first.length > end ? results.at(-1) : undefined
  return closePage(plan, results, all.length, last && valuesIn(terms, last))
}

/** Below zero when the row of these keys comes before the other. */
function compare<Row>(
  terms: readonly Term<Row>[],
  keyAt: (at: number) => string | number,
  other: Row,
): number {
  for (const [at, { of, descending }] of terms.entries()) {
    const [a, b] = [keyAt(at), of(other)]
    if (a !== b) return a < b === descending ? 1 : -1
  }
  return 0
}

/** The first `n` of these in their order, without sorting the rest. */
function leading<T>(all: readonly T[], order: (a: T, b: T) => number, n: number): T[] {
  let first: T[] = []
  let more: T[] = []
  for (const row of all) {
    const last = first[n - 1]
    if (last !== undefined && order(row, last) > 0) continue
    more.push(row)
    if (more.length < n + 1000) continue
    first = [...first, ...more].toSorted(order).slice(0, n)
    more = []
  }
  return [...first, ...more].toSorted(order).slice(0, n)
}
