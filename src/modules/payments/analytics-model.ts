import { z } from "zod"

import { Money } from "#lib/shapes.ts"

import { paymentMethods } from "./method.ts"
import { PaymentMethodName } from "./model.ts"

const day = z.iso.date({ error: "A date is required: 2026-11-20." })
const currency = z.string().meta({ example: "USD" })

/** What became of payments, in one currency. */
const figures = {
  currency,
  payments: z.int().meta({ description: "Payments that were begun", example: 40 }),
  succeeded: z.int().meta({ description: "Of them, those that money was taken of", example: 36 }),
  failed: z.int().meta({ description: "Of them, those that were declined", example: 2 }),
  success_rate: z
    .number()
    .nullable()
    .meta({ description: "Succeeded of those that succeeded or failed, 0 to 1", example: 0.9474 }),
  volume: Money.meta({ description: "What was taken" }),
  refunds: z
    .int()
    .meta({ description: "Refunds that did not fail, where their money went", example: 1 }),
  refunded: Money,
  fees: Money.meta({ description: "What gateways keep" }),
  disputed: Money.meta({ description: "What banks hold back now" }),
  lost: Money.meta({ description: "What banks took back for good" }),
  net: Money.meta({ description: "Volume less refunded, fees and lost; may be below zero" }),
} as const

/** From when to when, and of what. */
export const AnalyticsQuery = z.object({
  from: day.optional().meta({
    description: "First day (UTC); absent: 29 days before the last",
    example: "2026-11-01",
  }),
  to: day.optional().meta({ description: "Last day; absent: today", example: "2026-11-30" }),
  provider: z.enum(paymentMethods).optional(),
  currency: z
    .string()
    .trim()
    .toUpperCase()
    .regex(/^[A-Z]{3}$/, "A three-letter currency code (ISO 4217).")
    .optional()
    .meta({ type: "string", example: "USD" }),
})
export type AnalyticsQuery = z.infer<typeof AnalyticsQuery>

/** Payments in figures. */
export const PaymentAnalytics = z
  .object({
    from: z.string().meta({ format: "date", example: "2026-11-01" }),
    to: z.string().meta({ format: "date", example: "2026-11-30" }),
    totals: z.array(z.object(figures)),
    by_provider: z.array(z.object({ provider: PaymentMethodName, ...figures })),
    by_day: z.array(
      z.object({ date: z.string().meta({ format: "date", example: "2026-11-20" }), ...figures }),
    ),
  })
  .meta({ id: "PaymentAnalytics" })
export type PaymentAnalytics = z.infer<typeof PaymentAnalytics>
