import { setTimeout as sleep } from "node:timers/promises"

import type { Order } from "#modules/orders/model.ts"
import type { Payment } from "#modules/payments/model.ts"

import { badCard, goodCard } from "../../support/gateways/cards.ts"
import { shipping_address } from "../shop.ts"
import { insist } from "./insist.ts"
import type { Outcome, Placed, Shop } from "./shop.ts"

/** One thing that a shopper or staff do. */
export async function act(shop: Shop, key: string): Promise<void> {
  await place(shop, key)
  const { random, placed, outcome } = shop
  const one = placed[random.whole(placed.length)]
  if (!one || random.chance(0.2)) return
  const deed = random.weighted({
    cancel: 3,
    advance: 6,
    adjust: 1,
    mark: 2,
    refund: 1,
    giveBack: 3,
    dispute: 1,
  })
  outcome.actions[deed] = (outcome.actions[deed] ?? 0) + 1
  await deeds[deed](shop, one, key)
}

async function place(shop: Shop, key: string): Promise<void> {
  const { call, plan, random, products, codes, customers, placed, outcome } = shop
  const as = random.chance(0.7) ? random.oneOf(customers) : undefined
  const items = Array.from({ length: 1 + random.whole(3) }, () => ({
    product_id: random.oneOf(products),
    quantity: 1 + random.whole(2),
  }))
  const isAtGateway = plan.gateways.length > 0 && random.chance(0.7)
  const body = {
    items,
    shipping_address,
    notes: key,
    payment_method: isAtGateway ? random.oneOf(plan.gateways) : random.oneOf(["manual", "cod"]),
    ...(!as && { email: `guest-${random.whole(20)}@nexus.test` }),
    ...(random.chance(0.3) && { coupon_codes: [random.oneOf(codes)] }),
  }
  const answer = await insist(call, "POST", "orders", { key, body, ...(as && { as: as.access }) })
  if (answer.status === 201) {
    outcome.orders += 1
    const { id, access_token: token, payment } = answer.body
    const order = { id, ...(as && { as }), ...(token && { token }) }
    placed.push(order)
    // Some never pay.
    if (isAtGateway && random.chance(0.85)) await pay(shop, order, payment, key)
    return
  }
  const code = String(answer.body.code)
  outcome.refused[code] = (outcome.refused[code] ?? 0) + 1
  if (!["out-of-stock", "coupon-used-up", "coupon-refused"].includes(code))
    outcome.wrong.push(`an order was refused: ${answer.status} ${JSON.stringify(answer.body)}`)
}

/** The payer goes where the shop sends them; some try a bad card first. */
async function pay(shop: Shop, order: Placed, start: any, key: string): Promise<void> {
  const { gateways, random, outcome } = shop
  const { client_secret, redirect_url } = await wayOf(shop, order, start, key)
  if (client_secret === undefined && redirect_url === undefined) return
  const cards = random.chance(0.1) ? [badCard, goodCard] : [goodCard]
  for (const card of cards) {
    await fetch(`${gateways.url}/__pay`, {
      method: "POST",
      body: JSON.stringify(
        client_secret === undefined ? { redirect_url, card } : { client_secret, card },
      ),
    })
    await sleep(random.whole(200))
  }
  outcome.done["pay"] = (outcome.done["pay"] ?? 0) + 1
}

/** Staff move an order so many states on, as far as it goes. */
async function moveOn(shop: Shop, order: Placed, key: string, steps: number): Promise<void> {
  const { call, staff, outcome, delivered } = shop
  for (let step = 0; step < steps; step++) {
    const found = await call<Order>("GET", `orders/${order.id}`, { as: staff }).catch(
      () => undefined,
    )
    const status = next[found?.body.status ?? ""]
    if (!status) return
    const answer = await insist(call, "PATCH", `orders/${order.id}/status`, {
      key: `advance-${key}-${step}`,
      as: staff,
      body: { status },
    })
    if (!allow(outcome, "advance", answer, moveRefusals)) return
    if (status === "delivered") delivered.push(order)
  }
}

