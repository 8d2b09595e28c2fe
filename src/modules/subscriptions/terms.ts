import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, invalid } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { findSellables, refuseUnlessOnSale, type Sellable } from "#modules/catalog/sellables.ts"
import { methodOf } from "#modules/checkout/wanted.ts"
import { isGateway, type ChosenMethod } from "#modules/payments/method.ts"
import * as saved from "#modules/payments/saved.ts"

import type { NewSubscription } from "./model.ts"
import type { Whole } from "./plan-draft.ts"
import { covers, find, unitAmountBy } from "./plans.ts"
import type { Item } from "./tables.ts"

/** What a subscription is to bring, with what is known of it now. */
export type Chosen = { items: Item[]; isDigital: boolean }

/** A plan that can be subscribed to. @throws `invalid-input` */
export async function planFor(ctx: Ctx, ref: string): Promise<Whole> {
  const plan = await find(ctx, ref)
  if (plan?.isActive) return plan
  throw invalid({ field: "plan", detail: "No such plan is offered.", code: "unknown" })
}

/**
 * What was asked for, each variant once, at the prices of the plan; what `agreed` has keeps its price.
 * @throws `invalid-input` naming every item that is unknown, not on sale or not to be had by the plan
 */
export async function choose(
  ctx: Ctx,
  plan: Whole,
  asked: NewSubscription["items"],
  agreed: readonly Item[] = [],
): Promise<Chosen> {
  const refs = asked.map((item) => item.product_id ?? item.variant_id ?? item.sku ?? "")
  const found = await findSellables(ctx, refs)
  const errors: FieldError[] = []
  const items = new Map<Id<"variant">, Item>()
  let isDigital = true
  for (const [index, ref] of refs.entries()) {
    const thing = found.get(ref)
    const problem = problemOf(plan, ref, thing)
    if (!thing || problem) {
      errors.push({ field: `items.${index}.product_id`, ...(problem ?? unknown(ref)) })
      continue
    }
    const { productId, variantId, name, sku } = thing
    const quantity = (items.get(variantId)?.quantity ?? 0) + (asked[index]?.quantity ?? 1)
    if (quantity > 999)
      errors.push({
        field: `items.${index}.quantity`,
        detail: "At most 999 of one thing.",
        code: "invalid",
      })
    const before = agreed.find((item) => item.variantId === variantId)
    const unitAmount = before?.unitAmount ?? unitAmountBy(ctx, plan, thing)
    items.set(variantId, { productId, variantId, name, sku, quantity, unitAmount })
    isDigital &&= thing.isDigital
  }
  if (errors.length > 0) throw invalid(...errors)
  return { items: [...items.values()], isDigital }
}

function problemOf(plan: Whole, ref: string, thing: Sellable | undefined) {
  if (!thing) return unknown(ref)
  try {
    refuseUnlessOnSale(thing)
  } catch (error) {
    if (error instanceof DomainError) return { detail: error.message, code: error.code }
    throw error
  }
  return covers(plan, thing)
    ? undefined
    : { detail: `${thing.name} cannot be had by this plan.`, code: "not-in-plan" }
}

function unknown(ref: string) {
  return { detail: `No such product: ${ref}`, code: "unknown" }
}

/**
 * How the orders of a subscription are paid: by invoice, or by a payment method that its gateway keeps of the
 * customer; without one named, by the first. @throws `payment-method-unavailable`, `invalid-input` where none is kept,
 * or not this one, `unavailable`
 */
export async function payingBy(
  ctx: Ctx,
  userId: Id<"user">,
  asked: NewSubscription["payment_method"],
  ref: string | undefined,
): Promise<{ provider: ChosenMethod; methodRef: string | null }> {
  const provider = methodOf(ctx, asked)
  if (provider === "manual") return { provider, methodRef: null }
  if (!isGateway(provider) || !saved.keepers(ctx).includes(provider))
    throw saved.unavailable(ctx, provider)
  const kept = await saved.methodsAt(ctx, userId, provider)
  const method = ref === undefined ? kept[0] : kept.find(({ id }) => id === ref)
  if (method) return { provider, methodRef: method.id }
  throw invalid({
    field: "saved_method",
    detail:
      ref === undefined
        ? `Save a payment method first: POST /users/me/payment-methods with ${provider}.`
        : "You have no payment method with this id.",
    code: ref === undefined ? "required" : "unknown",
  })
}
