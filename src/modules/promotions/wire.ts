import { toDecimal } from "#lib/money.ts"

import type { Action, Condition } from "./discount.ts"
import type { Promotion } from "./model.ts"

/** A condition on the wire. */
export function toCondition(
  condition: Condition,
  currency: string,
): Promotion["conditions"][number] {
  switch (condition.type) {
    case "minimum_spend":
      return { type: condition.type, amount: toDecimal(condition.amount, currency) }
    case "products":
    case "categories":
    case "brands":
    case "customers":
      return { type: condition.type, [condition.type]: condition.ids }
    default:
      return condition
  }
}

/** An action on the wire. */
export function toAction(action: Action, currency: string): Promotion["action"] {
  const money = (amount: number) => toDecimal(amount, currency)
  const most = action.maximumAmount === undefined ? {} : { maximum: money(action.maximumAmount) }
  switch (action.type) {
    case "percentage":
      return { type: action.type, percentage: percentageOf(action.basisPoints), ...most }
    case "fixed_amount":
      return { type: action.type, amount: money(action.amount), per: action.per, ...most }
    case "free_shipping":
      return { type: action.type, ...most }
    case "buy_x_get_y":
      return {
        type: action.type,
        buy: action.buy,
        get: action.get,
        percentage: percentageOf(action.basisPoints),
        ...(action.of && { of: action.of }),
        ...most,
      }
    case "tiered":
      return {
        type: action.type,
        tiers: action.tiers.map(({ from, basisPoints, amount }) => ({
          ...(action.by === "spend" ? { spend: money(from) } : { quantity: from }),
          ...(basisPoints !== undefined && { percentage: percentageOf(basisPoints) }),
          ...(amount !== undefined && { amount: money(amount) }),
        })),
        ...most,
      }
  }
}

/** Basis points as a percentage: 1250 → `12.5`. */
function percentageOf(basisPoints: number): string {
  const digits = String(basisPoints).padStart(3, "0")
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`.replace(/\.?0+$/, "")
}
