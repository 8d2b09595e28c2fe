import { and, eq, gte, lte, not, type SQL, sql } from "drizzle-orm"
import type { SQLiteColumn } from "drizzle-orm/sqlite-core"

import { may } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { type FieldError, invalid } from "#errors.ts"
import { fromDecimal } from "#lib/money.ts"
import { baseRange, ownPrices, type Presentment } from "#modules/currencies/presentment.ts"

import type { ProductQuery } from "./model.ts"
import { facets, listings, products, type ProductStatus } from "./tables.ts"

/** Values of one filter, one of which holds; with `none`, none of them. */
export type Group = { kind: Kind; values: readonly string[]; none?: boolean }
type Kind = "category" | "own-category" | "brand" | "tag" | "attribute" | "featured" | "stock"

/** Which products a list is of: of one of these statuses, in each of the groups, within the ranges. Amounts in minor units. */
export type Selection = {
  statuses: readonly ProductStatus[]
  groups: readonly Group[]
  least?: number
  most?: number
  rating?: number
}

/** Values of all filters together: each is bound up to three times, and D1 takes 100. */
const mostValues = 25
const everyStatus = ["draft", "active", "archived"] as const

/**
 * What a query asks for; the public gets active products only. Its prices are in the currency of `prices`, whose price
 * lists do not count: products are found by what they cost in the shop's own. @throws `invalid-input`, `rate-stale`
 */
export function selectionOf(
  ctx: Ctx,
  query: ProductQuery,
  prices: Presentment = ownPrices(ctx),
): Selection {
  const errors: FieldError[] = []
  const amount = (name: "min_price" | "max_price", text: string | undefined) => {
    const value = text === undefined ? undefined : fromDecimal(text, prices.currency)
    if (text !== undefined && value === undefined)
      errors.push({ field: name, detail: "A valid number is required.", code: "invalid" })
    return value
  }
  const asked = {
    least: amount("min_price", query.min_price ?? query.price_min),
    most: amount("max_price", query.max_price ?? query.price_max),
  }
  const attributes = Object.entries(query).flatMap(([name, value]) =>
    name.startsWith("attr.") ? [attributeGroup(name, value, errors)] : [],
  )
  const all: Group[] = [
    {
      kind: query.include_subcategories === false ? "own-category" : "category",
      values: [...commas(query.category), ...commas(query.category_slug)],
    },
    { kind: "brand", values: commas(query.brand) },
    { kind: "tag", values: commas(query.tag?.toLowerCase()) },
    ...attributes,
    ...(query.featured === undefined
      ? []
      : [{ kind: "featured" as const, values: [""], none: !query.featured }]),
    ...(query.in_stock === undefined
      ? []
      : [{ kind: "stock" as const, values: [query.in_stock ? "in" : "out"] }]),
  ]
  const groups = all.filter(({ values }) => values.length > 0)
  if (groups.reduce((sum, { values }) => sum + values.length, 0) > mostValues)
    errors.push({
      field: longest(groups),
      detail: `At most ${mostValues} values in all filters together.`,
      code: "too-big",
    })
  if (errors.length > 0) throw invalid(...errors)
  return {
    statuses: statusesOf(ctx, query),
    groups,
    ...baseRange(prices, asked),
    ...(query.min_rating !== undefined && { rating: query.min_rating }),
  }
}

/** The parameter of the filter with the most values. */
function longest(groups: readonly Group[]): string {
  const [group] = groups.toSorted((a, b) => b.values.length - a.values.length)
  if (group?.kind === "attribute") return `attr.${group.values[0]?.split("=")[0]}`
  return group?.kind === "brand" || group?.kind === "tag" ? group.kind : "category"
}

/** The id of the facet of everything; as a literal, so that indexes of it alone are used. */
export const everything = sql`1`

/** The facets of a group, each as the id of its row; NULL where there is none. */
export function facetsOf({ kind, values }: Group): SQL[] {
  return values.map(
    (value) =>
      sql`(SELECT facet.id FROM facets AS facet WHERE facet.name = ${nameOf(kind, value)})`,
  )
}

