import { eq, getTableName, type SQL, sql } from "drizzle-orm"
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core"

import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import { commit, raced } from "#platform/commit.ts"

/** A table whose rows count their changes, from 1: see api.md 1.12. */
type Versioned = SQLiteTable & { version: SQLiteColumn }

/** Of two who change one thing at once the second looks again (`retryRaced`); so often at most. */
export const mostTries = 25

/**
 * Refuses a change of something that is no longer as the caller saw it: their `If-Match` names another version of it.
 * `nextVersion` in the commit refuses what changes between this look and the commit. @throws `stale`
 */
export function requireMatch(ctx: Ctx, version: number): void {
  if (ctx.ifMatch && !ctx.ifMatch.some((one) => one === "*" || one === String(version)))
    throw new DomainError("stale")
}

/** The version after `seen`, for the `set` of an update; NULL, which the column refuses, when the row has moved on. */
export function nextVersion({ version }: Versioned, seen: number): SQL {
  return sql`CASE WHEN ${version} = ${seen} THEN ${seen + 1} END`
}

/** The refusal of a broken `nextVersion`, for `commit`: final when the caller named a version, else worth another look. */
export function stale(ctx: Ctx, table: Versioned): Record<string, () => DomainError> {
  const error = () => new DomainError("stale")
  return {
    [`NOT NULL constraint failed: ${getTableName(table)}.version`]: ctx.ifMatch
      ? error
      : () => raced(error()),
  }
}

/**
 * Takes the next version of a row for who named one, before an effect outside the database: of two who saw the same
 * version the second has no such effect. Answers the version that the change itself then follows. @throws `stale`
 */
export async function claimVersion(
  ctx: Ctx,
  table: Versioned & { id: SQLiteColumn },
  { id, version }: { id: string; version: number },
): Promise<number> {
  if (!ctx.ifMatch) return version
  const next = { version: nextVersion(table, version) }
  const taken = ctx.db
    .update(table as SQLiteTable)
    .set(next)
    .where(eq(table.id, id))
  await commit(ctx, [taken], { refusals: stale(ctx, table) })
  return version + 1
}
