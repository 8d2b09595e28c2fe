import { describe, expect, it, vi } from "vitest"

import { type Answer, call } from "../support/api.ts"
import { eventually } from "../support/eventually.ts"
import * as make from "../support/make.ts"
import { fieldsOf, roundTrips, stockOf } from "../support/shop.ts"

const names = (answer: Answer) => answer.body.results.map((one: { name: string }) => one.name)
const list = (query: string, over = {}) => call("GET", `products${query}`, over)

/** Products made one after another, a minute apart, so that their order of making is their order. */
async function shelf(...products: Record<string, unknown>[]) {
  const made = []
  for (const [index, product] of products.entries()) {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 2, 1, 12, index) })
    made.push(await make.product(product))
  }
  vi.useRealTimers()
  return made
}

describe("categories", () => {
  it("are made, found, changed and removed by staff under any of their paths", async () => {
    const staff = await make.user("staff")
    const made = await call("POST", "/api/products/categories/", {
      as: staff,
      body: { name: "Test Electronics", description: "Plugs", is_active: true },
    })
    expect(made).toMatchObject({
      status: 201,
      body: { slug: "test-electronics", parent: null, product_count: 0, is_active: true },
    })
    const listed = await call("GET", "/api/products/categories/")
    expect(listed).toMatchObject({ status: 200, body: { count: 1 } })
    const found = await call("GET", "/api/products/categories/test-electronics/")
    expect(found).toMatchObject({ status: 200, body: { id: made.body.id } })
    expect((await call("GET", "/api/products/categories/nope/")).status).toBe(404)

    const changed = await call("PUT", "/api/v1/admin/categories/test-electronics/", {
      as: staff,
      body: { name: "Updated Electronics", description: "More plugs" },
    })
    expect(changed).toMatchObject({
      status: 200,
      body: { name: "Updated Electronics", slug: "test-electronics", description: "More plugs" },
    })
    const gone = await call("DELETE", `/api/v1/admin/categories/${made.body.id}/`, { as: staff })
    expect(gone.status).toBe(204)
    expect((await call("GET", "categories")).body.results).toEqual([])
    expect((await call("GET", "categories/test-electronics")).status).toBe(404)
  })

  it("are not for the public or customers to make, change or remove", async () => {
    const [customer, category] = [await make.user(), await make.category({ name: "Tools" })]
    for (const [method, path] of [
      ["POST", "categories"],
      ["PUT", `categories/${category.id}`],
      ["PATCH", `categories/${category.id}`],
      ["DELETE", `categories/${category.id}`],
    ] as const) {
      const body = method === "DELETE" ? undefined : { name: "General" }
      expect(await call(method, path, { body })).toMatchObject({
        status: 401,
        body: { code: "unauthenticated" },
      })
      expect(await call(method, path, { body, as: customer })).toMatchObject({
        status: 403,
        body: { code: "forbidden" },
      })
    }
    expect((await call("GET", "categories")).body.results).toMatchObject([{ name: "Tools" }])
  })

  it("have a name once among siblings, whatever its letter case", async () => {
    const staff = await make.user("staff")
    const root = await make.category({ name: "Phones" })
    const again = await call("POST", "categories", { as: staff, body: { name: "PHONES" } })
    expect(again).toMatchObject({ status: 400, body: { code: "invalid-input" } })
    expect(fieldsOf(again)).toEqual(["name"])
    const below = { name: "Phones", parent: root.id }
    const child = await call("POST", "categories", { as: staff, body: below })
    expect(child).toMatchObject({ status: 201, body: { slug: "phones-1", parent: root.id } })
    expect((await call("POST", "categories", { as: staff, body: below })).status).toBe(400)
  })

  it("show their children, their way up from the root, and the whole tree", async () => {
    const electronics = await make.category({ name: "Electronics" })
    const computers = await make.category({ name: "Computers", parent: "electronics" })
    const laptops = await make.category({ name: "Laptops", parent: computers.id })
    const books = await make.category({ name: "Books" })
    await make.product({ category: laptops.id })
    await make.product({ category: laptops.id, status: "draft" })
    await make.product({ category: "electronics" })

    const found = await call("GET", "categories/laptops")
    expect(found.body).toMatchObject({
      parent: computers.id,
      path: [{ name: "Electronics" }, { name: "Computers" }, { name: "Laptops" }],
      children: [],
      product_count: 1,
    })
    const children = await call("GET", "categories/electronics/children")
    expect(children.body.results).toMatchObject([{ id: computers.id, product_count: 1 }])
    expect(names(await call("GET", "categories?parent=electronics"))).toEqual(["Computers"])
    expect(names(await call("GET", "categories?parent=null"))).toEqual(["Books", "Electronics"])
    const tree = await call("GET", "categories/tree")
    expect(tree.body).toEqual([
      { id: books.id, name: "Books", slug: "books", product_count: 0, children: [] },
      {
        id: electronics.id,
        name: "Electronics",
        slug: "electronics",
        product_count: 2,
        children: [
          {
            id: computers.id,
            name: "Computers",
            slug: "computers",
            product_count: 1,
            children: [
              { id: laptops.id, name: "Laptops", slug: "laptops", product_count: 1, children: [] },
            ],
          },
        ],
      },
    ])
  })

  it("list the products in them and below them", async () => {
    const electronics = await make.category({ name: "Electronics" })
    await make.category({ name: "Laptops", parent: electronics.id })
    await shelf({ name: "Lamp", category: "electronics" }, { name: "Air", category: "laptops" })
    await make.product({ name: "Novel" })
    expect(names(await call("GET", "categories/electronics/products"))).toEqual(["Air", "Lamp"])
    expect(names(await call("GET", `categories/${electronics.id}/products?ordering=name`))).toEqual(
      ["Air", "Lamp"],
    )
    const own = await call("GET", "categories/electronics/products?include_subcategories=false")
    expect(names(own)).toEqual(["Lamp"])
    expect((await call("GET", "categories/99/products")).status).toBe(404)
  })

  it("never lie below themselves", async () => {
    const staff = await make.user("staff")
    const above = await make.category({ name: "Above" })
    const below = await make.category({ name: "Below", parent: above.id })
    const itself = await call("PATCH", `categories/${above.id}`, {
      as: staff,
      body: { parent: above.id },
    })
    expect(itself).toMatchObject({
      status: 400,
      body: { detail: "A category cannot be its own parent.", errors: [{ field: "parent" }] },
    })
    const child = await call("PATCH", "categories/above", { as: staff, body: { parent: below.id } })
    expect(child.status).toBe(400)
    const nobody = await call("POST", "categories", {
      as: staff,
      body: { name: "Lost", parent: "nope" },
    })
    expect(nobody.status).toBe(400)
    expect(fieldsOf(nobody)).toEqual(["parent"])
  })

  it("in use go only when it is said where their contents go", async () => {
    const staff = await make.user("staff")
    const old = await make.category({ name: "Old" })
    const target = await make.category({ name: "New" })
    await make.category({ name: "Child", parent: old.id })
    const product = await make.product({ category: old.id })
    expect(await call("DELETE", "categories/old", { as: staff })).toMatchObject({
      status: 409,
      body: { code: "category-not-empty" },
    })
    for (const wrong of ["nope", "old", "child"]) {
      const refused = await call("DELETE", `categories/old?move_to=${wrong}`, { as: staff })
      expect(refused.status).toBe(400)
      expect(fieldsOf(refused)).toEqual(["move_to"])
    }
    const gone = await call("DELETE", "categories/old?move_to=new", { as: staff })
    expect(gone.status).toBe(204)
    expect((await call("GET", "categories/new")).body).toMatchObject({
      product_count: 1,
      children: [{ name: "Child" }],
    })
    expect((await call("GET", "categories/child")).body.path).toMatchObject([
      { id: target.id },
      { name: "Child" },
    ])
    expect((await call("GET", `products/${product.id}`)).body.category).toBe(target.id)
  })
})

