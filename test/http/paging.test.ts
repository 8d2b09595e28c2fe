import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import type { Answer } from "../support/api.ts"
import * as make from "../support/make.ts"
import { expectProblem, fieldsOf, send } from "../support/wire.ts"

const fresh = { "cache-control": "no-cache" }
const at = "2026-01-01T00:00:00.000Z"

/** Brands named `Brand 00001` and so on, straight into the database. */
async function brands(count: number, prefix = "Brand"): Promise<void> {
  await env.DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     INSERT INTO brands (id, name, slug, created_at, updated_at)
     SELECT printf('%s-%05d', ?2, i), printf('%s %05d', ?2, i), printf('%s-%05d', ?2, i), ?3, ?3 FROM n`,
  )
    .bind(count, prefix, at)
    .run()
}

const list = (query: string) => send("GET", `brands${query}`, { headers: fresh })
const namesOf = (answer: Answer): string[] => answer.body.results.map((one: any) => one.name)

/** Every row that one meets who follows `next_cursor` to the end. */
async function walk(path: string, between?: (page: number) => Promise<unknown>): Promise<string[]> {
  const met: string[] = []
  let cursor: string | null = null
  for (let page = 1; page < 50; page++) {
    const url: string = cursor === null ? path : `${path}&cursor=${cursor}`
    const answer = await send("GET", url, { headers: fresh })
    expect(answer.status).toBe(200)
    met.push(...namesOf(answer))
    cursor = answer.body.next_cursor
    if (cursor === null) return met
    await between?.(page)
  }
  throw new Error("no end of pages")
}

describe("pages by number", () => {
  it("are twenty long unless asked otherwise, and lead to their neighbours", async () => {
    await brands(45)
    const first = await list("")
    expect(first.body).toMatchObject({
      count: 45,
      next: "http://nexus.test/api/v1/brands?page=2",
      previous: null,
    })
    expect(first.body.results).toHaveLength(20)
    expect(namesOf(first)[0]).toBe("Brand 00001")

    const second = await list("?page=2")
    expect(second.body).toMatchObject({
      count: 45,
      next: "http://nexus.test/api/v1/brands?page=3",
      previous: "http://nexus.test/api/v1/brands?page=1",
    })
    const third = await list("?page=3")
    expect(third.body).toMatchObject({
      next: null,
      previous: "http://nexus.test/api/v1/brands?page=2",
      next_cursor: null,
    })
    expect(namesOf(third)).toEqual([
      "Brand 00041",
      "Brand 00042",
      "Brand 00043",
      "Brand 00044",
      "Brand 00045",
    ])
    expect(Object.keys(third.body).toSorted()).toEqual([
      "count",
      "next",
      "next_cursor",
      "previous",
      "results",
    ])
  })

  it("repeat their neighbours in a Link header", async () => {
    await brands(45)
    const link = async (query: string) => (await list(query)).headers.get("link")
    expect(await link("")).toBe('<http://nexus.test/api/v1/brands?page=2>; rel="next"')
    expect(await link("?page=2")).toBe(
      '<http://nexus.test/api/v1/brands?page=3>; rel="next", <http://nexus.test/api/v1/brands?page=1>; rel="prev"',
    )
    expect(await link("?page=3")).toBe('<http://nexus.test/api/v1/brands?page=2>; rel="prev"')
    expect(await link("?page_size=45")).toBeNull()
  })

  it("name a canonical address beside their neighbours", async () => {
    await make.category({ name: "One" })
    await make.category({ name: "Two" })
    const answer = await send("GET", "/api/v1/catalog/categories?page_size=1")
    expect(answer.headers.get("link")).toBe(
      '<http://nexus.test/api/v1/categories?page_size=1&page=2>; rel="next", </api/v1/categories>; rel="canonical"',
    )
  })

  it("are at most 100 long, however many are asked for", async () => {
    await brands(120)
    for (const size of [100, 101, 1000, 999_999_999]) {
      const answer = await list(`?page_size=${size}`)
      expect([size, answer.body.results.length, answer.body.count]).toEqual([size, 100, 120])
    }
    expect((await list("?page_size=1000&page=2")).body.results).toHaveLength(20)
  })

  it("that are none, or beyond the end, are 404 invalid-page", async () => {
    await brands(21)
    for (const page of ["0", "-1", "x", "1.5", "", "3", "999999", "9999999999", "1e1", " 1", "٢"]) {
      const answer = await list(`?page=${encodeURIComponent(page)}`)
      expectProblem(answer, 404, "invalid-page")
    }
    expect((await list("?page=2")).body.results).toHaveLength(1)
  })

  it("the first of an empty list is empty, the second is none", async () => {
    const first = await list("?page=1")
    expect([first.status, first.body]).toEqual([
      200,
      { count: 0, next: null, previous: null, next_cursor: null, results: [] },
    ])
    expectProblem(await list("?page=2"), 404, "invalid-page")
  })

  it("of a size that is none are refused", async () => {
    for (const size of ["0", "-5", "x", "1.5", ""]) {
      const answer = await list(`?page_size=${size}`)
      expectProblem(answer, 400, "invalid-input")
      expect(fieldsOf(answer)).toEqual([["page_size", "page_size"]])
    }
  })

  it("keep the filters in the addresses of their neighbours", async () => {
    for (const name of ["Kettle", "Kettle", "Kettle"]) await make.product({ name, price: "20.00" })
    await make.product({ name: "Spoon", price: "2.00" })
    const answer = await send("GET", "products?min_price=10&page_size=2&ordering=price")
    expect(answer.body.count).toBe(3)
    expect(answer.body.next).toBe(
      "http://nexus.test/api/v1/products?min_price=10&page_size=2&ordering=price&page=2",
    )
    const next = await send("GET", answer.body.next.replace("http://nexus.test", ""))
    expect(next.body.results).toHaveLength(1)
  })
})

describe("limit and offset", () => {
  it("cut the list anywhere", async () => {
    await brands(10)
    const answer = await list("?limit=3&offset=3")
    expect(namesOf(answer)).toEqual(["Brand 00004", "Brand 00005", "Brand 00006"])
    expect(answer.body).toMatchObject({
      count: 10,
      next: "http://nexus.test/api/v1/brands?limit=3&offset=6",
      previous: "http://nexus.test/api/v1/brands?limit=3&offset=0",
    })
    const start = await list("?limit=3&offset=1")
    expect(start.body.previous).toBe("http://nexus.test/api/v1/brands?limit=3&offset=0")
  })

  it("beyond the end are empty", async () => {
    await brands(3)
    const answer = await list("?limit=3&offset=30")
    expect([answer.status, answer.body.results, answer.body.next]).toEqual([200, [], null])
  })

  it("that are no whole numbers are refused", async () => {
    for (const [name, value] of [
      ["limit", "0"],
      ["limit", "x"],
      ["offset", "-1"],
      ["offset", "x"],
      ["offset", "10001"],
    ]) {
      const answer = await list(`?${name}=${value}`)
      expectProblem(answer, 400, "invalid-input")
      expect(fieldsOf(answer)).toEqual([[name, name]])
    }
  })
})

describe("cursors", () => {
  it("lead through the whole list, and every kind of page gives one", async () => {
    await brands(7)
    expect(await walk("brands?page_size=3")).toEqual([
      "Brand 00001",
      "Brand 00002",
      "Brand 00003",
      "Brand 00004",
      "Brand 00005",
      "Brand 00006",
      "Brand 00007",
    ])
    for (const query of ["?page=1&page_size=3", "?limit=3", "?limit=3&offset=3"])
      expect([query, (await list(query)).body.next_cursor]).toEqual([query, expect.any(String)])
    for (const query of ["?page_size=7", "?limit=3&offset=4"])
      expect([query, (await list(query)).body.next_cursor]).toEqual([query, null])
  })

  it("are in `next` of the pages that they lead to", async () => {
    await brands(7)
    const first = await list("?page_size=3")
    const second = await list(`?page_size=3&cursor=${first.body.next_cursor}`)
    expect(second.body).toMatchObject({
      count: 7,
      previous: null,
      next: `http://nexus.test/api/v1/brands?page_size=3&cursor=${second.body.next_cursor}`,
    })
    expect(second.body.next_cursor).not.toBe(first.body.next_cursor)
    expect(second.headers.get("link")).toBe(`<${second.body.next}>; rel="next"`)
  })

  it("skip and repeat nothing while rows are inserted before and after", async () => {
    await brands(9, "M")
    const met = await walk("brands?page_size=2", (page) =>
      page === 1 ? brands(3, "A") : Promise.resolve(),
    )
    const of = (prefix: string) => met.filter((name) => name.startsWith(prefix))
    expect(of("M")).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `M 0000${n}`))
    expect(of("A")).toEqual([])
    const later = await walk("brands?page_size=5", (page) =>
      page === 1 ? brands(2, "Z") : Promise.resolve(),
    )
    expect(later.slice(-2)).toEqual(["Z 00001", "Z 00002"])
    expect(new Set(later).size).toBe(later.length)
  })

  it("break ties by id, up and down", async () => {
    const names = ["Alpha", "Beta", "Gamma", "Delta", "Epsilon"]
    for (const name of names) await make.product({ name, price: "5.00" })
    await make.product({ name: "Cheap", price: "4.00" })
    const up = await walk("products?ordering=price&page_size=2")
    const down = await walk("products?ordering=-price&page_size=2")
    expect(up).toEqual(["Cheap", ...names])
    expect(down).toEqual([...names.toReversed(), "Cheap"])
    const both = await walk("products?ordering=price,-name&page_size=2")
    expect(both).toEqual(["Cheap", "Gamma", "Epsilon", "Delta", "Beta", "Alpha"])
  })

  it("lead through categories too", async () => {
    for (const name of ["Garden", "Tools", "Books", "Audio", "Video"]) await make.category({ name })
    const met = await walk("categories?page_size=2", (page) =>
      page === 1 ? make.category({ name: "Art" }) : Promise.resolve(),
    )
    expect(met).toEqual(["Audio", "Books", "Garden", "Tools", "Video"])
  })

  it("of another list, another ordering or nobody are refused", async () => {
    await brands(5)
    for (const name of ["Garden", "Tools", "Books"]) await make.category({ name })
    const ours = (await list("?page_size=2")).body.next_cursor
    for (const query of [
      `?ordering=-name&cursor=${ours}`,
      "?cursor=rubbish",
      "?cursor=",
      "?cursor=e30",
      `?cursor=${ours}x`,
      `?cursor=${btoa('["name",{"a":1},"x"]')}`,
    ]) {
      const answer = await list(query)
      expectProblem(answer, 400, "invalid-input")
      expect(fieldsOf(answer)).toEqual([["cursor", "cursor"]])
    }
    for (const cursor of ["rubbish", ours]) {
      const answer = await send("GET", `categories?cursor=${cursor}`)
      expectProblem(answer, 400, "invalid-input")
    }
  })
})

