import { setTimeout as sleep } from "node:timers/promises"

import type { Verification } from "#modules/admin/model.ts"
import type { Order } from "#modules/orders/model.ts"
import type { Payment } from "#modules/payments/model.ts"

import { type FakeServer, startFakeGateway } from "../../support/gateways/fake-server.ts"
import {
  type Call,
  client,
  freePort,
  newFolder,
  type Server,
  startServer,
} from "../../support/server.ts"
import { allOrders, eventually, expected, shipping_address, signIn, stockOf } from "../shop.ts"
import { insist } from "./insist.ts"
import { type Random, randomOf } from "./random.ts"

/** How big a run is, and what determines it. Two runs of a seed make the same choices, not in the same instants. */
export type Plan = {
  /** Orders that shoppers try to place. */
  orders: number
  seed: number
  /** How many shoppers act at once. */
  shoppers: number
  /** Between one death of the server and the next, in ms: at least this, at most twice this. */
  killEveryMs: number
  log: (line: string) => void
}

/** What a run came to. Whatever is in `wrong` should not be. */
export type Outcome = {
  orders: number
  refused: Record<string, number>
  deaths: number
  actions: Record<string, number>
  wrong: string[]
}

type Placed = { id: string; as?: string; token?: string }
type Shop = {
  call: Call
  gateway: FakeServer
  staff: string
  admin: string
  customers: string[]
  products: string[]
  codes: string[]
  placed: Placed[]
  random: Random
  outcome: Outcome
}

const secret = "chaos-gateway-secret"
/** Stock of each product: some are never short, some nearly always. */
const stocks = [100_000, 100_000, 100_000, 400, 60, 25, 12]
const limits = [25, 10, 3]

/**
 * Lets shoppers and staff loose on a shop whose payment gateway misbehaves and whose server is killed every few seconds,
 * then waits until it has come to rest and looks whether anything is not as it should be.
 */
export async function chaos(plan: Plan): Promise<Outcome> {
  const persistTo = newFolder()
  const outcome: Outcome = { orders: 0, refused: {}, deaths: 0, actions: {}, wrong: [] }
  const port = await freePort()
  const gateway = await startFakeGateway({
    secret,
    webhookUrl: `http://localhost:${port}/api/v1/payments/webhooks/fake`,
    behaviour: {
      seed: plan.seed,
      decline: 0.1,
      dropBefore: 0.05,
      dropAfter: 0.05,
      delayMs: 200,
      duplicate: 0.2,
      lose: 0.1,
      lateMs: 3000,
      early: 0.2,
      drift: 0.02,
      refuseRefunds: 0.05,
    },
  })
  const flags = [
    "--no-demo",
    "--var",
    `FAKE_GATEWAY_URL:${gateway.url}`,
    "--var",
    `FAKE_GATEWAY_SECRET:${secret}`,
    "--var",
    "PENDING_ORDER_TTL:60",
    "--var",
    "ACCESS_TOKEN_TTL:3600",
  ]
  let server: Server = await startServer({ flags, persistTo, port })
  const call = client(server.base)
  const random = randomOf(plan.seed)
  const shop = await open(call, gateway, random, outcome)

  let isOver = false
  const reaper = (async () => {
    while (!isOver) {
      await sleep(plan.killEveryMs + random.whole(plan.killEveryMs))
      if (isOver) return
      await server.kill()
      outcome.deaths += 1
      server = await startServer({ flags, persistTo, port })
    }
  })()
  const clock = (async () => {
    while (!isOver) {
      await sleep(5000)
      await tick(call)
    }
  })()
  let left = plan.orders
  await Promise.all(
    Array.from({ length: plan.shoppers }, async (_, shopper) => {
      while (left > 0) {
        left -= 1
        await act(shop, `${plan.seed}-${shopper}-${left}`).catch((error: unknown) =>
          outcome.wrong.push(String(error)),
        )
        if (left > 0 && left % 100 === 0) plan.log(`${left} to go, ${outcome.deaths} deaths`)
      }
    }),
  )
  isOver = true
  await Promise.all([reaper, clock])

  gateway.ledger.behave({
    decline: 0,
    dropBefore: 0,
    dropAfter: 0,
    delayMs: 0,
    lose: 0,
    early: 0,
    drift: 0,
    refuseRefunds: 0,
  })
  plan.log("everybody has gone home")
  await atRest(shop, plan.log)
  await examine(shop, plan)
  await server.stop()
  await gateway.close()
  return outcome
}

