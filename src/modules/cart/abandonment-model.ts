import { z } from "zod"

import { Flag, id, Instant, Money, pageOf, pageQuery } from "#lib/shapes.ts"

/** A cart that was left, once for each time it lay idle. What it held is of that moment. */
export const AbandonedCart = z
  .object({
    id: id("abandonment", "abn_01kaeq4w8s0000000000000000"),
    cart_id: id("cart", "crt_01kaeq4w8s0000000000000000"),
    user: id("user", "usr_01kaeq4w8s0000000000000000").nullable(),
    email: z.string().nullable().meta({ description: "Of the account, or as the guest said it" }),
    total_items: z.int(),
    total_amount: Money,
    currency: z.string().meta({ example: "USD" }),
    idle_since: Instant,
    abandoned_at: Instant,
    recovered_at: Instant.nullable().meta({ description: "When it was ordered after all" }),
  })
  .meta({ id: "AbandonedCart" })
export type AbandonedCart = z.infer<typeof AbandonedCart>

/** A page of carts that were left. */
export const AbandonedCartPage = pageOf(AbandonedCart, "AbandonedCartPage")

/** Which of them. */
export const AbandonedCartQuery = z.object({
  recovered: Flag.optional().meta({ description: "Ordered after all, or not (yet)" }),
  ...pageQuery,
})
export type AbandonedCartQuery = z.infer<typeof AbandonedCartQuery>

const Day = z.iso.date("A date is required: YYYY-MM-DD.").optional()

/** Of which days, UTC, both included. */
export const CartStatisticsQuery = z.object({
  date_from: Day.meta({
    description: "By default 30 days before `date_to`",
    example: "2026-11-01",
  }),
  date_to: Day.meta({ description: "By default until now", example: "2026-11-30" }),
})
export type CartStatisticsQuery = z.infer<typeof CartStatisticsQuery>

const Rate = z.number().nullable()

/** What became of carts in a period. Amounts are what the carts were worth when they were left. */
export const CartStatistics = z
  .object({
    date_from: Instant,
    date_to: Instant,
    abandoned_carts: z.int(),
    recovered_carts: z.int().meta({ description: "Of the abandoned ones: ordered after all" }),
    ordered_carts: z.int().meta({ description: "All carts that were ordered" }),
    recovery_rate: Rate.meta({ description: "Recovered of abandoned, 0 to 1", example: 0.25 }),
    abandonment_rate: Rate.meta({
      description: "Of the carts that were ordered or left, those that stayed left, 0 to 1",
      example: 0.4,
    }),
    abandoned_amount: Money,
    recovered_amount: Money,
    currency: z.string().meta({ example: "USD" }),
  })
  .meta({ id: "CartStatistics" })
export type CartStatistics = z.infer<typeof CartStatistics>
