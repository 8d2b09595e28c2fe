import { env } from "cloudflare:workers"
import { describe, expect, it, vi } from "vitest"

import * as statistics from "#modules/orders/statistics.ts"

import { type Answer, call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import { currency, priceList } from "../support/currencies.ts"
import { standUp } from "../support/gateways/fake-fetch.ts"
import * as make from "../support/make.ts"
import { promotion, shippingMethod, taxRate } from "../support/offers.ts"
import {
  address,
  countOf,
  fieldsOf,
  order,
  roundTrips,
  rows,
  settleAll,
  stockOf,
  tally,
} from "../support/shop.ts"
import { expectProblem } from "../support/wire.ts"

const later = (hours: number) =>
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + hours * 3_600_000 })

/** Puts things in a new guest's cart and tells it its currency; answers what it says, and how to go on. */
async function cartIn(code: string, lines: { product_id: string; quantity: number }[]) {
  let headers: Record<string, string> = {}
  for (const body of lines) {
    const { headers: told, body: cart } = await call("POST", "cart/items", { body, headers })
    headers = { "x-cart-token": told.get("x-cart-token") ?? headers["x-cart-token"] ?? cart.token }
  }
  const cart = await call("PATCH", "cart", { headers, body: { currency: code } })
  return { cart, headers }
}

/** Orders some of a product in a currency. */
function orderIn(
  code: string,
  items: unknown,
  as?: { access: string },
  over: Record<string, unknown> = {},
): Promise<Answer> {
  return call("POST", `orders?currency=${code}`, {
    as,
    body: { items, shipping_address: address, ...(!as && { email: "a@nexus.test" }), ...over },
  })
}

/** Everything that the counters of orders have wrong. */
async function drift() {
  const found: statistics.Drift[] = []
  let next: statistics.CheckCursor = { day: "" }
  while (next !== null) {
    const part: Awaited<ReturnType<typeof statistics.check>> = await statistics.check(ctx(), next)
    found.push(...part.drift)
    next = part.next
  }
  return found
}

describe("GET /currencies", () => {
  it("says the shop's own alone where there is no other", async () => {
    const answer = await call("GET", "currencies")
    expect(answer.body).toEqual({
      base: "USD",
      results: [
        { code: "USD", is_base: true, decimals: 2, is_available: true, exchange_rate: null },
      ],
    })
    expect(answer.headers.get("cache-control")).toContain("public")
  })

  it("says what else there is, at which rate, and what has none", async () => {
    await currency("EUR", "0.8", { margin: "2.5" })
    await currency("JPY", "")
    await currency("CHF", "0.9", { enabled: false })
    const { body } = await call("GET", "currencies")
    expect(body.results.map(({ code }: { code: string }) => code)).toEqual(["USD", "EUR", "JPY"])
    expect(body.results[1]).toMatchObject({
      decimals: 2,
      is_available: true,
      exchange_rate: { base: "USD", rate: "0.82", source: "manual" },
    })
    expect(body.results[2]).toMatchObject({ decimals: 0, is_available: false, exchange_rate: null })
  })
})

