import { sql } from "drizzle-orm"
import {
  check,
  index,
  integer,
  primaryKey,
  real,
  sqliteTable,
  text,
  uniqueIndex,
} from "drizzle-orm/sqlite-core"

import type { Id } from "#lib/id.ts"

import type { CategoryLink } from "./category-model.ts"
import type { ImportLine } from "./import-model.ts"

/**
 * The category tree. `path` lists the ids from the root down to the category itself, `/1/4/9/`, so that a sub-tree
 * is a range of it; `trail` is the same with names and slugs, written by triggers only. `productCount` counts the
 * category's own active products.
 */
export const categories = sqliteTable(
  "categories",
  {
    id: text().$type<Id<"category">>().primaryKey(),
    name: text().notNull(),
    slug: text().notNull(),
    description: text().notNull(),
    parentId: text().$type<Id<"category">>(),
    path: text().notNull(),
    trail: text({ mode: "json" }).$type<CategoryLink[]>().notNull().default([]),
    isActive: integer({ mode: "boolean" }).notNull(),
    productCount: integer().notNull(),
    version: integer().notNull().default(1),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    uniqueIndex("categories_slug").on(t.slug),
    uniqueIndex("categories_name").on(t.parentId, sql`lower(${t.name})`),
    uniqueIndex("categories_root_name")
      .on(sql`lower(${t.name})`)
      .where(sql`parent_id IS NULL`),
    index("categories_path").on(t.path),
  ],
)

/** Who makes the products. */
export const brands = sqliteTable(
  "brands",
  {
    id: text().$type<Id<"brand">>().primaryKey(),
    name: text().notNull(),
    slug: text().notNull(),
    description: text().notNull().default(""),
    version: integer().notNull().default(1),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    uniqueIndex("brands_slug").on(t.slug),
    uniqueIndex("brands_name").on(sql`lower(${t.name})`),
    index("brands_by_name").on(t.name, t.id),
    index("brands_created").on(t.createdAt, t.id),
  ],
)

/** The states of a product; the public sees active ones only. */
export type ProductStatus = "draft" | "active" | "archived"

/** An option of a product and the values it comes in: Size, S M L. */
export type Option = { name: string; values: string[] }
/** What a product is like, by name; lists are narrowed by it. */
export type Attributes = Record<string, string | number | boolean>
export type Seo = { title?: string | undefined; description?: string | undefined }

/**
 * Products. Amounts are minor units of `currency`. `sku` repeats the default variant's; `stockQuantity` is what was
 * available at `stockVersion` of the product's stock object: a projection for lists, seconds old.
 */
export const products = sqliteTable(
  "products",
  {
    id: text().$type<Id<"product">>().primaryKey(),
    name: text().notNull(),
    slug: text().notNull(),
    description: text().notNull(),
    priceAmount: integer().notNull(),
    compareAtAmount: integer(),
    costAmount: integer(),
    currency: text().notNull(),
    categoryId: text()
      .$type<Id<"category">>()
      .references(() => categories.id),
    brandId: text()
      .$type<Id<"brand">>()
      .references(() => brands.id),
    sku: text(),
    status: text({ enum: ["draft", "active", "archived"] }).notNull(),
    isFeatured: integer({ mode: "boolean" }).notNull(),
    isDigital: integer({ mode: "boolean" }).notNull(),
    weightGrams: integer(),
    /** How many of it one customer may have, all their orders together; NULL: any number. */
    purchaseLimit: integer(),
    /** Which tax rates hold for it: `standard`, `reduced`… */
    taxClass: text().notNull().default("standard"),
    tags: text({ mode: "json" }).$type<string[]>().notNull(),
    attributes: text({ mode: "json" }).$type<Attributes>().notNull(),
    seo: text({ mode: "json" }).$type<Seo>().notNull(),
    options: text({ mode: "json" }).$type<Option[]>().notNull(),
    imageKey: text(),
    stockQuantity: integer().notNull(),
    stockVersion: integer().notNull(),
    averageRating: real().notNull(),
    reviewsCount: integer().notNull(),
    version: integer().notNull().default(1),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    uniqueIndex("products_slug").on(t.slug),
    index("products_status_updated").on(t.status, t.updatedAt, t.id),
    index("products_status_stock").on(t.status, t.stockQuantity, t.id),
    index("products_category").on(t.categoryId, t.id),
    index("products_brand").on(t.brandId, t.id),
    check("products_price", sql`price_amount > 0`),
    check("products_compare_at", sql`compare_at_amount > price_amount`),
  ],
)

