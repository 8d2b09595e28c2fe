import { env } from "cloudflare:workers"
import { describe, expect, it, vi } from "vitest"

import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import * as catalog from "#modules/catalog/catalog.ts"
import * as indexing from "#modules/search/indexing.ts"
import { merge } from "#modules/search/merging.ts"
import { build, rebuild, status, tend } from "#modules/search/rebuild.ts"
import { search } from "#modules/search/search.ts"
import { openSqlDb, type SqlDb } from "#platform/db.ts"
import { newMeter } from "#platform/meter.ts"

import { call } from "../support/api.ts"
import { catalogueRows, storeRows } from "../support/catalogue-rows.ts"
import { generateProducts } from "../support/catalogue.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { deliverAll, openEvents, silentQueue } from "../support/shop.ts"

/** Somebody who wants nothing from the cache. */
const guest = () => {
  const made = ctx({ as: { type: "guest" }, events: silentQueue })
  return {
    ...made,
    cache: { ...made.cache, read: (_key, _tag, _lifetime, load) => load() } as Ctx["cache"],
  }
}
const find = (q: string, over = {}) => search(guest(), { q, ...over })
const namesOf = async (q: string, over = {}) =>
  (await find(q, over)).results.map(({ name }) => name)
const changed = (productId: string) =>
  ({ type: "catalog.changed", productId }) as Extract<Event, { type: "catalog.changed" }>
const count = (table: string) =>
  env.SEARCH.prepare(`SELECT count(*) AS n FROM ${table}`).first<number>("n")

/** A Ctx of the queue whose search database does something before the statements that `matches` picks. */
function hooked(matches: RegExp, before: () => Promise<unknown>) {
  const made = ctx({ events: silentQueue })
  const inner = openSqlDb(env.SEARCH, newMeter())
  let left = 1
  const hook = async (query: unknown) => {
    if (left > 0 && matches.test(JSON.stringify(query))) {
      left -= 1
      await before()
    }
  }
  const db: SqlDb = {
    all: async (query) => {
      await hook(query)
      return inner.all(query)
    },
    batch: async (queries) => {
      for (const query of queries) await hook(query)
      return inner.batch(queries)
    },
    write: async (queries) => {
      for (const query of queries) await hook(query)
      return inner.write(queries)
    },
  }
  return { ...made, search: db }
}

/** Builds a new index to its end. */
async function rebuilt(): Promise<void> {
  const { building } = await rebuild(ctx({ as: make.staff, events: silentQueue }))
  await build(ctx({ events: silentQueue }), { type: "index.begun", generation: building ?? 0 })
}

