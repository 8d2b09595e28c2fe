import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"

import type { StockMovement } from "#modules/inventory/model.ts"
import type { Order } from "#modules/orders/model.ts"

import type { Answer, Call } from "../support/server.ts"

/** What every account of the demo store has. */
export const password = "Nexus-demo-2026!"

/** Where the orders of these tests go. */
export const shipping_address = {
  first_name: "Ada",
  last_name: "Lovelace",
  street: "12 St James's Square",
  city: "London",
  zip_code: "SW1Y 4JH",
  country: "GB",
}

/** The body of an answer that has this status. @throws Error with the body, when it has another */
export function expected<T>(status: number, answer: Answer<T>): T {
  if (answer.status === status) return answer.body
  throw new Error(`${status} expected: ${answer.status} ${JSON.stringify(answer.body)}`)
}

/** Signs in; answers the access token. */
export async function signIn(call: Call, email: string): Promise<string> {
  const answer = await call<{ access: string }>("POST", "auth/login", { body: { email, password } })
  return expected(200, answer).access
}

/** Registers somebody new; answers the access token. */
export async function register(call: Call): Promise<string> {
  const body = { email: `${randomUUID()}@nexus.test`, password: "correct horse battery" }
  const answer = await call<{ access: string }>("POST", "auth/register", { body })
  return expected(201, answer).access
}

/** Makes a product with this much on hand; answers its id. Ids of later products sort after it. */
export async function newProduct(call: Call, staff: string, stock: number): Promise<string> {
  const body = { name: `Kettle ${randomUUID()}`, price: "10.00", stock_quantity: stock }
  const answer = await call<{ id: string }>("POST", "products", { as: staff, body })
  return expected(201, answer).id
}

/** A product's stock, as staff see it. */
export type Stock = { available: number; on_hand: number; held: number }

/** What the product's stock object says now. */
export async function stockOf(call: Call, staff: string, product: string): Promise<Stock> {
  const answer = await call<{ available: number; variants: { on_hand: number; held: number }[] }>(
    "GET",
    `products/${product}/availability`,
    { as: staff },
  )
  const { available, variants } = expected(200, answer)
  const [only] = variants
  if (!only || variants.length > 1) throw new Error(`${product} is not a product without variants`)
  return { available, on_hand: only.on_hand, held: only.held }
}

/** Everybody's orders, or those that a filter chooses (`&status=pending`). */
export async function allOrders(call: Call, staff: string, filter = ""): Promise<Order[]> {
  const orders: Order[] = []
  for (let cursor = ""; ;) {
    const page = await call<{ results: Order[]; next_cursor: string | null }>(
      "GET",
      `admin/orders?page_size=100${filter}${cursor}`,
      { as: staff },
    )
    const { results, next_cursor } = expected(200, page)
    orders.push(...results)
    if (next_cursor === null) return orders
    cursor = `&cursor=${encodeURIComponent(next_cursor)}`
  }
}

/** A product's whole ledger, newest first. */
export async function ledgerOf(
  call: Call,
  staff: string,
  product: string,
): Promise<StockMovement[]> {
  const rows: StockMovement[] = []
  for (let cursor = ""; ;) {
    const page = await call<{ results: StockMovement[]; next_cursor: string | null }>(
      "GET",
      `admin/inventory/${product}/movements?page_size=100${cursor}`,
      { as: staff },
    )
    const { results, next_cursor } = expected(200, page)
    rows.push(...results)
    if (next_cursor === null) return rows
    cursor = `&cursor=${encodeURIComponent(next_cursor)}`
  }
}

/** How many of a product these orders are for together. */
export function ordered(orders: readonly Order[], product: string): number {
  return orders
    .flatMap(({ items }) => items)
    .filter(({ product_id }) => product_id === product)
    .reduce((sum, { quantity }) => sum + quantity, 0)
}

/** Asks until the answer holds, or `ms` have passed; answers the last one. */
export async function eventually<T>(
  ms: number,
  ask: () => Promise<T>,
  holds: (answer: T) => boolean,
): Promise<T> {
  const deadline = Date.now() + ms
  for (;;) {
    const answer = await ask()
    if (holds(answer) || Date.now() > deadline) return answer
    await sleep(500)
  }
}