/**
 * What a list can be narrowed to by one value, with how many products of each status are in it. Names: `` (all, id 1),
 * `c:<category>` (in it or below it), `d:<category>` (in it), `b:<brand>`, `t:<tag>`, `a:<attribute>=<value>`, `f:`
 * (featured), `s:in` and `s:out` (of stock). Written by triggers on `products` only.
 */
export const facets = sqliteTable(
  "facets",
  {
    id: integer().primaryKey(),
    name: text().notNull(),
    draft: integer().notNull().default(0),
    active: integer().notNull().default(0),
    archived: integer().notNull().default(0),
  },
  (t) => [uniqueIndex("facets_name").on(t.name)],
)

/**
 * A row for each facet of each product, with what lists are ordered by: a page of a facet in an order is a range of one
 * index. `categoryName` is empty for a product of no category. Written by triggers on `products`; see `relisting`.
 */
export const listings = sqliteTable(
  "listings",
  {
    productId: text().$type<Id<"product">>().notNull(),
    facetId: integer().notNull(),
    status: text({ enum: ["draft", "active", "archived"] }).notNull(),
    name: text().notNull(),
    priceAmount: integer().notNull(),
    priceDown: integer().generatedAlwaysAs(sql`(-price_amount)`, { mode: "virtual" }),
    averageRating: real().notNull(),
    createdAt: text().notNull(),
    categoryName: text().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.productId, t.facetId] }),
    index("listings_created").on(t.facetId, t.status, t.createdAt, t.productId),
    index("listings_price").on(t.facetId, t.status, t.priceAmount, t.productId),
    index("listings_name").on(t.facetId, t.status, t.name, t.productId),
    index("listings_rating").on(t.facetId, t.status, t.averageRating, t.productId),
    index("listings_category").on(t.facetId, t.status, t.categoryName, t.productId),
    // `ordering=category,price` and `category,-price` over everything, where the groups of equal categories are large.
    // The price is turned round for the second: a cursor is one range of an index when all fields go the same way.
    index("listings_category_price")
      .on(t.status, t.categoryName, t.priceAmount, t.productId)
      .where(sql`facet_id = 1`),
    index("listings_category_price_down")
      .on(t.status, t.categoryName, t.priceDown, t.productId)
      .where(sql`facet_id = 1`),
  ],
)

/** One row, id 1: counts the changes after which some list has other rows or another order. Written by triggers. */
export const catalogVersion = sqliteTable("catalog_version", {
  id: integer().primaryKey(),
  version: integer().notNull(),
})

/** Slugs that products, categories and brands had before, until a new thing takes one. */
export const oldSlugs = sqliteTable(
  "old_slugs",
  {
    kind: text({ enum: ["product", "category", "brand"] }).notNull(),
    slug: text().notNull(),
    targetId: text().notNull(),
    createdAt: text().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.kind, t.slug] }),
    index("old_slugs_target").on(t.kind, t.targetId),
  ],
)

/**
 * What is sold and stocked. Each product has a default variant under the product's own id, which carries its SKU;
 * it is the thing to buy unless the product comes in options. `priceAmount` NULL: the product's price.
 */
