import { asc, eq, gt, inArray, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { signed } from "#lib/money.ts"
import { facets, listings } from "#modules/catalog/tables.ts"
import { checkDay } from "#modules/ledger/check.ts"
import { partsOf } from "#modules/orders/refund-shares.ts"
import * as statistics from "#modules/orders/statistics.ts"
import { orders } from "#modules/orders/tables.ts"
import * as analytics from "#modules/payments/analytics.ts"
import { isGateway } from "#modules/payments/method.ts"
import { disputes, payments, refunds } from "#modules/payments/tables.ts"

import { type Stretch, stretchLength, stretchOf } from "./check.ts"
import type { Violation } from "./model.ts"
import { underWay } from "./under-way.ts"

/** How many days, or pages, one stretch of a check by days looks at. */
const mostParts = 10

/** The ledger, day by day: what is kept of it against its transfers. */
export async function ledger(ctx: Ctx, after: string): Promise<Stretch> {
  let checked = 0
  const violations: Violation[] = []
  let next: string | null = after
  for (let parts = 0; next !== null && parts < mostParts; parts++) {
    const part: Awaited<ReturnType<typeof checkDay>> = await checkDay(ctx, next)
    checked += part.checked
    violations.push(...part.faults)
    next = part.next
  }
  return { checked, violations, next }
}

/** The figures of orders, day by day, then product by product. */
export async function figures(ctx: Ctx, after: string): Promise<Stretch> {
  let next: statistics.CheckCursor = after.startsWith("product:")
    ? { product: after.slice("product:".length) }
    : { day: after }
  let checked = 0
  const violations: Violation[] = []
  for (; next !== null && checked < mostParts; checked++) {
    const part: Awaited<ReturnType<typeof statistics.check>> = await statistics.check(ctx, next)
    violations.push(
      ...part.drift.map(({ counter, is, should }) => ({
        subject: counter,
        detail: `It is ${is}, and should be ${should}.`,
      })),
    )
    next = part.next
  }
  const place = next === null ? null : "day" in next ? next.day : `product:${next.product}`
  return { checked, violations, next: place }
}

/** The figures of payments, day by day. */
export async function payers(ctx: Ctx, after: string): Promise<Stretch> {
  let next: string | null = after
  let checked = 0
  const violations: Violation[] = []
  for (; next !== null && checked < mostParts; checked++) {
    const part: Awaited<ReturnType<typeof analytics.check>> = await analytics.check(ctx, next)
    violations.push(
      ...part.drift.map(({ subject, is, should }) => ({
        subject,
        detail: `It is ${is}, and should be ${should}.`,
      })),
    )
    next = part.next
  }
  return { checked, violations, next }
}

/** What lists count of products, facet by facet. */
export async function listed(ctx: Ctx, after: string): Promise<Stretch> {
  const from = Number(after)
  const [page, counted] = await ctx.db.batch([
    ctx.db
      .select()
      .from(facets)
      .where(gt(facets.id, Number.isSafeInteger(from) ? from : 0))
      .orderBy(asc(facets.id))
      .limit(stretchLength + 1),
    ctx.db
      .select({
        id: listings.facetId,
        status: listings.status,
        n: sql<number>`count(*)`.as("n"),
      })
      .from(listings)
      .where(
        inArray(
          listings.facetId,
          ctx.db
            .select({ id: facets.id })
            .from(facets)
            .where(gt(facets.id, Number.isSafeInteger(from) ? from : 0))
            .orderBy(asc(facets.id))
            .limit(stretchLength),
        ),
      )
      .groupBy(listings.facetId, listings.status),
  ])
  const counts = new Map(counted.map(({ id, status, n }) => [`${id} ${status}`, n]))
  return stretchOf(
    page.map((facet) => ({ ...facet, id: String(facet.id) })),
    (facet) =>
      (["draft", "active", "archived"] as const).flatMap((status) => {
        const n = counts.get(`${facet.id} ${status}`) ?? 0
        return n === facet[status]
          ? []
          : [`${facet.name || "Everything"} counts ${facet[status]} ${status}, and lists ${n}.`]
      }),
  )
}

/**
 * Orders, by id: what the ledger says of each against its own amounts, its payments, refunds and disputes. Once all is
 * done `receivable` is what is due of it.
 */
export async function ofOrders(ctx: Ctx, after: string): Promise<Stretch> {
  const page = await ctx.db
    .select()
    .from(orders)
    .where(gt(orders.id, after as Id<"order">))
    .orderBy(asc(orders.id))
    .limit(stretchLength + 1)
  const ids = page.slice(0, stretchLength).map(({ id }) => id)
  // One parameter, however many there are (D1: at most 100).
  const chosen = sql`(SELECT value FROM json_each(${JSON.stringify(ids)}))`
  const [[booked, made, given, taken], moving] = await Promise.all([
    ctx.db.batch([
      ctx.db
        .select({
          reference: sql<string>`reference`,
          account: sql<string>`account`,
          currency: sql<string>`currency`,
          balance: sql<number>`sum(amount)`.as("balance"),
        })
        .from(
          sql`(SELECT reference, debit AS account, currency, amount FROM ledger_transfers WHERE reference IN ${chosen}
            UNION ALL SELECT reference, credit, currency, -amount FROM ledger_transfers WHERE reference IN ${chosen})`,
        )
        .groupBy(sql`1, 2, 3`),
      ctx.db.select().from(payments).where(inArray(payments.reference, ids)),
      ctx.db.select().from(refunds).where(inArray(refunds.reference, ids)),
      ctx.db
        .select({
          paymentId: disputes.paymentId,
          status: disputes.status,
          heldAmount: sql<number>`${disputes.amount}`.as("held_amount"),
        })
        .from(disputes)
        .innerJoin(payments, eq(payments.id, disputes.paymentId))
        .where(inArray(payments.reference, ids)),
    ]),
    underWay(ctx),
  ])
  const byOrder = Map.groupBy(booked, ({ reference }) => reference)
  return stretchOf(page, (order) => {
    if (moving.has(order.id)) return []
    const own = made.filter(({ reference }) => reference === order.id)
    const said = byOrder.get(order.id) ?? []
    const should = expected(
      order,
      own,
      given.filter(({ reference }) => reference === order.id),
      taken.filter(({ paymentId }) => own.some(({ id }) => id === paymentId)),
    )
    return [
      ...said
        .filter(({ currency }) => currency !== order.currency)
        .map(({ currency }) => `It is booked in ${currency}, and is in ${order.currency}.`),
      ...[...should].flatMap(([account, amount]) => {
        const is = said.find((one) => one.account === account)?.balance ?? 0
        return is === amount
          ? []
          : [
              `Its books have ${signed(is, order.currency)} in ${account}, and it comes to ${signed(amount, order.currency)}.`,
            ]
      }),
    ]
  })
}

type OrderRow = typeof orders.$inferSelect
type PaymentRow = typeof payments.$inferSelect

/** What an order's accounts come to, by its rows; of gift cards and store credit only what it is owed less. */
function expected(
  order: OrderRow,
  made: readonly PaymentRow[],
  given: readonly (typeof refunds.$inferSelect)[],
  taken: readonly { paymentId: string; status: "open" | "won" | "lost"; heldAmount: number }[],
): Map<string, number> {
  const sums = new Map<string, number>()
  const add = (account: string, amount: number) =>
    sums.set(account, (sums.get(account) ?? 0) + amount)
  const isOver = order.status === "cancelled" || order.status === "refunded"
  const { shipping, tax } = partsOf(order)
  const surplus = Math.max(0, order.paidAmount - order.reducedAmount - order.totalAmount)
  const back = Math.max(0, order.refundedAmount - order.reducedAmount - surplus)
  add("receivable", isOver ? 0 : order.totalAmount - back)
  add("shipping", isOver ? 0 : order.refundedShippingAmount - shipping)
  add("tax", isOver ? 0 : order.refundedTaxAmount - tax)
  for (const payment of made) {
    add("receivable", payment.refundedAmount - payment.capturedAmount)
    const account = isGateway(payment.provider) ? `gateway:${payment.provider}` : "cash"
    if (account === "cash" && payment.provider !== "manual" && payment.provider !== "cod") continue
    const all = given.filter(({ paymentId }) => paymentId === payment.id)
    // What was given as store credit has left no account.
    const back = all.filter(({ destination }) => destination === null)
    const credited = all.reduce(
      (sum, { destination, amount }) => sum + (destination === null ? 0 : amount),
      0,
    )
    const sum = (status: string) =>
      back.reduce((all, one) => all + (one.status === status ? one.amount : 0), 0)
    const held = (status: string) =>
      taken.reduce(
        (all, one) =>
          all + (one.paymentId === payment.id && one.status === status ? one.heldAmount : 0),
        0,
      )
    const fee = payment.feeAmount ?? 0
    add(account, payment.capturedAmount - fee - sum("succeeded") - held("open") - held("lost"))
    add("fees", fee)
    add("refunds-in-flight", -sum("pending"))
    add("disputes", held("open"))
    const lost = payment.refundedAmount - credited - sum("succeeded") - sum("pending")
    add("write-offs", held("lost") - lost)
  }
  return sums
}
