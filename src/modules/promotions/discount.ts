import type { Id } from "#lib/id.ts"
import { allocate, applyRate, portion, type Rounding, toDecimal } from "#lib/money.ts"

/** Things of the catalogue, by what they are: a thing is chosen when each list that is there has it. Categories include what lies below. */
export type Selection = { products?: string[]; categories?: string[]; brands?: string[] }

/**
 * What must hold. `products`, `categories` and `brands` narrow the lines that a promotion looks at: minimums count over
 * them, and they are what is discounted. Amounts in minor units, before any discount.
 */
export type Condition =
  | { type: "minimum_spend"; amount: number }
  | { type: "minimum_quantity"; quantity: number }
  | { type: "products"; ids: string[] }
  | { type: "categories"; ids: string[] }
  | { type: "brands"; ids: string[] }
  /** Ids of accounts, or e-mail addresses. */
  | { type: "customers"; ids: string[] }
  | { type: "first_order" }
  | { type: "countries"; countries: string[] }

/** From what spend (minor units) or quantity on, and what it gives: one of the two. */
export type Tier = { from: number; basisPoints?: number; amount?: number }

/** What a promotion takes off. `maximumAmount`: never more than this, in minor units. */
export type Action = { maximumAmount?: number } & (
  | { type: "percentage"; basisPoints: number }
  | { type: "fixed_amount"; amount: number; per: "order" | "item" }
  | { type: "free_shipping" }
  /** Of each `buy` + `get` units the `get` cheapest cost `basisPoints` less; with `of`, units of those things, for each `buy` of the others. */
  | { type: "buy_x_get_y"; buy: number; get: number; basisPoints: number; of?: Selection }
  | { type: "tiered"; by: "spend" | "quantity"; tiers: Tier[] }
)

/** A promotion in force. They come in the order of (`priority`, `id`), lower first. */
export type Promotion = {
  id: Id<"promotion">
  name: string
  /** The code it was asked by; null: it is automatic. */
  code: string | null
  priority: number
  isCombinable: boolean
  conditions: Condition[]
  action: Action
}

/**
 * A promotion with its amounts in another currency: `price` converts what is compared with prices, `amount` what is taken
 * off them.
 */
export function converted(
  promotion: Promotion,
  { price, amount }: Record<"price" | "amount", (amount: number) => number>,
): Promotion {
  const { maximumAmount } = promotion.action
  const conditions = promotion.conditions.map((condition) =>
    condition.type === "minimum_spend"
      ? { ...condition, amount: price(condition.amount) }
      : condition,
  )
  const action = {
    ...promotion.action,
    ...(maximumAmount !== undefined && { maximumAmount: amount(maximumAmount) }),
  }
  if (action.type === "fixed_amount") action.amount = amount(action.amount)
  if (action.type === "tiered")
    action.tiers = action.tiers.map((tier) => ({
      ...tier,
      from: action.by === "spend" ? price(tier.from) : tier.from,
      ...(tier.amount !== undefined && { amount: amount(tier.amount) }),
    }))
  return { ...promotion, conditions, action }
}

/** A promotion that took something off. `code` is null for an automatic one; `discountAmount` is of lines and shipping together. */
export type AppliedPromotion = {
  promotionId: string
  code: string | null
  name: string
  discountAmount: number
}

/** Why a code does nothing. */
export type Reason =
  | "unknown"
  | "not-started"
  | "expired"
  | "used-up"
  | "customer-limit"
  | "customer"
  | "first-order"
  | "destination"
  | "minimum-spend"
  | "minimum-quantity"
  | "not-applicable"
  | "not-combinable"
  | "no-effect"
  | "too-many"

/** A code that was asked for and did nothing, and why, for people. */
export type RefusedCode = { code: string; reason: Reason; detail: string }

/** A line as promotions see it. Amounts in minor units; `categoryPath` is `/1/4/`, from the root down. */
export type PromotedLine = {
  variantId: string
  productId: string
  brandId: string | null
  categoryPath: string | null
  unitAmount: number
  quantity: number
  lineAmount: number
}

/** What an order is, beyond its lines. What is not known yet is left out. */
export type Facts = {
  currency: string
  country?: string | undefined
  customer?: { userId: string | null; email: string | undefined } | undefined
  isFirstOrder?: boolean | undefined
  /** Whether anything has to be sent. */
  isShipped: boolean
}

/** How amounts are rounded: by what mode, and whether once for each line, or once for the order and then split. */
export type HowRounded = { rounding: Rounding; level: "line" | "order" }

/** Why a promotion does not hold for an order; `undefined` when it does. */
export function refusalOf(
  { conditions, action }: Promotion,
  lines: readonly PromotedLine[],
  facts: Facts,
): { reason: Reason; detail: string } | undefined {
  const own = lines.filter((line) => isTarget(conditions, line))
  if (own.length === 0)
    return { reason: "not-applicable", detail: "It is for none of these things." }
  const spend = sum(own.map(({ lineAmount }) => lineAmount))
  const quantity = sum(own.map((line) => line.quantity))
  for (const condition of conditions) {
    switch (condition.type) {
      case "minimum_spend":
        if (spend < condition.amount) return spendMissing(condition.amount, facts.currency)
        break
      case "minimum_quantity":
        if (quantity < condition.quantity) return quantityMissing(condition.quantity)
        break
      case "customers": {
        const { userId, email } = facts.customer ?? {}
        if (![userId, email].some((one) => one && condition.ids.includes(one)))
          return { reason: "customer", detail: "It is for certain customers only." }
        break
      }
      case "first_order":
        if (facts.isFirstOrder === false)
          return { reason: "first-order", detail: "It is for a first order only." }
        break
      case "countries":
        if (facts.country === undefined || !condition.countries.includes(facts.country))
          return {
            reason: "destination",
            detail: `It is for orders to ${condition.countries.join(", ")} only.`,
          }
    }
  }
  if (action.type === "tiered") {
    const first = Math.min(...action.tiers.map(({ from }) => from))
    if (action.by === "spend" && spend < first) return spendMissing(first, facts.currency)
    if (action.by === "quantity" && quantity < first) return quantityMissing(first)
  }
  if (action.type === "buy_x_get_y" && sum(gotten(action, conditions, lines)) === 0)
    return {
      reason: "minimum-quantity",
      detail: action.of
        ? `Buy ${action.buy}, and put what it is for beside them.`
        : `Buy ${action.buy + action.get}: it takes something off ${action.get} of them.`,
    }
  if (action.type === "free_shipping" && !facts.isShipped)
    return { reason: "not-applicable", detail: "Nothing of this order is shipped." }
  return undefined
}