const moveRefusals = [
  "illegal-transition",
  "order-changed",
  "already-cancelled",
  "order-unpaid",
  "order-disputed",
]

/** Where a payer goes: as the order said, or asked for again when the gateway had not answered by then. */
async function wayOf(
  { call, outcome }: Shop,
  { id, as, token }: Placed,
  start: any,
  key: string,
): Promise<{ client_secret?: string; redirect_url?: string }> {
  for (let tries = 0; tries < 5; tries++) {
    if (start?.client_secret ?? start?.redirect_url) return start
    const answer = await insist(call, "POST", "payments", {
      key: `pay-${key}-${tries}`,
      body: { order: id },
      ...(as && { as: as.access }),
      ...(token && { headers: { "x-order-token": token } }),
    })
    if (!allow(outcome, "start", answer, ["order-not-payable", "payment-changed"])) return {}
    start = answer.body
  }
  return {}
}

type Deed = (shop: Shop, order: Placed, key: string) => Promise<void>

const deeds = {
  async cancel({ call, outcome }, { id, as, token }, key) {
    const answer = await insist(call, "POST", `orders/${id}/cancel`, {
      key: `cancel-${key}`,
      body: { reason: "Chaos" },
      ...(as && { as: as.access }),
      ...(token && { headers: { "x-order-token": token } }),
    })
    allow(outcome, "cancel", answer, ["already-cancelled", "illegal-transition", "order-changed"])
  },
  /** Staff move an order on, some all the way to its buyer. */
  async advance(shop, order, key) {
    await moveOn(shop, order, key, 1 + shop.random.whole(4))
  },
  async adjust({ call, staff, outcome, random, products }, _, key) {
    const answer = await insist(call, "POST", `admin/inventory/${random.oneOf(products)}/adjust`, {
      key: `adjust-${key}`,
      as: staff,
      body: { delta: random.whole(11) - 5, reason: "correction" },
    })
    allow(outcome, "adjust", answer, [
      "out-of-stock",
      ...(answer.body?.errors?.[0]?.field === "delta" ? ["invalid-input"] : []),
    ])
  },
  async mark({ call, staff, outcome }, { id }, key) {
    const found = await call<{ results: Payment[] }>("GET", `payments?order=${id}`, {
      as: staff,
    }).catch(() => undefined)
    const payment = found?.body.results?.[0]
    if (payment?.provider !== "manual" && payment?.provider !== "cod") return
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
  /** A buyer sends one thing of an order back that was brought to them, this one if it can be. */
  async giveBack(shop, one, key) {
    const { call, staff, outcome, random, delivered } = shop
    await moveOn(shop, one, key, 4)
    const order = delivered[random.whole(delivered.length)]
    if (!order) return
    const found = await call<Order>("GET", `orders/${order.id}`, { as: staff }).catch(
      () => undefined,
    )
    const line = found?.body.items?.[0]
    if (!line) return
    const asked = await insist(call, "POST", `orders/${order.id}/returns`, {
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
  /** A payer asks their bank for the money of some payment back, and the bank decides, or waits. */
  dispute({ gateways, outcome, random }) {
    const party = gateways.parties[random.oneOf(["stripe", "paypal", "square"] as const)]
    const { payments } = party.books()
    const one = payments[random.whole(payments.length)]
    if (!one || one.disputed > 0) return Promise.resolve()
    party.dispute(one.id)
    if (random.chance(0.5)) party.dispute(one.id, random.chance(0.5) ? "won" : "lost")
    gateways.tell()
    outcome.done["dispute"] = (outcome.done["dispute"] ?? 0) + 1
    return Promise.resolve()
  },
} satisfies Record<string, Deed>

const returnRefusals = ["order-changed", "illegal-transition", "not-returnable", "payment-changed"]

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
  if (status < 300) {
    outcome.done[deed] = (outcome.done[deed] ?? 0) + 1
    return true
  }
  if (!refusals.includes(body.code))
    outcome.wrong.push(`${deed} was refused: ${status} ${JSON.stringify(body)}`)
  return false
}