async function open(
  call: Call,
  gateway: FakeServer,
  random: Random,
  outcome: Outcome,
): Promise<Shop> {
  const staff = await signIn(call, "staff@nexus.test")
  const admin = await signIn(call, "admin@nexus.test")
  const customers = [await signIn(call, "ada@nexus.test"), await signIn(call, "grace@nexus.test")]
  const products: string[] = []
  for (const [n, stock_quantity] of stocks.entries()) {
    const body = { name: `Chaos ${n}`, price: `${n + 1}.99`, stock_quantity }
    products.push(expected(201, await call("POST", "products", { as: staff, body })).id)
  }
  const codes: string[] = []
  for (const [n, usage_limit] of limits.entries()) {
    const code = `CHAOS${n}`
    const action = { type: "percentage", percentage: "10" }
    const body = { name: code, code, action, usage_limit }
    expected(201, await call("POST", "admin/promotions", { as: staff, body }))
    codes.push(code)
  }
  return { call, gateway, staff, admin, customers, products, codes, placed: [], random, outcome }
}

/** One thing that a shopper or staff do. */
async function act(shop: Shop, key: string): Promise<void> {
  await place(shop, key)
  const { random, placed, outcome } = shop
  const one = placed[random.whole(placed.length)]
  if (!one || random.chance(0.3)) return
  const deed = random.weighted({
    cancel: 3,
    advance: 5,
    adjust: 1,
    mark: 2,
    refund: 1,
    giveBack: 2,
  })
  outcome.actions[deed] = (outcome.actions[deed] ?? 0) + 1
  await deeds[deed](shop, one, key)
}

async function place(shop: Shop, key: string): Promise<void> {
  const { call, gateway, random, products, codes, customers, placed, outcome } = shop
  const as = random.chance(0.7) ? random.oneOf(customers) : undefined
  const items = Array.from({ length: 1 + random.whole(3) }, () => ({
    product_id: random.oneOf(products),
    quantity: 1 + random.whole(2),
  }))
  const body = {
    items,
    shipping_address,
    notes: key,
    payment_method: random.oneOf(["manual", "cod", "fake", "fake"]),
    ...(!as && { email: `guest-${random.whole(20)}@nexus.test` }),
    ...(random.chance(0.3) && { coupon_codes: [random.oneOf(codes)] }),
  }
  const answer = await insist(call, "POST", "orders", { key, body, ...(as && { as }) })
  if (answer.status === 201) {
    outcome.orders += 1
    const { id, access_token: token, payment } = answer.body
    // The gateway may be asked again and again before it knows of the payment; some never pay.
    if (payment?.client_secret && random.chance(0.85))
      await fetch(`${gateway.url}/__pay`, {
        method: "POST",
        body: JSON.stringify({ id: payment.client_secret.replace("_secret", "") }),
      })
    placed.push({ id, ...(as && { as }), ...(token && { token }) })
    return
  }
  const code = String(answer.body.code)
  outcome.refused[code] = (outcome.refused[code] ?? 0) + 1
  if (!["out-of-stock", "coupon-used-up", "coupon-refused"].includes(code))
    outcome.wrong.push(`an order was refused: ${answer.status} ${JSON.stringify(answer.body)}`)
}

type Deed = (shop: Shop, order: Placed, key: string) => Promise<void>

