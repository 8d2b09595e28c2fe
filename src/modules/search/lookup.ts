import { type SQL, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { Lru } from "#platform/lru.ts"

import { decodeFacts, type FactColumns, type Kind, type Kinds } from "./columns.ts"
import type { IndexDocument } from "./document.ts"
import type { Plan, PostingsRow } from "./match.ts"
import type { Spelling } from "./plan.ts"

/** Everything that one search reads of the index at first, as it was at one moment. */
export type Look = {
  generation: number
  /** Documents that wait to be merged; `undefined`: not to be found by this caller. */
  waiting: Map<number, IndexDocument | undefined>
  rows: PostingsRow[]
  /** What the last word may become. */
  completions: Spelling[]
  facts: Map<number, FactColumns>
  names: Map<number, Kinds["names"][]>
  times: Map<number, Kinds["times"][]>
}

/** How many ways a word that is being typed may go on, and of how many they are the most frequent. */
export const mostCompletions = 24
const comparedCompletions = 200
/** Of the SKUs that begin as a chunk that is being typed, so many. */
export const mostSkus = 20
/** More documents than this do not wait unless merging fails; what is beyond is found once it is merged. */
const mostWaiting = 500
const mostCandidates = 400

/** Chunks of 8 192 documents each, decoded: less than half a megabyte a piece. */
const decoded = new Lru<FactColumns>(48)

const live = sql`(SELECT live FROM search_state)`

/** Terms of realm 1 are told from those of realm 0 by this. */
const staffMark = "!"

/** What is wanted of the index. `prefix`: the last word, still being typed; `sku` the same as a SKU. */
type Wanted = {
  terms: readonly string[]
  prefix?: string | undefined
  sku?: string | undefined
  kinds: readonly Exclude<Kind, "facts">[]
  forStaff: boolean
}

/** Reads the index: one round trip, one moment. */
export async function look(ctx: Ctx, wanted: Wanted): Promise<Look> {
  const { prefix, sku, forStaff } = wanted
  const known = decoded.all()
  const kinds = ["facts", ...wanted.kinds].map((kind) => `'${kind}'`).join(", ")
  const none = sql<never>`SELECT 1 WHERE 0`
  const [state, waiting, exact, begun, skus, hidden, completions, columns] = await ctx.search.batch(
    [
      sql<{ live: number }>`SELECT live FROM search_state`,
      sql<{
        doc: number
        fresh: string
      }>`SELECT doc, fresh FROM docs WHERE generation = ${live} AND packed_revision <> revision LIMIT ${mostWaiting}`,
      postingsOf(live, wanted.terms, forStaff),
      prefix === undefined
        ? none
        : sql<PostingsRow>`SELECT p.term, p.chunk, p.count, p.data FROM (SELECT DISTINCT stem FROM (${completionsOf(live, prefix)})) AS w CROSS JOIN postings AS p ON p.generation = ${live} AND p.realm = 0 AND p.term = w.stem`,
      sku === undefined ? none : begunBy(sku, 0),
      prefix === undefined || !forStaff ? none : begunBy(prefix, 1),
      prefix === undefined ? none : completionsOf(live, prefix),
      sql<ColumnRow>`SELECT kind, chunk, stamp, CASE WHEN instr(${[...known.keys()].join(" ")}, stamp) > 0 THEN NULL ELSE data END AS data FROM columns WHERE generation = ${live} AND kind IN (${sql.raw(kinds)})`,
    ],
  )
  return {
    generation: state[0]?.live ?? 0,
    waiting: new Map(
      waiting.map(({ doc, fresh }) => {
        const document = (JSON.parse(fresh) ?? undefined) as IndexDocument | undefined
        return [doc, document?.realm === 1 && !forStaff ? undefined : document]
      }),
    ),
    rows: [...exact, ...begun, ...skus, ...hidden],
    completions: [
      ...completions,
      ...hidden.map(({ term }) => {
        const word = term.slice(staffMark.length)
        return { word, stem: word, bucket: 0 }
      }),
    ],
    facts: new Map(
      columns.filter(({ kind }) => kind === "facts").map((row) => [row.chunk, factsOf(row, known)]),
    ),
    names: new Map(
      columns
        .filter(({ kind }) => kind === "names")
        .map(({ chunk, data }) => [chunk, JSON.parse(data ?? "[]") as Kinds["names"][]]),
    ),
    times: new Map(
      columns
        .filter(({ kind }) => kind === "times")
        .map(({ chunk, data }) => [chunk, JSON.parse(data ?? "[]") as Kinds["times"][]]),
    ),
  }
}

type ColumnRow = { kind: Kind; chunk: number; stamp: string; data: string | null }

/** A row comes without its data when that was known before the query. */
function factsOf({ stamp, data }: ColumnRow, known: ReadonlyMap<string, FactColumns>): FactColumns {
  const old = known.get(stamp)
  if (old) {
    decoded.set(stamp, old)
    return old
  }
  const facts = decodeFacts(data ?? "{}")
  decoded.set(stamp, facts)
  return facts
}

/** Further rows of postings. */
export async function postings(
  ctx: Ctx,
  generation: number,
  terms: readonly string[],
  forStaff: boolean,
): Promise<PostingsRow[]> {
  return ctx.search.all(postingsOf(sql`${generation}`, terms, forStaff))
}

/** The words of the vocabulary that share a variant with what was typed, each with the word it may stand for. */
export async function candidates(
  ctx: Ctx,
  generation: number,
  variants: readonly (readonly [asked: string, variant: string])[],
): Promise<(Spelling & { asked: string })[]> {
  return ctx.search.all(
    sql<
      Spelling & { asked: string }
    >`SELECT DISTINCT v.value ->> 0 AS asked, w.word, w.stem, w.bucket FROM json_each(${JSON.stringify(variants)}) AS v CROSS JOIN near AS n ON n.generation = ${generation} AND n.variant = v.value ->> 1 CROSS JOIN words AS w ON w.generation = n.generation AND w.word = n.word LIMIT ${mostCandidates}`,
  )
}

/** A plan for whoever sees both realms. */
export function inBothRealms(plan: Plan): Plan {
  return plan.map((group) =>
    group.map(({ slots, factor }) => ({
      factor,
      slots: slots.map(
        (slot) =>
          new Map(
            [...slot].flatMap(([term, n]) => [
              [term, n],
              [`${staffMark}${term}`, n],
            ]),
          ),
      ),
    })),
  )
}

function postingsOf(
  generation: SQL,
  terms: readonly string[],
  forStaff: boolean,
): SQL<PostingsRow> {
  const wanted = JSON.stringify([...new Set(terms)])
  const of = (realm: number, mark: string) =>
    sql<PostingsRow>`SELECT ${mark} || p.term AS term, p.chunk, p.count, p.data FROM json_each(${wanted}) AS t CROSS JOIN postings AS p ON p.generation = ${generation} AND p.realm = ${realm} AND p.term = t.value`
  return forStaff ? sql<PostingsRow>`${of(0, "")} UNION ALL ${of(1, staffMark)}` : of(0, "")
}

/** Terms that begin so, in their order. */
function begunBy(prefix: string, realm: 0 | 1): SQL<PostingsRow> {
  const mark = realm === 1 ? staffMark : ""
  return sql<PostingsRow>`SELECT ${mark} || term AS term, chunk, count, data FROM postings WHERE generation = ${live} AND realm = ${realm} AND term > ${prefix} AND term < ${beyond(prefix)} LIMIT ${mostSkus}`
}

/** The most frequent words that begin so. A short beginning has an index of its own; a longer one is had by few words. */
function completionsOf(generation: SQL, prefix: string): SQL<Spelling> {
  const length = Array.from(prefix).length
  if (length <= 3)
    return sql<Spelling>`SELECT word, stem, bucket FROM words WHERE generation = ${generation} AND substr(word, 1, ${sql.raw(String(length))}) = ${prefix} ORDER BY bucket DESC LIMIT ${mostCompletions}`
  return sql<Spelling>`SELECT word, stem, bucket FROM (SELECT word, stem, bucket FROM words WHERE generation = ${generation} AND word >= ${prefix} AND word < ${beyond(prefix)} LIMIT ${comparedCompletions}) ORDER BY bucket DESC LIMIT ${mostCompletions}`
}

/** What sorts after everything that begins so. */
function beyond(prefix: string): string {
  return `${prefix}\u{10ffff}`
}
