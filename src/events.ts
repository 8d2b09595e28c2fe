import type { Id } from "#lib/id.ts"

/** Units of the variants of one product. */
type StockLines = {
  productId: Id<"product">
  lines: { variantId: Id<"variant">; quantity: number }[]
}

/** Everything that happens in the shop that something else may care about. Names are noun.past-tense. */
export type Event =
  | { type: "order.placed"; orderId: Id<"order"> }
  | { type: "order.status-changed"; orderId: Id<"order">; from: string; to: string }
  | { type: "order.cancelled"; orderId: Id<"order"> }
  /** What it holds is not what it was: stock is taken under `holdId`, and returned. */
  | {
      type: "order.edited"
      orderId: Id<"order">
      version: number
      holdId: `${Id<"order">}/${string}`
      taken: StockLines[]
      returned: StockLines[]
    }
  | { type: "return.changed"; returnId: Id<"return">; orderId: Id<"order">; to: string }
  /** Paid for, and the stock was gone: it is cancelled and its money goes back. */
  | { type: "order.stock-lost"; orderId: Id<"order"> }
  | { type: "payment.changed"; paymentId: Id<"payment">; reference: string }
  /** Its gateway has more to say of it than it did: it is to be asked. */
  | { type: "payment.announced"; paymentId: Id<"payment">; reference: string }
  | { type: "payment.void-requested"; paymentId: Id<"payment">; reference: string }
  /** Its code is to be mailed. */
  | { type: "gift-card.issued"; giftCardId: Id<"giftCard"> }
  | { type: "refund.requested"; refundId: Id<"refund">; reference: string }
  | { type: "refund.changed"; refundId: Id<"refund">; reference: string }
  /** The next step of a comparison with the gateways is to be done. */
  | { type: "reconciliation.advanced"; reconciliationId: Id<"reconciliation"> }
  | { type: "subscription.started"; subscriptionId: Id<"subscription"> }
  | {
      type: "subscription.status-changed"
      subscriptionId: Id<"subscription">
      from: string
      to: string
    }
  /** A period has its order. */
  | {
      type: "subscription.renewed"
      subscriptionId: Id<"subscription">
      period: number
      orderId: Id<"order">
    }
  | { type: "subscription.renewal-upcoming"; subscriptionId: Id<"subscription">; period: number }
  /** A period could not be ordered, or its order not be charged: tried again at `nextAt`; null: no more. */
  | {
      type: "subscription.payment-failed"
      subscriptionId: Id<"subscription">
      orderId: Id<"order"> | null
      reason: string
      nextAt: string | null
    }
  /** It will cost something else, from a day on. */
  | { type: "subscription.price-changing"; subscriptionId: Id<"subscription">; from: string }
  /** Its running subscriptions, beyond `after`, are to have its prices of now, from a day on. */
  | {
      type: "plan.migration-begun"
      planId: Id<"plan">
      from: string
      after?: Id<"subscription">
    }
  /** A gateway's customer whose account is erased: what it keeps of them is to be forgotten. */
  | { type: "payment-customer.removed"; provider: string; ref: string }
  | { type: "cart.abandoned"; cartId: Id<"cart">; abandonmentId: Id<"abandonment"> }
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
  | { type: "catalog.changed"; productId?: Id<"product">; brandId?: Id<"brand"> }
  /** It has another place or name: its products, beyond `after`, are still listed as before. */
  | {
      type: "listings.outdated"
      categoryId: Id<"category">
      after?: { categoryId: Id<"category">; productId: Id<"product"> }
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
  /** It has another place or name. */
  | { type: "category.changed"; categoryId: Id<"category"> }
  /** Keys of R2 objects that no row names any more. */
  | { type: "media.removed"; productId: Id<"product">; keys: string[] }
  /** Products that a chunk of an import made or changed, at most a few hundred. */
  | { type: "products.imported"; productIds: Id<"product">[] }
  /** The next chunk of an import is to be done. */
  | { type: "import.advanced"; importId: Id<"import"> }
