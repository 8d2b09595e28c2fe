import { z } from "zod"

import { areaFields, id, Instant, line, pageOf, pageQuery, TaxClass, Version } from "#lib/shapes.ts"

const Rate = z
  .union([z.string(), z.number()], { error: "A percentage is required." })
  .transform(String)
  .refine(
    (text) => /^\d{1,3}(\.\d{1,4})?$/.test(text) && Number(text) <= 100,
    "A percentage from 0 to 100, with at most four decimals.",
  )
  .meta({ type: "string", example: "9.975" })

const fields = {
  name: line(100).meta({ description: "Orders show it", example: "QST" }),
  tax_class: TaxClass,
  ...areaFields,
  rate: Rate.meta({ description: "In percent", type: "string", example: "9.975" }),
  priority: z.int().min(1, "From 1 to 9.").max(9, "From 1 to 9.").meta({
    description:
      "Of one priority only the closest rate counts: postal code before state before country. Rates of several priorities are added up",
    example: 2,
  }),
  compound: z
    .boolean({ error: "Must be true or false." })
    .meta({ description: "On top of the taxes of lower priorities, not beside them" }),
}

/** A tax rate as staff enter it. */
export const NewTaxRate = z
  .object({
    ...fields,
    tax_class: fields.tax_class.default("standard"),
    state: fields.state.default(""),
    postal_prefix: fields.postal_prefix.default(""),
    priority: fields.priority.default(1),
    compound: fields.compound.default(false),
  })
  .meta({
    id: "NewTaxRate",
    example: { name: "QST", country: "CA", state: "QC", rate: "9.975", priority: 2 },
  })
export type NewTaxRate = z.infer<typeof NewTaxRate>

/** What changes of a tax rate; what is left out stays. Orders keep the rates they were placed with. */
export const TaxRateChanges = z
  .object(fields)
  .partial()
  .meta({ id: "TaxRateChanges", example: { rate: "9.5" } })
export type TaxRateChanges = z.infer<typeof TaxRateChanges>

/** A tax rate. */
export const TaxRate = z
  .object({
    id: id("taxRate", "txr_01kaeq4w8s0000000000000000"),
    name: z.string(),
    tax_class: z.string().meta({ example: "standard" }),
    country: z.string(),
    state: z.string(),
    postal_prefix: z.string(),
    rate: z.string().meta({ description: "In percent", example: "9.975" }),
    priority: z.int(),
    compound: z.boolean(),
    version: Version,
    created_at: Instant,
    updated_at: Instant,
  })
  .meta({ id: "TaxRate" })
export type TaxRate = z.infer<typeof TaxRate>
/** A page of tax rates. */
export const TaxRatePage = pageOf(TaxRate, "TaxRatePage")
/** How a list of tax rates is filtered. */
export const TaxRateQuery = z.object({
  country: z.string().optional().meta({ example: "CA" }),
  ...pageQuery,
})
export type TaxRateQuery = z.infer<typeof TaxRateQuery>
