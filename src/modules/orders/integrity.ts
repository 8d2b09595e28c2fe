import { asc, gt, inArray } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid } from "#errors.ts"
import { decodeCursor, encodeCursor } from "#lib/cursor.ts"
import type { Id } from "#lib/id.ts"

import type { HistoryCheck, HistoryCheckQuery } from "./edit-model.ts"
import { isIntact } from "./history.ts"
import { type ChangeRow, open, type OrderRow } from "./orders.ts"
import { orderChanges, orders } from "./tables.ts"

/** How many orders are looked at in one request. */
const pageSize = 50

/**
 * Whether the history of orders is what was written, and says what the orders say: of one order, or of the next orders
 * after a cursor, so many a call that no call is long. @throws `forbidden`, `not-found`, `invalid-input`
 */
export async function verify(ctx: Ctx, query: HistoryCheckQuery): Promise<HistoryCheck> {
  requirePermission(ctx, "audit:read")
  if (query.order !== undefined) {
    const { order, changes } = await open(ctx, query.order, "orders:read")
    return report([order], new Map([[order.id, changes]]), null)
  }
  const after = afterOf(query.cursor)
  const page = ctx.db
    .select({ id: orders.id })
    .from(orders)
    .where(gt(orders.id, after))
    .orderBy(asc(orders.id))
    .limit(pageSize)
  const [rows, changes] = await ctx.db.batch([
    ctx.db
      .select()
      .from(orders)
      .where(gt(orders.id, after))
      .orderBy(asc(orders.id))
      .limit(pageSize),
    ctx.db
      .select()
      .from(orderChanges)
      .where(inArray(orderChanges.orderId, page))
      .orderBy(asc(orderChanges.orderId), asc(orderChanges.version)),
  ])
  const last = rows.length === pageSize ? rows.at(-1) : undefined
  const next = last === undefined ? null : encodeCursor([last.id])
  return report(
    rows,
    Map.groupBy(changes, ({ orderId }) => orderId),
    next,
  )
}

function afterOf(cursor: string | undefined): Id<"order"> {
  if (cursor === undefined) return "" as Id<"order">
  const [after] = decodeCursor(cursor) ?? []
  if (typeof after !== "string")
    throw invalid({ field: "cursor", detail: "This cursor is none of this list.", code: "invalid" })
  return after as Id<"order">
}

async function report(
  rows: readonly OrderRow[],
  changes: ReadonlyMap<Id<"order">, readonly ChangeRow[]>,
  next: string | null,
): Promise<HistoryCheck> {
  const judged = await Promise.all(
    rows.map(async (order) => ({
      order,
      fault: await faultOf(order, changes.get(order.id) ?? []),
    })),
  )
  const broken = judged.flatMap(({ order, fault }) =>
    fault === undefined
      ? []
      : [{ order_id: order.id, order_number: order.number, version: order.version, fault }],
  )
  return { is_intact: broken.length === 0, checked: rows.length, broken, next_cursor: next }
}

/** What is wrong with a history; `undefined`: nothing. */
async function faultOf(
  order: OrderRow,
  rows: readonly ChangeRow[],
): Promise<"chain" | "status" | "payment-status" | undefined> {
  if (!(await isIntact(rows, order.version))) return "chain"
  const status = rows.findLast(({ kind }) => kind === "placed" || kind === "status")
  if (status?.to !== order.status) return "status"
  const payment = rows.findLast(({ kind }) => kind === "payment")
  return payment && payment.to !== order.paymentStatus ? "payment-status" : undefined
}