describe("/admin/currencies", () => {
  it("adds, changes and removes them, each once, and keeps a trail", async () => {
    const as = await make.user("staff")
    const body = { code: "chf", increment: "0.05", margin: "1.5" }
    const made = await call("POST", "admin/currencies", { as, body })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({
      code: "CHF",
      enabled: true,
      rate_source: "ecb",
      increment: "0.05",
      rounding: "half-even",
      max_age_hours: 120,
      margin: "1.5",
      exchange_rate: null,
    })
    const twin = await call("POST", "admin/currencies", { as, body })
    expectProblem(twin, 400, "invalid-input")
    expect(twin.body.errors[0]).toMatchObject({ field: "code", code: "taken" })
    const changed = await call("PATCH", "admin/currencies/CHF", { as, body: { margin: 0 } })
    expect(changed.body).toMatchObject({ margin: "0", increment: "0.05" })
    expect((await call("GET", "admin/currencies/chf", { as })).body).toEqual(changed.body)
    expect((await call("GET", "admin/currencies", { as })).body.results).toEqual([changed.body])
    const rate = await call("PUT", "admin/currencies/CHF/rate", { as, body: { rate: "0.89" } })
    expect(rate.body).toMatchObject({ source: "manual", base: "USD", rate: "0.89" })
    expect((await call("GET", "admin/currencies/CHF", { as })).body).toMatchObject({
      rate_source: "manual",
      exchange_rate: { rate: "0.89" },
    })
    expect((await call("GET", "admin/exchange-rates?currency=CHF", { as })).body.count).toBe(1)
    expect((await call("DELETE", "admin/currencies/CHF", { as })).status).toBe(204)
    expectProblem(await call("DELETE", "admin/currencies/CHF", { as }), 404, "not-found")
    const trail = await rows("SELECT action, actor FROM audit WHERE action LIKE 'currency.%'")
    expect(trail.map(({ action }) => action)).toEqual([
      "currency.added",
      "currency.changed",
      "currency.removed",
    ])
    expect(new Set(trail.map(({ actor }) => actor))).toEqual(new Set([as.id]))
  })

  it("changes what is said of one, and nothing else", async () => {
    await currency("JPY", "150")
    const as = await make.user("staff")
    const patch = (body: object) => call("PATCH", "admin/currencies/jpy", { as, body })
    let standing = (await call("GET", "admin/currencies/JPY", { as })).body
    for (const change of [
      { rounding: "up" },
      { max_age_hours: 48 },
      { increment: "50" },
      { enabled: false },
      { margin: "1.5", exchange_rate: { ...standing.exchange_rate, rate: "152.25" } },
      { rate_source: "ecb", exchange_rate: null },
    ]) {
      standing = { ...standing, ...change }
      const { status, body } = await patch(change)
      expect([status, body]).toEqual([200, { ...standing, updated_at: body.updated_at }])
    }
    const wrong = await patch({ increment: "0.5" })
    expectProblem(wrong, 400, "invalid-input")
    expect(fieldsOf(wrong)).toEqual(["increment"])
    const answers = await Promise.all(
      [1, 2].map(() => call("DELETE", "admin/currencies/JPY", { as })),
    )
    expect(tally(answers)).toEqual({ "204": 1, "404 not-found": 1 })
  })

  it("refuses the shop's own, what is no currency, and every field that is wrong at once", async () => {
    const as = await make.user("staff")
    const add = (body: unknown) => call("POST", "admin/currencies", { as, body })
    for (const code of ["USD", "XXX", "MGA"]) expect((await add({ code })).status).toBe(400)
    const wrong = await add({ code: "E", increment: "-1", margin: 101, max_age_hours: 0 })
    expect(fieldsOf(wrong)).toEqual(["code", "increment", "margin", "max_age_hours"])
    expect(fieldsOf(await add({ code: "JPY", increment: "0.5" }))).toEqual(["increment"])
    expect(await countOf("currencies")).toBe(0)
  })
})

