import type { Letter } from "./letter.tsx"

/** What a letter says of a subscription. `amount` with its currency. */
type Told = { plan: string; items: readonly { name: string; quantity: number }[]; amount: string }

function factsOf({ plan, items, amount }: Told): [string, string][] {
  return [
    ["Subscription", plan],
    ...items.map(({ name, quantity }): [string, string] => [name, `× ${quantity}`]),
    ["Each period", amount],
  ]
}

/** `day` is when the next order is placed. */
export function renewalUpcoming(told: Told, day: string): Letter {
  return {
    subject: "Your subscription renews soon",
    opening: ["The next order of your subscription is about to be placed."],
    facts: [...factsOf(told), ["On", day]],
    closing: ["You can change, pause or cancel it until then. Shipping and taxes are added."],
  }
}

/**
 * A charge failed, or needs the payer. `url` is where the order can be paid, `day` when it is tried again; absent: it
 * is not.
 */
export function paymentFailed(
  told: Told,
  { reason, order, day, url }: { reason: string; order: string; day?: string; url?: string },
): Letter {
  return {
    subject: "We could not charge your subscription",
    opening: [
      reason === "authentication_required"
        ? "Your bank wants you to confirm the payment of your subscription yourself."
        : "The payment of your subscription did not go through.",
    ],
    facts: [...factsOf(told), ["Order", order], ...(day ? ([["Next try", day]] as const) : [])],
    ...(url !== undefined && { action: { label: "Pay the order", url } }),
    closing: [
      day
        ? "Pay it yourself, or change your payment method before the next try."
        : "We will not try again by ourselves.",
    ],
  }
}

/** Its order could not be placed: the stock is short (`isShort`), or something else stands in the way. */
export function notRenewed(
  told: Told,
  { isShort, day }: { isShort: boolean; day?: string },
): Letter {
  return {
    subject: isShort ? "Your subscription has to wait" : "Your subscription could not be renewed",
    opening: [
      isShort
        ? "What you subscribed to is out of stock at the moment. Nothing was charged."
        : "The next order of your subscription could not be placed. Nothing was charged.",
    ],
    facts: [...factsOf(told), ...(day ? ([["Next try", day]] as const) : [])],
    closing: [
      day
        ? "We try again by ourselves: there is nothing to do."
        : isShort
          ? "This period is left out, and costs nothing. The next one comes as usual."
          : "Please look at its address and payment method.",
    ],
  }
}

/** It is over. `reason`: the shop's own words; empty: the customer wished it. */
export function cancelled(told: Told, reason: string): Letter {
  return {
    subject: "Your subscription is cancelled",
    opening: ["Your subscription is cancelled. Nothing more will be ordered or charged."],
    facts: [...factsOf(told), ...(reason ? ([["Why", reason]] as const) : [])],
    closing: ["What was ordered already is on its way as usual."],
  }
}

/** It is paused because it could not be charged. */
export function paused(told: Told): Letter {
  return {
    subject: "Your subscription is paused",
    opening: ["It could not be charged, so we paused your subscription and cancelled its order."],
    facts: factsOf(told),
    closing: ["Change your payment method and resume it: it then begins with a new period."],
  }
}

/** From `day` on it costs `amount`. */
export function priceChanging(
  told: Told,
  { amount, day }: { amount: string; day: string },
): Letter {
  return {
    subject: "Your subscription will cost something else",
    opening: ["The price of your subscription changes. Until then it costs what it did."],
    facts: [...factsOf(told), ["From", day], ["Then each period", amount]],
    closing: ["If you do not want that, cancel it before: it costs nothing."],
  }
}