/** How many products of the selection's statuses are in these facets, added up. */
export function countIn(ctx: Ctx, { statuses }: Selection, ids: readonly SQL[]) {
  const ofStatuses = sql.join(
    statuses.map((status) => sql`${facets[status]}`),
    sql` + `,
  )
  return ctx.db
    .select({ n: sql<number>`coalesce(sum(${ofStatuses}), 0)`.as("n") })
    .from(facets)
    .where(sql`${facets.id} IN (${sql.join([...ids], sql`, `)})`)
}

/**
 * The selection but for its statuses and the group `driver`, as a condition on each product. `over`: the table that is
 * walked; `along`: the column in whose order, of which alone a range is one of the index. The others must not tempt
 * SQLite away from that order.
 */
export function residual(
  { groups, least, most, rating }: Selection,
  over: typeof listings | typeof products,
  along?: SQLiteColumn,
  driver?: Group,
): SQL | undefined {
  const id = over === products ? products.id : listings.productId
  const { priceAmount, averageRating } = over
  const column = (one: SQLiteColumn) => (one === along ? sql`${one}` : sql`+${one}`)
  const within = groups
    .filter((group) => group !== driver)
    .map((group) => {
      const holds = sql`EXISTS (SELECT 1 FROM listings AS other WHERE other.product_id = ${id} AND other.facet_id IN (${sql.join(facetsOf(group), sql`, `)}))`
      return group.none ? not(holds) : holds
    })
  return and(
    ...within,
    least === undefined ? undefined : gte(column(priceAmount), least),
    most === undefined ? undefined : lte(column(priceAmount), most),
    rating === undefined ? undefined : gte(column(averageRating), rating),
  )
}

/** The products of a facet in one status. */
export function listedIn(facet: SQL, status: ProductStatus): SQL | undefined {
  return and(eq(listings.facetId, facet), eq(listings.status, status))
}

function nameOf(kind: Kind, value: string): SQL {
  switch (kind) {
    case "category":
      return sql`'c:' || ${categoryId(value)}`
    case "own-category":
      return sql`'d:' || ${categoryId(value)}`
    case "brand":
      return sql`'b:' || coalesce((SELECT id FROM brands WHERE id = ${value}), (SELECT id FROM brands WHERE slug = ${value}), (SELECT id FROM brands WHERE lower(name) = lower(${value})))`
    case "tag":
      return sql`${`t:${value}`}`
    case "attribute":
      return sql`lower(${`a:${value}`})`
    case "featured":
      return sql`'f:'`
    case "stock":
      return sql`${`s:${value}`}`
  }
}

function categoryId(ref: string): SQL {
  return sql`coalesce((SELECT id FROM categories WHERE id = ${ref}), (SELECT id FROM categories WHERE slug = ${ref}))`
}

function attributeGroup(parameter: string, value: unknown, errors: FieldError[]): Group {
  const name = parameter.slice("attr.".length).trim()
  const texts = [value].flat().filter((one) => typeof one === "string")
  if (name === "" || name.includes("=") || name.length > 60)
    errors.push({ field: parameter, detail: "Name an attribute: attr.Color=red", code: "invalid" })
  return { kind: "attribute", values: texts.flatMap(commas).map((one) => `${name}=${one}`) }
}

/** Of the statuses asked for, those that the caller may see: for the public there are no drafts. */
function statusesOf(ctx: Ctx, { status, is_active: isActive }: ProductQuery): ProductStatus[] {
  const asked = everyStatus.filter(
    (one) =>
      (status === undefined || one === status) &&
      (isActive === undefined || (one === "active") === isActive),
  )
  return may(ctx, "catalog:write") ? asked : asked.filter((one) => one === "active")
}

function commas(list: string | undefined): string[] {
  const values = (list ?? "").split(",").map((part) => part.trim())
  return [...new Set(values.filter(Boolean))]
}