describe("a product in another currency", () => {
  it("is shown with its own price beside it, wherever it is shown", async () => {
    await currency("EUR", "0.8")
    const category = await make.category()
    const lamp = await make.product({
      name: "Lamp",
      price: "24.99",
      compare_at_price: "30.00",
      category: category.id,
      tags: ["light"],
      is_featured: true,
    })
    await make.product({ name: "Other lamp", category: category.id, tags: ["light"] })
    await settleAll()
    const shown = {
      price: "19.99",
      currency: "EUR",
      base_price: "24.99",
      base_currency: "USD",
      compare_at_price: "24.00",
      discount_percentage: 17,
    }
    for (const path of [
      "products?currency=EUR&ordering=created_at",
      "products?currency=eur&search=lamp&ordering=-price",
      "products/search?q=lamp&currency=EUR&ordering=-price",
      "products/featured?currency=EUR",
      `categories/${category.id}/products?currency=EUR&ordering=-price`,
    ]) {
      const { body } = await call("GET", path)
      expect([path, body.results[0]]).toMatchObject([path, { name: "Lamp", ...shown }])
    }
    expect((await call("GET", `products/${lamp.id}?currency=EUR`)).body).toMatchObject(shown)
    const other = await call("GET", `products/${lamp.slug}`)
    expect(other.body).toMatchObject({ price: "24.99", currency: "USD" })
    expect(other.body.base_price).toBeUndefined()
    const related = await call("GET", `products/other-lamp/related?currency=EUR`)
    expect(related.body.results[0]).toMatchObject(shown)
  })

  it("costs no round trip more than in the shop's own, and none once it is kept", async () => {
    await currency("EUR")
    const product = await make.product()
    for (const path of ["products?currency=EUR", `products/${product.id}?currency=EUR`]) {
      await call("GET", "currencies")
      const first = await call("GET", path)
      expect(roundTrips(first)).toBeLessThanOrEqual(2)
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2000 })
      const second = await call("GET", path)
      expect([path, roundTrips(second)]).toEqual([path, 0])
      vi.useRealTimers()
    }
  })

  it("is narrowed by prices in that currency, exactly as they are shown", async () => {
    await currency("EUR", "0.8", { increment: "0.50" })
    for (const price of ["9.70", "10.00", "10.31", "10.32", "20.00"])
      await make.product({ name: `At ${price}`, price })
    const of = async (query: string) => {
      const { body } = await call("GET", `products?currency=EUR&ordering=price&${query}`)
      return body.results.map((one: { price: string }) => one.price)
    }
    expect(await of("")).toEqual(["8.00", "8.00", "8.00", "8.50", "16.00"])
    expect(await of("max_price=8.00")).toEqual(["8.00", "8.00", "8.00"])
    expect(await of("min_price=8.50")).toEqual(["8.50", "16.00"])
    expect(await of("min_price=8.01&max_price=8.49")).toEqual([])
    expect((await call("GET", "products?currency=EUR&min_price=1.234")).status).toBe(400)
  })

  it("that the shop does not sell in is refused by name, and one without a fresh rate too", async () => {
    const product = await make.product()
    await currency("EUR", "0.8", { max_age_hours: 1 })
    for (const path of ["products", `products/${product.id}`, "products/search?q=x"]) {
      const query = path.includes("?") ? "&" : "?"
      const unknown = await call("GET", `${path}${query}currency=GBP`)
      expectProblem(unknown, 400, "invalid-input")
      expect(unknown.body.errors[0]).toMatchObject({ field: "currency", parameter: "currency" })
      expect((await call("GET", `${path}${query}currency=euro`)).status).toBe(400)
    }
    later(1.1)
    for (const path of ["products?currency=EUR", `products/${product.id}?currency=EUR`]) {
      const stale = await call("GET", path)
      expectProblem(stale, 503, "rate-stale")
      expect(stale.headers.get("retry-after")).not.toBeNull()
    }
  })

  it("shows a new rate at once where it was set", async () => {
    await currency("EUR", "0.8")
    const product = await make.product()
    const as = await make.user("staff")
    const path = `products/${product.id}?currency=EUR`
    expect((await call("GET", path)).body.price).toBe("8.00")
    await call("PUT", "admin/currencies/EUR/rate", { as, body: { rate: "0.9" } })
    expect((await call("GET", path)).body.price).toBe("9.00")
    await call("PATCH", "admin/currencies/EUR", { as, body: { enabled: false } })
    expect((await call("GET", path)).status).toBe(400)
  })
})

