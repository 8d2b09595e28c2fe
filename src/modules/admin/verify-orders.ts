import { and, asc, eq, gt, inArray, isNull, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { isIntact } from "#modules/orders/history.ts"
import { mayBecome, type OrderStatus } from "#modules/orders/status.ts"
import { orderChanges, orderLines, orders } from "#modules/orders/tables.ts"
import { disputes, payments, refunds } from "#modules/payments/tables.ts"
import {
  promotionCodes,
  promotions as promotionRows,
  promotionUses,
} from "#modules/promotions/tables.ts"

import { type Stretch, stretchLength, stretchOf } from "./check.ts"
import { underWay } from "./under-way.ts"

type OrderRow = typeof orders.$inferSelect

async function pageOf(ctx: Ctx, after: string): Promise<{ page: OrderRow[]; ids: Id<"order">[] }> {
  const page = await ctx.db
    .select()
    .from(orders)
    .where(gt(orders.id, after as Id<"order">))
    .orderBy(asc(orders.id))
    .limit(stretchLength + 1)
  return { page, ids: page.slice(0, stretchLength).map(({ id }) => id) }
}

/** Orders, by id: the sums over their lines, and what may not be negative. */
export async function totals(ctx: Ctx, after: string): Promise<Stretch> {
  const { page, ids } = await pageOf(ctx, after)
  const lines = await ctx.db.select().from(orderLines).where(inArray(orderLines.orderId, ids))
  const byOrder = Map.groupBy(lines, ({ orderId }) => orderId)
  return stretchOf(page, (order) => {
    const own = byOrder.get(order.id) ?? []
    const sum = (of: (line: (typeof own)[number]) => number) =>
      own.reduce((all, line) => all + of(line), 0)
    const money = (amount: number) => toDecimal(amount, order.currency)
    const wrong = (what: string, said: number, is: number) =>
      said === is ? [] : [`Its ${what} is ${money(said)}, and its parts come to ${money(is)}.`]
    const { subtotalAmount, discountAmount, shippingAmount, taxAmount, totalAmount } = order
    const shippingTax = order.shippingTaxAmount
    const isIncluded = order.includedTaxAmount > 0
    return [
      ...(own.length === 0 ? ["It has no lines."] : []),
      ...wrong(
        "subtotal",
        subtotalAmount,
        sum((line) => line.lineAmount),
      ),
      ...wrong(
        "discount",
        discountAmount,
        sum((line) => line.discountAmount),
      ),
      ...wrong("tax", taxAmount, sum((line) => line.taxAmount) + (isIncluded ? 0 : shippingTax)),
      ...wrong(
        "included tax",
        order.includedTaxAmount,
        sum((line) => line.includedTaxAmount) + (isIncluded ? shippingTax : 0),
      ),
      ...wrong("total", totalAmount, subtotalAmount - discountAmount + shippingAmount + taxAmount),
      ...own
        .filter((line) => line.discountAmount < 0 || line.discountAmount > line.lineAmount)
        .map((line) => `The discount of ${line.id} is more than the line, or less than nothing.`),
      ...own
        .filter(
          (line) => line.fulfilledQuantity > line.quantity || line.returnedQuantity > line.quantity,
        )
        .map((line) => `More of ${line.id} was sent or came back than was ordered.`),
    ]
  })
}

/** Orders, by id: their amounts paid and refunded against those of their payments, and these against their refunds. */
export async function money(ctx: Ctx, after: string): Promise<Stretch> {
  const { page, ids } = await pageOf(ctx, after)
  const [[made, given, lost], moving] = await Promise.all([
    ctx.db.batch([
      ctx.db.select().from(payments).where(inArray(payments.reference, ids)),
      ctx.db
        .select({
          paymentId: refunds.paymentId,
          amount: sql<number>`sum(${refunds.amount})`.as("amount"),
        })
        .from(refunds)
        .where(and(inArray(refunds.reference, ids), sql`${refunds.status} <> 'failed'`))
        .groupBy(refunds.paymentId),
      ctx.db
        .select({
          paymentId: disputes.paymentId,
          amount: sql<number>`sum(${disputes.amount})`.as("amount"),
        })
        .from(disputes)
        .innerJoin(payments, eq(payments.id, disputes.paymentId))
        .where(and(inArray(payments.reference, ids), eq(disputes.status, "lost")))
        .groupBy(disputes.paymentId),
    ]),
    underWay(ctx),
  ])
  const byOrder = Map.groupBy(made, ({ reference }) => reference)
  const refunded = new Map<string, number>()
  for (const { paymentId, amount } of [...given, ...lost])
    refunded.set(paymentId, (refunded.get(paymentId) ?? 0) + amount)
  // What is disputed may have been given back before: more than was captured nobody loses.
  const backOf = ({ id, capturedAmount }: (typeof made)[number]) =>
    Math.min(refunded.get(id) ?? 0, capturedAmount)
  return stretchOf(page, (order) => {
    if (moving.has(order.id)) return []
    const own = byOrder.get(order.id) ?? []
    const said = (amount: number) => toDecimal(amount, order.currency)
    const captured = own.reduce((sum, { capturedAmount }) => sum + capturedAmount, 0)
    const back = own.reduce((sum, { refundedAmount }) => sum + refundedAmount, 0)
    const held = own.reduce((sum, { disputedAmount }) => sum + disputedAmount, 0)
    return [
      ...(captured === order.paidAmount
        ? []
        : [`It is paid ${said(order.paidAmount)}, and its payments have ${said(captured)}.`]),
      ...(back === order.refundedAmount
        ? []
        : [
            `It is refunded ${said(order.refundedAmount)}, and its payments gave back ${said(back)}.`,
          ]),
      ...(order.status === "cancelled" && captured !== back + held
        ? [`It is cancelled, and ${said(captured - back - held)} of its money is still here.`]
        : []),
      ...own.flatMap((payment) => [
        ...(payment.currency === order.currency
          ? []
          : [`${payment.id} is in ${payment.currency}, and the order in ${order.currency}.`]),
        ...(payment.refundedAmount === backOf(payment)
          ? []
          : [
              `${payment.id} gave back ${said(payment.refundedAmount)}, and its refunds and lost disputes come to ${said(backOf(payment))}.`,
            ]),
      ]),
    ]
  })
}

/** Orders, by id: the chain of their history, and the states it went through. */
export async function histories(ctx: Ctx, after: string): Promise<Stretch> {
  const { page, ids } = await pageOf(ctx, after)
  const rows = await ctx.db
    .select()
    .from(orderChanges)
    .where(inArray(orderChanges.orderId, ids))
    .orderBy(asc(orderChanges.orderId), asc(orderChanges.version))
  const byOrder = Map.groupBy(rows, ({ orderId }) => orderId)
  const broken = new Set<string>()
  await Promise.all(
    page.map(async ({ id, version }) => {
      if (!(await isIntact(byOrder.get(id) ?? [], version))) broken.add(id)
    }),
  )
  return stretchOf(page, (order) => {
    const moves = (byOrder.get(order.id) ?? []).filter(
      ({ kind }) => kind === "placed" || kind === "status",
    )
    const last = moves.at(-1)?.to
    return [
      ...(broken.has(order.id) ? ["Its history is not what was written."] : []),
      ...(last === order.status
        ? []
        : [`It is ${order.status}, and its history ends with ${last ?? "nothing"}.`]),
      ...moves
        .slice(1)
        .filter(({ from, to }) => !mayBecome(from as OrderStatus, to as OrderStatus))
        .map(({ from, to }) => `It went from ${from} to ${to}.`),
    ]
  })
}

/** Promotions, by id: how often they count as used against the orders that use them, and their limits. */
export async function promotions(ctx: Ctx, after: string): Promise<Stretch> {
  const page = await ctx.db
    .select()
    .from(promotionRows)
    .where(gt(promotionRows.id, after as Id<"promotion">))
    .orderBy(asc(promotionRows.id))
    .limit(stretchLength + 1)
  const ids = page.slice(0, stretchLength).map(({ id }) => id)
  const [uses, codes, strays] = await ctx.db.batch([
    ctx.db
      .select({
        id: promotionUses.promotionId,
        n: sql<number>`count(*)`.as("n"),
        amount: sql<number>`sum(${promotionUses.discountAmount})`.as("amount"),
      })
      .from(promotionUses)
      .where(and(inArray(promotionUses.promotionId, ids), isNull(promotionUses.givenBackAt)))
      .groupBy(promotionUses.promotionId),
    ctx.db
      .select({ id: promotionCodes.promotionId, code: promotionCodes.code })
      .from(promotionCodes)
      .where(
        and(
          inArray(promotionCodes.promotionId, ids),
          sql`${promotionCodes.usageLimit} < ${promotionCodes.used}`,
        ),
      ),
    ctx.db
      .select({ id: promotionUses.promotionId, orderId: promotionUses.orderId })
      .from(promotionUses)
      .where(
        and(
          inArray(promotionUses.promotionId, ids),
          isNull(promotionUses.givenBackAt),
          sql`NOT EXISTS (SELECT 1 FROM orders WHERE orders.id = ${promotionUses.orderId} AND orders.status <> 'cancelled')`,
        ),
      )
      .limit(stretchLength),
  ])
  const used = new Map(uses.map((use) => [use.id, use]))
  return stretchOf(page, (promotion) => {
    const { n = 0, amount = 0 } = used.get(promotion.id) ?? {}
    return [
      ...(n === promotion.used && amount === promotion.discountedAmount
        ? []
        : [`It counts ${promotion.used} uses, and orders have ${n}.`]),
      ...(promotion.usageLimit !== null && n > promotion.usageLimit
        ? [`It is used ${n} times, and may be ${promotion.usageLimit} times.`]
        : []),
      ...codes
        .filter(({ id }) => id === promotion.id)
        .map(({ code }) => `The code ${code} is used more often than it may be.`),
      ...strays
        .filter(({ id }) => id === promotion.id)
        .map(({ orderId }) => `${orderId} uses it, and is cancelled or no order.`),
    ]
  })
}
