import { z } from "zod"

import { CountryInput, id, Money } from "#lib/shapes.ts"
import { currencyQuery } from "#modules/currencies/model.ts"
import { methodTypes } from "#modules/shipping/model.ts"

/** Where to, and what: the caller's cart, unless a subtotal or a weight is given. */
export const ShippingQuery = z.object({
  country: CountryInput.optional().meta({
    type: "string",
    description: "ISO 3166-1; without it every method is listed, wherever it goes",
    example: "GB",
  }),
  state: z.string().max(120).optional(),
  postal_code: z.string().max(20).optional(),
  subtotal: z
    .string()
    .regex(/^\d{1,12}(\.\d{1,3})?$/, "A valid amount is required.")
    .optional()
    .meta({ description: "Instead of the cart's, in the same currency", example: "49.90" }),
  ...currencyQuery,
  weight: z.coerce
    .number({ error: "A whole number of grams is required." })
    .int("A whole number of grams is required.")
    .min(0)
    .max(1_000_000_000_000)
    .optional()
    .meta({ description: "In grams, instead of the cart's", example: "800" }),
})
export type ShippingQuery = z.infer<typeof ShippingQuery>

/** The ways to have a cart sent, cheapest first: an order that names none goes by the first that is no pickup. */
export const ShippingOffers = z
  .object({
    shipping_required: z.boolean().meta({ description: "Whether anything has to be sent" }),
    currency: z.string().meta({ example: "USD" }),
    results: z.array(
      z.object({
        id: id("shippingMethod", "shm_01kaeq4w8s0000000000000000").meta({
          description: "What an order names as its `shipping_method`",
        }),
        name: z.string().meta({ example: "Standard" }),
        description: z.string(),
        type: z.enum(methodTypes),
        price: Money.meta({ description: "Before promotions and taxes" }),
        currency: z.string(),
        min_days: z.int().nullable().meta({ example: 2 }),
        max_days: z.int().nullable().meta({ example: 4 }),
      }),
    ),
  })
  .meta({ id: "ShippingOffers" })
export type ShippingOffers = z.infer<typeof ShippingOffers>
