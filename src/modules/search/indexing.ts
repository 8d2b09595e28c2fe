import { type SQL, sql } from "drizzle-orm"

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
  const waiting = await write(ctx, ids)
  for (const [generation, n] of waiting) if (n >= mergeAt) await merge(ctx, generation)
  await ctx.cache.expire("search")
}

/**
 * Writes the documents of products that are read after the revisions of what is there: whoever else wrote one
 * meanwhile may have read it earlier or later, so it is read and written again. What is there is never older than
 * what was. `only`: in this generation. Answers how many documents wait, up to where they are merged, by generation.
 * @throws Error when others were first ten times
 */
export async function write(
  ctx: Ctx,
  ids: readonly string[],
  only?: number,
): Promise<Map<number, number>> {
  const waiting = new Map<number, number>()
  let left = [...new Set(ids)]
  for (let tries = 0; left.length > 0; tries++) {
    if (tries === 10) throw new Error(`${left.length} products change faster than they are indexed`)
    const [states, revisions] = await ctx.search.batch([
      sql<{ live: number; building: number | null }>`SELECT live, building FROM search_state`,
      sql<{
        id: string
        generation: number
        revision: number
      }>`SELECT d.product_id AS id, d.generation, d.revision FROM generations AS g CROSS JOIN json_each(${JSON.stringify(left)}) AS j CROSS JOIN docs AS d ON d.generation = g.generation AND d.product_id = j.value`,
    ])
    const generations = [states[0]?.live, states[0]?.building].filter(
      (one) => typeof one === "number" && (only === undefined || one === only),
    ) as number[]
    const known = new Map(revisions.map((row) => [`${row.generation} ${row.id}`, row.revision]))
    const sources = await readSources(ctx, left)
    const documents = left.map((id) => {
      const source = sources.get(id)
      return [id, source ? JSON.stringify(documentOf(source)) : "null"] as const
    })
    const answers = await ctx.search.batch(
      generations.flatMap((generation) => [
        upserts(
          generation,
          documents.map(([id, fresh]) => [id, known.get(`${generation} ${id}`) ?? 0, fresh]),
        ),
        sql<{
          n: number
        }>`SELECT count(*) AS n FROM (SELECT 1 FROM docs WHERE generation = ${generation} AND packed_revision <> revision LIMIT ${mergeAt})`,
      ]),
    )
    const missed = new Set<string>()
    for (const [at, generation] of generations.entries()) {
      const written = new Set((answers[2 * at] as { id: string }[]).map(({ id }) => id))
      for (const id of left) if (!written.has(id)) missed.add(id)
      waiting.set(generation, (answers[2 * at + 1] as { n: number }[])[0]?.n ?? 0)
    }
    left = [...missed]
  }
  return waiting
}

/** Writes each document whose revision is still the one that was read; answers which. */
function upserts(generation: number, rows: readonly (readonly [string, number, string])[]): SQL {
  return sql`
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
    RETURNING product_id AS id`
}
