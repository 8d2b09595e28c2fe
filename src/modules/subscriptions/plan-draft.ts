import type { Ctx } from "#context.ts"
import { type FieldError, invalid } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { priceFrom } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { findSellables, type Sellable } from "#modules/catalog/sellables.ts"

import type { PlanChanges } from "./plan-model.ts"
import type { subscriptionPlanItems, subscriptionPlanPrices, subscriptionPlans } from "./tables.ts"

type ItemRow = typeof subscriptionPlanItems.$inferSelect
type PriceRow = typeof subscriptionPlanPrices.$inferSelect

/** A plan with what it is for and what that costs. */
export type Whole = typeof subscriptionPlans.$inferSelect & { items: ItemRow[]; prices: PriceRow[] }

/** A plan as it would be kept. @throws `invalid-input` for each field that is wrong */
export async function draft(ctx: Ctx, input: PlanChanges, old?: Whole): Promise<Whole> {
  const errors: FieldError[] = []
  const id = old?.id ?? newId("plan", ctx.now)
  const refs = [...(input.products ?? []), ...(input.prices ?? []).map(({ variant }) => variant)]
  const known = refs.length > 0 ? await findSellables(ctx, refs) : new Map<string, Sellable>()
  const or = <T>(given: T | undefined, before: T) => (given === undefined ? before : given)
  const row: Whole = {
    id,
    name: or(input.name, old?.name ?? ""),
    description: or(input.description, old?.description ?? ""),
    interval: or(input.interval, old?.interval ?? "month"),
    intervalCount: or(input.interval_count, old?.intervalCount ?? 1),
    trialDays: or(input.trial_days, old?.trialDays ?? 0),
    discountBasisPoints:
      input.discount_percentage === undefined
        ? (old?.discountBasisPoints ?? 0)
        : basisPointsOf(input.discount_percentage),
    maxCycles: or(input.max_cycles, old?.maxCycles ?? null),
    isActive: or(input.active, old?.isActive ?? true),
    isForAll: input.products ? input.products.length === 0 : (old?.isForAll ?? true),
    items: input.products ? itemsOf(id, input.products, known, errors) : (old?.items ?? []),
    prices: input.prices ? pricesOf(ctx, id, input.prices, known, errors) : (old?.prices ?? []),
    version: (old?.version ?? 0) + 1,
    createdAt: old?.createdAt ?? iso(ctx.now),
    updatedAt: iso(ctx.now),
  }
  if (errors.length > 0) throw invalid(...errors)
  return row
}

/** "12.5" → 1250. */
function basisPointsOf(percentage: string): number {
  const [whole = "0", part = ""] = percentage.split(".")
  return Number(whole) * 100 + Number(part.padEnd(2, "0"))
}

function itemsOf(
  planId: Id<"plan">,
  refs: readonly string[],
  known: ReadonlyMap<string, Sellable>,
  errors: FieldError[],
): ItemRow[] {
  const rows = refs.flatMap((ref, index): ItemRow[] => {
    const thing = known.get(ref)
    if (!thing) {
      errors.push({
        field: `products.${index}`,
        detail: `No such product or variant: ${ref}`,
        code: "unknown",
      })
      return []
    }
    // A product is its own first variant: named so, it means all of it.
    const isProduct = (thing.variantId as string) === thing.productId
    return [{ planId, productId: thing.productId, variantId: isProduct ? "" : thing.variantId }]
  })
  return [...new Map(rows.map((row) => [`${row.productId}/${row.variantId}`, row])).values()]
}

function pricesOf(
  ctx: Ctx,
  planId: Id<"plan">,
  given: NonNullable<PlanChanges["prices"]>,
  known: ReadonlyMap<string, Sellable>,
  errors: FieldError[],
): PriceRow[] {
  const { currency } = ctx.config
  const rows = given.flatMap(({ variant, price }, index): PriceRow[] => {
    const thing = known.get(variant)
    const amount = priceFrom(price, currency)
    if (!thing || thing.needsVariant)
      errors.push({
        field: `prices.${index}.variant`,
        detail: thing
          ? "This product comes in variants: name one of them."
          : `No such variant: ${variant}`,
        code: thing ? "variant-required" : "unknown",
      })
    if (amount === undefined)
      errors.push({
        field: `prices.${index}.price`,
        detail: `A valid price is required, with at most the digits of ${currency}.`,
        code: "invalid",
      })
    return thing && amount !== undefined
      ? [{ planId, variantId: thing.variantId, amount, currency }]
      : []
  })
  return [...new Map(rows.map((row) => [row.variantId, row])).values()]
}
