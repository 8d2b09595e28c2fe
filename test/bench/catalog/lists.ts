import { type Built, startBuilt } from "../support/built.ts"
import { fill } from "../support/fill.ts"
import { burst } from "../support/load.ts"

/**
 * What reading the catalogue costs at 1 000, 10 000 and 100 000 products, of the built Worker: D1 round trips, rows read,
 * bytes, and answers a second, with the ratio to the figure at 1 000. Counts are the same on every machine, rates are
 * not. `bench:search` measures the search.
 */
const sizes = (process.env["SIZES"] ?? "1000,10000,100000").split(",").map(Number)
/** Of a page of 20: the project allows itself five rows read for each product, and 1.2 times as many as at 1 000. */
const mostRows = 5 * 20
const mostGrowth = 1.2
/** A cached list answers at this part of the rate of `/health/liveness`, or faster. */
const leastPart = 0.6

type Figures = { queries: number; rows: number; bytes: number; perSecond: number }
type Case = { name: string; path: (base: string) => Promise<string> }

const at = (path: string) => () => Promise.resolve(path)
const cases: Case[] = [
  { name: "list", path: at("/api/v1/products") },
  { name: "list by price", path: at("/api/v1/products?ordering=price") },
  {
    name: "category by rating",
    path: at("/api/v1/products?category=kitchen&ordering=-average_rating"),
  },
  {
    name: "filtered list",
    path: at(
      "/api/v1/products?category=kitchen&in_stock=true&min_price=20&max_price=1000&ordering=price",
    ),
  },
  {
    name: "three filters",
    path: at("/api/v1/products?category=kitchen&tag=compact,wireless,cotton,leather&in_stock=true"),
  },
  { name: "page 1000 by cursor", path: (base) => farCursor(base) },
  { name: "detail", path: (base) => someProduct(base) },
]

const results = new Map<string, Map<number, Figures | undefined>>()
const parts: { size: number; part: number }[] = []
const wrong: string[] = []

for (const size of sizes) {
  const shop = await startBuilt({ seed: (db) => fill(db, size) })
  try {
    for (const one of cases) {
      const path = await one.path(shop.base)
      const figures = await measure(shop, path)
      results.set(one.name, (results.get(one.name) ?? new Map()).set(size, figures))
    }
    parts.push({ size, part: await partOfLiveness(shop) })
  } finally {
    await shop.stop()
  }
}
print()
for (const line of wrong) console.error(line)
process.exit(wrong.length > 0 ? 1 : 0)

/** Reads around the cache of answers, twice: what is remembered for a version of the catalogue is there the second time. */
async function measure({ base }: Built, path: string): Promise<Figures | undefined> {
  const fresh = { "cache-control": "no-cache" }
  const first = await fetch(base + path, { headers: fresh })
  await first.text()
  if (first.status === 404) return undefined
  if (!first.ok) throw new Error(`${path}: ${first.status}`)
  const second = await fetch(base + path, { headers: fresh })
  const { byteLength: bytes } = await second.arrayBuffer()
  const timing = second.headers.get("server-timing") ?? ""
  const figure = (name: string) => Number(new RegExp(`${name};desc="(\\d+)"`).exec(timing)?.[1])
  const { perSecond } = await burst(base, path, { seconds: 2, headers: fresh })
  return { queries: figure("d1_queries"), rows: figure("d1_rows_read"), bytes, perSecond }
}

/** The rate of a cached list over that of `/health/liveness`, in turns, so that a slow moment is fair to both. */
async function partOfLiveness({ base }: Built): Promise<number> {
  const sums = { list: 0, liveness: 0 }
  for (let turn = 0; turn < 4; turn++) {
    sums.liveness += (await burst(base, "/health/liveness", { seconds: 1.5 })).perSecond
    sums.list += (await burst(base, "/api/v1/products", { seconds: 1.5 })).perSecond
  }
  return sums.list / sums.liveness
}

/** The address of page 1000 of the list by name, twenty a page; of one near the end where there are fewer products. */
async function farCursor(base: string): Promise<string> {
  const { count } = await page(`${base}/api/v1/products?page_size=1`)
  const isLong = count === 10_000
  const depth = isLong ? 9_980 : Math.floor(count * 0.9)
  const list = `${base}/api/v1/products?ordering=name`
  let { next_cursor: cursor } = await page(`${list}&limit=1&offset=${depth}`)
  for (let place = depth; isLong && place < 19_980; place += 100)
    cursor = (await page(`${list}&page_size=100&cursor=${cursor}`)).next_cursor
  return `/api/v1/products?ordering=name&page_size=20&cursor=${cursor}`
}

async function someProduct(base: string): Promise<string> {
  const { results: found } = await page(`${base}/api/v1/products?page_size=1&ordering=name`)
  return `/api/v1/products/${found[0]?.slug}`
}

type Answer = { count: number; next_cursor: string; results: { slug: string }[] }
async function page(url: string): Promise<Answer> {
  return (await (await fetch(url)).json()) as Answer
}

function print(): void {
  const head = ["", "products", "D1", "rows", "×", "bytes", "a second", "×"]
  const lines = [...results].flatMap(([name, bySize]) => {
    const base = bySize.get(sizes[0] ?? 0)
    return sizes.map((size) => {
      const one = bySize.get(size)
      if (!one || !base) return [name, String(size), "not there"]
      const growth = one.rows / Math.max(1, base.rows)
      if (growth > mostGrowth) wrong.push(`${name} reads ${growth.toFixed(2)} times the rows`)
      const most = name === "detail" ? mostRows / 20 : mostRows
      if (one.rows > most) wrong.push(`${name} reads ${one.rows} rows at ${size} products`)
      return [
        name,
        String(size),
        String(one.queries),
        String(one.rows),
        growth.toFixed(2),
        String(one.bytes),
        one.perSecond.toFixed(0),
        (one.perSecond / base.perSecond).toFixed(2),
      ]
    })
  })
  const widths = head.map((_, column) =>
    Math.max(...[head, ...lines].map((line) => (line[column] ?? "").length)),
  )
  for (const line of [head, ...lines])
    console.log(
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join("  "),
    )
  for (const { size, part } of parts) {
    console.log(`cached list at ${size}: ${(100 * part).toFixed(0)} % of the rate of liveness`)
    if (part < leastPart) wrong.push(`a cached list answers at ${part.toFixed(2)} of liveness`)
  }
}
