import type { Id } from "#lib/id.ts"

/** Why stock was moved. */
export const movementReasons = ["restock", "correction", "damaged", "return", "sale"] as const
export type MovementReason = (typeof movementReasons)[number]

/** How many of a variant. */
export type Line = { variantId: Id<"variant">; quantity: number }

/** A variant's stock at one instant, in pieces: `available = onHand − held`. */
export type Level = { variantId: Id<"variant">; onHand: number; held: number; available: number }

/** All levels of a product; of two snapshots the one with the higher version is the later. */
export type Snapshot = { version: number; levels: Level[] }

/** A variant of which there is less than was asked for. */
export type Shortage = { variantId: Id<"variant">; available: number }

/** Errors lose their class across RPC: refusals are values. */
export type Reserved = { ok: true; snapshot: Snapshot } | { ok: false; short: Shortage[] }
export type Settled = Reserved

/** A row of the ledger. `on_hand` is what there was after it. */
export type Movement = {
  id: number
  delta: number
  on_hand: number
  reason: MovementReason
  order_id: string | null
  note: string
  actor: string
  created_at: string
}
