import { createMessageBatch, runDurableObjectAlarm } from "cloudflare:test"
import { describe, expect, it, type TestContext, vi } from "vitest"

import type { Product } from "#modules/catalog/model.ts"
import type { Message } from "#platform/outbox.ts"

import worker from "../../src/worker.ts"
import { call } from "../support/api.ts"
import { emptied, type Fault, faultsOf, runWith, told } from "../support/crash-points.ts"
import { expectSound, giftCard, grant } from "../support/credit.ts"
import * as make from "../support/make.ts"
import { ask, decide, delivered } from "../support/returns.ts"
import {
  address,
  countOf,
  deliverAll,
  openEvents,
  order,
  rows,
  stockObject,
  stockOf,
} from "../support/shop.ts"
import { plan } from "../support/subscriptions.ts"

type Person = Awaited<ReturnType<typeof make.user>>
type Request = { method: string; path: string; body?: unknown; as: Person }
type World = { buyer: Person; staff: Person; product: Product }

/** What is done, once all before it is done. `expected` looks at the shop when everything has come to rest. */
type Path = {
  name: string
  prepare: (world: World) => Promise<Request | { events: string }>
  status: number
  expected: (world: World) => Promise<void>
}

const noon = new Date("2099-03-01T12:00:00.000Z")

const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

async function world(): Promise<World> {
  vi.useFakeTimers({ toFake: ["Date"], now: noon })
  return {
    buyer: await make.user(),
    staff: await make.user("staff"),
    product: await make.product({ stock_quantity: 5 }),
  }
}

async function placed({ buyer, product }: World): Promise<string> {
  const { body } = await order([{ product_id: product.id, quantity: 2 }], buyer)
  return body.id
}

const expectStock = async ({ product }: World, onHand: number) => {
  expect(await stockOf(product.id)).toEqual({ onHand, held: 0, available: onHand })
  expect(await rows("SELECT stock_quantity FROM products")).toEqual([{ stock_quantity: onHand }])
  const moved = (await stockObject(product.id).movements(product.id as never, 50)).map(
    ({ delta }) => delta,
  )
  expect(moved.reduce((sum, delta) => sum + delta, 0)).toBe(onHand)
}

/** An order of two that is edited to this many. */
function edited(way: string, quantity: number): Path {
  return {
    name: `an edit of an order to ${way}`,
    prepare: async (shop) => ({
      method: "POST",
      path: `admin/orders/${await placed(shop)}/edits`,
      as: shop.staff,
      body: { items: [{ item_id: shop.product.id, quantity }] },
    }),
    status: 200,
    expected: (shop) => expectEdited(shop, quantity),
  }
}

const expectEdited = async (shop: World, quantity: number) => {
  expect(await rows("SELECT status, total_amount FROM orders")).toEqual([
    { status: "pending", total_amount: quantity * 1000 },
  ])
  expect(await rows("SELECT quantity FROM order_lines")).toEqual([{ quantity }])
  expect(await rows("SELECT amount FROM payments WHERE status = 'unpaid'")).toEqual([
    { amount: quantity * 1000 },
  ])
  expect(await rows("SELECT kind FROM order_changes WHERE kind = 'edit'")).toHaveLength(1)
  await expectStock(shop, 5 - quantity)
}

const two = ({ product }: World) => [{ product_id: product.id, quantity: 2 }]

/** Pays by a gift card of 15.00, then by store credit of 10.00. */
async function credited({ buyer }: World) {
  const { code } = await giftCard({ amount: "15.00" })
  await grant(buyer, "10.00")
  return { gift_cards: [code], use_store_credit: true }
}

const expectPaid = async () => {
  expect(await rows("SELECT status, payment_status, paid_amount FROM orders")).toEqual([
    { status: "confirmed", payment_status: "paid", paid_amount: 2000 },
  ])
}

/** What is left on the one gift card and in the one account, in minor units, and that it is the sum of its movements. */
const expectCredit = async (card: number | undefined, account: number | undefined) => {
  const found = async (table: string) =>
    (await rows(`SELECT balance_amount AS n FROM ${table}`)).map(({ n }) => n)
  expect(await found("gift_cards")).toEqual(card === undefined ? [] : [card])
  expect(await found("store_credits")).toEqual(account === undefined ? [] : [account])
  await expectSound()
}

