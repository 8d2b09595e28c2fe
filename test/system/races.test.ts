import { randomUUID } from "node:crypto"

import { afterAll, beforeAll, expect, test } from "vitest"

import type { Order } from "#modules/orders/model.ts"

import { type Answer, type Call, cleanUp, client, startServer } from "../support/server.ts"
import {
  allOrders,
  eventually,
  expected,
  ledgerOf,
  newProduct,
  ordered,
  register,
  shipping_address,
  signIn,
  stockOf,
} from "./shop.ts"

let call: Call
let staff: string

beforeAll(async () => {
  const { base } = await startServer({ flags: ["--no-demo"] })
  call = client(base)
  staff = await signIn(call, "staff@nexus.test")
})

afterAll(cleanUp)

type Reply = Answer<Order & { code?: string; available?: number; items?: unknown }>

/** Runs them all at once; `peak` is how many were under way together. */
async function together(
  count: number,
  send: (index: number) => Promise<Reply>,
): Promise<{ replies: Reply[]; peak: number }> {
  let underWay = 0
  let peak = 0
  const replies = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      underWay += 1
      peak = Math.max(peak, underWay)
      const reply = await send(index)
      underWay -= 1
      return reply
    }),
  )
  return { replies, peak }
}

/** A guest's order of one of each product. */
function order(products: readonly string[], index: number): Promise<Reply> {
  return call("POST", "orders", {
    body: {
      items: products.map((product_id) => ({ product_id, quantity: 1 })),
      email: `guest-${index}@nexus.test`,
      shipping_address,
    },
  })
}

/** How many replies there are of each kind. */
function tally(replies: readonly Reply[]): Record<string, number> {
  const kinds = Map.groupBy(replies, ({ status, body }) => `${status} ${body.code ?? ""}`.trim())
  return Object.fromEntries([...kinds].map(([kind, all]) => [kind, all.length]))
}

function placed(replies: readonly Reply[]): Order[] {
  return replies.filter(({ status }) => status === 201).map(({ body }) => body)
}

test("three hundred who want one of the last fifty make fifty orders and two hundred and fifty refusals", async () => {
  const product = await newProduct(call, staff, 50)

  const { replies, peak } = await together(300, (index) => order([product], index))

  expect(peak).toBeGreaterThanOrEqual(100)
  expect(tally(replies)).toEqual({ "201": 50, "409 out-of-stock": 250 })
  expect(await stockOf(call, staff, product)).toEqual({ available: 0, on_hand: 0, held: 0 })
  const mine = (await allOrders(call, staff)).filter((one) => ordered([one], product) > 0)
  expect(mine.map(({ id }) => id).toSorted()).toEqual(
    placed(replies)
      .map(({ id }) => id)
      .toSorted(),
  )
  expect(new Set(mine.map(({ order_number }) => order_number)).size).toBe(50)
  const sales = (await ledgerOf(call, staff, product)).filter(({ reason }) => reason === "sale")
  expect(sales.map(({ order_id }) => String(order_id)).toSorted()).toEqual(
    mine.map(({ id }) => String(id)).toSorted(),
  )
  expect(sales.map(({ delta }) => delta)).toEqual(Array.from({ length: 50 }, () => -1))
})

test("what lists show of the stock follows once the rush is over", async () => {
  const product = await newProduct(call, staff, 20)

  await together(100, (index) => order([product], index))

  const shown = await eventually(
    10_000,
    async () =>
      expected(
        200,
        await call<{ stock_quantity: number }>("GET", `products/${product}`, {
          headers: { "cache-control": "no-cache" },
        }),
      ).stock_quantity,
    (quantity) => quantity === 0,
  )
  expect(shown).toBe(0)
})

test.each([
  { first: 50, second: 80 },
  { first: 80, second: 50 },
  { first: 50, second: 50 },
])(
  "three hundred who want one each of $first and of $second make fifty orders, and nobody holds half of one",
  async ({ first, second }) => {
    const one = await newProduct(call, staff, first)
    const other = await newProduct(call, staff, second)

    const { replies, peak } = await together(300, (index) =>
      order(index % 2 === 0 ? [one, other] : [other, one], index),
    )

    expect(peak).toBeGreaterThanOrEqual(100)
    expect(tally(replies)).toEqual({ "201": 50, "409 out-of-stock": 250 })
    expect(await stockOf(call, staff, one)).toEqual({
      available: first - 50,
      on_hand: first - 50,
      held: 0,
    })
    expect(await stockOf(call, staff, other)).toEqual({
      available: second - 50,
      on_hand: second - 50,
      held: 0,
    })
    const mine = (await allOrders(call, staff)).filter((each) => ordered([each], one) > 0)
    expect(mine).toHaveLength(50)
    expect([ordered(mine, one), ordered(mine, other)]).toEqual([50, 50])
  },
)