describe("brands", () => {
  it("are made by staff, once whatever the letter case, and found by id, slug or name", async () => {
    const staff = await make.user("staff")
    const made = await call("POST", "brands", { as: staff, body: { name: "Fair Wind" } })
    expect(made).toMatchObject({ status: 201, body: { name: "Fair Wind", slug: "fair-wind" } })
    const again = await call("POST", "brands", { as: staff, body: { name: "FAIR WIND" } })
    expect(again.status).toBe(400)
    expect(fieldsOf(again)).toEqual(["name"])
    for (const ref of [made.body.id, "fair-wind", "Fair%20Wind"])
      expect((await call("GET", `brands/${ref}`)).body.id).toBe(made.body.id)
    expect((await call("GET", "brands")).body).toMatchObject({ count: 1 })
    expect((await call("GET", "brands/nope")).status).toBe(404)
    const customer = await make.user()
    const refused = await call("POST", "brands", { as: customer, body: { name: "Mine" } })
    expect(refused.status).toBe(403)
  })
})

describe("making a product", () => {
  it("takes every field and shows it, its stock at once", async () => {
    const staff = await make.user("staff")
    const category = await make.category({ name: "Electronics" })
    const made = await call("POST", "/api/products/", {
      as: staff,
      body: {
        name: "Premium Laptop",
        description: "A laptop",
        price: "1299.99",
        compare_at_price: 1499.99,
        cost_price: "800",
        category: category.id,
        brand: "Apple",
        sku: "LAPTOP-001",
        stock_quantity: 5,
        tags: ["New", "fast", "new"],
        is_featured: true,
        weight_grams: 1400,
        seo: { title: "Buy it" },
        attributes: { Colour: "grey" },
      },
    })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({
      name: "Premium Laptop",
      title: "Premium Laptop",
      slug: "premium-laptop",
      price: "1299.99",
      currency: "USD",
      compare_at_price: "1499.99",
      discount_percentage: 13,
      cost_price: "800.00",
      category: category.id,
      category_name: "Electronics",
      category_slug: "electronics",
      category_path: [{ slug: "electronics" }],
      brand: "Apple",
      sku: "LAPTOP-001",
      stock_quantity: 5,
      is_in_stock: true,
      status: "active",
      is_active: true,
      is_featured: true,
      image: null,
      images: [],
      variants: [],
      seo: { title: "Buy it" },
      attributes: { Colour: "grey" },
      average_rating: 0,
      reviews_count: 0,
    })
    expect(made.body.id).toMatch(/^prd_[0-9a-z]{26}$/)
    expect(await stockOf(made.body.id)).toEqual({ onHand: 5, held: 0, available: 5 })
    const shown = await call("GET", `products/${made.body.id}`)
    const { cost_price: _cost, ...open } = made.body
    expect(shown.body).toEqual(open)
  })

  it.each([
    ["title and stock", { title: "Shirt", price: "29.99", stock: 10, category_id: "general" }],
    ["quantity", { name: "Shirt", price: 29.99, quantity: 10, category: "general" }],
    ["inventory", { title: "Shirt", price: "29.99", inventory: "10", category: "general" }],
  ])("reads other spellings of its fields: %s", async (_, body) => {
    const staff = await make.user("staff")
    await make.category({ name: "General" })
    const made = await call("POST", "/api/v1/admin/products", { as: staff, body })
    expect(made).toMatchObject({
      status: 201,
      body: { name: "Shirt", price: "29.99", stock_quantity: 10, category_slug: "general" },
    })
  })

  it("is for staff only", async () => {
    const [customer, product] = [await make.user(), await make.product()]
    for (const [method, path] of [
      ["POST", "/api/products/"],
      ["PUT", `/api/v1/admin/products/${product.id}`],
      ["PATCH", `products/${product.id}`],
      ["DELETE", `/api/v1/admin/products/${product.id}`],
    ] as const) {
      const body = method === "DELETE" ? undefined : { name: "Phone", price: "0.01" }
      expect((await call(method, path, { body })).status).toBe(401)
      const refused = await call(method, path, { body, as: customer })
      expect(refused).toMatchObject({ status: 403, body: { code: "forbidden" } })
      expect(refused.body.detail).toContain("permission")
    }
    expect((await call("GET", `products/${product.id}`)).body.price).toBe("10.00")
  })

  it("gives the second and third of a name their own slugs", async () => {
    const staff = await make.user("staff")
    const slugs = []
    for (let n = 0; n < 3; n++) {
      const made = await call("POST", "products", {
        as: staff,
        body: { name: "Crème brûlée", price: "1" },
      })
      slugs.push(made.body.slug)
    }
    expect(slugs).toEqual(["creme-brulee", "creme-brulee-1", "creme-brulee-2"])
  })

  it.each(["-1", "0", "abc", "1.999", "NaN", null, "1e3", "0.00", "", " 5", "1,5", {}])(
    "refuses the price %j",
    async (price) => {
      const staff = await make.user("staff")
      const refused = await call("POST", "products", { as: staff, body: { name: "X", price } })
      expect(refused).toMatchObject({ status: 400, body: { code: "invalid-input" } })
      expect(fieldsOf(refused)).toEqual(["price"])
      expect((await list("")).body.count).toBe(0)
    },
  )

  it.each([-1, 1.5, "x", 1_000_001])("refuses the stock %j", async (stock_quantity) => {
    const staff = await make.user("staff")
    const body = { name: "X", price: "1", stock_quantity }
    const refused = await call("POST", "products", { as: staff, body })
    expect(refused.status).toBe(400)
    expect(fieldsOf(refused)).toEqual(["stock_quantity"])
  })

  it.each(["", "   ", "n".repeat(256), null, 7])("refuses the title %j", async (title) => {
    const staff = await make.user("staff")
    const refused = await call("POST", "products", { as: staff, body: { title, price: "1" } })
    expect(refused.status).toBe(400)
    expect(fieldsOf(refused)).toEqual(["name"])
  })

  it("names every failing field at once", async () => {
    const staff = await make.user("staff")
    const shape = await call("POST", "products", {
      as: staff,
      body: { price: "-1", stock_quantity: 1.5, tags: "new", status: "sold", weight_grams: -1 },
    })
    expect(shape.status).toBe(400)
    expect(fieldsOf(shape)).toEqual([
      "name",
      "price",
      "status",
      "stock_quantity",
      "tags",
      "weight_grams",
    ])
    expect(shape.body.errors[0]).toMatchObject({ field: "name", pointer: "/name" })

    await make.product({ sku: "TAKEN" })
    const data = await call("POST", "products", {
      as: staff,
      body: {
        name: "X",
        price: "10.999",
        compare_at_price: "0.50",
        cost_price: "1.001",
        category: "999",
        sku: "TAKEN",
      },
    })
    expect(fieldsOf(data)).toEqual(["category", "cost_price", "price", "sku"])
  })

  it("refuses a SKU that is taken, by a product or a variant", async () => {
    const staff = await make.user("staff")
    await make.product({ sku: "LAPTOP-001" })
    await make.product({
      options: [{ name: "Size", values: ["M"] }],
      variants: [{ sku: "TEE-M", options: { Size: "M" } }],
    })
    for (const sku of ["LAPTOP-001", "TEE-M"]) {
      const body = { name: "X", price: "1", sku }
      const refused = await call("POST", "products", { as: staff, body })
      expect(refused).toMatchObject({ status: 400, body: { code: "invalid-input" } })
      expect(fieldsOf(refused)).toEqual(["sku"])
    }
    expect((await list("")).body.count).toBe(2)
  })

  it("refuses a price before that is not above the price", async () => {
    const staff = await make.user("staff")
    for (const compare_at_price of ["5", "10.00"]) {
      const body = { name: "X", price: "10", compare_at_price }
      const refused = await call("POST", "products", { as: staff, body })
      expect(refused.status).toBe(400)
      expect(fieldsOf(refused)).toEqual(["compare_at_price"])
    }
  })

  it("takes nothing from a client that is not the client's to say", async () => {
    const staff = await make.user("staff")
    const made = await call("POST", "products", {
      as: staff,
      body: {
        name: "X",
        price: "1",
        id: "prd_mine",
        currency: "EUR",
        average_rating: 5,
        reviews_count: 99,
        created_at: "2001-01-01T00:00:00.000Z",
        unknown: true,
      },
    })
    expect(made.body).toMatchObject({ currency: "USD", average_rating: 0, reviews_count: 0 })
    expect(made.body.id).not.toBe("prd_mine")
    expect(made.body.created_at > "2026-01-01").toBe(true)
  })
})

