import { and, gt, inArray, type SQL, sql } from "drizzle-orm"
import { sqliteTable, text } from "drizzle-orm/sqlite-core"

import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { commit } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import { products } from "./tables.ts"

/** The view of the migrations that lists a product anew when its id is inserted. */
const relisting = sqliteTable("relisting", { productId: text().$type<Id<"product">>().notNull() })

/** So many products are listed anew in one commit. */
const pageSize = 500

/**
 * Lists the products of a category and of all below it anew, after it got another place or name: with the same commit,
 * or, where there are more than a page of them (`n`), by the event, page by page, until none is left.
 */
export function stageRelist(
  ctx: Ctx,
  categoryId: Id<"category">,
  n: number,
): { statements: Statement[]; events: Event[] } {
  if (n === 0) return { statements: [], events: [] }
  if (n > pageSize) return { statements: [], events: [{ type: "listings.outdated", categoryId }] }
  const all = ctx.db
    .select({ productId: products.id })
    .from(products)
    .where(inArray(products.categoryId, below(categoryId)))
  return { statements: [ctx.db.insert(relisting).select(all)], events: [] }
}

/** The next page of them. For the event; safe to run twice, since a product is listed as it is then. */
export async function relist(
  ctx: Ctx,
  event: Extract<Event, { type: "listings.outdated" }>,
): Promise<void> {
  const { categoryId, after } = event
  const page = await ctx.db
    .select({ id: products.id, categoryId: products.categoryId })
    .from(products)
    .where(
      and(
        inArray(products.categoryId, below(categoryId)),
        after
          ? gt(
              sql`(${products.categoryId}, ${products.id})`,
              sql`(${after.categoryId}, ${after.productId})`,
            )
          : undefined,
      ),
    )
    .orderBy(products.categoryId, products.id)
    .limit(pageSize)
  const last = page.at(-1)
  if (!last?.categoryId) return
  const ids = JSON.stringify(page.map(({ id }) => id))
  await commit(ctx, [ctx.db.insert(relisting).select(sql`SELECT value FROM json_each(${ids})`)], {
    events:
      page.length < pageSize
        ? [{ type: "catalog.changed" }]
        : [{ ...event, after: { categoryId: last.categoryId, productId: last.id } }],
  })
}

/** The ids of a category and of all below it. */
function below(id: Id<"category">): SQL {
  return sql`(SELECT category.id FROM categories AS root JOIN categories AS category ON category.path >= root.path AND category.path < substr(root.path, 1, length(root.path) - 1) || '0' WHERE root.id = ${id})`
}
