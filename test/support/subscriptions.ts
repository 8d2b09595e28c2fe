import { vi } from "vitest"

import { everyMinute } from "#modules/admin/sweep.ts"
import type { Product } from "#modules/catalog/model.ts"

import { type Answer, call } from "./api.ts"
import { ctx } from "./ctx.ts"
import type { FakeGateway } from "./gateways/fake-fetch.ts"
import * as make from "./make.ts"
import { address, rows, settleAll } from "./shop.ts"

export type Person = Awaited<ReturnType<typeof make.user>>

/** A plan, made by staff: every month, at ten percent less, for everything, unless said otherwise. */
export async function plan(over: Record<string, unknown> = {}): Promise<Answer["body"]> {
  const answer = await call("POST", "admin/subscription-plans", {
    as: await make.user("staff"),
    body: { name: "Every month", interval: "month", discount_percentage: "10", ...over },
  })
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
  return answer.body
}

/** A payment method that the fake gateway keeps of a customer; `failing`: every charge of it is declined. */
export async function savedMethod(
  as: Person,
  gateway: FakeGateway,
  failing = false,
): Promise<string> {
  const begun = await call("POST", "users/me/payment-methods", { as, body: { provider: "fake" } })
  if (begun.status !== 201) throw new Error(JSON.stringify(begun.body))
  const setup = [...gateway.ledger.setups.values()].findLast(({ status }) => status === "open")
  const done = gateway.ledger.finishSetup(setup?.id ?? "", { failing })
  if (done.method === null) throw new Error("no method")
  return done.method
}

/** Subscribes somebody to a plan of one thing. */
export function subscribe(
  as: Person,
  {
    plan,
    product,
    quantity = 1,
    ...over
  }: { plan: { id: string }; product: Product; quantity?: number; [field: string]: unknown },
): Promise<Answer> {
  return call("POST", "subscriptions", {
    as,
    body: {
      plan: plan.id,
      items: [{ product_id: product.id, quantity }],
      shipping_address: address,
      ...over,
    },
  })
}

/** Sets the clock; the stock objects see it too. */
export function clock(text: string): Date {
  const now = new Date(text)
  vi.useFakeTimers({ toFake: ["Date"], now })
  return now
}

/** What cron does every minute, once, and everything that it sets off. */
export async function cron(): Promise<void> {
  const system = ctx()
  await everyMinute(system)
  await system.settled()
  await settleAll()
}

/** A subscription as its row says. */
export async function standing(id: string): Promise<Record<string, any>> {
  const [row] = await rows<Record<string, any>>(
    "SELECT status, period, period_start, period_end, cycles, failure, attempts, next_at, order_id, payment_id, balance_amount FROM subscriptions WHERE id = ?",
    id,
  )
  return row ?? {}
}

/** The orders of a subscription by period, with how they and their renewals stand. */
export function renewals(id: string): Promise<Record<string, any>[]> {
  return rows(
    "SELECT r.period, r.status, o.status AS order_status, o.payment_status, o.total_amount, substr(r.starts_at, 1, 10) AS starts FROM subscription_renewals r JOIN orders o ON o.id = r.order_id WHERE r.subscription_id = ? ORDER BY r.period",
    id,
  )
}