describe("a product that changes", () => {
  it("is found as it is, merged or not", async () => {
    const staff = ctx({ as: make.staff, events: silentQueue })
    const lamp = await make.product({ name: "Copper Lamp", price: "10.00" })
    await deliverAll()
    for (const merged of [false, true]) {
      if (merged) await merge(ctx(), 1)
      expect(await namesOf("copper lamp")).toEqual(["Copper Lamp"])
    }
    await catalog.update(staff, lamp.id, { name: "Brass Lamp", price: "150.00" })
    await deliverAll()
    for (const merged of [false, true]) {
      if (merged) await merge(ctx(), 1)
      expect(await namesOf("copper")).toEqual([])
      expect(await namesOf("brass lamp")).toEqual(["Brass Lamp"])
      const { facets } = await find("lamp")
      expect(facets.price).toMatchObject([{ min: "100.00", max: "199.99", count: 1 }])
    }
    await catalog.remove(staff, lamp.id)
    await deliverAll()
    for (const merged of [false, true]) {
      if (merged) await merge(ctx(), 1)
      expect((await find("lamp")).count).toBe(0)
    }
    expect([await count("postings"), await count("words"), await count("near")]).toEqual([0, 0, 0])
  })

  it("is never left older by a delivery that read it before another one did", async () => {
    const staff = ctx({ as: make.staff, events: silentQueue })
    const lamp = await make.product({ name: "Copper Lamp" })
    await deliverAll()
    // This delivery has read the lamp as copper, and writes only after another has written it as brass.
    const slow = hooked(/INSERT INTO docs/, async () => {
      await catalog.update(staff, lamp.id, { name: "Brass Lamp" })
      await indexing.follow(ctx({ events: silentQueue }), changed(lamp.id))
    })
    await indexing.follow(slow, changed(lamp.id))
    expect(await namesOf("lamp")).toEqual(["Brass Lamp"])
    expect(await namesOf("copper")).toEqual([])
  })

  it("does not come back by a delivery that read it before it was deleted", async () => {
    const staff = ctx({ as: make.staff, events: silentQueue })
    const lamp = await make.product({ name: "Copper Lamp" })
    await env.SEARCH.prepare("DELETE FROM docs").run()
    const slow = hooked(/INSERT INTO docs/, async () => {
      await catalog.remove(staff, lamp.id)
      await indexing.follow(ctx({ events: silentQueue }), changed(lamp.id))
    })
    await indexing.follow(slow, changed(lamp.id))
    expect((await find("lamp")).count).toBe(0)
  })

  it("delivered twice, and by ten at once, is there once and as it is", async () => {
    const lamps = await Promise.all([1, 2, 3].map((n) => make.product({ name: `Lamp ${n}` })))
    await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        indexing.follow(ctx({ events: silentQueue }), changed(lamps[n % 3]!.id)),
      ),
    )
    expect((await namesOf("lamp")).toSorted()).toEqual(["Lamp 1", "Lamp 2", "Lamp 3"])
    await Promise.all([merge(ctx(), 1), merge(ctx(), 1), merge(ctx(), 1)])
    expect((await namesOf("lamp")).toSorted()).toEqual(["Lamp 1", "Lamp 2", "Lamp 3"])
  })

  it("while it is merged is merged again: the merge does not swallow the change", async () => {
    const staff = ctx({ as: make.staff, events: silentQueue })
    const lamp = await make.product({ name: "Copper Lamp" })
    await deliverAll()
    const slow = hooked(/UPDATE search_state SET guard/, async () => {
      await catalog.update(staff, lamp.id, { name: "Brass Lamp" })
      await indexing.follow(ctx({ events: silentQueue }), changed(lamp.id))
    })
    await merge(slow, 1)
    expect(await namesOf("lamp")).toEqual(["Brass Lamp"])
    await merge(ctx(), 1)
    expect(await namesOf("lamp")).toEqual(["Brass Lamp"])
    expect(await namesOf("copper")).toEqual([])
  })

  it("is indexed at the next delivery when a crash came between the two databases", async () => {
    const lamp = await make.product({ name: "Copper Lamp" })
    const [message] = (await openEvents("catalog.changed")).filter(
      ({ event }) => event.type === "catalog.changed" && event.productId === lamp.id,
    )
    const failing = hooked(/INSERT INTO docs/, async () => {
      throw new Error("the isolate is gone")
    })
    const event = message!.event as Extract<Event, { type: "catalog.changed" }>
    await expect(indexing.follow(failing, event)).rejects.toThrow("gone")
    await deliverAll("catalog.changed")
    expect(await namesOf("lamp")).toEqual(["Copper Lamp"])
  })

  it("by being sold out, or in stock again, is counted so", async () => {
    const staff = await make.user("staff")
    const lamp = await make.product({ name: "Lamp", stock_quantity: 5 })
    await deliverAll()
    for (const [set, inStock] of [
      [3, { yes: 1, no: 0 }],
      [0, { yes: 0, no: 1 }],
      [2, { yes: 1, no: 0 }],
    ] as const) {
      const path = `admin/inventory/${lamp.id}/adjust`
      const answer = await call("POST", path, { as: staff, body: { set, reason: "correction" } })
      expect(answer.status).toBe(200)
      await deliverAll()
      const { facets } = await find("lamp")
      expect([set, facets.in_stock]).toEqual([
        set,
        [
          { value: true, count: inStock.yes },
          { value: false, count: inStock.no },
        ],
      ])
    }
  })
})

