import { and, eq, gte, inArray, lt, lte, type SQL, sql, type SQLWrapper } from "drizzle-orm"
import type { SQLiteColumn } from "drizzle-orm/sqlite-core"

import type { Ctx } from "#context.ts"
import { invalid } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { fromDecimal } from "#lib/money.ts"
import { daysAfter, iso } from "#lib/time.ts"

import type { AllOrdersQuery, OrderQuery } from "./lists-model.ts"
import { orderLines, orders } from "./tables.ts"

/** How a list of orders is read so that an index leads through it, whatever it is filtered by. */
export type Plan = {
  /** What to read, in parts that one index each leads through in order; the parts have no order in common. */
  branches: [SQL | undefined, ...(SQL | undefined)[]]
  /** The total to order by: the indexed column, or a sum that no index is sorted by where the rows are few anyway. */
  totalBy: SQLiteColumn | SQL
  fallback: "-created_at" | "-total"
}

/** D1: at most five terms of a compound SELECT. */
const mostBranches = 5
/** Of each kind of thing that a search goes through, the last ones. */
const searched = 200
/** Dates and totals together: no index is sorted by both, so all orders of the dates are looked at. */
const mixedDays = 100

/** What is after every text that begins with `text`. */
const beyond = (text: string) => `${text}\u{10ffff}`

/** The one field of `ordering` that counts: the first that is known. A second one only an unindexed sort could heed. */
export function orderingOf(asked: string | undefined, fallback: Plan["fallback"]): string {
  const known = (asked ?? "").split(",").map((part) => part.trim())
  return known.find((part) => /^-?(?:created_at|total)$/.test(part)) ?? fallback
}

/**
 * The orders of one account: its index leads, in either order; everything else is looked at row by row.
 * @throws `invalid-input`
 */
export function own(ctx: Ctx, query: OrderQuery, userId: Id<"user">): Plan {
  const { total, created } = rangesOf(ctx, query)
  const isByTotal = orderingOf(query.ordering, "-created_at").endsWith("total")
  const all = [
    eq(orders.userId, userId),
    ...states(query),
    ...created(isByTotal ? hidden(orders.createdAt) : orders.createdAt),
    ...total(isByTotal ? orders.totalAmount : hidden(orders.totalAmount)),
    query.search === undefined ? undefined : mentions(query.search),
  ]
  return { branches: [and(...all)], totalBy: orders.totalAmount, fallback: "-created_at" }
}

/** Everybody's orders. @throws `invalid-input` naming the filters that no index can follow together */
export function all(ctx: Ctx, query: AllOrdersQuery): Plan {
  const { total, created, days } = rangesOf(ctx, query)
  const rest = [
    ...states(query),
    ...created(hidden(orders.createdAt)),
    ...total(hidden(orders.totalAmount)),
  ]
  const found = [
    query.search === undefined ? undefined : inArray(orders.id, matching(ctx, query.search)),
    query.user_email === undefined
      ? undefined
      : inArray(orders.id, sql`(${byEmail(ctx, query.user_email)})`),
  ]
  if (query.search !== undefined || query.user_email !== undefined) {
    const user = query.user === undefined ? undefined : sql`+${orders.userId} = ${query.user}`
    return few(and(...found, user, ...rest))
  }
  if (query.user !== undefined)
    return own(ctx, { ...query, search: undefined }, query.user as Id<"user">)

  const hasTotals = query.min_total !== undefined || query.max_total !== undefined
  const hasDates = query.date_from !== undefined || query.date_to !== undefined
  const fallback = hasTotals && !hasDates ? "-total" : "-created_at"
  const isByTotal = orderingOf(query.ordering, fallback).endsWith("total")
  if ((hasTotals && !isByTotal) || (hasDates && isByTotal)) {
    if (days > mixedDays)
      throw invalid({
        field: "date_from",
        detail: `Totals and dates together, or one filtered and the other ordered by: of at most ${mixedDays} days. Give date_from and date_to, or order by what is filtered.`,
        code: "too-wide",
      })
    return few(
      and(...created(orders.createdAt), ...states(query), ...total(hidden(orders.totalAmount))),
    )
  }
  const ranges = [...created(orders.createdAt), ...total(orders.totalAmount)]
  const branches = (query.status ?? [undefined]).flatMap((status) =>
    (query.payment_status ?? [undefined]).map((payment) =>
      and(
        status && eq(orders.status, status),
        payment && eq(orders.paymentStatus, payment),
        ...ranges,
      ),
    ),
  )
  if (branches.length > mostBranches)
    throw invalid({
      field:
        query.status === undefined || query.status.length <= mostBranches
          ? "payment_status"
          : "status",
      detail: `status and payment_status together: at most ${mostBranches} combinations.`,
      code: "too-many",
    })
  return {
    branches: branches as Plan["branches"],
    totalBy: orders.totalAmount,
    fallback,
  }
}

