import { z } from "zod"

import { Count, id, Money, Ref, spelled } from "#lib/shapes.ts"
import { itemRefs, oneRef } from "#modules/cart/model.ts"
import { AddressOrId } from "#modules/users/address-model.ts"
import { Email } from "#modules/users/model.ts"

import { Order } from "./model.ts"

/** What changes of an order; what is left out stays. */
export const OrderChanges = z
  .object({
    shipping_address: AddressOrId.optional(),
    billing_address: AddressOrId.optional(),
    notes: z.string().trim().max(2000, "At most 2000 characters.").optional(),
    email: Email.optional().meta({ description: "Staff only" }),
  })
  .refine((given) => Object.values(given).some((value) => value !== undefined), {
    path: ["notes"],
    message: "Say what is to change: shipping_address, billing_address, notes.",
  })
  .meta({ example: { notes: "Please ring twice" } })
export type OrderChanges = z.infer<typeof OrderChanges>

const EditItem = spelled(
  { product: "product_id" },
  z
    .object({
      item_id: Ref.optional().meta({
        description: "An item of the order: its id, variant or SKU",
        example: "orl_01kaeq4w8s0000000000000000",
      }),
      ...itemRefs,
      quantity: Count.refine((quantity) => quantity <= 999, "At most 999 of one thing.").meta({
        type: "integer",
        description:
          "Of an item: how many of it there are to be, 0 takes it out. Else: how many to add",
        example: 2,
      }),
    })
    .superRefine((item, refinement) => {
      if (item.item_id === undefined) {
        oneRef(item, refinement)
        if (item.quantity === 0)
          refinement.addIssue({
            code: "custom",
            path: ["quantity"],
            message: "Quantity must be greater than 0.",
          })
      } else if (item.product_id ?? item.variant_id ?? item.sku)
        refinement.addIssue({
          code: "custom",
          path: ["item_id"],
          message: "Give either an item of the order or a product to add.",
        })
    }),
)

/** What is to change of what an order holds. */
export const OrderEdit = z
  .object({
    items: z
      .array(EditItem)
      .min(1, "Name at least one item.")
      .max(100, "An order has at most 100 items."),
    note: z
      .string()
      .trim()
      .max(1000, "At most 1000 characters.")
      .default("")
      .meta({ description: "For the order's history, which its customer can read" }),
    dry_run: z
      .boolean({ error: "Must be true or false." })
      .default(false)
      .meta({ description: "Answers what would be, and changes nothing" }),
  })
  .meta({
    example: {
      items: [
        { item_id: "orl_01kaeq4w8s0000000000000000", quantity: 1 },
        { product_id: "2", quantity: 1 },
      ],
      dry_run: true,
    },
  })
export type OrderEdit = z.infer<typeof OrderEdit>

/** An order after an edit, and what that comes to. */
export const OrderEdited = z
  .object({
    dry_run: z.boolean(),
    order: Order,
    difference: z.string().meta({
      description: "The new total less the old one: a decimal, signed",
      example: "-10.00",
    }),
    refund: Money.meta({ description: "What goes back of what was paid" }),
    amount_due: Money.meta({ description: "What is still to be paid now" }),
    codes_without_effect: z
      .array(z.object({ code: z.string(), reason: z.string(), detail: z.string() }))
      .meta({ description: "Codes of the order that do nothing any more, and why" }),
    explain: z.array(z.object({ kind: z.string(), detail: z.string(), amount: z.string() })),
  })
  .meta({ id: "OrderEdited" })
export type OrderEdited = z.infer<typeof OrderEdited>

/** Which histories are looked at. */
export const HistoryCheckQuery = z.object({
  order: Ref.optional().meta({
    description: "Id or order number; absent: all, page by page",
    example: "NX-20261120-7K3M9QXA",
  }),
  cursor: z.string().optional().meta({ description: "`next_cursor` of the answer before" }),
})
export type HistoryCheckQuery = z.infer<typeof HistoryCheckQuery>

/** Whether histories are what was written. */
export const HistoryCheck = z
  .object({
    is_intact: z.boolean(),
    checked: z.int().meta({ description: "How many orders were looked at", example: 50 }),
    broken: z.array(
      z.object({
        order_id: id("order", "ord_01kaeq4w8s0000000000000000"),
        order_number: z.string(),
        version: z.int(),
        fault: z.enum(["chain", "status", "payment-status"]).meta({
          description:
            "`chain`: rows are missing or were changed; the others: the order says another state than its history",
        }),
      }),
    ),
    next_cursor: z.string().nullable().meta({ description: "null: these were the last" }),
  })
  .meta({ id: "HistoryCheck" })
export type HistoryCheck = z.infer<typeof HistoryCheck>
