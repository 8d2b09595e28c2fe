import { fold, isStopWord, joined, skuTerm, stem, wordsOf } from "./words.ts"

/** More of a query is not looked at. */
const mostChunks = 16

/** What stands between two spaces of a query. */
export type Chunk = {
  words: string[]
  /** The chunk's words as one, where they are several: `t-shirt` → `tshirt`. */
  together: string | undefined
  /** As a SKU. */
  sku: string
  /** The last word may go on: it is still being typed. */
  isOpen: boolean
  /** Next to nothing by itself; counts only where nothing else is asked for. */
  isLoose: boolean
  /** Where it stands in the query. */
  start: number
  end: number
}

/** A query, read as plain words: there is no syntax in it, so nothing in it can be wrong. */
export type Asked = { chunks: Chunk[]; whole: string }

/** Reads a query. No chunks: it holds no words. */
export function readQuery(text: string): Asked {
  const chunks = [...Map.groupBy(wordsOf(text), ({ chunk }) => chunk).values()]
    .slice(0, mostChunks)
    .map((found): Chunk => {
      const words = found.map(({ word }) => word).slice(0, mostChunks)
      const start = found[0]?.start ?? 0
      const end = found.at(-1)?.end ?? 0
      return {
        words,
        together: joined(words),
        sku: skuTerm(text.slice(start, end)),
        isOpen: end === text.length,
        isLoose: words.every(isStopWord),
        start,
        end,
      }
    })
  const telling = chunks.filter(({ isLoose }) => !isLoose)
  return { chunks: telling.length > 0 ? telling : chunks, whole: skuTerm(text) }
}

/** Words of a synonym's side, as they are compared: `Cell phones` → `cell phone`. */
export function phraseOf(text: string): string {
  return wordsOf(text)
    .map(({ word }) => stem(word))
    .join(" ")
}

/** Runs of up to three chunks that a synonym may stand for, each with where it begins and ends. */
export function phrasesIn({ chunks }: Asked): { phrase: string; from: number; to: number }[] {
  return chunks.flatMap((_, from) =>
    [1, 2, 3].flatMap((length) => {
      const run = chunks.slice(from, from + length)
      const phrase = run.flatMap(({ words }) => words.map(stem)).join(" ")
      return run.length < length ? [] : [{ phrase, from, to: from + length }]
    }),
  )
}

/** The query with some of its words written otherwise. */
export function rewritten(
  text: string,
  { chunks }: Asked,
  corrections: ReadonlyMap<string, string>,
): string {
  let last = 0
  let out = ""
  for (const { start, end } of chunks) {
    out += text.slice(last, start)
    const chunk = text.slice(start, end)
    out += chunk.replace(/[\p{L}\p{N}\p{M}'’]+/gu, (word) => corrections.get(fold(word)) ?? word)
    last = end
  }
  return out + text.slice(last)
}
