import { beforeEach, describe, expect, it } from "vitest"

import { type Answer, call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { deliverAll, fieldsOf, rows } from "../support/shop.ts"

const names = ({ body }: Answer) => body.results.map(({ name }: { name: string }) => name)
const find = (query: string, as?: { access: string }) =>
  call("GET", `products/search?${query}`, { as, headers: { "cache-control": "no-cache" } })

describe("a search", () => {
  beforeEach(async () => {
    await make.category({ name: "Electronics" })
    await make.category({ name: "Audio", parent: "electronics" })
    await make.product({
      name: "Wireless Headphones",
      description: "Over-ear headphones with a warm sound and forty hours of battery.",
      category: "audio",
      brand: "Aurelio",
      sku: "AUDIO-001",
      price: "149.95",
      tags: ["music", "bluetooth"],
      attributes: { colour: "midnight blue" },
    })
    await make.product({
      name: "USB-C Charging Cable",
      description: "A braided cable. Charges headphones too.",
      category: "electronics",
      brand: "Loopline",
      sku: "CABLE-001",
      price: "14.50",
      stock_quantity: 0,
      attributes: { colour: "coral" },
    })
    await make.product({
      name: "Batteries",
      description: "Four cells.",
      category: "electronics",
      brand: "Loopline",
      price: "9.00",
      attributes: { colour: "coral", size: "AA" },
    })
    await deliverAll()
  })

  it("finds by name, brand, category, tag, SKU, attribute and description, the best first", async () => {
    expect(names(await find("q=headphones"))).toEqual([
      "Wireless Headphones",
      "USB-C Charging Cable",
    ])
    for (const q of [
      "aurelio",
      "audio",
      "music",
      "AUDIO-001",
      "audio 001",
      "midnight",
      "forty hours",
    ])
      expect([q, names(await find(`q=${q}`))]).toEqual([q, ["Wireless Headphones"]])
    expect(names(await find("q=electronics")).toSorted()).toEqual([
      "Batteries",
      "USB-C Charging Cable",
      "Wireless Headphones",
    ])
  })

  it("finds a word that is not finished, singular for plural, and what is written together or apart", async () => {
    for (const [q, name] of [
      ["wirel", "Wireless Headphones"],
      ["battery", "Batteries"],
      ["usbc", "USB-C Charging Cable"],
      ["usb c cable", "USB-C Charging Cable"],
      ["CABLE-0", "USB-C Charging Cable"],
    ])
      expect([q, names(await find(`q=${q}`))[0]]).toEqual([q, name])
  })

  it("sees through one slip in a word of four letters and two in one of eight, and says what it took it for", async () => {
    for (const [q, name, meant] of [
      ["wirelss headpohnes", "Wireless Headphones", "wireless headphones"],
      ["hedphons", "Wireless Headphones", "headphones"],
      ["charing cabel", "USB-C Charging Cable", "charging cable"],
    ] as const) {
      const { body } = await find(`q=${q}`)
      expect([q, body.results[0]?.name, body.did_you_mean]).toEqual([q, name, meant])
    }
    expect((await find("q=headphones")).body.did_you_mean).toBeNull()
    const far = await find("q=hexdxhxnes")
    expect(far.body).toMatchObject({ count: 0, results: [] })
  })

  it("counts exactly what each facet would leave", async () => {
    const { body } = await find("q=electronics")
    expect(body.facets).toMatchObject({
      category: [
        { name: "Electronics", parent: null, count: 3 },
        { name: "Audio", count: 1 },
      ],
      brand: [
        { name: "Loopline", slug: "loopline", count: 2 },
        { name: "Aurelio", count: 1 },
      ],
      price: [
        { min: "0.00", max: "9.99", currency: "USD", count: 1 },
        { min: "10.00", max: "19.99", count: 1 },
        { min: "100.00", max: "199.99", count: 1 },
      ],
      rating: [],
      in_stock: [
        { value: true, count: 2 },
        { value: false, count: 1 },
      ],
      attributes: [
        {
          name: "colour",
          values: [
            { value: "coral", count: 2 },
            { value: "midnight blue", count: 1 },
          ],
        },
        { name: "size", values: [{ value: "AA", count: 1 }] },
      ],
    })
    const narrowed = await find("q=electronics&brand=loopline&attr.colour=coral")
    expect(names(narrowed).toSorted()).toEqual(["Batteries", "USB-C Charging Cable"])
    // A facet's own filter does not narrow its counts; the others do.
    expect(narrowed.body.facets.brand).toMatchObject([{ name: "Loopline", count: 2 }])
    expect(narrowed.body.facets.category).toMatchObject([{ name: "Electronics", count: 2 }])
    const branded = await find("q=electronics&brand=loopline")
    expect(branded.body.facets.brand).toMatchObject([{ count: 2 }, { name: "Aurelio", count: 1 }])
  })

  it("is narrowed, ordered and cut into pages as a list is", async () => {
    for (const [query, found] of [
      ["category=audio", ["Wireless Headphones"]],
      [
        "category=electronics&include_subcategories=false&ordering=name",
        ["Batteries", "USB-C Charging Cable"],
      ],
      ["min_price=10&max_price=100", ["USB-C Charging Cable"]],
      ["in_stock=false", ["USB-C Charging Cable"]],
      ["tag=Bluetooth", ["Wireless Headphones"]],
      ["attr.size=aa", ["Batteries"]],
      ["featured=true", []],
      ["min_rating=1", []],
      ["category=nope", []],
      ["brand=nope", []],
      ["ordering=-price", ["Wireless Headphones", "USB-C Charging Cable", "Batteries"]],
      ["ordering=name", ["Batteries", "USB-C Charging Cable", "Wireless Headphones"]],
      ["ordering=category,-name", ["Wireless Headphones", "USB-C Charging Cable", "Batteries"]],
      ["ordering=-created_at&page_size=1&page=3", ["Wireless Headphones"]],
    ] as const)
      expect([query, names(await find(`q=electronics&${query}`))]).toEqual([query, found])
    const first = await find("q=electronics&page_size=2&ordering=price")
    expect(first.body.count).toBe(3)
    const next = await find(
      `q=electronics&page_size=2&ordering=price&cursor=${first.body.next_cursor}`,
    )
    expect(names(next)).toEqual(["Wireless Headphones"])
    expect(next.body.next_cursor).toBeNull()
    expect((await find("q=electronics&page=9")).status).toBe(404)
    expect(fieldsOf(await find("q=electronics&min_price=abc"))).toEqual(["min_price"])
    expect(fieldsOf(await find("q=electronics&min_price=1.234"))).toEqual(["min_price"])
  })

  it("marks what it found, as HTML that can be put into a page", async () => {
    await make.product({ name: "Lamp <script>alert('x')</script>", description: "A & B lamp" })
    await deliverAll()
    const { body } = await find("q=lamps")
    expect(body.results[0].highlights).toEqual({
      name: "<mark>Lamp</mark> &lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;",
      description: "A &amp; B <mark>lamp</mark>",
    })
    const sku = await find("q=audio-001")
    expect(sku.body.results[0].highlights).toMatchObject({ sku: "<mark>AUDIO-001</mark>" })
  })

  it("is what `search` does in the list, without facets", async () => {
    const { body } = await call("GET", "products?search=headphones")
    expect(names({ body } as Answer)).toEqual(["Wireless Headphones", "USB-C Charging Cable"])
    expect(body).not.toHaveProperty("facets")
    expect(body.results[0]).not.toHaveProperty("highlights")
    const priced = await call("GET", "products?search=electronics&ordering=price&max_price=100")
    expect(names(priced)).toEqual(["Batteries", "USB-C Charging Cable"])
    expect((await call("GET", "products?search=")).body.count).toBe(3)
  })

  it("is reached by every spelling of its path", async () => {
    for (const path of [
      "/api/products/search/?q=headphones",
      "/api/v1/products/search/?q=Headphones",
      "/api/v1/catalog/products/search?q=headphones",
      "/api/v1/catalog/products/?search=headphones",
      "/api/products/?category=electronics&search=headphones&ordering=-price&page=1",
    ])
      expect([path, names(await call("GET", path))[0]]).toEqual([path, "Wireless Headphones"])
    const beyond = await call("GET", "/api/products/?category=electronics&search=headphones&page=2")
    expect(beyond).toMatchObject({ status: 404, body: { code: "invalid-page" } })
  })

  it("needs something to search for", async () => {
    for (const query of ["", "q=", "q=%20", "q=%00"]) {
      const answer = await find(query)
      expect([query, answer.status, fieldsOf(answer)]).toEqual([query, 400, ["q"]])
    }
    expect((await call("GET", "products?search=%00")).status).toBe(400)
    expect((await call("GET", "products/suggest")).status).toBe(400)
  })

  it("has no syntax that could be wrong or get through", async () => {
    for (const text of [
      '"headphones"',
      '"headphones',
      "headphones*",
      "head* NEAR/2 phones",
      "headphones OR cable",
      "headphones NOT cable",
      "-headphones",
      "name:headphones",
      "{name brand}: x",
      "(headphones",
      "headphones) AND (",
      "^headphones",
      "' OR 1=1 --",
      "'; DROP TABLE docs; --",
      "%",
      "_",
      "\\",
      "💥",
      "👩‍👩‍👧‍👦 headphones",
      "\u202eheadphones",
      "ﬀ ½ ™",
      "ヘッドホン 耳机 หูฟัง",
      "#audio001",
      "~music",
      "!cost",
      "\ud800",
      "a".repeat(1000),
      "ab ".repeat(333),
      "\n\t",
    ]) {
      for (const path of ["products/search?q=", "products?search=", "products/suggest?q="]) {
        const answer = await call("GET", `${path}${encodeURIComponent(text.toWellFormed())}`)
        expect([path, text, answer.status < 500]).toEqual([path, text, true])
      }
    }
    for (const text of ['"headphones"', "headphones*", "-headphones", "(headphones", "^headphones"])
      expect(names(await find(`q=${encodeURIComponent(text)}`))[0]).toBe("Wireless Headphones")
    const long = await find(`q=${"lamp+".repeat(2000)}`)
    expect([long.status, fieldsOf(long)]).toEqual([400, ["q"]])
  })
})

describe("what the public may not see", () => {
  it("is not found by it in any way: not a product, not a count, not a word of it", async () => {
    const staff = await make.user("staff")
    await make.product({ name: "Lamp" })
    await make.product({
      name: "Zeppelin Lamp",
      status: "draft",
      brand: "Secretive",
      attributes: { engine: "steam" },
    })
    await deliverAll()
    const open = await find("q=lamp")
    expect(open.body).toMatchObject({ count: 1, facets: { brand: [], attributes: [] } })
    for (const q of ["zeppelin", "zeppelim", "secretive", "steam"])
      expect((await find(`q=${q}`)).body).toMatchObject({ count: 0, did_you_mean: null })
    for (const q of ["zep", "zeppelim", "lamp zep"])
      expect((await call("GET", `products/suggest?q=${q}`)).body).toMatchObject({
        completions: [],
        did_you_mean: null,
      })
    for (const q of ["zeppelin", "zep", "secretive"])
      expect([q, names(await find(`q=${q}`, staff))]).toEqual([q, ["Zeppelin Lamp"]])
    expect((await find("q=lamp", staff)).body.count).toBe(2)
    expect(names(await find("q=lamp&status=draft", staff))).toEqual(["Zeppelin Lamp"])
    expect((await find("q=lamp&status=draft")).body.count).toBe(0)
  })

  it("is not there any more as soon as it is hidden, whatever the index says", async () => {
    const staff = await make.user("staff")
    const lamp = await make.product({ name: "Lamp" })
    await deliverAll()
    await call("PATCH", `products/${lamp.id}`, { as: staff, body: { status: "draft" } })
    expect((await find("q=lamp")).body.results).toEqual([])
    await deliverAll()
    expect((await find("q=lamp")).body).toMatchObject({ count: 0 })
    await call("PATCH", `products/${lamp.id}`, { as: staff, body: { status: "active" } })
    await deliverAll()
    expect((await find("q=lamp")).body).toMatchObject({ count: 1 })
    await call("DELETE", `products/${lamp.id}`, { as: staff })
    await deliverAll()
    expect((await find("q=lamp", staff)).body).toMatchObject({ count: 0 })
  })
})

describe("suggestions", () => {
  it("are what the last word may become beside those before it, the most frequent first", async () => {
    for (const name of [
      "Wool Socks",
      "Wool Scarf",
      "Silk Scarf",
      "Wool Socks Long",
      "Wooden Spoon",
    ])
      await make.product({ name })
    await deliverAll()
    const ask = async (q: string) =>
      (await call("GET", `products/suggest?q=${encodeURIComponent(q)}`)).body
    expect((await ask("wo")).completions).toEqual([
      { text: "wool", count: 3 },
      { text: "wooden", count: 1 },
    ])
    expect((await ask("Wool s")).completions).toEqual([
      { text: "Wool socks", count: 2 },
      { text: "Wool scarf", count: 1 },
    ])
    expect(await ask("woool skarf")).toMatchObject({ completions: [], did_you_mean: "wool scarf" })
    expect(await ask("💥")).toEqual({ query: "💥", completions: [], did_you_mean: null })
    expect((await call("GET", "products/suggest?q=wo&limit=1")).body.completions).toHaveLength(1)
    expect((await call("GET", "products/suggest?q=wo&limit=0")).status).toBe(400)
  })
})

describe("synonyms", () => {
  it("find each other both ways, or from a source only", async () => {
    const staff = await make.user("staff")
    await make.product({ name: "Linen Sofa" })
    await make.product({ name: "Leather Couch" })
    await make.product({ name: "Cell Phone" })
    await make.product({ name: "Smartphone" })
    await deliverAll()
    const both = await call("POST", "admin/search/synonyms", {
      as: staff,
      body: { terms: ["Sofas", "couch"] },
    })
    expect(both).toMatchObject({ status: 201, body: { source: null, terms: ["Sofas", "couch"] } })
    expect(names(await find("q=sofa"))).toEqual(["Linen Sofa", "Leather Couch"])
    expect(names(await find("q=leather+sofa"))).toEqual(["Leather Couch"])
    const oneWay = await call("POST", "admin/search/synonyms", {
      as: staff,
      body: { source: "smartphone", terms: ["cell phone"] },
    })
    expect(names(await find("q=smartphone")).toSorted()).toEqual(["Cell Phone", "Smartphone"])
    expect(names(await find("q=cell+phone"))).toEqual(["Cell Phone"])

    const listed = await call("GET", "admin/search/synonyms", { as: staff })
    const ids = new Set(listed.body.results.map(({ id }: { id: string }) => id))
    expect(ids).toEqual(new Set([both.body.id, oneWay.body.id]))
    const changed = await call("PATCH", `admin/search/synonyms/${oneWay.body.id}`, {
      as: staff,
      body: { source: null, terms: ["smartphone", "cell phone"] },
    })
    expect(changed.body).toMatchObject({ source: null })
    expect(names(await find("q=cell+phone"))).toEqual(["Cell Phone", "Smartphone"])
    const path = `admin/search/synonyms/${both.body.id}`
    expect((await call("DELETE", path, { as: staff })).status).toBe(204)
    expect((await call("GET", path, { as: staff })).status).toBe(404)
    expect((await call("PATCH", path, { as: staff, body: { terms: ["a", "b"] } })).status).toBe(404)
    expect(names(await find("q=sofa"))).toEqual(["Linen Sofa"])
  })

  it("are words, and not the same one twice", async () => {
    const staff = await make.user("staff")
    for (const [body, field] of [
      [{}, "terms"],
      [{ terms: [] }, "terms"],
      [{ terms: ["sofa"] }, "terms"],
      [{ terms: ["sofa", "Sofas"] }, "terms"],
      [{ terms: ["sofa"], source: "sofa" }, "terms"],
      [{ terms: ["sofa", "***"] }, "terms.1"],
    ] as const)
      expect([
        body,
        fieldsOf(await call("POST", "admin/search/synonyms", { as: staff, body })),
      ]).toEqual([body, [field]])
    expect(await rows("SELECT 1 FROM synonyms")).toEqual([])
  })
})

it("GET /products/search costs few round trips and rows", async () => {
  for (let n = 0; n < 12; n++) await make.product({ name: `Lamp ${n}`, category: null })
  await deliverAll()
  const answer = await find("q=lamp")
  expect(answer.body.count).toBe(12)
  const timing = answer.headers.get("server-timing") ?? ""
  const figure = (name: string) => Number(new RegExp(`${name};desc="(\\d+)"`).exec(timing)?.[1])
  expect(figure("d1_queries")).toBeLessThanOrEqual(3)
  expect(figure("d1_rows_read")).toBeLessThanOrEqual(12 * 20)
})
