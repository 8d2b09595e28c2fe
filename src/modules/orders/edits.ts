import { eq, inArray } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import type { Event } from "#events.ts"
import { newId, randomBase32 } from "#lib/id.ts"
import { signed, toDecimal } from "#lib/money.ts"
import { minutesAfter } from "#lib/time.ts"
import type { Quote } from "#modules/cart/quote.ts"
import { stageStock } from "#modules/catalog/projection.ts"
import * as inventory from "#modules/inventory/inventory.ts"
import * as promotions from "#modules/promotions/promotions.ts"
import { commit } from "#platform/commit.ts"
import { rowsOf, type Statement } from "#platform/db.ts"

import { changeRefusals } from "./changes.ts"
import type { OrderEdit, OrderEdited } from "./edit-model.ts"
import { type Added, type Plan, planOf } from "./edit-plan.ts"
import { type Outcome, toldOf } from "./edit.ts"
import { mayEdit } from "./fulfilment.ts"
import { refuseWhileReturning } from "./fulfilments.ts"
import { begin, follow, type Move, stageMove, step } from "./moves.ts"
import {
  find,
  type LineRow,
  open,
  type Opened,
  type OrderRow,
  toDetail,
  toOrder,
} from "./orders.ts"
import { awaitsGateway, unpaid } from "./payment.ts"
import { reprice, type Wanted } from "./reprice.ts"
import { stageSettlement } from "./settlement.ts"
import { orderLines } from "./tables.ts"

/** Longer than any recovery of a crashed edit takes. */
const holdMinutes = 30

/**
 * Changes what an order holds, as far as it was not sent: more, less, something else. It is priced anew (`reprice`),
 * what was paid too much goes back, and what is due is asked for. Stock that is added is held, the change committed,
 * the hold sold; what is taken out returns after it. Whatever dies in between heals itself: holds lapse, and
 * `order.edited` finishes what was committed. Limits of what one customer may buy do not bind staff.
 * @throws `forbidden`, `not-found`, `order-not-editable`, `order-unpaid`, `already-fulfilled` with `items`,
 * `out-of-stock` with `items`, `product-unavailable`, `coupon-used-up`, `order-changed`, `stale`, `invalid-input`
 */
export async function edit(ctx: Ctx, ref: string, input: OrderEdit): Promise<OrderEdited> {
  requirePermission(ctx, "orders:write")
  const opened = await open(ctx, ref, "orders:write")
  requireEditable(ctx, opened.order)
  await refuseWhileReturning(ctx, opened)
  const plan = await planOf(ctx, opened, input)
  const quote = await reprice(ctx, opened.order, plan.outcome.kept, plan.added)
  const edited = editedOf(ctx, opened, plan, quote, input.note)
  const settlement = await stageSettlement(ctx, opened, edited.move)
  const move = follow(ctx, settlement.move)
  const result = toEdited(opened, move, quote, settlement.refundAmount, input.dry_run)
  const { taken } = edited.stock
  if (input.dry_run) {
    await requireThere(ctx, taken)
    return result
  }

  await settleBefore(ctx, opened, plan)
  const holdId = `${opened.order.id}/${edited.version}-${randomBase32(8)}` as const
  const left = await inventory.reserve(ctx, holdId, taken, minutesAfter(ctx.now, holdMinutes))
  const event = {
    type: "order.edited",
    orderId: opened.order.id,
    version: edited.version,
    holdId,
    ...edited.stock,
  } as const
  try {
    await commit(
      ctx,
      [
        ...(await stageMove(ctx, opened.order, opened.changes.at(-1), move)),
        ...settlement.statements,
        ...promotions.stageGiveBack(ctx, opened.order.id),
        ...promotions.stageUse(ctx, opened.order, quote.promotions),
        ...[...left].flatMap(([productId, snapshot]) => stageStock(ctx, productId, snapshot)),
      ],
      {
        events: [event, ...move.events, ...settlement.events],
        refusals: { ...settlement.refusals, ...promotions.useRefusals, ...changeRefusals(ctx) },
        result,
      },
    )
  } catch (error) {
    // What was not refused may stand: its event sells the hold, or the hold lapses.
    if (error instanceof DomainError) await inventory.release(ctx, holdId, taken)
    throw error
  }
  await settleEdit(ctx, event).catch((error) =>
    ctx.log.error("stock left to the event", error, { order_id: opened.order.id }),
  )
  return result
}

