/** Letters of a word that its variants are made of: enough to tell words apart, few enough to keep them few. */
const variantLength = 7

/** How many edits a word of this length is recognised through: one from 4 letters, two from 8. */
export function tolerance(length: number): 0 | 1 | 2 {
  return length >= 8 ? 2 : length >= 4 ? 1 : 0
}

/** Whether a word may be misspelt at all: letters only, for a digit more or less is another model. */
export function isSpelt(word: string): boolean {
  return word.length >= 3 && /^\p{L}+$/u.test(word)
}

/**
 * The first seven letters, and what is left of them without up to `edits` letters. Two words within `edits` of each
 * other share a variant (SymSpell's symmetric delete, with a prefix); that they do is to be checked by `distance`.
 */
export function variantsOf(word: string, edits: number): string[] {
  const variants = new Set<string>()
  let edge = [Array.from(word).slice(0, variantLength).join("")]
  variants.add(edge[0] ?? "")
  for (let n = 0; n < edits; n++) {
    edge = edge.flatMap((text) => {
      const letters = Array.from(text)
      return letters.length < 2
        ? []
        : letters.map((_, index) => letters.toSpliced(index, 1).join(""))
    })
    for (const variant of edge) variants.add(variant)
  }
  return [...variants]
}

/** The variants under which a word of the vocabulary is kept. */
export function keptVariants(word: string): string[] {
  return isSpelt(word) ? variantsOf(word, tolerance(Array.from(word).length)) : []
}

/** The variants under which a word that was typed is looked for: a word of eight may have lost two letters. */
export function askedVariants(word: string): string[] {
  return isSpelt(word) ? variantsOf(word, Array.from(word).length >= 6 ? 2 : 1) : []
}

/** How many edits may lie between these two words: what the longer one allows. */
export function allowed(asked: string, word: string): number {
  return tolerance(Math.max(Array.from(asked).length, Array.from(word).length))
}

/**
 * Letters put in, left out, changed, or swapped with a neighbour, from one word to the other (optimal string
 * alignment); `most + 1` for anything beyond `most`.
 */
export function distance(one: string, other: string, most: number): number {
  const a = Array.from(one)
  const b = Array.from(other)
  if (Math.abs(a.length - b.length) > most) return most + 1
  let before: number[] = []
  let above = b.map((_, index) => index)
  above.push(b.length)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min(at(above, j) + 1, at(row, j - 1) + 1, at(above, j - 1) + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, at(before, j - 2) + 1)
      row.push(least)
    }
    before = above
    above = row
  }
  return Math.min(at(above, b.length), most + 1)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? 0
}
