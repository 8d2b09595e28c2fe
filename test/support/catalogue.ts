import { words } from "./catalogue-words.ts"

/** A product of a made-up catalogue, which is what tests and measurements fill a shop with. Amounts in minor units. */
export type MadeProduct = {
  id: string
  name: string
  slug: string
  description: string
  priceAmount: number
  compareAtAmount: number | null
  categoryId: string
  brandId: string
  sku: string
  status: "active" | "draft"
  isFeatured: boolean
  tags: string[]
  attributes: Record<string, string>
  stockQuantity: number
  averageRating: number
  reviewsCount: number
  createdAt: string
}

/** Numbers from 0 to 1 by mulberry32, a generator of 32 bits. */
export function randomBy(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Twelve departments with ten categories each: kitchen, below it kettles, teapots… Parents come first. */
export const madeCategories = words.departments.flatMap((department, d) => {
  const root = {
    id: `c${d}`,
    name: department,
    slug: department.toLowerCase(),
    parentId: null,
    path: `/c${d}/`,
  }
  const below = Array.from({ length: 10 }, (_, n) => {
    const name = `${words.nouns[(d * 10 + n) % words.nouns.length]}s`
    return { id: `c${d}-${n}`, name, slug: name, parentId: root.id, path: `/c${d}/c${d}-${n}/` }
  })
  return [root, ...below]
})

/** Brands with made-up names, the most frequent first. */
export const madeBrands = Array.from({ length: 80 }, (_, n) => ({
  id: `b${n}`,
  name: capital(invented(randomBy(7000 + n), 2 + (n % 2))),
}))

/** A word that sounds like one. */
function invented(random: () => number, syllables: number): string {
  const pick = (all: string) => all[Math.floor(random() * all.length)] ?? ""
  return Array.from(
    { length: syllables },
    () => pick("bcdfghklmnprstvwz") + pick("aeiou") + (random() < 0.4 ? pick("lmnrst") : ""),
  ).join("")
}

function capital(word: string): string {
  return `${word[0]?.toUpperCase()}${word.slice(1)}`
}

/**
 * Products of a mixed shop: words of everyday language and, in every name, one of a few thousand model names. The same for
 * the same count and seed.
 */
export function generateProducts(count: number, seed = 1): MadeProduct[] {
  const random = randomBy(seed)
  // Few of everything are many: the first of a list is the most frequent.
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() ** 1.7 * all.length)] as T
  const models = Array.from({ length: Math.max(50, Math.floor(count / 4)) }, () =>
    capital(invented(random, 2 + Math.floor(random() * 3))),
  )
  const leaves = madeCategories.filter(({ parentId }) => parentId !== null)
  return Array.from({ length: count }, (_, n) => {
    const category = leaves[Math.floor(random() * leaves.length)]
    const brand = pick(madeBrands)
    const [adjective, material, noun, model] = [
      pick(words.adjectives),
      pick(words.materials),
      pick(words.nouns),
      models[Math.floor(random() * models.length)],
    ]
    const name = `${capital(adjective)} ${capital(material)} ${capital(noun)} ${model}`
    const sentence = () =>
      `${capital(pick(words.adjectives))} ${pick(words.nouns)} of ${pick(words.materials)}, ${pick(words.phrases)}.`
    const made = {
      id: `p${String(n).padStart(6, "0")}`,
      name,
      slug: `p${n}`,
      description: `${sentence()} ${sentence()} ${sentence()}`,
      priceAmount: 100 + Math.floor(random() ** 3 * 200_000),
      categoryId: category?.id ?? "c0",
      brandId: brand.id,
      sku: `${(category?.id ?? "").toUpperCase()}-${String(n).padStart(6, "0")}`,
      status: random() < 0.02 ? ("draft" as const) : ("active" as const),
      isFeatured: random() < 0.05,
      tags: [pick(words.adjectives), pick(words.materials)],
      attributes: {
        colour: pick(words.colours),
        material,
        size: pick(["S", "M", "L", "XL"]),
        ...(random() < 0.3 && { origin: pick(words.countries) }),
      },
      stockQuantity: random() < 0.15 ? 0 : Math.floor(random() * 200),
      averageRating: random() < 0.4 ? 0 : Math.round((1 + random() * 4) * 10) / 10,
      createdAt: new Date(Date.UTC(2026, 0, 1) + n * 60_000).toISOString(),
    }
    return {
      ...made,
      compareAtAmount: n % 7 === 0 ? Math.ceil(made.priceAmount * 1.25) : null,
      reviewsCount: made.averageRating === 0 ? 0 : 1 + (n % 40),
    }
  })
}
