import { describe, expect, it } from "vitest"

import { type Answer, call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { opened } from "../support/opened.ts"
import { address, countOf, fieldsOf, move, order, stockOf, tally } from "../support/shop.ts"

type Signed = { access: string }

const laptop = () =>
  make.product({ name: "Premium Laptop", price: "1299.99", sku: "LAPTOP-001", stock_quantity: 5 })

/** An order of two laptops by a customer: as lists tell it, and as it tells itself. */
async function ordered() {
  const [customer, product] = [await make.user(), await laptop()]
  const answer = await order([{ product_id: product.id, quantity: 2 }], customer)
  expect(answer.status).toBe(201)
  const shown = opened(answer.body, [
    ["line", "2 × Premium Laptop at 1299.99 USD", "2599.98"],
    ["total", "To pay", "2599.98"],
  ])
  const { payment: _payment, ...placed } = answer.body
  return { customer, product, placed, shown, number: placed.order_number as string }
}

describe("placing an order of items", () => {
  it("answers the order, priced by the catalogue, and takes the stock", async () => {
    const [customer, product] = [await make.user(), await laptop()]
    const placed = await call("POST", "/api/orders/", {
      as: customer,
      body: {
        items: [{ product_id: product.id, quantity: 2, price: "0.01", unit_price: 0.01 }],
        shipping_address: {
          street: "123 Main St",
          city: "Anytown",
          state: "CA",
          zip_code: "12345",
          country: "us",
          phone: "+1 555 0100",
        },
        notes: "Ring twice",
      },
    })
    expect(placed.status).toBe(201)
    expect(placed.body).toMatchObject({
      user: customer.id,
      email: customer.email,
      status: "pending",
      status_display: "Pending",
      payment_status: "unpaid",
      fulfilment_status: "unfulfilled",
      payment_method: "manual",
      currency: "USD",
      subtotal: "2599.98",
      discount: "0.00",
      shipping_cost: "0.00",
      tax: "0.00",
      total: "2599.98",
      total_amount: "2599.98",
      items: [
        {
          product_id: product.id,
          variant_id: product.id,
          name: "Premium Laptop",
          product_title: "Premium Laptop",
          sku: "LAPTOP-001",
          quantity: 2,
          unit_price: "1299.99",
          line_total: "2599.98",
          tax: "0.00",
          discount: "0.00",
        },
      ],
      shipping_address: {
        address_line_1: "123 Main St",
        city: "Anytown",
        state: "CA",
        postal_code: "12345",
        country: "US",
        phone_number: "+1 555 0100",
      },
      notes: "Ring twice",
      coupons: [],
      paid_at: null,
      shipped_at: null,
      delivered_at: null,
      cancelled_at: null,
    })
    expect(placed.body.billing_address).toEqual(placed.body.shipping_address)
    expect(placed.body.order_number).toMatch(/^NX-\d{8}-[0-9A-Z]{8}$/)
    expect(placed.body.access_token).toBeUndefined()
    expect(await stockOf(product.id)).toEqual({ onHand: 3, held: 0, available: 3 })
  })

  it("sums the lines of one thing, however it is named", async () => {
    const [customer, product] = [await make.user(), await laptop()]
    const placed = await order(
      [
        { product_id: product.id, quantity: 1 },
        { sku: "LAPTOP-001", quantity: "2" },
        { product: "premium-laptop", quantity: 1 },
      ],
      customer,
    )
    expect(placed.body.items).toMatchObject([{ quantity: 4, line_total: "5199.96" }])
    expect((await stockOf(product.id)).onHand).toBe(1)
    const beyond = await order(
      [
        { product_id: product.id, quantity: 1 },
        { product_id: product.id, quantity: 1 },
      ],
      customer,
    )
    expect(beyond).toMatchObject({ status: 409, body: { code: "out-of-stock", available: 1 } })
  })

  it("takes nothing from the client that is the shop's to say", async () => {
    const [customer, product, other] = [await make.user(), await laptop(), await make.user()]
    const placed = await order([{ product_id: product.id, quantity: 1 }], customer, {
      id: "ord_mine",
      order_number: "NX-1",
      status: "delivered",
      payment_status: "paid",
      total: "0.01",
      total_amount: 0.01,
      discount: "1299.98",
      user: other.id,
      created_at: "2001-01-01T00:00:00.000Z",
      currency: "JPY",
    })
    expect(placed.body).toMatchObject({
      status: "pending",
      payment_status: "unpaid",
      total: "1299.99",
      discount: "0.00",
      user: customer.id,
      currency: "USD",
    })
    expect(placed.body.id).not.toBe("ord_mine")
    expect(placed.body.order_number).not.toBe("NX-1")
    expect(placed.body.created_at > "2026").toBe(true)
  })

  it.each([
    ["no items", { items: [] }, ["items"]],
    ["items that are none", { items: "all" }, ["items"]],
    ["an unknown product", { items: [{ product_id: "999", quantity: 1 }] }, ["items.0.product_id"]],
    ["an unknown word", { items: [{ product_id: "abc", quantity: 1 }] }, ["items.0.product_id"]],
    ["no product", { items: [{ quantity: 1 }] }, ["items.0.product_id"]],
    ["no quantity", { items: [{ product_id: "P" }] }, ["items.0.quantity"]],
    ["a quantity of 0", { items: [{ product_id: "P", quantity: 0 }] }, ["items.0.quantity"]],
    ["a negative quantity", { items: [{ product_id: "P", quantity: -1 }] }, ["items.0.quantity"]],
    ["half a quantity", { items: [{ product_id: "P", quantity: 0.5 }] }, ["items.0.quantity"]],
    ["a null quantity", { items: [{ product_id: "P", quantity: null }] }, ["items.0.quantity"]],
    ["a huge quantity", { items: [{ product_id: "P", quantity: 1e12 }] }, ["items.0.quantity"]],
    [
      "no city",
      { shipping_address: { street: "1 Road", country: "US" } },
      ["shipping_address.city"],
    ],
    [
      "an address of nothing",
      { shipping_address: {} },
      ["shipping_address.address_line_1", "shipping_address.city", "shipping_address.country"],
    ],
    [
      "a country that is none",
      { shipping_address: { ...address, country: "Utopia" } },
      ["shipping_address.country"],
    ],
    ["no address", { shipping_address: undefined }, ["shipping_address"]],
    ["an unknown payment method", { payment_method: "bitcoin" }, ["payment_method"]],
    [
      "two billing addresses",
      { billing_address: address, use_shipping_as_billing: true },
      ["billing_address"],
    ],
    ["an e-mail that is none", { email: "nobody" }, ["email"]],
    [
      "several things at once",
      { items: [{ product_id: "P", quantity: 0 }], payment_method: "gold", email: "nobody" },
      ["email", "items.0.quantity", "payment_method"],
    ],
  ])("refuses %s, and takes nothing", async (_, over, fields) => {
    const [customer, product] = [await make.user(), await laptop()]
    const refused = await order([{ product_id: product.id, quantity: 1 }], customer, over)
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid-input" } })
    expect(fieldsOf(refused)).toEqual(fields)
    expect(await countOf("orders")).toBe(0)
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
  })

  it.each([6, 999])("refuses %i where there are five", async (quantity) => {
    const [customer, product] = [await make.user(), await laptop()]
    const refused = await order([{ product_id: product.id, quantity }], customer)
    expect(refused).toMatchObject({
      status: 409,
      body: {
        code: "out-of-stock",
        available: 5,
        items: [{ variant_id: product.id, available: 5 }],
      },
    })
    expect(refused.body.detail).toContain("Insufficient stock")
  })

  it("refuses what is not on sale", async () => {
    const customer = await make.user()
    const draft = await make.product({ is_active: false })
    const refused = await order([{ product_id: draft.id, quantity: 1 }], customer)
    expect(refused).toMatchObject({ status: 409, body: { code: "product-unavailable" } })
  })

  it.each([
    ["manual", "manual"],
    ["cod", "cod"],
    ["bank_transfer", "manual"],
    ["cash_on_delivery", "cod"],
  ])("reads the payment method %s as %s", async (payment_method, read) => {
    const [customer, product] = [await make.user(), await laptop()]
    const placed = await order([{ product_id: product.id, quantity: 1 }], customer, {
      payment_method,
    })
    expect(placed).toMatchObject({ status: 201, body: { payment_method: read, status: "pending" } })
  })

  it("needs no address for what is sent over the wire, and one for all else", async () => {
    const customer = await make.user()
    const song = await make.product({ name: "Song", is_digital: true })
    const cap = await make.product({ name: "Cap" })
    const none = { shipping_address: undefined }
    const digital = await order([{ product_id: song.id, quantity: 1 }], customer, none)
    expect(digital).toMatchObject({
      status: 201,
      body: { shipping_address: null, billing_address: null },
    })
    const both = [song, cap].map(({ id }) => ({ product_id: id, quantity: 1 }))
    expect(fieldsOf(await order(both, customer, none))).toEqual(["shipping_address"])
  })

  it("keeps a billing address of its own, or none", async () => {
    const [customer, product] = [await make.user(), await laptop()]
    const items = [{ product_id: product.id, quantity: 1 }]
    const own = await order(items, customer, {
      billing_address: { ...address, city: "Paris", country: "FR" },
    })
    expect(own.body).toMatchObject({
      shipping_address: { city: "London" },
      billing_address: { city: "Paris", country: "FR" },
    })
    const none = await order(items, customer, { use_shipping_as_billing: false })
    expect(none.body.billing_address).toBeNull()
  })
})

describe("placing an order of the cart", () => {
  it.each([
    "orders",
    "/api/orders/create/",
    "/api/orders/create-from-cart/",
    "/api/v1/cart/checkout/",
  ])("at %s orders what is in it, once, and empties it", async (path) => {
    const [customer, product] = [await make.user(), await laptop()]
    const cap = await make.product({ name: "Cap", price: "0.05", stock_quantity: 10 })
    for (const [product_id, quantity] of [
      [product.id, 2],
      [cap.id, 3],
    ])
      await call("POST", "cart/items", { as: customer, body: { product_id, quantity } })
    const go = () =>
      call("POST", path, {
        as: customer,
        body: { shipping_address: address, use_shipping_as_billing: true, payment_method: "cod" },
      })
    const placed = await go()
    expect(placed).toMatchObject({
      status: 201,
      body: { status: "pending", total: "2600.13", payment_method: "cod" },
    })
    expect(placed.body.items).toMatchObject([
      { name: "Premium Laptop", quantity: 2 },
      { name: "Cap", quantity: 3, line_total: "0.15" },
    ])
    expect((await call("GET", "cart", { as: customer })).body).toMatchObject({
      id: null,
      items: [],
    })
    expect((await stockOf(product.id)).onHand).toBe(3)
    expect(await go()).toMatchObject({ status: 400, body: { code: "cart-empty" } })
    // The next thing put in begins a new cart.
    await call("POST", "cart/items", { as: customer, body: { product_id: cap.id } })
    expect((await go()).body).toMatchObject({ total: "0.05" })
    expect(await countOf("orders")).toBe(2)
  })

  it("refuses an empty one", async () => {
    const customer = await make.user()
    for (const path of ["orders", "cart/checkout"])
      expect(
        await call("POST", path, { as: customer, body: { shipping_address: address } }),
      ).toMatchObject({ status: 400, body: { code: "cart-empty", detail: "Cart is empty" } })
  })

  it("refuses one with a thing that went off sale", async () => {
    const [customer, staff, product] = [await make.user(), await make.user("staff"), await laptop()]
    await call("POST", "cart/items", { as: customer, body: { product_id: product.id } })
    await call("PATCH", `products/${product.id}`, { as: staff, body: { is_active: false } })
    const refused = await call("POST", "cart/checkout", {
      as: customer,
      body: { shipping_address: address },
    })
    expect(refused).toMatchObject({ status: 409, body: { code: "product-unavailable" } })
    expect((await call("GET", "cart", { as: customer })).body.total_items).toBe(1)
  })
})

describe("a guest's order", () => {
  const guest = (id: string, over = {}) => order([{ product_id: id, quantity: 1 }], undefined, over)

  it("needs an e-mail, and is opened and cancelled by the token that came with it", async () => {
    const product = await laptop()
    const both = await guest(product.id, { email: undefined, shipping_address: undefined })
    expect(fieldsOf(both)).toEqual(["email", "shipping_address"])
    const placed = await guest(product.id)
    expect(placed).toMatchObject({
      status: 201,
      body: { user: null, email: "guest@example.com" },
    })
    const token = placed.body.access_token as string
    expect(token).toMatch(/^[\w-]{43}$/)
    const headers = { "x-order-token": token }
    const path = `orders/${placed.body.order_number}`
    expect((await call("GET", path, { headers })).body).toEqual(
      opened(placed.body, [
        ["line", "1 × Premium Laptop at 1299.99 USD", "1299.99"],
        ["total", "To pay", "1299.99"],
      ]),
    )
    for (const part of ["track", "history"])
      expect((await call("GET", `${path}/${part}`, { headers })).status).toBe(200)
    const cancelled = await call("POST", `${path}/cancel`, { headers, body: { reason: "Oops" } })
    expect(cancelled).toMatchObject({ status: 200, body: { order: { status: "cancelled" } } })
    expect((await stockOf(product.id)).onHand).toBe(5)
  })

  it("of a cart is ordered with the cart's token", async () => {
    const product = await laptop()
    const added = await call("POST", "cart/items", { body: { product_id: product.id } })
    const headers = { "x-cart-token": added.body.token }
    const body = { shipping_address: address, email: "guest@example.com" }
    const placed = await call("POST", "cart/checkout", { headers, body })
    expect(placed).toMatchObject({ status: 201, body: { total: "1299.99", user: null } })
    expect((await call("GET", "cart", { headers })).body.items).toEqual([])
    expect((await call("POST", "cart/checkout", { headers, body })).status).toBe(400)
  })

  it("is not there for anybody else", async () => {
    const product = await laptop()
    const [first, second] = [await guest(product.id), await guest(product.id)]
    const path = `orders/${first.body.id}`
    expect(await call("GET", path)).toMatchObject({
      status: 401,
      body: { code: "unauthenticated" },
    })
    const others: Record<string, string>[] = [
      { "x-order-token": second.body.access_token },
      { "x-order-token": "A".repeat(43) },
    ]
    for (const headers of others) {
      expect((await call("GET", path, { headers })).status).toBe(404)
      expect((await call("POST", `${path}/cancel`, { headers })).status).toBe(404)
    }
    expect((await call("GET", path, { headers: { "x-order-token": "x" } })).status).toBe(401)
    const customer = await make.user()
    expect((await call("GET", path, { as: customer })).status).toBe(404)
    const staff = await make.user("staff")
    expect((await call("GET", path, { as: staff })).status).toBe(200)
    expect((await call("POST", `${path}/cancel`)).status).toBe(401)
  })

  it("takes the e-mail of a customer who gives another", async () => {
    const [customer, product] = [await make.user(), await laptop()]
    const placed = await order([{ product_id: product.id, quantity: 1 }], customer, {
      email: "Other@Example.com",
    })
    expect(placed.body.email.toLowerCase()).toBe("other@example.com")
  })
})

describe("seeing orders", () => {
  it("opens one's own by id or number, in any letter case", async () => {
    const { customer, placed, shown, number } = await ordered()
    for (const path of [
      `orders/${placed.id}`,
      `/api/orders/${number}/`,
      `orders/${number.toLowerCase()}`,
      `/api/v1/orders/${placed.id}/status/`,
    ])
      expect((await call("GET", path, { as: customer })).body).toEqual(shown)
    const answer = await call("GET", `orders/${number}`, { as: customer })
    expect(answer.headers.get("cache-control")).toBe("private, no-store")
  })

  it("hides everybody else's", async () => {
    const { placed, number } = await ordered()
    const other = await make.user()
    for (const [method, path] of [
      ["GET", `orders/${placed.id}`],
      ["GET", `orders/${number}`],
      ["GET", `orders/${number}/track`],
      ["GET", `orders/${number}/history`],
      ["POST", `orders/${number}/cancel`],
      ["DELETE", `orders/${number}`],
    ] as const) {
      expect(await call(method, path, { as: other })).toMatchObject({
        status: 404,
        body: { code: "not-found" },
      })
      expect((await call(method, path)).status).toBe(401)
    }
    expect((await call("GET", "orders", { as: other })).body).toMatchObject({
      count: 0,
      results: [],
    })
    expect((await call("GET", "orders")).status).toBe(401)
    expect((await call("GET", "orders/999999", { as: other })).status).toBe(404)
    expect((await call("POST", "orders/99999/cancel", { as: other })).status).toBe(404)
  })

  it("lists one's own, newest first, by state, payment, total and date", async () => {
    const staff = await make.user("staff")
    const { customer, product, placed } = await ordered()
    const cap = await make.product({ price: "10.00" })
    const second = (await order([{ product_id: cap.id, quantity: 1 }], customer)).body
    await order([{ product_id: product.id, quantity: 1 }], await make.user())
    await move(second.id, staff, "confirmed")
    const day = placed.created_at.slice(0, 10)
    const before = new Date(Date.parse(day) - 86_400_000).toISOString().slice(0, 10)
    const after = new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10)
    const expected: [string, string[]][] = [
      ["", [second.id, placed.id]],
      ["?status=pending", [placed.id]],
      ["?status=confirmed", [second.id]],
      ["?status=shipped", []],
      ["?payment_status=unpaid", [second.id, placed.id]],
      ["?payment_status=paid", []],
      ["?min_total=10.01", [placed.id]],
      ["?max_total=10", [second.id]],
      ["?min_total=10&max_total=2599.98&ordering=total", [second.id, placed.id]],
      ["?ordering=-total", [placed.id, second.id]],
      ["?ordering=created_at", [placed.id, second.id]],
      [`?date_from=${day}`, [second.id, placed.id]],
      [`?date_to=${day}`, [second.id, placed.id]],
      [`?date_to=${before}`, []],
      [`?date_from=${after}`, []],
      ["?page_size=1&page=2", [placed.id]],
      ["?limit=1&offset=1", [placed.id]],
    ]
    for (const [query, ids] of expected) {
      const page = await call("GET", `orders${query}`, { as: customer })
      const found = page.body.results.map(({ id }: { id: string }) => id)
      expect([query, found]).toEqual([query, ids])
    }
    const page = await call("GET", "orders", { as: customer })
    expect(page.body.count).toBe(2)
    expect(page.body.results[1]).toMatchObject(placed)
    expect((await call("GET", "orders/history", { as: customer })).body.results).toHaveLength(2)
  })

  it.each([
    "status=banana",
    "payment_status=x",
    "date_from=soon",
    "min_total=abc",
    "max_total=1.999",
  ])("refuses the filter %s and names it", async (query) => {
    const refused = await call("GET", `orders?${query}`, { as: await make.user() })
    expect(refused.status).toBe(400)
    expect(fieldsOf(refused)).toEqual([query.split("=")[0]])
  })

  it("shows staff, and only staff, everybody's", async () => {
    const { placed, customer } = await ordered()
    await order([{ product_id: (await make.product()).id, quantity: 1 }])
    const staff = await make.user("staff")
    for (const path of ["admin/orders", "/api/v1/orders/admin/all/"]) {
      expect((await call("GET", path)).status).toBe(401)
      expect((await call("GET", path, { as: customer })).status).toBe(403)
      expect((await call("GET", path, { as: staff })).body.count).toBe(2)
      const pending = await call("GET", `${path}?status=pending&min_total=1000`, { as: staff })
      expect(pending.body.results).toMatchObject([placed])
    }
  })
})

