import { afterAll, beforeAll, describe, expect, test } from "vitest"

import type { Order } from "#modules/orders/model.ts"
import type { PaymentDetail } from "#modules/payments/model.ts"

import { badCard, goodCard } from "../support/gateways/cards.ts"
import { type Gateways, startGateways } from "../support/gateways/server.ts"
import {
  type Call,
  cleanUp,
  client,
  freePort,
  type Server,
  startServer,
  varsOf,
} from "../support/server.ts"
import { eventually, expected, newProduct, shipping_address, signIn, stockOf } from "./shop.ts"

const providers = ["stripe", "paypal", "square"] as const
type Provider = (typeof providers)[number]

/** Webhooks come at once, the sweep only after a minute: what is there sooner was told. */
const soonMs = 35_000
/** What any change takes to send again an event that the queue lost: then it is half a minute old. */
const resentMs = 15_000

let gateways: Gateways
let server: Server
let call: Call
let staff: string

beforeAll(async () => {
  const port = await freePort()
  gateways = await startGateways({ shop: `http://localhost:${port}` })
  server = await startServer({ flags: ["--no-demo", ...varsOf(gateways.settings)], port })
  call = client(server.base)
  staff = await signIn(call, "admin@nexus.test")
}, 180_000)

afterAll(async () => {
  await gateways.close()
  await cleanUp()
}, 60_000)

type Placed = Order & {
  access_token: string
  payment: { id: string; client_secret?: string; redirect_url?: string }
}

/** A guest orders two kettles, 20.00 together, to be paid with this provider. */
async function place(provider: Provider, return_url?: string): Promise<Placed> {
  const product = await newProduct(call, staff, 5)
  const body = {
    items: [{ product_id: product, quantity: 2 }],
    email: "buyer@nexus.test",
    shipping_address,
    payment_method: provider,
    ...(return_url !== undefined && { return_url }),
  }
  return expected(201, await call<Placed>("POST", "orders", { body }))
}

/** The page where the payer of an order pays. */
function pageOf({ payment }: Placed): string {
  const { client_secret, redirect_url } = payment
  return redirect_url ?? `${gateways.url}/pay/stripe/${client_secret}`
}

/** The payer's browser: the page is opened, the form sent. */
async function pay(order: Placed, card = goodCard): Promise<Response> {
  const page = await fetch(pageOf(order))
  expect(await page.text()).toContain("20.00 USD")
  return fetch(page.url, {
    method: "POST",
    body: new URLSearchParams({ card }),
    redirect: "manual",
  })
}

const read = async (id: string) =>
  expected(200, await call<Order>("GET", `orders/${id}`, { as: staff }))
const paymentOf = async ({ payment }: Placed) =>
  expected(200, await call<PaymentDetail>("GET", `payments/${payment.id}`, { as: staff }))

/** @throws Error with the order and what is known of its payments, when it does not become so */
async function becomes(id: string, status: string, payment_status: string): Promise<Order> {
  const isSo = (order: Order) => order.status === status && order.payment_status === payment_status
  const soon = await eventually(soonMs, () => read(id), isSo)
  if (isSo(soon)) return soon
  await newProduct(call, staff, 1)
  const later = await eventually(resentMs, () => read(id), isSo)
  if (isSo(later)) return later
  const { body } = await call("GET", `payments?order=${id}`, { as: staff })
  throw new Error(
    `not ${status} and ${payment_status}: ${JSON.stringify({ ...later, payments: body })}`,
  )
}

/** Until every webhook was taken. */
const taken = () =>
  eventually(
    soonMs,
    () => Promise.resolve(gateways.waiting()),
    (left) => left === 0,
  )

/** What the gateway's books say of an order's payment. */
function bookOf(provider: Provider, { payment }: Placed) {
  return gateways.parties[provider].books().payments.find(({ key }) => key === payment.id)
}

