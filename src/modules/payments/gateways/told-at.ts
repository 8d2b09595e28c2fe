import { iso } from "#lib/time.ts"

import type { Told } from "../status.ts"

/** In the order in which a payment goes through them. */
const ranks: Record<Told["status"], number> = {
  unpaid: 0,
  failed: 1,
  authorized: 2,
  paid: 3,
  voided: 4,
}

/**
 * As of when something was told, by a clock that counts seconds (`ms`: Unix time): of two news of one second the later
 * state is the later one.
 */
export function toldAt(ms: number, status: Told["status"]): string {
  return iso(new Date(Math.floor(ms / 1000) * 1000 + ranks[status]))
}