/** Few rows, found by something else than their order: they are sorted when they are there. */
function few(where: SQL | undefined): Plan {
  return { branches: [where], totalBy: hidden(orders.totalAmount), fallback: "-created_at" }
}

/** A column as no index knows it (SQLite: unary +), so that it cannot lead the planner away from the index meant. */
function hidden(column: SQLiteColumn): SQL {
  return sql`+${column}`
}

function states({ status, payment_status: payment }: OrderQuery): (SQL | undefined)[] {
  return [
    status && inArray(hidden(orders.status), status),
    payment && inArray(hidden(orders.paymentStatus), payment),
  ]
}

/** The ranges of a query over whatever column is given, and how many days its dates span. */
function rangesOf(ctx: Ctx, query: OrderQuery) {
  const amount = (field: "min_total" | "max_total") => {
    const text = query[field]
    const value = text === undefined ? undefined : fromDecimal(text, ctx.config.currency)
    if (text !== undefined && value === undefined)
      throw invalid({ field, detail: "A valid number is required.", code: "invalid" })
    return value
  }
  const [least, most] = [amount("min_total"), amount("max_total")]
  const from = query.date_from === undefined ? undefined : new Date(query.date_from)
  const isDay = query.date_to?.length === 10
  const given = query.date_to === undefined ? undefined : new Date(query.date_to)
  const to = given && (isDay ? daysAfter(given, 1) : given)
  const end = to && to < ctx.now ? to : ctx.now
  return {
    total: (by: SQLWrapper) => [
      least === undefined ? undefined : gte(by, least),
      most === undefined ? undefined : lte(by, most),
    ],
    created: (by: SQLWrapper) => [
      from && gte(by, iso(from)),
      to && (isDay ? lt(by, iso(to)) : lte(by, iso(to))),
    ],
    days: from ? (end.getTime() - from.getTime()) / 86_400_000 : Number.POSITIVE_INFINITY,
  }
}

/** Whether an order's number, or a line's name or SKU, holds this text. For the orders of one account. */
function mentions(text: string): SQL {
  return sql`(instr(${orders.number}, upper(${text})) > 0 OR EXISTS (SELECT 1 FROM order_lines AS line WHERE line.order_id = ${orders.id} AND (instr(lower(line.name), lower(${text})) > 0 OR line.sku = ${text})))`
}

/** The ids of the orders that a search of the staff finds, at most 200 of each kind, the last ones. */
function matching(ctx: Ctx, text: string): SQL {
  const number = text.toUpperCase()
  const byNumber = ctx.db
    .select({ id: orders.id })
    .from(orders)
    .where(and(gte(orders.number, number), lt(orders.number, beyond(number))))
    .orderBy(sql`${orders.number} DESC`)
    .limit(searched)
  const lastName = sql`lower(${orders.shippingAddress} ->> 'last_name')`
  const byRecipient = ctx.db
    .select({ id: orders.id })
    .from(orders)
    .where(and(gte(lastName, sql`lower(${text})`), lt(lastName, sql`lower(${beyond(text)})`)))
    .orderBy(sql`${lastName} DESC`)
    .limit(searched)
  const bySku = ctx.db
    .select({ id: orderLines.orderId })
    .from(orderLines)
    .where(eq(orderLines.sku, text))
    .orderBy(sql`${orderLines.orderId} DESC`)
    .limit(searched)
  const each = [byNumber, byEmail(ctx, text), byRecipient, bySku].map(
    (select) => sql`SELECT * FROM (${select.getSQL()})`,
  )
  return sql`(SELECT ${text} UNION ALL ${sql.join(each, sql` UNION ALL `)})`
}

function byEmail(ctx: Ctx, text: string) {
  const email = sql`lower(${orders.email})`
  return ctx.db
    .select({ id: orders.id })
    .from(orders)
    .where(and(gte(email, sql`lower(${text})`), lt(email, sql`lower(${beyond(text)})`)))
    .orderBy(sql`${email} DESC, ${orders.createdAt} DESC`)
    .limit(searched)
}
