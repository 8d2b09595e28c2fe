import { beforeEach, describe, expect, it } from "vitest"

import { type Answer, call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { fieldsOf } from "../support/shop.ts"

/** The requirement documents' own requests, in their spelling, through whatever paths they name. */
let staff: { access: string }
let customer: { access: string }

beforeEach(async () => {
  staff = await make.user("staff")
  customer = await make.user()
})

type Case = [method: string, path: string, body: unknown, status: number]
const send = (method: string, path: string, as?: { access: string }, body?: unknown) =>
  call(method, path, { as, body })
const namesOf = ({ body }: Answer) => (body.results as { name: string }[]).map(({ name }) => name)

describe("categories as the documents ask for them", () => {
  it("are made, refused, read, changed and removed", async () => {
    const body = { name: "Test Electronics", description: "Devices", is_active: true }
    expect((await send("POST", "/api/products/categories/", undefined, body)).status).toBe(401)
    expect((await send("POST", "/api/products/categories/", customer, body)).status).toBe(403)
    const made = await send("POST", "/api/products/categories/", staff, body)
    expect(made).toMatchObject({ status: 201, body: { slug: "test-electronics" } })
    const again = await send("POST", "/api/products/categories/", staff, body)
    expect([again.status, fieldsOf(again)]).toEqual([400, ["name"]])
    expect((await send("GET", "/api/products/categories/")).body.count).toBe(1)
    expect((await send("GET", "/api/products/categories/test-electronics/")).status).toBe(200)
    expect((await send("GET", "/api/products/categories/nope/")).status).toBe(404)
    const updated = await send("PUT", "/api/products/categories/test-electronics/", staff, {
      name: "Updated Electronics",
      description: "More",
    })
    expect(updated).toMatchObject({ status: 200, body: { name: "Updated Electronics" } })
    const gone = await send("DELETE", "/api/products/categories/test-electronics/", staff)
    expect(gone.status).toBe(204)
    expect((await send("GET", "/api/v1/categories/")).body.count).toBe(0)
  })

  it("lie below each other, never below themselves", async () => {
    const electronics = await make.category({ name: "Electronics" })
    const laptops = await send("POST", "/api/v1/categories/", staff, {
      name: "Laptops",
      parent: electronics.id,
    })
    expect(laptops).toMatchObject({
      status: 201,
      body: { slug: "laptops", parent: electronics.id },
    })
    expect(namesOf(await send("GET", "/api/v1/categories/electronics/children/"))).toEqual([
      "Laptops",
    ])
    expect((await send("GET", "/api/v1/categories/laptops/")).status).toBe(200)
    expect(namesOf(await send("GET", "/api/v1/categories/?parent=electronics"))).toEqual([
      "Laptops",
    ])
    const own = await send("PATCH", `/api/v1/categories/${electronics.id}`, staff, {
      parent: electronics.id,
    })
    expect(own).toMatchObject({
      status: 400,
      body: { detail: "A category cannot be its own parent." },
    })
    const made = await send("POST", "/api/v1/admin/categories/", staff, { name: "Tablets" })
    expect(made.status).toBe(201)
    const gone = await send("DELETE", `/api/v1/admin/categories/${made.body.id}/`, staff)
    expect(gone.status).toBe(204)
    expect((await send("GET", `/api/v1/categories/${electronics.id}/products/`)).status).toBe(200)
    expect((await send("GET", "/api/v1/categories/99/products/")).status).toBe(404)
  })
})

describe("products as the documents make them", () => {
  it("take every spelling, and keep category and stock", async () => {
    const { id } = await make.category({ name: "Electronics" })
    const bodies: [string, Record<string, unknown>, Record<string, unknown>][] = [
      [
        "/api/products/",
        {
          name: "Premium Laptop",
          description: "Fast",
          price: "1299.99",
          category: id,
          sku: "LAPTOP-001",
          stock_quantity: 5,
        },
        {
          slug: "premium-laptop",
          price: "1299.99",
          is_in_stock: true,
          stock_quantity: 5,
          category: id,
        },
      ],
      [
        "/api/v1/products/",
        {
          name: "Other",
          description: "D",
          category_id: id,
          brand_id: "Acme",
          price: "99.99",
          sku: "PROD-001",
          quantity: 100,
        },
        { category: id, brand: "Acme", stock_quantity: 100 },
      ],
      [
        "/api/products/",
        {
          title: "Example Shirt",
          sku: "SKU-1234",
          price: "29.99",
          category_id: id,
          stock: 10,
          is_active: true,
        },
        { slug: "example-shirt", title: "Example Shirt", stock_quantity: 10, status: "active" },
      ],
      [
        "/api/v1/products/",
        {
          name: "iPhone 15 Pro",
          price: "999.99",
          stock_quantity: 50,
          category: id,
          brand: "Apple",
          is_featured: true,
          is_available: true,
        },
        { slug: "iphone-15-pro", is_featured: true, brand: "Apple" },
      ],
      [
        "/api/v1/admin/products",
        {
          title: "Admin made",
          description: "D",
          price: "149.99",
          category: id,
          slug: "admin-made",
        },
        { title: "Admin made", slug: "admin-made" },
      ],
      [
        "/api/products/",
        { title: "Bluetooth Speaker", price: 49.99, inventory: 30, category: id },
        { price: "49.99", stock_quantity: 30 },
      ],
      ["/api/products/", { name: "Premium Laptop", price: "1" }, { slug: "premium-laptop-1" }],
    ]
    for (const [path, body, wanted] of bodies) {
      const made = await send("POST", path, staff, body)
      expect(made).toMatchObject({ status: 201, body: wanted })
    }
    for (const as of [undefined, customer])
      expect((await send("POST", "/api/v1/admin/products", as, bodies[4]?.[1])).status).toBe(
        as ? 403 : 401,
      )
  })

  it("are refused for each field that does not hold, by its name", async () => {
    await make.product({ sku: "TAKEN" })
    const cases: [Record<string, unknown>, string][] = [
      ...["-1", "0", "abc", "1.999", "NaN", null].map(
        (price): [Record<string, unknown>, string] => [{ price }, "price"],
      ),
      ...[-1, 1.5, "x"].map((stock): [Record<string, unknown>, string] => [
        { stock_quantity: stock },
        "stock_quantity",
      ]),
      ...["", "x".repeat(256), null].map((title): [Record<string, unknown>, string] => [
        { name: title },
        "name",
      ]),
      [{ category: 999 }, "category"],
      [{ category: "electronics" }, "category"],
      [{ compare_at_price: 5 }, "compare_at_price"],
      [{ sku: "TAKEN" }, "sku"],
    ]
    for (const [over, field] of cases) {
      const refused = await send("POST", "/api/v1/products/", staff, {
        name: "P",
        price: "10",
        ...over,
      })
      expect([over, refused.status, fieldsOf(refused)]).toEqual([over, 400, [field]])
    }
    expect((await send("GET", "products", staff)).body.count).toBe(1)
  })

  it("are changed and removed by staff only, in part, under each path", async () => {
    const { id, slug } = await make.product({ name: "Phone" })
    const cases: Case[] = [
      ["PATCH", `/api/products/${slug}/`, { price: "649.99", stock_quantity: 45 }, 200],
      ["PUT", `/api/v1/admin/products/${id}`, { title: "New title", price: "199.99" }, 200],
      ["PUT", `/api/v1/products/${id}/`, { price: "0.01" }, 200],
      ["DELETE", `/api/v1/admin/products/${id}`, undefined, 204],
    ]
    for (const [method, path, body, status] of cases) {
      expect([path, (await send(method, path, undefined, body)).status]).toEqual([path, 401])
      expect([path, (await send(method, path, customer, body)).status]).toEqual([path, 403])
      expect([path, (await send(method, path, staff, body)).status]).toEqual([path, status])
    }
  })
})

describe("lists as the documents ask for them", () => {
  beforeEach(async () => {
    const electronics = await make.category({ name: "Electronics" })
    await make.category({ name: "General" })
    await make.product({ name: "Cable", price: "15.00", category: "general", brand: "Acme" })
    await make.product({ name: "Radio", price: "120.00", category: electronics.id, brand: "Apple" })
    await make.product({
      name: "Camera",
      price: "450.00",
      category: electronics.id,
      is_featured: true,
    })
    await make.product({ name: "Secret", status: "draft" })
  })

  it("narrow, order and cut, and ignore what they do not know", async () => {
    const wanted: [string, string[]][] = [
      ["?category=electronics&min_price=50&max_price=200", ["Radio"]],
      ["?ordering=price", ["Cable", "Radio", "Camera"]],
      ["?ordering=-price", ["Camera", "Radio", "Cable"]],
      ["?min_rating=4", []],
      ["?ordering=bogus", ["Camera", "Radio", "Cable"]],
      ["?category=general,electronics&ordering=name", ["Cable", "Camera", "Radio"]],
      ["?category=electronics&include_subcategories=false&ordering=name", ["Camera", "Radio"]],
      [
        "?category=electronics&min_price=100&max_price=500&ordering=-average_rating",
        ["Camera", "Radio"],
      ],
      ["?brand=apple", ["Radio"]],
      ["?featured=true", ["Camera"]],
      ["?status=draft&ordering=name", []],
      ["?category_slug=general", ["Cable"]],
      ["?limit=1&offset=1", ["Radio"]],
      ["?price_min=100&price_max=500&ordering=price", ["Radio", "Camera"]],
      ["?ordering=category,-price", ["Camera", "Radio", "Cable"]],
      ["?ordering=-category,price", ["Cable", "Radio", "Camera"]],
      ["?category=nowhere", []],
    ]
    for (const base of ["/api/products/", "/api/v1/products/", "/api/v1/catalog/products/"])
      for (const [query, names] of wanted)
        expect([query, namesOf(await send("GET", base + query))]).toEqual([query, names])
  })

  it("link to their neighbours, and are never more than a hundred", async () => {
    const first = await send("GET", "/api/v1/products/?page_size=1&ordering=name")
    expect(first.body).toMatchObject({ count: 3, previous: null })
    expect(first.body.next).toContain("page=2")
    const second = await send("GET", "/api/v1/products/?page_size=1&ordering=name&page=2")
    expect(second.body.previous).toContain("page=1")
    expect((await send("GET", "/api/v1/products/?limit=1&offset=1")).body.previous).toContain(
      "offset=0",
    )
    for (const page of ["99", "0", "abc"])
      expect(await send("GET", `/api/v1/products/?page=${page}`)).toMatchObject({
        status: 404,
        body: { code: "invalid-page" },
      })
    const bad = await send("GET", "/api/v1/products/?min_price=abc")
    expect([bad.status, fieldsOf(bad)]).toEqual([400, ["min_price"]])
    expect((await send("GET", "/api/v1/products/?limit=1000")).status).toBe(200)
  })

  it("show each product with its fields, and hide drafts from all but staff", async () => {
    const [item] = (await send("GET", "/api/v1/products/?brand=apple")).body.results
    expect(Object.keys(item)).toEqual(
      expect.arrayContaining(
        "id title slug description price category category_name image stock_quantity created_at updated_at average_rating reviews_count".split(
          " ",
        ),
      ),
    )
    expect(item).toMatchObject({ price: "120.00", category_name: "Electronics" })
    for (const ref of [item.id, "radio"])
      expect((await send("GET", `/api/v1/products/${ref}/`)).body.id).toBe(item.id)
    expect((await send("GET", "/api/v1/products/nope/")).status).toBe(404)
    expect((await send("GET", "/api/v1/products/secret/")).status).toBe(404)
    expect((await send("GET", "/api/v1/products/secret/", staff)).status).toBe(200)
    const hidden = (await send("GET", "/api/v1/products/secret/", staff)).body.id
    const added = await send("POST", "/api/v1/cart/items", customer, { product_id: hidden })
    expect(added.status).toBeGreaterThanOrEqual(400)
    expect(added.status).toBeLessThan(500)
    expect(namesOf(await send("GET", "/api/v1/products/featured/"))).toEqual(["Camera"])
    expect(namesOf(await send("GET", "/api/v1/products/latest/"))).toEqual([
      "Camera",
      "Radio",
      "Cable",
    ])
  })

  it("are linked for staff at /admin", async () => {
    expect((await send("GET", "/api/v1/admin/")).status).toBe(401)
    expect((await send("GET", "/api/v1/admin/", customer)).status).toBe(403)
    expect((await send("GET", "/api/v1/admin/", staff)).status).toBe(200)
  })
})
