import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid } from "#errors.ts"

import type { Stretch } from "./check.ts"
import type { CheckResult, Verification, VerifyQuery } from "./model.ts"
import * as books from "./verify-books.ts"
import * as credit from "./verify-credit.ts"
import * as orders from "./verify-orders.ts"
import * as platform from "./verify-platform.ts"
import * as stock from "./verify-stock.ts"

type Check = { title: string; look: (ctx: Ctx, after: string) => Promise<Stretch> }

/** What must hold of a shop at every moment, whatever happened to it. What is still under way is passed over. */
export const checks: Record<string, Check> = {
  stock: {
    title: "Every stock level is the sum of its movements, not below its floor, and in the lists",
    look: stock.levels,
  },
  "stock-buyers": {
    title: "Whatever stock was sold to is an order that is not cancelled",
    look: stock.buyers,
  },
  "stock-orders": {
    title: "Every order has exactly the stock that its lines say",
    look: stock.ofOrders,
  },
  constraints: {
    title: "One order a cart and a number, one effect an idempotency key and a gateway event",
    look: platform.constraints,
  },
  totals: { title: "Every order's amounts add up", look: orders.totals },
  money: {
    title:
      "What orders say was paid and given back is what their payments say, and none gave back more than it got",
    look: orders.money,
  },
  ledger: {
    title: "The ledger balances in every currency, and its balances are the sums of its transfers",
    look: books.ledger,
  },
  "ledger-orders": {
    title: "What the ledger says of every order is what the order, its payments and refunds say",
    look: books.ofOrders,
  },
  statistics: {
    title: "The figures of orders are what the orders come to",
    look: books.figures,
  },
  "payment-figures": {
    title: "The figures of payments are what the payments come to",
    look: books.payers,
  },
  listings: {
    title: "Lists count as many products as they have",
    look: books.listed,
  },
  history: {
    title: "Every order's history is unbroken, and each step in it was allowed",
    look: orders.histories,
  },
  promotions: {
    title: "Promotions are used as often as orders say, and no more than they may be",
    look: orders.promotions,
  },
  "gift-cards": {
    title: "What lies on every gift card is the sum of its movements",
    look: credit.giftCardBalances,
  },
  "store-credit": {
    title: "What every account has is the sum of its movements, by currency",
    look: credit.accountBalances,
  },
  sessions: {
    title: "A session has at most one refresh token that works",
    look: platform.sessions,
  },
  events: { title: "No event waits long, and none has failed for good", look: platform.events },
}

/**
 * Runs every check over its first stretch, or one from where its last stretch ended. Changes nothing.
 * @throws `forbidden`, `invalid-input` for a check that is not there
 */
export async function verify(ctx: Ctx, query: VerifyQuery): Promise<Verification> {
  requirePermission(ctx, "audit:read")
  const name = query.check
  if (name !== undefined && !Object.hasOwn(checks, name))
    throw invalid({
      field: "check",
      detail: `There is no such check: ${Object.keys(checks).join(", ")}.`,
      code: "unknown",
    })
  const wanted = Object.entries(checks).filter(([key]) => name === undefined || key === name)
  const results = await Promise.all(
    wanted.map(async ([key, { title, look }]): Promise<CheckResult> => {
      const stretch = await look(ctx, name === undefined ? "" : query.after)
      return { name: key, title, ...stretch }
    }),
  )
  return {
    is_sound: results.every(({ violations }) => violations.length === 0),
    is_complete: results.every(({ next }) => next === null),
    checks: results,
  }
}
