import { describe, expect, it } from "vitest"

import { findReminder, markAbandoned } from "#modules/cart/abandonment.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { person, secret } from "../support/people.ts"
import { fieldsOf, roundTrips, rows, tally } from "../support/shop.ts"

/** A customer with this many rakes in the cart, of five. */
async function shopper(quantity = 2) {
  const customer = await make.user()
  const product = await make.product({ name: "Rake", price: "12.50", stock_quantity: 5 })
  const added = await call("POST", "cart/items", {
    as: customer,
    body: { product_id: product.id, quantity },
  })
  return { as: customer, product, line: added.body.item_id as string }
}

describe("saved for later", () => {
  it("a line leaves the cart, and comes back", async () => {
    const { as, product, line } = await shopper()
    const kept = await call("POST", `cart/save-for-later/${line}`, { as })
    expect(kept).toMatchObject({
      status: 200,
      body: {
        items: [],
        total: "0.00",
        warnings: [],
        saved_items: [
          {
            id: expect.stringMatching(/^sav_/),
            product: { id: product.id, name: "Rake", price: "12.50" },
            variant: null,
            quantity: 2,
            unit_price: "12.50",
            is_available: true,
            stock_available: 5,
            price_changed: false,
          },
        ],
      },
    })
    expect((await call("POST", `cart/save-for-later/${line}`, { as })).status).toBe(404)
    const id = kept.body.saved_items[0].id
    const back = await call("POST", `cart/save-for-later/${id}/restore`, { as })
    expect(back).toMatchObject({
      status: 201,
      body: { items: [{ id: back.body.item_id, quantity: 2 }], saved_items: [], total: "25.00" },
    })
    expect((await call("POST", `cart/save-for-later/${id}/restore`, { as })).status).toBe(404)
  })

  it("adds up with what is saved, and with what is in the cart", async () => {
    const { as, product, line } = await shopper(2)
    await call("POST", `cart/save-for-later/${line}`, { as })
    const again = await call("POST", "cart/items", { as, body: { product_id: product.id } })
    const both = await call("POST", `cart/save-for-later/${again.body.item_id}`, { as })
    expect(both.body.saved_items).toMatchObject([{ quantity: 3 }])
    await call("POST", "cart/items", { as, body: { product_id: product.id } })
    const id = both.body.saved_items[0].id
    const back = await call("POST", `cart/save-for-later/${id}/restore`, { as })
    expect(back.body.items).toMatchObject([{ quantity: 4 }])
  })

  it("comes back as far as there is, and the rest stays", async () => {
    const { as, product, line } = await shopper(4)
    const id = (await call("POST", `cart/save-for-later/${line}`, { as })).body.saved_items[0].id
    await call("POST", "cart/items", { as, body: { product_id: product.id, quantity: 3 } })
    const restore = () => call("POST", `cart/save-for-later/${id}/restore`, { as })
    expect((await restore()).body).toMatchObject({
      items: [{ quantity: 5 }],
      saved_items: [{ id, quantity: 2 }],
    })
    expect(await restore()).toMatchObject({
      status: 409,
      body: { code: "out-of-stock", available: 5 },
    })
    expect((await call("GET", "cart", { as })).body.saved_items).toMatchObject([{ quantity: 2 }])
  })

  it("comes back once, of many asked at once", async () => {
    const { as, line } = await shopper(2)
    const id = (await call("POST", `cart/save-for-later/${line}`, { as })).body.saved_items[0].id
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => call("POST", `cart/save-for-later/${id}/restore`, { as })),
    )
    expect(tally(answers)).toEqual({ "201": 1, "404 not-found": 7 })
    expect((await call("GET", "cart/count", { as })).body).toEqual({ count: 2 })
  })

  it("is saved once, of many asked at once", async () => {
    const { as, line } = await shopper(2)
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => call("POST", `cart/save-for-later/${line}`, { as })),
    )
    expect(tally(answers)).toEqual({ "200": 1, "404 not-found": 7 })
    expect((await call("GET", "cart", { as })).body.saved_items).toMatchObject([{ quantity: 2 }])
  })

  it("outlives the cart: emptied or ordered, it stays; it may be forgotten", async () => {
    const { as, product, line } = await shopper(2)
    const id = (await call("POST", `cart/save-for-later/${line}`, { as })).body.saved_items[0].id
    await call("DELETE", "cart", { as })
    await call("POST", "cart/items", { as, body: { product_id: product.id } })
    const body = { shipping_address: { street: "1 Way", city: "London", country: "GB" } }
    expect((await call("POST", "cart/checkout", { as, body })).status).toBe(201)
    expect((await call("GET", "cart", { as })).body.saved_items).toMatchObject([{ id }])
    expect((await call("DELETE", `cart/save-for-later/${id}`, { as })).status).toBe(204)
    expect((await call("DELETE", `cart/save-for-later/${id}`, { as })).status).toBe(404)
    expect((await call("GET", "cart", { as })).body.saved_items).toEqual([])
  })

  it("keeps a product from being deleted: it is archived instead", async () => {
    const { as, product, line } = await shopper()
    await call("POST", `cart/save-for-later/${line}`, { as })
    await call("DELETE", `products/${product.id}`, { as: await make.user("staff") })
    expect((await call("GET", "cart", { as })).body.saved_items).toMatchObject([
      { product: { id: product.id }, is_available: false },
    ])
  })

  it("of a guest is found by the cart's token", async () => {
    const product = await make.product()
    const added = await call("POST", "cart/items", { body: { product_id: product.id } })
    const headers = { "x-cart-token": added.body.token }
    await call("POST", `cart/save-for-later/${added.body.item_id}`, { headers })
    expect((await call("GET", "cart", { headers })).body.saved_items).toHaveLength(1)
    expect((await call("GET", "cart")).body.saved_items).toEqual([])
  })
})

