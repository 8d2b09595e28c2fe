import type { Letter } from "./letter.tsx"

/** `url` opens the cart; the lines are the first of what lies in it. */
export function cartReminder(
  url: string,
  lines: readonly { name: string; quantity: number }[],
): Letter {
  return {
    subject: "You left something in your cart",
    opening: ["These things are still in your cart. Nothing is held for you until you order."],
    facts: lines.map(({ name, quantity }) => [name, `× ${quantity}`] as const),
    action: { label: "Open the cart", url },
    closing: [
      "The link works for 30 days.",
      "If you no longer want them, do nothing: this is the only reminder.",
    ],
  }
}
