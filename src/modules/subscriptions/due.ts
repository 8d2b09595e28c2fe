import type { SubscriptionStatus } from "./status.ts"

/** What is known of a subscription when it is looked at. Instants in ISO 8601, UTC, milliseconds. */
export type Standing = {
  status: SubscriptionStatus
  periodEnd: string
  resumeAt: string | null
  /** The order that waits for its money. */
  orderId: string | null
  cancelAtPeriodEnd: boolean
  cycles: number
  maxCycles: number | null
}

/** What is to be done for a subscription now. */
export type Task = "resume" | "collect" | "cancel" | "end" | "renew" | "notice" | "nothing"

/**
 * What is to be done for a subscription that is due, by its state: money that is under way comes before the next
 * period, and the end that somebody wished for before the next order.
 */
export function taskOf(row: Standing, now: string): Task {
  if (row.status === "cancelled" || row.status === "ended") return "nothing"
  if (row.status === "paused")
    return row.resumeAt !== null && row.resumeAt <= now ? "resume" : "nothing"
  if (row.orderId !== null) return "collect"
  if (row.periodEnd > now) return "notice"
  if (row.cancelAtPeriodEnd) return "cancel"
  return row.maxCycles !== null && row.cycles >= row.maxCycles ? "end" : "renew"
}
