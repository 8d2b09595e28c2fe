import { z } from "zod"

import {
  Count,
  Flag,
  id,
  Instant,
  line,
  Money,
  pageOf,
  pageQuery,
  PriceInput,
  Ref,
  Slug,
  spelled,
  TaxClass,
  Version,
} from "#lib/shapes.ts"
import { currencyQuery, inBase } from "#modules/currencies/model.ts"

import { CategoryLink } from "./category-model.ts"
import { Image } from "./media-model.ts"

/** The states of a product; the public sees active ones only. */
export const productStatuses = ["draft", "active", "archived"] as const

const Sku = line(64).meta({ example: "LAPTOP-001" })

const OptionValues = z
  .record(line(60), line(60))
  .meta({ description: "A value for each option of the product", example: { Size: "M" } })

/** One of the forms a product comes in. */
export const Variant = z
  .object({
    id: id("variant", "var_01kaeq4w8s0000000000000000"),
    sku: z.string().nullable().meta({ example: "TEE-M" }),
    options: OptionValues,
    price: Money,
    currency: z.string().meta({ example: "USD" }),
    ...inBase,
    stock_quantity: z.int().meta({ example: 12 }),
    is_in_stock: z.boolean().meta({ example: true }),
    version: Version,
    images: z.array(Image).meta({ description: "The product's pictures of this variant" }),
  })
  .meta({ id: "Variant" })
export type Variant = z.infer<typeof Variant>

const variantFields = {
  sku: Sku.nullable().optional(),
  options: OptionValues,
  price: PriceInput.nullable()
    .optional()
    .meta({ type: "string", description: "Its own price; null for the product's" }),
  stock_quantity: Count.optional(),
}
/** A form of a product to be made. */
export const NewVariant = spelled(
  { stock: "stock_quantity", quantity: "stock_quantity", inventory: "stock_quantity" },
  z.object(variantFields),
).meta({
  example: { sku: "TOOL-003-XL", options: { Size: "XL" }, stock_quantity: 10 },
})
export type NewVariant = z.infer<typeof NewVariant>
/** What changes of a variant; what is left out stays. */
export const VariantChanges = spelled(
  { stock: "stock_quantity", quantity: "stock_quantity", inventory: "stock_quantity" },
  z.object(variantFields).partial(),
).meta({
  example: { price: "25.00" },
})
export type VariantChanges = z.infer<typeof VariantChanges>

const AttributeValue = z.union([line(200), z.number(), z.boolean()], {
  error: "Text of at most 200 characters, a number, true or false.",
})
const mostAttributes = 50

const listed = {
  id: id("product", "1"),
  name: z.string().meta({ example: "Premium Laptop" }),
  title: z.string().meta({ description: "The name again", example: "Premium Laptop" }),
  slug: z.string().meta({ example: "premium-laptop" }),
  description: z.string(),
  price: Money,
  currency: z.string().meta({ example: "USD" }),
  ...inBase,
  compare_at_price: Money.nullable(),
  discount_percentage: z
    .int()
    .nullable()
    .meta({ description: "How far the price is below `compare_at_price`", example: 13 }),
  category: id("category", "1").nullable(),
  category_name: z.string().nullable(),
  category_slug: z.string().nullable(),
  brand: z.string().nullable().meta({ description: "The brand's name", example: "Apple" }),
  sku: z.string().nullable().meta({ example: "LAPTOP-001" }),
  stock_quantity: z.int().meta({
    description: "What can be bought, seconds old; `/availability` is exact",
    example: 25,
  }),
  is_in_stock: z.boolean(),
  status: z.enum(productStatuses),
  is_active: z.boolean(),
  is_featured: z.boolean(),
  is_digital: z.boolean(),
  image: z
    .string()
    .nullable()
    .meta({ description: "The primary picture", example: "/media/1/med_01kaeq4w8s.webp" }),
  options: z.array(z.object({ name: z.string(), values: z.array(z.string()) })),
  attributes: z
    .record(z.string(), AttributeValue)
    .meta({ example: { Color: "Silver", Watt: 65, Wireless: true } }),
  tags: z.array(z.string()),
  average_rating: z.number().meta({ example: 0 }),
  reviews_count: z.int().meta({ example: 0 }),
  created_at: Instant,
  updated_at: Instant,
}

/** A product in a list: no variants, pictures or SEO; its description cut to 300 characters. */
export const ProductSummary = z.object(listed).meta({ id: "ProductSummary" })
export type ProductSummary = z.infer<typeof ProductSummary>
/** A page of products, in their short form. */
export const ProductPage = pageOf(ProductSummary, "ProductPage")

const Seo = z.object({
  title: z.string().max(200).optional(),
  description: z.string().max(500).optional(),
})

/** A product in full. `cost_price` is for staff. */
export const Product = z
  .object({
    ...listed,
    version: Version,
    weight_grams: z.int().nullable(),
    purchase_limit: z.int().nullable().meta({ description: "How many one customer may have" }),
    tax_class: z.string().meta({ example: "standard" }),
    seo: Seo,
    images: z.array(Image),
    variants: z.array(Variant),
    category_path: z
      .array(CategoryLink)
      .meta({ description: "From the root down to its category" }),
    cost_price: Money.nullable().optional(),
  })
  .meta({ id: "Product" })
