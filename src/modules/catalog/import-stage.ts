import { getTableColumns, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { jsonRowsOf, type Statement } from "#platform/db.ts"

import { stageCount } from "./categories.ts"
import type { Run } from "./import-chunk.ts"
import type { Known } from "./import-look.ts"
import type { ProductRow } from "./product.ts"
import { figuresOf, stageSnapshots, stageTotal } from "./projection.ts"
import { stageSlugs } from "./slugs.ts"
import { brands, categories, products, variants } from "./tables.ts"
import * as variantVerbs from "./variants.ts"

type VariantRow = variantVerbs.VariantRow

/** A product that a line makes or changes: its rows as they will be, as they were, and those whose stock is set. */
export type Write = {
  line: number
  row: ProductRow
  old: ProductRow | undefined
  variants: VariantRow[]
  oldVariants: VariantRow[]
  stocked: VariantRow[]
}

/** Puts the stock of a chunk's products into their objects, keyed by the line, and stages their rows. */
export async function stage(
  ctx: Ctx,
  run: Run,
  writes: readonly Write[],
  known: Known,
): Promise<Statement[]> {
  if (writes.length === 0) return []
  const snapshots = await Promise.all(
    writes.map(async ({ row, old, line, stocked, variants: all }) => {
      if (stocked.length === 0) return []
      const key = `import:${run.seed}:${line}`
      const reason = old ? "correction" : "restock"
      const snapshot = await variantVerbs.setStock(ctx, row.id, stocked, run.actor, reason, key)
      if (old) return [{ ...snapshot, productId: row.id }]
      // A second try of the line finds what was sold since the first.
      row.stockVersion = snapshot.version
      const levels = new Map(snapshot.levels.map((level) => [level.variantId, level]))
      for (const variant of all) {
        const level = levels.get(variant.id)
        if (level) Object.assign(variant, figuresOf(level))
      }
      return []
    }),
  )
  const made = writes.filter(({ old }) => !old)
  const changed = writes.filter(({ old }) => old)
  const rowOf = ({ row, variants: all }: Write): ProductRow => ({
    ...row,
    stockQuantity: (row.options.length === 0 ? all.slice(0, 1) : all.slice(1)).reduce(
      (sum, one) => sum + one.stockQuantity,
      0,
    ),
  })
  const movedSkus = changed.flatMap(({ variants: all, oldVariants }) =>
    oldVariants.filter((one) => all.some(({ id, sku }) => id === one.id && sku !== one.sku)),
  )
  return [
    ...jsonRowsOf(
      ctx.db,
      brands,
      known.newBrands.filter(({ id }) => writes.some(({ row }) => row.brandId === id)),
    ),
    ...jsonRowsOf(ctx.db, products, made.map(rowOf)),
    ...jsonRowsOf(ctx.db, products, changed.map(rowOf)).map((insert) =>
      insert.onConflictDoUpdate({ target: products.id, set: excluded(products, productKept) }),
    ),
    // Two variants of a product may change SKUs with each other: none has its old one while the new ones are written.
    ...(movedSkus.length === 0
      ? []
      : [
          ctx.db
            .update(variants)
            .set({ sku: null })
            .where(
              sql`variants.id IN (SELECT value FROM json_each(${JSON.stringify(movedSkus.map(({ id }) => id))}))`,
            ),
        ]),
    ...jsonRowsOf(
      ctx.db,
      variants,
      writes.flatMap((one) => one.variants),
    ).map((insert) =>
      insert.onConflictDoUpdate({ target: variants.id, set: excluded(variants, variantKept) }),
    ),
    ...stageSlugs(
      ctx,
      "product",
      writes.map(({ row, old }) => ({ id: row.id, slug: row.slug, old: old?.slug })),
    ),
    ...stageCounts(ctx, made, changed),
    ...changed
      .filter(({ row, old }) => JSON.stringify(row.options) !== JSON.stringify(old?.options))
      .map(({ row }) => stageTotal(ctx, row.id)),
    ...stageSnapshots(ctx, snapshots.flat()),
  ]
}

/** What a line does not change of a row that is there: what others keep up to date, and what the row began with. */
const productKept = new Set([
  "id",
  "imageKey",
  "stockQuantity",
  "stockVersion",
  "averageRating",
  "reviewsCount",
  "createdAt",
])
const variantKept = new Set([
  "id",
  "productId",
  "stockQuantity",
  "lowMargin",
  "isTracked",
  "backorderLimit",
  "createdAt",
])

function excluded(table: typeof products | typeof variants, kept: ReadonlySet<string>) {
  return Object.fromEntries(
    Object.entries(getTableColumns(table))
      .filter(([name]) => !kept.has(name))
      .map(([name, column]) => [
        name,
        name === "version"
          ? sql`${column} + 1`
          : sql`excluded.${sql.identifier(snake(column.name))}`,
      ]),
  )
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** New products are added to their category's count; a category that others went to or left is counted anew. */
function stageCounts(ctx: Ctx, made: readonly Write[], changed: readonly Write[]): Statement[] {
  const moved = changed.filter(
    ({ row, old }) => row.categoryId !== old?.categoryId || row.status !== old.status,
  )
  const anew = new Set(moved.flatMap(({ row, old }) => [row.categoryId, old?.categoryId ?? null]))
  const added = Map.groupBy(
    made.filter(
      ({ row }) => row.status === "active" && row.categoryId !== null && !anew.has(row.categoryId),
    ),
    ({ row }) => row.categoryId,
  )
  const deltas = JSON.stringify([...added].map(([id, all]) => [id, all.length]))
  return [
    ...(added.size === 0
      ? []
      : [
          ctx.db
            .update(categories)
            .set({
              productCount: sql`product_count + (SELECT json_extract(value, '$[1]') FROM json_each(${deltas}) WHERE json_extract(value, '$[0]') = categories.id)`,
            })
            .where(
              sql`categories.id IN (SELECT json_extract(value, '$[0]') FROM json_each(${deltas}))`,
            ),
        ]),
    ...stageCount(ctx, [...anew]),
  ]
}
