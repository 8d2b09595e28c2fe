import type { Letter } from "./letter.tsx"

/** An order that was placed and could not be filled. `refunded`: what goes back, with its currency; absent: nothing was paid. */
export function stockLost({ number, refunded }: { number: string; refunded?: string }): Letter {
  return {
    subject: `We could not fill your order ${number}`,
    opening: [
      "While your order waited, its stock was sold to somebody else. We are sorry: the order is cancelled.",
    ],
    facts: [
      ["Order", number],
      ...(refunded === undefined ? [] : ([["Refunded", refunded]] as const)),
    ],
    closing: [
      refunded === undefined
        ? "Nothing was charged."
        : "The money goes back the way it came; your bank may take some days.",
    ],
  }
}
