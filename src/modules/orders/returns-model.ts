import { z } from "zod"

import { id, Instant, line, Money, pageOf, pageQuery, Quantity, Ref, spelled } from "#lib/shapes.ts"

import { returnReasons, returnStatuses } from "./return-status.ts"

const Remark = z.string().trim().max(1000, "At most 1000 characters.").default("")
const AmountInput = z
  .union([z.string(), z.number()], { error: "A valid amount is required." })
  .transform(String)
  .refine((text) => /^\d{1,12}(\.\d{1,3})?$/.test(text), "A valid amount is required.")
  .meta({ type: "string", example: "12.50" })

/** Each line is named once. */
function once(
  { lines = [] }: { lines?: { line_id: string }[] | undefined },
  refinement: z.RefinementCtx,
): void {
  for (const [index, { line_id }] of lines.entries()) {
    if (lines.findIndex((one) => one.line_id === line_id) === index) continue
    refinement.addIssue({
      code: "custom",
      path: ["lines", index, "line_id"],
      message: "Each line is named once.",
    })
  }
}

/** What a customer wants to send back. */
export const NewReturn = spelled(
  { items: "lines" },
  z
    .object({
      lines: z
        .array(
          spelled(
            { item_id: "line_id", id: "line_id" },
            z.object({
              line_id: Ref.meta({
                description: "The id of a line of the order",
                example: "orl_01kaeq4w8s0000000000000000",
              }),
              quantity: Quantity,
            }),
          ),
        )
        .min(1, "Name what comes back.")
        .max(100, "At most 100 lines."),
      reason: z.enum(returnReasons, { error: `One of ${returnReasons.join(", ")}.` }),
      comment: Remark,
    })
    .superRefine(once),
).meta({
  example: {
    lines: [{ line_id: "orl_01kaeq4w8s0000000000000000", quantity: 1 }],
    reason: "no_longer_wanted",
    comment: "Too small",
  },
})
export type NewReturn = z.infer<typeof NewReturn>

/** What the shop says to it. */
export const ReturnNote = z
  .object({ note: Remark.meta({ description: "For the customer" }) })
  .meta({ example: { note: "Send it to 1 Edge Street, London" } })
export type ReturnNote = z.infer<typeof ReturnNote>

/** What arrived, and what is given back for it. */
export const ReturnReceipt = spelled(
  { items: "lines" },
  z
    .object({
      lines: z
        .array(
          z.object({
            line_id: Ref,
            accepted_quantity: z
              .int("A whole number is required.")
              .min(0, "Must be 0 or more.")
              .max(999, "At most 999 of one thing."),
            restock: z.boolean().default(true).meta({
              description: "Whether it is sold again; else it is written off as damaged",
            }),
          }),
        )
        .max(100, "At most 100 lines.")
        .optional()
        .meta({ description: "Lines left out are accepted as asked for, and sold again" }),
      refund_amount: AmountInput.optional().meta({
        description:
          "Absent: what was paid for what is accepted, discount and tax in proportion, at most what is left of the payment",
      }),
      refund_shipping: z
        .boolean()
        .default(false)
        .meta({ description: "What was paid for the shipping too, once an order" }),
      refund_to: z.enum(["source", "store_credit"]).default("source").meta({
        description: "Back the way it was paid, or to the account as store credit",
      }),
      note: Remark,
    })
    .superRefine(once),
).meta({ example: { refund_shipping: false, note: "All well" } })
export type ReturnReceipt = z.infer<typeof ReturnReceipt>

const ReturnLine = z.object({
  line_id: id("orderLine", "orl_01kaeq4w8s0000000000000000"),
  product_id: id("product", "1"),
  variant_id: id("variant", "1"),
  name: z.string().meta({ example: "Premium Laptop" }),
  sku: z.string().nullable(),
  quantity: z.int().meta({ example: 1 }),
  accepted_quantity: z.int().nullable().meta({ description: "null until it is received" }),
  restock: z.boolean(),
  refund_amount: Money,
})

/** A return. `refund_amount` is zero until it is received. */
export const Return = z
  .object({
    id: id("return", "ret_01kaeq4w8s0000000000000000"),
    return_number: z.string().meta({ example: "NX-20261120-7K3M9QXA-R1" }),
    order: id("order", "ord_01kaeq4w8s0000000000000000"),
    order_number: z.string().meta({ example: "NX-20261120-7K3M9QXA" }),
    status: z.enum(returnStatuses),
    reason: z.enum(returnReasons),
    comment: z.string(),
    note: z.string(),
    lines: z.array(ReturnLine),
    currency: z.string().meta({ example: "USD" }),
    refund_amount: Money,
    refund_shipping_amount: Money,
    exchange_order: id("order", "ord_01kaeq4w8s0000000000000000").nullable(),
    created_at: Instant,
    updated_at: Instant,
    approved_at: Instant.nullable(),
    received_at: Instant.nullable(),
    closed_at: Instant.nullable(),
  })
  .meta({ id: "Return" })
export type Return = z.infer<typeof Return>
/** A page of returns. */
export const ReturnPage = pageOf(Return, "ReturnPage")

/** Which page of an order's returns. */
export const ReturnQuery = z.object(pageQuery)
export type ReturnQuery = z.infer<typeof ReturnQuery>

/** How everybody's returns are filtered. */
export const AllReturnsQuery = z.object({
  status: z.enum(returnStatuses).optional(),
  ...pageQuery,
})
export type AllReturnsQuery = z.infer<typeof AllReturnsQuery>

/** Names a return: its id or number. */
export const ReturnRef = line(60).meta({
  description: "Id or return number",
  example: "NX-20261120-7K3M9QXA-R1",
})
