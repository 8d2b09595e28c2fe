import { z } from "zod"

import { line } from "#lib/shapes.ts"
import { Order } from "#modules/orders/model.ts"

/** Orders in one request, and all their lines together: each asks its products' stock objects, and D1 a few times. */
const most = { orders: 100, lines: 400 }

const Entry = z.looseObject({
  reference: line(100).meta({
    description: "Your own name for this order: sent again, it is the same order",
    example: "PO-1001",
  }),
})

/** Many orders at once. Each is judged by itself, as `POST /orders` with `items` would. */
export const BulkOrders = z
  .object({
    orders: z
      .array(Entry)
      .min(1, "At least one order.")
      .max(most.orders, `At most ${most.orders} orders.`),
  })
  .superRefine(({ orders }, refinement) => {
    const refuse = (path: (string | number)[], message: string) =>
      refinement.addIssue({ code: "custom", path, message })
    for (const [index, { reference }] of orders.entries())
      if (orders.findIndex((one) => one.reference === reference) !== index)
        refuse(["orders", index, "reference"], "Each reference is used once.")
    const lines = orders.reduce(
      (sum, { items }) => sum + (Array.isArray(items) ? items.length : 0),
      0,
    )
    if (lines > most.lines)
      refuse(["orders"], `At most ${most.lines} lines in all orders together.`)
  })
  .meta({
    example: {
      orders: [
        {
          reference: "PO-1001",
          items: [{ product_id: "2", quantity: 1 }],
          shipping_address: { street: "1 Main St", city: "Nairobi", country: "KE" },
          email: "buyer@example.com",
        },
      ],
    },
  })
export type BulkOrders = z.infer<typeof BulkOrders>

const Refusal = z.object({
  code: z.string().meta({ example: "out-of-stock" }),
  detail: z.string(),
  errors: z.array(z.object({ field: z.string(), detail: z.string(), code: z.string() })).optional(),
})

/** What became of each order, in the order of the request. */
export const BulkResult = z
  .object({
    placed: z.int().meta({ example: 1 }),
    known: z.int().meta({ description: "Placed by an earlier request", example: 0 }),
    failed: z.int().meta({ example: 0 }),
    results: z.array(
      z.object({
        reference: z.string(),
        outcome: z.enum(["placed", "known", "failed"]),
        order: Order.nullable(),
        error: Refusal.nullable(),
      }),
    ),
  })
  .meta({ id: "BulkResult" })
export type BulkResult = z.infer<typeof BulkResult>
