import { describe, expect, it } from "vitest"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { countOf, fieldsOf, roundTrips, rows, stockOf } from "../support/shop.ts"

const laptop = () =>
  make.product({ name: "Premium Laptop", price: "1299.99", sku: "LAPTOP-001", stock_quantity: 5 })

/** A customer with this many laptops in the cart, and the line they are. */
async function shopper(quantity = 2) {
  const [customer, product] = [await make.user(), await laptop()]
  const added = await call("POST", "cart/items", {
    as: customer,
    body: { product_id: product.id, quantity },
  })
  return { customer, product, line: added.body.item_id as string }
}

describe("an empty cart", () => {
  it("of a customer is empty, and stored nowhere", async () => {
    const customer = await make.user()
    expect((await call("GET", "/api/cart/", { as: customer })).body).toEqual({
      id: null,
      user: customer.id,
      email: null,
      items: [],
      saved_items: [],
      total_items: 0,
      subtotal: "0.00",
      discount: "0.00",
      tax: "0.00",
      prices_include_tax: false,
      base_currency: "USD",
      base_total: "0.00",
      exchange_rate: null,
      total: "0.00",
      total_amount: "0.00",
      currency: "USD",
      coupons: [],
      explain: [],
      warnings: [],
      created_at: null,
      updated_at: null,
    })
    expect(await countOf("carts")).toBe(0)
  })

  it("counts and costs nothing, and may be emptied", async () => {
    const customer = await make.user()
    expect((await call("GET", "cart/count", { as: customer })).body).toEqual({ count: 0 })
    expect((await call("GET", "cart/total", { as: customer })).body).toEqual({
      total: "0.00",
      currency: "USD",
    })
    expect((await call("DELETE", "cart", { as: customer })).status).toBe(204)
  })
})

