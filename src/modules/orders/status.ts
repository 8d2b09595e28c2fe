/** The states of an order (api.md 7). */
export const orderStatuses = [
  "pending",
  "confirmed",
  "processing",
  "shipped",
  "delivered",
  "cancelled",
  "refunded",
] as const
export type OrderStatus = (typeof orderStatuses)[number]

/** The states of an order's payment (api.md 7). */
export const paymentStatuses = [
  "unpaid",
  "authorized",
  "paid",
  "partially_refunded",
  "refunded",
  "failed",
  "voided",
  "disputed",
] as const

/** Where an order can go from each state (api.md 7); anything else is `illegal-transition`. */
export const transitions: Record<OrderStatus, readonly OrderStatus[]> = {
  pending: ["confirmed", "cancelled"],
  confirmed: ["processing", "cancelled"],
  processing: ["shipped", "cancelled"],
  shipped: ["delivered"],
  delivered: ["refunded"],
  cancelled: [],
  refunded: [],
}

/** Whether an order may go from one state to another. */
export function mayBecome(from: OrderStatus, to: OrderStatus): boolean {
  return transitions[from].includes(to)
}

/** What a row of an order's history tells of. */
export const changeKinds = [
  "placed",
  "status",
  "details",
  "payment",
  "fulfilment",
  "return",
  "edit",
  "note",
] as const

/** The states of a parcel. */
export const parcelStatuses = ["shipped", "delivered", "cancelled"] as const
export type ParcelStatus = (typeof parcelStatuses)[number]

/** Where a parcel goes from each state. What was delivered comes back as a return only. */
export const parcelTransitions: Record<ParcelStatus, readonly ParcelStatus[]> = {
  shipped: ["delivered", "cancelled"],
  delivered: [],
  cancelled: [],
}

/** What people call a state. */
export const statusNames: Record<OrderStatus, string> = {
  pending: "Pending",
  confirmed: "Confirmed",
  processing: "Processing",
  shipped: "Shipped",
  delivered: "Delivered",
  cancelled: "Cancelled",
  refunded: "Refunded",
}

type Step = { status: OrderStatus; title: string; description: string }

const journey: readonly Step[] = [
  { status: "pending", title: "Order Placed", description: "We have your order." },
  { status: "confirmed", title: "Order Confirmed", description: "The shop has accepted it." },
  { status: "processing", title: "Processing", description: "It is being packed." },
  { status: "shipped", title: "Shipped", description: "It is on its way." },
  { status: "delivered", title: "Delivered", description: "It has arrived." },
]

const endings: Partial<Record<OrderStatus, Step>> = {
  cancelled: { status: "cancelled", title: "Cancelled", description: "The order was cancelled." },
  refunded: { status: "refunded", title: "Refunded", description: "The money went back." },
}

/** A stage of an order's way, for people. `date`: when it was reached (ISO 8601). */
export type TimelineStep = Step & { completed: boolean; date: string | null }

/**
 * An order's way: the stages it went through with their dates, and those still ahead. `reached`: each status change
 * in order. A cancelled order has nothing ahead.
 */
export function timeline(
  status: OrderStatus,
  reached: readonly { to: string | null; createdAt: string }[],
): TimelineStep[] {
  const dates = new Map(reached.map(({ to, createdAt }) => [to, createdAt]))
  const ending = endings[status]
  const steps = ending ? [...journey.filter((step) => dates.has(step.status)), ending] : journey
  return steps.map((step) => ({
    ...step,
    completed: dates.has(step.status),
    date: dates.get(step.status) ?? null,
  }))
}
