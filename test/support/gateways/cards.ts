/** What becomes of a card: `decline` is refused, `challenge` asks its holder first, and so on. */
export type Card = {
  number: string
  brand: string
  /** Stripe's decline code, and Square's code of the same. */
  decline?: { code: string; reason: string; square: string; message: string }
  /** Refused only when it is charged later, without its holder. */
  failsLater?: boolean
  challenge?: boolean
  disputed?: boolean
  refund?: "pending" | "failed"
}

const declined = "Your card was declined."
const decline = (reason: string, square: string, message = declined, code = "card_declined") => ({
  decline: { code, reason, square, message },
})

/** Stripe's test cards (docs.stripe.com/testing), which all gateways here take, by Stripe's names of them. */
const all: Record<string, Omit<Card, "number"> & { number: string }> = {
  pm_card_visa: { number: "4242424242424242", brand: "visa" },
  pm_card_mastercard: { number: "5555555555554444", brand: "mastercard" },
  pm_card_amex: { number: "378282246310005", brand: "amex" },
  pm_card_visa_debit: { number: "4000056655665556", brand: "visa" },
  pm_card_chargeDeclined: {
    number: "4000000000000002",
    brand: "visa",
    ...decline("generic_decline", "GENERIC_DECLINE"),
  },
  pm_card_chargeDeclinedInsufficientFunds: {
    number: "4000000000009995",
    brand: "visa",
    ...decline("insufficient_funds", "INSUFFICIENT_FUNDS", "Your card has insufficient funds."),
  },
  pm_card_chargeDeclinedExpiredCard: {
    number: "4000000000000069",
    brand: "visa",
    ...decline("expired_card", "CARD_EXPIRED", "Your card has expired.", "expired_card"),
  },
  pm_card_chargeDeclinedIncorrectCvc: {
    number: "4000000000000127",
    brand: "visa",
    ...decline(
      "incorrect_cvc",
      "CVV_FAILURE",
      "Your card's security code is incorrect.",
      "incorrect_cvc",
    ),
  },
  pm_card_chargeCustomerFail: {
    number: "4000000000000341",
    brand: "visa",
    failsLater: true,
    ...decline("generic_decline", "GENERIC_DECLINE"),
  },
  pm_card_authenticationRequired: {
    number: "4000002760003184",
    brand: "visa",
    challenge: true,
  },
  pm_card_createDispute: { number: "4000000000000259", brand: "visa", disputed: true },
  pm_card_pendingRefund: { number: "4000000000007726", brand: "visa", refund: "pending" },
  pm_card_refundFail: { number: "4000000000005126", brand: "visa", refund: "failed" },
  visa_of_square: { number: "4111111111111111", brand: "visa" },
}

/** The card of a number, written with or without spaces; one that nobody issued is declined. */
export function cardOf(number: string): Card {
  const digits = number.replace(/\D/g, "")
  return (
    Object.values(all).find((card) => card.number === digits) ?? {
      number: digits,
      brand: "unknown",
      ...decline(
        "incorrect_number",
        "INVALID_CARD",
        "Your card number is incorrect.",
        "incorrect_number",
      ),
    }
  )
}

/** The card behind one of Stripe's names: `pm_card_visa`, `tok_visa`. */
export function namedCard(name: string): Card | undefined {
  return all[name.replace(/^tok_/, "pm_card_")]
}

/** Cards that go through and that do not, for who has none at hand. */
export const goodCard = "4242424242424242"
export const badCard = "4000000000000002"
