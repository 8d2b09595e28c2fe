import { z } from "zod"

import { id, Instant, line, pageOf, pageQuery, Ref, Slug, Version } from "#lib/shapes.ts"

/** A category's name and address, where another thing mentions it. */
export const CategoryLink = z.object({
  id: id("category", "1"),
  name: z.string().meta({ example: "Electronics" }),
  slug: z.string().meta({ example: "electronics" }),
})
export type CategoryLink = z.infer<typeof CategoryLink>

/** A category. `product_count` covers its sub-categories. */
export const Category = CategoryLink.extend({
  description: z.string().meta({ example: "Things with a plug" }),
  parent: id("category", "1").nullable(),
  path: z.array(CategoryLink).meta({ description: "From the root down to the category itself" }),
  children: z.array(CategoryLink),
  product_count: z.int().meta({ example: 12 }),
  is_active: z.boolean().meta({ example: true }),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
}).meta({ id: "Category" })
export type Category = z.infer<typeof Category>
/** A page of categories. */
export const CategoryPage = pageOf(Category, "CategoryPage")

/** A category with everything below it. */
export const CategoryTree: z.ZodType<CategoryTree> = CategoryLink.extend({
  product_count: z.int(),
  get children() {
    return z.array(CategoryTree)
  },
}).meta({ id: "CategoryTree" })
export type CategoryTree = CategoryLink & {
  product_count: number
  children: CategoryTree[]
}

const categoryFields = {
  name: line(200).meta({ example: "Test Electronics" }),
  slug: Slug.optional().meta({ description: "Made of the name when left out" }),
  description: z.string().trim().max(5000).optional().meta({ example: "Devices and gadgets" }),
  parent: Ref.nullable()
    .optional()
    .meta({ description: "The category above: id or slug", example: null }),
  is_active: z.boolean().optional(),
}

/** A category to be made. */
export const NewCategory = z.object(categoryFields).meta({
  id: "NewCategory",
  example: { name: "Test Electronics", description: "Devices and gadgets" },
})
export type NewCategory = z.infer<typeof NewCategory>
/** What changes of a category; what is left out stays. */
export const CategoryChanges = z
  .object(categoryFields)
  .partial()
  .meta({ id: "CategoryChanges", example: { description: "All things with a plug" } })
export type CategoryChanges = z.infer<typeof CategoryChanges>
/** How a list of categories is filtered. */
export const CategoryQuery = z.object({
  parent: z
    .string()
    .optional()
    .meta({ description: "Only the children of this one; `null` for the roots" }),
  ...pageQuery,
})
export type CategoryQuery = z.infer<typeof CategoryQuery>
