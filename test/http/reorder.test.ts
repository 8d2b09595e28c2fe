import { describe, expect, it } from "vitest"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { person, secret } from "../support/people.ts"
import { order } from "../support/shop.ts"

describe("ordering something again", () => {
  it("fills the cart, and says what is gone, fewer or dearer", async () => {
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const cap = await make.product({ name: "Cap", price: "10.00", sku: "CAP", stock_quantity: 9 })
    const mug = await make.product({ name: "Mug", price: "4.00", stock_quantity: 5 })
    const pen = await make.product({ name: "Pen", price: "1.00", stock_quantity: 5 })
    const hat = await make.product({ name: "Hat", price: "8.00", stock_quantity: 1 })
    const items = [
      { product_id: cap.id, quantity: 2 },
      { product_id: mug.id, quantity: 3 },
      { product_id: pen.id, quantity: 1 },
      { product_id: hat.id, quantity: 1 },
    ]
    const placed = (await order(items, customer)).body
    await call("PATCH", `products/${cap.id}`, { as: staff, body: { price: "12.00" } })
    await call("PATCH", `products/${pen.id}`, { as: staff, body: { is_active: false } })
    const answer = await call("POST", `orders/${placed.order_number}/reorder`, { as: customer })
    expect(answer).toMatchObject({
      status: 200,
      body: { order_number: placed.order_number, is_complete: false, currency: "USD" },
    })
    const told = answer.body.items.map((one: any) => [
      one.name,
      one.outcome,
      one.in_cart,
      one.unit_price_then,
      one.unit_price,
      one.price_changed,
    ])
    expect(told).toEqual([
      ["Cap", "added", 2, "10.00", "12.00", true],
      ["Mug", "fewer", 2, "4.00", "4.00", false],
      ["Pen", "gone", 0, "1.00", null, false],
      ["Hat", "gone", 0, "8.00", "8.00", false],
    ])
    const cart = (await call("GET", "cart", { as: customer })).body
    expect(cart.items.map((one: any) => [one.product.name, one.quantity])).toEqual([
      ["Cap", 2],
      ["Mug", 2],
    ])
  })

  it("twice, and five times at once, is the same cart", async () => {
    const customer = await make.user()
    const cap = await make.product({ stock_quantity: 9 })
    const placed = (await order([{ product_id: cap.id, quantity: 2 }], customer)).body
    const again = () => call("POST", `orders/${placed.id}/reorder`, { as: customer })
    expect((await again()).body.is_complete).toBe(true)
    await Promise.all([1, 2, 3, 4, 5].map(again))
    expect((await call("GET", "cart", { as: customer })).body.total_items).toBe(2)
    // More of it in the cart stays.
    await call("POST", "cart/items", { as: customer, body: { product_id: cap.id, quantity: 3 } })
    expect((await again()).body.items[0]).toMatchObject({ outcome: "added", in_cart: 5 })
    expect((await call("GET", "cart", { as: customer })).body.total_items).toBe(5)
  })

  it("goes into the guest's cart for the holder of the order's token", async () => {
    const cap = await make.product({ stock_quantity: 9 })
    const placed = (await order([{ product_id: cap.id, quantity: 2 }])).body
    const path = `orders/${placed.id}/reorder`
    expect((await call("POST", path)).status).toBe(401)
    const headers = { "x-order-token": placed.access_token as string }
    const { status, body } = await call("POST", path, { headers })
    expect(status).toBe(200)
    const cart = await call("GET", "cart", { headers: { "x-cart-token": body.token } })
    expect(cart.body.total_items).toBe(2)
  })

  it("is the owner's: not the staff's, not another's, and no program's", async () => {
    const [customer, other, staff] = [
      await make.user(),
      await make.user(),
      await make.user("staff"),
    ]
    const cap = await make.product()
    const placed = (await order([{ product_id: cap.id, quantity: 1 }], customer)).body
    for (const as of [other, staff])
      expect((await call("POST", `orders/${placed.id}/reorder`, { as })).status).toBe(404)
    const admin = await person("admin")
    const own = (await order([{ product_id: cap.id, quantity: 1 }], admin)).body
    const { body } = await call("POST", "auth/api-keys", {
      as: admin,
      body: { name: "k", scopes: ["orders:read", "orders:write"], password: secret },
    })
    const headers = { "x-api-key": body.key as string }
    expect((await call("POST", `orders/${own.id}/reorder`, { headers })).status).toBe(403)
  })
})
