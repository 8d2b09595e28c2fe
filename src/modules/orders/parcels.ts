import { eq, inArray } from "drizzle-orm"

import { nameOf } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid } from "#errors.ts"
import { newId } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { rowsOf, type Statement } from "#platform/db.ts"

import { carrierName, isTrackingNumber, trackingNumberOf } from "./carriers.ts"
import { fulfilmentOf, isSent, leftOf } from "./fulfilment.ts"
import { type Move, step, toStatus } from "./moves.ts"
import type { LineRow, ParcelRow } from "./orders.ts"
import { fulfilmentLines, fulfilments, orderLines } from "./tables.ts"

/** What staff say of a parcel, on the wire's names; null takes something away. */
export type Told = {
  carrier?: string | null | undefined
  tracking_number?: string | null | undefined
  tracking_url?: string | null | undefined
  estimated_delivery?: string | null | undefined
  note: string
}

type Tracking = Pick<ParcelRow, "carrier" | "trackingNumber" | "trackingUrl" | "estimatedDelivery">

const untold: Tracking = {
  carrier: null,
  trackingNumber: null,
  trackingUrl: null,
  estimatedDelivery: null,
}

/** How a parcel can be followed: what is told, and for the rest what was known. @throws `invalid-input` for a number that cannot be the carrier's */
export function tracked(told: Told, known: Tracking = untold): Tracking {
  const name = told.carrier === undefined ? known.carrier : told.carrier
  const carrier = name === null ? null : carrierName(name)
  const text = told.tracking_number === undefined ? known.trackingNumber : told.tracking_number
  const trackingNumber = text === null ? null : trackingNumberOf(carrier, text)
  if (trackingNumber !== null && !isTrackingNumber(carrier, trackingNumber))
    throw invalid({
      field: "tracking_number",
      detail: `This is no tracking number of ${carrier}.`,
      code: "invalid",
    })
  const day = told.estimated_delivery
  return {
    carrier,
    trackingNumber,
    trackingUrl: told.tracking_url === undefined ? known.trackingUrl : told.tracking_url,
    estimatedDelivery:
      day === undefined ? known.estimatedDelivery : day === null ? null : iso(new Date(day)),
  }
}

/** Units of a line. */
export type Portion = { line: LineRow; quantity: number }

/** Sends these units in a parcel; a confirmed order is processing with it. Who calls has asked whether they are there. */
export function send(
  ctx: Ctx,
  move: Move,
  portions: readonly Portion[],
  told: Told,
): Move & { parcel: ParcelRow } {
  const now = iso(ctx.now)
  const { note } = told
  const contents = portions.map(({ line, quantity }) => ({ lineId: line.id, quantity }))
  const { lines: _, ...row } = {
    id: newId("fulfilment", ctx.now),
    orderId: move.order.id,
    status: "shipped" as const,
    ...tracked(told),
    actor: nameOf(ctx.actor),
    createdAt: now,
    updatedAt: now,
    deliveredAt: null,
    cancelledAt: null,
    lines: contents,
  }
  const parcel: ParcelRow = { ...row, lines: contents }
  const before = move.order.status === "confirmed" ? toStatus(ctx, move, "processing", "") : move
  const counted = count(ctx, before, portions, 1)
  return {
    ...step(
      ctx,
      counted.move,
      "fulfilment",
      shownOf([...move.parcels, parcel]),
      note,
      counted.span,
    ),
    parcels: [...move.parcels, parcel],
    statements: [
      ...before.statements,
      ctx.db.insert(fulfilments).values(row),
      ...rowsOf(
        ctx.db,
        fulfilmentLines,
        contents.map((content) => ({ fulfilmentId: row.id, orderId: row.orderId, ...content })),
      ),
      ...counted.statements,
    ],
    parcel,
  }
}

/** Sends everything that is left; of nothing there is no parcel. */
export function sendAll(ctx: Ctx, move: Move, told: Told): Move {
  const portions = move.lines
    .map((line) => ({ line, quantity: leftOf(line) }))
    .filter(({ quantity }) => quantity > 0)
  return portions.length === 0 ? move : send(ctx, move, portions, told)
}

/** Says that parcels have arrived; those that were cancelled, or are there already, stay as they are. */
export function deliver(ctx: Ctx, move: Move, parcels: readonly ParcelRow[]): Move {
  const ids = parcels.filter(({ status }) => status === "shipped").map(({ id }) => id)
  if (ids.length === 0) return move
  const now = iso(ctx.now)
  const over = { status: "delivered", deliveredAt: now, updatedAt: now } as const
  return {
    ...move,
    parcels: move.parcels.map((one) => (ids.includes(one.id) ? { ...one, ...over } : one)),
    statements: [
      ...move.statements,
      ctx.db.update(fulfilments).set(over).where(inArray(fulfilments.id, ids)),
    ],
  }
}

/** Takes a parcel back: what is in it is to be sent again. */
export function takeBack(ctx: Ctx, move: Move, parcel: ParcelRow, note: string): Move {
  const now = iso(ctx.now)
  const over = { status: "cancelled", cancelledAt: now, updatedAt: now } as const
  const parcels = move.parcels.map((one) => (one.id === parcel.id ? { ...one, ...over } : one))
  const portions = parcel.lines.flatMap(({ lineId, quantity }) => {
    const line = move.lines.find(({ id }) => id === lineId)
    return line ? [{ line, quantity }] : []
  })
  const counted = count(ctx, move, portions, -1)
  return {
    ...step(ctx, counted.move, "fulfilment", shownOf(parcels), note, counted.span),
    parcels,
    statements: [
      ...move.statements,
      ctx.db.update(fulfilments).set(over).where(eq(fulfilments.id, parcel.id)),
      ...counted.statements,
    ],
  }
}

/** What the order itself shows: the newest parcel's carrier and number. */
export function shownOf(parcels: readonly ParcelRow[]) {
  const newest = parcels.findLast((one) => isSent(one) && one.trackingNumber !== null)
  const any = newest ?? parcels.findLast((one) => isSent(one) && one.carrier !== null)
  return { carrier: any?.carrier ?? null, trackingNumber: any?.trackingNumber ?? null }
}

/** Adds to what is sent of lines, or takes off it; CHECKs see that it is never more than was ordered. */
function count(ctx: Ctx, move: Move, portions: readonly Portion[], sign: 1 | -1) {
  const sent = new Map(portions.map(({ line, quantity }) => [line.id, sign * quantity]))
  const lines = move.lines.map((line) => ({
    ...line,
    fulfilledQuantity: line.fulfilledQuantity + (sent.get(line.id) ?? 0),
  }))
  const statements: Statement[] = lines
    .filter(({ id }) => sent.has(id))
    .map(({ id, fulfilledQuantity }) =>
      ctx.db.update(orderLines).set({ fulfilledQuantity }).where(eq(orderLines.id, id)),
    )
  return {
    move: { ...move, lines },
    statements,
    span: { from: fulfilmentOf(move.lines), to: fulfilmentOf(lines) },
  }
}
