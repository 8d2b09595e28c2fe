import { asc, gt, gte, inArray, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { products, variants } from "#modules/catalog/tables.ts"
import { at } from "#modules/inventory/remote.ts"
import type { Claim } from "#modules/inventory/stock.ts"
import { awaitsGateway } from "#modules/orders/payment.ts"
import { orderLines, orders } from "#modules/orders/tables.ts"
import { listLimit } from "#platform/db.ts"

import { type Stretch, stretchLength, stretchOf } from "./check.ts"
import { underWay } from "./under-way.ts"

/** Products, by id: levels against movements, and what the lists show against the levels. */
export async function levels(ctx: Ctx, after: string): Promise<Stretch> {
  const page = await ctx.db
    .select({ id: products.id, seen: products.stockVersion })
    .from(products)
    .where(gt(products.id, after as Id<"product">))
    .orderBy(asc(products.id))
    .limit(stretchLength + 1)
  const ids = page.slice(0, stretchLength).map(({ id }) => id)
  const [audits, listed] = await Promise.all([
    Promise.all(ids.map((id) => at(ctx, id, (stub) => stub.audit("", 0)))),
    ctx.db
      .select({
        id: variants.id,
        productId: variants.productId,
        stockQuantity: variants.stockQuantity,
      })
      .from(variants)
      .where(inArray(variants.productId, ids)),
  ])
  const byProduct = Map.groupBy(listed, ({ productId }) => productId)
  return stretchOf(page, ({ id, seen }) => {
    const audit = audits[ids.indexOf(id)]
    if (!audit) return []
    const level = new Map(audit.snapshot.levels.map((one) => [one.variantId, one]))
    return [
      ...audit.sums
        .filter(({ onHand, moved }) => onHand !== moved)
        .map(
          ({ variantId, onHand, moved }) =>
            `Of ${variantId} ${onHand} are on hand, and its movements come to ${moved}.`,
        ),
      ...audit.snapshot.levels
        .filter(({ tracked, onHand, backorderLimit }) => tracked && onHand + backorderLimit < 0)
        .map(({ variantId, onHand }) => `Of ${variantId} ${onHand} are on hand: it was oversold.`),
      // A version behind is a projection on its way.
      ...(seen < audit.snapshot.version
        ? []
        : (byProduct.get(id) ?? [])
            .filter((row) => row.stockQuantity !== Math.max(0, level.get(row.id)?.available ?? 0))
            .map(
              (row) =>
                `Lists show ${row.stockQuantity} of ${row.id}, of which ${Math.max(0, level.get(row.id)?.available ?? 0)} can be bought.`,
            )),
    ]
  })
}

/** Products by id, and of each who bought it, by order id: is that an order, and not a cancelled one? */
export async function buyers(ctx: Ctx, after: string): Promise<Stretch> {
  const [fromProduct = "", fromOrder = ""] = after.split("|")
  const page = await ctx.db
    .select({ id: products.id })
    .from(products)
    .where(
      fromOrder === ""
        ? gt(products.id, fromProduct as Id<"product">)
        : gte(products.id, fromProduct as Id<"product">),
    )
    .orderBy(asc(products.id))
    .limit(stretchLength)
  const audits = await Promise.all(
    page.map(({ id }, index) =>
      at(ctx, id, (stub) => stub.audit(index === 0 ? fromOrder : "", listLimit)),
    ),
  )
  const stretch: Stretch = {
    checked: 0,
    violations: [],
    next: page.length === stretchLength ? `${page.at(-1)?.id}|` : null,
  }
  const moving = await underWay(ctx)
  for (const [index, { id }] of page.entries()) {
    const bought = audits[index]?.buyers ?? []
    stretch.checked += 1
    if (bought.length === 0) continue
    const known = await ctx.db
      .select({ id: orders.id, status: orders.status })
      .from(orders)
      .where(inArray(orders.id, bought))
    const status = new Map(known.map((order) => [order.id, order.status]))
    for (const orderId of bought) {
      if (moving.has(orderId) || !["cancelled", undefined].includes(status.get(orderId))) continue
      stretch.violations.push({
        subject: id,
        detail: `Some of it is sold to ${orderId}, which is ${status.get(orderId) ?? "no order"}.`,
      })
    }
    if (bought.length === listLimit) {
      stretch.next = `${id}|${bought.at(-1)}`
      break
    }
  }
  return stretch
}

/** Orders, by id: what stock objects have sold to each against what its lines say. */
export async function ofOrders(ctx: Ctx, after: string): Promise<Stretch> {
  const page = await ctx.db
    .select()
    .from(orders)
    .where(gt(orders.id, after as Id<"order">))
    .orderBy(asc(orders.id))
    .limit(stretchLength + 1)
  const ids = page.slice(0, stretchLength).map(({ id }) => id)
  const [lines, moving] = await Promise.all([
    ctx.db
      .select({
        orderId: orderLines.orderId,
        productId: orderLines.productId,
        variantId: orderLines.variantId,
        left: sql<number>`sum(${orderLines.quantity} - ${orderLines.returnedQuantity})`.as("left"),
      })
      .from(orderLines)
      .where(inArray(orderLines.orderId, ids))
      .groupBy(orderLines.orderId, orderLines.variantId),
    underWay(ctx),
  ])
  const byProduct = Map.groupBy(lines, ({ productId }) => productId)
  const claims = new Map<string, Claim>()
  await Promise.all(
    [...byProduct].map(async ([productId, some]) => {
      const found = await at(ctx, productId, (stub) =>
        stub.claims([...new Set(some.map(({ orderId }) => orderId))]),
      )
      for (const claim of found) claims.set(`${claim.orderId}/${claim.variantId}`, claim)
    }),
  )
  const byOrder = Map.groupBy(lines, ({ orderId }) => orderId)
  return stretchOf(page, (order) => {
    if (moving.has(order.id)) return []
    const isSold = order.status !== "cancelled" && !awaitsGateway(order)
    return (byOrder.get(order.id) ?? []).flatMap(({ variantId, left }) => {
      const { sold = 0, held = 0 } = claims.get(`${order.id}/${variantId}`) ?? {}
      const due = isSold ? left : 0
      const isSettled = isSold || order.status === "cancelled"
      return [
        ...(sold === due
          ? []
          : [
              `Of ${variantId} ${sold} are sold to it, and ${due} should be: it is ${order.status}.`,
            ]),
        ...(isSettled && held > 0 ? [`It still holds ${held} of ${variantId}.`] : []),
      ]
    })
  })
}
