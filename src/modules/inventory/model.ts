import { z } from "zod"

import { id, Instant } from "#lib/shapes.ts"

import { movementReasons } from "./stock.ts"

/** What can be bought of a product, from the object that decides. `on_hand` and `held` are for staff. */
export const Availability = z
  .object({
    product_id: id("product", "1"),
    available: z.int().meta({ description: "Of all variants together", example: 25 }),
    variants: z.array(
      z.object({
        variant_id: id("variant", "1"),
        sku: z.string().nullable().meta({ example: "LAPTOP-001" }),
        available: z.int().meta({ example: 25 }),
        on_hand: z.int().optional(),
        held: z.int().optional(),
      }),
    ),
  })
  .meta({ id: "Availability" })
export type Availability = z.infer<typeof Availability>

/** Stock that came, broke, was found or was counted: a difference or the number itself. */
export const Adjustment = z
  .object({
    delta: z
      .int()
      .min(-1_000_000)
      .max(1_000_000)
      .optional()
      .meta({ description: "How many more, or fewer" }),
    set: z.int().min(0).max(1_000_000).optional().meta({ description: "How many there are" }),
    reason: z.enum(movementReasons),
    note: z.string().trim().max(500).default(""),
  })
  .refine((given) => (given.delta === undefined) !== (given.set === undefined), {
    path: ["delta"],
    message: "Give either delta or set.",
  })
  .meta({
    id: "Adjustment",
    example: { delta: 10, reason: "restock", note: "Delivery of the day" },
  })
export type Adjustment = z.infer<typeof Adjustment>

/** A variant's stock after a change. */
export const StockLevel = z
  .object({
    product_id: id("product", "1"),
    variant_id: id("variant", "1"),
    on_hand: z.int(),
    held: z.int(),
    available: z.int(),
  })
  .meta({ id: "StockLevel" })
export type StockLevel = z.infer<typeof StockLevel>

/** A row of the ledger that the stock is the sum of. */
export const StockMovement = z
  .object({
    id: z.int(),
    delta: z.int().meta({ example: -1 }),
    on_hand: z.int().meta({ description: "After it" }),
    reason: z.enum(movementReasons),
    order_id: z.string().nullable(),
    note: z.string(),
    actor: z.string(),
    created_at: Instant,
  })
  .meta({ id: "StockMovement" })

/** Which movements. */
export const MovementQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  before: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .meta({ description: "`next_before` of the page before" }),
})
export type MovementQuery = z.infer<typeof MovementQuery>

/** A stretch of the ledger, newest first. */
export const MovementList = z
  .object({ results: z.array(StockMovement), next_before: z.int().nullable() })
  .meta({ id: "MovementList" })
export type MovementList = z.infer<typeof MovementList>