const paths: Path[] = [
  {
    name: "an order of the cart",
    prepare: async ({ buyer, product }) => {
      await call("POST", "cart/items", {
        as: buyer,
        body: { product_id: product.id, quantity: 2 },
      })
      return { method: "POST", path: "orders", as: buyer, body: { shipping_address: address } }
    },
    status: 201,
    expected: async (shop) => {
      expect(await rows("SELECT status, total_amount FROM orders")).toEqual([
        { status: "pending", total_amount: 2000 },
      ])
      expect(await countOf("order_lines")).toBe(1)
      expect(await rows("SELECT status FROM carts")).toEqual([{ status: "ordered" }])
      await expectStock(shop, 3)
    },
  },
  {
    name: "the settling of an order by its event",
    prepare: async (shop) => {
      const { product, buyer } = shop
      // The hold is there, and the sale is not: as after a crash between the two.
      const dying = { n: Number.POSITIVE_INFINITY, how: "dies before" } as const
      let left = true
      await runWith(dying, (bindings, execution) => {
        const stock = {
          getByName: (name: string) =>
            new Proxy(bindings.STOCK.getByName(name), {
              get: (target, method: string) => {
                if (method === "settle" && left) {
                  left = false
                  return () => Promise.reject(new Error("Network connection lost."))
                }
                return Reflect.get(target, method) as unknown
              },
            }),
        }
        return worker.fetch(
          requestOf(
            {
              method: "POST",
              path: "orders",
              as: buyer,
              body: {
                items: [{ product_id: product.id, quantity: 2 }],
                shipping_address: address,
              },
            },
            "settled-later",
          ),
          { ...bindings, STOCK: stock } as unknown as Env,
          execution,
        )
      })
      expect(await stockOf(product.id)).toMatchObject({ onHand: 5, held: 2 })
      return { events: "order.placed" }
    },
    status: 200,
    expected: async (shop) => {
      expect(await rows("SELECT status FROM orders")).toEqual([{ status: "pending" }])
      await expectStock(shop, 3)
    },
  },
  {
    name: "an order that a gift card and store credit pay",
    prepare: async (shop) => {
      const body = { items: two(shop), shipping_address: address, ...(await credited(shop)) }
      return { method: "POST", path: "orders", as: shop.buyer, body }
    },
    status: 201,
    expected: async (shop) => {
      await expectPaid()
      await expectCredit(0, 500)
      await expectStock(shop, 3)
    },
  },
  {
    name: "the paying of an order by store credit",
    prepare: async (shop) => {
      const id = await placed(shop)
      await grant(shop.buyer, "25.00")
      const body = { order: id, provider: "store_credit" }
      return { method: "POST", path: "payments", as: shop.buyer, body }
    },
    status: 201,
    expected: async (shop) => {
      await expectPaid()
      expect(await rows("SELECT status FROM payments WHERE status <> 'paid'")).toEqual([
        { status: "voided" },
      ])
      await expectCredit(undefined, 500)
      await expectStock(shop, 3)
    },
  },
  {
    name: "the cancelling of an order that a gift card and store credit paid",
    prepare: async (shop) => {
      const { body } = await order(two(shop), shop.buyer, await credited(shop))
      return { method: "POST", path: `orders/${body.id}/cancel`, as: shop.buyer, body: {} }
    },
    status: 200,
    expected: async (shop) => {
      expect(await rows("SELECT status, payment_status, refunded_amount FROM orders")).toEqual([
        { status: "cancelled", payment_status: "refunded", refunded_amount: 2000 },
      ])
      await expectCredit(1500, 1000)
      await expectStock(shop, 5)
    },
  },
  {
    name: "the marking of a part of an invoice as paid",
    prepare: async (shop) => {
      const { body } = await order(two(shop), shop.buyer)
      const path = `payments/${body.payment.id}/mark-paid`
      return { method: "POST", path, as: shop.staff, body: { amount: "5.00" } }
    },
    status: 200,
    expected: async (shop) => {
      expect(await rows("SELECT status, amount FROM payments ORDER BY amount")).toEqual([
        { status: "paid", amount: 500 },
        { status: "unpaid", amount: 1500 },
      ])
      expect(await rows("SELECT payment_status, paid_amount FROM orders")).toEqual([
        { payment_status: "unpaid", paid_amount: 500 },
      ])
      await expectStock(shop, 3)
    },
  },
  {
    name: "the making of a gift card",
    prepare: async ({ staff }) => ({
      method: "POST",
      path: "admin/gift-cards",
      as: staff,
      body: { amount: "15.00", recipient_email: "ada@nexus.test" },
    }),
    status: 201,
    expected: async () => {
      await expectCredit(1500, undefined)
      expect(await rows("SELECT template FROM mails")).toEqual([{ template: "gift-card" }])
    },
  },
  {
    name: "the cancelling of an order",
    prepare: async (shop) => ({
      method: "POST",
      path: `orders/${await placed(shop)}/cancel`,
      as: shop.buyer,
      body: { reason: "Too late" },
    }),
    status: 200,
    expected: async (shop) => {
      expect(await rows("SELECT status FROM orders")).toEqual([{ status: "cancelled" }])
      expect(
        await rows(
          "SELECT kind FROM order_changes WHERE to_status = 'cancelled'".replace(
            "to_status",
            '"to"',
          ),
        ),
      ).toHaveLength(1)
      await expectStock(shop, 5)
    },
  },
  edited("more", 3),
  edited("less", 1),
  {
    name: "the start of a subscription, with its first order",
    prepare: async ({ buyer, product }) => {
      const offer = await plan()
      const items = [{ product_id: product.id, quantity: 2 }]
      const body = { plan: offer.id, items, shipping_address: address }
      return { method: "POST", path: "subscriptions", as: buyer, body }
    },
    status: 201,
    expected: async (shop) => {
      expect(await rows("SELECT status, period, cycles FROM subscriptions")).toEqual([
        { status: "active", period: 1, cycles: 1 },
      ])
      expect(await rows("SELECT period, status FROM subscription_renewals")).toEqual([
        { period: 1, status: "invoiced" },
      ])
      expect(await rows("SELECT status, total_amount FROM orders")).toEqual([
        { status: "pending", total_amount: 1800 },
      ])
      await expectStock(shop, 3)
    },
  },
  {
    name: "the receiving of a return",
    prepare: async (shop) => ({
      method: "POST",
      path: `admin/returns/${await returnArrived(shop)}/receive`,
      as: shop.staff,
      body: {},
    }),
    status: 200,
    expected: async (shop) => {
      expect(await rows("SELECT status, refund_amount FROM returns")).toEqual([
        { status: "refunded", refund_amount: 2000 },
      ])
      expect(await rows("SELECT amount, status FROM refunds")).toEqual([
        { amount: 2000, status: "succeeded" },
      ])
      expect(await rows("SELECT returned_quantity AS n FROM order_lines")).toEqual([{ n: 2 }])
      expect(await rows("SELECT status, refunded_amount FROM orders")).toEqual([
        { status: "refunded", refunded_amount: 2000 },
      ])
      await expectStock(shop, 5)
    },
  },
]

