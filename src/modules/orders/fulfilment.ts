import { mayBecome, type OrderStatus, type ParcelStatus } from "./status.ts"

/** How much of an order was sent, or came back. */
export const fulfilmentStatuses = [
  "unfulfilled",
  "partially_fulfilled",
  "fulfilled",
  "partially_returned",
  "returned",
] as const
export type FulfilmentStatus = (typeof fulfilmentStatuses)[number]

/** How that moves, by parcels that are sent or cancelled, by edits and by returns. It is never set: quantities say it. */
export const fulfilmentTransitions: Record<FulfilmentStatus, readonly FulfilmentStatus[]> = {
  unfulfilled: ["partially_fulfilled", "fulfilled"],
  partially_fulfilled: ["unfulfilled", "fulfilled", "partially_returned", "returned"],
  fulfilled: ["unfulfilled", "partially_fulfilled", "partially_returned", "returned"],
  partially_returned: ["returned"],
  returned: [],
}

/** A line's units: ordered, sent of them, and come back of those. */
export type Counted = { quantity: number; fulfilledQuantity: number; returnedQuantity: number }

/** How much of an order was sent or came back, all its lines together. */
export function fulfilmentOf(lines: readonly Counted[]): FulfilmentStatus {
  const sum = (of: (line: Counted) => number) => lines.reduce((all, line) => all + of(line), 0)
  const ordered = sum(({ quantity }) => quantity)
  const sent = sum(({ fulfilledQuantity }) => fulfilledQuantity)
  const back = sum(({ returnedQuantity }) => returnedQuantity)
  if (back > 0) return back < ordered ? "partially_returned" : "returned"
  if (sent === 0) return "unfulfilled"
  return sent < ordered ? "partially_fulfilled" : "fulfilled"
}

/** How many units of a line are still to be sent. */
export function leftOf({ quantity, fulfilledQuantity }: Counted): number {
  return quantity - fulfilledQuantity
}

/** How many units of an order are still to be sent. */
export function leftToSend(lines: readonly Counted[]): number {
  return lines.reduce((all, line) => all + leftOf(line), 0)
}

/** Whether something of an order in this state can be sent: of a shipped one, what was taken out of a parcel again. */
export function maySend(status: OrderStatus): boolean {
  return status === "confirmed" || status === "processing" || status === "shipped"
}

/** Whether what is in an order of this state can be changed, as far as it was not sent. */
export function mayEdit(status: OrderStatus): boolean {
  return status === "pending" || status === "confirmed" || status === "processing"
}

/** Whether an order can be cancelled: the table lets it, and no parcel of it is on its way or there. */
export function mayCancel(
  status: OrderStatus,
  parcels: readonly { status: ParcelStatus }[],
): boolean {
  return mayBecome(status, "cancelled") && !parcels.some(isSent)
}

/** Whether a parcel is on its way or there. */
export function isSent(parcel: { status: ParcelStatus }): boolean {
  return parcel.status !== "cancelled"
}

/**
 * The states that an order goes through by itself from `status`: one that is being sent is processing, one of which
 * nothing is left to send is shipped, and one whose parcels have all arrived is delivered. One that has nothing to be
 * sent by post goes all the way once it is confirmed.
 */
export function followed(
  status: OrderStatus,
  lines: readonly Counted[],
  parcels: readonly { status: ParcelStatus }[],
): OrderStatus[] {
  const sent = parcels.filter(isSent)
  const isAllSent = leftToSend(lines) === 0
  const next: OrderStatus | undefined =
    status === "confirmed" && (sent.length > 0 || isAllSent)
      ? "processing"
      : status === "processing" && isAllSent
        ? "shipped"
        : status === "shipped" && isAllSent && sent.every((parcel) => parcel.status === "delivered")
          ? "delivered"
          : undefined
  return next === undefined ? [] : [next, ...followed(next, lines, parcels)]
}