describe("ordering", () => {
  it("goes by fields, with - for descending, and ignores unknown ones", async () => {
    await make.product({ name: "Apple", price: "3.00" })
    await make.product({ name: "Banana", price: "1.00" })
    await make.product({ name: "Cherry", price: "3.00" })
    const names = async (ordering: string) =>
      namesOf(await send("GET", `products?ordering=${encodeURIComponent(ordering)}`))
    expect(await names("name")).toEqual(["Apple", "Banana", "Cherry"])
    expect(await names("-name")).toEqual(["Cherry", "Banana", "Apple"])
    expect(await names("-price,name")).toEqual(["Apple", "Cherry", "Banana"])
    expect(await names(" price , -name ")).toEqual(["Banana", "Cherry", "Apple"])
    const fallback = ["Cherry", "Banana", "Apple"]
    for (const ordering of ["", "password", "name;DROP TABLE products", "constructor", "__proto__"])
      expect([ordering, await names(ordering)]).toEqual([ordering, fallback])
    expect(await names("nothing,name")).toEqual(["Apple", "Banana", "Cherry"])
  })
})

describe("long lists", () => {
  it("are counted to 10 000 and say so", async () => {
    await brands(10_000)
    const exact = await list("?page_size=1")
    expect(exact.body.count).toBe(10_000)
    expect(exact.body).not.toHaveProperty("count_is_capped")
    await brands(1, "Z")
    const capped = await list("?page_size=1")
    expect(capped.body).toMatchObject({ count: 10_000, count_is_capped: true })
  })

  it("end their numbered pages at 10 000 rows, where a cursor leads on", async () => {
    await brands(10_040)
    expectProblem(await list("?page=101&page_size=100"), 404, "invalid-page")
    for (const query of ["?page=100&page_size=100", "?limit=100&offset=9900"]) {
      const last = await list(query)
      expect(last.body.results).toHaveLength(100)
      const next = await send("GET", last.body.next.replace("http://nexus.test", ""))
      expect(next.status).toBe(200)
      expect(namesOf(next)[0]).toBe("Brand 10001")
      expect(next.body.results).toHaveLength(40)
    }
  })
})