/**
 * Sells what an edit added, and takes back what it took out; of an order that was cancelled since, everything returns.
 * Idempotent. @throws while a hold that lapsed finds no stock: the event comes again
 */
export async function settleEdit(
  ctx: Ctx,
  { orderId, version, holdId, taken, returned }: Extract<Event, { type: "order.edited" }>,
): Promise<void> {
  const found = await find(ctx, orderId)
  if (!found) return
  const productIds = [...taken, ...returned].map(({ productId }) => productId)
  if (found.order.status === "cancelled")
    return inventory.giveBack(ctx, orderId, [...new Set(productIds)])
  const missing = await inventory.settle(ctx, holdId, taken)
  if (missing.length > 0)
    throw new Error(`The stock for the edit of ${orderId} to version ${version} is gone`)
  await inventory.returnItems(ctx, orderId, `edit:${orderId}:${version}`, returned, {
    restock: true,
  })
}

/** @throws `order-not-editable`, `order-unpaid` */
function requireEditable(ctx: Ctx, order: OrderRow): void {
  if (awaitsGateway(order) && (order.status === "pending" || order.paidAmount === 0))
    throw unpaid(order)
  if (order.currency !== ctx.config.currency)
    throw new DomainError(
      "order-not-editable",
      `What is in an order in ${order.currency} cannot be changed.`,
      { currency: order.currency },
    )
  if (!mayEdit(order.status))
    throw new DomainError(
      "order-not-editable",
      `What is in a ${order.status} order cannot be changed.`,
      { status: order.status },
    )
}

/** The order with its lines as the edit leaves them, and the stock that this takes and returns. */
function editedOf(
  ctx: Ctx,
  opened: Opened,
  { outcome, added }: Plan,
  quote: Quote<Wanted>,
  note: string,
) {
  const { order, lines } = opened
  let position = Math.max(...lines.map((line) => line.position))
  const next = quote.lines.map((priced): LineRow => {
    const { quantity, lineAmount, discountAmount, taxAmount, includedTaxAmount, taxes } = priced
    const amounts = { quantity, lineAmount, discountAmount, taxAmount, includedTaxAmount, taxes }
    if (priced.line) {
      const isSentAlready = priced.isDigital && order.status !== "pending"
      const { line } = priced
      return { ...line, ...amounts, ...(isSentAlready && { fulfilledQuantity: quantity }) }
    }
    const { productId, variantId, name, sku, options, unitAmount, isDigital } = priced
    return {
      id: newId("orderLine", ctx.now),
      orderId: order.id,
      position: ++position,
      productId,
      variantId,
      name,
      sku,
      options,
      unitAmount,
      isDigital,
      ...amounts,
      fulfilledQuantity: isDigital && order.status !== "pending" ? quantity : 0,
      returnedQuantity: 0,
    }
  })
  const told = [toldOf(outcome, added), note].filter((text) => text !== "").join(" ")
  const { shipping } = quote
  const start = { ...begin(opened), lines: next, statements: stageLines(ctx, lines, next) }
  const move: Move = step(
    ctx,
    start,
    "edit",
    {
      subtotalAmount: quote.subtotalAmount,
      discountAmount: quote.discountAmount,
      shippingAmount: quote.shippingAmount,
      taxAmount: quote.taxAmount,
      totalAmount: quote.totalAmount,
      includedTaxAmount: quote.includedTaxAmount,
      shippingTaxAmount: shipping ? shipping.taxAmount + shipping.includedTaxAmount : 0,
      shippingMethod: shipping ? { id: shipping.methodId, name: shipping.name } : null,
      coupons: quote.promotions.flatMap(({ code }) => (code === null ? [] : [code])),
      explain: quote.explain,
    },
    told,
  )
  return { move, version: move.order.version, stock: stockOf(outcome, added) }
}

