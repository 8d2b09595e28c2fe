import { and, eq, inArray } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, invalid, notFound } from "#errors.ts"
import { iso } from "#lib/time.ts"
import { commit } from "#platform/commit.ts"

import { changeRefusals, illegal } from "./changes.ts"
import type { Fulfilled, FulfilmentChanges, NewFulfilment } from "./fulfilment-model.ts"
import { fulfilmentOf, leftOf, maySend } from "./fulfilment.ts"
import type { Fulfilment } from "./model.ts"
import { begin, follow, type Move, stageMove, step } from "./moves.ts"
import { type LineRow, open, type Opened, type ParcelRow, toFulfilment, toOrder } from "./orders.ts"
import { deliver, type Portion, send, shownOf, takeBack, tracked } from "./parcels.ts"
import { requirePaid } from "./payment.ts"
import { parcelTransitions } from "./status.ts"
import { fulfilments, returns } from "./tables.ts"

/** The parcels of an order, oldest first, cancelled ones too. @throws `forbidden`, `not-found` */
export async function list(ctx: Ctx, ref: string): Promise<{ results: Fulfilment[] }> {
  requirePermission(ctx, "orders:read")
  const { parcels } = await open(ctx, ref, "orders:read")
  return { results: parcels.map(toFulfilment) }
}

/**
 * Sends some of an order, or all that is left, in a parcel of its own. The order is processing with the first parcel,
 * and shipped once nothing is left. Of two who send the same at once, the second is told.
 * @throws `forbidden`, `not-found`, `illegal-transition`, `order-unpaid`, `already-fulfilled` with `items`,
 * `order-changed`, `invalid-input` for what is no item of the order
 */
export async function create(ctx: Ctx, ref: string, input: NewFulfilment): Promise<Fulfilled> {
  requirePermission(ctx, "orders:write")
  const opened = await open(ctx, ref, "orders:write")
  const { order, lines } = opened
  if (!maySend(order.status)) throw illegal(order.status, "shipped")
  requirePaid(order)
  const portions = portionsOf(lines, input.items)
  const sent = send(ctx, begin(opened), portions, input)
  return finish(ctx, opened, follow(ctx, sent), sent.parcel)
}

function portionsOf(lines: readonly LineRow[], items: NewFulfilment["items"]): Portion[] {
  const asked = items ?? lines.map(({ id }) => ({ item_id: id as string, quantity: undefined }))
  const unknown: FieldError[] = []
  const sums = new Map<LineRow, number>()
  for (const [index, { item_id: ref, quantity }] of asked.entries()) {
    const line = lineOf(lines, ref)
    if (!line)
      unknown.push({
        field: `items.${index}.item_id`,
        detail: `No such item in this order: ${ref}`,
        code: "unknown",
      })
    else sums.set(line, (sums.get(line) ?? 0) + (quantity ?? leftOf(line)))
  }
  if (unknown.length > 0) throw invalid(...unknown)
  const portions = [...sums].map(([line, quantity]) => ({ line, quantity }))
  const beyond = portions.filter(({ line, quantity }) => quantity > leftOf(line))
  const some = portions.filter(({ quantity }) => quantity > 0)
  if (beyond.length > 0 || some.length === 0)
    throw new DomainError(
      "already-fulfilled",
      beyond[0]
        ? `Only ${leftOf(beyond[0].line)} of ${beyond[0].line.name} are left to send.`
        : "Nothing is left to send.",
      { items: beyond.map(({ line }) => ({ item_id: line.id, left: leftOf(line) })) },
    )
  return some
}

/** An item of an order by its id, its variant, or its SKU. */
export function lineOf(lines: readonly LineRow[], ref: string): LineRow | undefined {
  return lines.find(({ id, variantId, sku }) => id === ref || variantId === ref || sku === ref)
}

/**
 * Says how a parcel can be followed, or that it has arrived: once all have, and nothing is left to send, the order is
 * delivered. Said already is said.
 * @throws `forbidden`, `not-found`, `illegal-transition` for a cancelled one, `order-changed`, `invalid-input`
 */