const deeds = {
  async cancel({ call, outcome }, { id, as, token }, key) {
    const answer = await insist(call, "POST", `orders/${id}/cancel`, {
      key: `cancel-${key}`,
      body: { reason: "Chaos" },
      ...(as && { as }),
      ...(token && { headers: { "x-order-token": token } }),
    })
    allow(outcome, "cancel", answer, ["already-cancelled", "illegal-transition", "order-changed"])
  },
  async advance({ call, staff, outcome }, { id }, key) {
    const found = await call<Order>("GET", `orders/${id}`, { as: staff }).catch(() => undefined)
    const status = next[found?.body.status ?? ""]
    if (!status) return
    const answer = await insist(call, "PATCH", `orders/${id}/status`, {
      key: `advance-${key}`,
      as: staff,
      body: { status },
    })
    allow(outcome, "advance", answer, [
      "illegal-transition",
      "order-changed",
      "already-cancelled",
      "order-unpaid",
    ])
  },
  async adjust({ call, staff, outcome, random, products }, _, key) {
    const answer = await insist(call, "POST", `admin/inventory/${random.oneOf(products)}/adjust`, {
      key: `adjust-${key}`,
      as: staff,
      body: { delta: random.whole(11) - 5, reason: "correction" },
    })
    allow(outcome, "adjust", answer, ["out-of-stock"])
  },
  async mark({ call, staff, outcome }, { id }, key) {
    const found = await call<{ results: Payment[] }>("GET", `payments?order=${id}`, {
      as: staff,
    }).catch(() => undefined)
    const payment = found?.body.results?.[0]
    if (!payment || payment.provider === "fake") return
    const answer = await insist(call, "POST", `payments/${payment.id}/mark-paid`, {
      key: `mark-${key}`,
      as: staff,
      body: {},
    })
    allow(outcome, "mark", answer, ["payment-closed", "payment-changed", "order-not-payable"])
  },
  async refund({ call, staff, outcome }, { id }, key) {
    const answer = await insist(call, "POST", "payments/refunds", {
      key: `refund-${key}`,
      as: staff,
      body: { order: id, amount: "1.00", reason: "Chaos" },
    })
    allow(outcome, "refund", answer, ["refund-too-large", "payment-closed", "payment-changed"])
  },
  async giveBack({ call, staff, outcome }, { id }, key) {
    const found = await call<Order>("GET", `orders/${id}`, { as: staff }).catch(() => undefined)
    const line = found?.body.items[0]
    if (found?.body.status !== "delivered" || !line) return
    const asked = await insist(call, "POST", `orders/${id}/returns`, {
      key: `return-${key}`,
      as: staff,
      body: { items: [{ line_id: line.id, quantity: 1 }], reason: "other" },
    })
    if (!allow(outcome, "return", asked, returnRefusals)) return
    for (const step of ["approve", "receive"]) {
      const answer = await insist(call, "POST", `admin/returns/${asked.body.id}/${step}`, {
        key: `${step}-${key}`,
        as: staff,
        body: {},
      })
      if (!allow(outcome, step, answer, returnRefusals)) return
    }
  },
} satisfies Record<string, Deed>

const returnRefusals = ["order-changed", "illegal-transition", "not-returnable", "invalid-input"]

const next: Record<string, string> = {
  pending: "confirmed",
  confirmed: "processing",
  processing: "shipped",
  shipped: "delivered",
}

/** Whether it was done; what was refused for another reason than these is wrong. */
function allow(
  outcome: Outcome,
  deed: string,
  { status, body }: { status: number; body: any },
  refusals: readonly string[],
): boolean {
  if (status < 300) return true
  if (!refusals.includes(body.code))
    outcome.wrong.push(`${deed} was refused: ${status} ${JSON.stringify(body)}`)
  return false
}

/** `wrangler dev` fires no cron: what it would do is done for it. */
async function tick(call: Call): Promise<void> {
  for (const cron of ["*+*+*+*+*", "*/5+*+*+*+*"])
    await call("GET", `/cdn-cgi/handler/scheduled?cron=${cron}`).catch(() => undefined)
}

