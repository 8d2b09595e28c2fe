import { decodePostings, postingsChunk } from "./postings.ts"

/** Any of these terms, each counting by its factor: 1 for the word itself, less for what only resembles it. */
export type Slot = ReadonlyMap<string, number>
/** Terms that must all be there. */
export type Alternative = { slots: readonly Slot[]; factor: number }
/** A part of the query, and all the ways in which a document may hold it. */
export type Group = readonly Alternative[]
export type Plan = readonly Group[]

/** A row of postings as it lies in the database. */
export type PostingsRow = { term: string; chunk: number; count: number; data: string }

/** The documents found, and how well each matches. */
export type Matches = { docs: number[]; scores: number[]; isWhole: boolean }

/** How much each slot of a plan says: the rarer its terms, the more. Of the same shape as the plan. */
type Rarity = number[][][]

/** Who else is looked at beside the postings: documents that wait to be merged, by number, with their terms. */
export type Waiting = ReadonlyMap<number, ReadonlyMap<string, number> | undefined>

/**
 * The documents that hold every group of the plan; if there are none, those that hold most of its groups, which
 * `isWhole` tells. The score is the sum over the groups of rarity × impact of the best way in which each is held.
 * Documents that wait are judged by their own terms, whatever the postings say of them.
 */
export function match(
  plan: Plan,
  rows: readonly PostingsRow[],
  waiting: Waiting,
  documents: number,
): Matches {
  const rarity = rarityOf(plan, rows, documents)
  const found = { docs: [] as number[], scores: [] as number[], held: [] as number[] }
  for (const [chunk, own] of Map.groupBy(rows, (row) => row.chunk))
    matchChunk(plan, rarity, own, chunk * postingsChunk, (doc, score, held) => {
      if (waiting.has(doc)) return
      found.docs.push(doc)
      found.scores.push(score)
      found.held.push(held)
    })
  for (const [doc, terms] of waiting) {
    const { score, held } = terms ? judge(plan, rarity, terms) : { score: 0, held: 0 }
    if (held === 0) continue
    found.docs.push(doc)
    found.scores.push(score)
    found.held.push(held)
  }
  const most = found.held.reduce((all, held) => Math.max(all, held), 0)
  const docs: number[] = []
  const scores: number[] = []
  for (const [index, held] of found.held.entries()) {
    if (held < most) continue
    docs.push(found.docs[index] ?? 0)
    scores.push(found.scores[index] ?? 0)
  }
  return { docs, scores, isWhole: most === plan.length }
}

function rarityOf(plan: Plan, rows: readonly PostingsRow[], documents: number): Rarity {
  const counts = new Map<string, number>()
  for (const { term, count } of rows) counts.set(term, (counts.get(term) ?? 0) + count)
  const of = (slot: Slot) => {
    const sum = slot.keys().reduce((all, term) => all + (counts.get(term) ?? 0), 0)
    const holding = Math.min(sum, documents)
    // The inverse document frequency of BM25, never below zero.
    return Math.log(1 + (documents - holding + 0.5) / (holding + 0.5))
  }
  return plan.map((group) => group.map(({ slots }) => slots.map(of)))
}

/** One document by its terms. */
function judge(plan: Plan, rarity: Rarity, terms: ReadonlyMap<string, number>) {
  let score = 0
  let held = 0
  for (const [g, group] of plan.entries()) {
    let best = 0
    for (const [a, { slots, factor }] of group.entries()) {
      let sum = 0
      for (const [s, slot] of slots.entries()) {
        let most = 0
        for (const [term, weight] of slot) most = Math.max(most, weight * (terms.get(term) ?? 0))
        if (most === 0) {
          sum = 0
          break
        }
        sum += (most * (rarity[g]?.[a]?.[s] ?? 0)) / 255
      }
      best = Math.max(best, (sum * factor) / Math.max(1, slots.length))
    }
    if (best > 0) held += 1
    score += best
  }
  return { score, held }
}

/** The same of all documents of one chunk at once. */
function matchChunk(
  plan: Plan,
  rarity: Rarity,
  rows: readonly PostingsRow[],
  base: number,
  emit: (doc: number, score: number, held: number) => void,
): void {
  const byTerm = new Map(rows.map((row) => [row.term, row]))
  const scores = new Float64Array(postingsChunk)
  const held = new Uint8Array(postingsChunk)
  const best = new Float64Array(postingsChunk)
  const sum = new Float64Array(postingsChunk)
  const most = new Float64Array(postingsChunk)
  const holding = new Uint8Array(postingsChunk)
  for (const [g, group] of plan.entries()) {
    best.fill(0)
    for (const [a, { slots, factor }] of group.entries()) {
      if (
        slots.length === 0 ||
        !slots.every((slot) => slot.keys().some((term) => byTerm.has(term)))
      )
        continue
      sum.fill(0)
      holding.fill(0)
      for (const [s, slot] of slots.entries()) {
        most.fill(0)
        for (const [term, weight] of slot) {
          const row = byTerm.get(term)
          if (!row) continue
          const { offsets, impacts } = decodePostings(row.data, row.count)
          for (let index = 0; index < offsets.length; index++) {
            const offset = offsets[index] ?? 0
            const worth = weight * (impacts[index] ?? 0)
            if (worth > (most[offset] ?? 0)) most[offset] = worth
          }
        }
        const rare = rarity[g]?.[a]?.[s] ?? 0
        for (let offset = 0; offset < postingsChunk; offset++) {
          const worth = most[offset] ?? 0
          if (worth === 0) continue
          sum[offset] = (sum[offset] ?? 0) + (worth * rare) / 255
          holding[offset] = (holding[offset] ?? 0) + 1
        }
      }
      for (let offset = 0; offset < postingsChunk; offset++) {
        if (holding[offset] !== slots.length) continue
        const worth = ((sum[offset] ?? 0) * factor) / slots.length
        if (worth > (best[offset] ?? 0)) best[offset] = worth
      }
    }
    for (let offset = 0; offset < postingsChunk; offset++) {
      const worth = best[offset] ?? 0
      if (worth === 0) continue
      scores[offset] = (scores[offset] ?? 0) + worth
      held[offset] = (held[offset] ?? 0) + 1
    }
  }
  for (let offset = 0; offset < postingsChunk; offset++) {
    const groups = held[offset] ?? 0
    if (groups > 0) emit(base + offset, scores[offset] ?? 0, groups)
  }
}
