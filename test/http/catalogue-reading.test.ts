import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import { forget } from "#platform/cache.ts"

import { call } from "../support/api.ts"
import { catalogueRows, storeRows } from "../support/catalogue-rows.ts"
import { madeBrands } from "../support/catalogue.ts"
import { eventually } from "../support/eventually.ts"
import * as make from "../support/make.ts"
import { fieldsOf, roundTrips } from "../support/shop.ts"

const names = (answer: { body: any }) =>
  (answer.body.results as { name: string }[]).map(({ name }) => name)
const rowsRead = (answer: { headers: Headers }) =>
  Number(/d1_rows_read;desc="(\d+)"/.exec(answer.headers.get("server-timing") ?? "")?.[1])

describe("attributes", () => {
  it("are text, numbers or truth, and narrow a list whatever the letter case", async () => {
    const staff = await make.user("staff")
    const made = await call("POST", "products", {
      as: staff,
      body: {
        name: "Lamp",
        price: "9",
        attributes: { Color: "Red", Watt: 7.5, Dimmable: true, "Made in": "Oslo, Norway" },
      },
    })
    expect(made.body.attributes).toEqual({
      Color: "Red",
      Watt: 7.5,
      Dimmable: true,
      "Made in": "Oslo, Norway",
    })
    await make.product({ name: "Torch", attributes: { Color: "Blue" } })
    const list = async (query: string) => names(await call("GET", `products?${query}`))
    expect(await list("attr.Color=red")).toEqual(["Lamp"])
    expect(await list("attr.color=RED,blue&ordering=name")).toEqual(["Lamp", "Torch"])
    expect(await list("attr.Color=red&attr.Color=blue&ordering=name")).toEqual(["Lamp", "Torch"])
    expect(await list("attr.Watt=7.5&attr.Dimmable=true")).toEqual(["Lamp"])
    expect(await list("attr.Watt=8")).toEqual([])
    expect(await list("attr.Nothing=red")).toEqual([])
    expect(await list("attr.Color=")).toHaveLength(2)
  })

  it("that are none are refused, with every filter that does not hold", async () => {
    const staff = await make.user("staff")
    const refused = await call("POST", "products", {
      as: staff,
      body: { name: "Lamp", price: "9", attributes: { "a=b": "x", Size: null, Color: {} } },
    })
    expect([refused.status, fieldsOf(refused)]).toEqual([
      400,
      ["attributes.Color", "attributes.Size", "attributes.a=b"],
    ])
    const many = Array.from({ length: 51 }, (_, n) => [`n${n}`, n])
    const tooMany = await call("POST", "products", {
      as: staff,
      body: { name: "Lamp", price: "9", attributes: Object.fromEntries(many) },
    })
    expect(fieldsOf(tooMany)).toEqual(["attributes"])
    const filters = await call("GET", "products?attr.=x&attr.a%3Db=1&min_price=1.999")
    expect([filters.status, fieldsOf(filters)]).toEqual([400, ["attr.", "attr.a=b", "min_price"]])
    const values = Array.from({ length: 26 }, (_, n) => `t${n}`).join(",")
    const long = await call("GET", `products?tag=${values}`)
    expect([long.status, fieldsOf(long)]).toEqual([400, ["tag"]])
    expect((await call("GET", `products?tag=${values.replace(/,t25$/, "")}`)).status).toBe(200)
  })
})

describe("related products", () => {
  it("have most in common with it first, then the best rated; hidden ones and itself are not there", async () => {
    const category = await make.category({ name: "Lamps" })
    const lamp = await make.product({
      name: "Lamp",
      brand: "Lumen",
      category: category.id,
      tags: ["led"],
    })
    await make.product({ name: "Same brand", brand: "Lumen" })
    await make.product({ name: "Same brand and tag", brand: "Lumen", tags: ["led"] })
    const rated = await make.product({ name: "Same category", category: category.id })
    await make.product({ name: "Hidden", brand: "Lumen", status: "draft" })
    await make.product({ name: "Nothing in common" })
    await env.DB.prepare("UPDATE products SET average_rating = 5 WHERE id = ?").bind(rated.id).run()
    const { status, body } = await call("GET", `products/${lamp.slug}/related`)
    expect(status).toBe(200)
    expect(names({ body })).toEqual(["Same brand and tag", "Same category", "Same brand"])
    expect(body).toMatchObject({ count: 3, next: null, previous: null, next_cursor: null })
    const first = await call("GET", `products/${lamp.id}/related?page_size=2`)
    expect(first.body.results).toHaveLength(2)
    expect(first.body.next).toContain("page=2")
    expect((await call("GET", "products/nope/related")).status).toBe(404)
  })
})