export async function update(
  ctx: Ctx,
  ref: string,
  id: string,
  input: FulfilmentChanges,
): Promise<Fulfilled> {
  requirePermission(ctx, "orders:write")
  const { opened, parcel } = await openParcel(ctx, ref, id)
  const { status, note, ...told } = input
  if (status === undefined && Object.values(told).every((value) => value === undefined))
    throw invalid({ field: "status", detail: "Say what is to change.", code: "required" })
  if (parcel.status === "cancelled") throw cannot(parcel, status ?? "shipped")
  const tracking = tracked(input, parcel)
  const known = { ...parcel, ...tracking, updatedAt: iso(ctx.now) }
  const parcels = opened.parcels.map((one) => (one.id === parcel.id ? known : one))
  const span = { from: fulfilmentOf(opened.lines), to: fulfilmentOf(opened.lines) }
  const start = step(ctx, begin({ ...opened, parcels }), "fulfilment", shownOf(parcels), note, span)
  const next = {
    ...start,
    statements: [
      ctx.db
        .update(fulfilments)
        .set({ ...tracking, updatedAt: iso(ctx.now) })
        .where(eq(fulfilments.id, parcel.id)),
    ],
  }
  const moved = status === "delivered" ? follow(ctx, deliver(ctx, next, [known])) : next
  return finish(ctx, opened, moved, moved.parcels.find((one) => one.id === parcel.id) ?? known)
}

/**
 * Takes back a parcel that has not arrived: what was in it is left to be sent again. A shipped order stays shipped.
 * @throws `forbidden`, `not-found`, `illegal-transition` when it has arrived or was cancelled, `order-not-editable` when
 * something of the order comes back, `order-changed`
 */
export async function cancel(ctx: Ctx, ref: string, id: string, note: string): Promise<Fulfilled> {
  requirePermission(ctx, "orders:write")
  const { opened, parcel } = await openParcel(ctx, ref, id)
  await refuseWhileReturning(ctx, opened)
  if (!parcelTransitions[parcel.status].includes("cancelled")) throw cannot(parcel, "cancelled")
  const moved = takeBack(ctx, begin(opened), parcel, note)
  return finish(ctx, opened, moved, moved.parcels.find((one) => one.id === parcel.id) ?? parcel)
}

async function openParcel(ctx: Ctx, ref: string, id: string) {
  const opened = await open(ctx, ref, "orders:write")
  const parcel = opened.parcels.find((one) => one.id === id)
  if (!parcel) throw notFound("fulfilment")
  return { opened, parcel }
}

/** What comes back is counted by what was sent, at its price. @throws `order-not-editable` while something is to come back, or has */
export async function refuseWhileReturning(ctx: Ctx, { order, lines }: Opened): Promise<void> {
  const [underway] = await ctx.db
    .select({ id: returns.id })
    .from(returns)
    .where(and(eq(returns.orderId, order.id), inArray(returns.status, ["requested", "approved"])))
    .limit(1)
  if (underway || lines.some(({ returnedQuantity }) => returnedQuantity > 0))
    throw new DomainError("order-not-editable", "Something of the order comes back, or has.")
}

function cannot({ status }: ParcelRow, to: string): DomainError {
  const detail = `Cannot change a ${status} parcel${to === "shipped" ? "" : ` to ${to}`}.`
  return new DomainError("illegal-transition", detail, {
    from: status,
    to,
    allowed: parcelTransitions[status],
  })
}

async function finish(
  ctx: Ctx,
  { order, changes }: Opened,
  move: Move,
  parcel: ParcelRow,
): Promise<Fulfilled> {
  const result = { fulfilment: toFulfilment(parcel), order: toOrder(move.order, move.lines) }
  await commit(ctx, await stageMove(ctx, order, changes.at(-1), move), {
    refusals: { ...changeRefusals(ctx), ...quantityRefusals },
    events: move.events,
    result,
  })
  return result
}

/** What the triggers on lines mean, behind the history's key: more was sent than there is. */
const quantityRefusals = { order_lines_fulfilled: "already-fulfilled" } as const