describe("moving an order along", () => {
  const states = [
    "pending",
    "confirmed",
    "processing",
    "shipped",
    "delivered",
    "cancelled",
    "refunded",
  ] as const
  const ways: Record<string, string[]> = {
    pending: [],
    confirmed: ["confirmed"],
    processing: ["confirmed", "processing"],
    shipped: ["confirmed", "processing", "shipped"],
    delivered: ["confirmed", "processing", "shipped", "delivered"],
    cancelled: ["cancelled"],
  }
  const legal: Record<string, string[]> = {
    pending: ["confirmed", "cancelled"],
    confirmed: ["processing", "cancelled"],
    processing: ["shipped", "cancelled"],
    shipped: ["delivered"],
    // Only a refund makes an order refunded, and there is none without a payment.
    delivered: [],
    cancelled: [],
  }

  it.each(Object.keys(ways))("from %s goes where the table says and nowhere else", async (from) => {
    const staff = await make.user("staff")
    const product = await make.product({ stock_quantity: 9 })
    const fresh = async () => {
      const placed = await order([{ product_id: product.id, quantity: 1 }])
      if (from !== "pending") await move(placed.body.id, staff, ...(ways[from] ?? []))
      return placed.body.id as string
    }
    const id = await fresh()
    for (const to of states.filter((state) => !legal[from]?.includes(state))) {
      const refused = await move(id, staff, to)
      expect([to, refused.status]).toEqual([to, 409])
      const again = from === "cancelled" && to === "cancelled"
      expect(refused.body).toMatchObject(
        again ? { code: "already-cancelled" } : { code: "illegal-transition", from, to },
      )
    }
    expect((await call("GET", `orders/${id}`, { as: staff })).body.status).toBe(from)
    for (const to of legal[from] ?? []) {
      const moved = await move(await fresh(), staff, to)
      expect(moved).toMatchObject({ status: 200, body: { status: to } })
    }
  })

  it("by any of its paths writes when, by whom and with what it was sent", async () => {
    const { customer, placed, number } = await ordered()
    const staff = await make.user("staff")
    const go = (method: string, path: string, body: unknown) =>
      call(method, path, { as: staff, body })
    const early = await go("PATCH", `/api/orders/admin/${number}/status/`, { status: "shipped" })
    expect(early).toMatchObject({
      status: 409,
      body: {
        code: "illegal-transition",
        detail: "Cannot change status from pending to shipped.",
        from: "pending",
        to: "shipped",
      },
    })
    const paths: [string, string, Record<string, string>][] = [
      ["PATCH", `/api/orders/admin/${number}/status/`, { status: "confirmed", note: "Checked" }],
      ["PUT", `orders/${placed.id}`, { status: "processing" }],
      [
        "POST",
        `/api/v1/orders/admin/${placed.id}/update-status/`,
        { status: "shipped", carrier: "DHL", tracking_number: "JD01" },
      ],
      ["PATCH", `/api/v1/admin/orders/${number}/status/`, { status: "delivered" }],
    ]
    for (const [method, path, body] of paths)
      expect(await go(method, path, body)).toMatchObject({
        status: 200,
        body: { status: body["status"] },
      })
    const after = (await call("GET", `orders/${number}`, { as: customer })).body
    expect(after).toMatchObject({
      status: "delivered",
      status_display: "Delivered",
      fulfilment_status: "fulfilled",
      payment_status: "unpaid",
      carrier: "DHL",
      tracking_number: "JD01",
      paid_at: null,
      cancelled_at: null,
    })
    expect(after.delivered_at >= after.shipped_at && after.shipped_at >= after.created_at).toBe(
      true,
    )

    const history = (await call("GET", `orders/${number}/history`, { as: customer })).body
    expect(history.count).toBe(6)
    expect(history.results).toMatchObject([
      { version: 1, kind: "placed", from: null, to: "pending", actor: customer.id },
      { version: 2, from: "pending", to: "confirmed", note: "Checked", actor: staff.id },
      { version: 3, from: "confirmed", to: "processing", note: "" },
      { version: 4, kind: "fulfilment", from: "unfulfilled", to: "fulfilled" },
      { version: 5, from: "processing", to: "shipped" },
      { version: 6, from: "shipped", to: "delivered" },
    ])
    const renamed = await call("GET", `orders/${number}/status_history`, { as: customer })
    expect(renamed.body.results).toHaveLength(6)
  })

  it("is for staff; a customer moves nothing, by no path and no field", async () => {
    const { customer, placed, shown } = await ordered()
    for (const [method, path] of [
      ["PATCH", `orders/${placed.id}/status`],
      ["PUT", `orders/${placed.id}`],
      ["PATCH", `/api/v1/orders/admin/${placed.id}/update-status/`],
    ] as const) {
      const body = { status: "confirmed" }
      expect((await call(method, path, { body })).status).toBe(401)
      expect((await call(method, path, { body, as: customer })).status).toBe(403)
    }
    await call("PATCH", `orders/${placed.id}`, { as: customer, body: { status: "delivered" } })
    expect((await call("GET", `orders/${placed.id}`, { as: customer })).body).toEqual(shown)
  })

  it("refuses a state that is none, and an order that is not there", async () => {
    const { placed } = await ordered()
    const staff = await make.user("staff")
    for (const body of [{ status: "banana" }, {}, { status: null }]) {
      const refused = await call("PATCH", `orders/${placed.id}/status`, { as: staff, body })
      expect(refused.status).toBe(400)
      expect(fieldsOf(refused)).toEqual(["status"])
    }
    expect((await move("NX-NONE", staff, "confirmed")).status).toBe(404)
  })

  it("publishes the table that it goes by", async () => {
    expect((await call("GET", "meta/state-machines")).body).toMatchObject({
      order: {
        pending: ["confirmed", "cancelled"],
        confirmed: ["processing", "cancelled"],
        processing: ["shipped", "cancelled"],
        shipped: ["delivered"],
        delivered: ["refunded"],
        cancelled: [],
        refunded: [],
      },
    })
  })
})

