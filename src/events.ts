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
  /** Of a category or brand: its name or place, which its products are found by. */
  | {
      type: "catalog.changed"
      productId?: Id<"product">
      categoryId?: Id<"category">
      brandId?: Id<"brand">
    }
  /** A product can be bought again, or no more. */
  | { type: "stock.turned"; productId: Id<"product"> }
  /** What the index holds of the products of a category or brand is old; those up to `after` are dealt with. */
  | {
      type: "products.outdated"
      categoryId?: Id<"category">
      brandId?: Id<"brand">
      after?: [status: string, createdAt: string, id: string]
    }
  | { type: "index.begun"; generation: number }
