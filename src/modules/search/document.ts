import {
  isStopWord,
  joined,
  piecesOf,
  skuTerm,
  stem,
  tagTerm,
  type Word,
  wordsOf,
} from "./words.ts"

/** What a product is filtered, counted and ordered by. */
export type Facts = {
  id: string
  status: "active" | "draft" | "archived"
  featured: boolean
  /** Minor units. */
  price: number
  stock: number
  rating: number
  /** The path of its category, `/1/4/`; empty for none. */
  category: string
  /** The id of its brand; empty for none. */
  brand: string
  attributes: [name: string, value: string][]
}

/** What a product is ordered by that few ask for. */
export type Names = { name: string; category: string }
/** In ms since 1970. */
export type Times = { created: number; updated: number }

/** A product as the index holds it. */
export type IndexDocument = {
  /** 0: for everybody; 1: for staff. */
  realm: 0 | 1
  /** Each term with how well it describes the product, 1 to 255: SKUs start with `#`, tags with `~`. */
  terms: [term: string, impact: number][]
  /** The words of the vocabulary that it brings, each with its stem. */
  words: [word: string, stem: string][]
  facts: Facts
  names: Names
  times: Times
}

/** All of a product that can be found. */
export type ProductSource = {
  name: string
  description: string
  brandName: string | null
  categoryName: string | null
  categoriesAbove: string[]
  tags: readonly string[]
  skus: string[]
  /** The values of its attributes and options. */
  properties: string[]
  facts: Facts
  times: Times
}

/**
 * How much a word counts by where it stands. `usual`: how many words such a text has; in a longer one each counts
 * less, by the share `b` (BM25F: Robertson, Zaragoza, Taylor 2004). `once`: a word said twice counts once.
 */
type Weight = { boost: number; usual: number; b: number; once: boolean }
const weights = {
  name: { boost: 8, usual: 5, b: 0.5, once: true },
  brand: { boost: 5, usual: 1, b: 0, once: true },
  category: { boost: 3, usual: 2, b: 0.3, once: true },
  tags: { boost: 3, usual: 4, b: 0.3, once: true },
  above: { boost: 1.5, usual: 2, b: 0, once: true },
  properties: { boost: 1, usual: 10, b: 0.3, once: true },
  description: { boost: 1, usual: 40, b: 0.6, once: false },
} as const satisfies Record<string, Weight>

/** Where more of the same stops to count: half of all impact is reached here. */
const saturation = 4

/** More words of one product are not indexed. */
const mostWords = 1500

/** A product's document. */
export function documentOf(product: ProductSource): IndexDocument {
  const gains = new Map<string, number>()
  const words = new Map<string, string>()
  const add = (text: string, weight: Weight, isLoose = false) => {
    const found = wordsOf(text).slice(0, mostWords)
    const scale = weight.boost / (1 - weight.b + (weight.b * found.length) / weight.usual)
    const counts = new Map<string, number>()
    for (const term of termsOf(found, words, isLoose)) counts.set(term, (counts.get(term) ?? 0) + 1)
    for (const [term, count] of counts)
      gains.set(term, (gains.get(term) ?? 0) + scale * (weight.once ? 1 : count))
  }
  add(product.name, weights.name)
  if (product.brandName) add(product.brandName, weights.brand)
  if (product.categoryName) add(product.categoryName, weights.category)
  for (const name of product.categoriesAbove) add(name, weights.above, true)
  add(product.tags.join(" "), weights.tags)
  add(product.properties.join(" "), weights.properties, true)
  add(product.description, weights.description, true)
  const terms = new Map<string, number>(
    [...gains].map(([term, gain]) => [
      term,
      Math.max(1, Math.round((255 * gain) / (gain + saturation))),
    ]),
  )
  for (const sku of product.skus) if (skuTerm(sku).length > 1) terms.set(skuTerm(sku), 255)
  for (const tag of product.tags) terms.set(tagTerm(tag), 255)
  return {
    realm: product.facts.status === "active" ? 0 : 1,
    terms: [...terms],
    words: [...words],
    facts: product.facts,
    names: { name: product.name, category: product.categoryName ?? "" },
    times: product.times,
  }
}

/** The terms of a text: the stems of its words, of their letters and digits apart, and of what is written together. */
function termsOf(found: readonly Word[], words: Map<string, string>, isLoose: boolean): string[] {
  const kept = isLoose ? found.filter(({ word }) => !isStopWord(word)) : found
  const single = kept.flatMap(({ word }) => {
    words.set(word, stem(word))
    return [stem(word), ...piecesOf(word).map(stem)]
  })
  const together = [...Map.groupBy(found, ({ chunk }) => chunk).values()].flatMap((chunk) => {
    const word = joined(chunk.map((one) => one.word))
    return word === undefined ? [] : [stem(word)]
  })
  return [...single, ...together]
}
