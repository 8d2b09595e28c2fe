import { z } from "zod"

import {
  CountryInput,
  Flag,
  id,
  Instant,
  InstantInput,
  line,
  Money,
  pageOf,
  pageQuery,
  PriceInput,
  Ref,
  Version,
} from "#lib/shapes.ts"

/** What becomes of a promotion: at work, put by, or kept for the orders that used it. */
export const promotionStatuses = ["active", "inactive", "archived"] as const

/** A code as customers enter it: letters, digits, hyphens and underscores, in any letter case. */
export const Code = z
  .string({ error: (issue) => (issue.input === undefined ? undefined : "Not a valid string.") })
  .trim()
  .toUpperCase()
  .regex(/^[A-Z0-9][A-Z0-9_-]{2,39}$/, "3 to 40 letters, digits, hyphens and underscores.")
  .meta({ type: "string", example: "WELCOME10" })

const Percentage = z
  .union([z.string(), z.number()], { error: "A percentage is required." })
  .transform(String)
  .refine(
    (text) => /^\d{1,3}(\.\d{1,2})?$/.test(text) && Number(text) > 0 && Number(text) <= 100,
    "A percentage above 0, up to 100, with at most two decimals.",
  )
  .meta({ type: "string", example: "10" })
const Whole = z
  .int("A whole number is required.")
  .min(1, "Must be 1 or more.")
  .max(1_000_000, "Must be 1000000 or less.")
const Refs = z.array(Ref).min(1, "At least one.").max(500, "At most 500.")

const Selection = z
  .object({
    products: Refs.optional().meta({ description: "Ids or slugs", example: ["1"] }),
    categories: Refs.optional().meta({ description: "Ids or slugs; what lies below counts too" }),
    brands: Refs.optional().meta({ description: "Ids, slugs or names" }),
  })
  .refine((given) => Object.values(given).some(Boolean), {
    path: ["products"],
    message: "Name products, categories or brands.",
  })

const Condition = z.discriminatedUnion(
  "type",
  [
    z.object({ type: z.literal("minimum_spend"), amount: PriceInput }),
    z.object({ type: z.literal("minimum_quantity"), quantity: Whole }),
    z.object({ type: z.literal("products"), products: Refs }),
    z.object({ type: z.literal("categories"), categories: Refs }),
    z.object({ type: z.literal("brands"), brands: Refs }),
    z.object({ type: z.literal("customers"), customers: Refs }),
    z.object({ type: z.literal("first_order") }),
    z.object({
      type: z.literal("countries"),
      countries: z.array(CountryInput).min(1, "At least one.").max(250, "At most 250."),
    }),
  ],
  { error: "A condition is of a type: see the list of types." },
)

const maximum = PriceInput.optional().meta({
  type: "string",
  description: "Never more than this off",
  example: "50.00",
})
const Tier = z
  .object({
    spend: PriceInput.optional(),
    quantity: Whole.optional(),
    percentage: Percentage.optional(),
    amount: PriceInput.optional(),
  })
  .refine(({ spend, quantity }) => (spend === undefined) !== (quantity === undefined), {
    path: ["spend"],
    message: "A tier begins at a spend or a quantity.",
  })
  .refine(({ percentage, amount }) => (percentage === undefined) !== (amount === undefined), {
    path: ["percentage"],
    message: "A tier gives a percentage or an amount.",
  })

const Action = z.discriminatedUnion(
  "type",
  [
    z.object({ type: z.literal("percentage"), percentage: Percentage, maximum }),
    z.object({
      type: z.literal("fixed_amount"),
      amount: PriceInput,
      per: z.enum(["order", "item"]).default("order"),
      maximum,
    }),
    z.object({ type: z.literal("free_shipping"), maximum }),
    z.object({
      type: z.literal("buy_x_get_y"),
      buy: Whole,
      get: Whole,
      percentage: Percentage.default("100"),
      of: Selection.optional().meta({
        description: "What is had for less, where it is not what is bought",
      }),
      maximum,
    }),
    z.object({
      type: z.literal("tiered"),
      tiers: z
        .array(Tier)
        .min(1, "At least one tier.")
        .max(20, "At most 20 tiers.")
        .refine(
          (tiers) => new Set(tiers.map(({ spend }) => spend === undefined)).size < 2,
          "All tiers go by spend, or all by quantity.",
        ),
      maximum,
    }),
  ],
  { error: "An action is of a type: see the list of types." },
)
export type ConditionInput = z.infer<typeof Condition>
export type ActionInput = z.infer<typeof Action>
export type SelectionInput = z.infer<typeof Selection>

const fields = {
  name: line(200).meta({ description: "Customers see it", example: "Ten percent off" }),
  description: z.string().trim().max(5000, "At most 5000 characters."),
  code: Code.nullable(),
  automatic: z.boolean({ error: "Must be true or false." }),
  status: z.enum(promotionStatuses),
  priority: z
    .int()
    .min(-1_000_000)
    .max(1_000_000)
    .meta({ description: "Lower ones come first; ids break ties", example: 0 }),
  combinable: z.boolean({ error: "Must be true or false." }),
  starts_at: InstantInput.nullable(),
  ends_at: InstantInput.nullable(),
  usage_limit: Whole.nullable(),
  usage_limit_per_customer: Whole.nullable(),
  conditions: z
    .array(Condition)
    .max(8)
    .refine(
      (all) => new Set(all.map(({ type }) => type)).size === all.length,
      "At most one condition of each type.",
    )
    .meta({
      description:
        "All must hold. `minimum_spend` (`amount`), `minimum_quantity` (`quantity`), `products`, `categories` (with what lies below), `brands`, `customers` (ids or e-mail addresses), `first_order`, `countries`. Products, categories and brands narrow what minimums count over and what is discounted.",
      example: [{ type: "minimum_spend", amount: "50.00" }],
    }),
  action: Action.meta({
    description:
      "`percentage`, `fixed_amount` (`per` order or item), `free_shipping`, `buy_x_get_y` (the cheapest `get` of each `buy` + `get`; with `of`, things other than those bought), `tiered` (the highest tier reached). Each with an optional `maximum`.",
    example: { type: "percentage", percentage: "10", maximum: "100.00" },
  }),
}

