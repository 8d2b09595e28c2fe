import { and, gt, inArray, type SQL, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { commit } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import { products } from "./tables.ts"

/** So many products are listed anew with the change itself; of a larger category the rest follows, page by page. */
const pageSize = 500

/**
 * Lists the products of a category and of all below it anew, after it got another place or name: a page of them in the
 * same commit, the others by the event, until none is left. `n`: how many there are.
 */
export function stageRelist(
  ctx: Ctx,
  categoryId: Id<"category">,
  n: number,
): { statements: Statement[]; events: Event[] } {
  if (n === 0) return { statements: [], events: [] }
  if (n > pageSize) return { statements: [], events: [{ type: "category.changed", categoryId }] }
  const all = ctx.db
    .select({ id: products.id })
    .from(products)
    .where(inArray(products.categoryId, below(categoryId)))
  return { statements: [ctx.db.run(sql`INSERT INTO relisting (product_id) ${all}`)], events: [] }
}

/** The next page of them. For the event; safe to run twice, since a product is listed as it is then. */
export async function relist(
  ctx: Ctx,
  event: Extract<Event, { type: "category.changed" }>,
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
  await commit(
    ctx,
    [ctx.db.run(sql`INSERT INTO relisting (product_id) SELECT value FROM json_each(${ids})`)],
    {
      events:
        page.length < pageSize
          ? [{ type: "catalog.changed" }]
          : [{ ...event, after: { categoryId: last.categoryId, productId: last.id } }],
    },
  )
}

/** The ids of a category and of all below it. */
function below(id: Id<"category">): SQL {
  return sql`(SELECT category.id FROM categories AS root JOIN categories AS category ON category.path >= root.path AND category.path < substr(root.path, 1, length(root.path) - 1) || '0' WHERE root.id = ${id})`
}