describe("a price list", () => {
  it("says what things cost, and the rate says the rest", async () => {
    await currency("EUR", "0.8")
    const [mug, cup] = [await make.product({ name: "Mug" }), await make.product({ name: "Cup" })]
    await priceList({ [mug.id]: "9.95" })
    const { body } = await call("GET", "products?currency=EUR&ordering=name")
    expect(body.results.map((one: any) => [one.name, one.price])).toEqual([
      ["Cup", "8.00"],
      ["Mug", "9.95"],
    ])
    const { cart } = await cartIn("EUR", [
      { product_id: mug.id, quantity: 2 },
      { product_id: cup.id, quantity: 1 },
    ])
    expect(cart.body).toMatchObject({ total: "27.90", currency: "EUR", base_total: "34.87" })
    expect(cart.body.explain.map(({ detail }: any) => detail)).toEqual([
      expect.stringMatching(/^1 USD is 0\.8 EUR \(manual, \d{4}-\d\d-\d\d\)$/),
      "Mug: by the price list Europe",
      "2 × Mug at 9.95 EUR",
      "1 × Cup at 8.00 EUR",
      "To pay",
    ])
  })

  it("holds from its start until its end, and of several the one that began last", async () => {
    await currency("EUR", "0.8")
    const mug = await make.product()
    const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString()
    await priceList({ [mug.id]: "1.00" }, { starts_at: day(-9), ends_at: day(-1) })
    await priceList({ [mug.id]: "2.00" }, { starts_at: day(1) })
    await priceList({ [mug.id]: "3.00" }, { active: false })
    await priceList({ [mug.id]: "4.00" }, { starts_at: day(-2) })
    await priceList({ [mug.id]: "5.00" })
    const as = await make.user("staff")
    expect((await call("GET", `products/${mug.id}?currency=EUR`, { as })).body.price).toBe("4.00")
    expect((await cartIn("EUR", [{ product_id: mug.id, quantity: 1 }])).cart.body.total).toBe(
      "4.00",
    )
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 1.1 * 86_400_000 })
    await currency("CHF", "0.9")
    expect((await call("GET", `products/${mug.id}?currency=EUR`)).body.price).toBe("2.00")
  })

  it("has a product's price for its variants that have none of their own", async () => {
    await currency("EUR", "0.8")
    const shirt = await make.product({
      price: "20.00",
      options: [{ name: "Size", values: ["S", "M", "L"] }],
      variants: [
        { sku: "S", options: { Size: "S" }, stock_quantity: 5 },
        { sku: "M", options: { Size: "M" }, stock_quantity: 5 },
        { sku: "L", options: { Size: "L" }, price: "25.00", stock_quantity: 5 },
      ],
    })
    await priceList({ [shirt.id]: "17.00", M: "18.00" })
    const { body } = await call("GET", `products/${shirt.id}?currency=EUR`)
    const prices = body.variants.map((one: any) => [one.sku, one.price, one.base_price])
    expect(prices).toEqual([
      ["S", "17.00", "20.00"],
      ["M", "18.00", "20.00"],
      ["L", "20.00", "25.00"],
    ])
    expect((await call("GET", `products/${shirt.id}/variants?currency=EUR`)).body).toMatchObject([
      { sku: "S", price: "17.00" },
      { sku: "M", price: "18.00" },
      { sku: "L", price: "20.00" },
    ])
    const one = await call("GET", `products/${shirt.id}/variants/S?currency=EUR`)
    expect(one.body).toMatchObject({ price: "17.00", currency: "EUR", base_price: "20.00" })
    const lines = await Promise.all(
      ["S", "M", "L"].map(async (sku) => {
        const quoted = await call("POST", "checkout/quote?currency=EUR", {
          body: { items: [{ sku, quantity: 1 }] },
        })
        return quoted.body.items[0].unit_price
      }),
    )
    expect(lines).toEqual(["17.00", "18.00", "20.00"])
  })

  it("takes hundreds of prices at once, all or none, and says what is wrong with each", async () => {
    await currency("EUR")
    const as = await make.user("staff")
    const [mug, cup] = [await make.product({ sku: "MUG" }), await make.product()]
    const list = await priceList({})
    const path = `admin/price-lists/${list}/entries`
    const wrong = await call("PUT", path, {
      as,
      body: {
        entries: [
          { variant: mug.id, price: "5.00" },
          { variant: "MUG", price: "6.00" },
          { variant: "nothing", price: "6.00" },
          { variant: cup.id, price: "6.001", compare_at_price: "1.00" },
        ],
      },
    })
    expectProblem(wrong, 400, "invalid-input")
    expect(fieldsOf(wrong)).toEqual(["entries.1.variant", "entries.2.variant", "entries.3.price"])
    expect(await countOf("price_list_entries")).toBe(0)
    const entries = [
      { variant: "MUG", price: "5.00", compare_at_price: "7.00" },
      { variant: cup.id, price: "6.00" },
    ]
    const set = await call("PUT", path, { as, body: { entries } })
    expect([set.status, set.body]).toEqual([200, { set: 2, removed: 0 }])
    const listed = await call("GET", path, { as })
    expect(listed.body.results).toHaveLength(2)
    const product = await call("GET", `products/${mug.id}?currency=EUR`)
    expect(product.body).toMatchObject({ price: "5.00", compare_at_price: "7.00" })
    const off = await call("PUT", path, {
      as,
      body: { entries: [{ variant: "MUG", price: null }] },
    })
    expect(off.body).toEqual({ set: 0, removed: 1 })
    expect((await call("GET", `products/${mug.id}?currency=EUR`)).body.price).toBe("8.00")
    expect((await call("DELETE", `admin/price-lists/${list}`, { as })).status).toBe(204)
    expect(await countOf("price_list_entries")).toBe(0)
    expectProblem(await call("PUT", path, { as, body: { entries } }), 404, "not-found")
  })

  it("has a price before only above its price, and in its own decimals", async () => {
    await currency("JPY", "150")
    const as = await make.user("staff")
    const mug = await make.product({ sku: "MUG" })
    const path = `admin/price-lists/${await priceList({}, { currency: "JPY" })}/entries`
    const put = (given: object) =>
      call("PUT", path, { as, body: { entries: [{ variant: "MUG", ...given }] } })
    for (const compare_at_price of ["900", "1000", "1100.5"]) {
      const answer = await put({ price: "1000", compare_at_price })
      expectProblem(answer, 400, "invalid-input")
      expect(fieldsOf(answer)).toEqual(["entries.0.compare_at_price"])
    }
    const both = await put({ price: "1000.5", compare_at_price: "1100.5" })
    expect(fieldsOf(both)).toEqual(["entries.0.compare_at_price", "entries.0.price"])
    expect((await put({ price: "1000", compare_at_price: "1001" })).status).toBe(200)
    expect((await call("GET", `products/${mug.id}?currency=JPY`)).body).toMatchObject({
      price: "1000",
      compare_at_price: "1001",
    })
    expect((await put({ price: "1000" })).status).toBe(200)
    expect((await call("GET", `products/${mug.id}?currency=JPY`)).body.compare_at_price).toBeNull()
  })

  it("is listed by currency, changed by what is said, and taken away once", async () => {
    await currency("EUR")
    await currency("GBP")
    const as = await make.user("staff")
    const [euro, pound] = [await priceList({}), await priceList({}, { currency: "GBP" })]
    const listed = async (query: string) =>
      (await call("GET", `admin/price-lists${query}`, { as })).body.results.map(
        (one: any) => one.id,
      )
    expect(await listed("?currency=EUR")).toEqual([euro])
    expect(await listed("?currency=GBP")).toEqual([pound])
    expect(await listed("?currency=CHF")).toEqual([])
    expect((await listed("")).toSorted()).toEqual([euro, pound].toSorted())

    const path = `admin/price-lists/${euro}`
    const patch = (body: object) => call("PATCH", path, { as, body })
    let standing = (await call("GET", path, { as })).body
    for (const change of [
      { name: "Winter" },
      { starts_at: "2026-12-01T00:00:00.000Z" },
      { ends_at: "2027-01-01T00:00:00.000Z" },
      { active: false },
      { starts_at: null },
    ]) {
      standing = { ...standing, ...change }
      const { status, body } = await patch(change)
      expect([status, body]).toEqual([200, { ...standing, updated_at: body.updated_at }])
    }
    const inside = await patch({ starts_at: "2027-01-01T00:00:00Z" })
    expectProblem(inside, 400, "invalid-input")
    expect(fieldsOf(inside)).toEqual(["ends_at"])

    const answers = await Promise.all([1, 2].map(() => call("DELETE", path, { as })))
    expect(tally(answers)).toEqual({ "204": 1, "404 not-found": 1 })
    expectProblem(await patch({ name: "Gone" }), 404, "not-found")
  })

  it("is for a currency of the shop beside its own, and ends after it starts", async () => {
    const as = await make.user("staff")
    const body = { name: "X", currency: "GBP", starts_at: "2026-02-01T00:00:00Z" }
    const answer = await call("POST", "admin/price-lists", {
      as,
      body: { ...body, ends_at: "2026-01-01T00:00:00Z" },
    })
    expect(fieldsOf(answer)).toEqual(["currency", "ends_at"])
  })

  it("sells without any rate what is on it, and nothing else", async () => {
    await currency("EUR", "")
    const [mug, cup] = [await make.product({ name: "Mug" }), await make.product()]
    await priceList({ [mug.id]: "9.00" })
    const sold = await orderIn("EUR", [{ product_id: mug.id, quantity: 2 }])
    expect(sold.status).toBe(201)
    expect(sold.body).toMatchObject({
      total: "18.00",
      currency: "EUR",
      base_total: "20.00",
      exchange_rate: { base: "USD", rate: "0.9", source: "price-list" },
    })
    const other = await orderIn("EUR", [{ product_id: cup.id, quantity: 1 }])
    expectProblem(other, 503, "rate-stale")
    await shippingMethod()
    const sent = await orderIn("EUR", [{ product_id: mug.id, quantity: 1 }])
    expectProblem(sent, 503, "rate-stale")
    expect(await countOf("orders")).toBe(1)
  })
})