describe("putting things in", () => {
  it.each([
    ["product_id", "cart/items"],
    ["product", "/api/cart/add/"],
    ["product_id", "/api/v1/cart/"],
    ["product", "/api/v1/cart-items/"],
  ])("by %s at %s answers the cart and the line", async (field, path) => {
    const [customer, product] = [await make.user(), await laptop()]
    const added = await call("POST", path, {
      as: customer,
      body: { [field]: product.id, quantity: 2 },
    })
    expect(added.status).toBe(201)
    expect(added.body).toMatchObject({
      user: customer.id,
      item_id: added.body.items[0].id,
      items: [
        {
          product: {
            id: product.id,
            name: "Premium Laptop",
            title: "Premium Laptop",
            slug: "premium-laptop",
            price: "1299.99",
            image: null,
          },
          variant: null,
          quantity: 2,
          unit_price: "1299.99",
          subtotal: "2599.98",
          is_available: true,
          stock_available: 5,
          price_changed: false,
        },
      ],
      total_items: 2,
      subtotal: "2599.98",
      discount: "0.00",
      total: "2599.98",
      total_amount: "2599.98",
      currency: "USD",
      warnings: [],
    })
    expect((await call("GET", "cart", { as: customer })).body.items).toEqual(added.body.items)
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
  })

  it("finds the thing by id, slug or SKU, and a variant by its own", async () => {
    const [customer, product] = [await make.user(), await laptop()]
    const shirt = await make.product({
      name: "Shirt",
      price: "20",
      options: [{ name: "Size", values: ["S"] }],
      variants: [{ sku: "TEE-S", options: { Size: "S" }, price: "25", stock_quantity: 9 }],
    })
    for (const body of [
      { product_id: product.id },
      { product_id: "premium-laptop" },
      { product_id: "LAPTOP-001" },
      { sku: "LAPTOP-001" },
      { variant_id: shirt.variants[0]?.id },
      { variant_id: "TEE-S" },
      { sku: "TEE-S" },
    ])
      expect((await call("POST", "cart/items", { as: customer, body })).status).toBe(201)
    const cart = (await call("GET", "cart", { as: customer })).body
    expect(cart.items).toMatchObject([
      { product: { id: product.id }, variant: null, quantity: 4 },
      {
        product: { id: shirt.id },
        variant: { id: shirt.variants[0]?.id, sku: "TEE-S", options: { Size: "S" } },
        quantity: 3,
        unit_price: "25.00",
      },
    ])
    const whole = await call("POST", "cart/items", { as: customer, body: { product_id: shirt.id } })
    expect(whole).toMatchObject({ status: 400, body: { errors: [{ code: "variant-required" }] } })
  })

  it("reads a number where an id is wanted", async () => {
    const staff = await make.user("staff")
    await call("POST", "admin/products/import", {
      as: staff,
      body: '{"id":7,"name":"Rake","price":"1","stock_quantity":3}',
      headers: { "content-type": "application/x-ndjson" },
    })
    const added = await call("POST", "cart/items", { as: staff, body: { product_id: 7 } })
    expect(added).toMatchObject({ status: 201, body: { items: [{ product: { id: "7" } }] } })
  })

  it("lets a line that is there grow, to what there is and no further", async () => {
    const { customer, product } = await shopper(2)
    const add = (quantity?: number) =>
      call("POST", "cart/items", { as: customer, body: { product_id: product.id, quantity } })
    const grown = await add()
    expect(grown.body).toMatchObject({ items: [{ quantity: 3 }], total_items: 3 })
    const beyond = await add(3)
    expect(beyond).toMatchObject({
      status: 409,
      body: { code: "out-of-stock", available: 5, items: [{ variant_id: product.id }] },
    })
    expect(beyond.body.detail.toLowerCase()).toContain("stock")
    expect((await call("GET", "cart/count", { as: customer })).body.count).toBe(3)
    expect((await add(2)).body.items).toMatchObject([{ quantity: 5 }])
  })

  it.each([99, 100, 6])("refuses %i where there are five", async (quantity) => {
    const [customer, product] = [await make.user(), await laptop()]
    const body = { product_id: product.id, quantity }
    const refused = await call("POST", "cart/items", { as: customer, body })
    expect(refused).toMatchObject({ status: 409, body: { code: "out-of-stock", available: 5 } })
    expect(await countOf("carts")).toBe(0)
  })

  it.each([
    [{}, "product_id"],
    [{ quantity: 1 }, "product_id"],
    [{ product_id: "p", variant_id: "v" }, "variant_id"],
    [{ product_id: "p", quantity: 0 }, "quantity"],
    [{ product_id: "p", quantity: -1 }, "quantity"],
    [{ product_id: "p", quantity: 0.5 }, "quantity"],
    [{ product_id: "p", quantity: 1000 }, "quantity"],
    [{ product_id: "p", quantity: "x" }, "quantity"],
    [{ product_id: "p", quantity: null }, "quantity"],
    [{ product_id: null }, "product_id"],
  ])("refuses %j and names %s", async (body, field) => {
    const customer = await make.user()
    const refused = await call("POST", "cart/items", { as: customer, body })
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid-input" } })
    expect(fieldsOf(refused)).toEqual([field])
  })

  it("takes nothing that is not there or not on sale", async () => {
    const customer = await make.user()
    const draft = await make.product({ is_active: false })
    const add = (product_id: string) =>
      call("POST", "cart/items", { as: customer, body: { product_id } })
    expect(await add("999")).toMatchObject({ status: 404, body: { code: "not-found" } })
    expect(await add(draft.id)).toMatchObject({
      status: 409,
      body: { code: "product-unavailable" },
    })
    const sold = await make.product({ stock_quantity: 0 })
    expect(await add(sold.id)).toMatchObject({ status: 409, body: { available: 0 } })
  })

  it("takes no price from the client", async () => {
    const [customer, product] = [await make.user(), await laptop()]
    const added = await call("POST", "cart/items", {
      as: customer,
      body: { product_id: product.id, price: "0.01", unit_price: "0.01", total: "0.01" },
    })
    expect(added.body).toMatchObject({ total: "1299.99", items: [{ unit_price: "1299.99" }] })
  })
})

