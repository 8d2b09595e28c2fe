import { and, eq, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import { fulfilmentOf, isSent } from "./fulfilment.ts"
import type { OrderChange, OrderChangeQuery, Tracking } from "./model.ts"
import { type ChangeRow, open, toFulfilment } from "./orders.ts"
import { timeline } from "./status.ts"
import { orderChanges } from "./tables.ts"

/** Where an order and its parcels are. `email`: as for `get`. @throws `unauthenticated`, `not-found`, `rate-limited` */
export async function track(ctx: Ctx, ref: string, email?: string): Promise<Tracking> {
  const { order, lines, parcels, changes } = await open(ctx, ref, "orders:read", email)
  const sent = parcels.filter(isSent).map(toFulfilment)
  const newest = sent.findLast((parcel) => parcel.tracking_number !== null) ?? sent.at(-1)
  return {
    order_id: order.id,
    order_number: order.number,
    status: order.status,
    carrier: order.carrier,
    tracking_number: order.trackingNumber,
    tracking_url: newest?.tracking_url ?? null,
    estimated_delivery: newest?.estimated_delivery ?? null,
    fulfilment_status: fulfilmentOf(lines),
    fulfilments: sent,
    timeline: timeline(
      order.status,
      changes.filter(({ kind }) => kind === "placed" || kind === "status"),
    ),
  }
}

/** An order's history, oldest first. `email`: as for `get`. @throws `unauthenticated`, `not-found`, `invalid-page`, `rate-limited` */
export async function history(
  ctx: Ctx,
  ref: string,
  { email, ...query }: OrderChangeQuery,
): Promise<Page<OrderChange>> {
  const { order } = await open(ctx, ref, "orders:read", email)
  const of = eq(orderChanges.orderId, order.id)
  const version = { by: orderChanges.version, of: (row: ChangeRow) => row.version }
  const page = await readPage<ChangeRow>(
    ctx,
    { ...query, ordering: undefined },
    {
      orderings: { version },
      fallback: "version",
      id: version,
      rows: ({ where, orderBy, limit, offset }) =>
        ctx.db
          .select()
          .from(orderChanges)
          .where(and(of, where))
          .orderBy(...orderBy)
          .limit(limit)
          .offset(offset),
      matching: ctx.db
        .select({ one: sql`1` })
        .from(orderChanges)
        .where(of)
        .getSQL(),
    },
  )
  return mapPage(page, toChange)
}

function toChange(row: ChangeRow): OrderChange {
  return {
    version: row.version,
    kind: row.kind,
    from: row.from,
    to: row.to,
    note: row.note,
    actor: row.actor,
    created_at: row.createdAt,
    hash: row.hash,
  }
}
