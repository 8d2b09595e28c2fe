import { z } from "zod"

import { id, Money } from "#lib/shapes.ts"

import { orderStatuses, paymentStatuses } from "./status.ts"

const Count = z.int().meta({ example: 12 })
const Day = z.object({
  date: z.iso.date().meta({ example: "2026-11-20" }),
  orders: Count,
  sales: Money,
  revenue: Money,
})
const BestSeller = z.object({
  product_id: id("product", "1"),
  name: z.string().meta({ example: "Premium Laptop" }),
  slug: z.string().meta({ example: "premium-laptop" }),
  quantity: Count,
  sales: Money,
})

/** The orders in figures. */
export const OrderStatistics = z
  .object({
    currency: z.string().meta({ example: "USD" }),
    total_orders: Count.meta({ description: "Every order ever placed, cancelled ones too" }),
    total_sales: Money.meta({
      description: "What the orders that were not cancelled come to",
      example: "15599.88",
    }),
    total_revenue: Money.meta({
      description: "What was paid, less what was given back",
      example: "12999.90",
    }),
    average_order_value: Money.meta({
      description: "`total_sales` by the number of orders that were not cancelled",
    }),
    status_breakdown: z.record(z.enum(orderStatuses), Count),
    payment_breakdown: z.record(z.enum(paymentStatuses), Count),
    recent_orders_30_days: Count.meta({ description: "Today and the 29 days before it, in UTC" }),
    by_day: z.array(Day).meta({
      description:
        "The same 30 days, oldest first; what an order comes to counts on the day it was placed",
    }),
    top_products: z.array(BestSeller).meta({
      description: "The ten most sold, in units that were not cancelled and did not come back",
    }),
  })
  .meta({ id: "OrderStatistics", description: "Amounts are those of orders in `currency`" })
export type OrderStatistics = z.infer<typeof OrderStatistics>
