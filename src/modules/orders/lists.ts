import { and, asc, desc, eq, gte, inArray, lt, lte, type SQL, sql } from "drizzle-orm"

import { requirePermission, requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { fromDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { listLimit, type Statement } from "#platform/db.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import type { Order, OrderQuery } from "./model.ts"
import { type LineRow, type OrderRow, toOrder } from "./orders.ts"
import { orderLines, orders } from "./tables.ts"

/** A page of the caller's own orders, newest first. @throws `unauthenticated` */
export function list(ctx: Ctx, query: OrderQuery): Promise<Page<Order>> {
  return read(ctx, query, eq(orders.userId, requireUser(ctx).id))
}

/** A page of everybody's orders, newest first. @throws `forbidden` */
export function listAll(ctx: Ctx, query: OrderQuery): Promise<Page<Order>> {
  requirePermission(ctx, "orders:read")
  return read(ctx, query, undefined)
}

/** An account's orders in full, newest first, at most `most`. For its owner's export. */
export async function newestOf(ctx: Ctx, userId: Id<"user">, most: number): Promise<Order[]> {
  const ofThem = eq(orders.userId, userId)
  const chosen = ctx.db
    .select({ id: orders.id })
    .from(orders)
    .where(ofThem)
    .orderBy(desc(orders.createdAt), desc(orders.id))
    .limit(most)
  const [rows, lines] = await ctx.db.batch([
    ctx.db
      .select()
      .from(orders)
      .where(ofThem)
      .orderBy(desc(orders.createdAt), desc(orders.id))
      .limit(most),
    ctx.db
      .select()
      .from(orderLines)
      .where(inArray(orderLines.orderId, chosen))
      .orderBy(asc(orderLines.position)),
  ])
  const byOrder = Map.groupBy(lines, ({ orderId }) => orderId)
  return rows.map((row) => toOrder(row, byOrder.get(row.id) ?? []))
}

/**
 * Takes who bought out of an account's orders: e-mail, addresses (but for the country, which the tax was reckoned by)
 * and notes. Numbers, amounts and history stay.
 */
export function stageErase(ctx: Ctx, userId: Id<"user">, email: string): Statement[] {
  const blank = (column: typeof orders.shippingAddress | typeof orders.billingAddress) =>
    sql<
      Order["shipping_address"]
    >`CASE WHEN ${column} IS NOT NULL THEN json_object('first_name', '', 'last_name', '', 'address_line_1', '', 'address_line_2', '', 'city', '', 'state', '', 'postal_code', '', 'country', json_extract(${column}, '$.country'), 'phone_number', '') END`
  return [
    ctx.db
      .update(orders)
      .set({
        email,
        notes: "",
        shippingAddress: blank(orders.shippingAddress),
        billingAddress: blank(orders.billingAddress),
      })
      .where(eq(orders.userId, userId)),
  ]
}

async function read(ctx: Ctx, query: OrderQuery, scope: SQL | undefined): Promise<Page<Order>> {
  const amount = (field: "min_total" | "max_total") => {
    const text = query[field]
    const value = text === undefined ? undefined : fromDecimal(text, ctx.config.currency)
    if (text !== undefined && value === undefined)
      throw invalid({ field, detail: "A valid number is required.", code: "invalid" })
    return value
  }
  const least = amount("min_total")
  const most = amount("max_total")
  const to = query.date_to
  const filter = and(
    scope,
    query.status && eq(orders.status, query.status),
    query.payment_status && eq(orders.paymentStatus, query.payment_status),
    query.date_from === undefined
      ? undefined
      : gte(orders.createdAt, iso(new Date(query.date_from))),
    to === undefined
      ? undefined
      : to.length === 10
        ? lt(orders.createdAt, iso(new Date(Date.parse(to) + 86_400_000)))
        : lte(orders.createdAt, iso(new Date(to))),
    least === undefined ? undefined : gte(orders.totalAmount, least),
    most === undefined ? undefined : lte(orders.totalAmount, most),
  )
  const page = await readPage<OrderRow>(ctx, query, {
    orderings: {
      created_at: { by: orders.createdAt, of: (row) => row.createdAt },
      total: { by: orders.totalAmount, of: (row) => row.totalAmount },
    },
    fallback: "-created_at",
    id: { by: orders.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(orders)
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db
      .select({ one: sql`1` })
      .from(orders)
      .where(filter)
      .getSQL(),
  })
  const lines = Map.groupBy(
    await linesOf(
      ctx,
      page.results.map(({ id }) => id),
    ),
    ({ orderId }) => orderId,
  )
  return mapPage(page, (order) => toOrder(order, lines.get(order.id) ?? []))
}

async function linesOf(ctx: Ctx, ids: readonly Id<"order">[]): Promise<LineRow[]> {
  const chunks = [ids.slice(0, listLimit), ids.slice(listLimit)].filter((chunk) => chunk.length > 0)
  const [first, ...rest] = chunks.map((chunk) =>
    ctx.db
      .select()
      .from(orderLines)
      .where(inArray(orderLines.orderId, [...chunk]))
      .orderBy(asc(orderLines.position)),
  )
  return first ? (await ctx.db.batch([first, ...rest])).flat() : []
}