/** Waits until nothing is under way: every event is delivered, and what was never paid has run out. */
async function atRest({ call, admin, staff }: Shop, log: (line: string) => void): Promise<void> {
  const found = await eventually(
    300_000,
    async () => {
      await tick(call)
      const open = (await allOrders(call, staff)).filter(
        (order) => order.payment_method === "fake" && order.status === "pending",
      )
      return open.length > 0
        ? [`${open.length} orders wait for their payment`]
        : verifyAll(call, admin)
    },
    (violations) => violations.length === 0,
  )
  log(found.length === 0 ? "at rest" : `not at rest: ${found.slice(0, 5).join("\n")}`)
}

async function verifyAll(call: Call, as: string): Promise<string[]> {
  const first = expected(200, await call<Verification>("GET", "admin/verify", { as }))
  const found: string[] = []
  for (const { name } of first.checks) {
    for (let after: string | null = ""; after !== null;) {
      const path: string = `admin/verify?check=${name}&after=${encodeURIComponent(after)}`
      const [stretch]: Verification["checks"] = expected(
        200,
        await call<Verification>("GET", path, { as }),
      ).checks
      if (!stretch) break
      found.push(...stretch.violations.map((one) => `${name}: ${one.subject}: ${one.detail}`))
      after = stretch.next
    }
  }
  return found
}

async function allPayments(call: Call, as: string): Promise<Payment[]> {
  const payments: Payment[] = []
  for (let cursor = ""; ;) {
    const path = `payments?provider=fake&page_size=100${cursor}`
    const page = await call<{ results: Payment[]; next_cursor: string | null }>("GET", path, { as })
    const { results, next_cursor } = expected(200, page)
    payments.push(...results)
    if (next_cursor === null) return payments
    cursor = `&cursor=${encodeURIComponent(next_cursor)}`
  }
}

/** Everything that must hold, seen from outside. */
async function examine(
  { call, gateway, staff, admin, placed, products, outcome }: Shop,
  plan: Plan,
): Promise<void> {
  const { wrong } = outcome
  wrong.push(...(await verifyAll(call, admin)))
  const orders = await allOrders(call, staff)
  const byWish = Map.groupBy(orders, ({ notes }) => notes)
  for (const [wish, some] of byWish)
    if (some.length > 1) wrong.push(`${wish} has ${some.length} orders`)
  const known = new Set<string>(orders.map(({ id }) => id))
  for (const { id } of placed) if (!known.has(id)) wrong.push(`${id} was promised and is gone`)
  if (orders.length !== placed.length)
    wrong.push(`${placed.length} orders were answered and ${orders.length} are there`)
  for (const product of products) {
    const { on_hand } = await stockOf(call, staff, product)
    if (on_hand < 0) wrong.push(`${product} has ${on_hand} on hand`)
  }
  for (const order of orders) {
    const isSent = ["shipped", "delivered", "refunded"].includes(order.status)
    if (order.payment_method === "fake" && isSent && order.paid_at === null)
      wrong.push(`${order.id} was sent unpaid`)
  }
  const cents = (text: string) => Math.round(Number(text) * 100)
  const ours = await allPayments(call, staff)
  const captured = ours.reduce((sum, payment) => sum + cents(payment.captured), 0)
  const refunded = ours.reduce((sum, payment) => sum + cents(payment.refunded), 0)
  const theirs = gateway.ledger.totals()
  if (captured !== theirs.captured)
    wrong.push(`the gateway captured ${theirs.captured}, we say ${captured}`)
  if (refunded !== theirs.refunded)
    wrong.push(`the gateway refunded ${theirs.refunded}, we say ${refunded}`)
  plan.log(
    `${orders.length} orders, ${outcome.deaths} deaths, ${captured} captured, ${refunded} refunded`,
  )
}
