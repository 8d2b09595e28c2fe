import { env } from "cloudflare:workers"
import { expect, it } from "vitest"

import { build, rebuild } from "#modules/search/rebuild.ts"
import { search } from "#modules/search/search.ts"

import { catalogueRows, storeRows } from "../support/catalogue-rows.ts"
import { generateProducts } from "../support/catalogue.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { countedByHand, probesOf, recallAtTen } from "../support/search-quality.ts"
import { silentQueue } from "../support/shop.ts"

it("a shop of a thousand products finds what is meant, and counts what there is", async () => {
  const products = generateProducts(1000)
  await storeRows(env.DB, catalogueRows(products))
  const staff = ctx({ as: make.staff, events: silentQueue })
  const { building } = await rebuild(staff)
  const worker = ctx({ events: silentQueue })
  for (let step = 0; step < 2; step++)
    await build(worker, { type: "index.begun", generation: building ?? 0 })
  const guest = ctx({ as: { type: "guest" }, events: silentQueue })
  const find = (q: string, over = {}) => search(guest, { q, ...over })

  const spoilt = probesOf(products, 100, 11, true)
  let recall = 0
  for (const probe of spoilt) {
    const { results } = await find(probe.query)
    recall += recallAtTen(
      probe,
      results.map(({ id }) => id),
    )
  }
  expect(recall / spoilt.length).toBeGreaterThanOrEqual(0.95)

  const clean = probesOf(products, 50, 12, false)
  let first = 0
  for (const probe of clean)
    if (probe.wanted.has((await find(probe.query)).results[0]?.id ?? "")) first += 1
  expect(first / clean.length).toBeGreaterThanOrEqual(0.9)

  const steel = products.filter(({ status, name }) => status === "active" && /\bSteel\b/.test(name))
  const found = await find("steel ", { "attr.material": "steel", page_size: "100" })
  expect(found.count).toBe(
    products.filter(
      ({ status, attributes }) => status === "active" && attributes["material"] === "steel",
    ).length,
  )
  const counted = countedByHand(steel)
  const { facets } = found
  expect(new Map(facets.category.map(({ id, count }) => [id, count]))).toEqual(
    new Map(
      [...counted.category].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, 50),
    ),
  )
  expect(new Map(facets.brand.map(({ id, count }) => [id, count]))).toEqual(counted.brand)
  expect(new Map(facets.in_stock.map(({ value, count }) => [value, count]))).toEqual(
    counted.in_stock,
  )
  expect(new Map(facets.rating.map(({ min, count }) => [min, count]))).toEqual(counted.rating)
})
