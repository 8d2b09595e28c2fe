import type { Id } from "#lib/id.ts"

/** Everything that happens in the shop that something else may care about. Names are noun.past-tense. */
export type Event =
  | { type: "order.placed"; orderId: Id<"order"> }
  | { type: "order.status-changed"; orderId: Id<"order">; from: string; to: string }
  | { type: "order.cancelled"; orderId: Id<"order"> }
  | { type: "email.verification-requested"; userId: Id<"user">; tokenId: Id<"mailedToken"> }
  | { type: "email.change-requested"; userId: Id<"user">; tokenId: Id<"mailedToken"> }
  | { type: "email.changed"; userId: Id<"user">; oldEmail: string }
  | { type: "password.reset-requested"; userId: Id<"user">; tokenId: Id<"mailedToken"> }
  | { type: "password.changed"; userId: Id<"user"> }
  | {
      type: "session.started-on-new-device"
      userId: Id<"user">
      device: string
      addressPrefix: string
    }
  | {
      type: "stock.fell-low"
      productId: Id<"product">
      variantId: Id<"variant">
      available: number
      threshold: number
    }
  | { type: "catalog.changed"; productId?: Id<"product"> }
  /** Keys of R2 objects that no row names any more. */
  | { type: "media.removed"; productId: Id<"product">; keys: string[] }
  /** Products that a chunk of an import made or changed, at most a few hundred. */
  | { type: "products.imported"; productIds: Id<"product">[] }
  /** The next chunk of an import is to be done. */
  | { type: "import.advanced"; importId: Id<"import"> }
