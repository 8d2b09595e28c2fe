import { sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import { commit } from "#platform/commit.ts"

import { documentOf } from "./document.ts"
import { merge } from "./merging.ts"
import { nextOf, readSources, withBelow } from "./source.ts"

/** Products that are read at once. */
export const pageSize = 250

/** Events of one batch: the queue takes a hundred messages at once. */
const eventsAtOnce = 90

/** So many documents wait before they are merged: a search looks at each of them. */
const mergeAt = 64

/** What follows a change of the catalogue: the product, or the products of the brand, are indexed anew. Idempotent. */
export async function follow(
  ctx: Ctx,
  { productId, brandId }: Extract<Event, { type: "catalog.changed" }>,
): Promise<void> {
  if (productId) await index(ctx, [productId])
  if (brandId) await refresh(ctx, { type: "products.outdated", brandId })
}

/** What follows another name or place of a category: its products and those below it are indexed anew. Idempotent. */
export async function followCategory(
  ctx: Ctx,
  { categoryId }: Extract<Event, { type: "category.changed" }>,
): Promise<void> {
  const events = (await withBelow(ctx, categoryId)).map((id): Event => ({
    type: "products.outdated",
    categoryId: id,
  }))
  for (let start = 0; start < events.length; start += eventsAtOnce)
    await commit(ctx, [], { events: events.slice(start, start + eventsAtOnce) })
}

/** Indexes a page of a category's or brand's products anew; the next page is an event of its own. Idempotent. */
export async function refresh(
  ctx: Ctx,
  event: Extract<Event, { type: "products.outdated" }>,
): Promise<void> {
  const places = await nextOf(ctx, event, event.after, pageSize)
  await index(
    ctx,
    places.map(([, , id]) => id),
  )
  const last = places.at(-1)
  if (places.length === pageSize && last)
    await commit(ctx, [], { events: [{ ...event, after: last }] })
}

/** What an import made or changed is indexed. Idempotent. */
export async function followImport(
  ctx: Ctx,
  { productIds }: Extract<Event, { type: "products.imported" }>,
): Promise<void> {
  for (let start = 0; start < productIds.length; start += pageSize)
    await index(ctx, productIds.slice(start, start + pageSize))
}

/** What a sale or a delivery changes of a product is indexed. Idempotent. */
export async function restock(
  ctx: Ctx,
  event: Extract<Event, { type: "stock.turned" }>,
): Promise<void> {
  await index(ctx, [event.productId])
}

/** Indexes products as they are in the database now, in every generation there is. At most a page of them. */
async function index(ctx: Ctx, ids: readonly string[]): Promise<void> {
  const [state] = await ctx.search.all(
    sql<{ live: number; building: number | null }>`SELECT live, building FROM search_state`,
  )
  const generations = [state?.live, state?.building].filter((one) => typeof one === "number")
  for (const generation of generations) {
    await write(ctx, generation, ids)
    if ((await waitingIn(ctx, generation)) >= mergeAt) await merge(ctx, generation)
  }
  await ctx.cache.expire("search")
}

/**
 * Writes the documents of products that are read after the revisions of what is there: whoever else wrote one
 * meanwhile may have read it earlier or later, so it is read and written again. What is there is never older than
 * what was.
 * @throws Error when others were first ten times
 */
export async function write(ctx: Ctx, generation: number, ids: readonly string[]): Promise<void> {
  let left = [...new Set(ids)]
  for (let tries = 0; left.length > 0; tries++) {
    if (tries === 10) throw new Error(`${left.length} products change faster than they are indexed`)
    const revisions = await ctx.search.all(
      sql<{
        id: string
        revision: number
      }>`SELECT d.product_id AS id, d.revision FROM json_each(${JSON.stringify(left)}) AS j CROSS JOIN docs AS d ON d.generation = ${generation} AND d.product_id = j.value`,
    )
    const known = new Map(revisions.map(({ id, revision }) => [id, revision]))
    const sources = await readSources(ctx, left)
    const rows = left.map((id) => {
      const source = sources.get(id)
      return [id, known.get(id) ?? 0, source ? JSON.stringify(documentOf(source)) : "null"]
    })
    const written = await ctx.search.all(sql<{ id: string }>`
      INSERT INTO docs (generation, product_id, revision, packed_revision, fresh, packed)
      SELECT ${generation}, value ->> 0, (value ->> 1) + 1, 0, value ->> 2, 'null'
      FROM json_each(${JSON.stringify(rows)}) WHERE true
      ON CONFLICT (generation, product_id) DO UPDATE SET
        packed = CASE
          WHEN docs.packed_revision <> docs.revision THEN docs.packed
          WHEN docs.fresh = excluded.fresh THEN NULL
          ELSE docs.fresh END,
        packed_revision = CASE
          WHEN docs.packed_revision = docs.revision AND docs.fresh = excluded.fresh THEN excluded.revision
          ELSE docs.packed_revision END,
        fresh = excluded.fresh,
        revision = excluded.revision
      WHERE docs.revision = excluded.revision - 1
      RETURNING product_id AS id`)
    const done = new Set(written.map(({ id }) => id))
    left = left.filter((id) => !done.has(id))
  }
}

async function waitingIn(ctx: Ctx, generation: number): Promise<number> {
  const [row] = await ctx.search.all(
    sql<{
      n: number
    }>`SELECT count(*) AS n FROM (SELECT 1 FROM docs WHERE generation = ${generation} AND packed_revision <> revision LIMIT ${mergeAt})`,
  )
  return row?.n ?? 0
}
