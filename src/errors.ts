/** What kind of refusal a code is. Transports map kinds; `http/problem.ts` to a status. */
export type Kind =
  | "invalid"
  | "unauthenticated"
  | "forbidden"
  | "missing"
  | "method"
  | "conflict"
  | "moved"
  | "precondition"
  | "too-large"
  | "unsupported"
  | "mismatch"
  | "limited"
  | "unavailable"
  | "internal"

/** The API's whole vocabulary of refusal. A code never changes; its title may. */
export const errorTable = {
  "invalid-input": { kind: "invalid", title: "The request is not valid" },
  "malformed-json": { kind: "invalid", title: "The body is not JSON" },
  "malformed-form": { kind: "invalid", title: "The body is not the form that its type says" },
  "invalid-page": { kind: "missing", title: "Invalid page." },
  unauthenticated: { kind: "unauthenticated", title: "Sign in first" },
  "token-not-valid": { kind: "unauthenticated", title: "The token is not valid" },
  "token-reused": { kind: "unauthenticated", title: "The refresh token was used before" },
  "wrong-credentials": { kind: "unauthenticated", title: "No account matches these credentials" },
  "wrong-code": { kind: "unauthenticated", title: "The code is wrong, or was used before" },
  "passkey-not-valid": { kind: "unauthenticated", title: "This passkey does not sign in here" },
  "mfa-required": {
    kind: "forbidden",
    title: "This role works only with a second factor; turn it on first",
  },
  "mfa-already-enabled": { kind: "conflict", title: "The second factor is on already" },
  "mfa-not-enabled": { kind: "conflict", title: "The second factor is not on" },
  "passkey-already-registered": { kind: "conflict", title: "This passkey is registered already" },
  "email-not-verified": {
    kind: "unauthenticated",
    title: "Verify your e-mail address first; a link is on its way to it",
  },
  forbidden: { kind: "forbidden", title: "You do not have permission to do this" },
  "last-admin": { kind: "conflict", title: "The shop keeps at least one active admin" },
  "not-found": { kind: "missing", title: "No such resource" },
  moved: { kind: "moved", title: "It has another address now" },
  stale: { kind: "precondition", title: "It was changed meanwhile; read it again" },
  "method-not-allowed": { kind: "method", title: "This path does not take this method" },
  "body-too-large": { kind: "too-large", title: "The body is too large" },
  "unsupported-media-type": { kind: "unsupported", title: "This media type is not accepted here" },
  "idempotency-key-reused": {
    kind: "mismatch",
    title: "This idempotency key was used for another request",
  },
  "request-in-progress": {
    kind: "conflict",
    title: "A request with this idempotency key is still running",
  },
  "rate-limited": { kind: "limited", title: "Too many requests" },
  "out-of-stock": { kind: "conflict", title: "Not enough stock" },
  "category-not-empty": {
    kind: "conflict",
    title: "The category still has products or sub-categories",
  },
  "brand-not-empty": { kind: "conflict", title: "The brand still has products" },
  "media-full": { kind: "conflict", title: "A product has at most 250 pictures and videos" },
  "cart-empty": { kind: "invalid", title: "The cart is empty" },
  "cart-full": { kind: "invalid", title: "A cart holds at most 100 lines of 999 each" },
  "cart-changed": {
    kind: "conflict",
    title: "The cart was changed while it was being ordered; look at it again",
  },
  "cart-already-ordered": { kind: "conflict", title: "This cart has been ordered already" },
  "coupon-unknown": { kind: "invalid", title: "There is no such code" },
  "coupon-expired": { kind: "conflict", title: "This code is not in force" },
  "coupon-used-up": { kind: "conflict", title: "This code has been used as often as it can be" },
  "coupon-not-applicable": { kind: "conflict", title: "This code does nothing for this order" },
  "shipping-unavailable": { kind: "conflict", title: "Nothing can be sent to this address" },
  "product-unavailable": { kind: "conflict", title: "This product cannot be bought now" },
  "illegal-transition": {
    kind: "conflict",
    title: "It cannot go from this state to that one",
  },
  "not-returnable": { kind: "conflict", title: "This cannot be sent back, or not so many of it" },
  "return-window-over": { kind: "conflict", title: "The time to send things back is over" },
  "already-exchanged": { kind: "conflict", title: "Something was sent instead already" },
  "already-cancelled": { kind: "conflict", title: "The order is already cancelled" },
  "order-disputed": {
    kind: "conflict",
    title: "The payer's bank holds the payment back: nothing is sent meanwhile",
  },
  "order-unpaid": { kind: "conflict", title: "The order is still to be paid" },
  "already-fulfilled": { kind: "conflict", title: "Less of it than that is left to send" },
  "order-not-editable": {
    kind: "conflict",
    title: "The order cannot be changed like this any more",
  },
  "order-changed": { kind: "conflict", title: "The order was changed by somebody else meanwhile" },
  "checkout-invalid": { kind: "invalid", title: "This cannot be ordered as it is" },
  "price-changed": { kind: "conflict", title: "The total is not what it was; look at it again" },
  "purchase-limit-reached": {
    kind: "conflict",
    title: "No more of this product for one customer",
  },
  "payment-method-unavailable": {
    kind: "invalid",
    title: "This payment method is not offered now",
  },
  "order-not-payable": { kind: "conflict", title: "There is nothing to pay for this order now" },
  "payment-closed": { kind: "conflict", title: "The payment's state does not allow this" },
  "payment-changed": {
    kind: "conflict",
    title: "The payment was changed by somebody else meanwhile",
  },
  "payment-refused": { kind: "conflict", title: "The payment provider refused this" },
  "refund-too-large": { kind: "conflict", title: "More than what was paid and not yet refunded" },
  "gift-card-not-valid": { kind: "invalid", title: "This gift card cannot pay for anything" },
  "credit-changed": {
    kind: "conflict",
    title: "There is less on the gift card or in the store credit than there was; look at it again",
  },
  "store-credit-unavailable": { kind: "conflict", title: "Only an account has store credit" },
  "trial-used": {
    kind: "conflict",
    title: "You had the trial of this plan; without it the first order is placed at once",
  },
  "subscription-not-changeable": {
    kind: "conflict",
    title: "The subscription's state does not allow this",
  },
  "subscription-changed": {
    kind: "conflict",
    title: "The subscription was changed by somebody else meanwhile",
  },
  "signature-not-valid": { kind: "invalid", title: "The signature is not that of this body" },
  "oauth-failed": {
    kind: "invalid",
    title: "The sign-in at the provider did not succeed; start again",
  },
  "identity-conflict": {
    kind: "conflict",
    title: "This e-mail or identity belongs to an account that it may not sign in to",
  },
  "email-missing": {
    kind: "conflict",
    title: "The provider gave no e-mail address, and an account needs one",
  },
  "last-way-in": {
    kind: "conflict",
    title: "This is the account's last way in; set a password first",
  },
  "rate-stale": {
    kind: "unavailable",
    title: "There is no exchange rate of this currency that is new enough",
  },
  unavailable: { kind: "unavailable", title: "A part of the service does not answer; try again" },
  internal: { kind: "internal", title: "Something broke on our side" },
} as const satisfies Record<string, { kind: Kind; title: string }>

