import { and, asc, between, eq, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid } from "#errors.ts"
import { signed, toDecimal } from "#lib/money.ts"
import { daysAfter, iso } from "#lib/time.ts"

import type { AnalyticsQuery, PaymentAnalytics } from "./analytics-model.ts"
import { paymentStats } from "./tables.ts"

type StatRow = typeof paymentStats.$inferSelect
type Figures = PaymentAnalytics["totals"][number]

/** The longest stretch of days that is answered at once. */
const mostDays = 366

/**
 * Payments in figures, by currency, provider and day: counters that every change of a payment or refund keeps in its
 * own batch, so that what is read does not grow with the payments. A payment counts on the day it was begun, a refund
 * on its own, and where its money went: as store credit it has not left the gateway.
 * @throws `forbidden`, `invalid-input` for a stretch that ends before it begins, or is too long
 */
export async function read(ctx: Ctx, query: AnalyticsQuery): Promise<PaymentAnalytics> {
  requirePermission(ctx, "orders:read")
  const to = query.to ?? dayOf(ctx.now)
  const from = query.from ?? dayOf(daysAfter(new Date(to), -29))
  if (from > to) throw invalid({ field: "from", detail: "It is after `to`.", code: "invalid" })
  if (dayOf(daysAfter(new Date(from), mostDays)) <= to)
    throw invalid({ field: "from", detail: `At most ${mostDays} days at once.`, code: "too-long" })
  const rows = await ctx.db
    .select()
    .from(paymentStats)
    .where(
      and(
        between(paymentStats.day, from, to),
        query.provider && eq(paymentStats.provider, query.provider),
        query.currency === undefined ? undefined : eq(paymentStats.currency, query.currency),
      ),
    )
    .orderBy(asc(paymentStats.day), asc(paymentStats.provider), asc(paymentStats.currency))
  return {
    from,
    to,
    totals: grouped(rows, () => "").map(({ figures }) => figures),
    by_provider: grouped(rows, ({ provider }) => provider).map(({ key, figures }) => ({
      provider: key,
      ...figures,
    })),
    by_day: grouped(rows, ({ day }) => day).map(({ key, figures }) => ({
      date: key,
      ...figures,
    })),
  }
}

function dayOf(instant: Date): string {
  return iso(instant).slice(0, 10)
}

/** Rows of one key and currency together, in the order in which they come first. */
function grouped<K extends string>(
  rows: readonly StatRow[],
  keyOf: (row: StatRow) => K,
): { key: K; figures: Figures }[] {
  const groups = Map.groupBy(rows, (row) => `${keyOf(row)} ${row.currency}`)
  return [...groups.values()].flatMap((own) => {
    const [first] = own
    return first ? [{ key: keyOf(first), figures: figuresOf(own, first.currency) }] : []
  })
}

function figuresOf(rows: readonly StatRow[], currency: string): Figures {
  const sum = (of: (row: StatRow) => number) => rows.reduce((all, row) => all + of(row), 0)
  const [paid, failed] = [sum((row) => row.paid), sum((row) => row.failed)]
  const volume = sum((row) => row.capturedAmount)
  const refunded = sum((row) => row.refundedAmount)
  const fees = sum((row) => row.feeAmount)
  const lost = sum((row) => row.lostAmount)
  return {
    currency,
    payments: sum((row) => row.tried),
    succeeded: paid,
    failed,
    success_rate: paid + failed === 0 ? null : Math.round((paid / (paid + failed)) * 1e4) / 1e4,
    volume: toDecimal(volume, currency),
    refunds: sum((row) => row.refunds),
    refunded: toDecimal(refunded, currency),
    fees: toDecimal(fees, currency),
    disputed: toDecimal(
      sum((row) => row.disputedAmount),
      currency,
    ),
    lost: toDecimal(lost, currency),
    net: signed(volume - refunded - fees - lost, currency),
  }
}

/** A day, provider and currency whose figures are not what the payments come to. */
export type Drift = { subject: string; is: string; should: string }

/**
 * Adds up one day anew from the payments and refunds, the next one after `after`, and says where the figures differ.
 * `next`: the day; null: there is none left.
 */
export async function check(
  ctx: Ctx,
  after: string,
): Promise<{ drift: Drift[]; next: string | null }> {
  // After every instant of a day: `T` sorts before `~`.
  const endOf = after === "" ? "" : `${after}~`
  const day = sql<string | null>`(SELECT min(day) FROM (
    SELECT substr(min(created_at), 1, 10) AS day FROM payments WHERE created_at > ${endOf}
    UNION ALL SELECT min(day) FROM payment_stats WHERE day > ${after}))`
  const inDay = (table: string) =>
    sql`${sql.raw(table)}.created_at >= ${day} AND ${sql.raw(table)}.created_at < ${day} || '~'`
  const key = sql<string>`provider || ' ' || currency`.as("key")
  const [[step], kept, booked] = await ctx.db.batch([
    ctx.db.select({ day: day.as("day") }).from(sql`(SELECT 1)`),
    ctx.db
      .select({
        key,
        figures:
          sql<string>`tried || ' ' || paid || ' ' || failed || ' ' || captured_amount || ' ' || fee_amount || ' ' || disputed_amount`.as(
            "figures",
          ),
      })
      .from(paymentStats)
      .where(sql`${paymentStats.day} = ${day} AND tried > 0`),
    ctx.db
      .select({
        key,
        figures:
          sql<string>`count(*) || ' ' || sum(captured_amount > 0) || ' ' || sum(status = 'failed') || ' ' || sum(captured_amount) || ' ' || sum(coalesce(fee_amount, 0)) || ' ' || sum(disputed_amount)`.as(
            "figures",
          ),
      })
      .from(sql`payments`)
      .where(inDay("payments"))
      .groupBy(sql`1`),
  ])
  if (step?.day === null || step?.day === undefined) return { drift: [], next: null }
  const [left, right] = [kept, booked].map(
    (rows) => new Map(rows.map((row) => [row.key, row.figures])),
  )
  const keys = new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])
  const drift = [...keys].flatMap((name): Drift[] => {
    const [is, should] = [left?.get(name) ?? "nothing", right?.get(name) ?? "nothing"]
    return is === should ? [] : [{ subject: `${step.day} ${name}`, is, should }]
  })
  return { drift, next: step.day }
}
