import { sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import { iso, secondsAfter } from "#lib/time.ts"
import { commit } from "#platform/commit.ts"

import { pageSize, write } from "./indexing.ts"
import { merge } from "./merging.ts"
import type { IndexStatus } from "./model.ts"
import { idsAfter } from "./source.ts"

/** Pages that one message works off: some hundred D1 queries of the thousand that an invocation may make. */
const pagesAtOnce = 10

/** A build that has not moved for so long is given up when another is asked for. */
const stuckSeconds = 600

/** A generation that is no longer live stays for searches that began with it. */
const graceSeconds = 120

/** Merges for one page: far more than its documents fill. */
const mostMerges = 50

/** Rows deleted by one statement. */
const deletedAtOnce = 5000

type State = {
  live: number
  building: number | null
  retired: number | null
  cursor: string
  indexed: number
  started_at: string | null
  moved_at: string | null
  finished_at: string | null
}

/** How far the index is. @throws `forbidden` */
export async function status(ctx: Ctx): Promise<IndexStatus> {
  requirePermission(ctx, "catalog:write")
  return toStatus(await stateOf(ctx))
}

/**
 * Begins a new index beside the live one, which is searched until the new one is whole. While one is being built
 * nothing new begins. @throws `forbidden`
 */
export async function rebuild(ctx: Ctx): Promise<IndexStatus> {
  requirePermission(ctx, "catalog:write")
  return begin(ctx)
}

async function begin(ctx: Ctx): Promise<IndexStatus> {
  const state = await stateOf(ctx)
  const isMoving =
    state.building !== null && (state.moved_at ?? "") > iso(secondsAfter(ctx.now, -stuckSeconds))
  if (isMoving) return toStatus(state)
  const stuck = state.building
  const generation = Math.max(state.live, stuck ?? 0, state.retired ?? 0) + 1
  // Of two that begin at once the second finds another state, and changes nothing.
  await ctx.search.write([
    sql`INSERT INTO generations (generation, version) SELECT ${generation}, 0 FROM search_state WHERE building IS ${stuck} AND live = ${state.live} ON CONFLICT DO NOTHING`,
    sql`UPDATE search_state SET building = ${generation}, cursor = '', indexed = 0, started_at = ${iso(ctx.now)}, moved_at = ${iso(ctx.now)}, finished_at = NULL WHERE building IS ${stuck} AND live = ${state.live}`,
  ])
  const now = await stateOf(ctx)
  if (now.building !== null)
    await commit(ctx, [], {
      events: [{ type: "index.begun", generation: now.building }],
      result: toStatus(now),
    })
  return toStatus(now)
}

/**
 * Works on the index that is being built, some pages at a time; what is left is an event of its own. Where it stands
 * is in the index itself, so that it goes on after a crash. Idempotent, and safe to run twice at once.
 */
export async function build(
  ctx: Ctx,
  { generation }: Extract<Event, { type: "index.begun" }>,
): Promise<void> {
  for (let page = 0; page < pagesAtOnce; page++) {
    const state = await stateOf(ctx)
    if (state.building !== generation) return
    const ids = await idsAfter(ctx, state.cursor, pageSize)
    const last = ids.at(-1)
    await write(ctx, ids, generation)
    await mergeAll(ctx, generation, last === undefined)
    if (last === undefined) return goLive(ctx, state, generation)
    const [moved] = await ctx.search.write([
      sql`UPDATE search_state SET cursor = ${last}, indexed = indexed + ${ids.length}, moved_at = ${iso(ctx.now)} WHERE building = ${generation} AND cursor = ${state.cursor}`,
    ])
    // Another delivery of the same event is at it.
    if (moved === 0) return
  }
  await commit(ctx, [], { events: [{ type: "index.begun", generation }] })
}

/** Merges what fills a merge, and, `toTheLast`, every document. @throws Error when that comes to no end */
async function mergeAll(ctx: Ctx, generation: number, toTheLast: boolean): Promise<void> {
  for (let merges = 0; merges < mostMerges; merges++) {
    if (await merge(ctx, generation)) continue
    if (!toTheLast || !(await isWaiting(ctx, generation))) return
  }
  throw new Error(`generation ${generation} comes to no end`)
}

/** Whether a document waits; another merge may be at it. */
async function isWaiting(ctx: Ctx, generation: number): Promise<boolean> {
  const rows = await ctx.search.all(
    sql`SELECT 1 FROM docs WHERE generation = ${generation} AND packed_revision <> revision LIMIT 1`,
  )
  return rows.length > 0
}

async function goLive(ctx: Ctx, { live }: State, generation: number): Promise<void> {
  await ctx.search.write([
    sql`UPDATE search_state SET live = ${generation}, building = NULL, retired = ${live}, finished_at = ${iso(ctx.now)} WHERE building = ${generation}`,
  ])
  await ctx.cache.expire("search")
}

/** Every minute: merges what waits, deletes what is no longer searched, and builds an index that never was built whole. */
export async function tend(ctx: Ctx): Promise<void> {
  const state = await stateOf(ctx)
  const isStuck =
    state.building !== null && (state.moved_at ?? "") <= iso(secondsAfter(ctx.now, -stuckSeconds))
  if (isStuck || (state.started_at === null && (await idsAfter(ctx, "", 1)).length > 0))
    await begin(ctx)
  await merge(ctx, state.live)
  if ((state.finished_at ?? "") > iso(secondsAfter(ctx.now, -graceSeconds))) return
  await clear(ctx)
}

/** Deletes one helping of a generation that is neither live nor being built: none becomes so again. */
async function clear(ctx: Ctx): Promise<void> {
  const [old] = await ctx.search.all(
    sql<{
      generation: number
    }>`SELECT g.generation FROM generations AS g, search_state AS s WHERE g.generation <> s.live AND g.generation IS NOT s.building LIMIT 1`,
  )
  if (!old) return
  const { generation } = old
  const tables = [
    ["docs", "doc"],
    ["postings", "rowid"],
  ] as const
  const keyed = [
    ["columns", "kind, chunk"],
    ["near", "variant, word"],
    ["words", "word"],
  ] as const
  const results = await ctx.search.write([
    sql`UPDATE search_state SET retired = NULL WHERE retired = ${generation}`,
    ...tables.map(
      ([table, key]) =>
        sql`DELETE FROM ${sql.raw(table)} WHERE ${sql.raw(key)} IN (SELECT ${sql.raw(key)} FROM ${sql.raw(table)} WHERE generation = ${generation} LIMIT ${deletedAtOnce})`,
    ),
    ...keyed.map(
      ([table, key]) =>
        sql`DELETE FROM ${sql.raw(table)} WHERE generation = ${generation} AND (${sql.raw(key)}) IN (SELECT ${sql.raw(key)} FROM ${sql.raw(table)} WHERE generation = ${generation} LIMIT ${deletedAtOnce})`,
    ),
  ])
  if (results.slice(1).every((changed) => changed === 0))
    await ctx.search.write([sql`DELETE FROM generations WHERE generation = ${generation}`])
}

async function stateOf(ctx: Ctx): Promise<State> {
  const [state] = await ctx.search.all(
    sql<State>`SELECT live, building, retired, cursor, indexed, started_at, moved_at, finished_at FROM search_state`,
  )
  if (!state) throw new Error("the search database is not migrated")
  return state
}

function toStatus(state: State): IndexStatus {
  return {
    generation: state.live,
    status: state.building === null ? "ready" : "building",
    building: state.building,
    indexed: state.indexed,
    started_at: state.started_at,
    finished_at: state.finished_at,
  }
}
