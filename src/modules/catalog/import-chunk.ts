import { eq, sql } from "drizzle-orm"
import type { z } from "zod"

import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { sha256 } from "#lib/secret.ts"
import { raced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import type { Mapped } from "./import-columns.ts"
import type { ImportLine, ImportOptions } from "./import-model.ts"
import type { Entry, Layout } from "./import-read.ts"
import { importKeys, type imports } from "./tables.ts"

/** An import while it runs. `seed`: makes ids and stock keys, the same ones however often a chunk is done. */
export type Run = Pick<ImportOptions, "mode" | "dry_run"> & {
  kind: (typeof imports.$inferSelect)["kind"]
  seed: string
  layout: Layout
  actor: string
  /** Of a file that is worked off; a small one is one chunk. */
  importId?: Id<"import">
}

/** What a chunk comes to: what became of its lines, and what is to be committed for that. */
export type Outcome = {
  lines: ImportLine[]
  statements: Statement[]
  events: Event[]
  /** What its lines have taken, by line: see `import_keys`. */
  keys: Map<string, number>
  /** What its constraints mean: what somebody else took meanwhile is seen at the second look. */
  refusals: Record<string, () => DomainError>
}

/** Any constraint that a chunk breaks was looked up before: somebody else was faster. */
export const refusals = {
  "constraint failed": () =>
    raced(new DomainError("unavailable", "The catalogue changes too fast; try again")),
}

/** A line with all that is wrong with it. */
export type Draft<T> = {
  line: number
  input: T | undefined
  errors: NonNullable<ImportLine["errors"]>
  warnings: NonNullable<ImportLine["warnings"]>
  mapped: Mapped
}

/** Reads a line's shape. What is wrong is told by field and column. */
export function draftOf<T>(entry: Entry, given: Mapped, shape: z.ZodType<T>): Draft<T> {
  const mapped = entry.fatal
    ? { ...given, problems: [{ column: "line", detail: entry.fatal, code: "malformed" }] }
    : given
  const read = shape.safeParse(mapped.value)
  const errors = mapped.problems.map(({ column, ...one }) => ({ field: column, column, ...one }))
  const known = new Set(mapped.problems.map(({ column }) => column))
  for (const issue of entry.fatal ? [] : (read.error?.issues ?? [])) {
    const field = issue.path.join(".") || "line"
    const column = mapped.columnOf(field)
    if (known.has(column)) continue
    const code = issue.code === "custom" ? "invalid" : issue.code.replaceAll("_", "-")
    errors.push({ field, column, detail: issue.message, code })
  }
  return {
    line: entry.line,
    input: read.data,
    errors: [...new Map(errors.map((one) => [`${one.field}\n${one.code}`, one])).values()],
    warnings: mapped.warnings.map(({ column, ...one }) => ({ field: column, column, ...one })),
    mapped,
  }
}

/** A refused field, with the column that it came from. */
export function refuse<T>(
  draft: Draft<T>,
  ...errors: readonly { field: string; detail: string; code: string }[]
): void {
  for (const { field, detail, code } of errors)
    draft.errors.push({ field, column: draft.mapped.columnOf(field), detail, code })
}

/** What became of a line. */
export function toLine<T>(
  { line, errors, warnings }: Draft<T>,
  outcome: ImportLine["outcome"],
  id: string | null,
): ImportLine {
  return {
    line,
    id,
    outcome,
    ...(errors.length > 0 && { errors }),
    ...(warnings.length > 0 && { warnings }),
  }
}

/** Which of these earlier lines of the file have taken, before this chunk. */
export async function takenBefore(
  ctx: Ctx,
  run: Run,
  keys: readonly string[],
): Promise<Map<string, number>> {
  if (run.importId === undefined || keys.length === 0) return new Map()
  const rows = await ctx.db
    .select({ key: importKeys.key, line: importKeys.line })
    .from(importKeys)
    .where(
      sql`${eq(importKeys.importId, run.importId)} AND import_keys.key IN (SELECT value FROM json_each(${JSON.stringify(keys)}))`,
    )
  return new Map(rows.map(({ key, line }) => [key, line]))
}

/**
 * The id of what a line makes, when it brings none: the same for the same line of the same import. Sorts by the
 * import's beginning and the line, as ids of things made one after another do (`newId`).
 */
export async function idOfLine(prefix: string, run: Run, line: number, part = ""): Promise<string> {
  const hash = await sha256(`${run.seed}\n${line}\n${part}`)
  const time = run.seed.slice(run.seed.indexOf("_") + 1).slice(0, 10)
  const place = line.toString(32).replace(/[i-v]/g, crockfordOf).padStart(7, "0")
  return `${prefix}_${time}${place}${hash.slice(0, 9)}`
}

/** The digits of base 32 that look like others, in Crockford's alphabet. */
function crockfordOf(digit: string): string {
  return "jkmnpqrstvwxyz"["ijklmnopqrstuv".indexOf(digit)] ?? digit
}

/** How often each outcome is among these lines. */
export function countsOf(lines: readonly ImportLine[]) {
  const count = (outcome: ImportLine["outcome"]) =>
    lines.filter((line) => line.outcome === outcome).length
  return {
    created: count("created"),
    updated: count("updated"),
    unchanged: count("unchanged"),
    skipped: count("skipped"),
    failed: count("failed"),
  }
}