describe("a cart", () => {
  it("keeps its currency, and everything in it is in that", async () => {
    await currency("EUR", "0.8")
    const mug = await make.product({ name: "Mug", price: "25.00" })
    await promotion({
      code: "FIVE",
      conditions: [{ type: "minimum_spend", amount: "50.00" }],
      action: { type: "fixed_amount", amount: "5.00" },
    })
    await shippingMethod({ free_from: "100.00" })
    const { cart, headers } = await cartIn("EUR", [{ product_id: mug.id, quantity: 2 }])
    expect(cart.body).toMatchObject({
      currency: "EUR",
      base_currency: "USD",
      subtotal: "40.00",
      total: "40.00",
      base_total: "50.00",
      exchange_rate: { base: "USD", rate: "0.8", source: "manual" },
    })
    expect(cart.body.items[0]).toMatchObject({ unit_price: "20.00", price_changed: false })
    const coded = await call("POST", "cart/coupons", { headers, body: { code: "five" } })
    expect(coded.body).toMatchObject({ discount: "4.00", total: "36.00", currency: "EUR" })
    const ways = await call("GET", "shipping/methods?country=GB", { headers })
    expect(ways.body).toMatchObject({ currency: "EUR", results: [{ price: "4.00" }] })
    const free = await call("GET", "shipping/methods?country=GB&subtotal=80.00&currency=EUR")
    expect(free.body.results[0].price).toBe("0.00")
    const due = await call("GET", "shipping/methods?country=GB&subtotal=79.99&currency=EUR")
    expect(due.body.results[0].price).toBe("4.00")
    expect((await call("GET", "cart/total", { headers })).body).toEqual({
      total: "36.00",
      currency: "EUR",
    })
    const seen = await call("GET", "cart?currency=usd", { headers })
    expect(seen.body).toMatchObject({ currency: "USD", total: "45.00", base_total: "45.00" })
    expect((await call("GET", "cart", { headers })).body.currency).toBe("EUR")
    expect((await call("GET", "cart?currency=GBP", { headers })).status).toBe(400)
    const back = await call("PATCH", "cart", { headers, body: { currency: null } })
    expect(back.body).toMatchObject({ currency: "USD", total: "45.00", exchange_rate: null })
    expectProblem(
      await call("PATCH", "cart", { headers, body: { currency: "GBP" } }),
      400,
      "invalid-input",
    )
    expect((await call("PATCH", "cart", { headers, body: {} })).status).toBe(400)
  })

  it("says when a price is not what it was, in its own currency", async () => {
    await currency("EUR", "0.8")
    const mug = await make.product({ name: "Mug", price: "25.00" })
    const { headers } = await cartIn("EUR", [{ product_id: mug.id, quantity: 1 }])
    await env.DB.prepare("UPDATE products SET price_amount = 3000 WHERE id = ?").bind(mug.id).run()
    const { body } = await call("GET", "cart", { headers })
    expect(body.items[0]).toMatchObject({ unit_price: "24.00", price_changed: true })
    expect(body.warnings[0].detail).toBe("Mug now costs 24.00 instead of 20.00.")
  })

  it("whose rate has grown old is shown in the shop's own currency, and cannot be ordered", async () => {
    await currency("EUR", "0.8", { max_age_hours: 1 })
    const mug = await make.product({ name: "Mug" })
    const { headers } = await cartIn("EUR", [{ product_id: mug.id, quantity: 1 }])
    later(1.1)
    const { body } = await call("GET", "cart", { headers })
    expect(body).toMatchObject({ currency: "USD", total: "10.00" })
    expect(body.warnings[0]).toMatchObject({ code: "currency-unavailable" })
    const refused = await order(undefined, undefined, {}, headers)
    expectProblem(refused, 503, "rate-stale")
    expect(refused.body.currency).toBe("EUR")
    expect([await countOf("orders"), (await stockOf(mug.id)).held]).toEqual([0, 0])
    const asked = await call("PATCH", "cart", { headers, body: { currency: "EUR" } })
    expectProblem(asked, 503, "rate-stale")
    const valid = await call("POST", "checkout/validate", {
      headers,
      body: { email: "a@nexus.test", shipping_address: { city: "X", street: "1", country: "GB" } },
    })
    expectProblem(valid, 400, "checkout-invalid")
    expect(valid.body).toMatchObject({ currency: "USD", errors: [{ code: "rate-stale" }] })
    await call("PATCH", "cart", { headers, body: { currency: null } })
    expect((await order(undefined, undefined, {}, headers)).status).toBe(201)
  })

  it("in a currency that was taken off the shop is shown in the shop's own", async () => {
    await currency("EUR", "0.8")
    const as = await make.user("staff")
    const mug = await make.product()
    const { headers } = await cartIn("EUR", [{ product_id: mug.id, quantity: 1 }])
    await call("DELETE", "admin/currencies/EUR", { as })
    const { body } = await call("GET", "cart", { headers })
    expect(body).toMatchObject({ currency: "USD", warnings: [{ code: "currency-unavailable" }] })
    const refused = await order(undefined, undefined, {}, headers)
    expectProblem(refused, 400, "invalid-input")
    expect(fieldsOf(refused)).toEqual(["currency"])
  })

  it("of a guest brings its currency into a new cart of the user", async () => {
    await currency("EUR", "0.8")
    const customer = await make.user()
    const mug = await make.product()
    const { headers } = await cartIn("EUR", [{ product_id: mug.id, quantity: 1 }])
    const merged = await call("GET", "cart", { as: customer, headers })
    expect(merged.body).toMatchObject({ currency: "EUR", total: "8.00", user: customer.id })
  })
})

