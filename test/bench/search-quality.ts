import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"

import { readD1Migrations } from "@cloudflare/vitest-pool-workers"
import { getPlatformProxy } from "wrangler"

import { createCtx, type Ctx } from "#context.ts"
import { build, rebuild } from "#modules/search/rebuild.ts"
import { search } from "#modules/search/search.ts"
import { suggest } from "#modules/search/suggest.ts"
import { stem, wordsOf } from "#modules/search/words.ts"

import { newSecrets } from "../../src/cli/secrets.ts"
import { catalogueRows, storeRows } from "../support/catalogue-rows.ts"
import { generateProducts, type MadeProduct } from "../support/catalogue.ts"
import { countedByHand, type Probe, probesOf, recallAtTen } from "../support/search-quality.ts"

/**
 * Prints how well the search finds what is meant, and what it costs: `npm run bench:search -- [--products 10000]`.
 * The verbs run in Node over real D1 databases; rows read are D1's own count. Fails below what the project promises.
 */
const { values } = parseArgs({
  options: {
    products: { type: "string", default: "10000" },
    queries: { type: "string", default: "500" },
  },
})
const [count, queries] = [Number(values.products), Number(values.queries)]
const root = join(import.meta.dirname, "../..")
const folder = mkdtempSync(join(tmpdir(), "nexus-search-"))
const config = join(folder, "wrangler.json")
const database = (binding: string) => ({ binding, database_name: binding, database_id: binding })
writeFileSync(
  config,
  JSON.stringify({
    name: "bench",
    compatibility_date: "2026-10-01",
    d1_databases: [database("DB"), database("SEARCH")],
    kv_namespaces: [{ binding: "CACHE", id: "cache" }],
    vars: { ...settingsOf("wrangler.toml"), ...newSecrets(), ENVIRONMENT: "development" },
  }),
)
const proxy = await getPlatformProxy<Env>({
  configPath: config,
  persist: { path: join(folder, "state") },
})
const env = { ...proxy.env, EVENTS: { sendBatch: async () => {} } } as unknown as Env
const failures: string[] = []

try {
  await migrate(env.DB, "migrations")
  await migrate(env.SEARCH, "migrations/search")
  const products = generateProducts(count)
  await storeRows(env.DB, catalogueRows(products))
  await measured("index built", 1, async () => {
    const staff = ctxOf({ type: "user", id: "usr_1", role: "staff" } as Ctx["actor"])
    const { building } = await rebuild(staff)
    const generation = building ?? 0
    for (let live = 0; live !== generation;) {
      const worker = ctxOf()
      await build(worker, { type: "index.begun", generation })
      live = (await env.SEARCH.prepare("SELECT live FROM search_state").first<number>("live")) ?? 0
    }
  })
  await quality(products)
  await facets(products)
  await cost(products)
  stemming(products)
} finally {
  await proxy.dispose()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}
for (const failure of failures) console.log(`MISSED  ${failure}`)
process.exit(failures.length > 0 ? 1 : 0)

async function quality(products: readonly MadeProduct[]): Promise<void> {
  const spoilt = probesOf(products, queries, 11, true)
  const clean = probesOf(products, queries, 12, false)
  let recall = 0
  let first = 0
  const missed: Probe[] = []
  await measured("misspelt queries", spoilt.length, async () => {
    for (const probe of spoilt) {
      const found = (await search(guest(), { q: probe.query })).results.map(({ id }) => id)
      const share = recallAtTen(probe, found)
      recall += share
      if (share < 0.5) missed.push(probe)
    }
  })
  await measured("unedited queries", clean.length, async () => {
    for (const probe of clean)
      if (probe.wanted.has((await search(guest(), { q: probe.query })).results[0]?.id ?? ""))
        first += 1
  })
  report("recall@10, misspelt", recall / spoilt.length, 0.95)
  report("precision of the first, unedited", first / clean.length, 0.9)
  console.log(
    `  missed, for example: ${missed
      .slice(0, 8)
      .map(({ query }) => query)
      .join(" · ")}`,
  )
}

async function facets(products: readonly MadeProduct[]): Promise<void> {
  let wrong = 0
  for (const material of ["cotton", "steel", "glass"]) {
    const named = new RegExp(`\\b${material}\\b`, "i")
    const own = products.filter(({ status, name }) => status === "active" && named.test(name))
    await turn()
    const { facets: told } = await search(guest(), { q: `${material} `, "attr.material": material })
    const counted = countedByHand(own)
    for (const { id, count: n } of told.category) if (counted.category.get(id) !== n) wrong += 1
    for (const { id, count: n } of told.brand) if (counted.brand.get(id) !== n) wrong += 1
    for (const { value, count: n } of told.in_stock)
      if (counted.in_stock.get(value) !== n) wrong += 1
    for (const { min, count: n } of told.rating) if (counted.rating.get(min) !== n) wrong += 1
    for (const { name, values: all } of told.attributes.filter((one) => one.name !== "material"))
      for (const { value, count: n } of all)
        if (counted.attributes.get(`${name}=${value}`) !== n) wrong += 1
  }
  report("facet counts that are not those of a count by hand", -wrong, 0)
}

