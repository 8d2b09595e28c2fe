import { env } from "cloudflare:workers"
import { describe, expect, it, vi } from "vitest"

import type { Actor } from "#actor.ts"
import * as brands from "#modules/catalog/brands.ts"
import * as catalog from "#modules/catalog/catalog.ts"
import * as lists from "#modules/catalog/lists.ts"
import { NewProduct, ProductChanges, ProductQuery } from "#modules/catalog/model.ts"
import * as adjustments from "#modules/inventory/adjustments.ts"
import { openCache } from "#platform/cache.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import { eventually } from "../support/eventually.ts"
import * as make from "../support/make.ts"
import { opened } from "../support/opened.ts"
import {
  countOf,
  failingStock,
  order,
  reasonsOf,
  rows,
  stockObject,
  stockOf,
} from "../support/shop.ts"

const clerk = make.staff.type === "user" ? make.staff.id : ""
const asStaff = (over = {}) => ctx({ as: make.staff, ...over })
const create = (input: Record<string, unknown>, as = asStaff()) =>
  catalog.create(as, NewProduct.parse({ name: "Lamp", price: "10", ...input }))
const update = (ref: string, input: Record<string, unknown>, as = asStaff()) =>
  catalog.update(as, ref, ProductChanges.parse(input))

describe("making products at once", () => {
  it("gives five of one name five slugs", async () => {
    const made = await Promise.all(Array.from({ length: 5 }, () => create({ name: "Same Name" })))
    expect(made.map(({ slug }) => slug).toSorted()).toEqual([
      "same-name",
      "same-name-1",
      "same-name-2",
      "same-name-3",
      "same-name-4",
    ])
  })

  it("makes a brand that nobody knew once", async () => {
    const made = await Promise.all(
      ["Apple", "apple", "APPLE", "Apple", "aPPle"].map((brand) => create({ brand })),
    )
    expect(await countOf("brands")).toBe(1)
    const [brand] = (await brands.list(ctx(), {})).results
    expect(new Set(made.map((product) => product.brand?.toLowerCase()))).toEqual(new Set(["apple"]))
    const ids = await rows("SELECT DISTINCT brand_id FROM products")
    expect(ids).toEqual([{ brand_id: brand?.id }])
  })

  it("keeps brands apart whose names come to the same slug", async () => {
    const names = ["Calder & Co", "Calder Co", "Calder – Co"]
    const made = await Promise.all(names.map((brand) => create({ brand })))
    expect(made.map(({ brand }) => brand)).toEqual(names)
    const all = await rows<{ name: string; slug: string }>("SELECT name, slug FROM brands")
    expect(all.map(({ name }) => name).toSorted()).toEqual(names.toSorted())
    const slugs = all.map(({ slug }) => slug).toSorted()
    expect([slugs[0], new Set(slugs).size]).toEqual(["calder-co", 3])
    for (const slug of slugs.slice(1)) expect(slug).toMatch(/^calder-co-[0-9a-z]{6}$/)
    // By name each is itself, whatever its slug.
    for (const brand of names) expect((await create({ brand })).brand).toBe(brand)
    expect(await countOf("brands")).toBe(3)
  })

  it("lets one of two brands have a slug when staff make them", async () => {
    const results = await Promise.allSettled(
      ["Calder & Co", "Calder Co"].map((name) => brands.create(ctx({ as: make.staff }), { name })),
    )
    expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"])
    expect(reasonsOf(results)).toMatchObject([
      { code: "invalid-input", details: { errors: [{ field: "slug", code: "taken" }] } },
    ])
    expect(await countOf("brands")).toBe(1)
  })

  it("lets one of two have a SKU", async () => {
    const results = await Promise.allSettled([create({ sku: "S-1" }), create({ sku: "S-1" })])
    expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"])
    const refused = results.find((result) => result.status === "rejected")
    expect(refused?.reason).toMatchObject({
      code: "invalid-input",
      details: { errors: [{ field: "sku", code: "taken" }] },
    })
    expect(await countOf("products")).toBe(1)
    expect(await countOf("variants")).toBe(1)
  })
})

describe("making a product", () => {
  it("makes nothing when its stock cannot be put away", async () => {
    const as = asStaff({ stock: failingStock({ adjust: 1 }) })
    await expect(create({ stock_quantity: 5 }, as)).rejects.toThrow("Network connection lost.")
    expect(await countOf("products")).toBe(0)
  })

  it("is for staff only", async () => {
    const customer = await make.user()
    await expect(create({}, ctx({ as: customer }))).rejects.toMatchObject({ code: "forbidden" })
    await expect(create({}, ctx({ as: { type: "guest" } }))).rejects.toMatchObject({
      code: "unauthenticated",
    })
    await expect(create({}, ctx())).rejects.toMatchObject({ code: "unauthenticated" })
  })

  it("says what changed to whoever follows the catalogue", async () => {
    const made = await create({})
    const events = await rows("SELECT event FROM outbox")
    expect(events.map(({ event }) => JSON.parse(event))).toEqual([
      { type: "catalog.changed", productId: made.id },
    ])
  })

  it("writes the first stock into the ledger under the name of who put it there", async () => {
    const made = await create({ stock_quantity: 7 })
    expect(await stockObject(made.id).movements(made.id as never, 10)).toMatchObject([
      { delta: 7, on_hand: 7, reason: "restock", actor: clerk },
    ])
  })

  it("finds a slug for a name of which nothing can be written in one", async () => {
    const made = await create({ name: "日本" })
    expect(made.slug).toBe("product")
    expect((await create({ name: "漢字" })).slug).toBe("product-1")
  })
})