describe("changing a line", () => {
  it.each([
    ["PATCH", "cart/items/"],
    ["PUT", "cart/items/"],
    ["PATCH", "/api/cart/update/"],
    ["PUT", "/api/v1/cart/update/"],
    ["PUT", "/api/v1/cart-items/"],
    ["PUT", "/api/v1/cart/"],
  ])("with %s %s sets its quantity", async (method, path) => {
    const { customer, line } = await shopper()
    const changed = await call(method, `${path}${line}`, { as: customer, body: { quantity: 3 } })
    expect(changed).toMatchObject({
      status: 200,
      body: { item_id: line, total_items: 3, total: "3899.97", items: [{ quantity: 3 }] },
    })
    for (const [quantity, status] of [
      [0, 400],
      [-1, 400],
      [99, 409],
      ["x", 400],
    ]) {
      const refused = await call(method, `${path}${line}`, { as: customer, body: { quantity } })
      expect([quantity, refused.status]).toEqual([quantity, status])
    }
    const nothing = await call(method, `${path}${line}`, { as: customer, body: {} })
    expect(fieldsOf(nothing)).toEqual(["quantity"])
    expect((await call("GET", "cart/count", { as: customer })).body).toEqual({ count: 3 })
  })

  it.each(["POST", "PATCH"])("with %s increase and decrease goes by one", async (method) => {
    const { customer, line } = await shopper(2)
    const step = (name: string) => call(method, `/api/v1/cart/${name}/${line}/`, { as: customer })
    expect((await step("increase")).body.total_items).toBe(3)
    expect((await step("decrease")).body.total_items).toBe(2)
    expect((await step("decrease")).body.total_items).toBe(1)
    const last = await step("decrease")
    expect(last).toMatchObject({ status: 200, body: { items: [], item_id: null, total: "0.00" } })
    expect((await step("decrease")).status).toBe(404)
  })

  it("does not go beyond the stock by increasing", async () => {
    const { customer, line } = await shopper(5)
    const more = await call("POST", `cart/increase/${line}`, { as: customer })
    expect(more).toMatchObject({ status: 409, body: { code: "out-of-stock", available: 5 } })
    expect((await call("GET", "cart/count", { as: customer })).body.count).toBe(5)
  })
})

describe("taking things out", () => {
  it.each(["cart/items/", "/api/cart/remove/", "/api/v1/cart-items/", "/api/v1/cart/"])(
    "at %s takes a line out once",
    async (path) => {
      const { customer, line } = await shopper()
      expect((await call("DELETE", `${path}${line}`, { as: customer })).status).toBe(204)
      expect((await call("DELETE", `${path}${line}`, { as: customer })).status).toBe(404)
      expect((await call("GET", "cart", { as: customer })).body.items).toEqual([])
    },
  )

  it.each(["cart", "/api/cart/clear/"])("at %s takes everything out", async (path) => {
    const { customer } = await shopper()
    const other = await make.product()
    await call("POST", "cart/items", { as: customer, body: { product_id: other.id } })
    expect((await call("DELETE", path, { as: customer })).status).toBe(204)
    expect((await call("GET", "cart", { as: customer })).body).toMatchObject({
      items: [],
      total_items: 0,
    })
  })
})

describe("somebody else's cart", () => {
  it("is never seen, and its lines are no lines", async () => {
    const { line, customer } = await shopper()
    const other = await make.user()
    for (const as of [other, undefined, await make.user("staff")]) {
      expect((await call("GET", "cart", { as })).body.items).toEqual([])
      for (const method of ["PATCH", "PUT", "DELETE"]) {
        const body = method === "DELETE" ? undefined : { quantity: 1 }
        const refused = await call(method, `cart/items/${line}`, { as, body })
        expect(refused).toMatchObject({ status: 404, body: { code: "not-found" } })
      }
      expect((await call("DELETE", "cart", { as })).status).toBe(204)
    }
    expect((await call("GET", "cart", { as: customer })).body.total_items).toBe(2)
  })
})

describe("a guest's cart", () => {
  it("is found by the token that the first answer gave", async () => {
    const product = await laptop()
    const first = await call("GET", "cart")
    const token = first.body.token as string
    expect(token).toMatch(/^[\w-]{43}$/)
    expect(first.headers.get("x-cart-token")).toBe(token)
    expect(first.headers.get("set-cookie")).toContain(`cart_token=${token}`)
    expect(first.headers.get("set-cookie")).toMatch(/HttpOnly/)
    expect(first.headers.get("cache-control")).toBe("private, no-store")
    expect(await countOf("carts")).toBe(0)

    const headers = { "x-cart-token": token }
    const added = await call("POST", "cart/items", { body: { product_id: product.id }, headers })
    expect(added).toMatchObject({ status: 201, body: { user: null, total_items: 1 } })
    expect(added.body.token).toBeUndefined()
    expect((await call("GET", "cart", { headers })).body.total_items).toBe(1)
    const cookie = { cookie: `cart_token=${token}` }
    expect((await call("GET", "cart", { headers: cookie })).body.total_items).toBe(1)
    expect((await call("GET", "cart")).body.total_items).toBe(0)
  })

  it("may begin with the first thing put in", async () => {
    const product = await laptop()
    const added = await call("POST", "cart/items", { body: { product_id: product.id } })
    expect(added.body.token).toBe(added.headers.get("x-cart-token"))
    const headers = { "x-cart-token": added.body.token }
    const line = added.body.item_id
    const changed = await call("PATCH", `cart/items/${line}`, { headers, body: { quantity: 4 } })
    expect(changed.body).toMatchObject({ total_items: 4, items: [{ id: line }] })
    expect((await call("DELETE", `cart/items/${line}`, { headers })).status).toBe(204)
  })

  it.each(["", "short", "x".repeat(44), "has spaces in it and is as long as one is!!", "é"])(
    "is never found by a token that is none of ours: %j",
    async (token) => {
      const product = await laptop()
      const added = await call("POST", "cart/items", {
        body: { product_id: product.id },
        headers: { cookie: `cart_token=${encodeURIComponent(token)}` },
      })
      expect(added.status).toBe(201)
      expect(added.body.token).toMatch(/^[\w-]{43}$/)
      expect(added.body.token).not.toBe(token)
    },
  )

  it("keeps nothing of the token that whoever reads the database could use", async () => {
    const product = await laptop()
    const added = await call("POST", "cart/items", { body: { product_id: product.id } })
    const [cart] = await rows("SELECT token_hash FROM carts")
    expect(cart?.["token_hash"]).toMatch(/^[0-9a-f]{64}$/)
    expect(cart?.["token_hash"]).not.toContain(added.body.token)
  })
})