async function cost(products: readonly MadeProduct[]): Promise<void> {
  const [one, two] = products[0]?.name.split(" ") ?? []
  console.log("query                            found  D1 round trips  rows read  per product")
  for (const q of [
    `${one}`,
    `${two} `,
    `${one} ${two} `,
    "kett",
    "s",
    "made for every day",
    "aluminum kettel ",
    products[7]?.sku ?? "",
    `${rarest(products)} `,
    `${one} ${rarest(products)} `,
  ]) {
    for (const warmth of ["cold", "warm"]) {
      const ctx = guest()
      const { results, count: n } = await search(ctx, { q })
      const { d1Queries, d1RowsRead } = ctx.meter
      const each = d1RowsRead / Math.max(1, results.length)
      console.log(
        `${`${q} (${warmth})`.padEnd(32)} ${String(n).padStart(6)} ${String(d1Queries).padStart(14)} ${String(d1RowsRead).padStart(11)} ${each.toFixed(1).padStart(12)}`,
      )
      if (results.length > 0 && each > 50) failures.push(`rows read of ${q}: ${each}`)
    }
  }
  const ctx = guest()
  await suggest(ctx, { q: "ke" })
  console.log(`suggest "ke": ${ctx.meter.d1Queries} round trips, ${ctx.meter.d1RowsRead} rows`)
}

/** A word that one product has. */
function rarest(products: readonly MadeProduct[]): string {
  const models = products.map(({ name }) => name.split(" ")[3] ?? "")
  const times = new Map<string, number>()
  for (const model of models) times.set(model, (times.get(model) ?? 0) + 1)
  return models.find((model) => times.get(model) === 1) ?? ""
}

/** Plural for singular and the other way round: what no stemming, this one and Porter's find, and what they confuse. */
function stemming(products: readonly MadeProduct[]): void {
  const db = new DatabaseSync(":memory:")
  const nouns = [...new Set(products.map(({ name }) => name.toLowerCase().split(" ")[2] ?? ""))]
  const plural = (noun: string) =>
    /(?:s|x|ch|sh)$/.test(noun)
      ? `${noun}es`
      : /[^aeiou]y$/.test(noun)
        ? `${noun.slice(0, -1)}ies`
        : `${noun}s`
  const pairs = [
    ["organ", "organise"],
    ["universal", "universe"],
    ["generic", "generation"],
    ["policy", "police"],
    ["news", "new"],
    ["marketing", "market"],
  ] as const
  const ours = (text: string) =>
    wordsOf(text)
      .map(({ word }) => stem(word))
      .join(" ")
  for (const [label, tokenizer, prepare] of [
    ["none", "unicode61", (text: string) => text],
    ["plurals", "unicode61", ours],
    ["Porter", "porter unicode61", (text: string) => text],
  ] as const) {
    db.exec(
      `DROP TABLE IF EXISTS t; CREATE VIRTUAL TABLE t USING fts5(word, tokenize = '${tokenizer}')`,
    )
    const add = db.prepare("INSERT INTO t (word) VALUES (?)")
    const has = db.prepare("SELECT count(*) AS n FROM t WHERE t MATCH ?")
    for (const noun of nouns) add.run(prepare(plural(noun)))
    const found = nouns.filter((noun) => Number(has.get(prepare(noun))?.["n"]) > 0).length
    const confused = pairs.filter(([a, b]) => {
      db.exec("DELETE FROM t")
      add.run(prepare(a))
      return Number(has.get(prepare(b))?.["n"]) > 0
    }).length
    console.log(
      `stemming: ${label.padEnd(8)} finds ${found} of ${nouns.length} nouns by their plural, takes ${confused} of ${pairs.length} words for another`,
    )
  }
}

function report(what: string, value: number, least: number): void {
  console.log(`${what.padEnd(52)} ${value.toFixed(3)}  at least ${least}`)
  if (value < least) failures.push(`${what}: ${value}`)
}

async function measured(what: string, n: number, work: () => Promise<void>): Promise<void> {
  await turn()
  const began = performance.now()
  await work()
  const ms = performance.now() - began
  console.log(
    `${what}: ${(ms / 1000).toFixed(1)} s${n > 1 ? `, ${(ms / n).toFixed(1)} ms each through a proxy` : ""}`,
  )
}

/** Lets connections be noticed that were closed while something was computed: the next request would go out on one. */
async function turn(): Promise<void> {
  await sleep(100)
}

function guest(): Ctx {
  return ctxOf({ type: "guest" })
}

function ctxOf(actor: Ctx["actor"] = { type: "system" }): Ctx {
  return createCtx(env, {
    actor,
    defer: (work) => void work.catch((error) => failures.push(String(error))),
    bypassCache: true,
  })
}

async function migrate(db: D1Database, path: string): Promise<void> {
  for (const { queries: statements } of await readD1Migrations(join(root, path)))
    await db.batch(statements.map((statement) => db.prepare(statement)))
}

/** The settings of `[vars]`, as they stand. */
function settingsOf(path: string): Record<string, string> {
  const [, vars = ""] =
    /^\[vars\]\n([\s\S]*?)\n\n/m.exec(readFileSync(join(root, path), "utf8")) ?? []
  return Object.fromEntries(
    [...vars.matchAll(/^(\w+) = "([^"]*)"/gm)].map(([, name, value]) => [name, value]),
  )
}
