import { z } from "zod"

import {
  AmountInput,
  areaFields,
  id,
  Instant,
  line,
  Money,
  pageOf,
  pageQuery,
  PriceInput,
  Ref,
  TaxClass,
  Version,
} from "#lib/shapes.ts"

/** How a method is priced: one price, steps by weight, steps by the order's total, or nothing to send at all. */
export const methodTypes = ["flat", "weight", "total", "pickup"] as const

const Area = z.object({ country: z.string(), state: z.string(), postal_prefix: z.string() })
const AreaInput = z.object({
  country: areaFields.country,
  state: areaFields.state.default(""),
  postal_prefix: areaFields.postal_prefix.default(""),
})
const zoneFields = {
  name: line(100).meta({ example: "British Isles" }),
  areas: z
    .array(AreaInput)
    .min(1, "At least one area.")
    .max(300, "At most 300 areas.")
    .meta({ example: [{ country: "GB" }, { country: "IE" }] }),
}

/** A zone as staff enter it. */
export const NewShippingZone = z.object(zoneFields).meta({
  id: "NewShippingZone",
  example: { name: "British Isles", areas: [{ country: "GB" }, { country: "IE" }] },
})
export type NewShippingZone = z.infer<typeof NewShippingZone>
/** What changes of a zone; `areas` replaces all of them. */
export const ShippingZoneChanges = z
  .object(zoneFields)
  .partial()
  .meta({ id: "ShippingZoneChanges", example: { name: "Great Britain and Ireland" } })
export type ShippingZoneChanges = z.infer<typeof ShippingZoneChanges>

/** Areas with the same shipping methods. Where zones overlap, the closest area counts: postal code, state, country, `*`. */
export const ShippingZone = z
  .object({
    id: id("shippingZone", "zon_01kaeq4w8s0000000000000000"),
    name: z.string(),
    areas: z.array(Area),
    version: Version,
    created_at: Instant,
    updated_at: Instant,
  })
  .meta({ id: "ShippingZone" })
export type ShippingZone = z.infer<typeof ShippingZone>
/** A page of zones. */
export const ShippingZonePage = pageOf(ShippingZone, "ShippingZonePage")
/** Which page of zones. */
export const ShippingZoneQuery = z.object(pageQuery)
export type ShippingZoneQuery = z.infer<typeof ShippingZoneQuery>

const StepInput = z
  .object({
    up_to_grams: z.int().min(1).max(1_000_000_000).optional(),
    up_to_total: PriceInput.optional(),
    price: AmountInput,
  })
  .meta({ description: "Without `up_to_…`: whatever it is. Above the last step it is not offered" })
const days = z.int("A whole number is required.").min(0).max(365, "At most 365 days.").nullable()
const methodFields = {
  name: line(100).meta({ example: "Standard" }),
  description: z.string().trim().max(1000, "At most 1000 characters."),
  type: z.enum(methodTypes),
  price: AmountInput.meta({ description: "Of `flat` and `pickup`" }),
  steps: z
    .array(StepInput)
    .max(50, "At most 50 steps.")
    .meta({ description: "Of `weight` (`up_to_grams`) and `total` (`up_to_total`)" }),
  free_from: PriceInput.nullable().meta({
    type: "string",
    description: "Costs nothing from this subtotal on, before discounts",
  }),
  min_days: days,
  max_days: days,
  tax_class: TaxClass,
  position: z.int().min(0).max(10_000),
  is_active: z.boolean({ error: "Must be true or false." }),
}

/** A shipping method as staff enter it. */
export const NewShippingMethod = z
  .object({
    ...methodFields,
    zone: Ref.meta({ description: "The zone's id", example: "zon_01kaeq4w8s0000000000000000" }),
    description: methodFields.description.default(""),
    price: methodFields.price.default("0"),
    steps: methodFields.steps.default([]),
    free_from: methodFields.free_from.default(null),
    min_days: days.default(null),
    max_days: days.default(null),
    tax_class: methodFields.tax_class.default("standard"),
    position: methodFields.position.default(0),
    is_active: methodFields.is_active.default(true),
  })
  .meta({
    id: "NewShippingMethod",
    example: {
      zone: "zon_01kaeq4w8s0000000000000000",
      name: "Standard",
      type: "flat",
      price: "4.99",
      free_from: "50.00",
      min_days: 2,
      max_days: 4,
    },
  })
export type NewShippingMethod = z.infer<typeof NewShippingMethod>
/** What changes of a method; what is left out stays. Orders keep what they were placed with. */
export const ShippingMethodChanges = z
  .object(methodFields)
  .partial()
  .meta({ id: "ShippingMethodChanges", example: { price: "5.49" } })
export type ShippingMethodChanges = z.infer<typeof ShippingMethodChanges>

const Step = z.object({
  up_to_grams: z.int().optional(),
  up_to_total: Money.optional(),
  price: Money,
})

/** A shipping method, as staff see it. */
export const ShippingMethod = z
  .object({
    id: id("shippingMethod", "shm_01kaeq4w8s0000000000000000"),
    zone: id("shippingZone", "zon_01kaeq4w8s0000000000000000"),
    name: z.string(),
    description: z.string(),
    type: z.enum(methodTypes),
    price: Money,
    steps: z.array(Step),
    free_from: Money.nullable(),
    currency: z.string().meta({ example: "USD" }),
    min_days: z.int().nullable(),
    max_days: z.int().nullable(),
    tax_class: z.string(),
    position: z.int(),
    is_active: z.boolean(),
    version: Version,
    created_at: Instant,
    updated_at: Instant,
  })
  .meta({ id: "ShippingMethod" })
export type ShippingMethod = z.infer<typeof ShippingMethod>
/** A page of methods. */
export const ShippingMethodPage = pageOf(ShippingMethod, "ShippingMethodPage")
/** How a list of methods is filtered. */
export const ShippingMethodQuery = z.object({
  zone: z.string().optional().meta({ description: "The zone's id" }),
  ...pageQuery,
})
export type ShippingMethodQuery = z.infer<typeof ShippingMethodQuery>
