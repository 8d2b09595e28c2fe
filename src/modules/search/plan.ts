import type { Alternative, Group, Plan, Slot } from "./match.ts"
import type { Asked, Chunk } from "./query.ts"
import { allowed, distance } from "./typo.ts"
import { piecesOf, stem, wordsOf } from "./words.ts"

/** A word of the vocabulary; of the documents that hold its stem there are about 2^bucket. */
export type Spelling = { word: string; stem: string; bucket: number }

/** How much a word counts that is not the one that was typed. */
const factors = { completion: 0.8, oneEdit: 0.7, twoEdits: 0.45, synonym: 0.9, otherStart: 0.9 }

/** Of the words that one may be a misspelling of, so many are searched for. */
const mostCorrections = 8

/** What is known of the words of a query. */
export type Known = {
  /** What the last word may become. */
  completions: readonly Spelling[]
  /** SKUs that begin as the last chunk does, as terms. */
  skus: readonly string[]
  /** What a word may be a misspelling of, the likeliest first. */
  corrections: ReadonlyMap<string, readonly Correction[]>
  /** Runs of chunks that mean the same as other texts. */
  synonyms: readonly { from: number; to: number; texts: readonly string[] }[]
}

export type Correction = Spelling & { factor: number }

/** The terms of the query itself: what is looked up before anything else is known. */
export function termsOf(asked: Asked): string[] {
  const own = asked.chunks.flatMap((chunk) => [
    ...chunk.words.flatMap((word) => [word, ...piecesOf(word)].map(stem)),
    ...(chunk.together === undefined ? [] : [stem(chunk.together)]),
    chunk.sku,
  ])
  return [...new Set([...own, asked.whole])]
}

/** The terms that a plan asks for. */
export function termsIn(plan: Plan): Set<string> {
  return new Set(
    plan.flatMap((group) =>
      group.flatMap(({ slots }) => slots.flatMap((slot) => [...slot.keys()])),
    ),
  )
}

/** A query with all that is known of its words: one group for each chunk, or for each run that has synonyms. */
export function planOf(asked: Asked, known: Known): Plan {
  const groups: Group[] = []
  const whole: Alternative = { slots: [new Map([[asked.whole, 1]])], factor: 1 }
  for (let at = 0; at < asked.chunks.length;) {
    const run = known.synonyms.filter(({ from }) => from === at).toSorted((a, b) => b.to - a.to)[0]
    const to = run?.to ?? at + 1
    const chunks = asked.chunks.slice(at, to)
    const own =
      chunks.length === 1 && chunks[0]
        ? alternativesOf(chunks[0], known)
        : [{ slots: chunks.flatMap(({ words }) => words.map((word) => exactly(word))), factor: 1 }]
    const others = (run?.texts ?? []).map((text) => ({
      slots: wordsOf(text).map(({ word }) => exactly(word)),
      factor: factors.synonym,
    }))
    groups.push([...own, ...others, whole])
    at = to
  }
  return groups
}

function exactly(word: string): Slot {
  return new Map([[stem(word), 1]])
}

function alternativesOf(chunk: Chunk, known: Known): Alternative[] {
  const last = chunk.words.length - 1
  const slots = chunk.words.map((word, index) =>
    slotOf(word, chunk.isOpen && index === last, known),
  )
  const begun = chunk.isOpen ? known.skus : []
  const skus = new Map([
    ...begun.map((term) => [term, factors.completion] as const),
    [chunk.sku, 1],
  ])
  const pieces = chunk.words.length === 1 ? piecesOf(chunk.words[0] ?? "") : []
  return [
    { slots, factor: 1 },
    { slots: [skus], factor: 1 },
    ...(chunk.together === undefined ? [] : [{ slots: [exactly(chunk.together)], factor: 1 }]),
    ...(pieces.length === 0 ? [] : [{ slots: pieces.map(exactly), factor: factors.completion }]),
  ]
}

function slotOf(word: string, isOpen: boolean, known: Known): Slot {
  const slot = new Map<string, number>([[stem(word), 1]])
  const add = (term: string, factor: number) =>
    slot.set(term, Math.max(slot.get(term) ?? 0, factor))
  if (isOpen) for (const one of known.completions) add(one.stem, factors.completion)
  for (const one of known.corrections.get(word) ?? []) add(one.stem, one.factor)
  return slot
}

/** What a word may be a misspelling of: the nearest first, and of equally near ones those that begin alike, then the most frequent. */
export function correctionsOf(asked: string, candidates: readonly Spelling[]): Correction[] {
  const near = candidates.flatMap((one) => {
    const edits = distance(asked, one.word, allowed(asked, one.word))
    if (edits === 0 || edits > allowed(asked, one.word)) return []
    const start = one.word[0] === asked[0] ? 1 : factors.otherStart
    return [{ ...one, factor: (edits === 1 ? factors.oneEdit : factors.twoEdits) * start }]
  })
  const sorted = near.toSorted(
    (a, b) => b.factor - a.factor || b.bucket - a.bucket || (a.word < b.word ? -1 : 1),
  )
  return sorted
    .filter((one, at) => sorted.findIndex((other) => other.stem === one.stem) === at)
    .slice(0, mostCorrections)
}
