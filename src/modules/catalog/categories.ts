import { and, eq, exists, inArray, or, type SQL, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { freeSlug, slugOf } from "#lib/slug.ts"
import { iso } from "#lib/time.ts"
import { commit, raced, retryRaced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"
import { mapPage, type Page, slicePage } from "#platform/page.ts"
import { mostTries, requireMatch, stageSeen, stale } from "#platform/version.ts"

import type {
  Category,
  CategoryChanges,
  CategoryQuery,
  CategoryTree,
  NewCategory,
} from "./category-model.ts"
import { type CategoryRow, toCategory, toTree, tree } from "./category-tree.ts"
import { stageRelist } from "./relist.ts"
import { missing, stageSlug } from "./slugs.ts"
import { categories, facets, oldSlugs, products } from "./tables.ts"

/** A page of categories, by name; of the children of `parent`, or of all. */
export async function list(ctx: Ctx, query: CategoryQuery): Promise<Page<Category>> {
  const all = await tree(ctx)
  const parent =
    query.parent === undefined || query.parent === "null" ? undefined : all.byRef.get(query.parent)
  const rows =
    query.parent === undefined
      ? all.rows
      : query.parent === "null"
        ? (all.children.get("") ?? [])
        : parent
          ? (all.children.get(parent.id) ?? [])
          : []
  return mapPage(slicePage(query, rows), (row) => toCategory(all, row))
}

/** One category. @throws `not-found`, `moved` for a slug that it had before */
export async function get(ctx: Ctx, ref: string): Promise<Category> {
  const all = await tree(ctx)
  const row = all.byRef.get(ref)
  if (!row) throw await missing(ctx, "category", ref)
  return toCategory(all, row)
}

/** The roots with everything below them. */
export async function wholeTree(ctx: Ctx): Promise<CategoryTree[]> {
  const all = await tree(ctx)
  return (all.children.get("") ?? []).map((row) => toTree(all, row))
}

/** Makes a category. @throws `forbidden`, `invalid-input` for a taken name or an unknown parent */
export function create(ctx: Ctx, input: NewCategory, id?: Id<"category">): Promise<Category> {
  requirePermission(ctx, "catalog:write")
  return retryRaced(async () => {
    const [parent, slug] = await resolve(ctx, input.parent, input.slug ?? slugOf(input.name))
    const newest = id ?? newId("category", ctx.now)
    const row: CategoryRow = {
      id: newest,
      name: input.name,
      slug,
      description: input.description ?? "",
      parentId: parent?.id ?? null,
      path: `${parent?.path ?? "/"}${newest}/`,
      isActive: input.is_active ?? true,
      productCount: 0,
      version: 1,
      createdAt: iso(ctx.now),
      updatedAt: iso(ctx.now),
    }
    const all = await tree(ctx)
    const result = toCategory(all, row)
    await commit(ctx, [stageCreate(ctx, row), ...stageSlug(ctx, "category", row.id, slug)], {
      refusals,
      events: [{ type: "catalog.changed" }],
      result,
    })
    await ctx.cache.expire("catalog")
    return result
  })
}

/**
 * Changes or moves a category; what lies below moves along. A category never comes to lie below itself, whoever else
 * moves what meanwhile: the path is computed where it is written, and is NULL, which its column refuses, for a cycle.
 * @throws `forbidden`, `not-found`, `invalid-input`, `stale`
 */
export async function update(ctx: Ctx, ref: string, input: CategoryChanges): Promise<Category> {
  requirePermission(ctx, "catalog:write")
  return retryRaced(async () => {
    const all = await tree(ctx)
    const row = all.byRef.get(ref)
    if (!row) throw notFound("category")
    requireMatch(ctx, row.version)
    const [parent, slug] = await resolve(ctx, input.parent, input.slug ?? row.slug, row.id)
    if (parent && (parent.id === row.id || parent.path.startsWith(row.path))) throw cycle()
    const parentId = input.parent === undefined ? row.parentId : (parent?.id ?? null)
    const next: CategoryRow = {
      ...row,
      name: input.name ?? row.name,
      slug,
      description: input.description ?? row.description,
      isActive: input.is_active ?? row.isActive,
      parentId,
      version: row.version + 1,
      updatedAt: iso(ctx.now),
    }
    const { id, path: _path, productCount: _count, ...columns } = next
    const isMoved = parentId !== row.parentId || next.name !== row.name
    const moves = parentId === row.parentId ? [] : stageMove(ctx, id, parentId)
    const isListedAnew = moves.length > 0 || next.name !== row.name
    const listed = stageRelist(ctx, id, isListedAnew ? await countAll(ctx, `c:${id}`) : 0)
    const result = toCategory({ ...all, byRef: new Map([...all.byRef, [id, next]]) }, next)
    await commit(
      ctx,
      [
        stageSeen(ctx, categories.id, id, row.version),
        ...moves,
        ctx.db.update(categories).set(columns).where(eq(categories.id, id)),
        ...stageSlug(ctx, "category", id, slug, row.slug),
        ...listed.statements,
      ],
      {
        refusals: { ...stale(categories.id), ...refusals },
        events: [
          { type: "catalog.changed" },
          ...(isMoved ? [{ type: "category.changed" as const, categoryId: id }] : []),
          ...listed.events,
        ],
        result,
      },
    )
    await ctx.cache.expire("catalog")
    return result
  }, mostTries)
}

/** How many products of any status are in a facet. */
async function countAll(ctx: Ctx, facet: string): Promise<number> {
  const [row] = await ctx.db
    .select({ n: sql<number>`${facets.draft} + ${facets.active} + ${facets.archived}`.as("n") })
    .from(facets)
    .where(eq(facets.name, facet))
  return row?.n ?? 0
}

/** Inserts a category. Its path is computed where it is written: its parent may be moved meanwhile. */
export function stageCreate(ctx: Ctx, row: CategoryRow): Statement {
  const path = row.parentId
    ? sql<string>`(SELECT path || ${`${row.id}/`} FROM categories WHERE id = ${row.parentId})`
    : row.path
  return ctx.db.insert(categories).values({ ...row, path })
}

/** Statements that put a category and all below it under another parent, or at the root. */
export function stageMove(
  ctx: Ctx,
  id: Id<"category">,
  parentId: Id<"category"> | null,
): Statement[] {
  const own = sql`(SELECT path FROM categories WHERE id = ${id})`
  const target = parentId
    ? sql<string>`(SELECT parent.path || ${`${id}/`} FROM categories AS parent WHERE parent.id = ${parentId} AND substr(parent.path, 1, length(${own})) <> ${own})`
    : sql<string>`${`/${id}/`}`
  const below = and(sql`path > ${own}`, sql`path < substr(${own}, 1, length(${own}) - 1) || '0'`)
  return [
    ctx.db
      .update(categories)
      .set({ path: sql`${target} || substr(path, length(${own}) + 1)` })
      .where(below),
    ctx.db.update(categories).set({ path: target }).where(eq(categories.id, id)),
  ]
}

/**
 * Removes a category; its products and sub-categories go to `moveTo`, or there must be none.
 * @throws `forbidden`, `not-found`, `category-not-empty`, `stale`, `invalid-input` for an unknown `moveTo` or one below it
 */
export function remove(ctx: Ctx, ref: string, moveTo: string | undefined): Promise<void> {
  requirePermission(ctx, "catalog:write")
  return retryRaced(() => takeAway(ctx, ref, moveTo), mostTries)
}

async function takeAway(ctx: Ctx, ref: string, moveTo: string | undefined): Promise<void> {
  const all = await tree(ctx)
  const row = all.byRef.get(ref)
  if (!row) throw notFound("category")
  requireMatch(ctx, row.version)
  const target = moveTo === undefined ? undefined : all.byRef.get(moveTo)
  if (moveTo !== undefined && (!target || target.path.startsWith(row.path))) {
    throw invalid({
      field: "move_to",
      detail: "Unknown category, or one that goes too.",
      code: "invalid",
    })
  }
  const children = all.children.get(row.id) ?? []
  const listed = await Promise.all(
    target
      ? children.map(async ({ id }) => stageRelist(ctx, id, await countAll(ctx, `c:${id}`)))
      : [],
  )
  if (target) {
    const there = new Set((all.children.get(target.id) ?? []).map(({ name }) => name.toLowerCase()))
    if (children.some(({ name }) => there.has(name.toLowerCase()))) throw nameTaken()
    await moveProducts(ctx, row.id, target.id)
  }
  const moves = target
    ? [
        ...children.flatMap((child) => [
          ...stageMove(ctx, child.id, target.id),
          ctx.db.update(categories).set({ parentId: target.id }).where(eq(categories.id, child.id)),
        ]),
        ctx.db
          .update(products)
          .set({ categoryId: target.id })
          .where(eq(products.categoryId, row.id)),
        ...stageCount(ctx, [target.id]),
        ...listed.flatMap(({ statements }) => statements),
      ]
    : []
  const used = or(
    exists(
      ctx.db
        .select({ one: sql`1` })
        .from(products)
        .where(eq(products.categoryId, row.id)),
    ),
    sql`EXISTS (SELECT 1 FROM categories AS child WHERE child.parent_id = ${row.id})`,
  )
  // A category in use makes its own name NULL, which stops the batch.
  const empty = ctx.db
    .update(categories)
    .set({ name: sql`CASE WHEN ${used} THEN NULL ELSE name END` })
    .where(eq(categories.id, row.id))
  const gone = ctx.db.delete(categories).where(eq(categories.id, row.id))
  const slugs = ctx.db
    .delete(oldSlugs)
    .where(and(eq(oldSlugs.kind, "category"), eq(oldSlugs.targetId, row.id)))
  const seen = stageSeen(ctx, categories.id, row.id, row.version)
  await commit(ctx, [seen, ...moves, empty, gone, slugs], {
    refusals: {
      ...stale(categories.id),
      ...refusals,
      "categories.name": () =>
        new DomainError("category-not-empty", "Move what is in it with ?move_to="),
    },
    events: [
      { type: "catalog.changed" },
      ...(target ? [{ type: "category.changed" as const, categoryId: target.id }] : []),
      ...listed.flatMap(({ events }) => events),
    ],
    result: {},
  })
  await ctx.cache.expire("catalog")
}

/** So many products are given another category or brand in one commit: each is listed anew with it. */
const movedAtOnce = 500

/**
 * Gives all but a few products of a large category another one, so many a commit: the rest go with the removal itself.
 * Each is always in one of the two; a crash between leaves a category that is still to be removed.
 */
async function moveProducts(ctx: Ctx, from: Id<"category">, to: Id<"category">): Promise<void> {
  const some = ctx.db
    .select({ id: products.id })
    .from(products)
    .where(eq(products.categoryId, from))
    .orderBy(products.id)
    .limit(movedAtOnce)
  while ((await countAll(ctx, `d:${from}`)) > movedAtOnce) {
    await commit(ctx, [
      ctx.db.update(products).set({ categoryId: to }).where(inArray(products.id, some)),
      ...stageCount(ctx, [from, to]),
    ])
  }
}

/** Takes the kept count of these categories' own active products over into their rows. */
export function stageCount(ctx: Ctx, ids: readonly (Id<"category"> | null)[]): Statement[] {
  return [...new Set(ids)].flatMap((id) => {
    if (id === null) return []
    const counted: SQL<number> = sql`coalesce((SELECT active FROM facets WHERE facets.name = ${`d:${id}`}), 0)`
    return [ctx.db.update(categories).set({ productCount: counted }).where(eq(categories.id, id))]
  })
}

async function resolve(
  ctx: Ctx,
  parentRef: string | null | undefined,
  base: string,
  self?: Id<"category">,
): Promise<[CategoryRow | undefined, string]> {
  const { rows, byRef } = await tree(ctx)
  const parent = parentRef === null || parentRef === undefined ? undefined : byRef.get(parentRef)
  if (parentRef && !parent)
    throw invalid({ field: "parent", detail: "No such category.", code: "unknown" })
  const taken = new Set(rows.filter(({ id }) => id !== self).map(({ slug }) => slug))
  return [parent, freeSlug(base || "category", taken)]
}

const nameTaken = () =>
  invalid({
    field: "name",
    detail: "A category with this name already exists here.",
    code: "taken",
  })

/** What the constraints of a category's row mean. */
export const refusals = {
  categories_name: nameTaken,
  categories_root_name: nameTaken,
  "categories.slug": () =>
    raced(invalid({ field: "slug", detail: "This slug is taken.", code: "taken" })),
  "NOT NULL constraint failed: categories.path": () => cycle(),
}

function cycle(): DomainError {
  return invalid({ field: "parent", detail: "A category cannot be its own parent.", code: "cycle" })
}
