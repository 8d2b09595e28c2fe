import { type SQL, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { randomBase32 } from "#lib/id.ts"

import {
  columnsChunk,
  decodeFacts,
  encodeFacts,
  factColumns,
  factsAt,
  type Kind,
  type Kinds,
} from "./columns.ts"
import type { IndexDocument } from "./document.ts"
import { changePostings, postingsChunk } from "./postings.ts"
import { keptVariants } from "./typo.ts"

/** Documents of one merge: a few thousand rows of postings, well within what one batch may be. */
const mostDocuments = 250

/** Characters of one bound value: D1 allows two million bytes. */
const mostCharacters = 900_000

type Waiting = {
  doc: number
  revision: number
  fresh: string
  old: IndexDocument | null
  now: IndexDocument | null
}

/**
 * Works documents that wait into the postings and columns of a generation, in one transaction. Of two merges at once
 * the second finds another version and leaves it at that. Answers whether there may be more to do.
 */
export async function merge(ctx: Ctx, generation: number): Promise<boolean> {
  const [[state], waiting] = await ctx.search.batch([
    sql<{ version: number }>`SELECT version FROM generations WHERE generation = ${generation}`,
    sql<{
      doc: number
      revision: number
      fresh: string
      packed: string | null
    }>`SELECT doc, revision, fresh, packed FROM docs WHERE generation = ${generation} AND packed_revision <> revision ORDER BY doc LIMIT ${mostDocuments}`,
  ])
  if (!state || waiting.length === 0) return false
  const documents = waiting.map(({ doc, revision, fresh, packed }): Waiting => {
    const [old, now] = [JSON.parse(packed ?? "null"), JSON.parse(fresh)] as (IndexDocument | null)[]
    return { doc, revision, fresh, old: old ?? null, now: now ?? null }
  })
  const statements = [
    // Fails the batch unless the generation is there and at the version that was read.
    sql`UPDATE search_state SET guard = (SELECT 1 FROM generations WHERE generation = ${generation} AND version = ${state.version})`,
    sql`UPDATE generations SET version = version + 1 WHERE generation = ${generation}`,
    ...(await postingStatements(ctx, generation, documents)),
    ...(await columnStatements(ctx, generation, documents)),
    ...chunked(
      documents.map(({ doc, revision, fresh }) => [doc, revision, fresh]),
      (rows) =>
        sql`INSERT INTO docs (doc, generation, product_id, revision, packed_revision, fresh, packed) SELECT d.doc, d.generation, d.product_id, d.revision, j.value ->> 1, d.fresh, CASE WHEN d.revision = j.value ->> 1 THEN NULL ELSE j.value ->> 2 END FROM json_each(${rows}) AS j CROSS JOIN docs AS d ON d.doc = j.value ->> 0 WHERE true ON CONFLICT (doc) DO UPDATE SET packed_revision = excluded.packed_revision, packed = excluded.packed`,
    ),
  ]
  try {
    await ctx.search.write(statements)
  } catch (error) {
    if (isOvertaken(error)) return false
    throw error
  }
  return waiting.length === mostDocuments
}

function isOvertaken(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error.message.includes("search_state.guard") || isOvertaken(error.cause)
}

type Change = {
  realm: number
  term: string
  chunk: number
  offsets: Map<number, number | undefined>
}

async function postingStatements(
  ctx: Ctx,
  generation: number,
  documents: readonly Waiting[],
): Promise<SQL[]> {
  const changes = changesOf(documents)
  if (changes.length === 0) return []
  // Every chunk of a term: how often it occurs is told by all of them.
  const wanted = [
    ...new Map(changes.map(({ realm, term }) => [`${realm}${term}`, [realm, term]])).values(),
  ]
  const touched = new Set(changes.map(keyOf))
  const known = new Map<string, { count: number; data: string }>()
  const counts = new Map<string, number>()
  const chunks = [...new Set(changes.map(({ chunk }) => chunk))]
  for (let start = 0; start < wanted.length; start += 1000) {
    const rows = await ctx.search.all(
      sql<{
        realm: number
        term: string
        chunk: number
        count: number
        data: string | null
      }>`SELECT p.realm, p.term, p.chunk, p.count, CASE WHEN p.chunk IN (SELECT value FROM json_each(${JSON.stringify(chunks)})) THEN p.data END AS data FROM json_each(${JSON.stringify(wanted.slice(start, start + 1000))}) AS j CROSS JOIN postings AS p ON p.generation = ${generation} AND p.realm = j.value ->> 0 AND p.term = j.value ->> 1`,
    )
    for (const row of rows) {
      if (row.realm === 0) counts.set(row.term, (counts.get(row.term) ?? 0) + row.count)
      if (row.data !== null && touched.has(keyOf(row)))
        known.set(keyOf(row), { count: row.count, data: row.data })
    }
  }
  const written: unknown[][] = []
  const emptied: unknown[][] = []
  for (const change of changes) {
    const { realm, term, chunk } = change
    const old = known.get(keyOf(change))
    const { data, count } = changePostings(old, change.offsets)
    if (realm === 0) counts.set(term, (counts.get(term) ?? 0) - (old?.count ?? 0) + count)
    if (count > 0) written.push([realm, term, chunk, count, data])
    else if (old) emptied.push([realm, term, chunk])
  }
  return [
    ...chunked(
      written,
      (rows) =>
        sql`INSERT INTO postings (generation, realm, term, chunk, count, data) SELECT ${generation}, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(${rows}) WHERE true ON CONFLICT (generation, realm, term, chunk) DO UPDATE SET count = excluded.count, data = excluded.data`,
    ),
    ...chunked(
      emptied,
      (rows) =>
        sql`DELETE FROM postings WHERE rowid IN (SELECT p.rowid FROM json_each(${rows}) AS j CROSS JOIN postings AS p ON p.generation = ${generation} AND p.realm = j.value ->> 0 AND p.term = j.value ->> 1 AND p.chunk = j.value ->> 2)`,
    ),
    ...vocabularyStatements(generation, documents, counts),
  ]
}

function keyOf({ realm, term, chunk }: { realm: number; term: string; chunk: number }): string {
  return `${realm} ${chunk} ${term}`
}

/** What becomes other in the postings: nothing of a term that describes its document as before. */
function changesOf(documents: readonly Waiting[]): Change[] {
  const changes = new Map<string, Change>()
  const change = (realm: number, term: string, doc: number, impact: number | undefined) => {
    const key = { realm, term, chunk: Math.floor(doc / postingsChunk) }
    const known = changes.get(keyOf(key)) ?? { ...key, offsets: new Map() }
    known.offsets.set(doc % postingsChunk, impact)
    changes.set(keyOf(key), known)
  }
  for (const { doc, old, now } of documents) {
    const before = new Map(old?.terms ?? [])
    const after = new Map(now?.terms ?? [])
    const moved = old?.realm !== now?.realm
    if (old)
      for (const term of before.keys())
        if (moved || !after.has(term)) change(old.realm, term, doc, undefined)
    if (now)
      for (const [term, impact] of after)
        if (moved || before.get(term) !== impact) change(now.realm, term, doc, impact)
  }
  return [...changes.values()]
}

/** The vocabulary follows the public postings: new words come in, frequencies change, words that nothing holds go. */
function vocabularyStatements(
  generation: number,
  documents: readonly Waiting[],
  counts: ReadonlyMap<string, number>,
): SQL[] {
  const isTelling = (term: string) => !/^[#~]/.test(term)
  const stems = [...counts].filter(([term]) => isTelling(term))
  const gone = stems.filter(([, count]) => count <= 0).map(([term]) => term)
  const buckets = new Map(
    stems
      .filter(([, count]) => count > 0)
      .map(([term, count]) => [term, Math.floor(Math.log2(count))]),
  )
  const words = new Map(documents.flatMap(newWords))
  const variants = words.keys().flatMap((word) => keptVariants(word).map((one) => [one, word]))
  return [
    ...chunked(
      [...buckets],
      (rows) =>
        sql`INSERT INTO words (generation, word, stem, bucket) SELECT w.generation, w.word, w.stem, j.value ->> 1 FROM json_each(${rows}) AS j CROSS JOIN words AS w ON w.generation = ${generation} AND w.stem = j.value ->> 0 WHERE w.bucket <> j.value ->> 1 ON CONFLICT (generation, word) DO UPDATE SET bucket = excluded.bucket`,
    ),
    ...chunked(
      [...words].map(([word, stem]) => [word, stem, buckets.get(stem) ?? null]),
      (rows) =>
        sql`INSERT OR IGNORE INTO words (generation, word, stem, bucket) SELECT ${generation}, j.value ->> 0, j.value ->> 1, coalesce(j.value ->> 2, (SELECT max(w.bucket) FROM words AS w WHERE w.generation = ${generation} AND w.stem = j.value ->> 1), 0) FROM json_each(${rows}) AS j`,
    ),
    ...chunked(
      [...variants],
      (rows) =>
        sql`INSERT OR IGNORE INTO near (generation, variant, word) SELECT ${generation}, value ->> 0, value ->> 1 FROM json_each(${rows})`,
    ),
    ...chunked(
      gone,
      (rows) =>
        sql`DELETE FROM near WHERE generation = ${generation} AND word IN (SELECT w.word FROM json_each(${rows}) AS j CROSS JOIN words AS w ON w.generation = ${generation} AND w.stem = j.value)`,
    ),
    ...chunked(
      gone,
      (rows) =>
        sql`DELETE FROM words WHERE generation = ${generation} AND word IN (SELECT w.word FROM json_each(${rows}) AS j CROSS JOIN words AS w ON w.generation = ${generation} AND w.stem = j.value)`,
    ),
  ]
}

/** The public words that a document did not bring before. */
function newWords({ old, now }: Waiting): [word: string, stem: string][] {
  if (now?.realm !== 0) return []
  const before = new Set(old?.realm === 0 ? old.words.map(([word]) => word) : [])
  return now.words.filter(([word]) => !before.has(word))
}

async function columnStatements(
  ctx: Ctx,
  generation: number,
  documents: readonly Waiting[],
): Promise<SQL[]> {
  const touched = (["facts", "names", "times"] as const).flatMap((kind) =>
    [...Map.groupBy(documents, ({ doc }) => Math.floor(doc / columnsChunk))]
      .filter(([, own]) => own.some(({ old, now }) => isOther(old?.[kind], now?.[kind])))
      .map(([chunk, own]) => ({ kind, chunk, own })),
  )
  const wanted = JSON.stringify(touched.map(({ kind, chunk }) => [kind, chunk]))
  const rows = await ctx.search.all(
    sql<{
      kind: Kind
      chunk: number
      data: string
    }>`SELECT c.kind, c.chunk, c.data FROM json_each(${wanted}) AS j CROSS JOIN columns AS c ON c.generation = ${generation} AND c.kind = j.value ->> 0 AND c.chunk = j.value ->> 1`,
  )
  const written = touched.map(({ kind, chunk, own }) => {
    const old = rows.find((row) => row.kind === kind && row.chunk === chunk)?.data
    const data = kind === "facts" ? withFacts(old, own) : withRest(old, own, kind)
    return [kind, chunk, randomBase32(16), data]
  })
  return chunked(
    written,
    (all) =>
      sql`INSERT INTO columns (generation, kind, chunk, stamp, data) SELECT ${generation}, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(${all}) WHERE true ON CONFLICT (generation, kind, chunk) DO UPDATE SET stamp = excluded.stamp, data = excluded.data`,
  )
}

function isOther(old: unknown, now: unknown): boolean {
  return JSON.stringify(old) !== JSON.stringify(now)
}

function withFacts(old: string | undefined, documents: readonly Waiting[]): string {
  const columns = old === undefined ? factColumns([]) : decodeFacts(old)
  const entries = Array.from({ length: columns.size }, (_, at) => factsAt(columns, at))
  for (const { doc, now } of documents) place(entries, doc, now?.facts)
  return encodeFacts(factColumns(Array.from(entries)))
}

function withRest(
  old: string | undefined,
  documents: readonly Waiting[],
  kind: "names" | "times",
): string {
  const entries = JSON.parse(old ?? "[]") as (Kinds[typeof kind] | null)[]
  for (const { doc, now } of documents) place(entries, doc, now?.[kind] ?? null)
  return JSON.stringify(Array.from(entries, (entry) => entry ?? null))
}

function place<T>(entries: T[], doc: number, entry: T): void {
  entries[doc % columnsChunk] = entry
}

/** A statement for each part of the rows that one bound value can carry, as JSON. */
function chunked(rows: readonly unknown[], to: (json: string) => SQL): SQL[] {
  const texts = rows.map((row) => JSON.stringify(row))
  const statements: SQL[] = []
  let part: string[] = []
  let length = 0
  for (const text of texts) {
    if (length + text.length > mostCharacters && part.length > 0) {
      statements.push(to(`[${part.join(",")}]`))
      part = []
      length = 0
    }
    part.push(text)
    length += text.length + 1
  }
  return part.length > 0 ? [...statements, to(`[${part.join(",")}]`)] : statements
}
