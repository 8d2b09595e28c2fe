import { eq, getTableColumns, getTableName, sql } from "drizzle-orm"
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core"

import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import { commit, raced, retryRaced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

/** Of two who change one thing at once the second looks again (`retryRaced`); so often at most. */
export const mostTries = 25

/**
 * Refuses a change of something that is no longer as the caller saw it: their `If-Match` names another version of it.
 * `stageSeen` in the commit refuses what changes between this look and the commit. @throws `stale`
 */
export function requireMatch(ctx: Ctx, version: number): void {
  if (ctx.ifMatch && !ctx.ifMatch.some((one) => one === "*" || one === String(version)))
    throw new DomainError("stale")
}

/**
 * Breaks the commit (`stale`) unless the row is there still, in the version that was seen: the first statement of what
 * changes it or takes it away. Else it would insert a row of NULLs, which the key refuses.
 */
export function stageSeen(ctx: Ctx, key: SQLiteColumn, id: string, version: number): Statement {
  const nothing = Object.values(getTableColumns(key.table)).map(() => sql`NULL`)
  return ctx.db
    .insert(key.table as SQLiteTable)
    .select(
      sql`SELECT ${sql.join(nothing, sql`, `)} WHERE NOT EXISTS (SELECT 1 FROM ${key.table} WHERE ${key} = ${id} AND version = ${version})`,
    )
}

/**
 * The refusal of a broken `stageSeen`, for `commit`, before any other about the same key: worth another look, which
 * tells whether the row is gone, and whether it is as the caller named it (`requireMatch`).
 */
export function stale(key: SQLiteColumn): Record<string, () => DomainError> {
  const { table, name } = key
  return {
    [`NOT NULL constraint failed: ${getTableName(table)}.${name}`]: () =>
      raced(new DomainError("stale")),
  }
}

/**
 * Takes the next version of a row for who named one, before an effect outside the database: of two who saw the same
 * version the second has no such effect. Answers the version that the change itself then follows. @throws `stale`
 */
export async function claimVersion(
  ctx: Ctx,
  key: SQLiteColumn,
  { id, version }: { id: string; version: number },
): Promise<number> {
  if (!ctx.ifMatch) return version
  const next = { version: version + 1 }
  const taken = ctx.db
    .update(key.table as SQLiteTable)
    .set(next)
    .where(eq(key, id))
  await commit(ctx, [stageSeen(ctx, key, id, version), taken], { refusals: stale(key) })
  return next.version
}

/**
 * Takes a row away, after what `also` stages: what hangs on the row, and the audit. Of two at once one does.
 * @throws what `find` throws when there is no such row, `stale`
 */
export async function takeAway<Row extends { id: string; version: number }>(
  ctx: Ctx,
  key: SQLiteColumn,
  find: () => Promise<Row>,
  also: (row: Row) => readonly Statement[] = () => [],
): Promise<void> {
  await retryRaced(async () => {
    const row = await find()
    const { id, version } = row
    requireMatch(ctx, version)
    const gone = ctx.db.delete(key.table as SQLiteTable).where(eq(key, id))
    await commit(ctx, [stageSeen(ctx, key, id, version), ...also(row), gone], {
      refusals: stale(key),
      result: {},
    })
  }, mostTries)
}