/**
 * What a promotion takes off each line and the shipping, of what earlier ones have `left` of them: never more than is
 * left. Assumes that it holds (`refusalOf`).
 */
export function discountOf(
  { conditions, action }: Promotion,
  lines: readonly PromotedLine[],
  left: readonly number[],
  shippingLeft: number,
  how: HowRounded,
): { lines: number[]; shipping: number } {
  const cap = (amount: number) => Math.min(amount, action.maximumAmount ?? amount)
  if (action.type === "free_shipping")
    return { lines: lines.map(() => 0), shipping: cap(shippingLeft) }
  const own = lines.map((line, index) => (isTarget(conditions, line) ? (left[index] ?? 0) : 0))
  const parts = partsOf(action, conditions, lines, own, left, how)
  const whole = sum(parts)
  return { lines: cap(whole) < whole ? allocate(cap(whole), parts) : parts, shipping: 0 }
}

function partsOf(
  action: Exclude<Action, { type: "free_shipping" }>,
  conditions: readonly Condition[],
  lines: readonly PromotedLine[],
  own: readonly number[],
  left: readonly number[],
  how: HowRounded,
): number[] {
  switch (action.type) {
    case "percentage":
      return rated(own, action.basisPoints, how)
    case "fixed_amount":
      return action.per === "order"
        ? allocate(Math.min(action.amount, sum(own)), own)
        : own.map((amount, index) =>
            Math.min(amount, action.amount * (lines[index]?.quantity ?? 0)),
          )
    case "buy_x_get_y": {
      const units = gotten(action, conditions, lines)
      return lines.map(({ quantity }, index) =>
        portion(
          left[index] ?? 0,
          (units[index] ?? 0) * action.basisPoints,
          quantity * 10_000,
          how.rounding,
        ),
      )
    }
    case "tiered": {
      const reached = sum(
        lines
          .filter((line) => isTarget(conditions, line))
          .map((line) => (action.by === "spend" ? line.lineAmount : line.quantity)),
      )
      const tier = action.tiers
        .toSorted((a, b) => b.from - a.from)
        .find(({ from }) => from <= reached)
      return tier?.basisPoints === undefined
        ? allocate(Math.min(tier?.amount ?? 0, sum(own)), own)
        : rated(own, tier.basisPoints, how)
    }
  }
}

/** A rate of each amount: rounded once each, or of all together and then split. */
function rated(amounts: readonly number[], basisPoints: number, how: HowRounded): number[] {
  return how.level === "line"
    ? amounts.map((amount) => applyRate(amount, basisPoints, how.rounding))
    : allocate(applyRate(sum(amounts), basisPoints, how.rounding), amounts)
}

/** How many units of each line are had for less, the cheapest first. */
function gotten(
  { buy, get, of }: Extract<Action, { type: "buy_x_get_y" }>,
  conditions: readonly Condition[],
  lines: readonly PromotedLine[],
): number[] {
  const isGotten = (line: PromotedLine) => (of ? isOf(of, line) : isTarget(conditions, line))
  const count = (all: readonly PromotedLine[]) => sum(all.map(({ quantity }) => quantity))
  const bought = lines.filter((line) => isTarget(conditions, line) && !(of && isGotten(line)))
  const groups = Math.floor(count(bought) / (of ? buy : buy + get))
  let rest = groups * get
  const units = lines.map(() => 0)
  const cheapestFirst = lines
    .map((line, index) => ({ line, index }))
    .filter(({ line }) => isGotten(line))
    .toSorted((a, b) => a.line.unitAmount - b.line.unitAmount || a.index - b.index)
  for (const { line, index } of cheapestFirst) {
    const taken = Math.min(rest, line.quantity)
    units[index] = taken
    rest -= taken
  }
  return units
}

/** Whether a promotion looks at this line. */
function isTarget(conditions: readonly Condition[], line: PromotedLine): boolean {
  return conditions.every((condition) =>
    condition.type === "products" || condition.type === "categories" || condition.type === "brands"
      ? isOf({ [condition.type]: condition.ids }, line)
      : true,
  )
}

function isOf({ products, categories, brands }: Selection, line: PromotedLine): boolean {
  const path = line.categoryPath?.split("/") ?? []
  return (
    (products?.includes(line.productId) ?? true) &&
    (categories?.some((id) => path.includes(id)) ?? true) &&
    (brands?.includes(line.brandId ?? "") ?? true)
  )
}

function spendMissing(amount: number, currency: string): { reason: Reason; detail: string } {
  return {
    reason: "minimum-spend",
    detail: `It needs ${toDecimal(amount, currency)} ${currency} of what it is for.`,
  }
}

function quantityMissing(quantity: number): { reason: Reason; detail: string } {
  return { reason: "minimum-quantity", detail: `It needs ${quantity} of what it is for.` }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}
