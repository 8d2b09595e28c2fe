import { and, asc, eq, inArray, lte, type SQL, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import { concat } from "#lib/multipart.ts"
import { iso, secondsAfter } from "#lib/time.ts"
import type { Statement } from "#platform/db.ts"
import { timed } from "#platform/meter.ts"
import { looseObjects } from "#platform/tables.ts"

/** R2: parts of an upload have at least 5 MiB, and all but the last the same size. So much of a file is in memory. */
const pieceBytes = 5 * 1024 * 1024

/** How long an upload may take before it counts as crashed. */
const abandonedSeconds = 86_400

/** Keys in one sweep's page; D1 takes 100 parameters, R2 a thousand keys. */
const pageSize = 90

/** A stream cut into pieces of 5 MiB, the last one shorter: as R2 takes them, and large enough for any header. */
export async function* piecesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    // A reader of streams may use its buffer again.
    held.push(chunk.slice())
    size += chunk.length
    while (size >= pieceBytes) {
      const all = concat(held)
      yield all.subarray(0, pieceBytes)
      held = [all.slice(pieceBytes)]
      size -= pieceBytes
    }
  }
  if (size > 0) yield concat(held)
}

/**
 * Says that an object is about to be stored. Until a row names it (`stageKept` in the batch of that row) it is loose,
 * and the sweep removes it a day later: whatever crashes between, nothing is left for good.
 */
export async function begin(ctx: Ctx, key: string): Promise<void> {
  await ctx.db.insert(looseObjects).values({ key, reason: "upload", createdAt: iso(ctx.now) })
}

/**
 * Stores a file piece by piece; answers its size in bytes. What does not get to its end leaves no object behind.
 * @throws `body-too-large` for more than `most` bytes, as soon as they have come
 */
export async function put(
  ctx: Ctx,
  key: string,
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
  { contentType, most }: { contentType: string; most: number },
): Promise<number> {
  const httpMetadata = { contentType }
  let bytes = first.length
  refuseBeyond(most, bytes)
  if (first.length < pieceBytes) {
    await timed(ctx.meter, "r2", () => ctx.files.put(key, first, { httpMetadata }))
    return bytes
  }
  const upload = await timed(ctx.meter, "r2", () =>
    ctx.files.createMultipartUpload(key, { httpMetadata }),
  )
  try {
    const parts = [await timed(ctx.meter, "r2", () => upload.uploadPart(1, first))]
    for await (const piece of rest) {
      bytes += piece.length
      refuseBeyond(most, bytes)
      parts.push(await timed(ctx.meter, "r2", () => upload.uploadPart(parts.length + 1, piece)))
    }
    await timed(ctx.meter, "r2", () => upload.complete(parts))
    return bytes
  } catch (error) {
    // One that cannot be aborted either is dropped by R2 after seven days.
    await upload.abort().catch((cause) => ctx.log.error("upload not aborted", cause, { key }))
    throw error
  }
}

function refuseBeyond(most: number, bytes: number): void {
  if (bytes > most)
    throw new DomainError("body-too-large", `A file of this kind has at most ${most} bytes`)
}

/**
 * The key of a row that names an uploaded object, and the statement that goes with it. The key is NULL, which its
 * column refuses, when the sweep has taken the object for abandoned.
 */
export function stageKept(
  ctx: Ctx,
  key: string,
  stored: string,
): { key: SQL<string>; statement: Statement } {
  const isLoose = and(eq(looseObjects.key, key), eq(looseObjects.reason, "upload"))
  return {
    key: sql<string>`(SELECT ${stored} FROM loose_objects WHERE loose_objects.key = ${key} AND loose_objects.reason = 'upload')`,
    statement: ctx.db.delete(looseObjects).where(isLoose),
  }
}

/** Marks objects as removed, in the batch that deletes the rows that name them. `keys`: a SELECT of one column. */
export function stageRemoved(ctx: Ctx, keys: SQL): Statement {
  return ctx.db
    .insert(looseObjects)
    .select(sql`SELECT named.key, 'removed', ${iso(ctx.now)} FROM (${keys}) AS named WHERE true`)
    .onConflictDoUpdate({ target: looseObjects.key, set: { reason: "removed" } })
}

/** Deletes those of these objects that are marked as removed. Idempotent; an object that a row names stays. */
export async function discard(ctx: Ctx, keys: readonly string[]): Promise<void> {
  for (let start = 0; start < keys.length; start += pageSize) {
    const some = and(
      inArray(looseObjects.key, keys.slice(start, start + pageSize)),
      eq(looseObjects.reason, "removed"),
    )
    const rows = await ctx.db.select({ key: looseObjects.key }).from(looseObjects).where(some)
    const found = rows.map(({ key }) => key)
    if (found.length === 0) continue
    await timed(ctx.meter, "r2", () => ctx.files.delete(found))
    await ctx.db.delete(looseObjects).where(inArray(looseObjects.key, found))
  }
}

/** The same after the answer is sent; what cannot be removed then is the sweep's. */
export function discardSoon(ctx: Ctx, keys: readonly string[]): void {
  ctx.defer(discard(ctx, keys).catch((error) => ctx.log.error("objects left to the sweep", error)))
}

/** Lets go of an upload that failed. Never throws: what cannot be removed now is the sweep's. */
export async function abandon(ctx: Ctx, key: string): Promise<void> {
  try {
    await ctx.db
      .update(looseObjects)
      .set({ reason: "removed" })
      .where(and(eq(looseObjects.key, key), eq(looseObjects.reason, "upload")))
    await discard(ctx, [key])
  } catch (error) {
    ctx.log.error("upload left to the sweep", error, { key })
  }
}

/** Removes the objects that no row names: uploads begun a day ago, removals that were not finished. For cron; safe to run twice. */
export async function sweep(ctx: Ctx): Promise<void> {
  await ctx.db
    .update(looseObjects)
    .set({ reason: "removed" })
    .where(
      and(
        eq(looseObjects.reason, "upload"),
        lte(looseObjects.createdAt, iso(secondsAfter(ctx.now, -abandonedSeconds))),
      ),
    )
  for (let pages = 0; pages < 20; pages++) {
    const rows = await ctx.db
      .select({ key: looseObjects.key })
      .from(looseObjects)
      .where(eq(looseObjects.reason, "removed"))
      .orderBy(asc(looseObjects.createdAt))
      .limit(pageSize)
    await discard(
      ctx,
      rows.map(({ key }) => key),
    )
    if (rows.length < pageSize) return
  }
}
