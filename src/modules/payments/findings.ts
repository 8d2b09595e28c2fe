import type { GatewayName } from "./method.ts"

/**
 * What a reconciliation finds. Of payments: one that was not known as it is, its fee, one that is not the gateway's, or
 * not as the gateway has it, one that lacks money or that nobody knows; of refunds likewise, `refund-adopted` being one
 * that was made at the gateway. `unreachable`: the gateway did not answer.
 */
export const findingKinds = [
  "payment-completed",
  "fee-noted",
  "payment-missing",
  "payment-mismatch",
  "money-missing",
  "payment-unknown",
  "refund-completed",
  "refund-adopted",
  "refund-missing",
  "refund-mismatch",
  "unreachable",
] as const

/**
 * Where a reconciliation is: what is open, then what is recent, payments before refunds, each by id; then what each
 * gateway lists.
 */
export type Place =
  | {
      phase: "open-payments" | "recent-payments" | "open-refunds" | "recent-refunds"
      after: string
    }
  | { phase: "listed"; gateway: GatewayName; cursor?: string }

/** What comes after a phase; null: nothing. `listing`: the gateways that list what moved, in order. */
export function placeAfter(place: Place, listing: readonly GatewayName[]): Place | null {
  const phases = ["open-payments", "recent-payments", "open-refunds", "recent-refunds"] as const
  if (place.phase !== "listed") {
    const phase = phases[phases.indexOf(place.phase) + 1]
    if (phase !== undefined) return { phase, after: "" }
    const [gateway] = listing
    return gateway === undefined ? null : { phase: "listed", gateway }
  }
  const gateway = listing[listing.indexOf(place.gateway) + 1]
  return gateway === undefined ? null : { phase: "listed", gateway }
}
