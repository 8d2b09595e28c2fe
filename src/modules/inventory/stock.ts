import type { Id } from "#lib/id.ts"
import { lowStockThreshold } from "#lib/stock.ts"

/** Why stock was moved. */
export const movementReasons = ["restock", "correction", "damaged", "return", "sale"] as const
export type MovementReason = (typeof movementReasons)[number]

/** How many of a variant. */
export type Line = { variantId: Id<"variant">; quantity: number }

/**
 * What stock is held under: an order, or one change of it (`ord_…/3`: the edit that makes version 3). Everything held
 * or sold under an order's changes is the order's.
 */
export type HoldId = Id<"order"> | `${Id<"order">}/${string}`

/** The order that a hold belongs to. */
export function orderOf(holdId: HoldId): Id<"order"> {
  return holdId.split("/")[0] as Id<"order">
}

/**
 * How a variant's stock is watched. Not tracked: it never runs out. `backorderLimit`: how many may be sold beyond
 * what is there. `lowAt`: at how many it counts as low.
 */
export type Policy = { tracked: boolean; backorderLimit: number; lowAt: number }

/** A variant nobody has set otherwise: what is there can be bought. */
export const defaultPolicy: Policy = { tracked: true, backorderLimit: 0, lowAt: lowStockThreshold }

/** What can be bought of a variant whose stock is not tracked: more than any order asks for. */
export const plenty = 1_000_000

/**
 * A variant's stock at one instant, in pieces. `available` is what can be bought: `onHand − held`, and as many more as
 * may be back-ordered; `plenty` where stock is not tracked.
 */
export type Level = Policy & {
  variantId: Id<"variant">
  onHand: number
  held: number
  available: number
}

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

/** Who changes stock, why, and under which key: the same key changes it once. */
export type Change = { reason: MovementReason; note: string; actor: string; key: string }

/** What an order has of a variant: sold and not returned, and held at this instant. */
export type Claim = { orderId: Id<"order">; variantId: Id<"variant">; sold: number; held: number }
