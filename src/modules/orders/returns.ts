import { and, asc, eq, inArray, or, sql } from "drizzle-orm"

import { may, requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, invalid, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { daysAfter, iso } from "#lib/time.ts"
import { commit, raced, retryRaced } from "#platform/commit.ts"
import { rowsOf, type Statement } from "#platform/db.ts"
import { mapPage, type Page, readPage, slicePage } from "#platform/page.ts"

import { stageChange } from "./changes.ts"
import { open, type Opened, type OrderRow } from "./orders.ts"
import { returnable } from "./return-shares.ts"
import type { AllReturnsQuery, NewReturn, Return, ReturnQuery } from "./returns-model.ts"
import { orderLines, orders, returnLines, returns } from "./tables.ts"

export type ReturnRow = typeof returns.$inferSelect
type OrderLineRow = Opened["lines"][number]
/** A line of a return with what it is of. */
export type ReturnLineRow = typeof returnLines.$inferSelect &
  Pick<OrderLineRow, "productId" | "variantId" | "name" | "sku">

/** A return with its lines. */
export type Whole = { row: ReturnRow; lines: ReturnLineRow[] }

/**
 * Asks to send things back that have arrived, or are on their way: never more than were sent and not asked for yet,
 * however many ask at once. The shop's staff may ask after the window is over.
 * @throws `unauthenticated`, `not-found`, `not-returnable` with `lines`, `return-window-over`, `invalid-input`
 */
export async function ask(ctx: Ctx, ref: string, input: NewReturn): Promise<Return> {
  return retryRaced(async () => {
    const opened = await open(ctx, ref, "orders:write")
    const { order } = opened
    const earlier = await ofOrder(ctx, order.id)
    requireWindow(ctx, order)
    const lines = wantedLines(opened, earlier, input)
    const drafted = draft(ctx, order, earlier.length + 1, lines)
    const row = { ...drafted.row, reason: input.reason, comment: input.comment }
    const rows = drafted.lines.map(({ orderLineId, quantity }) => ({
      returnId: row.id,
      orderLineId,
      quantity,
      acceptedQuantity: null,
      restock: true,
      amount: 0,
    }))
    const whole = drafted.lines
    const result = toReturn(row, whole, order)
    await commit(
      ctx,
      [
        ...(await stageStep(ctx, opened, row, null, "")),
        ctx.db.insert(returns).values(row),
        ...rowsOf(ctx.db, returnLines, rows),
      ],
      { events: [changed(row)], refusals: stepRefusals, result },
    )
    return result
  })
}

/** A line of an order, and how many of it are to come back. */
export type Wanted = { line: OrderLineRow; quantity: number }

/** A return that is not committed yet, the order's `n`th. */
export function draft(ctx: Ctx, order: OrderRow, n: number, wanted: readonly Wanted[]): Whole {
  const now = iso(ctx.now)
  const id = newId("return", ctx.now)
  return {
    row: {
      id,
      orderId: order.id,
      number: `${order.number}-R${n}`,
      status: "requested",
      reason: "other",
      comment: "",
      note: "",
      refundAmount: 0,
      shippingAmount: 0,
      exchangeOrderId: null,
      createdAt: now,
      updatedAt: now,
      approvedAt: null,
      receivedAt: null,
      closedAt: null,
    },
    lines: wanted.map(
      ({ line: { id: orderLineId, productId, variantId, name, sku }, quantity }) => ({
        returnId: id,
        orderLineId,
        quantity,
        acceptedQuantity: null,
        restock: true,
        amount: 0,
        productId,
        variantId,
        name,
        sku,
      }),
    ),
  }
}

/** The returns of an order, oldest first. @throws `unauthenticated`, `not-found`, `invalid-page` */
export async function list(ctx: Ctx, ref: string, query: ReturnQuery): Promise<Page<Return>> {
  const { order } = await open(ctx, ref, "orders:read")
  const all = await ofOrder(ctx, order.id)
  return slicePage(
    query,
    all.map(({ row, lines }) => toReturn(row, lines, order)),
  )
}

/** A page of everybody's returns, newest first. @throws `forbidden`, `invalid-page` */
export async function listAll(ctx: Ctx, query: AllReturnsQuery): Promise<Page<Return>> {
  requirePermission(ctx, "orders:read")
  const filter = query.status && eq(returns.status, query.status)
  const page = await readPage<ReturnRow>(ctx, query, {
    orderings: { created_at: { by: returns.createdAt, of: (row) => row.createdAt } },
    fallback: "-created_at",
    id: { by: returns.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(returns)
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db
      .select({ one: sql`1` })
      .from(returns)
      .where(filter)
      .getSQL(),
  })
  const ids = JSON.stringify(page.results.map(({ id }) => id))
  // One parameter, however many there are (D1: at most 100).
  const chosen = sql`(SELECT value FROM json_each(${ids}))`
  const [lines, ordered] = await ctx.db.batch([
    selectLines(ctx, sql`${returnLines.returnId} IN ${chosen}`),
    ctx.db
      .select({ id: orders.id, number: orders.number, currency: orders.currency })
      .from(orders)
      .where(sql`${orders.id} IN (SELECT order_id FROM returns WHERE id IN ${chosen})`),
  ])
  const byReturn = Map.groupBy(lines, ({ returnId }) => returnId)
  const byId = new Map(ordered.map((order) => [order.id, order]))
  return mapPage(page, (row) =>
    toReturn(row, byReturn.get(row.id) ?? [], byId.get(row.orderId) ?? unknownOrder(row)),
  )
}

/** One return, by id or number. @throws `forbidden`, `not-found` */
export async function get(ctx: Ctx, ref: string): Promise<Return> {
  requirePermission(ctx, "orders:read")
  const { order } = await open(ctx, await orderOf(ctx, ref), "orders:read")
  const { row, lines } = pick(await ofOrder(ctx, order.id), ref)
  return toReturn(row, lines, order)
}

/** The order that a return is of. @throws `not-found` */
export async function orderOf(ctx: Ctx, ref: string): Promise<Id<"order">> {
  const [row] = await ctx.db
    .select({ orderId: returns.orderId })
    .from(returns)
    .where(or(eq(returns.id, ref as Id<"return">), eq(returns.number, ref.toUpperCase())))
    .limit(1)
  if (!row) throw notFound("return")
  return row.orderId
}

/** The one return of these that `ref` names. @throws `not-found` */
export function pick(all: readonly Whole[], ref: string): Whole {
  const found = all.find(({ row }) => row.id === ref || row.number === ref.toUpperCase())
  if (!found) throw notFound("return")
  return found
}

/**
 * The returns of an order, oldest first. Read after the order itself: what happens to one later is a new version of the
 * order.
 */
export async function ofOrder(ctx: Ctx, orderId: Id<"order">): Promise<Whole[]> {
  const mine = ctx.db.select({ id: returns.id }).from(returns).where(eq(returns.orderId, orderId))
  const [rows, lines] = await ctx.db.batch([
    ctx.db
      .select()
      .from(returns)
      .where(eq(returns.orderId, orderId))
      .orderBy(asc(returns.createdAt), asc(returns.id)),
    selectLines(ctx, inArray(returnLines.returnId, mine)),
  ])
  const byReturn = Map.groupBy(lines, ({ returnId }) => returnId)
  return rows.map((row) => ({ row, lines: byReturn.get(row.id) ?? [] }))
}

function selectLines(ctx: Ctx, where: ReturnType<typeof sql>) {
  return ctx.db
    .select({
      returnId: returnLines.returnId,
      orderLineId: returnLines.orderLineId,
      quantity: sql<number>`${returnLines.quantity}`.as("asked_quantity"),
      acceptedQuantity: returnLines.acceptedQuantity,
      restock: returnLines.restock,
      amount: returnLines.amount,
      productId: orderLines.productId,
      variantId: orderLines.variantId,
      name: orderLines.name,
      sku: orderLines.sku,
    })
    .from(returnLines)
    .innerJoin(orderLines, eq(orderLines.id, returnLines.orderLineId))
    .where(where)
    .orderBy(asc(orderLines.position))
}

/** The order's row of history for a change of a return: the lock of all its returns (`stepRefusals`). */
export function stageStep(
  ctx: Ctx,
  { order, changes }: Opened,
  { number, status }: ReturnRow,
  from: ReturnRow["status"] | null,
  note: string,
): Promise<Statement[]> {
  const next = { ...order, version: order.version + 1, updatedAt: iso(ctx.now) }
  const said = `Return ${number}.${note === "" ? "" : ` ${note}`}`
  const span = { from, to: status }
  return stageChange(ctx, order, next, changes.at(-1), said, "return", span)
}

/** What a broken constraint of `stageStep` means: look again. */
export const stepRefusals = {
  "order_changes.order_id": () => raced(new DomainError("order-changed")),
} as const

/** Says that a return is not what it was. */
export function changed({ id, orderId, status }: ReturnRow) {
  return { type: "return.changed", returnId: id, orderId, to: status } as const
}

function requireWindow(ctx: Ctx, order: OrderRow): void {
  if (may(ctx, "orders:write") || order.deliveredAt === null) return
  const until = daysAfter(new Date(order.deliveredAt), ctx.config.returnWindowDays)
  if (ctx.now <= until) return
  throw new DomainError(
    "return-window-over",
    `Things could be sent back until ${iso(until).slice(0, 10)}.`,
    { until: iso(until) },
  )
}

function wantedLines(
  { order, lines }: Opened,
  earlier: readonly Whole[],
  input: NewReturn,
): Wanted[] {
  const unknown = input.lines.flatMap(({ line_id }, index): FieldError[] =>
    lines.some(({ id }) => id === line_id)
      ? []
      : [
          {
            field: `lines.${index}.line_id`,
            detail: "The order has no such line.",
            code: "unknown",
          },
        ],
  )
  if (unknown.length > 0) throw invalid(...unknown)
  const asked = earlier.flatMap(({ row, lines: all }) =>
    all.map((one) => ({ ...one, status: row.status })),
  )
  const wanted = input.lines.flatMap(({ line_id, quantity }) => {
    const line = lines.find(({ id }) => id === line_id)
    const of = asked.filter(({ orderLineId }) => orderLineId === line_id)
    return line ? [{ line, quantity, left: line.isDigital ? 0 : returnable(line, of) }] : []
  })
  const short = wanted.filter(({ quantity, left }) => quantity > left)
  const [first] = short
  if (!first) return wanted
  const detail =
    order.status !== "shipped" && order.status !== "delivered" && first.left === 0
      ? `Of a ${order.status} order nothing of this can be sent back.`
      : `Of ${first.line.name} ${first.left === 0 ? "nothing more" : `only ${first.left}`} can be sent back.`
  throw new DomainError("not-returnable", detail, {
    lines: short.map(({ line, left }) => ({ line_id: line.id, returnable: left })),
  })
}

function unknownOrder({ orderId, number }: ReturnRow): never {
  throw new Error(`return ${number} is of ${orderId}, which is not there`)
}

/** A return on the wire. */
export function toReturn(
  row: ReturnRow,
  lines: readonly ReturnLineRow[],
  order: Pick<OrderRow, "number" | "currency">,
): Return {
  const money = (amount: number) => toDecimal(amount, order.currency)
  return {
    id: row.id,
    return_number: row.number,
    order: row.orderId,
    order_number: order.number,
    status: row.status,
    reason: row.reason,
    comment: row.comment,
    note: row.note,
    lines: lines.map((line) => ({
      line_id: line.orderLineId,
      product_id: line.productId,
      variant_id: line.variantId,
      name: line.name,
      sku: line.sku,
      quantity: line.quantity,
      accepted_quantity: line.acceptedQuantity,
      restock: line.restock,
      refund_amount: money(line.amount),
    })),
    currency: order.currency,
    refund_amount: money(row.refundAmount),
    refund_shipping_amount: money(row.shippingAmount),
    exchange_order: row.exchangeOrderId,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
    approved_at: row.approvedAt,
    received_at: row.receivedAt,
    closed_at: row.closedAt,
  }
}
