import { z } from "zod"

import { id, Instant, line, Quantity, Ref } from "#lib/shapes.ts"

import { Fulfilment, Order } from "./model.ts"

const Note = z.string().trim().max(1000, "At most 1000 characters.").default("")

const Day = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })], {
    error: "A date is required: 2026-11-20.",
  })
  .meta({ type: "string", example: "2026-11-24" })

const Tracked = {
  carrier: line(120).meta({ example: "UPS" }),
  tracking_number: line(120).meta({ example: "1Z999AA10123456784" }),
  tracking_url: z
    .url({ protocol: /^https$/, error: "An https address is required." })
    .max(500)
    .meta({
      description: "For a carrier whose page is not known: those of known ones are made",
      example: "https://parcels.example.com/1Z999AA10123456784",
    }),
  estimated_delivery: Day,
}

/** A parcel that is sent: of these items, or of all that is left. */
export const NewFulfilment = z
  .object({
    items: z
      .array(
        z.object({
          item_id: Ref.meta({
            description: "An item of the order: its id, variant or SKU",
            example: "orl_01kaeq4w8s0000000000000000",
          }),
          quantity: Quantity.optional().meta({ description: "Absent: all that is left of it" }),
        }),
      )
      .min(1, "Name at least one item.")
      .max(100, "At most 100 items.")
      .optional()
      .meta({ description: "Absent: everything that is left" }),
    carrier: Tracked.carrier.optional(),
    tracking_number: Tracked.tracking_number.optional(),
    tracking_url: Tracked.tracking_url.optional(),
    estimated_delivery: Tracked.estimated_delivery.optional(),
    note: Note,
  })
  .meta({
    example: { carrier: "UPS", tracking_number: "1Z999AA10123456784" },
  })
export type NewFulfilment = z.infer<typeof NewFulfilment>

/** What changes of a parcel; what is left out stays. */
export const FulfilmentChanges = z
  .object({
    status: z.enum(["delivered"], { error: "Only delivered can be set." }).optional(),
    carrier: Tracked.carrier.nullable().optional(),
    tracking_number: Tracked.tracking_number.nullable().optional(),
    tracking_url: Tracked.tracking_url.nullable().optional(),
    estimated_delivery: Tracked.estimated_delivery.nullable().optional(),
    note: Note,
  })
  .meta({ example: { status: "delivered" } })
export type FulfilmentChanges = z.infer<typeof FulfilmentChanges>

/** Why a parcel is taken back. */
export const FulfilmentCancellation = z
  .object({ note: Note })
  .meta({ example: { note: "Wrong box" } })

/** A parcel, and the order as it is with it. */
export const Fulfilled = z
  .object({ fulfilment: Fulfilment, order: Order })
  .meta({ id: "Fulfilled" })
export type Fulfilled = z.infer<typeof Fulfilled>

/** A note that staff makes on an order. */
export const NewOrderNote = z
  .object({
    text: line(4000).meta({ example: "Customer asked for a gift wrap" }),
    is_public: z
      .boolean({ error: "Must be true or false." })
      .default(false)
      .meta({ description: "Whether the customer may read it" }),
  })
  .meta({ example: { text: "Customer asked for a gift wrap" } })
export type NewOrderNote = z.infer<typeof NewOrderNote>

/** A note on an order. */
export const OrderNote = z
  .object({
    id: id("orderNote", "not_01kaeq4w8s0000000000000000"),
    text: z.string(),
    is_public: z.boolean(),
    actor: z.string(),
    created_at: Instant,
  })
  .meta({ id: "OrderNote" })
export type OrderNote = z.infer<typeof OrderNote>