export type Product = z.infer<typeof Product>

const productFields = {
  name: line(255).meta({ example: "Example Shirt" }),
  price: PriceInput,
  slug: Slug.optional().meta({
    description: "Made of the name when left out; a taken one gets `-1`, `-2`…",
  }),
  category: Ref.nullable().optional().meta({ description: "Id or slug", example: "electronics" }),
  description: z.string().trim().max(20_000).optional(),
  sku: Sku.nullable().optional(),
  stock_quantity: Count.optional().meta({ description: "Of a product without variants" }),
  compare_at_price: PriceInput.nullable()
    .optional()
    .meta({ type: "string", description: "The price before, above the price" }),
  cost_price: PriceInput.nullable()
    .optional()
    .meta({ type: "string", description: "What it costs the shop; never public" }),
  brand: Ref.nullable()
    .optional()
    .meta({ description: "Id, slug or name; an unknown name makes the brand" }),
  tags: z
    .array(line(60).transform((tag) => tag.toLowerCase()))
    .max(50)
    .optional(),
  status: z.enum(productStatuses).optional(),
  is_active: z
    .boolean()
    .optional()
    .meta({ description: "`status` with two values: active or draft" }),
  is_featured: z.boolean().optional(),
  is_digital: z.boolean().optional(),
  weight_grams: z.int().min(0).max(1_000_000_000).nullable().optional(),
  purchase_limit: z.int().min(1).max(1_000_000).nullable().optional().meta({
    description: "How many of it one customer may have, all their orders together",
  }),
  tax_class: TaxClass.optional().meta({ description: "Which tax rates hold for it" }),
  seo: Seo.optional(),
  attributes: z
    .record(line(60).regex(/^[^=]*$/, "An attribute's name has no equals sign."), AttributeValue)
    .refine((all) => Object.keys(all).length <= mostAttributes, {
      message: `At most ${mostAttributes} attributes.`,
    })
    .optional()
    .meta({ description: "What lists can be narrowed by: text, numbers, true or false" }),
}

const productSpellings = {
  title: "name",
  stock: "stock_quantity",
  quantity: "stock_quantity",
  inventory: "stock_quantity",
  category_id: "category",
  brand_id: "brand",
}
const productExample = {
  name: "Example Shirt",
  description: "Heavy cotton, cut straight.",
  price: "29.99",
  category: "electronics",
  sku: "SKU-1234",
  stock_quantity: 10,
}
const Options = z
  .array(z.object({ name: line(60), values: z.array(line(60)).min(1).max(100) }))
  .max(3)

/** A product as staff enter it. */
export const NewProduct = spelled(
  productSpellings,
  z
    .object({
      ...productFields,
      options: Options.optional(),
      variants: z.array(NewVariant).max(100).optional(),
    })
    .refine(
      (product) => (product.variants?.length ?? 0) === 0 || (product.options?.length ?? 0) > 0,
      { path: ["options"], message: "Variants need options to differ in." },
    ),
).meta({ example: productExample })
export type NewProduct = z.infer<typeof NewProduct>

/** Fields that are left out stay, with PUT as with PATCH. Variants have routes of their own. */
export const ProductChanges = spelled(
  productSpellings,
  z.object({ ...productFields, options: Options }).partial(),
).meta({ example: { price: "1249.99" } })
export type ProductChanges = z.infer<typeof ProductChanges>

/** Where in a list of products, and what its prices are in. */
export const ShownQuery = z.object({ ...currencyQuery, ...pageQuery })
export type ShownQuery = z.infer<typeof ShownQuery>

/** How one product is shown. */
export const ShownIn = z.object(currencyQuery)

const PriceFilter = z
  .string()
  .regex(/^\d{1,12}(\.\d{1,3})?$/, "A valid number is required.")
  .optional()

/** How a product list is filtered (AND; a comma list in one filter is OR), ordered and cut into pages. */
export const ProductQuery = z
  .object({
    category: z
      .string()
      .optional()
      .meta({ description: "Ids or slugs; sub-categories are included", example: "electronics" }),
    category_slug: z.string().optional(),
    include_subcategories: Flag.optional(),
    brand: z.string().optional().meta({ description: "Ids, slugs or names" }),
    tag: z.string().optional(),
    min_price: PriceFilter,
    price_min: PriceFilter,
    max_price: PriceFilter,
    price_max: PriceFilter,
    min_rating: z.coerce.number({ error: "A valid number is required." }).min(0).max(5).optional(),
    in_stock: Flag.optional(),
    featured: Flag.optional(),
    status: z
      .enum(productStatuses)
      .optional()
      .meta({ description: "The public has active ones only: of the others it finds none" }),
    is_active: Flag.optional().meta({ type: "boolean", description: "`status` with two values" }),
    ...currencyQuery,
    ...pageQuery,
  })
  // `attr.<name>`: there is one for each attribute that the shop's products have.
  .catchall(z.unknown())
export type ProductQuery = z.infer<typeof ProductQuery>