describe("what it costs", () => {
  it(
    "reads as many rows of a large catalogue as of a small one, and at most five a product",
    { timeout: 240_000 },
    async () => {
      const paths = [
        "products",
        "products?ordering=-price",
        "products?ordering=-updated_at",
        "products?category=kitchen&ordering=name",
        `products?brand=${madeBrands[0]?.name}&ordering=-average_rating`,
        "products?tag=compact",
        "products?category=kitchen&in_stock=true&min_price=2&max_price=1500&ordering=price",
        "products?ordering=category,-price",
      ]
      const fresh = { headers: { "cache-control": "no-cache" } }
      const fill = (count: number) => storeRows(env.DB, catalogueRows(count))
      const costs = async () => {
        const all: Record<string, number> = {}
        for (const path of paths) {
          // The first one remembers the set of this version of the catalogue.
          const first = await call("GET", path, fresh)
          const again = await call("GET", path, fresh)
          expect([path, again.body.results.length]).toEqual([path, 20])
          all[path] = rowsRead(again)
          const next = `${path}${path.includes("?") ? "&" : "?"}cursor=${first.body.next_cursor}`
          await call("GET", next, fresh)
          all[`${path}, next`] = rowsRead(await call("GET", next, fresh))
        }
        const slug = (await call("GET", "products?page_size=1", fresh)).body.results[0].slug
        all["one product"] = rowsRead(await call("GET", `products/${slug}`, fresh)) * 20
        return all
      }
      await fill(800)
      const small = await costs()
      await fill(4000)
      const large = await costs()
      for (const [path, rows] of Object.entries(large)) {
        expect([path, rows <= 100]).toEqual([path, true])
        expect([path, rows <= 1.2 * (small[path] ?? 0)]).toEqual([path, true])
      }
    },
  )

  it("reads a kept list, a kept product and their 304 without the database", async () => {
    const { slug } = await make.product()
    for (const path of [
      "products?ordering=name",
      `products/${slug}`,
      "brands",
      "categories/tree",
    ]) {
      await call("GET", path)
      const kept = await eventually(async () => {
        const answer = await call("GET", path)
        expect(roundTrips(answer)).toBe(0)
        return answer
      })
      const tag = kept.headers.get("etag") ?? ""
      const same = await call("GET", path, { headers: { "if-none-match": tag } })
      expect([path, same.status, roundTrips(same), same.body]).toEqual([path, 304, 0, ""])
      expect(same.headers.get("cache-control")).toBe("public, max-age=5, stale-while-revalidate=5")
      expect(same.headers.get("x-request-id")).not.toBe(kept.headers.get("x-request-id"))
    }
  })
})

describe("what is kept", () => {
  it("is nobody's own: staff read anew, and what they read is not kept for others", async () => {
    const staff = await make.user("staff")
    const { id } = await make.product({ cost_price: "4.00" })
    await make.product({ name: "Draft", status: "draft" })
    const own = await call("GET", "products", { as: staff })
    expect(own.body.count).toBe(2)
    expect((await call("GET", "products")).body.count).toBe(1)
    expect((await call("GET", `products/${id}`, { as: staff })).body.cost_price).toBe("4.00")
    expect((await call("GET", `products/${id}`)).body).not.toHaveProperty("cost_price")
    expect((await call("GET", `products/${id}`, { as: staff })).body.cost_price).toBe("4.00")
    expect((await call("GET", "products", { as: staff })).body.count).toBe(2)
  })

  it("has the headers of who asks, not of who asked first", async () => {
    await make.product()
    const first = await call("GET", "products", { headers: { origin: "http://localhost:3000" } })
    expect(first.headers.get("access-control-allow-origin")).toBe("http://localhost:3000")
    const second = await call("GET", "products", { headers: { origin: "http://evil.example" } })
    expect(second.headers.get("access-control-allow-origin")).toBeNull()
    const head = await call("HEAD", "products")
    expect([head.status, head.body]).toEqual([200, ""])
    expect(head.headers.get("etag")).toBe(first.headers.get("etag"))
  })

  it("is not for who brings a bookmark: they have seen what was written since", async () => {
    await make.product({ name: "First" })
    const { headers } = await call("GET", "products")
    await env.DB.exec("UPDATE products SET name = 'Second', updated_at = '2099'")
    expect(names(await call("GET", "products"))).toEqual(["First"])
    const bookmark = headers.get("x-d1-bookmark") ?? ""
    const marked = await call("GET", "products", { headers: { "x-d1-bookmark": bookmark } })
    expect(names(marked)).toEqual(["Second"])
  })

  it("in one isolate for a second goes on in KV, read once however many ask", async () => {
    await make.product({ name: "First" })
    forget()
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => call("GET", "products?ordering=name")),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
    expect(answers.filter((answer) => roundTrips(answer) > 0).length).toBeLessThan(8)
    await eventually(async () => {
      forget()
      expect(roundTrips(await call("GET", "products?ordering=name"))).toBe(0)
    })
  })
})