test("twenty orders of one cart at once make one order", async () => {
  const customer = await register(call)
  const product = await newProduct(call, staff, 100)
  expected(
    201,
    await call("POST", "cart/items", {
      as: customer,
      body: { product_id: product, quantity: 3 },
    }),
  )

  const { replies } = await together(20, () =>
    call("POST", "orders", { as: customer, body: { shipping_address } }),
  )

  const [only, ...more] = placed(replies)
  expect(more).toEqual([])
  const refusals = replies.filter(({ status }) => status !== 201).map(({ body }) => body.code)
  expect(
    refusals.filter(
      (code) => !["cart-already-ordered", "cart-changed", "cart-empty"].includes(code ?? ""),
    ),
  ).toEqual([])
  const mine = await call<{ results: Order[] }>("GET", "orders", { as: customer })
  expect(expected(200, mine).results.map(({ id }) => id)).toEqual([only?.id])
  expect(await stockOf(call, staff, product)).toEqual({ available: 97, on_hand: 97, held: 0 })
})

test("an order sent fifty times at once with one key is one order", async () => {
  const customer = await register(call)
  const product = await newProduct(call, staff, 100)
  const send = {
    as: customer,
    headers: { "idempotency-key": randomUUID() },
    body: { items: [{ product_id: product, quantity: 2 }], shipping_address },
  }

  const { replies } = await together(50, () => call("POST", "orders", send))

  const others = replies.filter(({ status }) => status !== 201)
  expect(others.map(({ status, body }) => `${status} ${body.code}`)).toEqual(
    others.map(() => "409 request-in-progress"),
  )
  expect(others.every(({ headers }) => Number(headers.get("retry-after")) > 0)).toBe(true)
  const made = replies.filter(({ status }) => status === 201)
  expect(made.filter(({ headers }) => !headers.has("idempotent-replayed"))).toHaveLength(1)
  expect(new Set(made.map(({ body }) => body.id)).size).toBe(1)
  const again: Reply = await call("POST", "orders", send)
  expect(again.status).toBe(201)
  expect(again.headers.get("idempotent-replayed")).toBe("true")
  expect(again.body).toEqual(made[0]?.body)
  const mine = await call<{ results: Order[] }>("GET", "orders", { as: customer })
  expect(expected(200, mine).results.map(({ id }) => id)).toEqual([again.body.id])
  expect(await stockOf(call, staff, product)).toEqual({ available: 98, on_hand: 98, held: 0 })
})

test("one more of the same, a hundred times at once, makes a hundred", async () => {
  const customer = await register(call)
  const product = await newProduct(call, staff, 100)

  const { replies, peak } = await together(100, () =>
    call("POST", "cart/items", { as: customer, body: { product_id: product, quantity: 1 } }),
  )

  expect(peak).toBe(100)
  expect(tally(replies)).toEqual({ "201": 100 })
  const cart = await call<{ items: { quantity: number }[] }>("GET", "cart", { as: customer })
  expect(expected(200, cart).items.map(({ quantity }) => quantity)).toEqual([100])
})

test("a hundred who cancel one order at once give its stock back once", async () => {
  const customer = await register(call)
  const product = await newProduct(call, staff, 10)
  const { id } = expected(
    201,
    await call<Order>("POST", "orders", {
      as: customer,
      body: { items: [{ product_id: product, quantity: 4 }], shipping_address },
    }),
  )

  const { replies } = await together(100, () =>
    call("POST", `orders/${id}/cancel`, { as: customer, body: {} }),
  )

  const kinds = tally(replies)
  expect(kinds["200"]).toBe(1)
  expect(
    Object.keys(kinds).filter(
      (kind) => !["200", "409 already-cancelled", "409 order-changed"].includes(kind),
    ),
  ).toEqual([])
  expect(await stockOf(call, staff, product)).toEqual({ available: 10, on_hand: 10, held: 0 })
})