describe("changing a product", () => {
  it("sets the stock of a plain product as a correction, and lists show it at once", async () => {
    const made = await make.product({ stock_quantity: 5 })
    const changed = await update(made.id, { stock_quantity: 2 })
    expect(changed.stock_quantity).toBe(2)
    expect(await rows("SELECT stock_quantity FROM products")).toEqual([{ stock_quantity: 2 }])
    expect((await stockObject(made.id).movements(made.id as never, 1))[0]).toMatchObject({
      delta: -3,
      reason: "correction",
      actor: clerk,
    })
  })

  it("shows what can be bought, not what is on hand, when some of it is held", async () => {
    const made = await make.product({ stock_quantity: 5 })
    const lines = [{ variantId: made.id as never, quantity: 2 }]
    await stockObject(made.id).reserve(made.id, "ord_x" as never, lines, Date.now() + 60_000)
    await update(made.id, { stock_quantity: 10 })
    expect(await stockOf(made.id)).toEqual({ onHand: 10, held: 2, available: 8 })
    expect(await rows("SELECT stock_quantity FROM products")).toEqual([{ stock_quantity: 8 }])
  })

  it("leaves the stock alone when the rest is refused", async () => {
    await make.product({ sku: "TAKEN" })
    const made = await make.product({ stock_quantity: 5 })
    await expect(update(made.id, { sku: "TAKEN", stock_quantity: 99 })).rejects.toMatchObject({
      code: "invalid-input",
    })
    expect((await stockOf(made.id)).onHand).toBe(5)
  })

  it("keeps its slug when the name changes, and takes the next free one that it is given", async () => {
    await make.product({ name: "Taken" })
    const made = await make.product({ name: "Lamp" })
    expect((await update(made.id, { name: "Other" })).slug).toBe("lamp")
    expect((await update(made.id, { slug: "taken" })).slug).toBe("taken-1")
    expect((await update(made.id, { slug: "taken-1" })).slug).toBe("taken-1")
  })

  it("replaces its tags", async () => {
    const made = await make.product({ tags: ["a", "b"] })
    await update(made.id, { tags: ["B", "c"] })
    const tagged = async (tag: string) =>
      (await lists.list(asStaff(), ProductQuery.parse({ tag }))).count
    expect([await tagged("a"), await tagged("b"), await tagged("c")]).toEqual([0, 1, 1])
  })

  it("refuses a stock for the product where its variants have theirs", async () => {
    const made = await make.product({
      options: [{ name: "Size", values: ["S"] }],
      variants: [{ options: { Size: "S" }, stock_quantity: 3 }],
    })
    await expect(update(made.id, { stock_quantity: 9 })).rejects.toMatchObject({
      details: { errors: [{ field: "stock_quantity" }] },
    })
    expect((await stockOf(made.id, made.variants[0]?.id)).onHand).toBe(3)
  })
})

