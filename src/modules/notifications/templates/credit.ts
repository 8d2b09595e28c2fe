import type { Letter } from "./letter.tsx"

/** Goes to whom a gift card is for. `amount` with its currency; `message`: what the shop has to say, or nothing. */
export function giftCard({
  code,
  amount,
  message,
  expiresAt,
}: {
  code: string
  amount: string
  message: string
  expiresAt: string | null
}): Letter {
  return {
    subject: `A gift card of ${amount}`,
    opening: ["There is a gift card for you."],
    facts: [
      ...(message === "" ? [] : ([["Message", message]] as const)),
      ["Code", code],
      ["Amount", amount],
      ...(expiresAt === null ? [] : ([["Until", expiresAt.slice(0, 10)]] as const)),
    ],
    closing: [
      "Give the code when you order. It pays in parts, until nothing is left on it.",
      "Whoever has the code has the money: keep it like cash.",
    ],
  }
}
