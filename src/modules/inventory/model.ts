import { z } from "zod"

import { Flag, id, Instant, isObject, pageOf, pageQuery } from "#lib/shapes.ts"

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
        is_tracked: z
          .boolean()
          .meta({ description: "Whether it can run out; if not, `available` is a million" }),
        is_backorder: z
          .boolean()
          .meta({ description: "None is there, but it can be ordered and is sent later" }),
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
  .refine(({ delta, set }) => (delta === undefined) !== (set === undefined), {
    path: ["delta"],
    message: "Give either delta or set.",
    when: isObject,
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
    available: z.int().meta({ description: "What can be bought" }),
    is_tracked: z.boolean(),
    backorder_limit: z.int(),
    low_stock_threshold: z.int(),
  })
  .meta({ id: "StockLevel" })
export type StockLevel = z.infer<typeof StockLevel>

/** How a variant's stock is watched. Fields left out stay as they are. */
export const StockPolicy = z
  .object({
    is_tracked: z
      .boolean()
      .optional()
      .meta({ description: "Untracked: it never runs out (services, digital goods)" }),
    backorder_limit: z
      .int()
      .min(0)
      .max(1_000_000)
      .optional()
      .meta({ description: "How many may be sold beyond what is there" }),
    low_stock_threshold: z
      .int()
      .min(0)
      .max(1_000_000)
      .optional()
      .meta({ description: "At this many and fewer it is low: an event tells so, once" }),
  })
  .refine((given) => Object.values(given).some((value) => value !== undefined), {
    path: ["is_tracked"],
    message: "Give at least one of is_tracked, backorder_limit, low_stock_threshold.",
  })
  .meta({ id: "StockPolicy", example: { backorder_limit: 10, low_stock_threshold: 5 } })
export type StockPolicy = z.infer<typeof StockPolicy>

/** Something that is stocked, as the lists have it: seconds old. */
export const InventoryItem = z
  .object({
    product_id: id("product", "1"),
    variant_id: id("variant", "1"),
    name: z.string().meta({ example: "Premium Laptop" }),
    sku: z.string().nullable(),
    options: z.record(z.string(), z.string()),
    stock_quantity: z.int().meta({ description: "What can be bought" }),
    is_low: z.boolean(),
    is_tracked: z.boolean(),
    backorder_limit: z.int(),
  })
  .meta({ id: "InventoryItem" })
export type InventoryItem = z.infer<typeof InventoryItem>
/** A page of what is stocked. */
export const InventoryPage = pageOf(InventoryItem, "InventoryPage")

/** Which stocked things. */
export const InventoryQuery = z.object({
  low_stock: Flag.optional().meta({
    description: "Only what is low: at `threshold` and below, without one at each variant's own",
  }),
  threshold: z.coerce.number().int().min(0).max(1_000_000).optional(),
  cursor: pageQuery.cursor,
  page: pageQuery.page,
  page_size: pageQuery.page_size,
  limit: pageQuery.limit,
  offset: pageQuery.offset,
})
export type InventoryQuery = z.infer<typeof InventoryQuery>

/** Where to go on comparing. */
export const Reconcile = z.object({
  after: z
    .string()
    .max(64)
    .default("")
    .meta({ description: "`next` of the answer before; absent: from the start", example: "" }),
})
export type Reconcile = z.infer<typeof Reconcile>

/** What became of a comparison. `next` null: all products were seen. */
export const Reconciled = z
  .object({ checked: z.int(), repaired: z.int(), next: z.string().nullable() })
  .meta({ id: "Reconciled" })
export type Reconciled = z.infer<typeof Reconciled>

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

export type StockMovement = z.infer<typeof StockMovement>
/** A page of the ledger. */
export const StockMovementPage = pageOf(StockMovement, "StockMovementPage")

/** Which movements. */
export const MovementQuery = z.object(pageQuery).omit({ ordering: true })
export type MovementQuery = z.infer<typeof MovementQuery>