function stageLines(ctx: Ctx, before: readonly LineRow[], after: readonly LineRow[]): Statement[] {
  const known = new Map(before.map((line) => [line.id, line]))
  const gone = before.filter(({ id }) => !after.some((line) => line.id === id)).map(({ id }) => id)
  const updates = after.flatMap((line) => {
    const old = known.get(line.id)
    if (!old) return []
    const { id, ...columns } = line
    return JSON.stringify(old) === JSON.stringify(line)
      ? []
      : [ctx.db.update(orderLines).set(columns).where(eq(orderLines.id, id))]
  })
  return [
    ...(gone.length > 0
      ? [ctx.db.delete(orderLines).where(inArray(orderLines.id, gone.slice(0, 90)))]
      : []),
    ...(gone.length > 90
      ? [ctx.db.delete(orderLines).where(inArray(orderLines.id, gone.slice(90)))]
      : []),
    ...updates,
    ...rowsOf(
      ctx.db,
      orderLines,
      after.filter(({ id }) => !known.has(id)),
    ),
  ]
}

function stockOf({ kept, removed }: Outcome<LineRow>, added: readonly Added[]) {
  const grown = kept.filter(({ change }) => change > 0)
  const shrunk = kept.filter(({ change }) => change < 0)
  return {
    taken: inventory.byProduct([
      ...grown.map(({ line, change }) => ({ ...line, quantity: change })),
      ...added,
    ]),
    returned: inventory.byProduct([
      ...shrunk.map(({ line, change }) => ({ ...line, quantity: -change })),
      ...removed,
    ]),
  }
}

/** @throws `out-of-stock` */
async function requireThere(ctx: Ctx, taken: readonly inventory.ProductLines[]): Promise<void> {
  const available = await inventory.availableNow(
    ctx,
    taken.map(({ productId }) => productId),
  )
  const short = taken
    .flatMap(({ lines }) => lines)
    .flatMap(({ variantId, quantity }) => {
      const left = available.get(variantId) ?? 0
      return left < quantity ? [{ variantId, available: left }] : []
    })
  if (short.length > 0) throw inventory.outOfStock(short)
}

/**
 * Sells what the order held before the edit, if a crash left that undone: `order.placed` comes late, and would sell the
 * edited lines. Of products that are new to the order it is to sell nothing: the edit's own hold does.
 * @throws `out-of-stock`
 */
async function settleBefore(ctx: Ctx, { order, lines }: Opened, { added }: Plan): Promise<void> {
  const known = inventory.byProduct(lines)
  const fresh = new Set(added.map(({ productId }) => productId)).difference(
    new Set(known.map(({ productId }) => productId)),
  )
  const none = [...fresh].map((productId) => ({ productId, lines: [] }))
  const missing = await inventory.settle(ctx, order.id, [...known, ...none])
  if (missing.length > 0) throw inventory.outOfStock(missing)
}

function toEdited(
  { order, ...parts }: Opened,
  move: Move,
  quote: Quote,
  refundAmount: number,
  isDry: boolean,
): OrderEdited {
  const lines = [...move.lines]
  const edited = toOrder(move.order, lines)
  const detail = toDetail({ ...parts, order: move.order, lines })
  return {
    dry_run: isDry,
    order: edited,
    difference: signed(move.order.totalAmount - order.totalAmount, order.currency),
    refund: toDecimal(refundAmount, order.currency),
    amount_due: edited.amount_due,
    codes_without_effect: quote.refused,
    explain: detail.explain,
  }
}
