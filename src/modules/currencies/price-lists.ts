import { and, eq } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { type FieldError, invalid, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { stageAudit } from "#modules/auth/audit.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"
import { mostTries, requireMatch, stageSeen, stale, takeAway } from "#platform/version.ts"

import type { NewPriceList, PriceList, PriceListChanges, PriceListQuery } from "./model.ts"
import { expireShown } from "./settings.ts"
import { currencies, priceLists } from "./tables.ts"

type ListRow = typeof priceLists.$inferSelect

/** A page of price lists, newest first. @throws `forbidden`, `invalid-page` */
export async function list(ctx: Ctx, query: PriceListQuery): Promise<Page<PriceList>> {
  requirePermission(ctx, "pricing:write")
  const filter = query.currency === undefined ? undefined : eq(priceLists.currency, query.currency)
  const page = await readPage<ListRow>(ctx, query, {
    orderings: { created_at: { by: priceLists.createdAt, of: (row) => row.createdAt } },
    fallback: "-created_at",
    id: { by: priceLists.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(priceLists)
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db.select({ id: priceLists.id }).from(priceLists).where(filter).getSQL(),
  })
  return mapPage(page, toPriceList)
}

/** One price list. @throws `forbidden`, `not-found` */
export async function get(ctx: Ctx, id: string): Promise<PriceList> {
  requirePermission(ctx, "pricing:write")
  return toPriceList(await find(ctx, id))
}

/** Makes an empty price list. @throws `forbidden`, `invalid-input` for a currency that the shop has not, and an end before the start */
export async function create(ctx: Ctx, input: NewPriceList): Promise<PriceList> {
  requirePermission(ctx, "pricing:write")
  const [known] = await ctx.db
    .select({ code: currencies.code })
    .from(currencies)
    .where(eq(currencies.code, input.currency))
    .limit(1)
  const now = iso(ctx.now)
  const row: ListRow = {
    id: newId("priceList", ctx.now),
    name: input.name,
    currency: input.currency,
    isActive: input.active,
    startsAt: input.starts_at,
    endsAt: input.ends_at,
    version: 1,
    createdAt: now,
    updatedAt: now,
  }
  const errors = problemsOf(row)
  if (!known)
    errors.push({
      field: "currency",
      detail: "The shop has no such currency beside its own.",
      code: "unknown",
    })
  if (errors.length > 0) throw invalid(...errors)
  const result = toPriceList(row)
  await commit(
    ctx,
    [
      ctx.db.insert(priceLists).values(row),
      ...stageAudit(ctx, "price-list.added", null, { price_list: row.id, currency: row.currency }),
    ],
    { result },
  )
  await expireShown(ctx)
  return result
}

/** Changes a price list; fields left out stay as they are. @throws `forbidden`, `not-found`, `stale`, `invalid-input` */
export async function update(ctx: Ctx, id: string, input: PriceListChanges): Promise<PriceList> {
  requirePermission(ctx, "pricing:write")
  const result = await retryRaced(async () => {
    const old = await find(ctx, id)
    requireMatch(ctx, old.version)
    const changes: Partial<ListRow> = {
      ...(input.name !== undefined && { name: input.name }),
      ...(input.active !== undefined && { isActive: input.active }),
      ...(input.starts_at !== undefined && { startsAt: input.starts_at }),
      ...(input.ends_at !== undefined && { endsAt: input.ends_at }),
      updatedAt: iso(ctx.now),
    }
    const version = old.version + 1
    const row = { ...old, ...changes, version }
    const errors = problemsOf(row)
    if (errors.length > 0) throw invalid(...errors)
    const changed = toPriceList(row)
    await commit(
      ctx,
      [
        stageSeen(ctx, priceLists.id, old.id, old.version),
        ctx.db
          .update(priceLists)
          .set({ ...changes, version })
          .where(eq(priceLists.id, row.id)),
        ...stageAudit(ctx, "price-list.changed", null, {
          price_list: row.id,
          fields: Object.keys(input).join(" "),
        }),
      ],
      { refusals: stale(priceLists.id), result: changed },
    )
    return changed
  }, mostTries)
  await expireShown(ctx)
  return result
}

/** Takes a price list away, with all that is on it. @throws `forbidden`, `not-found`, `stale` */
export async function remove(ctx: Ctx, ref: string): Promise<void> {
  requirePermission(ctx, "pricing:write")
  await takeAway(
    ctx,
    priceLists.id,
    () => find(ctx, ref),
    ({ id }) => stageAudit(ctx, "price-list.removed", null, { price_list: id }),
  )
  await expireShown(ctx)
}

/** A price list's row. @throws `not-found` */
export async function find(ctx: Ctx, ref: string): Promise<ListRow> {
  const [row] = await ctx.db
    .select()
    .from(priceLists)
    .where(eq(priceLists.id, ref as Id<"priceList">))
    .limit(1)
  if (!row) throw notFound("price list")
  return row
}

function problemsOf({ startsAt, endsAt }: ListRow): FieldError[] {
  if (startsAt === null || endsAt === null || startsAt < endsAt) return []
  return [{ field: "ends_at", detail: "It must be after the start.", code: "invalid" }]
}

function toPriceList(row: ListRow): PriceList {
  return {
    id: row.id,
    name: row.name,
    currency: row.currency,
    active: row.isActive,
    starts_at: row.startsAt,
    ends_at: row.endsAt,
    version: row.version,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}
