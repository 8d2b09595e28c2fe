import { words } from "./search-words.ts"

/** A product as a row, with what belongs to it. The same count and seed make the same products. */
export type MadeProduct = {
  id: string
  name: string
  slug: string
  description: string
  priceAmount: number
  categoryId: string
  brandId: string
  sku: string
  status: "active" | "draft"
  isFeatured: boolean
  tags: string[]
  attributes: Record<string, string>
  stockQuantity: number
  averageRating: number
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

/** Twelve departments with ten categories each. */
export const madeCategories = words.departments.flatMap((department, d) => {
  const root = { id: `c${d}`, name: department, parentId: null, path: `/c${d}/` }
  const below = Array.from({ length: 10 }, (_, n) => ({
    id: `c${d}-${n}`,
    name: `${words.nouns[(d * 10 + n) % words.nouns.length]}s`,
    parentId: root.id,
    path: `/c${d}/c${d}-${n}/`,
  }))
  return [root, ...below]
})

/** Brands with made-up names. */
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

/** Products of a mixed shop: words of everyday language and, in every name, one of a few thousand model names. */
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
    return {
      id: `p${String(n).padStart(6, "0")}`,
      name,
      slug: `p${n}`,
      description: `${sentence()} ${sentence()} ${sentence()}`,
      priceAmount: 100 + Math.floor(random() ** 3 * 200_000),
      categoryId: category?.id ?? "c0",
      brandId: brand.id,
      sku: `${(category?.id ?? "").toUpperCase()}-${String(n).padStart(6, "0")}`,
      status: random() < 0.02 ? "draft" : "active",
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
  })
}

/** Puts products with their categories and brands into a database, past every verb: no event, no stock object. */
export async function storeProducts(
  db: D1Database,
  products: readonly MadeProduct[],
): Promise<void> {
  const at = "2026-01-01T00:00:00.000Z"
  const insert = (sql: string, rows: readonly unknown[]) =>
    db.prepare(`${sql} FROM json_each(?)`).bind(JSON.stringify(rows))
  await db.batch([
    insert(
      `INSERT INTO categories (id, name, slug, description, parent_id, path, is_active, product_count, created_at, updated_at)
       SELECT value ->> 'id', value ->> 'name', value ->> 'id', '', value ->> 'parentId', value ->> 'path', 1, 0, '${at}', '${at}'`,
      madeCategories,
    ),
    insert(
      `INSERT INTO brands (id, name, slug, created_at, updated_at)
       SELECT value ->> 'id', value ->> 'name', value ->> 'id', '${at}', '${at}'`,
      madeBrands,
    ),
  ])
  for (let start = 0; start < products.length; start += 1000) {
    const part = products.slice(start, start + 1000)
    await db.batch([
      insert(
        `INSERT INTO products (id, name, slug, description, price_amount, currency, category_id, brand_id, sku, status, is_featured, is_digital,
           tags, attributes, seo, options, stock_quantity, stock_version, average_rating, reviews_count, created_at, updated_at)
         SELECT value ->> 'id', value ->> 'name', value ->> 'slug', value ->> 'description', value ->> 'priceAmount', 'USD', value ->> 'categoryId',
           value ->> 'brandId', value ->> 'sku', value ->> 'status', value ->> 'isFeatured', 0, value -> 'tags', value -> 'attributes', '{}', '[]',
           value ->> 'stockQuantity', 1, value ->> 'averageRating', 0, value ->> 'createdAt', value ->> 'createdAt'`,
        part,
      ),
      insert(
        `INSERT INTO variants (id, product_id, sku, options, stock_quantity, position, created_at, updated_at)
         SELECT value ->> 'id', value ->> 'id', value ->> 'sku', '{}', value ->> 'stockQuantity', 0, value ->> 'createdAt', value ->> 'createdAt'`,
        part,
      ),
    ])
  }
}
