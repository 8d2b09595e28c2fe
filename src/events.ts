import type { Id } from "#lib/id.ts"

/** Everything that happens in the shop that something else may care about. Names are noun.past-tense. */
export type Event =
  | { type: "order.placed"; orderId: Id<"order"> }
  | { type: "order.status-changed"; orderId: Id<"order">; from: string; to: string }
  | { type: "order.cancelled"; orderId: Id<"order"> }
  | { type: "catalog.changed"; productId?: Id<"product"> }
