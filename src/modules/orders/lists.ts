import { and, asc, desc, eq, inArray, type SQL, sql } from "drizzle-orm"
import { unionAll } from "drizzle-orm/sqlite-core"

import { requirePermission, requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import type { PageQuery } from "#lib/shapes.ts"
import type { PaymentRow } from "#modules/payments/payments.ts"
import { payments } from "#modules/payments/tables.ts"
import type { Statement } from "#platform/db.ts"
import { type Page, readPage } from "#platform/page.ts"

import * as filters from "./list-filters.ts"
import type { AllOrdersQuery, OrderQuery } from "./lists-model.ts"
import type { ListedOrder, Order } from "./model.ts"
import { type LineRow, type OrderRow, toListed } from "./orders.ts"
import { orderLines, orders } from "./tables.ts"

/**
 * A page of the caller's own orders, newest first unless ordered otherwise.
 * @throws `unauthenticated`, `invalid-page`, `invalid-input`
 */
export async function list(ctx: Ctx, query: OrderQuery): Promise<Page<ListedOrder>> {
  return read(ctx, query, filters.own(ctx, query, requireUser(ctx).id))
}

/**
 * A page of everybody's orders, newest first unless ordered otherwise.
 * @throws `forbidden`, `invalid-page`, `invalid-input` for filters that no index can follow together
 */
export async function listAll(ctx: Ctx, query: AllOrdersQuery): Promise<Page<ListedOrder>> {
  requirePermission(ctx, "orders:read")
  return read(ctx, query, filters.all(ctx, query))
}

/** An account's orders in full, newest first, at most `most`. For its owner's export. */
export async function newestOf(ctx: Ctx, userId: Id<"user">, most: number): Promise<ListedOrder[]> {
  const ofThem = eq(orders.userId, userId)
  const chosen = ctx.db
    .select({ id: orders.id })
    .from(orders)
    .where(ofThem)
    .orderBy(desc(orders.createdAt), desc(orders.id))
    .limit(most)
  const [rows, lines, paid] = await ctx.db.batch([
    ctx.db
      .select()
      .from(orders)
      .where(ofThem)
      .orderBy(desc(orders.createdAt), desc(orders.id))
      .limit(most),
    ...belongings(ctx, sql`(${chosen.getSQL()})`),
  ])
  return listed(rows, lines, paid)
}

/** The queries for the lines and payments of orders. */
function belongings(ctx: Ctx, ids: SQL) {
  return [
    ctx.db
      .select()
      .from(orderLines)
      .where(inArray(orderLines.orderId, ids))
      .orderBy(asc(orderLines.position)),
    ctx.db
      .select()
      .from(payments)
      .where(inArray(payments.reference, ids))
      .orderBy(desc(payments.createdAt), desc(payments.id)),
  ] as const
}

function listed(
  rows: readonly OrderRow[],
  lines: readonly LineRow[],
  paid: readonly PaymentRow[],
): ListedOrder[] {
  const linesOf = Map.groupBy(lines, ({ orderId }) => orderId)
  const paymentsOf = Map.groupBy(paid, ({ reference }) => reference)
  return rows.map((order) =>
    toListed({
      order,
      lines: linesOf.get(order.id) ?? [],
      payments: paymentsOf.get(order.id) ?? [],
    }),
  )
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

async function read(ctx: Ctx, query: PageQuery, plan: filters.Plan): Promise<Page<ListedOrder>> {
  const ordering = filters.orderingOf(query.ordering, plan.fallback)
  const page = await readPage<OrderRow>(
    ctx,
    { ...query, ordering },
    {
      orderings: {
        created_at: { by: orders.createdAt, of: (row) => row.createdAt },
        total: { by: plan.totalBy, of: (row) => row.totalAmount },
      },
      fallback: plan.fallback,
      id: { by: orders.id, of: (row) => row.id },
      rows: ({ where, orderBy, limit, offset }) => {
        const part = (branch: SQL | undefined) =>
          ctx.db.select().from(orders).where(and(branch, where))
        const [first, second, ...more] = plan.branches
        const all = second ? unionAll(part(first), part(second), ...more.map(part)) : part(first)
        return all
          .orderBy(...orderBy)
          .limit(limit)
          .offset(offset)
      },
      matching: sql.join(
        plan.branches.map((branch) =>
          ctx.db
            .select({ one: sql`1` })
            .from(orders)
            .where(branch)
            .getSQL(),
        ),
        sql` UNION ALL `,
      ),
    },
  )
  if (page.results.length === 0) return { ...page, results: [] }
  const ids = JSON.stringify(page.results.map(({ id }) => id))
  const [lines, paid] = await ctx.db.batch(
    belongings(ctx, sql`(SELECT value FROM json_each(${ids}))`),
  )
  return { ...page, results: listed(page.results, lines, paid) }
}
