import type { Told } from "./status.ts"

/** Minor units of an ISO 4217 currency. */
export type Amount = { amount: number; currency: string }

/** What is asked of a gateway. `key` is our payment's id: the same key again answers the same payment. */
export type StartRequest = Amount & {
  key: string
  reference: string
  capture: "automatic" | "manual"
  /** Where the payer's browser goes afterwards. */
  returnUrl: string | undefined
}

/** What a gateway says of a payment, and what its payer needs to pay it. */
export type Answer = Told & { clientSecret?: string; redirectUrl?: string }

/** What became of a refund. `pending`: it is on its way, and may still fail. */
export type RefundAnswer = {
  ref: string
  status: "pending" | "succeeded" | "failed"
  failure: string | null
}

/** One webhook event, understood: of a payment, by our id or by the gateway's, or of one of its refunds. */
export type News = {
  eventId: string
  kind: string
  paymentId: string | null
  told: Told
  /** `key`: our refund's id. */
  refund?: RefundAnswer & { key: string; amount: number }
}

/** A webhook as it came. */
export type Webhook = { headers: Headers; body: string; now: Date }

/** Whether a webhook was signed by the gateway over its raw body, in time, and what it says: `null`, nothing we follow. */
export type ReadWebhook = { isGenuine: false } | { isGenuine: true; news: News | null }

/**
 * An outside party that takes money. A decline is an answer; no answer is no refusal: every method throws
 * `unavailable` then, and what was asked may have been done. Asked again with the same key it does nothing twice.
 */
export interface Gateway {
  start(request: StartRequest): Promise<Answer>
  /** Takes what was authorized, or less. `key` as for `start`. */
  capture(payment: { ref: string; key: string }, amount: Amount): Promise<Answer>
  /** `key`: our refund's id. */
  refund(payment: { ref: string }, amount: Amount, key: string): Promise<RefundAnswer>
  /**
   * Gives a payment up, even one that the gateway has not heard of yet: started later under this key it is void. What
   * is captured by then stays captured, as the answer says.
   */
  cancel(payment: StartRequest & { ref: string | null }): Promise<Answer>
  /** What became of the payment of this key; `undefined`: it was never heard of. */
  find(key: string): Promise<Answer | undefined>
  /** What became of the refund of this key; `undefined`: it was never heard of. */
  findRefund(key: string): Promise<RefundAnswer | undefined>
  /** Never throws. */
  readWebhook(webhook: Webhook): Promise<ReadWebhook>
}
