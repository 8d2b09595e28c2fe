import { and, eq, sql } from "drizzle-orm"

import { may } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { type DomainError, moved, notFound } from "#errors.ts"
import { iso } from "#lib/time.ts"
import { jsonRowsOf, type Statement } from "#platform/db.ts"

import { brands, categories, oldSlugs, products } from "./tables.ts"

type Kind = (typeof oldSlugs.$inferSelect)["kind"]

/** Statements of the commit in which a thing takes the slug `to`: it keeps the one it had, whoever had this one loses it. */
export function stageSlug(
  ctx: Ctx,
  kind: Kind,
  targetId: string,
  to: string,
  from: string = to,
): Statement[] {
  const row = { kind, slug: from, targetId, createdAt: iso(ctx.now) }
  const kept = ctx.db
    .insert(oldSlugs)
    .values(row)
    .onConflictDoUpdate({ target: [oldSlugs.kind, oldSlugs.slug], set: { targetId } })
  const taken = ctx.db.delete(oldSlugs).where(and(eq(oldSlugs.kind, kind), eq(oldSlugs.slug, to)))
  return from === to ? [taken] : [kept, taken]
}

/** The same for many things at once. */
export function stageSlugs(
  ctx: Ctx,
  kind: Kind,
  things: readonly { id: string; slug: string; old: string | undefined }[],
): Statement[] {
  const changed = things.filter(({ slug, old }) => slug !== old)
  if (changed.length === 0) return []
  const kept = changed.flatMap(({ id, old }) =>
    old === undefined ? [] : [{ kind, slug: old, targetId: id, createdAt: iso(ctx.now) }],
  )
  const taken = JSON.stringify(changed.map(({ slug }) => slug))
  return [
    ...jsonRowsOf(ctx.db, oldSlugs, kept).map((insert) =>
      insert.onConflictDoUpdate({
        target: [oldSlugs.kind, oldSlugs.slug],
        set: { targetId: sql`excluded.target_id` },
      }),
    ),
    ctx.db
      .delete(oldSlugs)
      .where(
        and(
          eq(oldSlugs.kind, kind),
          sql`${oldSlugs.slug} IN (SELECT value FROM json_each(${taken}))`,
        ),
      ),
  ]
}

/** The refusal of a name that nothing goes by: `moved` when something did before that the caller may see, else `not-found`. */
export async function missing(ctx: Ctx, kind: Kind, ref: string): Promise<DomainError> {
  const table = { product: products, category: categories, brand: brands }[kind]
  const isSeen =
    kind !== "product" || may(ctx, "catalog:write") ? undefined : eq(products.status, "active")
  const [now] = await ctx.db
    .select({ slug: sql<string>`${table.slug}`.as("slug_now") })
    .from(oldSlugs)
    .innerJoin(table, eq(table.id, sql`${oldSlugs.targetId}`))
    .where(and(eq(oldSlugs.kind, kind), eq(oldSlugs.slug, ref), isSeen))
    .limit(1)
  return now ? moved(ref, now.slug) : notFound(kind)
}
