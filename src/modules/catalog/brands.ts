import { eq, or, type SQL, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid, notFound } from "#errors.ts"
import { newId } from "#lib/id.ts"
import { slugOf } from "#lib/slug.ts"
import { iso } from "#lib/time.ts"
import { commit } from "#platform/commit.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import type { Brand, BrandQuery, NewBrand } from "./model.ts"
import { brands } from "./tables.ts"

export type BrandRow = typeof brands.$inferSelect

/** A page of brands, by name. */
export async function list(ctx: Ctx, query: BrandQuery): Promise<Page<Brand>> {
  const page = await readPage<BrandRow>(ctx, query, {
    orderings: {
      name: { by: brands.name, of: (row) => row.name },
      created_at: { by: brands.createdAt, of: (row) => row.createdAt },
    },
    fallback: "name",
    id: { by: brands.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(brands)
        .where(where)
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: sql`SELECT 1 FROM brands`,
  })
  return mapPage(page, toBrand)
}

/** One brand, by id, slug or name. @throws `not-found` */
export async function get(ctx: Ctx, ref: string): Promise<Brand> {
  const [row] = await ctx.db.select().from(brands).where(named(ref)).limit(1)
  if (!row) throw notFound("brand")
  return toBrand(row)
}

/** Makes a brand. @throws `forbidden`, `invalid-input` for a taken name */
export async function create(ctx: Ctx, input: NewBrand): Promise<Brand> {
  requirePermission(ctx, "catalog:write")
  const row = draft(ctx, input.name, input.slug)
  const result = toBrand(row)
  const taken = (field: string) => () =>
    invalid({ field, detail: `A brand with this ${field} already exists.`, code: "taken" })
  await commit(ctx, [ctx.db.insert(brands).values(row)], {
    refusals: { brands_name: taken("name"), "brands.slug": taken("slug") },
    result,
  })
  return result
}

/** A brand of this name that is not in the database yet. */
export function draft(ctx: Ctx, name: string, slug?: string): BrandRow {
  const id = newId("brand", ctx.now)
  return {
    id,
    name,
    slug: slug ?? (slugOf(name) || id),
    createdAt: iso(ctx.now),
    updatedAt: iso(ctx.now),
  }
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

function toBrand(row: BrandRow): Brand {
  return {
    id: row.id,
    name: row.name,
    slug: row.slug,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}