export type ErrorCode = keyof typeof errorTable

/** One failing field of a request. `field` is its dotted name; `code` says what is wrong in one word. */
export type FieldError = { field: string; detail: string; code: string; header?: string }

/** A refusal the caller is meant to see. Anything else thrown is a bug and answers `internal`. */
export class DomainError extends Error {
  readonly code: ErrorCode
  /** Machine-readable extras, in the wire's snake_case: `available`, `retry_after`, `errors`… */
  readonly details: Record<string, unknown>

  constructor(code: ErrorCode, message?: string, details: Record<string, unknown> = {}) {
    super(message ?? errorTable[code].title)
    this.name = "DomainError"
    this.code = code
    this.details = details
  }
}

/** `invalid-input` for fields that only the data can judge (taken names, unknown references). */
export function invalid(...errors: FieldError[]): DomainError {
  return new DomainError("invalid-input", errors[0]?.detail, { errors })
}

/** `not-found`, said of a kind of thing: "No such product". Somebody else's thing is no such thing (api.md 1.10). */
export function notFound(what: string): DomainError {
  return new DomainError("not-found", `No such ${what}`)
}

/**
 * `moved`: what went by this slug goes by another one now. Transports lead a reader there; to a change it is not there.
 */
export function moved(from: string, to: string): DomainError {
  return new DomainError("moved", `It is called ${to} now`, { from, to })
}