it("every list of the API is a page of the same form", async () => {
  const admin = await make.user("admin")
  const product = await make.product()
  const category = await make.category({ name: "Tools" })
  const order = await send("POST", "orders", {
    as: admin,
    body: {
      items: [{ product_id: product.id, quantity: 1 }],
      shipping_address: {
        address_line_1: "12 St James's Square",
        city: "London",
        postal_code: "SW1Y 4JH",
        country: "GB",
      },
    },
  })
  expect(order.status).toBe(201)
  const paths = [
    "products",
    "products/featured",
    "products/latest",
    "categories",
    `categories/${category.id}/children`,
    `categories/${category.id}/products`,
    "brands",
    "orders",
    "orders/history",
    `orders/${order.body.id}/history`,
    "admin/orders",
  ]
  for (const path of paths) {
    const page = await send("GET", path, { as: admin })
    expect([path, page.status]).toEqual([path, 200])
    expect(Object.keys(page.body).toSorted()).toEqual([
      "count",
      "next",
      "next_cursor",
      "previous",
      "results",
    ])
    for (const bad of ["page=0", "page=99"])
      expectProblem(await send("GET", `${path}?${bad}`, { as: admin }), 404, "invalid-page")
    for (const bad of ["page_size=0", "cursor=rubbish", "limit=x"])
      expectProblem(await send("GET", `${path}?${bad}`, { as: admin }), 400, "invalid-input")
  }
})
