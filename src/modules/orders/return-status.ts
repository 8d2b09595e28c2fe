/** The states of a return. `closed`: it is over without a refund of its own. */
export const returnStatuses = [
  "requested",
  "approved",
  "received",
  "refunded",
  "closed",
  "rejected",
  "cancelled",
] as const
export type ReturnStatus = (typeof returnStatuses)[number]

/** Where a return can go from each state; anything else is `illegal-transition`. */
export const returnTransitions: Record<ReturnStatus, readonly ReturnStatus[]> = {
  requested: ["approved", "rejected", "cancelled"],
  approved: ["received", "rejected", "cancelled"],
  received: ["refunded", "closed"],
  refunded: [],
  closed: [],
  rejected: [],
  cancelled: [],
}

/** Why something is sent back. */
export const returnReasons = [
  "damaged",
  "defective",
  "wrong_item",
  "not_as_described",
  "no_longer_wanted",
  "other",
] as const