describe("removing a product", () => {
  const webp = Uint8Array.from(atob("UklGRhYAAABXRUJQVlA4TAoAAAAvAAAAAEX/I/of"), (c) =>
    c.charCodeAt(0),
  )

  it("takes one that nobody ordered away, its pictures too", async () => {
    const staff = await make.user("staff")
    const made = await make.product({
      sku: "GONE",
      tags: ["x"],
      options: [{ name: "Size", values: ["S"] }],
      variants: [{ options: { Size: "S" } }],
    })
    const picture = await call("POST", `products/${made.id}/images`, {
      as: staff,
      body: webp.buffer,
      headers: { "content-type": "image/webp" },
    })
    expect(picture.status).toBe(201)
    expect((await env.FILES.list()).objects).toHaveLength(1)
    expect((await call("DELETE", `products/${made.id}`, { as: staff })).status).toBe(204)
    for (const table of ["products", "variants", "media"])
      expect([table, await countOf(table)]).toEqual([table, 0])
    await eventually(async () => expect((await env.FILES.list()).objects).toHaveLength(0))
    expect((await call("GET", `products/${made.id}`, { as: staff })).status).toBe(404)
    expect((await call("DELETE", `products/${made.id}`, { as: staff })).status).toBe(404)
    // Its slug and SKU are free again.
    expect((await create({ name: made.name, sku: "GONE" })).slug).toBe(made.slug)
  })

  it("archives one that was ordered, and leaves the order as it was", async () => {
    const [staff, customer] = [await make.user("staff"), await make.user()]
    const made = await make.product({ name: "Ordered", price: "20" })
    const placed = await order([{ product_id: made.id, quantity: 2 }], customer)
    expect(placed.status).toBe(201)
    expect((await call("DELETE", `products/${made.id}`, { as: staff })).status).toBe(204)
    expect((await call("GET", "products/ordered")).status).toBe(404)
    const kept = await call("GET", "products/ordered", { as: staff })
    expect(kept.body).toMatchObject({ status: "archived", is_active: false })
    const after = await call("GET", `orders/${placed.body.id}`, { as: customer })
    expect(after.body).toEqual(
      opened(placed.body, [
        ["line", "2 × Ordered at 20.00 USD", "40.00"],
        ["total", "To pay", "40.00"],
      ]),
    )
    expect(after.body.items).toMatchObject([
      { name: "Ordered", quantity: 2, unit_price: "20.00", line_total: "40.00" },
    ])
  })

  it("archives one that lies in somebody's cart", async () => {
    const [staff, customer] = [await make.user("staff"), await make.user()]
    const made = await make.product({ name: "Wanted" })
    await call("POST", "cart/items", { as: customer, body: { product_id: made.id } })
    await call("DELETE", `products/${made.id}`, { as: staff })
    const cart = await call("GET", "cart", { as: customer })
    expect(cart.body.items).toMatchObject([{ product: { name: "Wanted" }, is_available: false }])
    expect(cart.body.warnings).toMatchObject([{ code: "unavailable" }])
  })
})

describe("what it costs", () => {
  it("reads a product and an uncached list in one round trip each", async () => {
    const made = await make.product({ brand: "B", category: (await make.category()).id })
    const one = ctx({ as: { type: "guest" } })
    await catalog.get(one, made.slug)
    expect(one.meter.d1Queries).toBe(1)
    const many = ctx({ as: { type: "guest" } })
    await lists.list(many, ProductQuery.parse({ brand: "b", ordering: "-price" }))
    expect(many.meter.d1Queries).toBe(1)
  })
})

describe("a list that is kept", () => {
  /** With a cache of its own: events of earlier tests may still arrive, and expire the shop's. */
  const own = (as: Actor) => {
    const made = ctx({ as })
    const kv = {
      get: (key: string, how: never) => env.CACHE.get(`own:${key}`, how),
      put: (key: string, value: string, how: never) => env.CACHE.put(`own:${key}`, value, how),
    } as unknown as KVNamespace
    const defer = (work: Promise<unknown>) => made.defer(work)
    const cache = openCache(kv, { meter: made.meter, log: made.log, defer, bypass: false })
    return { ...made, cache }
  }
  const guest = () => own({ type: "guest" })
  const read = async () => {
    const as = guest()
    const page = await lists.list(as, ProductQuery.parse({}))
    await as.settled()
    return { names: page.results.map(({ name }) => name), trips: as.meter.d1Queries }
  }

  it("is reloaded behind the reader's back after ten seconds, and before the reader after twenty", async () => {
    const start = Date.UTC(2099, 0, 1)
    vi.useFakeTimers({ toFake: ["Date"], now: start })
    await make.product({ name: "First" })
    vi.setSystemTime(start + 1000)
    expect((await read()).trips).toBe(1)
    // Behind the shop's back, so that nothing expires.
    await env.DB.exec("UPDATE products SET name = 'Second'")
    vi.setSystemTime(start + 10_000)
    expect(await read()).toEqual({ names: ["First"], trips: 0 })
    vi.setSystemTime(start + 12_000)
    expect(await read()).toEqual({ names: ["First"], trips: 1 })
    expect(await read()).toEqual({ names: ["Second"], trips: 0 })
    await env.DB.exec("UPDATE products SET name = 'Third'")
    vi.setSystemTime(start + 33_000)
    expect(await read()).toEqual({ names: ["Third"], trips: 1 })
  })

  it("is not used by staff", async () => {
    await make.product({ name: "First" })
    await read()
    await env.DB.exec("UPDATE products SET name = 'Second'")
    const page = await lists.list(asStaff(), ProductQuery.parse({}))
    expect(page.results[0]?.name).toBe("Second")
  })

  it("that was read before a change, and stored after it, is not used", async () => {
    await create({ name: "First" }, own(make.staff))
    const slow = guest()
    await lists.list(slow, ProductQuery.parse({}))
    await create({ name: "Second" }, own(make.staff))
    await slow.settled()
    expect((await read()).names.toSorted()).toEqual(["First", "Second"])
  })
})

it("an adjustment shows in lists at once", async () => {
  const made = await make.product({ stock_quantity: 5 })
  await adjustments.adjust(asStaff(), made.id, { delta: 4, reason: "restock", note: "" })
  expect(await rows("SELECT stock_quantity FROM products")).toEqual([{ stock_quantity: 9 }])
})
