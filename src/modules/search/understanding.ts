import type { Ctx } from "#context.ts"

import type { Kind } from "./columns.ts"
import {
  candidates,
  inBothRealms,
  look,
  type Look,
  mostCompletions,
  mostSkus,
  postings,
} from "./lookup.ts"
import { match, type Matches, type Plan, type PostingsRow } from "./match.ts"
import {
  type Correction,
  correctionsOf,
  type Known,
  planOf,
  type Spelling,
  termsIn,
  termsOf,
} from "./plan.ts"
import { type Asked, phrasesIn, readQuery, rewritten } from "./query.ts"
import { meaning } from "./synonyms.ts"
import { askedVariants, isSpelt } from "./typo.ts"
import { stem } from "./words.ts"

/** A query and what the index makes of it. */
export type Understood = {
  asked: Asked
  index: Look
  rows: PostingsRow[]
  /** What the last word may become. */
  completions: Spelling[]
  plan: Plan
  matches: Matches
  didYouMean: string | null
}

/** What is read beside what the words ask for. */
type Also = {
  forStaff: boolean
  /** Further terms whose postings are wanted. */
  terms?: readonly string[]
  kinds?: readonly Exclude<Kind, "facts">[]
}

/**
 * Finds what a text asks for. Words that nothing holds are taken for misspellings; where nothing holds all words,
 * the others are too. `undefined` when the text has no words. One round trip to the index, two more for misspellings.
 */
export async function understand(
  ctx: Ctx,
  text: string,
  { forStaff, terms = [], kinds = [] }: Also,
): Promise<Understood | undefined> {
  const asked = readQuery(text)
  const last = asked.chunks.at(-1)
  if (!last) return undefined
  const sku = last.isOpen && last.sku.length > 3 ? last.sku : undefined
  const phrases = phrasesIn(asked)
  const own = [...termsOf(asked), ...terms]
  const [meanings, index] = await Promise.all([
    meaning(
      ctx,
      phrases.map(({ phrase }) => phrase),
    ),
    look(ctx, {
      terms: own,
      ...(last.isOpen && { prefix: last.words.at(-1) }),
      sku,
      kinds,
      forStaff,
    }),
  ])
  const rows = [...index.rows]
  const read = new Set([
    ...own,
    ...index.completions.map((one) => one.stem),
    ...rows.map(({ term }) => term),
  ])
  const fresh = freshWords(index)
  const prefix = last.isOpen ? last.words.at(-1) : undefined
  const completions = [
    ...index.completions,
    ...fresh.filter(({ word }) => prefix !== undefined && word.startsWith(prefix)),
  ].slice(0, mostCompletions)
  const known: Known = {
    completions,
    skus: sku
      ? [...rows.map(({ term }) => term), ...freshTerms(index)]
          .filter((term) => term.startsWith(sku) && term !== sku)
          .slice(0, mostSkus)
      : [],
    corrections: new Map(),
    synonyms: phrases.flatMap(({ phrase, from, to }) => {
      const texts = meanings.get(phrase)
      return texts ? [{ from, to, texts }] : []
    }),
  }
  const waiting = new Map(
    [...index.waiting].map(([doc, document]) => [doc, document && new Map(document.terms)]),
  )
  const documents = [...index.facts.values()].reduce((sum, { size }) => sum + size, 0)

  const attempt = async (corrections: Known["corrections"]) => {
    const plain = planOf(asked, { ...known, corrections })
    const missing = [...termsIn(plain)].filter((term) => !read.has(term))
    for (const term of missing) read.add(term)
    if (missing.length > 0) rows.push(...(await postings(ctx, index.generation, missing, forStaff)))
    const plan = forStaff ? inBothRealms(plain) : plain
    return { plan, matches: match(plan, rows, waiting, documents + index.waiting.size) }
  }
  const correct = async (words: readonly string[]): Promise<Map<string, Correction[]>> => {
    const variants = words.flatMap((word) => askedVariants(word).map((one) => [word, one] as const))
    if (variants.length === 0) return new Map()
    const found = Map.groupBy(await candidates(ctx, index.generation, variants), (one) => one.asked)
    const all = words.map(
      (word) => [word, correctionsOf(word, [...(found.get(word) ?? []), ...fresh])] as const,
    )
    return new Map(all.filter(([, corrections]) => corrections.length > 0))
  }

  const unknown = unknownWords(asked, index, completions.length > 0)
  let corrections = await correct(unknown)
  let result = await attempt(corrections)
  if (!result.matches.isWhole) {
    const rest = asked.chunks
      .flatMap(({ words }) => words)
      .filter((word) => isSpelt(word) && !unknown.includes(word))
    const more = await correct(rest)
    if (more.size > 0) {
      const all = new Map([...corrections, ...more])
      const again = await attempt(all)
      if (again.matches.isWhole) corrections = all
      result = again
    }
  }
  const best = new Map(
    [...corrections].flatMap(([word, all]) => (all[0] ? [[word, all[0].word] as const] : [])),
  )
  return {
    asked,
    index,
    rows,
    completions,
    ...result,
    didYouMean: best.size === 0 ? null : rewritten(text, asked, best),
  }
}

/** Words that nothing holds: neither themselves, nor with others as one word or SKU, nor going on. */
function unknownWords({ chunks }: Asked, index: Look, mayGoOn: boolean): string[] {
  const held = new Set([
    ...index.rows.map(({ term }) => term.replace(/^!/, "")),
    ...freshTerms(index),
  ])
  return chunks.flatMap(({ words, together, sku, isOpen }) => {
    if (held.has(sku) || (together !== undefined && held.has(stem(together)))) return []
    return words.filter((word, at) => {
      const goesOn = mayGoOn && isOpen && at === words.length - 1
      return !held.has(stem(word)) && !goesOn
    })
  })
}

/** The words of documents that wait: the vocabulary has them once they are merged. */
function freshWords(index: Look): Spelling[] {
  const words = index.waiting.values().flatMap((document) => document?.words ?? [])
  return [...new Map(words)].map(([word, of]) => ({ word, stem: of, bucket: 0 }))
}

function freshTerms(index: Look): string[] {
  return [...index.waiting.values()].flatMap((document) =>
    (document?.terms ?? []).map(([term]) => term),
  )
}