export const variants = sqliteTable(
  "variants",
  {
    id: text().$type<Id<"variant">>().primaryKey(),
    productId: text()
      .$type<Id<"product">>()
      .notNull()
      .references(() => products.id),
    sku: text(),
    options: text({ mode: "json" }).$type<Record<string, string>>().notNull(),
    priceAmount: integer(),
    stockQuantity: integer().notNull(),
    /** How far what is there lies above the quantity that counts as low; at zero and below it is low. */
    lowMargin: integer().notNull().default(0),
    /** Whether its stock is watched: what is not tracked never runs out. */
    isTracked: integer({ mode: "boolean" }).notNull().default(true),
    /** How many may be sold beyond what is there. */
    backorderLimit: integer().notNull().default(0),
    /** False for a product's own variant while the product comes in options. */
    isStocked: integer({ mode: "boolean" }).notNull().default(true),
    position: integer().notNull(),
    /** Set when it is no longer sold: orders still name it. */
    removedAt: text(),
    version: integer().notNull().default(1),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    uniqueIndex("variants_sku").on(t.sku),
    index("variants_product").on(t.productId, t.position),
    index("variants_stock")
      .on(t.stockQuantity, t.id)
      .where(sql`is_stocked = 1 AND removed_at IS NULL`),
    index("variants_low")
      .on(t.lowMargin, t.id)
      .where(sql`is_stocked = 1 AND removed_at IS NULL AND is_tracked = 1`),
    check("variants_price", sql`price_amount > 0`),
  ],
)

/**
 * Pictures and videos of products; the bytes are in R2 under `media/<key>`. One picture is primary where there is any.
 * All of kind `spin` are the frames of one turn around the product (or variant), in the order of `position`.
 */
export const media = sqliteTable(
  "media",
  {
    id: text().$type<Id<"media">>().primaryKey(),
    productId: text()
      .$type<Id<"product">>()
      .notNull()
      .references(() => products.id),
    key: text().notNull(),
    contentType: text().notNull(),
    bytes: integer().notNull(),
    altText: text().notNull(),
    isPrimary: integer({ mode: "boolean" }).notNull(),
    position: integer().notNull(),
    createdAt: text().notNull(),
    kind: text({ enum: ["image", "video", "spin"] })
      .notNull()
      .default("image"),
    /** The form of the product that it shows; NULL: the product. */
    variantId: text().$type<Id<"variant">>(),
    /** Pixels, by the file's header; NULL for videos. */
    width: integer(),
    height: integer(),
  },
  (t) => [
    index("media_product").on(t.productId, t.position),
    uniqueIndex("media_primary")
      .on(t.productId)
      .where(sql`is_primary = 1`),
  ],
)

/**
 * Large files that are worked off in chunks; the file is in R2 under `key`. `position` (bytes) and `line` say how far
 * it is: they advance in the batch of the chunk's own rows, from the place where the chunk began, or the batch fails.
 */
export const imports = sqliteTable(
  "imports",
  {
    id: text().$type<Id<"import">>().primaryKey(),
    kind: text({ enum: ["products", "categories"] }).notNull(),
    status: text({ enum: ["queued", "running", "done", "failed", "cancelled"] }).notNull(),
    format: text({ enum: ["ndjson", "csv", "shopify"] }).notNull(),
    mode: text({ enum: ["upsert", "create", "update"] }).notNull(),
    dryRun: integer({ mode: "boolean" }).notNull(),
    key: text().notNull(),
    bytes: integer().notNull(),
    delimiter: text().notNull(),
    columns: text({ mode: "json" }).$type<string[]>().notNull(),
    position: integer().notNull(),
    line: integer().notNull(),
    created: integer().notNull(),
    updated: integer().notNull(),
    unchanged: integer().notNull(),
    skipped: integer().notNull(),
    failed: integer().notNull(),
    /** Tries of the chunk at `position`. */
    attempts: integer().notNull(),
    error: text(),
    /** Who asked for it, as ledgers write it. */
    actor: text().notNull(),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
    finishedAt: text(),
  },
  (t) => [index("imports_created").on(t.createdAt, t.id)],
)

/** What became of each line of a large file. */
export const importLines = sqliteTable(
  "import_lines",
  {
    importId: text().$type<Id<"import">>().notNull(),
    line: integer().notNull(),
    recordId: text(),
    outcome: text({ enum: ["created", "updated", "unchanged", "skipped", "failed"] }).notNull(),
    said: text({ mode: "json" }).$type<Pick<ImportLine, "errors" | "warnings">>().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.importId, t.line] }),
    index("import_lines_outcome").on(t.importId, t.outcome, t.line),
  ],
)

/** Ids, SKUs and handles that lines of a file which is being worked off have taken: a file names each once. */
export const importKeys = sqliteTable(
  "import_keys",
  {
    importId: text().$type<Id<"import">>().notNull(),
    key: text().notNull(),
    line: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.importId, t.key] })],
)
