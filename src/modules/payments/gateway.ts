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
  /** The gateway's own customer, for gateways that keep payment methods. */
  customer?: { ref: string }
  /** Whether what it is paid with is kept with the customer, to be charged again without them. */
  save?: boolean
}

/** A payment that was asked for: what a gateway calls it is known once it has answered. */
export type Asked = StartRequest & KnownPayment<string | null>

/** A payment as its gateway knows it; `captureRef` as in `Told`. */
export type KnownPayment<Ref = string> = { ref: Ref; captureRef: string | null }

/** What a gateway says of a payment, and what its payer needs to pay it. */
export type Answer = Told & {
  clientSecret?: string
  redirectUrl?: string
  /** The payer has agreed, and nothing is taken before `complete`. */
  isApproved?: boolean
}

/** What became of a refund. `pending`: it is on its way, and may still fail. */
export type RefundAnswer = {
  ref: string
  status: "pending" | "succeeded" | "failed"
  failure: string | null
}

/** A refund that was asked for. `key`: our refund's id. */
export type AskedRefund = Amount & { key: string; ref: string | null; payment: KnownPayment }

/**
 * A payer's bank takes money back: the gateway has withdrawn `amount` minor units of the payment's currency while it
 * is `open`, and gives it back when it is `won`.
 */
export type Dispute = {
  ref: string
  status: "open" | "won" | "lost"
  amount: number
  currency: string
  /** In the gateway's word. */
  reason: string | null
}

/**
 * One webhook event, understood: of a payment, by our id or one of the gateway's, of one of its refunds, or of a
 * dispute about it. `told`: what it says of the payment as a whole, if it does.
 */
export type News = {
  eventId: string
  kind: string
  paymentId: string | null
  /** What the gateway calls it, where `told` does not say so. */
  payment?: { ref?: string; captureRef?: string }
  told: Told | null
  /** There is more to it than is said: the gateway is to be asked, and what is approved completed. */
  isIncomplete?: boolean
  /** `key`: our refund's id; null: it was made at the gateway. */
  refund?: RefundAnswer & { key: string | null; amount: number }
  dispute?: Dispute
}

/** A webhook as it came. */
export type Webhook = { headers: Headers; body: string; now: Date }

/** Whether a webhook was signed by the gateway over its raw body, in time, and what it says: `null`, nothing we follow. */
export type ReadWebhook = { isGenuine: false } | { isGenuine: true; news: News | null }

/** A dispute with the payment that it is about. `key`: our id of that, where the gateway knows it. */
export type ToldDispute = Dispute & { key: string | null; payment: KnownPayment<string | null> }

/** What moved at a gateway, as it says itself. `key`: our id, where the gateway knows it. */
export type Listed = {
  payments: (Omit<Told, "ref"> & { ref: string | null; key: string | null })[]
  refunds: (RefundAnswer & Amount & { key: string | null; payment: KnownPayment<string | null> })[]
  disputes: ToldDispute[]
  /** Where the next page begins; null: this was the last. */
  next: string | null
}

/** What a payer can be charged with again, as they know it. */
export type SavedMethod = {
  ref: string
  kind: string
  brand: string | null
  last4: string | null
  /** `2027-03` */
  expires: string | null
}

/** A payment method on its way to being kept: what the payer needs for it, then the method. */
export type SetupAnswer = {
  ref: string
  status: "open" | "succeeded" | "failed"
  method: string | null
  clientSecret?: string
  redirectUrl?: string
}

/** A gateway's customers and the payment methods that it keeps of them. Refusals are answers, as for a `Gateway`. */
export type Saved = {
  /** The gateway's customer of this key (our account's id), made when there is none. */
  customer(key: string, email: string): Promise<string>
  /** Begins to keep a method without charging it; the same key again answers the same one as it is now. */
  setup(request: {
    key: string
    customer: string
    returnUrl: string | undefined
  }): Promise<SetupAnswer>
  methods(customer: string): Promise<SavedMethod[]>
  /** Charges a kept method while the payer is away. Where their bank wants them to be there it failed. */
  charge(
    request: Omit<StartRequest, "customer" | "save"> & { customer: string; method: string },
  ): Promise<Answer>
  /** Forgets a method; one that is gone is gone. */
  detach(method: string): Promise<void>
}

/**
 * An outside party that takes money. A decline is an answer; no answer is no refusal: every method throws
 * `unavailable` then, and what was asked may have been done. Asked again with the same key it does nothing twice. What
 * it refuses for good, without a payment to tell of, is `payment-refused` with its word as `failure`.
 */
export interface Gateway {
  /** Whether it can take this amount, in its own form of the currency. */
  takes(amount: Amount): boolean
  start(request: StartRequest): Promise<Answer>
  /** Takes, or authorizes, what the payer has approved. What is not approved stays as it is. */
  complete?(payment: Asked): Promise<Answer>
  /** Takes what was authorized, or less. `key` as for `start`. */
  capture(payment: Asked, amount: Amount): Promise<Answer>
  /** `key`: our refund's id. */
  refund(payment: KnownPayment, amount: Amount, key: string): Promise<RefundAnswer>
  /**
   * Gives a payment up, even one that the gateway has not heard of yet: started later under this key it is void. What
   * is captured by then stays captured, as the answer says.
   */
  cancel(payment: Asked): Promise<Answer>
  /** What became of a payment; `undefined`: it was never heard of. */
  find(payment: Asked): Promise<Answer | undefined>
  /** What became of a refund; `undefined`: it was never heard of. */
  findRefund(refund: AskedRefund): Promise<RefundAnswer | undefined>
  /** What became of a dispute, by its own id; `undefined`: it is none, or moves no money. */
  findDispute(ref: string): Promise<ToldDispute | undefined>
  /** Never throws. */
  readWebhook(webhook: Webhook): Promise<ReadWebhook>
  /** What moved since a time, a page at a time from `cursor` on. */
  list?(since: Date, cursor?: string): Promise<Listed>
  /** Only where the gateway keeps payment methods. */
  saved?: Saved
}