describe("changing a product", () => {
  it("keeps what is left out, with PUT as with PATCH", async () => {
    const staff = await make.user("staff")
    const product = await make.product({ name: "Laptop", price: "699.99", sku: "L1" })
    const patched = await call("PATCH", "/api/products/laptop/", {
      as: staff,
      body: { name: "Laptop 2", price: "649.99", stock_quantity: 45 },
    })
    expect(patched).toMatchObject({
      status: 200,
      body: { name: "Laptop 2", slug: "laptop", price: "649.99", stock_quantity: 45, sku: "L1" },
    })
    expect(await stockOf(product.id)).toEqual({ onHand: 45, held: 0, available: 45 })
    const put = await call("PUT", `/api/v1/admin/products/${product.id}`, {
      as: staff,
      body: { title: "Laptop 3", price: "199.99" },
    })
    expect(put).toMatchObject({
      status: 200,
      body: { title: "Laptop 3", price: "199.99", stock_quantity: 45, sku: "L1" },
    })
  })

  it("refuses what it would not make, and leaves the product and its stock as they were", async () => {
    const staff = await make.user("staff")
    await make.product({ sku: "TAKEN" })
    const product = await make.product({ name: "Lamp", price: "10" })
    const patch = (body: unknown) => call("PATCH", `products/${product.id}`, { as: staff, body })
    expect(fieldsOf(await patch({ price: "0", name: "" }))).toEqual(["name", "price"])
    expect(fieldsOf(await patch({ compare_at_price: "9" }))).toEqual(["compare_at_price"])
    expect(fieldsOf(await patch({ sku: "TAKEN", stock_quantity: 99 }))).toEqual(["sku"])
    expect((await call("PATCH", "products/nope", { as: staff, body: {} })).status).toBe(404)
    expect((await call("GET", `products/${product.id}`)).body).toMatchObject({
      name: "Lamp",
      price: "10.00",
      compare_at_price: null,
      sku: null,
      stock_quantity: 5,
    })
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
  })

  it("empties a field that is set to null", async () => {
    const staff = await make.user("staff")
    const category = await make.category()
    const product = await make.product({
      price: "10",
      compare_at_price: "20",
      sku: "S",
      brand: "B",
      category: category.id,
    })
    const changed = await call("PATCH", `products/${product.id}`, {
      as: staff,
      body: { compare_at_price: null, sku: null, brand: null, category: null },
    })
    expect(changed.body).toMatchObject({
      compare_at_price: null,
      discount_percentage: null,
      sku: null,
      brand: null,
      category: null,
      category_path: [],
    })
    expect((await call("GET", `categories/${category.id}`)).body.product_count).toBe(0)
  })

  it("moves the count with a product that moves, hides or goes", async () => {
    const staff = await make.user("staff")
    const [from, to] = [await make.category(), await make.category()]
    const product = await make.product({ category: from.id })
    const counts = async () =>
      Promise.all(
        [from, to].map(
          async ({ id }) => (await call("GET", `categories/${id}`)).body.product_count,
        ),
      )
    expect(await counts()).toEqual([1, 0])
    const patch = (body: unknown) => call("PATCH", `products/${product.id}`, { as: staff, body })
    await patch({ category: to.id })
    expect(await counts()).toEqual([0, 1])
    await patch({ status: "draft" })
    expect(await counts()).toEqual([0, 0])
    await patch({ is_active: true })
    expect(await counts()).toEqual([0, 1])
    await call("DELETE", `products/${product.id}`, { as: staff })
    expect(await counts()).toEqual([0, 0])
  })
})