describe.each(providers)("a shop that is paid by %s", (provider) => {
  test("offers it, and sells what its payer pays on the gateway's page", async () => {
    const methods = expected(
      200,
      await call<{ results: { id: string }[]; card: string }>("GET", "payments/methods"),
    )
    expect(methods.results.map(({ id }) => id)).toContain(provider)
    expect(methods.card).toBe("stripe")
    const order = await place(provider, `${server.base}/thanks`)
    expect(order).toMatchObject({ status: "pending", payment_status: "unpaid" })
    const went = await pay(order)
    expect(went.status).toBeLessThan(400)
    expect(await becomes(order.id, "confirmed", "paid")).toMatchObject({
      status: "confirmed",
      payment_status: "paid",
    })
    expect(await paymentOf(order)).toMatchObject({
      status: "paid",
      captured: "20.00",
      refunded: "0.00",
      failure: null,
    })
    expect(bookOf(provider, order)).toMatchObject({ captured: 2000, refunded: 0 })
    expect(await stockOf(call, staff, order.items[0]!.product_id)).toEqual({
      available: 3,
      on_hand: 3,
      held: 0,
    })
  })

  test("gives a part back, then the rest when the order is cancelled, to the cent", async () => {
    const order = await place(provider)
    await pay(order)
    await becomes(order.id, "confirmed", "paid")
    const refund = await call("POST", "payments/refunds", {
      as: staff,
      body: { order: order.id, amount: "7.01", reason: "Dented" },
    })
    expect(refund.status).toBeLessThan(300)
    await becomes(order.id, "confirmed", "partially_refunded")
    const isBack = (amount: number) => (book: ReturnType<typeof bookOf>) =>
      book?.refunded === amount
    const look = () => Promise.resolve(bookOf(provider, order))
    expect(await eventually(soonMs, look, isBack(701))).toMatchObject({
      captured: 2000,
      refunded: 701,
    })
    const tooMuch = { order: order.id, amount: "13.00", reason: "Dented" }
    expect((await call("POST", "payments/refunds", { as: staff, body: tooMuch })).body.code).toBe(
      "refund-too-large",
    )
    expect((await call("POST", `orders/${order.id}/cancel`, { as: staff, body: {} })).status).toBe(
      200,
    )
    expect(await eventually(soonMs, look, isBack(2000))).toMatchObject({
      captured: 2000,
      refunded: 2000,
    })
    expect(await becomes(order.id, "cancelled", "refunded")).toMatchObject({
      payment_status: "refunded",
    })
    const { refunds } = await eventually(
      soonMs,
      () => paymentOf(order),
      (payment) => payment.refunds.every(({ status }) => status === "succeeded"),
    )
    expect(refunds.map(({ amount, status }) => [amount, status])).toEqual([
      ["7.01", "succeeded"],
      ["12.99", "succeeded"],
    ])
  })

  test("waits on a declined card, and sells on a good one", async () => {
    const order = await place(provider)
    await pay(order, badCard)
    const failed = await eventually(
      soonMs,
      () => paymentOf(order),
      ({ failure }) => failure !== null,
    )
    expect(failed).toMatchObject({ captured: "0.00", failure: expect.stringMatching(/./) })
    expect(await read(order.id)).toMatchObject({ status: "pending" })
    await pay(order)
    expect(await becomes(order.id, "confirmed", "paid")).toMatchObject({
      status: "confirmed",
      payment_status: "paid",
    })
    expect(bookOf(provider, order)).toMatchObject({ captured: 2000 })
  })

  test("is told twice, late, early and out of order, and sells once", async () => {
    gateways.parties[provider].behave({ duplicate: 1, lateMs: 1500, early: 1 })
    const order = await place(provider)
    await pay(order)
    expect(await becomes(order.id, "confirmed", "paid")).toMatchObject({
      status: "confirmed",
      payment_status: "paid",
    })
    await taken()
    gateways.parties[provider].behave({ duplicate: 0, lateMs: 0, early: 0 })
    expect(await read(order.id)).toMatchObject({ status: "confirmed", payment_status: "paid" })
    expect(bookOf(provider, order)).toMatchObject({ captured: 2000, refunded: 0 })
    expect(await stockOf(call, staff, order.items[0]!.product_id)).toEqual({
      available: 3,
      on_hand: 3,
      held: 0,
    })
  })

  test("takes no word that is forged", async () => {
    const order = await place(provider)
    gateways.parties[provider].behave({ forge: 1, lose: 1 })
    const forged: number[] = []
    const callOff = gateways.watch(({ isForged, status }) => {
      if (isForged && status !== undefined) forged.push(status)
    })
    await pay(order)
    await eventually(
      5000,
      () => Promise.resolve(forged.length),
      (count) => count > 0,
    )
    gateways.parties[provider].behave({ forge: 0, lose: 0 })
    callOff()
    expect(new Set(forged)).toEqual(new Set([400]))
    expect(await read(order.id)).toMatchObject({ status: "pending", payment_status: "unpaid" })
  })
})

test("a word that names another amount is kept apart, and the truth is found by asking", async () => {
  const orders = await Promise.all(providers.map((provider) => place(provider)))
  gateways.behave({ drift: 1 })
  const statuses: (number | undefined)[] = []
  const callOff = gateways.watch(({ status }) => statuses.push(status))
  for (const order of orders) await pay(order)
  await taken()
  gateways.behave({ drift: 0 })
  callOff()
  // They were signed: the shop took them, and did nothing.
  expect(new Set(statuses)).toEqual(new Set([200]))
  for (const order of orders) {
    expect(await read(order.id)).toMatchObject({ status: "pending", payment_status: "unpaid" })
    expect(await paymentOf(order)).toMatchObject({ captured: "0.00" })
  }
  const asked = await eventually(
    120_000,
    async () => {
      await call("POST", "admin/sweep", { as: staff })
      return Promise.all(orders.map(({ id }) => read(id)))
    },
    (all) => all.every(({ payment_status }) => payment_status === "paid"),
  )
  expect(asked.map(({ status, payment_status }) => `${status} ${payment_status}`)).toEqual(
    Array(3).fill("confirmed paid"),
  )
}, 180_000)