describe("another name", () => {
  it("of a category is found by, down to the products of what lies below it", async () => {
    const staff = await make.user("staff")
    const light = await make.category({ name: "Lighting" })
    const desk = await make.category({ name: "Desks", parent: light.id })
    await make.product({ name: "Lamp", category: desk.id })
    await make.product({ name: "Bulb", category: light.id })
    await deliverAll()
    expect((await namesOf("lighting")).toSorted()).toEqual(["Bulb", "Lamp"])
    await call("PATCH", `categories/${light.id}`, { as: staff, body: { name: "Illumination" } })
    await deliverAll()
    await deliverAll()
    expect((await namesOf("illumination")).toSorted()).toEqual(["Bulb", "Lamp"])
    expect(await namesOf("lighting")).toEqual([])
    // Another place: what is below is in other categories.
    await call("PATCH", `categories/${desk.id}`, { as: staff, body: { parent: null } })
    await deliverAll()
    await deliverAll()
    expect(await namesOf("illumination")).toEqual(["Bulb"])
    expect(await namesOf("lamp", { category: light.slug })).toEqual([])
    expect(await namesOf("lamp", { category: desk.slug })).toEqual(["Lamp"])
    await call("DELETE", `categories/${desk.id}?move_to=${light.id}`, { as: staff })
    await deliverAll()
    await deliverAll()
    expect(await namesOf("lamp", { category: light.slug })).toEqual(["Lamp"])
  })

  it("of a brand is found by, over pages of its products", async () => {
    await storeRows(env.DB, catalogueRows(300))
    const branded = await env.DB.prepare("UPDATE products SET brand_id = 'b7'").run()
    expect(branded.meta.changes).toBeGreaterThan(indexing.pageSize)
    await env.DB.prepare("UPDATE brands SET name = 'Quasar' WHERE id = 'b7'").run()
    const brandId = "b7" as Extract<Event, { type: "catalog.changed" }>["brandId"]
    await indexing.follow(ctx({ events: silentQueue }), {
      type: "catalog.changed",
      brandId: brandId!,
    })
    expect((await openEvents("products.outdated")).length).toBe(1)
    await deliverAll("products.outdated")
    const active = env.DB.prepare("SELECT count(*) AS n FROM products WHERE status = 'active'")
    expect((await find("quasar ")).count).toBe(await active.first("n"))
  })
})