describe("seeing products", () => {
  it("shows a product by id and by slug", async () => {
    const made = await make.product({ name: "Premium Laptop", price: "1299.99" })
    const byId = await call("GET", `products/${made.id}`)
    const bySlug = await call("GET", "/api/products/premium-laptop/")
    expect(byId).toMatchObject({
      status: 200,
      body: { price: "1299.99", stock_quantity: 5, is_in_stock: true },
    })
    expect(bySlug.body.id).toBe(made.id)
    expect((await call("GET", "products/nope")).body.code).toBe("not-found")
    expect((await call("GET", "products/999")).status).toBe(404)
  })

  it("never tells the public what a product costs the shop", async () => {
    const made = await make.product({ name: "Laptop", cost_price: "3.21" })
    const [staff, customer] = [await make.user("staff"), await make.user()]
    for (const as of [undefined, customer])
      for (const path of ["products", `products/${made.id}`]) {
        const text = JSON.stringify((await call("GET", path, { as })).body)
        expect(text).not.toContain("cost_price")
        expect(text).not.toContain("3.21")
      }
    expect((await call("GET", "products/laptop", { as: staff })).body.cost_price).toBe("3.21")
  })

  it("shows drafts and archived products to staff only", async () => {
    const [staff, customer] = [await make.user("staff"), await make.user()]
    await make.product({ name: "Seen" })
    await make.product({ name: "Draft", status: "draft" })
    await make.product({ name: "Gone", status: "archived" })
    await make.product({ name: "Inactive", is_active: false })
    for (const as of [undefined, customer]) {
      for (const path of [
        "products/draft",
        "products/gone",
        "products/inactive",
        "products/draft/variants",
        "products/draft/availability",
      ])
        expect((await call("GET", path, { as })).status).toBe(404)
      for (const query of ["", "?status=draft", "?is_active=false", "?status=archived"])
        expect(names(await list(query, { as }))).toEqual(query === "" ? ["Seen"] : [])
      const drafts = await list("?status=draft&ordering=-updated_at&category=none", { as })
      expect(drafts).toMatchObject({ status: 200, body: { count: 0, next: null, results: [] } })
    }
    expect((await call("GET", "products/draft", { as: staff })).body).toMatchObject({
      status: "draft",
      is_active: false,
    })
    expect((await list("", { as: staff })).body.count).toBe(4)
    expect(names(await list("?status=archived", { as: staff }))).toEqual(["Gone"])
    expect((await list("?is_active=false", { as: staff })).body.count).toBe(3)
    expect(names(await list("?is_active=true", { as: staff }))).toEqual(["Seen"])
  })

  it("lists a product with the fields of a list and no more", async () => {
    await make.product({ name: "Long", description: "d".repeat(400), seo: { title: "T" } })
    const [item] = (await list("")).body.results
    expect(Object.keys(item).toSorted()).toEqual([
      "attributes",
      "average_rating",
      "brand",
      "category",
      "category_name",
      "category_slug",
      "compare_at_price",
      "created_at",
      "currency",
      "description",
      "discount_percentage",
      "id",
      "image",
      "is_active",
      "is_digital",
      "is_featured",
      "is_in_stock",
      "name",
      "options",
      "price",
      "reviews_count",
      "sku",
      "slug",
      "status",
      "stock_quantity",
      "tags",
      "title",
      "updated_at",
    ])
    expect(item.description).toBe(`${"d".repeat(299)}…`)
    expect((await call("GET", "products/long")).body.description).toBe("d".repeat(400))
  })

  it("shows the newest featured ones, twelve, and the newest, twenty", async () => {
    await shelf(
      ...Array.from({ length: 22 }, (_, n) => ({ name: `P${n}`, is_featured: n % 22 < 14 })),
    )
    const featured = await call("GET", "products/featured")
    expect(featured.body.results).toHaveLength(12)
    expect(names(featured)[0]).toBe("P13")
    const latest = await call("GET", "products/latest")
    expect(latest.body.results).toHaveLength(20)
    expect(names(latest)[0]).toBe("P21")
  })
})

