import { eq, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import { jsonRowsOf, type Statement } from "#platform/db.ts"
import * as files from "#platform/files.ts"
import { timed } from "#platform/meter.ts"

import { countsOf, type Run } from "./import-chunk.ts"
import { type Entry, entriesOf, type Place } from "./import-read.ts"
import { chunkOf } from "./import-receive.ts"
import { type ImportRow, overStatuses } from "./imports.ts"
import { importKeys, importLines, imports } from "./tables.ts"

/**
 * Things in a chunk, and chunks in a message: 800 stock objects at most, within Cloudflare's limits for one
 * invocation, and done well before the outbox sends the event again (30 s).
 */
const most = { entries: 200, bytes: 512 * 1024, chunks: 4 }

/** How often a chunk is tried before the import fails. */
const mostAttempts = 5

type Advanced = Extract<Event, { type: "import.advanced" }>

/**
 * Does the next chunks of an import. Each chunk's rows, report and the place behind it are committed together, from
 * the place where it began: of two that do the same chunk one fails, and goes on behind it. It ends with the import
 * or with an event for the rest, so that a message is never the last one of an import that is not over.
 */
export async function work(ctx: Ctx, { importId }: Advanced): Promise<void> {
  try {
    for (let done = 0; done < most.chunks;) {
      const row = await findOpen(ctx, importId)
      if (!row) break
      done += await read(ctx, row, most.chunks - done)
    }
  } catch (error) {
    if (!(await hasFailed(ctx, importId, error))) throw error
  }
  await ctx.cache.expire("catalog")
}

async function findOpen(ctx: Ctx, id: Id<"import">): Promise<ImportRow | undefined> {
  const [row] = await ctx.db.select().from(imports).where(eq(imports.id, id))
  return row && !overStatuses.some((status) => status === row.status) ? row : undefined
}

/** Does at most so many chunks of the file from where it is; answers how many, fewer when somebody else was first. */
async function read(ctx: Ctx, row: ImportRow, chunks: number): Promise<number> {
  const place = { offset: row.position, line: row.line }
  const { format, delimiter, columns } = row
  const object =
    place.offset < row.bytes &&
    (await timed(ctx.meter, "r2", () =>
      ctx.files.get(row.key, { range: { offset: place.offset } }),
    ))
  if (object === null) throw new Error(`the file of ${row.id} is not there`)
  const stream: AsyncIterable<Uint8Array> = object ? object.body : nothing()
  const entries = entriesOf(stream, { format, delimiter, columns }, place)
  try {
    let from: Place = place
    for (let done = 1; ; done++) {
      const some = await take(entries, from)
      const isEnd = some.length === 0 || some.at(-1)?.fatal !== undefined
      const to = isEnd ? { offset: row.bytes, line: from.line } : (some.at(-1)?.end ?? from)
      const more = !isEnd && done === chunks
      if (!(await advance(ctx, row, some, { from, to, isEnd, more }))) return done - 1
      if (isEnd || more) return chunks
      from = to
    }
  } finally {
    await entries.return(undefined)
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function take(entries: AsyncGenerator<Entry>, from: Place): Promise<Entry[]> {
  const some: Entry[] = []
  for (let next = await entries.next(); !next.done; next = await entries.next()) {
    some.push(next.value)
    const bytes = next.value.end.offset - from.offset
    if (some.length === most.entries || bytes >= most.bytes || next.value.fatal) break
  }
  return some
}

type Step = { from: Place; to: Place; isEnd: boolean; more: boolean }

/** Does one chunk; `false` when somebody else did it, or the import is over. */
async function advance(
  ctx: Ctx,
  row: ImportRow,
  entries: readonly Entry[],
  { from, to, isEnd, more }: Step,
): Promise<boolean> {
  const fatal = entries.at(-1)?.fatal
  const run: Run = {
    mode: row.mode,
    dry_run: row.dryRun,
    kind: row.kind,
    seed: row.id,
    importId: row.id,
    actor: row.actor,
    layout: row,
  }
  try {
    await retryRaced(async () => {
      const outcome = await chunkOf[row.kind](ctx, run, entries)
      const counts = countsOf(outcome.lines)
      const step = ctx.db
        .update(imports)
        .set({
          // NULL, which the column refuses, unless the chunk begins where the import is, and it is not over.
          position: sql`CASE WHEN position = ${from.offset} AND status IN ('queued', 'running') THEN ${to.offset} END`,
          line: to.line,
          status: fatal ? "failed" : isEnd ? "done" : "running",
          error: fatal ?? null,
          attempts: 0,
          created: sql`created + ${counts.created}`,
          updated: sql`updated + ${counts.updated}`,
          unchanged: sql`unchanged + ${counts.unchanged}`,
          skipped: sql`skipped + ${counts.skipped}`,
          failed: sql`failed + ${counts.failed}`,
          updatedAt: iso(ctx.now),
          finishedAt: isEnd ? iso(ctx.now) : null,
        })
        .where(eq(imports.id, row.id))
      const lines = outcome.lines.map(({ line, id, outcome: became, ...said }) => ({
        importId: row.id,
        line,
        recordId: id,
        outcome: became,
        said,
      }))
      const keys = [...outcome.keys].map(([key, line]) => ({ importId: row.id, key, line }))
      await commit(
        ctx,
        [
          step,
          ...outcome.statements,
          ...jsonRowsOf(ctx.db, importLines, lines),
          ...(isEnd ? stageOver(ctx, row) : jsonRowsOf(ctx.db, importKeys, keys)),
        ],
        {
          refusals: { "imports.position": "request-in-progress", ...outcome.refusals },
          events: [
            ...outcome.events,
            ...(more ? [{ type: "import.advanced" as const, importId: row.id }] : []),
          ],
        },
      )
    })
  } catch (error) {
    if (error instanceof DomainError && error.code === "request-in-progress") return false
    throw error
  }
  if (isEnd) files.discardSoon(ctx, [row.key])
  return true
}

function stageOver(ctx: Ctx, row: Pick<ImportRow, "id" | "key">): Statement[] {
  return [
    ctx.db.delete(importKeys).where(eq(importKeys.importId, row.id)),
    files.stageRemoved(ctx, sql`SELECT ${row.key} AS key`),
  ]
}

/** Counts a try that failed; after the last one the import has failed, and the message is done with. */
async function hasFailed(ctx: Ctx, id: Id<"import">, cause: unknown): Promise<boolean> {
  const row = await findOpen(ctx, id)
  if (!row) return true
  ctx.log.error("chunk of an import failed", cause, { import_id: id, position: row.position })
  const isLast = row.attempts + 1 >= mostAttempts
  await commit(ctx, [
    ctx.db
      .update(imports)
      .set({
        attempts: sql`attempts + 1`,
        updatedAt: iso(ctx.now),
        ...(isLast && {
          status: "failed",
          error: `Line ${row.line + 1} and the next could not be worked off. Send the file again.`,
          finishedAt: iso(ctx.now),
        }),
      })
      .where(eq(imports.id, id)),
    ...(isLast ? stageOver(ctx, row) : []),
  ])
  return isLast
}
