import { z } from "zod"

import { Flag, id, Instant, line, Money, pageOf, pageQuery, PriceInput, Ref } from "#lib/shapes.ts"

import { intervals } from "./cycle.ts"

const Whole = (least: number, most: number) =>
  z
    .int({ error: "A whole number is required." })
    .min(least, `At least ${least}.`)
    .max(most, `At most ${most}.`)

const Percentage = z
  .union([z.string(), z.number()], { error: "A percentage is required." })
  .transform(String)
  .refine(
    (text) => /^\d{1,3}(\.\d{1,2})?$/.test(text) && Number(text) <= 100,
    "From 0 to 100, with at most two decimals.",
  )
  .meta({ type: "string", example: "10" })

const PlanPriceInput = z.object({
  variant: Ref.meta({ description: "Its id or SKU; of a product without variants the product's" }),
  price: PriceInput,
})

const fields = {
  name: line(120).meta({ example: "Every month" }),
  description: z.string().trim().max(2000, "At most 2000 characters."),
  interval: z.enum(intervals, { error: "day, week, month or year." }),
  interval_count: Whole(1, 365).meta({ description: "How many of them a period has", example: 1 }),
  trial_days: Whole(0, 365).meta({ description: "Days before the first order", example: 14 }),
  discount_percentage: Percentage.meta({ description: "Off the catalogue's prices" }),
  prices: z
    .array(PlanPriceInput)
    .max(200, "At most 200 prices.")
    .meta({ description: "What one of a variant costs instead, in the shop's currency" }),
  products: z
    .array(Ref)
    .max(200, "At most 200 products.")
    .meta({
      description:
        "For what it can be had: products with all their variants, or variants by id or SKU. Empty: everything",
      example: ["2"],
    }),
  max_cycles: Whole(1, 1000)
    .nullable()
    .meta({ description: "After how many periods it ends; null: never", example: null }),
  active: z.boolean({ error: "Must be true or false." }).meta({
    description: "Whether it can be subscribed to; those that run go on",
  }),
}

/** A plan as staff enter it. */
export const NewPlan = z
  .object({
    ...fields,
    description: fields.description.default(""),
    interval_count: fields.interval_count.default(1),
    trial_days: fields.trial_days.default(0),
    discount_percentage: fields.discount_percentage.default("0"),
    prices: fields.prices.default([]),
    products: fields.products.default([]),
    max_cycles: fields.max_cycles.default(null),
    active: fields.active.default(true),
  })
  .meta({
    id: "NewSubscriptionPlan",
    example: {
      name: "Every month",
      interval: "month",
      discount_percentage: "10",
      products: ["2"],
    },
  })
export type NewPlan = z.infer<typeof NewPlan>

/** What changes of a plan; what is left out stays. Subscriptions that run keep their terms. */
export const PlanChanges = z
  .object(fields)
  .partial()
  .meta({ id: "SubscriptionPlanChanges", example: { discount_percentage: "12.5" } })
export type PlanChanges = z.infer<typeof PlanChanges>

/** What can be subscribed to. */
export const Plan = z
  .object({
    id: id("plan", "pln_01kaeq4w8s0000000000000000"),
    name: z.string().meta({ example: "Every month" }),
    description: z.string(),
    interval: z.enum(intervals),
    interval_count: z.int().meta({ example: 1 }),
    trial_days: z.int().meta({ example: 0 }),
    discount_percentage: z.string().meta({ example: "10" }),
    currency: z.string().meta({ example: "USD" }),
    prices: z.array(z.object({ variant_id: id("variant", "2"), price: Money })),
    products: z
      .array(z.object({ product_id: id("product", "2"), variant_id: z.string().nullable() }))
      .meta({ description: "Empty: everything" }),
    max_cycles: z.int().nullable(),
    active: z.boolean(),
    version: z.int().meta({ example: 1 }),
    created_at: Instant,
    updated_at: Instant,
  })
  .meta({ id: "SubscriptionPlan" })
export type Plan = z.infer<typeof Plan>
/** A page of plans. */
export const PlanPage = pageOf(Plan, "SubscriptionPlanPage")

/** Which plans a customer sees. */
export const PlanQuery = z.object({
  product: Ref.optional().meta({ description: "Those that this product or variant can be had by" }),
  ...pageQuery,
})
export type PlanQuery = z.infer<typeof PlanQuery>

/** Which plans staff see. */
export const AllPlansQuery = z.object({ active: Flag.optional(), ...pageQuery })
export type AllPlansQuery = z.infer<typeof AllPlansQuery>

/** From when the subscriptions of a plan have its prices of now. */
export const Migration = z
  .object({
    notice_days: Whole(1, 365)
      .default(30)
      .meta({ description: "Each customer is told at once, and has so many days", example: 30 }),
  })
  .meta({ id: "SubscriptionPlanMigration", example: { notice_days: 30 } })
export type Migration = z.infer<typeof Migration>

/** That subscriptions are on their way to other prices. */
export const MigrationBegun = z
  .object({ from: Instant.meta({ description: "Periods that begin then or later cost as much" }) })
  .meta({ id: "SubscriptionPlanMigrationBegun" })
export type MigrationBegun = z.infer<typeof MigrationBegun>
