import { env } from "cloudflare:workers"

import type { Actor } from "#actor.ts"
import { openCache } from "#platform/cache.ts"
import { openDb } from "#platform/db.ts"

import { ctx } from "./ctx.ts"

/** A statement as it was sent to D1. */
export type Asked = { sql: string; values: unknown[] }

/** A Ctx that keeps the SQL it sends to D1, and has a cache of its own, which is empty. */
export function watched(as: Actor) {
  const asked: Asked[] = []
  const noted = (statement: D1PreparedStatement, one: Asked): D1PreparedStatement => {
    asked.push(one)
    return statement
  }
  const d1 = {
    prepare(sql: string) {
      const statement = env.DB.prepare(sql)
      return new Proxy(statement, {
        get: (target, name) =>
          name === "bind"
            ? (...values: unknown[]) => noted(target.bind(...values), { sql, values })
            : (Reflect.get(target, name) as unknown),
      })
    },
    batch: (statements: D1PreparedStatement[]) => env.DB.batch(statements),
  } as unknown as D1Database
  const made = ctx({ as })
  const kv = { get: async () => null, put: async () => {} } as unknown as KVNamespace
  const { meter, log } = made
  const cache = openCache(kv, { meter, log, defer: (work) => made.defer(work), bypass: false })
  return { ...made, db: openDb(d1, meter), cache, asked }
}

/** What SQLite does for these statements that costs more the more rows there are: scans, and sorting by a temporary B-tree. */
export async function costly(asked: readonly Asked[]): Promise<string[]> {
  const reads = asked.filter(({ sql }) => /^\s*(?:select|with)\b/i.test(sql))
  const plans = await env.DB.batch<{ detail: string }>(
    reads.map(({ sql, values }) => env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind(...values)),
  )
  return plans.flatMap(({ results }, index) => {
    const subqueries = results.flatMap(
      ({ detail }) => /^(?:CO-ROUTINE|MATERIALIZE) (\w+)$/.exec(detail)?.[1] ?? [],
    )
    return results
      .filter(({ detail }) => isCostly(detail, subqueries))
      .map(({ detail }) => `${detail}: ${reads[index]?.sql}`)
  })
}

function isCostly(detail: string, subqueries: readonly string[]): boolean {
  if (detail.includes("USE TEMP B-TREE")) return true
  if (subqueries.some((name) => detail === `SCAN ${name}`)) return false
  // A list of bound values, one row of constants, the rows of a sub-query that has a plan of its own.
  return /^SCAN (?!CONSTANT ROW|\S+ VIRTUAL TABLE|\(subquery|json_each)/.test(detail)
}
