import { and, eq, getTableColumns, inArray, or, type SQL, sql } from "drizzle-orm"

import { may, requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid, notFound } from "#errors.ts"
import { type Id, newId, randomBase32 } from "#lib/id.ts"
import { sha256 } from "#lib/secret.ts"
import { slugOf } from "#lib/slug.ts"
import { iso } from "#lib/time.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"
import { mostTries, requireMatch, stageSeen, stale } from "#platform/version.ts"

import type { Brand, BrandChanges, BrandQuery, NewBrand } from "./brand-model.ts"
import { missing, stageSlug } from "./slugs.ts"
import { brands, facets, oldSlugs, products } from "./tables.ts"

export type BrandRow = typeof brands.$inferSelect
type Counted = BrandRow & { productCount: number }

/** Seconds that a public page of brands may be behind; see `lists.list`. */
const lifetime = { fresh: 10, stale: 20 }

const columns = {
  ...getTableColumns(brands),
  productCount: sql<number>`coalesce(${facets.active}, 0)`.as("product_count"),
}
const ownFacet = sql`${facets.name} = 'b:' || ${brands.id}`

/** A page of brands, by name; for the public at most 50 s old. */
export async function list(ctx: Ctx, query: BrandQuery): Promise<Page<Brand>> {
  const load = async () => {
    const page = await readPage<Counted>(ctx, query, {
      orderings: {
        name: { by: brands.name, of: (row) => row.name },
        created_at: { by: brands.createdAt, of: (row) => row.createdAt },
      },
      fallback: "name",
      id: { by: brands.id, of: (row) => row.id },
      rows: ({ where, orderBy, limit, offset }) =>
        ctx.db
          .select(columns)
          .from(brands)
          .leftJoin(facets, ownFacet)
          .where(where)
          .orderBy(...orderBy)
          .limit(limit)
          .offset(offset),
      matching: sql`SELECT 1 FROM brands`,
    })
    return mapPage(page, toBrand)
  }
  if (may(ctx, "catalog:write")) return load()
  return ctx.cache.read(`brands:${await sha256(JSON.stringify(query))}`, "catalog", lifetime, load)
}

/** One brand, by id, slug or name. @throws `not-found`, `moved` for a slug that it had before */
export async function get(ctx: Ctx, ref: string): Promise<Brand> {
  const row = await find(ctx, ref)
  if (!row) throw await missing(ctx, "brand", ref)
  return toBrand(row)
}

/** Makes a brand. @throws `forbidden`, `invalid-input` for a taken name */
export async function create(ctx: Ctx, input: NewBrand): Promise<Brand> {
  requirePermission(ctx, "catalog:write")
  const row = draft(ctx, input.name, input.slug, input.description)
  const result = toBrand({ ...row, productCount: 0 })
  await commit(
    ctx,
    [ctx.db.insert(brands).values(row), ...stageSlug(ctx, "brand", row.id, row.slug)],
    { refusals, events: [{ type: "catalog.changed" }], result },
  )
  await ctx.cache.expire("catalog")
  return result
}

/**
 * Changes a brand; its products show its new name at once.
 * @throws `forbidden`, `not-found`, `invalid-input` for a taken name or slug, `stale`
 */
export function update(ctx: Ctx, ref: string, input: BrandChanges): Promise<Brand> {
  requirePermission(ctx, "catalog:write")
  return retryRaced(async () => {
    const row = await find(ctx, ref)
    if (!row) throw notFound("brand")
    requireMatch(ctx, row.version)
    const next: Counted = {
      ...row,
      name: input.name ?? row.name,
      slug: input.slug ?? row.slug,
      description: input.description ?? row.description,
      version: row.version + 1,
      updatedAt: iso(ctx.now),
    }
    const { name, slug, description, version, updatedAt } = next
    const result = toBrand(next)
    await commit(
      ctx,
      [
        stageSeen(ctx, brands.id, row.id, row.version),
        ctx.db
          .update(brands)
          .set({ name, slug, description, updatedAt, version })
          .where(eq(brands.id, row.id)),
        ...stageSlug(ctx, "brand", row.id, slug, row.slug),
      ],
      {
        refusals: { ...stale(brands.id), ...refusals },
        events: [{ type: "catalog.changed", brandId: row.id }],
        result,
      },
    )
    await ctx.cache.expire("catalog")
    return result
  }, mostTries)
}

/** So many products are given another brand in one commit: each is listed anew with it. */
const movedAtOnce = 500

