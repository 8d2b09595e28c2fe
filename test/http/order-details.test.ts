import { describe, expect, it } from "vitest"

import * as orders from "#modules/orders/orders.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { address, countOf, fieldsOf, move, order, rows } from "../support/shop.ts"

/** A pending order of one thing. */
async function placed(over: Record<string, unknown> = {}) {
  const [customer, staff] = [await make.user(), await make.user("staff")]
  const product = await make.product()
  const { body } = await order([{ product_id: product.id, quantity: 1 }], customer, over)
  return { customer, staff, id: body.id as string, number: body.order_number as string }
}

describe("changing an order", () => {
  it("lets its owner say where it goes and what they want, while it is pending", async () => {
    const { customer, id, staff } = await placed()
    const change = (body: unknown) => call("PATCH", `orders/${id}`, { as: customer, body })
    const changed = await change({
      shipping_address: { ...address, address_line_1: "2 New Road" },
      notes: "Ring twice",
    })
    expect(changed).toMatchObject({
      status: 200,
      body: {
        shipping_address: { address_line_1: "2 New Road" },
        billing_address: { address_line_1: address.address_line_1 },
        notes: "Ring twice",
        total: "10.00",
      },
    })
    const { body: history } = await call("GET", `orders/${id}/history`, { as: customer })
    expect(history.results[1]).toMatchObject({
      kind: "details",
      note: "Changed: notes, shipping_address.",
      actor: customer.id,
    })
    // Saying it again is nothing new.
    await change({ notes: "Ring twice" })
    expect(await countOf("order_changes")).toBe(2)
    await move(id, staff, "confirmed")
    expect(await change({ notes: "No" })).toMatchObject({
      status: 409,
      body: { code: "order-not-editable" },
    })
  })

  it("lets staff change it until it is sent, and its notes ever after", async () => {
    const { id, staff } = await placed()
    const change = (body: unknown) => call("PATCH", `orders/${id}`, { as: staff, body })
    await move(id, staff, "confirmed", "processing")
    const moved = { shipping_address: { ...address, city: "Leeds" } }
    expect((await change({ ...moved, email: "New@Example.com" })).body).toMatchObject({
      email: "new@example.com",
      shipping_address: { city: "Leeds" },
    })
    await move(id, staff, "shipped")
    expect(await change(moved)).toMatchObject({ status: 200 })
    expect(await change({ shipping_address: address })).toMatchObject({
      status: 409,
      body: { code: "order-not-editable" },
    })
    expect((await change({ notes: "Left at the door" })).status).toBe(200)
  })

  it("is for nobody else, and for nothing that is not theirs to say", async () => {
    const { customer, id } = await placed()
    const body = { notes: "Mine" }
    expect((await call("PATCH", `orders/${id}`, { as: await make.user(), body })).status).toBe(404)
    expect((await call("PATCH", `orders/${id}`, { body })).status).toBe(401)
    const change = (given: unknown) => call("PATCH", `orders/${id}`, { as: customer, body: given })
    for (const given of [{}, { status: "delivered" }, { status: "banana", total: "0.01" }])
      expect(fieldsOf(await change(given))).toEqual(["notes"])
    expect(fieldsOf(await change({ email: "other@example.com" }))).toEqual(["email"])
    expect(
      fieldsOf(await change({ shipping_address: { city: "X" }, notes: "x".repeat(2001) })),
    ).toEqual(["notes", "shipping_address.address_line_1", "shipping_address.country"])
    const other = await make.user()
    const { body: saved } = await call("POST", "users/me/addresses", { as: other, body: address })
    expect(fieldsOf(await change({ billing_address: saved.id }))).toEqual(["billing_address"])
    const before = await rows("SELECT status, total_amount, notes, version FROM orders")
    await change({ notes: "x", status: "delivered", total: "0.01", payment_status: "paid" })
    expect(await rows("SELECT status, total_amount, notes, version FROM orders")).toEqual(
      before.map((row) => ({ ...row, notes: "x", version: 2 })),
    )
  })

  it("refuses an address that makes the order cost something else", async () => {
    const admin = await make.user("admin")
    const made = await call("POST", "admin/tax/rates", {
      as: admin,
      body: { name: "VAT", country: "FR", rate: "20", tax_class: "standard" },
    })
    expect(made.status).toBe(201)
    const { customer, id } = await placed()
    const refused = await call("PATCH", `orders/${id}`, {
      as: customer,
      body: { shipping_address: { ...address, country: "FR" } },
    })
    expect(refused).toMatchObject({
      status: 409,
      body: { code: "price-changed", total: "12.00" },
    })
    const same = { shipping_address: { ...address, country: "IE" } }
    expect((await call("PATCH", `orders/${id}`, { as: customer, body: same })).status).toBe(200)
  })
})

