import { type FactColumns, statusAt } from "./columns.ts"
import type { Facts } from "./document.ts"

/** What a list of found products is narrowed by. Absent: by nothing. */
export type Filters = {
  statuses?: readonly Facts["status"][] | undefined
  featured?: boolean | undefined
  /** Paths of categories: these themselves, or, where they end in `*`, with all below them. */
  categories?: readonly string[] | undefined
  /** Ids of brands. */
  brands?: readonly string[] | undefined
  /** Minor units. */
  minPrice?: number | undefined
  maxPrice?: number | undefined
  minRating?: number | undefined
  inStock?: boolean | undefined
  /** A name, and the values of which one must be there; letter case does not count. */
  attributes: readonly (readonly [name: string, values: readonly string[]])[]
}

/** How many of what was found there are of each kind. */
export type Counts = {
  /** By id; a category counts what is below it too. */
  categories: Map<string, number>
  brands: Map<string, number>
  /** By the largest price of each range, in minor units. */
  prices: Map<number, number>
  /** By 1 to 4: rated so or better. */
  ratings: Map<number, number>
  inStock: { yes: number; no: number }
  attributes: Map<string, { name: string; values: Map<string, { value: string; count: number }> }>
}

/** Columns, and the places in them of what was found, each with its score. */
export type Stretch = { columns: FactColumns; places: number[]; scores: number[] }
/** A document that passes: where it is. */
export type Passed<S extends Stretch> = { stretch: S; place: number; score: number }

/**
 * Which of the documents found pass all filters, and the counts of each facet over those that pass all filters but
 * the facet's own: a count says how many there would be with that value chosen instead of, or beside, what is chosen.
 * `bounds`: the largest price of each range, ascending; what lies above the last counts under Infinity.
 */
export function narrow<S extends Stretch>(
  stretches: readonly S[],
  filters: Filters,
  bounds: readonly number[],
): { passed: Passed<S>[]; counts: Counts } {
  const passed: Passed<S>[] = []
  const counts = noCounts()
  for (const stretch of stretches) {
    const tally = new Tally(stretch.columns, filters, bounds)
    for (const [at, place] of stretch.places.entries())
      if (tally.add(place)) passed.push({ stretch, place, score: stretch.scores[at] ?? 0 })
    tally.addTo(counts)
  }
  return { passed, counts }
}

/** Bounds of price ranges in minor units, 1-2-5 by power of ten: what is below them is up to each one less one. */
export function priceBounds(digits: number): number[] {
  const unit = 10 ** digits
  return Array.from({ length: 8 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power * unit))
    .flat()
    .filter((bound) => bound >= 10 * unit)
    .map((bound) => bound - 1)
}

const facetsOf = { category: 0, brand: 1, price: 2, rating: 3, stock: 4, attributes: 5 } as const

class Tally {
  readonly #columns: FactColumns
  readonly #filters: Filters
  readonly #bounds: readonly number[]
  readonly #inCategory: boolean[]
  readonly #ofBrand: boolean[]
  /** For each filter by an attribute: which of the dictionary's pairs satisfy it, and which are of its name. */
  readonly #attributes: { fits: boolean[]; named: boolean[] }[]
  readonly #categories: Uint32Array
  readonly #brands: Uint32Array
  readonly #pairs: Uint32Array
  readonly #prices: Uint32Array
  readonly #ratings = new Uint32Array(6)
  readonly #inStock = { yes: 0, no: 0 }