describe("where a guest can be written to", () => {
  it("is kept with the cart, in lower case, until it is taken back", async () => {
    const product = await make.product()
    const added = await call("POST", "cart/items", { body: { product_id: product.id } })
    const headers = { "x-cart-token": added.body.token }
    const say = (email: unknown) => call("PATCH", "cart", { headers, body: { email } })
    expect((await say(" Ada@Example.com ")).body.email).toBe("ada@example.com")
    expect((await call("GET", "cart", { headers })).body.email).toBe("ada@example.com")
    for (const email of ["ada", "", 5, {}, undefined])
      expect(fieldsOf(await say(email))).toEqual(["email"])
    expect((await say(null)).body.email).toBeNull()
  })

  it("is kept nowhere before the first thing is in", async () => {
    const refused = await call("PATCH", "cart", { body: { email: "ada@example.com" } })
    expect(refused).toMatchObject({ status: 400, body: { code: "cart-empty" } })
    expect(await rows("SELECT id FROM carts")).toEqual([])
  })
})

describe("the page that a reminder leads to", () => {
  it("sends the link's token to where carts are opened again", async () => {
    const page = await call("GET", "/cart/recover")
    expect(page.status).toBe(200)
    expect(page.body).toContain('data-to="/api/v1/cart/recover"')
    expect(page.body).toContain('data-done="Your cart is open again."')
    expect(page.headers.get("content-security-policy")).toContain("script-src 'self'")
  })

  it("opens a guest's cart with a token of its own, in a cookie too", async () => {
    const product = await make.product()
    const added = await call("POST", "cart/items", { body: { product_id: product.id } })
    const headers = { "x-cart-token": added.body.token }
    await call("PATCH", "cart", { headers, body: { email: "ada@example.com" } })
    await markAbandoned(ctx({ now: new Date(Date.now() + 2 * 86_400_000) }))
    const [left] = await rows<{ id: never }>("SELECT id FROM cart_abandonments")
    const token = (await findReminder(ctx(), left!.id))?.token
    const opened = await call("POST", "cart/recover", { body: { token } })
    expect(opened).toMatchObject({ status: 200, body: { items: [{ quantity: 1 }] } })
    expect(opened.headers.get("x-cart-token")).toBe(opened.body.token)
    expect(opened.headers.get("set-cookie")).toContain(`cart_token=${opened.body.token}`)
    const mine = { "x-cart-token": opened.body.token }
    expect((await call("GET", "cart", { headers: mine })).body.items).toHaveLength(1)
    expect((await call("GET", "cart", { headers })).body.items).toEqual([])
    for (const bad of ["x".repeat(43), "short"])
      expect(fieldsOf(await call("POST", "cart/recover", { body: { token: bad } }))).toEqual([
        "token",
      ])
  })
})

