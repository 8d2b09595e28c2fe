import { describe, expect, it } from "vitest"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { fieldsOf, openEvents, stockOf } from "../support/shop.ts"

/** Changes a thing as it was read with this ETag. */
const patch = (path: string, as: { access: string }, tag: string, body: unknown) =>
  call("PATCH", path, { as, body, headers: { "if-match": tag } })
const tagOf = async (path: string, as?: { access: string }) =>
  (await call("GET", path, { as })).headers.get("etag") ?? ""

describe("If-Match", () => {
  it("lets a change through while the thing is as it was read, by whoever it was read", async () => {
    const staff = await make.user("staff")
    const { id } = await make.product()
    for (const as of [staff, undefined]) {
      const tag = await tagOf(`products/${id}`, as)
      expect(tag).toMatch(/^"\d+\.[\w-]{20}"$/)
      const changed = await patch(`products/${id}`, staff, tag, { price: "12" })
      expect(changed).toMatchObject({ status: 200, body: { price: "12.00" } })
      expect(changed.headers.get("etag")).toMatch(new RegExp(`^"${changed.body.version}\\.`))
      const again = await patch(`products/${id}`, staff, tag, { price: "13" })
      expect(again).toMatchObject({ status: 412, body: { code: "stale" } })
    }
    expect((await call("GET", `products/${id}`)).body).toMatchObject({ price: "12.00", version: 3 })
  })

  it("goes by the thing, not by what was sold of it meanwhile", async () => {
    const [staff, customer] = [await make.user("staff"), await make.user()]
    const { id } = await make.product({ stock_quantity: 5 })
    const tag = await tagOf(`products/${id}`, staff)
    await call("POST", `admin/inventory/${id}/adjust`, {
      as: staff,
      body: { delta: -2, reason: "damaged" },
    })
    await call("POST", "cart/items", { as: customer, body: { product_id: id } })
    const changed = await patch(`products/${id}`, staff, tag, { name: "Same thing" })
    expect(changed).toMatchObject({ status: 200, body: { stock_quantity: 3 } })
  })

  it("holds for variants, categories and brands, and for removing them", async () => {
    const staff = await make.user("staff")
    const { id } = await make.product({
      options: [{ name: "Size", values: ["S", "M"] }],
      variants: [{ sku: "A-S", options: { Size: "S" } }],
    })
    const category = await make.category({ name: "Tools" })
    await call("POST", "brands", { as: staff, body: { name: "Fairwind" } })
    const things: [string, object][] = [
      [`products/${id}/variants/A-S`, { price: "3" }],
      [`categories/${category.id}`, { description: "Sharp" }],
      ["brands/fairwind", { description: "Blunt" }],
    ]
    for (const [path, body] of things) {
      const tag = await tagOf(path)
      const [first, second] = [
        await patch(path, staff, tag, body),
        await patch(path, staff, tag, body),
      ]
      expect([path, first.status, second.status, second.body.code]).toEqual([
        path,
        200,
        412,
        "stale",
      ])
      const old = await call("DELETE", path, { as: staff, headers: { "if-match": tag } })
      expect([path, old.status]).toEqual([path, 412])
      const newest = first.headers.get("etag") ?? ""
      const gone = await call("DELETE", path, { as: staff, headers: { "if-match": newest } })
      expect([path, gone.status]).toEqual([path, 204])
    }
    const product = await tagOf(`products/${id}`)
    const stale = await call("DELETE", `products/${id}`, {
      as: staff,
      headers: { "if-match": '"99.abc"' },
    })
    expect(stale.status).toBe(412)
    const gone = await call("DELETE", `products/${id}`, {
      as: staff,
      headers: { "if-match": product },
    })
    expect(gone.status).toBe(204)
  })

  it("takes lists and *, and no weak or foreign tags", async () => {
    const staff = await make.user("staff")
    const { id } = await make.product()
    const tag = await tagOf(`products/${id}`)
    const status = async (header: string) =>
      (await patch(`products/${id}`, staff, header, { price: "11" })).status
    expect(await status(`W/${tag}`)).toBe(412)
    expect(await status('"nonsense"')).toBe(412)
    expect(await status(`"7.abcdef", ${tag}`)).toBe(200)
    expect(await status("*")).toBe(200)
    const missing = await patch("products/nope", staff, "*", { price: "1" })
    expect(missing.status).toBe(404)
  })

  it("of many who change the same version at once lets one win, in stock too", async () => {
    const staff = await make.user("staff")
    const { id } = await make.product({ stock_quantity: 1 })
    const tag = await tagOf(`products/${id}`)
    const answers = await Promise.all(
      [10, 20, 30, 40].map((stock) =>
        patch(`products/${id}`, staff, tag, { stock_quantity: stock }),
      ),
    )
    const won = answers.filter(({ status }) => status === 200)
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(3)
    expect(won).toHaveLength(1)
    expect((await stockOf(id)).onHand).toBe(won[0]?.body.stock_quantity)
  })

  it("left out loses no change of those made at once", async () => {
    const staff = await make.user("staff")
    const { id } = await make.product()
    const fields = { name: "N", description: "D", price: "7", tags: ["t"], is_featured: true }
    const answers = await Promise.all(
      Object.entries(fields).map(([name, value]) =>
        call("PATCH", `products/${id}`, { as: staff, body: { [name]: value } }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    const { body } = await call("GET", `products/${id}`, { as: staff })
    expect(body).toMatchObject({ ...fields, price: "7.00", version: 6 })
  })
})

describe("a slug that a thing had before", () => {
  it("leads to the one it has, on every page of a product", async () => {
    const staff = await make.user("staff")
    const { id } = await make.product({ name: "Old Name" })
    await call("PATCH", `products/${id}`, { as: staff, body: { slug: "newer-name" } })
    await call("PATCH", `products/${id}`, { as: staff, body: { slug: "newest-name" } })
    for (const old of ["old-name", "newer-name"])
      for (const rest of ["", "/related?page_size=1", "/variants"]) {
        const answer = await call("GET", `products/${old}${rest}`)
        expect([answer.status, answer.headers.get("location")]).toEqual([
          301,
          `/api/v1/products/newest-name${rest}`,
        ])
        expect(answer.body.code).toBe("moved")
      }
    expect((await call("GET", "products/newest-name")).body.id).toBe(id)
  })

  it("does so for categories and brands", async () => {
    const staff = await make.user("staff")
    await make.category({ name: "Tools" })
    await call("POST", "brands", { as: staff, body: { name: "Calder" } })
    await call("PATCH", "categories/tools", { as: staff, body: { slug: "hand-tools" } })
    await call("PATCH", "brands/calder", { as: staff, body: { slug: "calder-sons" } })
    const category = await call("GET", "categories/tools/products?ordering=price")
    expect(category.headers.get("location")).toBe(
      "/api/v1/categories/hand-tools/products?ordering=price",
    )
    const brand = await call("GET", "products/../brands/calder")
    expect(brand.headers.get("location") ?? "").toBe("")
    expect((await call("GET", "brands/calder")).status).toBe(200)
    await call("PATCH", "brands/calder", { as: staff, body: { name: "Osterman" } })
    expect((await call("GET", "brands/calder")).headers.get("location")).toBe(
      "/api/v1/brands/calder-sons",
    )
  })

  it("is given to the next thing of that name, and taken back when it is renamed back", async () => {
    const staff = await make.user("staff")
    const first = await make.product({ name: "Lamp" })
    await call("PATCH", `products/${first.id}`, { as: staff, body: { slug: "desk-lamp" } })
    const second = await make.product({ name: "Lamp" })
    expect(second.slug).toBe("lamp")
    expect((await call("GET", "products/lamp")).body.id).toBe(second.id)
    await call("PATCH", `products/${second.id}`, { as: staff, body: { slug: "floor-lamp" } })
    expect((await call("GET", "products/lamp")).headers.get("location")).toBe(
      "/api/v1/products/floor-lamp",
    )
    await call("PATCH", `products/${second.id}`, { as: staff, body: { slug: "lamp" } })
    expect((await call("GET", "products/lamp")).status).toBe(200)
  })

  it("says nothing of what is hidden, and opens nothing to a change", async () => {
    const staff = await make.user("staff")
    const { id } = await make.product({ name: "Secret" })
    await call("PATCH", `products/${id}`, { as: staff, body: { slug: "hidden", status: "draft" } })
    expect((await call("GET", "products/secret")).status).toBe(404)
    expect((await call("GET", "products/secret", { as: staff })).status).toBe(301)
    const change = await call("PATCH", "products/secret", { as: staff, body: { price: "1" } })
    expect(change.status).toBe(404)
    await call("DELETE", `products/${id}`, { as: staff })
    expect((await call("GET", "products/secret", { as: staff })).status).toBe(404)
  })
})

describe("brands", () => {
  it("are changed and removed by staff; their products show it at once", async () => {
    const staff = await make.user("staff")
    const made = await make.product({ brand: "Fairwind" })
    const changed = await call("PUT", "brands/fairwind", {
      as: staff,
      body: { name: "Fairwind & Co", description: "Rope" },
    })
    expect(changed).toMatchObject({
      status: 200,
      body: {
        name: "Fairwind & Co",
        slug: "fairwind",
        description: "Rope",
        product_count: 1,
        version: 2,
      },
    })
    expect((await call("GET", `products/${made.id}`)).body.brand).toBe("Fairwind & Co")
    expect((await call("GET", "brands")).body.results).toMatchObject([{ product_count: 1 }])
    expect(await openEvents("catalog.changed")).not.toEqual([])

    const used = await call("DELETE", "brands/fairwind", { as: staff })
    expect(used).toMatchObject({ status: 409, body: { code: "brand-not-empty" } })
    const nowhere = await call("DELETE", "brands/fairwind?move_to=fairwind", { as: staff })
    expect([nowhere.status, fieldsOf(nowhere)]).toEqual([400, ["move_to"]])
    await call("POST", "brands", { as: staff, body: { name: "Calder" } })
    expect((await call("DELETE", "brands/fairwind?move_to=calder", { as: staff })).status).toBe(204)
    expect((await call("GET", `products/${made.id}`)).body.brand).toBe("Calder")
    expect((await call("GET", "brands/fairwind")).status).toBe(404)
    expect((await call("GET", "brands/calder")).body.product_count).toBe(1)
  })

  it("keep names and slugs apart, whatever the letter case, with accents too", async () => {
    const staff = await make.user("staff")
    await call("POST", "brands", { as: staff, body: { name: "ÉTOILE" } })
    await call("POST", "brands", { as: staff, body: { name: "Calder" } })
    expect((await call("GET", `brands/${encodeURIComponent("ÉTOILE")}`)).status).toBe(200)
    const taken = await call("PATCH", "brands/calder", { as: staff, body: { name: "étoile" } })
    // SQLite folds ASCII only: É and é are two letters to it.
    expect(taken.status).toBe(200)
    const same = await call("PATCH", "brands/calder", { as: staff, body: { slug: "etoile" } })
    expect([same.status, fieldsOf(same)]).toEqual([400, ["slug"]])
    const public_ = await call("PATCH", "brands/calder", { body: { name: "Mine" } })
    expect(public_.status).toBe(401)
  })
})
