import type { Verification } from "#modules/admin/model.ts"
import type { Payment } from "#modules/payments/model.ts"
import type { Finding, Reconciliation } from "#modules/payments/reconcile-model.ts"

import type { GatewayName } from "../../support/gateways/party.ts"
import type { Call } from "../../support/server.ts"
import { allOrders, eventually, expected, stockOf } from "../shop.ts"
import { type Shop, tick } from "./shop.ts"

/** The most that a shop may take to come to rest, in ms: orders that nobody pays run out after a minute. */
const restMs = (orders: number) => 600_000 + 100 * orders

/**
 * Waits until nothing is under way: every event is delivered, what was never paid has run out, and the gateways' books
 * and the shop's agree.
 */
export async function atRest(shop: Shop): Promise<void> {
  const { call, admin, staff, gateways, plan } = shop
  let said = ""
  const found = await eventually(
    restMs(plan.orders),
    async () => {
      await tick(call)
      const pending = await allOrders(call, staff, "&status=pending")
      const open = pending.filter(({ payment_method }) => isGateway(payment_method))
      const left =
        open.length > 0
          ? open.map(({ id, payment_method }) => `${id} waits for its payment by ${payment_method}`)
          : gateways.waiting() > 0
            ? [`${gateways.waiting()} webhooks are not taken`]
            : [...(await mended(shop)), ...(await verifyAll(call, admin))]
      const line =
        left.length === 0
          ? "at rest"
          : `not at rest (${left.length}): ${left.slice(0, 3).join("; ")}`
      if (line !== said) plan.log(line)
      said = line
      return left
    },
    (violations) => violations.length === 0,
  )
  shop.outcome.wrong.push(...found)
}

function isGateway(method: string): method is GatewayName {
  return /^(?:fake|stripe|paypal|square)$/.test(method)
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

async function paymentsOf(call: Call, as: string, provider: GatewayName): Promise<Payment[]> {
  const payments: Payment[] = []
  for (let cursor = ""; ;) {
    const path = `payments?provider=${provider}&page_size=100${cursor}`
    const page = await call<{ results: Payment[]; next_cursor: string | null }>("GET", path, { as })
    const { results, next_cursor } = expected(200, page)
    payments.push(...results)
    if (next_cursor === null) return payments
    cursor = `&cursor=${encodeURIComponent(next_cursor)}`
  }
}

/** Minor units of US dollars. */
const cents = (text: string) => Number(text.replace(".", ""))

/** What the books disagree on once the shop has looked for what it was never told, as it does every night. */
async function mended(shop: Shop): Promise<string[]> {
  const wrong = await compareBooks(shop)
  if (wrong.length === 0) return []
  await compare(shop)
  return wrong
}

/**
 * Each gateway's books against ours, payment by payment, to the cent: what it took belongs to a payment of ours, and
 * what went back, to the payer or to their bank, is what we say went back.
 */
async function compareBooks({ call, gateways, staff, plan }: Shop): Promise<string[]> {
  const wrong: string[] = []
  for (const name of plan.gateways) {
    const ours = new Map((await paymentsOf(call, staff, name)).map((one) => [String(one.id), one]))
    const theirs = gateways.parties[name].books().payments
    for (const { id, key, captured, refunded, disputed } of theirs) {
      const payment = key === null ? undefined : ours.get(key)
      if (!payment) {
        wrong.push(`${name} took ${captured} for ${id}, which is no payment of ours`)
        continue
      }
      if (cents(payment.captured) !== captured)
        wrong.push(`${name} took ${captured} for ${key}, we say ${payment.captured}`)
      if (cents(payment.refunded) !== refunded + disputed)
        wrong.push(
          `${name} gave ${refunded} and ${disputed} back for ${key}, we say ${payment.refunded}`,
        )
    }
    const known = new Set(theirs.map(({ key }) => key))
    for (const [id, { captured }] of ours)
      if (cents(captured) > 0 && !known.has(id))
        wrong.push(`${name} knows nothing of ${id}, which took ${captured}`)
  }
  return wrong
}

/** Has the shop compare its payments with the gateways. */
async function compare({ call, admin, plan }: Shop): Promise<Reconciliation> {
  const answer = await call<Reconciliation>("POST", "admin/payments/reconcile", { as: admin })
  const { id } = expected(202, answer)
  const done = await eventually(
    restMs(plan.orders),
    async () =>
      expected(
        200,
        await call<Reconciliation>("GET", `admin/payments/reconciliations/${id}`, { as: admin }),
      ),
    ({ status }) => status !== "running",
  )
  plan.log(
    `reconciled: ${done.status}, ${done.checked} compared, ${done.repaired} mended, ${done.open} open`,
  )
  return done
}

/** The same, and whatever it leaves to people is wrong. */
async function reconcile(shop: Shop): Promise<void> {
  const { call, admin, outcome } = shop
  const done = await compare(shop)
  const path = `admin/payments/reconciliations/${done.id}`
  if (done.status !== "done") outcome.wrong.push(`the reconciliation is ${done.status}`)
  if (done.open === 0) return
  const found = await call<{ results: Finding[] }>(
    "GET",
    `${path}/findings?outcome=open&page_size=100`,
    { as: admin },
  )
  for (const { kind, provider, payment, detail } of expected(200, found).results)
    outcome.wrong.push(`reconciliation: ${kind}: ${provider} ${payment}: ${detail}`)
}

/** Everything that must hold, seen from outside, once it is at rest. */
export async function examine(shop: Shop): Promise<void> {
  const { call, gateways, staff, admin, placed, products, outcome, plan } = shop
  await reconcile(shop)
  outcome.wrong.push(...(await verifyAll(call, admin)), ...(await compareBooks(shop)))
  const { wrong } = outcome
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
    if (isGateway(order.payment_method) && isSent && order.paid_at === null)
      wrong.push(`${order.id} was sent unpaid`)
  }
  for (const name of plan.gateways) {
    const { captured, refunded, disputed } = gateways.parties[name].books().totals["USD"] ?? {}
    plan.log(
      `${name} took ${captured ?? 0}, gave ${refunded ?? 0} back, and lost ${disputed ?? 0} to disputes`,
    )
  }
  plan.log(`${orders.length} orders, ${outcome.deaths} deaths`)
}