describe("a hundred at once over HTTP", () => {
  it("who add one to a line make it a hundred", async () => {
    const as = await make.user()
    const product = await make.product({ stock_quantity: 150 })
    const answers = await Promise.all(
      Array.from({ length: 100 }, () =>
        call("POST", "cart/items", { as, body: { product_id: product.id } }),
      ),
    )
    expect(tally(answers)).toEqual({ "201": 100 })
    expect((await call("GET", "cart", { as })).body.items).toMatchObject([{ quantity: 100 }])
  })

  it("who step up and down are all taken", async () => {
    const as = await make.user()
    const product = await make.product({ stock_quantity: 150 })
    const { body } = await call("POST", "cart/items", {
      as,
      body: { product_id: product.id, quantity: 20 },
    })
    const step = (way: string) => call("POST", `cart/${way}/${body.item_id}`, { as })
    await Promise.all([
      ...Array.from({ length: 40 }, () => step("increase")),
      ...Array.from({ length: 10 }, () => step("decrease")),
    ])
    expect((await call("GET", "cart/count", { as })).body).toEqual({ count: 50 })
  })
})

it("fifty things cost as many round trips as one", async () => {
  const one = await shopper()
  const as = await make.user()
  const values = Array.from({ length: 50 }, (_, n) => String(n))
  const { variants } = await make.product({
    options: [{ name: "No", values }],
    variants: values.map((value) => ({ options: { No: value }, stock_quantity: 9 })),
  })
  for (const { id } of variants) await call("POST", "cart/items", { as, body: { variant_id: id } })
  const many = await call("GET", "cart", { as })
  expect(many.body.items).toHaveLength(50)
  expect(roundTrips(many)).toBe(roundTrips(await call("GET", "cart", { as: one.as })))
})

describe("a wishlist", () => {
  it("holds products once, newest first, by id or slug, as they are now", async () => {
    const as = await make.user()
    const [rake, lamp] = [
      await make.product({ name: "Rake", price: "12.50" }),
      await make.product({ name: "Lamp", stock_quantity: 0 }),
    ]
    const wish = (body: unknown) => call("POST", "wishlist/items", { as, body })
    const first = await wish({ product_id: rake.id })
    expect(first).toMatchObject({
      status: 201,
      body: {
        product: { id: rake.id, name: "Rake", slug: "rake", price: "12.50", currency: "USD" },
        is_available: true,
      },
    })
    await wish({ product: "lamp" })
    expect((await wish({ product_id: "rake" })).body).toEqual(first.body)
    const list = await call("GET", "wishlist", { as })
    expect(list.body).toMatchObject({
      count: 2,
      results: [{ product: { id: lamp.id }, is_available: false }, { product: { id: rake.id } }],
    })
    expect(roundTrips(list)).toBe(1)
    expect((await call("GET", "wishlist", { as: await make.user() })).body.count).toBe(0)
  })

  it("lets go of one, or of all", async () => {
    const as = await make.user()
    const products = [await make.product({ name: "Rake" }), await make.product()]
    for (const { id } of products)
      await call("POST", "wishlist/items", { as, body: { product_id: id } })
    expect((await call("DELETE", "wishlist/items/rake", { as })).status).toBe(204)
    expect((await call("DELETE", "wishlist/items/rake", { as })).status).toBe(404)
    expect((await call("DELETE", "wishlist", { as })).status).toBe(204)
    expect((await call("GET", "wishlist", { as })).body.results).toEqual([])
  })

  it("takes nothing that the public does not see", async () => {
    const as = await make.user()
    const draft = await make.product({ status: "draft" })
    for (const product_id of [draft.id, "999"])
      expect(await call("POST", "wishlist/items", { as, body: { product_id } })).toMatchObject({
        status: 404,
      })
    expect(fieldsOf(await call("POST", "wishlist/items", { as, body: {} }))).toEqual(["product_id"])
  })

  it("and all that lies in carts goes with the account", async () => {
    const as = await person()
    const product = await make.product()
    await call("POST", "wishlist/items", { as, body: { product_id: product.id } })
    const { body } = await call("POST", "cart/items", { as, body: { product_id: product.id } })
    await call("POST", `cart/save-for-later/${body.item_id}`, { as })
    await call("POST", "cart/items", { as, body: { product_id: product.id } })
    const gone = await call("DELETE", "users/me", { as, body: { password: secret } })
    expect(gone.status).toBe(204)
    for (const table of ["carts", "cart_lines", "saved_items", "wishlist_items"])
      expect([table, await rows(`SELECT * FROM ${table}`)]).toEqual([table, []])
  })
})