describe("tracking", () => {
  const steps = (answer: Answer) =>
    answer.body.timeline.map(
      ({ title, completed, date }: { title: string; completed: boolean; date: string | null }) => [
        title,
        completed,
        date !== null,
      ],
    )

  it("shows the way an order has gone and the way ahead", async () => {
    const { customer, number, placed } = await ordered()
    const track = () => call("GET", `orders/${number}/track`, { as: customer })
    const first = await track()
    expect(first.body).toMatchObject({
      order_id: placed.id,
      order_number: number,
      status: "pending",
      carrier: null,
      tracking_number: null,
    })
    expect(steps(first)).toEqual([
      ["Order Placed", true, true],
      ["Order Confirmed", false, false],
      ["Processing", false, false],
      ["Shipped", false, false],
      ["Delivered", false, false],
    ])
    const staff = await make.user("staff")
    await move(number, staff, "confirmed", "processing")
    expect(steps(await track()).slice(1, 4)).toEqual([
      ["Order Confirmed", true, true],
      ["Processing", true, true],
      ["Shipped", false, false],
    ])
  })

  it("of a cancelled order ends there", async () => {
    const { customer, number } = await ordered()
    await call("POST", `orders/${number}/cancel`, { as: customer })
    expect(steps(await call("GET", `orders/${number}/track`, { as: customer }))).toEqual([
      ["Order Placed", true, true],
      ["Cancelled", true, true],
    ])
  })
})