describe("filtering", () => {
  it("narrows by category, brand, tag, price, rating, stock and feature, all at once", async () => {
    const electronics = await make.category({ name: "Electronics" })
    await make.category({ name: "Laptops", parent: electronics.id })
    await make.category({ name: "Books" })
    await make.product({ name: "Air", category: "laptops", brand: "Apple", price: "999.99" })
    await make.product({
      name: "Lamp",
      category: electronics.id,
      brand: "IKEA",
      price: "50",
      tags: ["Home"],
      is_featured: true,
    })
    await make.product({ name: "Novel", category: "books", price: "12.50", stock_quantity: 0 })
    await make.product({ name: "Loose", price: "200" })

    const expected: [string, string[]][] = [
      ["?category=electronics", ["Air", "Lamp"]],
      [`?category=${electronics.id}`, ["Air", "Lamp"]],
      ["?category=electronics&include_subcategories=false", ["Lamp"]],
      ["?category=laptops,books", ["Air", "Novel"]],
      ["?category_slug=books", ["Novel"]],
      ["?category=nope", []],
      ["?brand=apple", ["Air"]],
      ["?brand=APPLE,ikea", ["Air", "Lamp"]],
      ["?brand=nobody", []],
      ["?tag=home", ["Lamp"]],
      ["?tag=HOME,none", ["Lamp"]],
      ["?min_price=50&max_price=200", ["Lamp", "Loose"]],
      ["?price_min=50&price_max=200", ["Lamp", "Loose"]],
      ["?min_price=999.99", ["Air"]],
      ["?max_price=12.49", []],
      ["?in_stock=true", ["Air", "Lamp", "Loose"]],
      ["?in_stock=false", ["Novel"]],
      ["?featured=true", ["Lamp"]],
      ["?featured=false", ["Air", "Loose", "Novel"]],
      ["?min_rating=4", []],
      ["?min_rating=0", ["Air", "Lamp", "Loose", "Novel"]],
      ["?category=electronics&brand=ikea&max_price=60&in_stock=1&featured=1&tag=home", ["Lamp"]],
      ["?category=electronics&brand=ikea&min_price=60", []],
    ]
    for (const [query, found] of expected) {
      const answer = await list(`${query}&ordering=name`)
      expect([query, names(answer)]).toEqual([query, found])
      expect(answer.body.count).toBe(found.length)
    }
  })

  it.each([
    ["min_price", "abc"],
    ["max_price", "-1"],
    ["price_min", "1.9999"],
    ["min_price", "1.999"],
    ["min_rating", "x"],
    ["min_rating", "6"],
    ["in_stock", "maybe"],
    ["featured", "2"],
  ])("refuses %s=%s and names it", async (name, value) => {
    const refused = await list(`?${name}=${value}`)
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid-input" } })
    expect(fieldsOf(refused)).toEqual([name])
  })
})

