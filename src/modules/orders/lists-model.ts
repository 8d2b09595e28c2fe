import { z } from "zod"

import { pageQuery, Ref } from "#lib/shapes.ts"

import { orderStatuses, paymentStatuses } from "./status.ts"

/** One value, or several separated by commas: any of them. */
function anyOf<const T extends string>(values: readonly [T, ...T[]]) {
  const parts = (text: string) => [...new Set(text.split(",").map((part) => part.trim()))]
  const isKnown = (part: string): part is T => (values as readonly string[]).includes(part)
  return z
    .string()
    .refine((text) => parts(text).every(isKnown), `Any of ${values.join(", ")}.`)
    .transform((text) => parts(text).filter(isKnown))
    .optional()
    .meta({ type: "string", description: `${values.join(", ")}; several separated by commas` })
}

const DateFilter = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })], {
    error: "A date is required: 2026-11-20.",
  })
  .optional()
  .meta({
    description: "A day in UTC, both ends included, or an instant",
    example: "2026-11-20",
  })
const AmountFilter = z
  .string()
  .regex(/^\d{1,12}(\.\d{1,3})?$/, "A valid number is required.")
  .optional()
  .meta({ example: "100.00" })

const filters = {
  status: anyOf(orderStatuses),
  payment_status: anyOf(paymentStatuses),
  date_from: DateFilter,
  date_to: DateFilter,
  min_total: AmountFilter,
  max_total: AmountFilter,
}
const Search = z.string().trim().min(1).max(200).optional()

/** How somebody's own orders are filtered. */
export const OrderQuery = z.object({
  ...filters,
  search: Search.meta({
    description: "A part of the order number or of a product's name, or a SKU",
    example: "laptop",
  }),
  ...pageQuery,
})
export type OrderQuery = z.infer<typeof OrderQuery>

const staffFilters = {
  ...filters,
  search: Search.meta({
    description:
      "An order id or a SKU; or how the order number, the e-mail or the recipient's last name begins. Of each kind the last 200 are looked at",
    example: "NX-20261120",
  }),
  user: Ref.optional().meta({ description: "Orders of this account, by its id" }),
  user_email: z
    .string()
    .trim()
    .min(1)
    .max(320)
    .optional()
    .meta({ description: "How the e-mail begins", example: "ada@" }),
}

/** How everybody's orders are filtered. */
export const AllOrdersQuery = z.object({ ...staffFilters, ...pageQuery })
export type AllOrdersQuery = z.infer<typeof AllOrdersQuery>

/** Which orders an export holds. */
export const OrderExportQuery = z.object({
  ...staffFilters,
  ordering: pageQuery.ordering,
  rows: z.enum(["orders", "lines"]).default("orders").meta({
    description: "A row for each order, or for each line of each order",
  }),
})
export type OrderExportQuery = z.infer<typeof OrderExportQuery>
