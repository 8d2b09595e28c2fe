import { and, asc, desc, eq, gt, lt, or, type SQL, sql } from "drizzle-orm"
import { unionAll } from "drizzle-orm/sqlite-core"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { toCsvLine } from "#lib/csv.ts"
import { toDecimal } from "#lib/money.ts"

import * as filters from "./list-filters.ts"
import type { OrderExportQuery } from "./lists-model.ts"
import type { LineRow, OrderRow } from "./orders.ts"
import { orderLines, orders } from "./tables.ts"

/** Orders in one read: what is kept in memory, whatever the size of the export. */
const pageSize = 200

/**
 * The orders that the filters find as CSV, in pieces of 200 orders along an index: a row for each, or for each of their
 * lines. What is placed while it runs may be in it or not; nothing is in it twice.
 * @throws `forbidden`, `invalid-input`
 */
export async function csvPieces(
  ctx: Ctx,
  query: OrderExportQuery,
): Promise<AsyncGenerator<string>> {
  requirePermission(ctx, "orders:read")
  const plan = filters.all(ctx, query)
  const pages = pagesOf(ctx, plan, filters.orderingOf(query.ordering, plan.fallback))
  return query.rows === "lines" ? lineRows(ctx, pages) : orderRows(pages)
}

async function* orderRows(pages: AsyncGenerator<OrderRow[]>): AsyncGenerator<string> {
  yield toCsvLine(Object.keys(orderCells))
  for await (const page of pages)
    yield page
      .map((order) => toCsvLine(Object.values(orderCells).map((cell) => cell(order))))
      .join("")
}

async function* lineRows(ctx: Ctx, pages: AsyncGenerator<OrderRow[]>): AsyncGenerator<string> {
  yield toCsvLine(Object.keys(lineCells))
  for await (const page of pages) {
    const ids = JSON.stringify(page.map(({ id }) => id))
    const lines = await ctx.db
      .select()
      .from(orderLines)
      // One parameter, however many there are (D1: at most 100).
      .where(sql`${orderLines.orderId} IN (SELECT value FROM json_each(${ids}))`)
      .orderBy(asc(orderLines.position))
    const byOrder = Map.groupBy(lines, ({ orderId }) => orderId)
    yield page
      .flatMap((order) => (byOrder.get(order.id) ?? []).map((line) => cellsOf(order, line)))
      .join("")
  }
}

async function* pagesOf(
  ctx: Ctx,
  plan: filters.Plan,
  ordering: string,
): AsyncGenerator<OrderRow[]> {
  const isDown = ordering.startsWith("-")
  const isByTotal = ordering.endsWith("total")
  const by = isByTotal ? plan.totalBy : orders.createdAt
  const [beyond, direction] = isDown ? [lt, desc] : [gt, asc]
  let after: SQL | undefined
  for (;;) {
    const part = (branch: SQL | undefined) => ctx.db.select().from(orders).where(and(branch, after))
    const [first, second, ...more] = plan.branches
    const all = second ? unionAll(part(first), part(second), ...more.map(part)) : part(first)
    const rows = await all
      .orderBy(direction(sql`${by}`), direction(sql`${orders.id}`))
      .limit(pageSize)
    if (rows.length > 0) yield rows
    const last = rows.at(-1)
    if (!last || rows.length < pageSize) return
    const value = isByTotal ? last.totalAmount : last.createdAt
    const column = sql`${by}`
    after = or(beyond(column, value), and(eq(column, value), beyond(orders.id, last.id)))
  }
}

type Cells<Row> = Record<string, (row: Row) => string>

const money = (of: (order: OrderRow) => number) => (order: OrderRow) =>
  toDecimal(of(order), order.currency)

const address = (field: keyof NonNullable<OrderRow["shippingAddress"]>) => (order: OrderRow) =>
  order.shippingAddress?.[field] ?? ""

const orderCells: Cells<OrderRow> = {
  order_number: (order) => order.number,
  created_at: (order) => order.createdAt,
  status: (order) => order.status,
  payment_status: (order) => order.paymentStatus,
  payment_method: (order) => order.paymentMethod,
  user: (order) => order.userId ?? "",
  email: (order) => order.email,
  currency: (order) => order.currency,
  subtotal: money((order) => order.subtotalAmount),
  discount: money((order) => order.discountAmount),
  shipping_cost: money((order) => order.shippingAmount),
  tax: money((order) => order.taxAmount),
  included_tax: money((order) => order.includedTaxAmount),
  total: money((order) => order.totalAmount),
  paid: money((order) => order.paidAmount),
  refunded: money((order) => order.refundedAmount),
  coupons: (order) => order.coupons.join(" "),
  shipping_method: (order) => order.shippingMethod?.name ?? "",
  first_name: address("first_name"),
  last_name: address("last_name"),
  address_line_1: address("address_line_1"),
  address_line_2: address("address_line_2"),
  city: address("city"),
  state: address("state"),
  postal_code: address("postal_code"),
  country: address("country"),
  phone_number: address("phone_number"),
  carrier: (order) => order.carrier ?? "",
  tracking_number: (order) => order.trackingNumber ?? "",
  paid_at: (order) => order.paidAt ?? "",
  shipped_at: (order) => order.shippedAt ?? "",
  delivered_at: (order) => order.deliveredAt ?? "",
  cancelled_at: (order) => order.cancelledAt ?? "",
  notes: (order) => order.notes,
}

type Both = { order: OrderRow; line: LineRow }

const lineMoney =
  (of: (line: LineRow) => number) =>
  ({ order, line }: Both) =>
    toDecimal(of(line), order.currency)

const lineCells: Cells<Both> = {
  order_number: ({ order }) => order.number,
  created_at: ({ order }) => order.createdAt,
  status: ({ order }) => order.status,
  email: ({ order }) => order.email,
  line_id: ({ line }) => line.id,
  product_id: ({ line }) => line.productId,
  variant_id: ({ line }) => line.variantId,
  sku: ({ line }) => line.sku ?? "",
  name: ({ line }) => line.name,
  options: ({ line }) =>
    Object.entries(line.options)
      .map((pair) => pair.join(": "))
      .join(", "),
  quantity: ({ line }) => String(line.quantity),
  fulfilled_quantity: ({ line }) => String(line.fulfilledQuantity),
  returned_quantity: ({ line }) => String(line.returnedQuantity),
  currency: ({ order }) => order.currency,
  unit_price: lineMoney((line) => line.unitAmount),
  line_total: lineMoney((line) => line.lineAmount),
  discount: lineMoney((line) => line.discountAmount),
  tax: lineMoney((line) => line.taxAmount),
  included_tax: lineMoney((line) => line.includedTaxAmount),
}

function cellsOf(order: OrderRow, line: LineRow): string {
  return toCsvLine(Object.values(lineCells).map((cell) => cell({ order, line })))
}