describe("an index that is built anew", () => {
  it("is searched once it is whole, and holds what changed meanwhile", async () => {
    const staff = ctx({ as: make.staff, events: silentQueue })
    const lamp = await make.product({ name: "Copper Lamp" })
    await deliverAll()
    await merge(ctx(), 1)
    const { building } = await rebuild(staff)
    expect(await status(staff)).toMatchObject({ status: "building", generation: 1, building: 2 })
    await catalog.update(staff, lamp.id, { name: "Brass Lamp" })
    await make.product({ name: "Oak Lamp" })
    await deliverAll("catalog.changed")
    expect((await namesOf("lamp")).toSorted()).toEqual(["Brass Lamp", "Oak Lamp"])
    await build(ctx({ events: silentQueue }), { type: "index.begun", generation: building ?? 0 })
    expect(await status(staff)).toMatchObject({ status: "ready", generation: 2, building: null })
    expect((await namesOf("lamp")).toSorted()).toEqual(["Brass Lamp", "Oak Lamp"])
    expect(await namesOf("copper")).toEqual([])
  })

  it("is begun once, however many ask, and built once, however many work on it", async () => {
    await make.product({ name: "Lamp" })
    const asked = await Promise.all(
      [1, 2, 3].map(() => rebuild(ctx({ as: make.staff, events: silentQueue }))),
    )
    expect(asked.map(({ building }) => building)).toEqual([2, 2, 2])
    await Promise.all(
      [1, 2, 3].map(() =>
        build(ctx({ events: silentQueue }), { type: "index.begun", generation: 2 }),
      ),
    )
    expect(await namesOf("lamp")).toEqual(["Lamp"])
    expect(await status(ctx({ as: make.staff }))).toMatchObject({ generation: 2, indexed: 1 })
    // A late delivery of the same event finds nothing to do.
    await build(ctx({ events: silentQueue }), { type: "index.begun", generation: 2 })
    expect(await status(ctx({ as: make.staff }))).toMatchObject({ generation: 2, indexed: 1 })
  })

  it("goes on where a crash left it, and heals an index that lost everything", async () => {
    await make.product({ name: "Lamp" })
    await deliverAll()
    await env.SEARCH.prepare("DELETE FROM docs").run()
    expect(await namesOf("lamp")).toEqual([])
    await rebuild(ctx({ as: make.staff, events: silentQueue }))
    const failing = hooked(/SET live/, async () => {
      throw new Error("the isolate is gone")
    })
    const event = { type: "index.begun", generation: 2 } as const
    await expect(build(failing, event)).rejects.toThrow("gone")
    await deliverAll("index.begun")
    expect(await namesOf("lamp")).toEqual(["Lamp"])
  })

  it("replaces one that stands still, and what is no longer searched is deleted after two minutes", async () => {
    await make.product({ name: "Lamp" })
    const at = (minutes: number) => new Date(Date.UTC(2026, 2, 1, 12, minutes))
    const begin = (minutes: number) =>
      rebuild(ctx({ as: make.staff, events: silentQueue, now: at(minutes) }))
    expect(await begin(0)).toMatchObject({ building: 2 })
    expect(await begin(9)).toMatchObject({ building: 2 })
    expect(await begin(11)).toMatchObject({ building: 3 })
    await build(ctx({ events: silentQueue, now: at(12) }), { type: "index.begun", generation: 2 })
    expect(await status(ctx({ as: make.staff }))).toMatchObject({ generation: 1 })
    await build(ctx({ events: silentQueue, now: at(12) }), { type: "index.begun", generation: 3 })
    const generations = async () =>
      (await env.SEARCH.prepare("SELECT generation FROM generations").all()).results
    await tend(ctx({ events: silentQueue, now: at(13) }))
    expect(await generations()).toHaveLength(3)
    for (let run = 0; run < 4; run++) await tend(ctx({ events: silentQueue, now: at(20 + run) }))
    expect(await generations()).toEqual([{ generation: 3 }])
    const left = await env.SEARCH.prepare("SELECT DISTINCT generation FROM docs").all()
    expect(left.results).toEqual([{ generation: 3 }])
    expect(await namesOf("lamp")).toEqual(["Lamp"])
  })

  it("is begun by cron where there never was one", async () => {
    await tend(ctx({ events: silentQueue }))
    expect(await openEvents("index.begun")).toEqual([])
    await storeRows(env.DB, catalogueRows(5))
    await tend(ctx({ events: silentQueue }))
    expect((await openEvents("index.begun")).length).toBe(1)
    await deliverAll("index.begun")
    await tend(ctx({ events: silentQueue }))
    expect(await openEvents("index.begun")).toEqual([])
  })

  it("finds and counts the same as documents that wait, whatever the order of ids and chunks", async () => {
    await storeRows(env.DB, catalogueRows(60))
    const ids = generateProducts(60).map(({ id }) => id)
    await indexing.write(ctx(), ids)
    const asked = ["steel ", "lamp", "compact oak", "made for two years ", "c3-"]
    const answers = () => Promise.all(asked.map((q) => find(q, { page_size: "60" })))
    const waiting = await answers()
    while (await merge(ctx(), 1));
    const merged = await answers()
    for (const [at, one] of waiting.entries()) {
      expect([asked[at], one.count, one.facets]).toEqual([
        asked[at],
        merged[at]!.count,
        merged[at]!.facets,
      ])
      expect(one.results.map(({ id }) => id).toSorted()).toEqual(
        merged[at]!.results.map(({ id }) => id).toSorted(),
      )
    }
    expect(waiting.reduce((sum, one) => sum + one.count, 0)).toBeGreaterThan(25)
    await rebuilt()
    expect((await answers()).map((one) => one.count)).toEqual(merged.map((one) => one.count))
  })
})

it("an answer is made again once the index has changed", async () => {
  const cached = (q: string) => call("GET", `products/search?q=${q}`)
  await make.product({ name: "Copper Lamp" })
  await deliverAll()
  expect((await cached("lamp")).body.count).toBe(1)
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 5 })
  await make.product({ name: "Brass Lamp" })
  await deliverAll()
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 5 })
  expect((await cached("lamp")).body.count).toBe(2)
})