  constructor(columns: FactColumns, filters: Filters, bounds: readonly number[]) {
    this.#columns = columns
    this.#filters = filters
    this.#bounds = bounds
    const { categories, brands } = filters
    this.#inCategory = columns.categories.map(
      (path) => !categories || categories.some((one) => isIn(path, one)),
    )
    this.#ofBrand = columns.brands.map((id) => !brands || brands.includes(id))
    this.#attributes = filters.attributes.map(([name, values]) => {
      const wanted = new Set(values.map((value) => value.toLowerCase()))
      const named = columns.attributes.map(([one]) => one.toLowerCase() === name.toLowerCase())
      const fits = columns.attributes.map(
        ([, value], at) => named[at] === true && wanted.has(value.toLowerCase()),
      )
      return { fits, named }
    })
    this.#categories = new Uint32Array(columns.categories.length)
    this.#brands = new Uint32Array(columns.brands.length)
    this.#pairs = new Uint32Array(columns.attributes.length)
    this.#prices = new Uint32Array(bounds.length + 1)
  }

  /** Counts one document; answers whether it passes all filters. */
  add(place: number): boolean {
    const { featured, statuses } = this.#filters
    const state = statusAt(this.#columns, place)
    if (!state || (statuses && !statuses.includes(state.status))) return false
    if (featured !== undefined && state.featured !== featured) return false
    const failed = this.#failed(place)
    if (failed === "several") return false
    this.#count(place, failed)
    return failed === undefined
  }

  /** The only facet whose filter it fails. */
  #failed(place: number): number | "several" | undefined {
    const { price, rating, stock, category, brand } = this.#columns
    const { minPrice, maxPrice, minRating, inStock } = this.#filters
    const amount = price[place] ?? 0
    const has = (stock[place] ?? 0) > 0
    let fails = 0
    let facet: number | undefined
    const fail = (which: number) => {
      fails += 1
      facet = which
    }
    if (this.#inCategory[category[place] ?? 0] !== true) fail(facetsOf.category)
    if (this.#ofBrand[brand[place] ?? 0] !== true) fail(facetsOf.brand)
    if (amount < (minPrice ?? 0) || amount > (maxPrice ?? Infinity)) fail(facetsOf.price)
    if ((rating[place] ?? 0) < Math.ceil((minRating ?? 0) * 1000 - 1e-6)) fail(facetsOf.rating)
    if (inStock !== undefined && inStock !== has) fail(facetsOf.stock)
    for (const [at, { fits }] of this.#attributes.entries())
      if (!this.#pairsAt(place).some((pair) => fits[pair])) fail(facetsOf.attributes + at)
    return fails > 1 ? "several" : facet
  }

  #count(place: number, only: number | undefined): void {
    const { price, rating, stock, category, brand } = this.#columns
    const counts = (facet: number) => only === undefined || only === facet
    if (counts(facetsOf.category)) up(this.#categories, category[place])
    if (counts(facetsOf.brand)) up(this.#brands, brand[place])
    if (counts(facetsOf.price)) up(this.#prices, this.#rangeOf(price[place] ?? 0))
    if (counts(facetsOf.rating)) up(this.#ratings, Math.floor((rating[place] ?? 0) / 1000))
    if (counts(facetsOf.stock)) this.#inStock[(stock[place] ?? 0) > 0 ? "yes" : "no"] += 1
    if (only !== undefined && only < facetsOf.attributes) return
    const named =
      only === undefined ? undefined : this.#attributes[only - facetsOf.attributes]?.named
    for (const pair of this.#pairsAt(place)) if (!named || named[pair]) up(this.#pairs, pair)
  }

  #pairsAt(place: number) {
    const { attribute, attributeStart } = this.#columns
    return attribute.subarray(attributeStart[place] ?? 0, attributeStart[place + 1])
  }

  #rangeOf(amount: number): number {
    const at = this.#bounds.findIndex((bound) => amount <= bound)
    return at < 0 ? this.#bounds.length : at
  }

  /** Adds what was counted to the counts of the whole. */
  addTo(counts: Counts): void {
    const { categories, brands, attributes } = this.#columns
    for (const [at, n] of this.#categories.entries()) {
      const ids = categories[at]?.split("/").filter(Boolean) ?? []
      if (n > 0)
        for (const id of ids) counts.categories.set(id, (counts.categories.get(id) ?? 0) + n)
    }
    for (const [at, n] of this.#brands.entries()) {
      const id = brands[at] ?? ""
      if (n > 0 && id !== "") counts.brands.set(id, (counts.brands.get(id) ?? 0) + n)
    }
    for (const [at, n] of this.#prices.entries()) {
      const bound = this.#bounds[at] ?? Infinity
      if (n > 0) counts.prices.set(bound, (counts.prices.get(bound) ?? 0) + n)
    }
    for (const [stars, n] of this.#ratings.entries())
      for (let least = Math.min(stars, 4); least >= 1 && n > 0; least--)
        counts.ratings.set(least, (counts.ratings.get(least) ?? 0) + n)
    counts.inStock.yes += this.#inStock.yes
    counts.inStock.no += this.#inStock.no
    for (const [at, n] of this.#pairs.entries()) {
      const [name, value] = attributes[at] ?? ["", ""]
      if (n > 0) addAttribute(counts, name, value, n)
    }
  }
}

function addAttribute(counts: Counts, name: string, value: string, n: number): void {
  const of = counts.attributes.get(name.toLowerCase()) ?? { name, values: new Map() }
  const one = of.values.get(value.toLowerCase()) ?? { value, count: 0 }
  of.values.set(value.toLowerCase(), { ...one, count: one.count + n })
  counts.attributes.set(name.toLowerCase(), of)
}

function isIn(path: string, wanted: string): boolean {
  return wanted.endsWith("*") ? path.startsWith(wanted.slice(0, -1)) : path === wanted
}

function up(counters: Uint32Array, at: number | undefined): void {
  if (at !== undefined) counters[at] = (counters[at] ?? 0) + 1
}

function noCounts(): Counts {
  return {
    categories: new Map(),
    brands: new Map(),
    prices: new Map(),
    ratings: new Map(),
    inStock: { yes: 0, no: 0 },
    attributes: new Map(),
  }
}
