import { inArray, or, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { FieldError } from "#errors.ts"
import { priceFrom } from "#lib/money.ts"
import { brands, categories, products } from "#modules/catalog/tables.ts"
import { users } from "#modules/users/tables.ts"

import type { Action, Condition, Selection } from "./discount.ts"
import type { ActionInput, ConditionInput, SelectionInput } from "./model.ts"

type Kind = "products" | "categories" | "brands" | "customers"
const kinds = ["products", "categories", "brands", "customers"] as const

/** What references mean, by kind and reference. */
type Known = Record<Kind, Map<string, string>>

type Input = { conditions?: ConditionInput[] | undefined; action?: ActionInput | undefined }

/**
 * Conditions and an action as they are kept: references as ids, amounts in minor units. What they name is looked up in
 * one round trip; each field that is wrong goes to `errors`.
 */
export async function read(
  ctx: Ctx,
  input: Input,
  errors: FieldError[],
): Promise<{ conditions?: Condition[]; action?: Action }> {
  const known = await look(ctx, input)
  const amount = (field: string, value: string) => {
    const read = priceFrom(value, ctx.config.currency)
    if (read === undefined)
      errors.push({
        field,
        detail: `A valid amount is required, with at most the decimals of ${ctx.config.currency}.`,
        code: "invalid",
      })
    return read ?? 0
  }
  const ids = (kind: Kind, field: string, refs: readonly string[]) =>
    refs.map((ref, index) => {
      const found = known[kind].get(keyOf(kind, ref))
      if (found === undefined)
        errors.push({ field: `${field}.${index}`, detail: `There is no ${ref}.`, code: "unknown" })
      return found ?? ""
    })

  const conditions = input.conditions?.map((condition, index): Condition => {
    const at = `conditions.${index}`
    switch (condition.type) {
      case "minimum_spend":
        return { type: condition.type, amount: amount(`${at}.amount`, condition.amount) }
      case "products":
        return { type: "products", ids: ids("products", `${at}.products`, condition.products) }
      case "categories":
        return {
          type: "categories",
          ids: ids("categories", `${at}.categories`, condition.categories),
        }
      case "brands":
        return { type: "brands", ids: ids("brands", `${at}.brands`, condition.brands) }
      case "customers":
        return { type: "customers", ids: ids("customers", `${at}.customers`, condition.customers) }
      default:
        return condition
    }
  })
  const selection = (given: SelectionInput): Selection =>
    Object.fromEntries(
      (["products", "categories", "brands"] as const).flatMap((kind) => {
        const refs = given[kind]
        return refs ? [[kind, ids(kind, `action.of.${kind}`, refs)]] : []
      }),
    )
  const action = input.action && toAction(input.action, amount, selection)
  return { ...(conditions && { conditions }), ...(action && { action }) }
}

function toAction(
  input: ActionInput,
  amount: (field: string, value: string) => number,
  selection: (given: SelectionInput) => Selection,
): Action {
  const most =
    input.maximum === undefined ? {} : { maximumAmount: amount("action.maximum", input.maximum) }
  switch (input.type) {
    case "percentage":
      return { type: input.type, basisPoints: basisPointsOf(input.percentage), ...most }
    case "fixed_amount":
      return {
        type: input.type,
        amount: amount("action.amount", input.amount),
        per: input.per,
        ...most,
      }
    case "free_shipping":
      return { type: input.type, ...most }
    case "buy_x_get_y":
      return {
        type: input.type,
        buy: input.buy,
        get: input.get,
        basisPoints: basisPointsOf(input.percentage),
        ...(input.of && { of: selection(input.of) }),
        ...most,
      }
    case "tiered":
      return {
        type: input.type,
        by: input.tiers.some(({ spend }) => spend !== undefined) ? "spend" : "quantity",
        tiers: input.tiers.map((tier, index) => ({
          from:
            tier.spend === undefined
              ? (tier.quantity ?? 0)
              : amount(`action.tiers.${index}.spend`, tier.spend),
          ...(tier.percentage !== undefined && { basisPoints: basisPointsOf(tier.percentage) }),
          ...(tier.amount !== undefined && {
            amount: amount(`action.tiers.${index}.amount`, tier.amount),
          }),
        })),
        ...most,
      }
  }
}

/** A percentage of at most two decimals, in basis points: `12.5` → 1250. */
function basisPointsOf(percentage: string): number {
  const [whole = "", decimals = ""] = percentage.split(".")
  return Number(whole + decimals.padEnd(2, "0"))
}

function refsOf({ conditions = [], action }: Input): Record<Kind, string[]> {
  const of = action?.type === "buy_x_get_y" ? action.of : undefined
  const named = (kind: Kind) => [
    ...conditions.flatMap((one) => (one.type === kind ? ((one as never)[kind] as string[]) : [])),
    ...(kind === "customers" ? [] : (of?.[kind] ?? [])),
  ]
  return Object.fromEntries(kinds.map((kind) => [kind, named(kind)])) as Record<Kind, string[]>
}

async function look(ctx: Ctx, input: Input): Promise<Known> {
  const refs = refsOf(input)
  // One bound value for any number of references.
  const list = (kind: Kind) =>
    sql`(SELECT value FROM json_each(${JSON.stringify(refs[kind].map((ref) => keyOf(kind, ref)))}))`
  const named = refs.products.length + refs.categories.length + refs.brands.length
  const [productRows, categoryRows, brandRows, userRows] =
    named + refs.customers.length === 0
      ? [[], [], [], []]
      : await ctx.db.batch([
          ctx.db
            .select({ id: products.id, slug: products.slug })
            .from(products)
            .where(
              or(inArray(products.id, list("products")), inArray(products.slug, list("products"))),
            ),
          ctx.db
            .select({ id: categories.id, slug: categories.slug })
            .from(categories)
            .where(
              or(
                inArray(categories.id, list("categories")),
                inArray(categories.slug, list("categories")),
              ),
            ),
          ctx.db
            .select({
              id: brands.id,
              slug: brands.slug,
              name: sql<string>`lower(${brands.name})`.as("lower_name"),
            })
            .from(brands)
            .where(
              or(
                inArray(brands.id, list("brands")),
                inArray(brands.slug, list("brands")),
                inArray(sql`lower(${brands.name})`, list("brands")),
              ),
            ),
          ctx.db
            .select({ id: users.id })
            .from(users)
            .where(inArray(users.id, list("customers"))),
        ])
  const byRef = (rows: readonly { id: string; slug: string; name?: string }[]) =>
    new Map(
      rows.flatMap(({ id, slug, name = slug }) => [
        [name, id] as const,
        [slug, id] as const,
        [id, id] as const,
      ]),
    )
  // Whoever has an e-mail address may yet become a customer.
  const addresses = refs.customers
    .filter((ref) => ref.includes("@"))
    .map((ref) => ref.toLowerCase())
  return {
    products: byRef(productRows),
    categories: byRef(categoryRows),
    brands: byRef(brandRows),
    customers: new Map([...userRows.map(({ id }) => id), ...addresses].map((one) => [one, one])),
  }
}

/** A reference as it is looked up: brands by name and customers by e-mail in any letter case. */
function keyOf(kind: Kind, ref: string): string {
  return kind === "brands" || (kind === "customers" && ref.includes("@")) ? ref.toLowerCase() : ref
}
