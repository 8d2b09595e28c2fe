import { type MadeProduct, randomBy } from "./catalogue.ts"

/** A query and the products it is for: those whose name holds all its words as they were before they were misspelt. */
export type Probe = { query: string; wanted: Set<string> }

/** Queries of two or three words of a product's name, misspelt unless `edits` is off. */
export function probesOf(
  products: readonly MadeProduct[],
  count: number,
  seed: number,
  edits: boolean,
): Probe[] {
  const random = randomBy(seed)
  const active = products.filter(({ status }) => status === "active")
  const named = active.map(({ id, name }) => ({
    id,
    words: new Set(name.toLowerCase().split(" ")),
  }))
  const probes: Probe[] = []
  while (probes.length < count) {
    const product = active[Math.floor(random() * active.length)]
    const all = product?.name.toLowerCase().split(" ") ?? []
    const words = all.filter(() => random() < 0.6)
    const spoilt = edits ? misspelt(words, random) : words
    if (words.length < 2 || !spoilt) continue
    const wanted = named.filter((one) => words.every((word) => one.words.has(word)))
    probes.push({ query: spoilt.join(" "), wanted: new Set(wanted.map(({ id }) => id)) })
  }
  return probes
}

/** One word with one edit, if it has four letters, or two, if it has eight; `undefined` when none has four. */
function misspelt(words: readonly string[], random: () => number): string[] | undefined {
  const long = words.flatMap((word, at) => (word.length >= 4 ? [at] : []))
  const at = long[Math.floor(random() * long.length)]
  if (at === undefined) return undefined
  const word = words[at] ?? ""
  const edits = word.length >= 8 && random() < 0.5 ? 2 : 1
  let spoilt = word
  while (spoilt === word || (edits === 2 && spoilt.length < 4)) {
    spoilt = word
    for (let n = 0; n < edits; n++) spoilt = edited(spoilt, random)
  }
  return words.with(at, spoilt)
}

function edited(word: string, random: () => number): string {
  const at = Math.floor(random() * word.length)
  const letter = "abcdefghijklmnopqrstuvwxyz"[Math.floor(random() * 26)] ?? "a"
  const letters = Array.from(word)
  const kind = Math.floor(random() * 4)
  if (kind === 0) return letters.toSpliced(at, 1).join("")
  if (kind === 1) return letters.toSpliced(at, 0, letter).join("")
  if (kind === 2) return letters.with(at, letter).join("")
  const before = Math.min(at, word.length - 2)
  return letters.toSpliced(before, 2, letters[before + 1] ?? "", letters[before] ?? "").join("")
}

/** Of what should be among the first ten, the share that is. */
export function recallAtTen({ wanted }: Probe, found: readonly string[]): number {
  const hits = found.slice(0, 10).filter((id) => wanted.has(id)).length
  return hits / Math.min(10, wanted.size)
}

/** What every facet should say of these products: counted one by one. */
export function countedByHand(products: readonly MadeProduct[]) {
  const count = <K>(keys: (product: MadeProduct) => K[]) => {
    const counts = new Map<K, number>()
    for (const product of products)
      for (const key of keys(product)) counts.set(key, (counts.get(key) ?? 0) + 1)
    return counts
  }
  return {
    category: count(({ categoryId }) => [categoryId, categoryId.replace(/-.*/, "")]),
    brand: count(({ brandId }) => [brandId]),
    in_stock: count(({ stockQuantity }) => [stockQuantity > 0]),
    rating: count(({ averageRating }) => [1, 2, 3, 4].filter((min) => averageRating >= min)),
    attributes: count(({ attributes }) =>
      Object.entries(attributes).map(([name, value]) => `${name}=${value}`),
    ),
  }
}