describe("ordering", () => {
  it("goes by each field, both ways, by several, and by the newest where it says nothing known", async () => {
    await make.category({ name: "A" })
    await make.category({ name: "B" })
    await shelf(
      { name: "One", price: "30", category: "b", stock_quantity: 1 },
      { name: "Two", price: "10", category: "a", stock_quantity: 3 },
      { name: "Three", price: "20", category: "b", stock_quantity: 2 },
      { name: "Four", price: "20", category: "a", stock_quantity: 9 },
    )
    const expected: [string, string[]][] = [
      ["", ["Four", "Three", "Two", "One"]],
      ["?ordering=bogus", ["Four", "Three", "Two", "One"]],
      ["?ordering=constructor,-__proto__", ["Four", "Three", "Two", "One"]],
      ["?ordering=created_at", ["One", "Two", "Three", "Four"]],
      ["?ordering=-created_at", ["Four", "Three", "Two", "One"]],
      ["?ordering=-updated_at", ["Four", "Three", "Two", "One"]],
      ["?ordering=price", ["Two", "Three", "Four", "One"]],
      ["?ordering=-price", ["One", "Four", "Three", "Two"]],
      ["?ordering=name", ["Four", "One", "Three", "Two"]],
      ["?ordering=-name", ["Two", "Three", "One", "Four"]],
      ["?ordering=stock_quantity", ["One", "Three", "Two", "Four"]],
      ["?ordering=category,-price", ["Four", "Two", "One", "Three"]],
      ["?ordering=bogus,price,-name", ["Two", "Three", "Four", "One"]],
      ["?ordering=-average_rating", ["Four", "Three", "Two", "One"]],
    ]
    for (const [query, found] of expected)
      expect([query, names(await list(query))]).toEqual([query, found])
  })
})

