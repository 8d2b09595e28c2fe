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
 * Letters put in, left out, changed, or swapped with a neighbour, from one word to the other (Damerau 1964, Lowrance
 * and Wagner 1975: what was swapped may be changed again); `most + 1` for anything beyond `most`.
 */
export function distance(one: string, other: string, most: number): number {
  const a = Array.from(one)
  const b = Array.from(other)
  if (Math.abs(a.length - b.length) > most) return most + 1
  // costs[i][j]: from the first i letters to the first j.
  const costs = [b.map((_, j) => j).concat(b.length)]
  const lastRowOf = new Map<string, number>()
  const at = (i: number, j: number) => costs[i]?.[j] ?? 0
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    costs.push(row)
    let lastSame = 0
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      const [swapRow, swapColumn] = [lastRowOf.get(b[j - 1] ?? "") ?? 0, lastSame]
      const swapped =
        swapRow === 0 || swapColumn === 0
          ? Infinity
          : at(swapRow - 1, swapColumn - 1) + (i - swapRow - 1) + 1 + (j - swapColumn - 1)
      if (isSame) lastSame = j
      row.push(
        Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (isSame ? 0 : 1), swapped),
      )
    }
    lastRowOf.set(a[i - 1] ?? "", i)
  }
  return Math.min(at(a.length, b.length), most + 1)
}
