import type { GatewayName } from "./method.ts"

/**
 * What a reconciliation finds. Of payments: one that was not known as it is, its fee, one that is not the gateway's, or
 * not as the gateway has it, one that lacks money or that nobody knows; of refunds and disputes likewise,
 * `refund-adopted` being one that was made at the gateway. `unreachable`: the gateway did not answer.
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
  "dispute-completed",
  "dispute-mismatch",
  "unreachable",
] as const

const ours = [
  "open-payments",
  "recent-payments",
  "open-refunds",
  "recent-refunds",
  "open-disputes",
] as const

/**
 * Where a reconciliation is: what is open, then what is recent, payments before refunds, each by id; then disputes
 * that are open, by the gateway's id; then what each gateway lists.
 */
export type Place =
  | {
      phase: (typeof ours)[number]
      after: string
    }
  | { phase: "listed"; gateway: GatewayName; cursor?: string }

/** What comes after a phase; null: nothing. `listing`: the gateways that list what moved, in order. */
export function placeAfter(place: Place, listing: readonly GatewayName[]): Place | null {
  if (place.phase !== "listed") {
    const phase = ours[ours.indexOf(place.phase) + 1]
    if (phase !== undefined) return { phase, after: "" }
    const [gateway] = listing
    return gateway === undefined ? null : { phase: "listed", gateway }
  }
  const gateway = listing[listing.indexOf(place.gateway) + 1]
  return gateway === undefined ? null : { phase: "listed", gateway }
}