/** Everything of an order of two, back once: the stock, and the money of all of it. */
async function returnArrived(shop: World) {
  const { buyer, staff, product } = shop
  const items = [{ product_id: product.id, quantity: 2 }]
  const order = await delivered(items, { customer: buyer, staff })
  const asked = await ask(order, [2], buyer)
  await decide(asked.body.id, "approve", staff)
  await deliverAll()
  return asked.body.id as string
}

function requestOf({ method, path, as, body }: Request, key: string) {
  return new Request(`http://nexus.test/api/v1/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${as.access}`,
      "content-type": "application/json",
      "idempotency-key": key,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }) as Parameters<typeof worker.fetch>[0]
}

/** Does what the path says, with bindings that may go wrong. */
async function attempt(task: Request | { events: string }, fault?: Fault) {
  if (!("events" in task))
    return runWith(fault, (bindings, execution) =>
      worker.fetch(requestOf(task, "once"), bindings, execution),
    )
  const messages = await openEvents(task.events)
  return runWith(fault, async (bindings, execution) => {
    const batch = createMessageBatch<Message>(
      "nexus-events",
      messages.map((body, n) => ({ id: `m${n}`, timestamp: new Date(), attempts: 1, body })),
    )
    await worker.queue(batch, bindings, execution)
    return new Response()
  })
}

/** What happens by itself once the process is there again: the client insists, events come again, holds lapse. */
async function recover(task: Request | { events: string }, shop: World): Promise<Response> {
  let response = new Response()
  if (!("events" in task)) {
    for (let tries = 0; tries < 3; tries++) {
      later(61)
      const again = await attempt(task)
      response = again.response ?? new Response(null, { status: 500 })
      if (response.status < 500) break
    }
  }
  later(120)
  await deliverAll()
  later(2 * 3600)
  await runDurableObjectAlarm(stockObject(shop.product.id))
  await deliverAll()
  return response
}

describe.each(paths)("$name", ({ prepare, status, expected }) => {
  it(
    "has exactly one effect, wherever it fails or the process dies",
    { timeout: 240_000 },
    async ({ annotate }: TestContext) => {
      const rehearsal = await world()
      const { calls } = await attempt(await prepare(rehearsal))
      await recover({ events: "none" }, rehearsal)
      await expected(rehearsal)
      const faults = faultsOf(calls)
      expect(faults.length).toBeGreaterThan(10)
      await annotate(faults.map((fault) => told(fault, calls)).join("\n"))
      for (const fault of faults) {
        const where = told(fault, calls)
        await emptied()
        const shop = await world()
        const task = await prepare(shop)
        await attempt(task, fault)
        const response = await recover(task, shop)
        expect([where, response.status]).toEqual([where, status])
        await expected(shop).catch((cause: unknown) => {
          throw new Error(where, { cause })
        })
        expect([where, await openEvents()]).toEqual([where, []])
      }
    },
  )
})