/** A promotion as staff enter it. */
export const NewPromotion = z
  .object({
    ...fields,
    description: fields.description.default(""),
    code: fields.code.default(null),
    automatic: fields.automatic.optional(),
    status: fields.status.default("active"),
    priority: fields.priority.default(0),
    combinable: fields.combinable.default(true),
    starts_at: fields.starts_at.default(null),
    ends_at: fields.ends_at.default(null),
    usage_limit: fields.usage_limit.default(null),
    usage_limit_per_customer: fields.usage_limit_per_customer.default(null),
    conditions: fields.conditions.default([]),
  })
  .refine(({ code, automatic }) => code !== null || automatic !== undefined, {
    path: ["code"],
    message: "Give a code; or automatic: true; or automatic: false, and make codes afterwards.",
  })
  .meta({
    id: "NewPromotion",
    example: {
      name: "Ten percent off from 50.00",
      code: "SPRING10",
      usage_limit: 500,
      usage_limit_per_customer: 1,
      conditions: [{ type: "minimum_spend", amount: "50.00" }],
      action: { type: "percentage", percentage: "10" },
    },
  })
export type NewPromotion = z.infer<typeof NewPromotion>

/** What changes of a promotion; what is left out stays. Orders that have it keep what it was. */
export const PromotionChanges = z
  .object(fields)
  .partial()
  .meta({ id: "PromotionChanges", example: { ends_at: "2027-01-01T00:00:00Z" } })
export type PromotionChanges = z.infer<typeof PromotionChanges>

const anything = (example: unknown) => z.looseObject({ type: z.string() }).meta({ example })

/** A promotion, and what came of it so far. */
export const Promotion = z
  .object({
    id: id("promotion", "prm_01kaeq4w8s0000000000000000"),
    name: z.string(),
    description: z.string(),
    code: z.string().nullable(),
    automatic: z.boolean(),
    status: z.enum(promotionStatuses),
    is_running: z.boolean().meta({ description: "Active, within its time, with uses left" }),
    priority: z.int(),
    combinable: z.boolean().meta({ description: "Together with others; if not, only alone" }),
    starts_at: Instant.nullable(),
    ends_at: Instant.nullable(),
    usage_limit: z.int().nullable(),
    usage_limit_per_customer: z.int().nullable(),
    used_count: z.int().meta({ description: "Orders that have it; cancelled ones give it back" }),
    discount_total: Money.meta({ description: "What it took off those orders" }),
    currency: z.string().meta({ example: "USD" }),
    conditions: z.array(anything({ type: "minimum_spend", amount: "50.00" })),
    action: anything({ type: "percentage", percentage: "10" }),
    version: Version,
    created_at: Instant,
    updated_at: Instant,
  })
  .meta({ id: "Promotion" })
export type Promotion = z.infer<typeof Promotion>
/** A page of promotions. */
export const PromotionPage = pageOf(Promotion, "PromotionPage")
/** How a list of promotions is filtered. */
export const PromotionQuery = z.object({
  status: z.enum(promotionStatuses).optional(),
  automatic: Flag.optional(),
  code: z.string().optional().meta({ description: "The one that this code is of" }),
  ...pageQuery,
})
export type PromotionQuery = z.infer<typeof PromotionQuery>

/** Codes to be made, each with a random end that nobody guesses. */
export const NewCodes = z
  .object({
    count: z.int().min(1, "At least one.").max(1000, "At most 1000 at once."),
    prefix: z
      .string()
      .trim()
      .toUpperCase()
      .regex(/^(?:[A-Z0-9][A-Z0-9_-]{0,19})?$/, "At most 20 letters, digits, hyphens, underscores.")
      .default("")
      .meta({ type: "string", example: "VIP-" }),
    usage_limit: Whole.nullable().default(1).meta({ description: "Of each; null for any number" }),
  })
  .meta({ id: "NewCodes", example: { count: 100, prefix: "VIP-" } })
export type NewCodes = z.infer<typeof NewCodes>

/** The codes that were made. */
export const MadeCodes = z
  .object({ codes: z.array(z.string().meta({ example: "VIP-7K3M9QXA2B" })) })
  .meta({ id: "MadeCodes" })
export type MadeCodes = z.infer<typeof MadeCodes>

/** A code of a promotion. */
export const PromotionCode = z
  .object({
    code: z.string().meta({ example: "VIP-7K3M9QXA2B" }),
    usage_limit: z.int().nullable(),
    used_count: z.int(),
    created_at: Instant,
  })
  .meta({ id: "PromotionCode" })
export type PromotionCode = z.infer<typeof PromotionCode>
/** A page of codes. */
export const PromotionCodePage = pageOf(PromotionCode, "PromotionCodePage")
/** Which page of codes. */
export const PromotionCodeQuery = z.object(pageQuery)
export type PromotionCodeQuery = z.infer<typeof PromotionCodeQuery>