describe("an order's number and e-mail address", () => {
  it("open it to whoever has both, to be read and no more", async () => {
    const product = await make.product()
    const { body } = await order([{ product_id: product.id, quantity: 1 }])
    const query = `?email=${encodeURIComponent("Guest@Example.com")}`
    const path = `orders/${body.order_number}`
    for (const part of ["", "/track", "/history"])
      expect((await call("GET", `${path}${part}${query}`)).status).toBe(200)
    expect((await call("GET", `${path.toLowerCase()}${query}`)).body.id).toBe(body.id)
    expect((await call("PATCH", `${path}${query}`, { body: { notes: "x" } })).status).toBe(401)
    expect((await call("POST", `${path}/cancel${query}`, { body: {} })).status).toBe(401)
    expect((await call("DELETE", `${path}${query}`)).status).toBe(401)
  })

  it("say the same 404 of anything wrong: the address, the number, the id", async () => {
    const product = await make.product()
    const { body } = await order([{ product_id: product.id, quantity: 1 }])
    const wrong = [
      `orders/${body.order_number}?email=other@example.com`,
      `orders/${body.order_number}?email=`,
      "orders/NX-20200101-00000000?email=guest@example.com",
      `orders/${body.id}?email=guest@example.com`,
    ]
    const answers = await Promise.all(wrong.map((path) => call("GET", path)))
    for (const answer of answers)
      expect(answer).toMatchObject({
        status: 404,
        body: { code: "not-found", detail: "No such order" },
      })
  })

  it("cannot be tried out", async () => {
    const as = ctx({ as: { type: "guest" } })
    const limited = { ...as, config: { ...as.config, rateLimits: true } }
    const look = () => orders.get(limited, "NX-20200101-00000000", "guest@example.com")
    for (let n = 0; n < 10; n++) await expect(look()).rejects.toMatchObject({ code: "not-found" })
    await expect(look()).rejects.toMatchObject({ code: "rate-limited" })
  })
})

describe("an order through the spellings of others", () => {
  it("is shown, tracked, moved and cancelled as they expect", async () => {
    const { customer, staff, id, number } = await placed()
    const get = (path: string) => call("GET", `/api/v1/${path}`, { as: customer })
    expect((await get(`orders/${id}/status/`)).body).toMatchObject({
      id,
      status: "pending",
      payment_status: "unpaid",
    })
    expect((await get(`orders/${number}/track/`)).body.timeline[0].title).toBe("Order Placed")
    expect((await get(`orders/${id}/status_history/`)).body.results).toHaveLength(1)
    expect((await get("orders/history/")).body.results).toMatchObject([{ id }])
    const put = await call("PUT", `/api/v1/orders/${id}/`, {
      as: staff,
      body: { status: "confirmed" },
    })
    expect(put).toMatchObject({ status: 200, body: { status: "confirmed" } })
    const cancelled = await call("POST", `/api/v1/orders/${id}/cancel/`, { as: customer, body: {} })
    expect(cancelled.body).toMatchObject({
      message: "Order cancelled successfully.",
      order: { status: "cancelled" },
    })
    const again = await call("DELETE", `/api/v1/orders/${id}/`, { as: customer })
    expect(again).toMatchObject({ status: 409, body: { code: "already-cancelled" } })
    expect(again.body.detail).toContain("already")
  })
})

it("the tables that the shop goes by are there for everybody to read", async () => {
  const { body } = await call("GET", "meta/state-machines")
  expect(Object.keys(body)).toEqual([
    "order",
    "payment",
    "fulfilment",
    "parcel",
    "return",
    "subscription",
    "final",
  ])
  expect(body.subscription.paused).toEqual(["trialing", "active", "cancelled"])
  expect(body.order.processing).toEqual(["shipped", "cancelled"])
  expect(body.payment.unpaid).toEqual(["authorized", "paid", "failed", "voided"])
  expect(body.parcel).toEqual({ shipped: ["delivered", "cancelled"], delivered: [], cancelled: [] })
  expect(body.return.requested).toEqual(["approved", "rejected", "cancelled"])
  expect(body.final).toEqual(["cancelled", "refunded"])
})
