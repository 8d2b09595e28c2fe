import { randomUUID } from "node:crypto"

import { afterAll, beforeAll, expect, test } from "vitest"

import type { CartWithItem } from "#modules/cart/model.ts"
import type { Product } from "#modules/catalog/model.ts"
import type { Placed } from "#modules/checkout/model.ts"
import type { Cancelled, Order, Tracking } from "#modules/orders/model.ts"

import { opened } from "../support/opened.ts"
import {
  type Call,
  cleanUp,
  client,
  newFolder,
  type Server,
  startServer,
} from "../support/server.ts"
import { expected, shipping_address, signIn, stockOf } from "./shop.ts"

const persistTo = newFolder()
let server: Server
let call: Call
let staff: string

async function open(): Promise<void> {
  server = await startServer({ persistTo })
  call = client(server.base)
}

beforeAll(async () => {
  await open()
  staff = await signIn(call, "staff@nexus.test")
})

afterAll(cleanUp)

test("a customer finds a laptop, registers, orders two, and follows them until they are shipped", async () => {
  const list = await call<{ count: number; results: Product[] }>(
    "GET",
    "products?category=laptops&ordering=price",
  )
  const found = expected(200, list).results.find(({ sku }) => sku === "LAPTOP-001")
  expect(found?.price).toBe("1299.99")
  const laptop = expected(200, await call<Product>("GET", `products/${found?.slug}`))
  expect(laptop).toMatchObject({ id: "1", name: "Premium Laptop", price: "1299.99" })
  expect(laptop.images.length).toBeGreaterThan(0)
  const picture = await fetch(new URL(laptop.image ?? "", server.base))
  expect(picture.status).toBe(200)
  expect(picture.headers.get("content-type")).toMatch(/^image\//)
  await picture.arrayBuffer()

  const email = `${randomUUID()}@nexus.test`
  const registered = await call<{ access: string; user: { id: string; role: string } }>(
    "POST",
    "auth/register",
    { body: { email, password: "correct horse battery", role: "admin" } },
  )
  const { access: customer, user } = expected(201, registered)
  expect(user.role).toBe("customer")
  const before = await stockOf(call, staff, "1")

  const added = await call<CartWithItem>("POST", "cart/items", {
    as: customer,
    body: { product_id: "1", quantity: 2 },
  })
  expect(expected(201, added)).toMatchObject({ total_items: 2, total: "2599.98", user: user.id })
  expect(await stockOf(call, staff, "1")).toEqual(before)

  const placed = await call<Placed>("POST", "orders", { as: customer, body: { shipping_address } })
  const order = expected(201, placed)
  expect(order).toMatchObject({
    status: "pending",
    payment_status: "unpaid",
    email,
    user: user.id,
    subtotal: "2599.98",
    total: "2599.98",
    items: [{ product_id: "1", name: "Premium Laptop", quantity: 2, unit_price: "1299.99" }],
    shipping_address: { address_line_1: "12 St James's Square", postal_code: "SW1Y 4JH" },
  })
  expect(order.order_number).toMatch(/^NX-\d{8}-[0-9A-Z]{8}$/)
  expect(await stockOf(call, staff, "1")).toEqual({
    available: before.available - 2,
    on_hand: before.on_hand - 2,
    held: 0,
  })
  const cart = await call<CartWithItem>("GET", "cart", { as: customer })
  expect(expected(200, cart).items).toEqual([])

  const seen = await call<Order>("GET", `orders/${order.order_number}`, { as: customer })
  expect(expected(200, seen)).toEqual(
    opened(order, [
      ["line", "2 × Premium Laptop at 1299.99 USD", "2599.98"],
      ["shipping", "Standard", "0.00"],
      ["total", "To pay", "2599.98"],
    ]),
  )
  const mine = await call<{ results: Order[] }>("GET", "orders", { as: customer })
  expect(expected(200, mine).results.map(({ id }) => id)).toEqual([order.id])
  const stranger = await signIn(call, "grace@nexus.test")
  expect((await call("GET", `orders/${order.id}`, { as: stranger })).status).toBe(404)

  const move = (status: string, more: object = {}, as = staff) =>
    call<Order & { code: string }>("PATCH", `orders/${order.id}/status`, {
      as,
      body: { status, ...more },
    })
  expect((await move("confirmed", {}, customer)).status).toBe(403)
  const skipped = await move("shipped")
  expect([skipped.status, skipped.body.code]).toEqual([409, "illegal-transition"])
  expect(expected(200, await move("confirmed")).status).toBe("confirmed")
  expect(expected(200, await move("processing")).status).toBe("processing")
  const parcel = { tracking_number: "1Z999AA10123456784", carrier: "UPS" }
  expect(expected(200, await move("shipped", parcel))).toMatchObject({
    status: "shipped",
    fulfilment_status: "fulfilled",
  })

  const track = await call<Tracking>("GET", `orders/${order.id}/track`, { as: customer })
  const tracking = expected(200, track)
  expect(tracking).toMatchObject({ status: "shipped", order_number: order.order_number, ...parcel })
  expect(tracking.timeline.map(({ status, completed }) => [status, completed])).toEqual([
    ["pending", true],
    ["confirmed", true],
    ["processing", true],
    ["shipped", true],
    ["delivered", false],
  ])
  const late = await call<{ code: string }>("POST", `orders/${order.id}/cancel`, { as: customer })
  expect([late.status, late.body.code]).toEqual([409, "illegal-transition"])
})

test("what staff put on the shelf can be found and bought at once", async () => {
  const name = `Walnut Desk ${randomUUID()}`
  const body = { name, price: "349.50", category: "laptops", stock_quantity: 3 }
  const refused = await call("POST", "products", {
    as: await signIn(call, "ada@nexus.test"),
    body,
  })
  expect(refused.status).toBe(403)
  const made = expected(201, await call<Product>("POST", "products", { as: staff, body }))

  const fresh = { headers: { "cache-control": "no-cache" } }
  const list = await call<{ results: Product[] }>("GET", "products?ordering=-created_at", fresh)
  expect(expected(200, list).results[0]).toMatchObject({ id: made.id, name, price: "349.50" })
  const order = expected(
    201,
    await call<Placed>("POST", "orders", {
      body: {
        items: [{ product_id: made.slug, quantity: 3 }],
        email: "guest@nexus.test",
        shipping_address,
      },
    }),
  )
  expect(order.total).toBe("1048.50")
  const gone = await call<{ code: string; available: number }>("POST", "cart/items", {
    body: { product_id: made.id },
  })
  expect([gone.status, gone.body.code, gone.body.available]).toEqual([409, "out-of-stock", 0])
})

test("a guest orders with a cart token, opens the order with its own token, and cancelling returns the stock", async () => {
  const before = await stockOf(call, staff, "2")
  const started = await call<CartWithItem>("POST", "cart/items", {
    body: { product_id: "2", quantity: 3 },
  })
  const token = expected(201, started).token ?? ""
  expect(started.headers.get("x-cart-token")).toBe(token)
  const mine = { "x-cart-token": token }
  const grown = await call<CartWithItem>("POST", "cart/items", {
    headers: mine,
    body: { product_id: "2", quantity: 2 },
  })
  expect(expected(201, grown).items.map(({ quantity }) => quantity)).toEqual([5])

  const nameless = await call<{ errors: { field: string }[] }>("POST", "orders", {
    headers: mine,
    body: { shipping_address },
  })
  expect(nameless.status).toBe(400)
  expect(nameless.body.errors.map(({ field }) => field)).toEqual(["email"])
  const placed = await call<Placed>("POST", "cart/checkout", {
    headers: mine,
    body: { shipping_address, email: "Guest@Nexus.Test", payment_method: "cod" },
  })
  const order = expected(201, placed)
  expect(order).toMatchObject({ user: null, email: "guest@nexus.test", payment_method: "cod" })
  expect((await stockOf(call, staff, "2")).on_hand).toBe(before.on_hand - 5)

  const path = `orders/${order.id}`
  expect((await call("GET", path)).status).toBe(401)
  const wrong = { "x-order-token": "0".repeat(43) }
  expect((await call("GET", path, { headers: wrong })).status).toBe(404)
  const own = { "x-order-token": order.access_token ?? "" }
  expect(expected(200, await call<Order>("GET", path, { headers: own }))).toEqual(
    opened(order, [
      ["line", "5 × Wireless Headphones at 149.95 USD", "749.75"],
      ["shipping", "Standard", "0.00"],
      ["total", "To pay", "749.75"],
    ]),
  )

  expect((await call("POST", `${path}/cancel`, { headers: wrong })).status).toBe(404)
  const cancelled = await call<Cancelled>("POST", `${path}/cancel`, {
    headers: own,
    body: { reason: "Ordered by mistake" },
  })
  expect(expected(200, cancelled).order.status).toBe("cancelled")
  expect(await stockOf(call, staff, "2")).toEqual(before)
  const again = await call<{ code: string }>("POST", `${path}/cancel`, { headers: own })
  expect([again.status, again.body.code]).toEqual([409, "already-cancelled"])
  expect(await stockOf(call, staff, "2")).toEqual(before)
})

test("an order sent again after the server was killed is the same order", async () => {
  const onSale = async () =>
    expected(200, await call<{ count: number }>("GET", "products?page_size=1")).count
  const products = await onSale()
  expect(products).toBeGreaterThanOrEqual(68)
  const customer = await signIn(call, "ada@nexus.test")
  const before = await stockOf(call, staff, "3")
  const theirs = {
    as: customer,
    headers: { "idempotency-key": randomUUID() },
    body: { items: [{ product_id: "3", quantity: 1 }], shipping_address },
  }
  const cart = await call<CartWithItem>("POST", "cart/items", { body: { product_id: "3" } })
  const guests = {
    headers: {
      "idempotency-key": `"${randomUUID()}"`,
      "x-cart-token": expected(201, cart).token ?? "",
    },
    body: { shipping_address, email: "guest@nexus.test" },
  }
  const first = expected(201, await call<Placed>("POST", "orders", theirs))
  const second = expected(201, await call<Placed>("POST", "orders", guests))
  await server.kill()
  await expect(call("GET", "products")).rejects.toThrow("fetch failed")
  await open()

  const replayed = await call<Placed>("POST", "orders", theirs)
  expect(expected(201, replayed)).toEqual(first)
  expect(replayed.headers.get("idempotent-replayed")).toBe("true")
  const guestsReplayed = await call<Placed>("POST", "orders", guests)
  expect(expected(201, guestsReplayed)).toEqual(second)
  expect(guestsReplayed.headers.get("idempotent-replayed")).toBe("true")
  const other = await call<{ code: string }>("POST", "orders", {
    ...theirs,
    body: { items: [{ product_id: "3", quantity: 2 }], shipping_address },
  })
  expect([other.status, other.body.code]).toEqual([422, "idempotency-key-reused"])

  expect((await stockOf(call, staff, "3")).on_hand).toBe(before.on_hand - 2)
  const own = { "x-order-token": second.access_token ?? "" }
  const opened = await call<Order>("GET", `orders/${second.id}`, { headers: own })
  expect(expected(200, opened).order_number).toBe(second.order_number)
  expect(await onSale()).toBe(products)
})