describe("pages", () => {
  const seven = Array.from({ length: 7 }, (_, n) => ({ name: `P${n + 1}` }))

  it("link to their neighbours, in the body and in the Link header", async () => {
    await shelf(...seven)
    const first = await list("?page_size=3&ordering=created_at")
    expect(first.body).toMatchObject({
      count: 7,
      previous: null,
      next: "http://nexus.test/api/v1/products?page_size=3&ordering=created_at&page=2",
    })
    expect(first.headers.get("link")).toBe(`<${first.body.next}>; rel="next"`)
    const second = await call("GET", first.body.next.replace("http://nexus.test", ""))
    expect(names(second)).toEqual(["P4", "P5", "P6"])
    expect(second.headers.get("link")).toBe(
      `<${second.body.next}>; rel="next", <${second.body.previous}>; rel="prev"`,
    )
    const last = await call("GET", second.body.next.replace("http://nexus.test", ""))
    expect(names(last)).toEqual(["P7"])
    expect(last.body).toMatchObject({ next: null, next_cursor: null })
    expect(names(await call("GET", last.body.previous.replace("http://nexus.test", "")))).toEqual([
      "P4",
      "P5",
      "P6",
    ])
  })

  it("go by limit and offset too", async () => {
    await shelf(...seven)
    const middle = await list("?limit=2&offset=3&ordering=created_at")
    expect(names(middle)).toEqual(["P4", "P5"])
    expect(middle.body).toMatchObject({
      count: 7,
      next: "http://nexus.test/api/v1/products?limit=2&offset=5&ordering=created_at",
      previous: "http://nexus.test/api/v1/products?limit=2&offset=1&ordering=created_at",
    })
    const end = await list("?limit=2&offset=6&ordering=created_at")
    expect(end.body.next).toBeNull()
  })

  it.each(["0", "abc", "99", "-1", "1.5", ""])("end where there is no page %j", async (page) => {
    await make.product()
    const refused = await list(`?page=${page}`)
    expect(refused).toMatchObject({
      status: 404,
      body: { code: "invalid-page", title: "Invalid page." },
    })
  })

  it("have an empty first one where there is nothing", async () => {
    expect((await list("")).body).toEqual({
      count: 0,
      next: null,
      previous: null,
      next_cursor: null,
      results: [],
    })
  })

  it("hold at most a hundred", async () => {
    await Promise.all(Array.from({ length: 101 }, () => make.product({ stock_quantity: 0 })))
    for (const query of ["?page_size=500", "?limit=1000"]) {
      const page = await list(query)
      expect(page.body.results).toHaveLength(100)
      expect(page.body.count).toBe(101)
    }
    expect((await list("")).body.results).toHaveLength(20)
  })

  it.each(["page_size=0", "page_size=x", "limit=0", "limit=-1", "offset=-1", "cursor=nonsense"])(
    "refuse %s",
    async (query) => {
      const refused = await list(`?${query}`)
      expect(refused.status).toBe(400)
      expect(fieldsOf(refused)).toEqual([query.split("=")[0]])
    },
  )

  it.each([
    ["-created_at", ["P7", "P6", "P5", "P4", "P3", "P2", "P1"]],
    ["created_at", ["P1", "P2", "P3", "P4", "P5", "P6", "P7"]],
    ["price,-name", ["P7", "P6", "P5", "P4", "P3", "P2", "P1"]],
    ["category,price", ["P1", "P2", "P3", "P4", "P5", "P6", "P7"]],
  ])(
    "by cursor skip nothing and repeat nothing while products are made between them, by %s",
    async (ordering, expected) => {
      await shelf(...seven)
      const seen: string[] = []
      let query = `?ordering=${ordering}&page_size=2`
      for (let page = 0; page < 9; page++) {
        const answer = await list(query)
        seen.push(...names(answer))
        await make.product({ name: `Q${page}`, category: null, price: "10.00" })
        if (answer.body.next_cursor === null) break
        query = `?ordering=${ordering}&page_size=2&cursor=${answer.body.next_cursor}`
      }
      const old = seen.filter((name) => name.startsWith("P"))
      expect(old).toEqual(expected)
      expect(new Set(seen).size).toBe(seen.length)
    },
  )

  it("refuse a cursor of another ordering", async () => {
    await shelf(...seven)
    const { next_cursor } = (await list("?ordering=price&page_size=2")).body
    const refused = await list(`?ordering=-price&page_size=2&cursor=${next_cursor}`)
    expect(refused.status).toBe(400)
    expect(fieldsOf(refused)).toEqual(["cursor"])
  })
})

