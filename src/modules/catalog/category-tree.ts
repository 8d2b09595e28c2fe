import { getTableColumns, sql } from "drizzle-orm"

import { may } from "#actor.ts"
import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"

import type { Category, CategoryTree } from "./category-model.ts"
import { categories } from "./tables.ts"

/** A row of the tree, as verbs read and write it. */
export type CategoryRow = Omit<typeof categories.$inferSelect, "trail">
const { trail: _trail, ...columns } = getTableColumns(categories)
/** The whole tree, which is small beside the products: all reads of categories are made from it. */
export type Tree = {
  rows: CategoryRow[]
  byRef: Map<string, CategoryRow>
  children: Map<string, CategoryRow[]>
}

/** A tree is read whole; a shop with more categories than this has something else in mind. */
const mostCategories = 5000

const lifetime = { fresh: 10, stale: 20 }

/** The tree, by name within each parent; at most 50 s old, staff read it as it is. */
export async function tree(ctx: Ctx): Promise<Tree> {
  const load = () =>
    ctx.db
      .select(columns)
      .from(categories)
      .orderBy(sql`lower(${categories.name})`, categories.id)
      .limit(mostCategories)
  const rows = await (may(ctx, "catalog:write")
    ? load()
    : ctx.cache.read("categories", "catalog", lifetime, load))
  return {
    rows,
    byRef: new Map(rows.flatMap((row) => [[row.slug, row] as const, [row.id, row] as const])),
    children: Map.groupBy(rows, (row) => row.parentId ?? ""),
  }
}

/** Every category, as it is now: a tree is small beside the products. */
export function everything(ctx: Ctx): Promise<CategoryRow[]> {
  return ctx.db.select(columns).from(categories).orderBy(categories.path).limit(mostCategories)
}

/** A category on the wire. */
export function toCategory(all: Tree, row: CategoryRow): Category {
  const ancestors = row.parentId ? pathTo(all, row.parentId) : []
  return {
    ...toLink(row),
    description: row.description,
    parent: row.parentId,
    path: [...ancestors, row].map(toLink),
    children: (all.children.get(row.id) ?? []).map(toLink),
    product_count: countBelow(all, row),
    is_active: row.isActive,
    version: row.version,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}

function pathTo(all: Tree, id: Id<"category">): CategoryRow[] {
  const row = all.byRef.get(id)
  return row ? [...(row.parentId ? pathTo(all, row.parentId) : []), row] : []
}

function countBelow(all: Tree, row: CategoryRow): number {
  return (all.children.get(row.id) ?? []).reduce(
    (sum, child) => sum + countBelow(all, child),
    row.productCount,
  )
}

/** A category with everything below it. */
export function toTree(all: Tree, row: CategoryRow): CategoryTree {
  return {
    ...toLink(row),
    product_count: countBelow(all, row),
    children: (all.children.get(row.id) ?? []).map((child) => toTree(all, child)),
  }
}

function toLink({ id, name, slug }: CategoryRow) {
  return { id, name, slug }
}