describe("figures", () => {
  it("add up what is in the cart, and say what can be bought of it", async () => {
    const { customer, product } = await shopper(2)
    const cheap = await make.product({ price: "0.10", stock_quantity: 3 })
    await call("POST", "cart/items", { as: customer, body: { product_id: cheap.id, quantity: 3 } })
    const staff = await make.user("staff")
    await call("POST", `admin/inventory/${product.id}/adjust`, {
      as: staff,
      body: { set: 1, reason: "damaged" },
    })
    expect((await call("GET", "cart/summary", { as: customer })).body).toMatchObject({
      total_items: 5,
      total_amount: "2600.28",
      available_items: 3,
      unavailable_items: 2,
      currency: "USD",
    })
    expect((await call("GET", "cart/count", { as: customer })).body).toEqual({ count: 5 })
    expect((await call("GET", "cart/total", { as: customer })).body).toEqual({
      total: "2600.28",
      currency: "USD",
    })
    const cart = (await call("GET", "cart", { as: customer })).body
    expect(cart.items[0]).toMatchObject({ is_available: false, stock_available: 1 })
    expect(cart.warnings).toEqual([
      {
        code: "over-stock",
        item_id: cart.items[0].id,
        detail: "Only 1 of Premium Laptop left.",
      },
    ])
  })

  it("are those of now: a price that changed is charged, and flagged", async () => {
    const { customer, product } = await shopper(2)
    const staff = await make.user("staff")
    await call("PATCH", `products/${product.id}`, { as: staff, body: { price: "999.99" } })
    const cart = (await call("GET", "cart", { as: customer })).body
    expect(cart).toMatchObject({
      total: "1999.98",
      items: [{ unit_price: "999.99", subtotal: "1999.98", price_changed: true }],
      warnings: [
        {
          code: "price-changed",
          detail: "Premium Laptop now costs 999.99 instead of 1299.99.",
        },
      ],
    })
    await call("PATCH", `products/${product.id}`, { as: staff, body: { price: "1299.99" } })
    const back = (await call("GET", "cart", { as: customer })).body
    expect(back).toMatchObject({ items: [{ price_changed: false }], warnings: [] })
  })

  it("say what went off sale, and keep it in the cart", async () => {
    const { customer, product } = await shopper(2)
    const staff = await make.user("staff")
    await call("PATCH", `products/${product.id}`, { as: staff, body: { status: "archived" } })
    const cart = (await call("GET", "cart", { as: customer })).body
    expect(cart).toMatchObject({
      items: [{ is_available: false }],
      warnings: [{ code: "unavailable" }],
    })
    expect((await call("GET", "cart/summary", { as: customer })).body).toMatchObject({
      available_items: 0,
      unavailable_items: 2,
    })
  })
})

it("putting something in costs at most three round trips to the database", async () => {
  const { customer, product } = await shopper(1)
  const again = await call("POST", "cart/items", {
    as: customer,
    body: { product_id: product.id },
  })
  expect(roundTrips(again)).toBeLessThanOrEqual(3)
  const guest = await call("POST", "cart/items", { body: { product_id: product.id } })
  expect(roundTrips(guest)).toBeLessThanOrEqual(3)
})