describe("an order in another currency", () => {
  it("keeps what it came to in both, and the rate between them, whatever becomes of that", async () => {
    await currency("EUR", "0.8", { margin: "2.5" })
    await taxRate()
    await shippingMethod()
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const mug = await make.product({ name: "Mug", price: "19.99" })
    const body = {
      items: [{ product_id: mug.id, quantity: 2 }],
      shipping_address: { street: "1", city: "London", country: "GB" },
    }
    const quoted = await call("POST", "checkout/quote?currency=EUR", { as: customer, body })
    // 19.99 × 0.82 = 16.39; shipping 5.00 × 0.82 = 4.10; 20 % of 32.78 and of nothing else.
    expect(quoted.body).toMatchObject({
      currency: "EUR",
      subtotal: "32.78",
      shipping_cost: "4.10",
      total: "44.26",
      base_currency: "USD",
      base_total: "53.97",
      exchange_rate: { rate: "0.82" },
      shipping_options: [{ price: "4.10", currency: "EUR" }],
    })
    const wrong = await call("POST", "orders?currency=EUR", {
      as: customer,
      body: { ...body, expected_total: "44.27" },
    })
    expectProblem(wrong, 409, "price-changed")
    const placed = await call("POST", "orders?currency=EUR", {
      as: customer,
      body: { ...body, expected_total: "44.26" },
    })
    expect(placed.status).toBe(201)
    expect(placed.body).toMatchObject({
      currency: "EUR",
      total: "44.26",
      base_currency: "USD",
      base_total: "53.97",
      exchange_rate: { base: "USD", rate: "0.82", source: "manual" },
      payment: { amount: "44.26", currency: "EUR" },
    })
    await call("PUT", "admin/currencies/EUR/rate", { as: staff, body: { rate: "2" } })
    await call("DELETE", "admin/currencies/EUR", { as: staff })
    const seen = await call("GET", `orders/${placed.body.id}`, { as: customer })
    expect(seen.body).toMatchObject({ base_total: "53.97", exchange_rate: { rate: "0.82" } })
    expect(seen.body.explain[0]).toMatchObject({ kind: "currency", amount: "0.00" })
    const edit = await call("POST", `admin/orders/${placed.body.id}/edits`, {
      as: staff,
      body: { items: [{ item_id: placed.body.items[0].id, quantity: 1 }] },
    })
    expectProblem(edit, 409, "order-not-editable")
  })

  it("can be sent elsewhere where that costs the same, by the rate that it was placed with", async () => {
    await currency("EUR", "0.8")
    await taxRate({ country: "GB", state: "SCT" })
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const mug = await make.product()
    const to = (state: string) => ({ street: "1", city: "X", country: "GB", state })
    const placed = await call("POST", "orders?currency=EUR", {
      as: customer,
      body: {
        items: [{ product_id: mug.id, quantity: 1 }],
        shipping_address: to("ENG"),
      },
    })
    await call("PUT", "admin/currencies/EUR/rate", { as: staff, body: { rate: "3" } })
    const send = (state: string) =>
      call("PATCH", `orders/${placed.body.id}`, {
        as: customer,
        body: { shipping_address: to(state) },
      })
    expect((await send("WLS")).status).toBe(200)
    const dearer = await send("SCT")
    expectProblem(dearer, 409, "price-changed")
    expect(dearer.body.total).toBe("9.60")
  })

  it("in the shop's own says so, and has no rate", async () => {
    const mug = await make.product()
    const placed = await order([{ product_id: mug.id, quantity: 1 }])
    expect(placed.body).toMatchObject({
      base_currency: "USD",
      base_total: "10.00",
      exchange_rate: null,
    })
    const [row] = await rows("SELECT base_currency, exchange_rate FROM orders")
    expect(row).toEqual({ base_currency: null, exchange_rate: null })
  })

  it.each<[string, string, string, string]>([
    ["JPY", "149.5", "2990", "20.00"],
    ["KWD", "0.307", "6.140", "20.00"],
    ["CLP", "945.37", "18908", "20.00"],
  ])("has the digits of %s", async (code, rate, total, base) => {
    await currency(code, rate)
    const mug = await make.product()
    const placed = await orderIn(code, [{ product_id: mug.id, quantity: 2 }])
    expect(placed.body).toMatchObject({ currency: code, total, base_total: base })
  })

  it("is paid and refunded in it, and counts in the shop's own", async () => {
    const gateway = standUp()
    await currency("EUR", "0.8")
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const mug = await make.product({ name: "Mug", price: "33.33" })
    const own = await order([{ product_id: mug.id, quantity: 1 }], customer)
    const placed = await orderIn("EUR", [{ product_id: mug.id, quantity: 3 }], customer, {
      payment_method: "fake",
    })
    // 33.33 × 0.8 = 26.66; three of them 79.98, which is 99.97 at 0.8.
    expect(placed.body).toMatchObject({ total: "79.98", base_total: "99.97" })
    expect([...gateway.ledger.payments.values()]).toMatchObject([{ amount: 7998, currency: "EUR" }])
    gateway.pay()
    await gateway.send()
    await settleAll()
    const read = () => call("GET", "orders/statistics", { as: staff })
    expect((await read()).body).toMatchObject({
      currency: "USD",
      total_orders: 2,
      total_sales: "133.30",
      total_revenue: "99.97",
      top_products: [{ product_id: mug.id, quantity: 4, sales: "133.30" }],
    })
    expect(await drift()).toEqual([])
    const refund = (amount: string) =>
      call("POST", "payments/refunds", {
        as: staff,
        body: { order: placed.body.id, amount, reason: "Chipped" },
      })
    expect((await refund("26.66")).status).toBe(201)
    await settleAll()
    expect((await read()).body.total_revenue).toBe("66.65")
    expect((await refund("53.32")).status).toBe(201)
    await settleAll()
    expect((await read()).body.total_revenue).toBe("0.00")
    expect((await call("GET", `orders/${placed.body.id}`, { as: customer })).body).toMatchObject({
      refunded_amount: "79.98",
      currency: "EUR",
    })
    expect((await refund("0.01")).status).toBe(409)
    await call("POST", `orders/${own.body.id}/cancel`, { as: customer })
    expect((await read()).body).toMatchObject({ total_sales: "99.97" })
    expect(await drift()).toEqual([])
  })

  it("that is cancelled, or sent back, leaves the figures exact", async () => {
    await currency("JPY", "149.51")
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const [mug, cup] = [
      await make.product({ price: "3.33", stock_quantity: 50 }),
      await make.product({ price: "7.77", stock_quantity: 50 }),
    ]
    const items = [
      { product_id: mug.id, quantity: 3 },
      { product_id: cup.id, quantity: 2 },
    ]
    const answers: Answer[] = []
    for (let n = 0; n < 4; n++) answers.push(await orderIn("JPY", items, customer))
    await call("POST", `orders/${answers[0]?.body.id}/cancel`, { as: customer })
    await env.DB.prepare(
      "UPDATE order_lines SET fulfilled_quantity = quantity, returned_quantity = 1 WHERE order_id = ?",
    )
      .bind(answers[1]?.body.id)
      .run()
    await env.DB.prepare(
      "UPDATE orders SET paid_amount = total_amount, refunded_amount = 777, payment_status = 'partially_refunded' WHERE id = ?",
    )
      .bind(answers[2]?.body.id)
      .run()
    await env.DB.prepare("DELETE FROM order_lines WHERE order_id = ? AND position = 1")
      .bind(answers[3]?.body.id)
      .run()
    expect(await drift()).toEqual([])
    const { body } = await call("GET", "orders/statistics", { as: staff })
    // 498 × 3 + 1162 × 2 = 3818 yen, 25.53 by the rate, three times.
    expect(body).toMatchObject({ total_sales: "76.59", total_revenue: "20.34" })
  })

  it("placed by two at once from one cart is one order", async () => {
    await currency("EUR", "0.8")
    const mug = await make.product()
    const { headers } = await cartIn("EUR", [{ product_id: mug.id, quantity: 1 }])
    const answers = await Promise.all([
      order(undefined, undefined, {}, headers),
      call("PATCH", "cart", { headers, body: { currency: null } }),
      order(undefined, undefined, {}, headers),
    ])
    const placed = [answers[0], answers[2]].filter(({ status }) => status === 201)
    expect(placed.length).toBeLessThanOrEqual(1)
    const kept = await rows("SELECT id, currency FROM orders")
    expect(kept).toEqual(placed.map(({ body: { id, currency: code } }) => ({ id, currency: code })))
  })
})
