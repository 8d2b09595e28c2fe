import { z } from "zod"

import { id, Instant, line, pageOf, pageQuery, Slug, Version } from "#lib/shapes.ts"

/** A brand. */
export const Brand = z
  .object({
    id: id("brand", "brd_01kaeq4w8s0000000000000000"),
    name: z.string().meta({ example: "Apple" }),
    slug: z.string().meta({ example: "apple" }),
    description: z.string().meta({ example: "Makers of laptops" }),
    product_count: z.int().meta({ description: "Active products", example: 4 }),
    version: Version,
    created_at: Instant,
    updated_at: Instant,
  })
  .meta({ id: "Brand" })
export type Brand = z.infer<typeof Brand>
/** A page of brands. */
export const BrandPage = pageOf(Brand, "BrandPage")
/** Which page of brands. */
export const BrandQuery = z.object(pageQuery)
export type BrandQuery = z.infer<typeof BrandQuery>
const brandFields = {
  name: line(200).meta({ example: "Fairwind" }),
  slug: Slug.optional().meta({ description: "Made of the name when left out" }),
  description: z.string().trim().max(5000).optional(),
}
/** A brand to be made. */
export const NewBrand = z
  .object(brandFields)
  .meta({ id: "NewBrand", example: { name: "Fairwind" } })
export type NewBrand = z.infer<typeof NewBrand>
/** What changes of a brand; what is left out stays. */
export const BrandChanges = z
  .object(brandFields)
  .partial()
  .meta({ id: "BrandChanges", example: { description: "Sails and rope since 1902" } })
export type BrandChanges = z.infer<typeof BrandChanges>