/**
 * Removes a brand; its products go to `moveTo`, or there must be none.
 * @throws `forbidden`, `not-found`, `brand-not-empty`, `stale`, `invalid-input` for an unknown `moveTo`
 */
export function remove(ctx: Ctx, ref: string, moveTo: string | undefined): Promise<void> {
  requirePermission(ctx, "catalog:write")
  return retryRaced(async () => {
    const [row, target] = await Promise.all([
      find(ctx, ref),
      moveTo ? find(ctx, moveTo) : undefined,
    ])
    if (!row) throw notFound("brand")
    requireMatch(ctx, row.version)
    if (moveTo !== undefined && (!target || target.id === row.id))
      throw invalid({ field: "move_to", detail: "Unknown brand, or this one.", code: "invalid" })
    if (target) await moveProducts(ctx, row.id, target.id)
    const isUsed = sql`EXISTS (SELECT 1 FROM ${products} WHERE ${products.brandId} = ${row.id})`
    // A brand in use makes its own name NULL, which stops the batch.
    const empty = ctx.db
      .update(brands)
      .set({ name: sql`CASE WHEN ${isUsed} THEN NULL ELSE name END` })
      .where(eq(brands.id, row.id))
    await commit(
      ctx,
      [
        stageSeen(ctx, brands.id, row.id, row.version),
        empty,
        ctx.db.delete(brands).where(eq(brands.id, row.id)),
        ctx.db
          .delete(oldSlugs)
          .where(and(eq(oldSlugs.kind, "brand"), eq(oldSlugs.targetId, row.id))),
      ],
      {
        refusals: {
          ...stale(brands.id),
          "NOT NULL constraint failed: brands.name": () =>
            new DomainError("brand-not-empty", "Move its products with ?move_to="),
        },
        events: [{ type: "catalog.changed" }],
        result: {},
      },
    )
    await ctx.cache.expire("catalog")
  }, mostTries)
}

/** Gives the products of a brand another one, so many a commit, until none is left: each always has one of the two. */
async function moveProducts(ctx: Ctx, from: Id<"brand">, to: Id<"brand">): Promise<void> {
  for (let moved = movedAtOnce; moved === movedAtOnce;) {
    const some = ctx.db
      .select({ id: products.id })
      .from(products)
      .where(eq(products.brandId, from))
      .orderBy(products.id)
      .limit(movedAtOnce)
    const [rows] = await commit(ctx, [
      ctx.db
        .update(products)
        .set({ brandId: to, updatedAt: iso(ctx.now) })
        .where(inArray(products.id, some))
        .returning({ id: products.id }),
    ])
    moved = rows.length
  }
}

/** A brand of this name that is not in the database yet. */
export function draft(ctx: Ctx, name: string, slug?: string, description = ""): BrandRow {
  const id = newId("brand", ctx.now)
  return {
    id,
    name,
    slug: slug ?? (slugOf(name) || id),
    description,
    version: 1,
    createdAt: iso(ctx.now),
    updatedAt: iso(ctx.now),
  }
}

/** Inserts a brand of which only the name was given: a slug that another name has already is told apart. */
export function stageNew(ctx: Ctx, row: BrandRow): Statement {
  const other = `${row.slug}-${randomBase32(6)}`
  const slug = sql<string>`CASE WHEN EXISTS (SELECT 1 FROM brands WHERE brands.slug = ${row.slug}) THEN ${other} ELSE ${row.slug} END`
  return ctx.db.insert(brands).values({ ...row, slug })
}

/** Whether a brand is the one meant by an id, slug or name. */
export function named(ref: string): SQL | undefined {
  return or(
    eq(brands.id, sql`${ref}`),
    eq(brands.slug, ref),
    // SQLite's own lower() on both sides: it knows ASCII only.
    eq(sql`lower(${brands.name})`, sql`lower(${ref})`),
  )
}

async function find(ctx: Ctx, ref: string): Promise<Counted | undefined> {
  const [row] = await ctx.db
    .select(columns)
    .from(brands)
    .leftJoin(facets, ownFacet)
    .where(named(ref))
    .limit(1)
  return row
}

const taken = (field: string) => () =>
  invalid({ field, detail: `A brand with this ${field} already exists.`, code: "taken" })

const refusals = { brands_name: taken("name"), "brands.slug": taken("slug") }

function toBrand(row: Counted): Brand {
  return {
    id: row.id,
    name: row.name,
    slug: row.slug,
    description: row.description,
    product_count: row.productCount,
    version: row.version,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}