describe("cancelling", () => {
  it("gives the stock back once, with the reason in the history", async () => {
    const { customer, product, number } = await ordered()
    const cancel = () =>
      call("POST", `/api/v1/orders/${number}/cancel/`, {
        as: customer,
        body: { reason: "Ordered by mistake" },
      })
    const first = await cancel()
    expect(first).toMatchObject({
      status: 200,
      body: {
        message: "Order cancelled successfully.",
        order: { status: "cancelled", order_number: number },
      },
    })
    expect(first.body.order.cancelled_at).not.toBeNull()
    const again = await cancel()
    expect(again).toMatchObject({ status: 409, body: { code: "already-cancelled" } })
    expect(again.body.detail).toContain("already")
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
    const history = await call("GET", `orders/${number}/history`, { as: customer })
    expect(history.body.results.at(-1)).toMatchObject({
      to: "cancelled",
      note: "Ordered by mistake",
      actor: customer.id,
    })
    expect((await call("GET", `products/${product.id}/availability`)).body.available).toBe(5)
  })

  it("by DELETE is the same", async () => {
    const { customer, product, number } = await ordered()
    expect((await call("DELETE", `/api/orders/${number}/`, { as: customer })).status).toBe(204)
    expect((await call("DELETE", `/api/orders/${number}/`, { as: customer })).status).toBe(409)
    expect((await stockOf(product.id)).onHand).toBe(5)
    const kept = await call("GET", `orders/${number}`, { as: customer })
    expect(kept.body.status).toBe("cancelled")
  })

  it("needs no body", async () => {
    const { customer, number } = await ordered()
    expect((await call("POST", `orders/${number}/cancel`, { as: customer })).status).toBe(200)
  })

  it("sent ten times at once happens once", async () => {
    const { customer, product, number } = await ordered()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => call("POST", `orders/${number}/cancel`, { as: customer })),
    )
    const { 200: done, ...refused } = tally(answers)
    expect(done).toBe(1)
    for (const code of Object.keys(refused))
      expect(["409 already-cancelled", "409 order-changed"]).toContain(code)
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
    const history = await call("GET", `orders/${number}/history`, { as: customer })
    expect(history.body.count).toBe(2)
  })

  it.each([
    ["shipped", ["confirmed", "processing", "shipped"]],
    ["delivered", ["confirmed", "processing", "shipped", "delivered"]],
  ])("refuses a %s order, to the owner and to staff", async (state, way) => {
    const { customer, product, number } = await ordered()
    const staff = await make.user("staff")
    await move(number, staff, ...way)
    for (const as of [customer, staff])
      for (const [method, path] of [
        ["POST", `orders/${number}/cancel`],
        ["DELETE", `orders/${number}`],
      ] as const) {
        const refused = await call(method, path, { as })
        expect(refused).toMatchObject({ status: 409, body: { code: "illegal-transition" } })
        expect(refused.body.detail).toContain(`a ${state} order cannot be cancelled`)
      }
    expect((await stockOf(product.id)).onHand).toBe(3)
  })

  it("by staff works on anybody's order, and as a status too", async () => {
    const staff = await make.user("staff")
    const first = await ordered()
    const done = await call("POST", `orders/${first.number}/cancel`, { as: staff })
    expect(done.status).toBe(200)
    const customer: Signed = first.customer
    const second = await order([{ product_id: first.product.id, quantity: 3 }], customer)
    await move(second.body.id, staff, "confirmed", "processing", "cancelled")
    expect((await stockOf(first.product.id)).onHand).toBe(5)
    expect(
      (await call("GET", `orders/${second.body.id}`, { as: customer })).body.cancelled_at,
    ).not.toBeNull()
  })
})

describe("what an order keeps", () => {
  it("is what it was when it was placed, whatever becomes of the product", async () => {
    const { customer, product, placed, shown } = await ordered()
    const staff = await make.user("staff")
    await call("PATCH", `products/${product.id}`, {
      as: staff,
      body: { name: "Renamed", price: "1.00", sku: "OTHER", slug: "renamed" },
    })
    await call("DELETE", `products/${product.id}`, { as: staff })
    const after = await call("GET", `orders/${placed.id}`, { as: customer })
    expect(after.body).toEqual(shown)
    const cancelled = await call("POST", `orders/${placed.id}/cancel`, { as: customer })
    expect(cancelled.body.order).toMatchObject({ total: "2599.98", items: placed.items })
    expect((await stockOf(product.id)).onHand).toBe(5)
  })
})
