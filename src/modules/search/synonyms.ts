import { eq, inArray, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import { listLimit, rowsOf, type Statement } from "#platform/db.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"
import { mostTries, requireMatch, stageSeen, stale, takeAway } from "#platform/version.ts"

import type { NewSynonym, Synonym, SynonymChanges, SynonymQuery } from "./model.ts"
import { phraseOf } from "./query.ts"
import { synonymPhrases, synonyms } from "./tables.ts"

type SynonymRow = typeof synonyms.$inferSelect

/** A page of synonyms, the newest first. @throws `forbidden` */
export async function list(ctx: Ctx, query: SynonymQuery): Promise<Page<Synonym>> {
  requirePermission(ctx, "catalog:write")
  const page = await readPage<SynonymRow>(ctx, query, {
    orderings: { created_at: { by: synonyms.createdAt, of: (row) => row.createdAt } },
    fallback: "-created_at",
    id: { by: synonyms.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(synonyms)
        .where(where)
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: sql`SELECT 1 FROM synonyms`,
  })
  return mapPage(page, toSynonym)
}

/** One synonym. @throws `forbidden`, `not-found` */
export async function get(ctx: Ctx, id: string): Promise<Synonym> {
  requirePermission(ctx, "catalog:write")
  return toSynonym(await find(ctx, id))
}

/** Makes a synonym; searches know it at once. @throws `forbidden`, `invalid-input` */
export async function create(ctx: Ctx, input: NewSynonym): Promise<Synonym> {
  requirePermission(ctx, "catalog:write")
  const row: SynonymRow = {
    id: newId("synonym", ctx.now),
    source: input.source ?? null,
    terms: checked(input.terms, input.source ?? null),
    version: 1,
    createdAt: iso(ctx.now),
    updatedAt: iso(ctx.now),
  }
  const result = toSynonym(row)
  await commit(ctx, [ctx.db.insert(synonyms).values(row), ...stagePhrases(ctx, row)], { result })
  await ctx.cache.expire("search")
  return result
}

/** Changes a synonym; what is left out stays. @throws `forbidden`, `not-found`, `stale`, `invalid-input` */
export function update(ctx: Ctx, id: string, input: SynonymChanges): Promise<Synonym> {
  requirePermission(ctx, "catalog:write")
  return retryRaced(async () => {
    const old = await find(ctx, id)
    requireMatch(ctx, old.version)
    const source = input.source === undefined ? old.source : input.source
    const terms = checked(input.terms ?? old.terms, source)
    const next = { source, terms, version: old.version + 1, updatedAt: iso(ctx.now) }
    const row: SynonymRow = { ...old, ...next }
    const result = toSynonym(row)
    await commit(
      ctx,
      [
        stageSeen(ctx, synonyms.id, old.id, old.version),
        ctx.db.update(synonyms).set(next).where(eq(synonyms.id, row.id)),
        ctx.db.delete(synonymPhrases).where(eq(synonymPhrases.synonymId, row.id)),
        ...stagePhrases(ctx, row),
      ],
      { refusals: stale(synonyms.id), result },
    )
    await ctx.cache.expire("search")
    return result
  }, mostTries)
}

/** Removes a synonym. @throws `forbidden`, `not-found`, `stale` */
export async function remove(ctx: Ctx, id: string): Promise<void> {
  requirePermission(ctx, "catalog:write")
  await takeAway(
    ctx,
    synonyms.id,
    () => find(ctx, id),
    (row) => [ctx.db.delete(synonymPhrases).where(eq(synonymPhrases.synonymId, row.id))],
  )
  await ctx.cache.expire("search")
}

/** What means the same as each of these phrases, by phrase. One round trip. */
export async function meaning(
  ctx: Ctx,
  phrases: readonly string[],
): Promise<Map<string, string[]>> {
  if (phrases.length === 0) return new Map()
  const found = await ctx.db
    .select({ phrase: synonymPhrases.phrase, source: synonyms.source, terms: synonyms.terms })
    .from(synonymPhrases)
    .innerJoin(synonyms, eq(synonyms.id, synonymPhrases.synonymId))
    .where(inArray(synonymPhrases.phrase, phrases.slice(0, listLimit)))
    .limit(listLimit)
  const others = new Map<string, string[]>()
  for (const { phrase, source, terms } of found) {
    const all = [
      ...(others.get(phrase) ?? []),
      ...terms.filter((term) => phraseOf(term) !== phrase),
    ]
    if (source === null || phraseOf(source) === phrase) others.set(phrase, all)
  }
  return others
}

async function find(ctx: Ctx, id: string): Promise<SynonymRow> {
  const [row] = await ctx.db
    .select()
    .from(synonyms)
    .where(eq(synonyms.id, id as Id<"synonym">))
    .limit(1)
  if (!row) throw notFound("synonym")
  return row
}

/** Terms that differ, each from the others and from the source. @throws `invalid-input` */
function checked(terms: readonly string[], source: string | null): string[] {
  const phrases = new Set([...(source === null ? [] : [source]), ...terms].map(phraseOf))
  const wanted = (source === null ? 0 : 1) + terms.length
  if (phrases.size < wanted || phrases.size < 2)
    throw invalid({
      field: "terms",
      detail: "At least two words are required that are not the same.",
      code: "invalid",
    })
  return [...terms]
}

function stagePhrases(ctx: Ctx, { id, source, terms }: SynonymRow): Statement[] {
  const phrases = new Set((source === null ? terms : [source]).map(phraseOf))
  return rowsOf(
    ctx.db,
    synonymPhrases,
    [...phrases].map((phrase) => ({ phrase, synonymId: id })),
  )
}

function toSynonym(row: SynonymRow): Synonym {
  return {
    id: row.id,
    source: row.source,
    terms: row.terms,
    version: row.version,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}
