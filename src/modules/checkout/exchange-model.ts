import { z } from "zod"

import { line, Money } from "#lib/shapes.ts"
import { Order } from "#modules/orders/model.ts"
import { Return } from "#modules/orders/returns-model.ts"

import { PaymentMethodInput, PlaceOrder } from "./model.ts"

/** What is sent instead. */
export const NewExchange = z
  .object({
    items: PlaceOrder.shape.items.unwrap(),
    shipping_method: line(64).optional(),
    payment_method: PaymentMethodInput.default("manual"),
    notes: PlaceOrder.shape.notes,
  })
  .meta({ example: { items: [{ product_id: "2", quantity: 1 }] } })
export type NewExchange = z.infer<typeof NewExchange>

/** A return, and the order that is sent instead. */
export const Exchange = z
  .object({
    return: Return,
    order: Order,
    currency: z.string().meta({ example: "USD" }),
    credit: Money.meta({
      description: "What the return gave back, or will as it was asked for",
    }),
    difference: Money.meta({
      description: "What the order comes to beyond that; zero where it is worth less",
    }),
    in_favour: Money.meta({ description: "What of the credit is left" }),
  })
  .meta({ id: "Exchange" })
export type Exchange = z.infer<typeof Exchange>
