import { generateProducts, madeBrands, madeCategories, type MadeProduct } from "./catalogue.ts"

/** Rows of a table: what its columns hold, in their order. */
export type Insert = { into: string; columns: string[]; rows: (string | number | null)[][] }

const now = "2026-01-01T00:00:00.000Z"

/** The rows of a made-up catalogue, in the order they go in: past every verb, without an event or a stock object. */
export function catalogueRows(products: number | readonly MadeProduct[]): Insert[] {
  const made = typeof products === "number" ? generateProducts(products) : products
  return [
    insert(
      "categories",
      "id name slug description parent_id path is_active product_count created_at updated_at",
      madeCategories.map(({ id, name, slug, parentId, path }) => [
        id,
        name,
        slug,
        "",
        parentId,
        path,
        1,
        0,
        now,
        now,
      ]),
    ),
    insert(
      "brands",
      "id name slug created_at updated_at",
      madeBrands.map(({ id, name }) => [id, name, name.toLowerCase(), now, now]),
    ),
    insert(
      "products",
      "id name slug description price_amount compare_at_amount currency category_id brand_id sku status is_featured is_digital tags attributes seo options image_key stock_quantity stock_version average_rating reviews_count created_at updated_at",
      made.map((one) => [
        one.id,
        one.name,
        one.slug,
        one.description,
        one.priceAmount,
        one.compareAtAmount,
        "USD",
        one.categoryId,
        one.brandId,
        one.sku,
        one.status,
        Number(one.isFeatured),
        0,
        JSON.stringify(one.tags),
        JSON.stringify(one.attributes),
        "{}",
        "[]",
        imageOf(one),
        one.stockQuantity,
        1,
        one.averageRating,
        one.reviewsCount,
        one.createdAt,
        one.createdAt,
      ]),
    ),
    insert(
      "variants",
      "id product_id sku options stock_quantity position created_at updated_at",
      made.map((one) => [
        one.id,
        one.id,
        one.sku,
        "{}",
        one.stockQuantity,
        0,
        one.createdAt,
        one.createdAt,
      ]),
    ),
    insert(
      "media",
      "id product_id key content_type bytes alt_text is_primary position created_at",
      made.map((one) => [
        `med_${one.id}`,
        one.id,
        imageOf(one),
        "image/webp",
        48_000,
        one.name,
        1,
        0,
        one.createdAt,
      ]),
    ),
  ]
}

/** Puts them into a D1 database, a thousand a round trip. What is there stays. */
export async function storeRows(db: D1Database, inserts: readonly Insert[]): Promise<void> {
  for (const { into, columns, rows } of inserts) {
    const values = columns.map((_, index) => `value ->> ${index}`).join(", ")
    const statement = `INSERT OR IGNORE INTO ${into} (${columns.join(", ")}) SELECT ${values} FROM json_each(?)`
    for (let start = 0; start < rows.length; start += 1000)
      await db
        .prepare(statement)
        .bind(JSON.stringify(rows.slice(start, start + 1000)))
        .run()
  }
}

function imageOf({ id }: MadeProduct): string {
  return `${id}/med_${id}.webp`
}

function insert(into: string, columns: string, rows: Insert["rows"]): Insert {
  return { into, columns: columns.split(" "), rows }
}
