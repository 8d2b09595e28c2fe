import { and, desc, eq, gt, gte, inArray, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { proportion, toDecimal } from "#lib/money.ts"
import { daysAfter, iso } from "#lib/time.ts"
import { products } from "#modules/catalog/tables.ts"

import type { OrderStatistics } from "./statistics-model.ts"
import { orderStatuses, paymentStatuses } from "./status.ts"
import { orderLines, orders, orderStats, productSales } from "./tables.ts"

type StatRow = typeof orderStats.$inferSelect

/** The period that holds all others. */
const ever = "all"
const days = 30

/**
 * The orders in figures, exact as of now: counters that every change of an order keeps in its own batch. One round
 * trip; rows read do not grow with the orders. @throws `forbidden`
 */
export async function read(ctx: Ctx): Promise<OrderStatistics> {
  requirePermission(ctx, "orders:read")
  const { currency } = ctx.config
  const dates = Array.from({ length: days }, (_, index) =>
    iso(daysAfter(ctx.now, index + 1 - days)).slice(0, 10),
  )
  const [all, recent, best] = await ctx.db.batch([
    ctx.db.select().from(orderStats).where(eq(orderStats.period, ever)),
    ctx.db
      .select()
      .from(orderStats)
      .where(and(gte(orderStats.period, dates[0] ?? ""), sql`${orderStats.period} < ${ever}`)),
    ctx.db
      .select({
        productId: productSales.productId,
        name: products.name,
        slug: products.slug,
        quantity: productSales.quantity,
        amount: productSales.amount,
      })
      .from(productSales)
      .innerJoin(products, eq(products.id, productSales.productId))
      .where(and(eq(productSales.currency, currency), gt(productSales.quantity, 0)))
      .orderBy(desc(productSales.quantity), desc(productSales.productId))
      .limit(10),
  ])
  const money = (amount: number) => toDecimal(amount, currency)
  const ours = all.filter((row) => row.currency === currency)
  const kept = ours.filter(({ status }) => status !== "cancelled")
  const sales = sum(kept, ({ totalAmount }) => totalAmount)
  const orderCount = sum(kept, (row) => row.orders)
  const byDate = Map.groupBy(recent, ({ period }) => period)
  return {
    currency,
    total_orders: sum(all, (row) => row.orders),
    total_sales: money(sales),
    total_revenue: money(revenueOf(ours)),
    average_order_value: money(orderCount === 0 ? 0 : proportion(sales, 1, orderCount)),
    status_breakdown: breakdown(orderStatuses, all, ({ status }) => status),
    payment_breakdown: breakdown(paymentStatuses, all, (row) => row.paymentStatus),
    recent_orders_30_days: sum(
      dates.flatMap((date) => byDate.get(date) ?? []),
      (row) => row.orders,
    ),
    by_day: dates.map((date) => {
      const rows = byDate.get(date) ?? []
      const own = rows.filter((row) => row.currency === currency)
      return {
        date,
        orders: sum(rows, (row) => row.orders),
        sales: money(
          sum(
            own.filter(({ status }) => status !== "cancelled"),
            ({ totalAmount }) => totalAmount,
          ),
        ),
        revenue: money(revenueOf(own)),
      }
    }),
    top_products: best.map((row) => ({
      product_id: row.productId,
      name: row.name,
      slug: row.slug,
      quantity: row.quantity,
      sales: money(row.amount),
    })),
  }
}

/** Where `check` goes on: the next day, then the next products; `null` at the end. */
export type CheckCursor = { day: string } | { product: string } | null

/** A counter that is not what the orders say: its name, what it is and what it should be. */
export type Drift = { counter: string; is: string; should: string }

/**
 * Reckons one part of the counters anew from the orders and says where they differ: a day of orders, or a hundred
 * products, read with their counters in one batch, so that what happens meanwhile is no drift. From `{ day: "" }` until
 * `next` is null.
 */
export async function check(
  ctx: Ctx,
  from: NonNullable<CheckCursor>,
): Promise<{ drift: Drift[]; next: CheckCursor }> {
  return "day" in from ? checkDay(ctx, from.day) : checkProducts(ctx, from.product)
}

async function checkDay(ctx: Ctx, after: string) {
  // After every instant of a day: `T` sorts before `~`.
  const endOf = after === "" ? "" : `${after}~`
  const next = sql<
    string | null
  >`(SELECT min(day) FROM (SELECT substr(min(created_at), 1, 10) AS day FROM orders WHERE created_at > ${endOf} UNION ALL SELECT min(period) FROM order_stats WHERE period > ${after} AND period < ${ever}))`
  const columns = ["orders", "total_amount", "paid_amount", "refunded_amount"]
  const figures = sql.raw(columns.map((column) => `sum(${column})`).join(" || ' ' || "))
  const counted = sql.raw(
    ["count(*)", ...columns.slice(1).map((column) => `sum(${inBase(column)})`)].join(" || ' ' || "),
  )
  type Figures = { key: string; figures: string }
  const keyed = (currency: string) =>
    sql.raw(`${currency} || ' ' || status || ' ' || payment_status`)
  const key = keyed("currency")
  const kept = (where: ReturnType<typeof sql>) =>
    ctx.db
      .select({
        key: sql<string>`${key}`.as("key"),
        figures: sql<string>`${figures}`.as("figures"),
      })
      .from(orderStats)
      .where(where)
      .groupBy(sql`1`)
  const [[step], was, is] = await ctx.db.batch([
    ctx.db.select({ day: next.as("day") }).from(sql`(SELECT 1)`),
    kept(sql`${orderStats.period} = ${next}`),
    ctx.db
      .select({
        key: sql<string>`${keyed("coalesce(base_currency, currency)")}`.as("key"),
        figures: sql<string>`${counted}`.as("figures"),
      })
      .from(orders)
      .where(sql`${orders.createdAt} >= ${next} AND ${orders.createdAt} < ${next} || '~'`)
      .groupBy(sql`1`),
  ])
  const day = step?.day
  if (day === null || day === undefined) {
    const [total, sums] = await ctx.db.batch([
      kept(sql`${orderStats.period} = ${ever}`),
      kept(sql`${orderStats.period} < ${ever}`),
    ])
    return { drift: compare(ever, total, sums), next: { product: "" } }
  }
  return { drift: compare(day, was, is satisfies Figures[]), next: { day } }
}

async function checkProducts(ctx: Ctx, after: string) {
  const amount = sql`(line_amount - ${orderLines.discountAmount}) * (quantity - returned_quantity) / quantity`
  const ofLine = sql`CASE WHEN base_currency IS NULL THEN ${amount} ELSE CAST(coalesce(${amount} * base_total_amount / nullif(total_amount, 0), 0) AS INTEGER) END`
  const page = sql`(SELECT product_id FROM (SELECT DISTINCT product_id FROM order_lines WHERE product_id > ${after} ORDER BY 1 LIMIT 100) UNION SELECT product_id FROM (SELECT DISTINCT product_id FROM product_sales WHERE product_id > ${after} ORDER BY 1 LIMIT 100) ORDER BY 1 LIMIT 100)`
  const [ids, was, is] = await ctx.db.batch([
    ctx.db.select({ id: sql<string>`product_id`.as("id") }).from(page),
    ctx.db
      .select({
        key: sql<string>`product_id || ' ' || currency`.as("key"),
        figures: sql<string>`quantity || ' ' || amount`.as("figures"),
      })
      .from(productSales)
      .where(inArray(productSales.productId, page as ReturnType<typeof sql<Id<"product">[]>>)),
    ctx.db
      .select({
        key: sql<string>`${orderLines.productId} || ' ' || coalesce(${orders.baseCurrency}, ${orders.currency})`.as(
          "key",
        ),
        figures: sql<string>`sum(quantity - returned_quantity) || ' ' || sum(${ofLine})`.as(
          "figures",
        ),
      })
      .from(orderLines)
      .innerJoin(orders, eq(orders.id, orderLines.orderId))
      .where(
        and(
          inArray(orderLines.productId, page as ReturnType<typeof sql<Id<"product">[]>>),
          sql`${orders.status} <> 'cancelled'`,
        ),
      )
      .groupBy(sql`1`),
  ])
  const last = ids.at(-1)?.id
  const next: CheckCursor = ids.length < 100 || last === undefined ? null : { product: last }
  return { drift: compare("product", was, is), next }
}

/** An amount of an order in the shop's currency, as the triggers reckon it: the whole total is the whole base total. */
function inBase(column: string): string {
  return `CASE WHEN base_currency IS NULL THEN ${column} WHEN ${column} = total_amount THEN base_total_amount ELSE CAST(coalesce(${column} * base_total_amount / nullif(total_amount, 0), 0) AS INTEGER) END`
}

/** A counter that is not there and one that stands at zero are the same. */
function compare(
  name: string,
  is: readonly { key: string; figures: string }[],
  should: readonly { key: string; figures: string }[],
): Drift[] {
  const [left, right] = [is, should].map(
    (rows) =>
      new Map(
        rows.filter(({ figures }) => /[1-9]/.test(figures)).map((row) => [row.key, row.figures]),
      ),
  )
  const keys = new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])
  return [...keys].flatMap((key) => {
    const [one, other] = [left?.get(key) ?? "0", right?.get(key) ?? "0"]
    return one === other ? [] : [{ counter: `${name} ${key}`, is: one, should: other }]
  })
}

function revenueOf(rows: readonly StatRow[]): number {
  return sum(rows, (row) => row.paidAmount - row.refundedAmount)
}

function breakdown<S extends string>(
  states: readonly S[],
  rows: readonly StatRow[],
  of: (row: StatRow) => S,
): Record<S, number> {
  const counts = states.map((state) => [
    state,
    sum(
      rows.filter((row) => of(row) === state),
      (row) => row.orders,
    ),
  ])
  // Each state has its entry.
  return Object.fromEntries(counts) as Record<S, number>
}

function sum<T>(rows: readonly T[], of: (row: T) => number): number {
  return rows.reduce((all, row) => all + of(row), 0)
}
