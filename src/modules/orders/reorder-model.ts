import { z } from "zod"

import { id, Money } from "#lib/shapes.ts"

/** What of an order is in the cart again. */
export const Reordered = z
  .object({
    order_number: z.string().meta({ example: "NX-20261120-7K3M9QXA" }),
    is_complete: z.boolean().meta({ description: "Everything is there, as many as were ordered" }),
    currency: z.string().meta({ example: "USD" }),
    items: z.array(
      z.object({
        product_id: id("product", "1"),
        variant_id: id("variant", "1"),
        name: z.string().meta({ example: "Premium Laptop" }),
        sku: z.string().nullable(),
        outcome: z.enum(["added", "fewer", "gone"]).meta({
          description: "`gone`: it is not sold any more, or there is none left",
        }),
        quantity: z.int().meta({ description: "How many were ordered", example: 2 }),
        in_cart: z.int().meta({ description: "How many the cart holds now", example: 2 }),
        available: z.int().meta({ description: "How many can be bought", example: 25 }),
        unit_price_then: Money,
        unit_price: Money.nullable().meta({ description: "What it costs now" }),
        price_changed: z.boolean(),
      }),
    ),
    token: z.string().optional().meta({
      description: "A guest's new cart token: send it along as `X-Cart-Token` from now on",
    }),
  })
  .meta({ id: "Reordered" })
export type Reordered = z.infer<typeof Reordered>
