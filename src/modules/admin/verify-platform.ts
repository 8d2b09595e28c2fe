import { and, asc, count, gt, inArray, isNull, lte, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { iso, secondsAfter } from "#lib/time.ts"
import { refreshTokens, sessions as sessionRows } from "#modules/auth/tables.ts"
import { deadLetters, outbox } from "#platform/tables.ts"

import { type Stretch, stretchLength, stretchOf } from "./check.ts"

/** The promises that the database keeps by itself, and how each is written down. */
const promises: Record<string, string> = {
  orders_cart: "of one cart there is one order",
  orders_number: "an order number is one order's",
  cart_lines_variant: "a variant is one line of a cart",
  idempotency: "an idempotency key has one effect",
  order_changes: "a version of an order is one row of its history",
  gateway_events: "a gateway's event is dealt with once",
  refunds_key: "a refund of one cause is made once",
  payments_gateway_ref: "a gateway's payment is one payment",
  payments_amounts: "no more is refunded than captured",
  gift_cards_balance: "no more is spent of a gift card than is on it",
  store_credits_balance: "no more store credit is spent than there is",
  credit_entries_key: "credit moves once for one cause",
  promotions_uses_left: "a promotion is used no more than it may be",
  promotion_customers_uses_left: "a customer uses a promotion no more than they may",
  refresh_tokens_parent: "a refresh token has one successor",
  ledger_transfers_key: "a movement is booked once",
  ledger_transfers_kept: "what was booked is not changed",
  ledger_transfers_stay: "what was booked is not deleted",
  orders_total: "an order's amounts add up",
}

/** Whether the database still has the constraints that the shop relies on. */
export async function constraints(ctx: Ctx): Promise<Stretch> {
  const rows = await ctx.db
    .select({ sql: sql<string>`coalesce(sql, '')`.as("definition") })
    .from(sql`sqlite_master`)
  const all = rows.map((row) => row.sql).join("\n")
  const missing = Object.entries(promises).filter(
    ([name]) => !new RegExp(`\\b${name}\\b`).test(all),
  )
  return {
    checked: Object.keys(promises).length,
    violations: missing.map(([subject, promise]) => ({
      subject,
      detail: `The database does not see to it any more that ${promise}.`,
    })),
    next: null,
  }
}

/** How long an event may wait: the queue, and the sweep that sends it again, are done long before. */
const patienceSeconds = 600

/** Events that nobody has dealt with, the oldest first, at most a stretch of each kind. */
export async function events(ctx: Ctx): Promise<Stretch> {
  const [waiting, dead] = await ctx.db.batch([
    ctx.db
      .select({ id: outbox.id, createdAt: outbox.createdAt })
      .from(outbox)
      .where(
        and(
          isNull(outbox.doneAt),
          // Each try puts it off by a minute: who was made this long ago and is not done is among the next due.
          lte(outbox.createdAt, iso(secondsAfter(ctx.now, -patienceSeconds))),
        ),
      )
      .orderBy(outbox.nextAt)
      .limit(stretchLength),
    ctx.db.select({ id: deadLetters.eventId }).from(deadLetters).limit(stretchLength),
  ])
  return {
    checked: waiting.length + dead.length,
    violations: [
      ...waiting.map(({ id, createdAt }) => ({
        subject: id,
        detail: `It waits since ${createdAt}.`,
      })),
      ...dead.map(({ id }) => ({ subject: id, detail: "It has failed for good." })),
    ],
    next: null,
  }
}

/** Sessions, by id: how many of a session's tokens were never used. */
export async function sessions(ctx: Ctx, after: string): Promise<Stretch> {
  const page = await ctx.db
    .select({ id: sessionRows.id })
    .from(sessionRows)
    .where(gt(sessionRows.id, after as (typeof sessionRows.$inferSelect)["id"]))
    .orderBy(asc(sessionRows.id))
    .limit(stretchLength + 1)
  const live = await ctx.db
    .select({ id: refreshTokens.sessionId, n: count() })
    .from(refreshTokens)
    .where(
      and(
        inArray(
          refreshTokens.sessionId,
          page.map(({ id }) => id),
        ),
        isNull(refreshTokens.usedAt),
      ),
    )
    .groupBy(refreshTokens.sessionId)
  const counts = new Map(live.map(({ id, n }) => [id, n]))
  return stretchOf(page, ({ id }) => {
    const n = counts.get(id) ?? 0
    return n > 1 ? [`${n} of its refresh tokens work.`] : []
  })
}