describe("what it costs", () => {
  it("reads a product in at most two round trips to the database", async () => {
    const category = await make.category({ parent: (await make.category()).id })
    const product = await make.product({
      category: category.id,
      brand: "B",
      options: [{ name: "Size", values: ["S", "M"] }],
      variants: [{ options: { Size: "S" } }, { options: { Size: "M" } }],
    })
    expect(roundTrips(await call("GET", `products/${product.slug}`))).toBeLessThanOrEqual(2)
  })

  it("reads a list in at most two, and none once it is kept", async () => {
    await shelf({ name: "A", category: null }, { name: "B" }, { name: "C" })
    const first = await list("?page_size=2&in_stock=true&ordering=-price")
    expect(roundTrips(first)).toBeGreaterThanOrEqual(1)
    expect(roundTrips(first)).toBeLessThanOrEqual(2)
    await eventually(async () => {
      const kept = await list("?ordering=-price&in_stock=true&page_size=2")
      expect(roundTrips(kept)).toBe(0)
      expect(kept.body.results).toEqual(first.body.results)
    })
  })

  it("reads the categories without the database once they are kept", async () => {
    await make.category({ name: "Kept" })
    await call("GET", "categories")
    await eventually(async () => {
      const kept = await call("GET", "categories/kept")
      expect([kept.status, roundTrips(kept)]).toEqual([200, 0])
    })
  })
})

describe("freshness", () => {
  /** Reads until the answer comes from the cache. */
  const kept = (path: string) =>
    eventually(async () => {
      const answer = await call("GET", path)
      expect(roundTrips(answer)).toBe(0)
      return answer
    })

  it("shows every change of the catalogue at once where it was made", async () => {
    const staff = await make.user("staff")
    const product = await make.product({ name: "First" })
    expect(names(await kept("products"))).toEqual(["First"])

    const second = await call("POST", "products", { as: staff, body: { name: "Two", price: "1" } })
    expect(names(await list("?ordering=name"))).toEqual(["First", "Two"])
    expect(names(await list(""))).toEqual(["Two", "First"])
    await kept("products")

    await call("PATCH", `products/${product.id}`, { as: staff, body: { price: "99" } })
    expect((await list("")).body.results[1].price).toBe("99.00")
    await kept("products")

    await call("POST", `admin/inventory/${product.id}/adjust`, {
      as: staff,
      body: { set: 77, reason: "restock" },
    })
    expect((await list("")).body.results[1].stock_quantity).toBe(77)
    await kept("products")

    await call("DELETE", `products/${second.body.id}`, { as: staff })
    expect(names(await list(""))).toEqual(["First"])
  })

  it("shows a new category, and the count of its products, at once", async () => {
    const staff = await make.user("staff")
    await make.category({ name: "One" })
    expect((await kept("categories")).body.count).toBe(1)
    await call("POST", "categories", { as: staff, body: { name: "Two" } })
    expect((await call("GET", "categories")).body.count).toBe(2)
    await kept("categories")
    await call("POST", "products", {
      as: staff,
      body: { name: "In it", price: "1", category: "two" },
    })
    expect((await call("GET", "categories/two")).body.product_count).toBe(1)
  })

  it("reads anew for whoever sends no-cache", async () => {
    const first = await make.product({ name: "First" })
    await list("")
    await kept("products")
    const fresh = await list("", { headers: { "cache-control": "no-cache" } })
    expect(roundTrips(fresh)).toBe(1)
    expect(fresh.body.results[0].id).toBe(first.id)
  })

  it("lets anybody keep public answers for seconds, and nobody those of somebody", async () => {
    const [staff, product] = [await make.user("staff"), await make.product()]
    for (const path of ["products", `products/${product.id}`, "categories"]) {
      const open = await call("GET", path)
      expect(open.headers.get("cache-control")).toBe("public, max-age=5, stale-while-revalidate=5")
      expect(open.headers.get("vary")).toContain("Authorization")
      const own = await call("GET", path, { as: staff })
      expect(own.headers.get("cache-control")).toBe("private, no-store")
    }
    const exact = await call("GET", `products/${product.id}/availability`)
    expect(exact.headers.get("cache-control")).toBe("private, no-store")
    const missing = await call("GET", "products/nope")
    expect(missing.headers.get("cache-control")).toBe("no-store")
  })

  it("answers 304 while nothing has changed", async () => {
    const [staff, product] = [await make.user("staff"), await make.product()]
    const path = `products/${product.id}`
    const etag = (await call("GET", path)).headers.get("etag") ?? ""
    expect(etag).not.toBe("")
    const same = await call("GET", path, { headers: { "if-none-match": etag } })
    expect(same).toMatchObject({ status: 304, body: "" })
    await call("PATCH", path, { as: staff, body: { price: "11" } })
    expect((await call("GET", path, { headers: { "if-none-match": etag } })).status).toBe(200)
  })
})

describe("running the shop", () => {
  it("links staff, and only staff, to what they run", async () => {
    const [staff, customer] = [await make.user("staff"), await make.user()]
    expect((await call("GET", "/api/v1/admin/")).status).toBe(401)
    expect((await call("GET", "/api/v1/admin/", { as: customer })).status).toBe(403)
    expect(await call("GET", "/api/v1/admin/", { as: staff })).toMatchObject({
      status: 200,
      body: { products: "/api/v1/products", categories: "/api/v1/categories" },
    })
  })
})
