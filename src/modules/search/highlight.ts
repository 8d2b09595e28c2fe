import { joined, piecesOf, stem, type Word, wordsOf } from "./words.ts"

/** Characters of a description that are shown around what was found. */
const snippetLength = 200

/** Finds of a long text that are compared. */
const mostFound = 200

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => entities[sign] ?? sign)
}

/** A text that was found as a whole. */
export function markedWhole(text: string): string {
  return `<mark>${escaped(text)}</mark>`
}

/**
 * A text as HTML with what was found in `<mark>`; all else is escaped, so that it can be put into a page as it is.
 * `undefined` when nothing of it was found.
 */
export function highlight(text: string, terms: ReadonlySet<string>): string | undefined {
  const found = foundIn(text, terms)
  return found.length === 0 ? undefined : marked(text, found, 0, text.length)
}

/** The stretch of a long text where most was found, highlighted, with `…` where something is left out. */
export function snippet(text: string, terms: ReadonlySet<string>): string | undefined {
  const found = foundIn(text, terms).slice(0, mostFound)
  if (found.length === 0) return undefined
  if (text.length <= snippetLength) return marked(text, found, 0, text.length)
  const within = (start: number) =>
    new Set(
      found
        .filter((one) => one.start >= start && one.end <= start + snippetLength)
        .map(({ word }) => word),
    ).size
  const best = found.reduce((first, one) => (within(one.start) > within(first.start) ? one : first))
  const from = best.start <= 40 ? 0 : wordStart(text, best.start - 40)
  const to = wordEnd(text, Math.min(text.length, from + snippetLength))
  return `${from > 0 ? "…" : ""}${marked(text, found, from, to)}${to < text.length ? "…" : ""}`
}

function foundIn(text: string, terms: ReadonlySet<string>): Word[] {
  return [...Map.groupBy(wordsOf(text), ({ chunk }) => chunk).values()].flatMap((chunk) => {
    const together = joined(chunk.map(({ word }) => word))
    if (together !== undefined && terms.has(stem(together))) return chunk
    return chunk.filter(
      ({ word }) => terms.has(stem(word)) || piecesOf(word).some((piece) => terms.has(stem(piece))),
    )
  })
}

function marked(text: string, found: readonly Word[], from: number, to: number): string {
  let out = ""
  let last = from
  for (const { start, end } of found) {
    if (start < last || end > to) continue
    out += `${escaped(text.slice(last, start))}<mark>${escaped(text.slice(start, end))}</mark>`
    last = end
  }
  return out + escaped(text.slice(last, to))
}

function wordStart(text: string, at: number): number {
  const space = text.indexOf(" ", at)
  return space < 0 || space > at + 40 ? at : space + 1
}

function wordEnd(text: string, at: number): number {
  if (at >= text.length) return text.length
  const space = text.lastIndexOf(" ", at)
  return space < at - 40 ? at : space
}
