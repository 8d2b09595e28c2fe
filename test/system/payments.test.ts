import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

import { afterAll, beforeAll, expect, test } from "vitest"

import type { Order } from "#modules/orders/model.ts"

import { type Gateways, startGateways } from "../support/gateways/server.ts"
import {
  type Call,
  cleanUp,
  client,
  freePort,
  newFolder,
  type Server,
  startServer,
  varsOf,
} from "../support/server.ts"
import { allOrders, eventually, newProduct, shipping_address, signIn, stockOf } from "./shop.ts"

/** Orders that are placed, of two each; the server is killed while they are, and started again. */
const wishes = 24
const stock = 100
/** Long enough for payments to be asked about after a minute, and for orders nobody paid to end after one. */
const healingMs = 240_000

const persistTo = newFolder()
let gateways: Gateways
let server: Server
let call: Call

async function start(port?: number): Promise<void> {
  const vars = { ...gateways.settings, PENDING_ORDER_TTL: "60" }
  const flags = ["--no-demo", ...varsOf(vars)]
  server = await startServer({ flags, persistTo, ...(port !== undefined && { port }) })
  call = client(server.base)
}

let port: number

beforeAll(async () => {
  // The gateways must know where the shop is before it is there.
  port = await freePort()
  gateways = await startGateways({
    shop: `http://localhost:${port}`,
    file: join(newFolder(), "books.json"),
    behaviour: {
      seed: 7,
      payAtOnce: true,
      decline: 0.2,
      dropBefore: 0.1,
      dropAfter: 0.2,
      delayMs: 200,
      duplicate: 0.3,
      lose: 0.3,
      lateMs: 1500,
      early: 0.3,
      drift: 0.1,
    },
  })
  await start(port)
}, 180_000)

afterAll(async () => {
  await gateways.close()
  await cleanUp()
}, 60_000)

test("a gateway that misbehaves and a shop that is killed agree in the end, to the cent", async () => {
  let staff = await signIn(call, "admin@nexus.test")
  const product = await newProduct(call, staff, stock)
  const place = (n: number) =>
    call("POST", "orders", {
      body: {
        items: [{ product_id: product, quantity: 2 }],
        shipping_address,
        email: `buyer${n}@nexus.test`,
        payment_method: "fake",
      },
      headers: { "idempotency-key": `wish-${n}` },
    }).catch(() => undefined)
  const first = Array.from({ length: wishes / 2 }, (_, n) => place(n))
  await sleep(800)
  await server.kill()
  await Promise.all(first)
  await start(port)
  staff = await signIn(call, "admin@nexus.test")
  await Promise.all(Array.from({ length: wishes / 2 }, (_, n) => place(n + wishes / 2)))
  const some = (await allOrders(call, staff)).filter(({ status }) => status !== "cancelled")
  await Promise.all(
    some.slice(0, 4).map(({ id }) => call("POST", `orders/${id}/cancel`, { as: staff })),
  )
  gateways.behave({ dropBefore: 0, dropAfter: 0, lose: 0, drift: 0 })

  const isSettled = ({ status, payment_status }: Order) =>
    (status === "confirmed" && payment_status === "paid") ||
    (status === "cancelled" && payment_status !== "paid")
  let last: string[] = []
  const orders = await eventually(
    healingMs,
    async () => {
      await call("POST", "admin/sweep", { as: staff })
      const all = await allOrders(call, staff)
      last = all.map(({ status, payment_status }) => `${status} ${payment_status}`)
      return all
    },
    (all) => all.every(isSettled) && gateways.waiting() === 0 && booksAgree(all),
  )
  expect(last.filter((_, index) => !isSettled(orders[index]!))).toEqual([])
  expect(orders.length).toBeGreaterThanOrEqual(wishes / 2)
  expect(booksAgree(orders)).toBe(true)
  const { captured, refunded } = totals()
  const paid = orders.filter(({ status }) => status === "confirmed")
  expect(captured - refunded).toBe(paid.length * 2000)
  expect(await stockOf(call, staff, product)).toEqual({
    available: stock - 2 * paid.length,
    on_hand: stock - 2 * paid.length,
    held: 0,
  })
}, 420_000)

function totals(): { captured: number; refunded: number } {
  return gateways.parties.fake.books().totals["USD"] ?? { captured: 0, refunded: 0 }
}

/** Whether what the gateway kept is what the confirmed orders say was paid. */
function booksAgree(orders: readonly Order[]): boolean {
  const { captured, refunded } = totals()
  return captured - refunded === orders.filter(({ status }) => status === "confirmed").length * 2000
}
