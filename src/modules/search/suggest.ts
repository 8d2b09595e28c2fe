import type { Ctx } from "#context.ts"

import { match, type Plan } from "./match.ts"
import type { Suggestions, SuggestQuery } from "./model.ts"
import type { Spelling } from "./plan.ts"
import { type Understood, understand } from "./understanding.ts"

/** Seconds that an answer may be old. */
const lifetime = { fresh: 10, stale: 20 }

const usual = 8

/**
 * What the last word of a query may become, by how many active products hold it beside the words before it, and what
 * a misspelt query may mean. @throws `invalid-input`
 */
export function suggest(ctx: Ctx, { q, limit = usual }: SuggestQuery): Promise<Suggestions> {
  const load = async (): Promise<Suggestions> => {
    const understood = await understand(ctx, q, { forStaff: false })
    if (!understood) return { query: q, completions: [], did_you_mean: null }
    return {
      query: q,
      completions: completionsOf(q, understood).slice(0, limit),
      did_you_mean: understood.didYouMean,
    }
  }
  return q.length > 200 ? load() : ctx.cache.read(`suggest:${limit}:${q}`, "search", lifetime, load)
}

function completionsOf(q: string, understood: Understood): Suggestions["completions"] {
  const { asked, completions, plan } = understood
  const last = asked.chunks.at(-1)
  if (!last?.isOpen) return []
  const typed = last.words.at(-1) ?? ""
  const before = q.slice(0, /[\p{L}\p{N}\p{M}'’]+$/u.exec(q)?.index ?? q.length)
  const distinct = completions
    .toSorted((a, b) => b.bucket - a.bucket || a.word.length - b.word.length)
    .filter(
      (one, at, all) =>
        one.word === typed || all.findIndex((other) => other.stem === one.stem) === at,
    )
  return distinct
    .map((one) => ({
      text: `${before}${one.word}`,
      count: countOf(one, plan.slice(0, -1), understood),
    }))
    .filter(({ count }) => count > 0)
    .toSorted((a, b) => b.count - a.count || (a.text < b.text ? -1 : 1))
}

/** How many hold this word and all that stands before it. */
function countOf({ stem }: Spelling, before: Plan, { rows, index }: Understood): number {
  const plan = [...before, [{ slots: [new Map([[stem, 1]])], factor: 1 }]]
  const waiting = new Map(
    [...index.waiting].map(([doc, document]) => [doc, document && new Map(document.terms)]),
  )
  const { docs, isWhole } = match(plan, rows, waiting, 1)
  return isWhole ? docs.length : 0
}
