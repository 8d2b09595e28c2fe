/** The states of a subscription. */
export const subscriptionStatuses = [
  "trialing",
  "active",
  "past_due",
  "paused",
  "cancelled",
  "ended",
] as const
export type SubscriptionStatus = (typeof subscriptionStatuses)[number]

/**
 * Where a subscription goes from each state. One that is to be paid at once begins `past_due` and is `active` once it
 * is; `cancelled` is somebody's wish, or what comes of not paying; `ended` is the last of its periods over.
 */
export const subscriptionTransitions: Record<SubscriptionStatus, readonly SubscriptionStatus[]> = {
  trialing: ["active", "past_due", "paused", "cancelled"],
  active: ["past_due", "paused", "cancelled", "ended"],
  past_due: ["active", "paused", "cancelled"],
  paused: ["trialing", "active", "cancelled"],
  cancelled: [],
  ended: [],
}

/** Whether a subscription may go from one state to another. */
export function mayBecome(from: SubscriptionStatus, to: SubscriptionStatus): boolean {
  return subscriptionTransitions[from].includes(to)
}

/** Whether nothing follows a state. */
export function isFinal(status: SubscriptionStatus): boolean {
  return subscriptionTransitions[status].length === 0
}

/** What people call a state. */
export const statusNames: Record<SubscriptionStatus, string> = {
  trialing: "Trial",
  active: "Active",
  past_due: "Past due",
  paused: "Paused",
  cancelled: "Cancelled",
  ended: "Ended",
}

/** What a row of a subscription's history tells of. */
export const changeKinds = ["started", "status", "period", "payment", "items", "details"] as const

/** What can be asked of a subscription, and in which states. */
export const allowed = {
  pause: ["trialing", "active"],
  resume: ["paused"],
  cancel: ["trialing", "active", "past_due", "paused"],
  change: ["trialing", "active"],
  details: ["trialing", "active", "past_due", "paused"],
} as const satisfies Record<string, readonly SubscriptionStatus[]>
export type Action = keyof typeof allowed

/** How the order of a period stands: waiting for its gateway, billed, paid (or vouched for), or cancelled. */
export const renewalStatuses = ["open", "invoiced", "paid", "cancelled"] as const
