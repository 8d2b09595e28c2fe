import { and, eq, inArray, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { type FieldError, invalid, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { priceFrom, toDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { stageAudit } from "#modules/auth/audit.ts"
import { products, variants } from "#modules/catalog/tables.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import { jsonRowsOf } from "#platform/db.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"
import { mostTries, nextVersion, requireMatch, stale } from "#platform/version.ts"

import type {
  EntriesSet,
  NewPriceList,
  PriceList,
  PriceListChanges,
  PriceListEntries,
  PriceListEntry,
  PriceListEntryQuery,
  PriceListQuery,
} from "./model.ts"
import { expireShown } from "./settings.ts"
import { currencies, priceListEntries, priceLists } from "./tables.ts"

type ListRow = typeof priceLists.$inferSelect
type EntryRow = typeof priceListEntries.$inferSelect

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
    const row = { ...old, ...changes, version: old.version + 1 }
    const errors = problemsOf(row)
    if (errors.length > 0) throw invalid(...errors)
    const changed = toPriceList(row)
    const version = nextVersion(priceLists, old.version)
    await commit(
      ctx,
      [
        ctx.db
          .update(priceLists)
          .set({ ...changes, version })
          .where(eq(priceLists.id, row.id)),
        ...stageAudit(ctx, "price-list.changed", null, {
          price_list: row.id,
          fields: Object.keys(input).join(" "),
        }),
      ],
      { refusals: stale(ctx, priceLists), result: changed },
    )
    return changed
  }, mostTries)
  await expireShown(ctx)
  return result
}

/** Takes a price list away, with all that is on it. @throws `forbidden`, `not-found`, `stale` */
export async function remove(ctx: Ctx, ref: string): Promise<void> {
  requirePermission(ctx, "pricing:write")
  await retryRaced(async () => {
    const { id, version: seen } = await find(ctx, ref)
    requireMatch(ctx, seen)
    const isIt = eq(priceLists.id, id)
    const version = nextVersion(priceLists, seen)
    const [, gone] = await commit(
      ctx,
      [
        ctx.db.update(priceLists).set({ version }).where(isIt),
        ctx.db.delete(priceLists).where(isIt).returning({ id: priceLists.id }),
        ...stageAudit(ctx, "price-list.removed", null, { price_list: id }),
      ],
      { refusals: stale(ctx, priceLists), result: {} },
    )
    if (gone.length === 0) throw notFound("price list")
  }, mostTries)
  await expireShown(ctx)
}

/** A page of what is on a price list, by variant. @throws `forbidden`, `not-found`, `invalid-page` */
export async function listEntries(
  ctx: Ctx,
  ref: string,
  query: PriceListEntryQuery,
): Promise<Page<PriceListEntry>> {
  requirePermission(ctx, "pricing:write")
  const { id, currency } = await find(ctx, ref)
  const own = eq(priceListEntries.listId, id)
  const page = await readPage(ctx, query, {
    orderings: {},
    fallback: "",
    id: { by: priceListEntries.variantId, of: (row: Found) => row.variantId },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select({
          variantId: priceListEntries.variantId,
          productId: variants.productId,
          name: products.name,
          sku: variants.sku,
          amount: priceListEntries.amount,
          compareAtAmount: sql<number | null>`${priceListEntries.compareAtAmount}`.as("before"),
          updatedAt: sql<string>`${priceListEntries.updatedAt}`.as("set_at"),
        })
        .from(priceListEntries)
        .innerJoin(variants, eq(variants.id, priceListEntries.variantId))
        .innerJoin(products, eq(products.id, variants.productId))
        .where(and(own, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db
      .select({ id: priceListEntries.variantId })
      .from(priceListEntries)
      .where(own)
      .getSQL(),
  })
  return mapPage(page, (row) => toEntry(row, currency))
}

/**
 * Sets what up to 500 variants cost by a price list, or takes them off it: all or none. Twice is once; of two who set
 * one price the later counts. @throws `forbidden`, `not-found`, `invalid-input` naming every entry that is wrong
 */
export async function setEntries(
  ctx: Ctx,
  ref: string,
  { entries }: PriceListEntries,
): Promise<EntriesSet> {
  requirePermission(ctx, "pricing:write")
  const list = await find(ctx, ref)
  const found = await resolve(
    ctx,
    entries.map(({ variant }) => variant),
  )
  const errors: FieldError[] = []
  const rows: EntryRow[] = []
  const removed: Id<"variant">[] = []
  const named = new Set<Id<"variant">>()
  for (const [index, entry] of entries.entries()) {
    const fail = (field: string, detail: string, code: string) =>
      errors.push({ field: `entries.${index}.${field}`, detail, code })
    const variantId = found.get(entry.variant)
    const amount = entry.price === null ? null : priceFrom(entry.price, list.currency)
    const before = entry.compare_at_price ?? null
    const compareAtAmount = before === null ? null : priceFrom(before, list.currency)
    const digits = `A price with the decimals of ${list.currency} is required.`
    if (!variantId) fail("variant", `No such variant or product: ${entry.variant}`, "unknown")
    else if (named.has(variantId)) fail("variant", "It is named twice.", "taken")
    else named.add(variantId)
    if (amount === undefined) fail("price", digits, "invalid")
    if (compareAtAmount === undefined) fail("compare_at_price", digits, "invalid")
    else if (compareAtAmount !== null && amount && compareAtAmount <= amount)
      fail("compare_at_price", "It must be above the price.", "invalid")
    if (!variantId || amount === undefined || compareAtAmount === undefined) continue
    if (amount === null) removed.push(variantId)
    else rows.push({ listId: list.id, variantId, amount, compareAtAmount, updatedAt: iso(ctx.now) })
  }
  if (errors.length > 0) throw invalid(...errors)
  const result = { set: rows.length, removed: removed.length }
  await commit(
    ctx,
    [
      ...jsonRowsOf(ctx.db, priceListEntries, rows).map((insert) =>
        insert.onConflictDoUpdate({
          target: [priceListEntries.listId, priceListEntries.variantId],
          set: {
            amount: sql`excluded.amount`,
            compareAtAmount: sql`excluded.compare_at_amount`,
            updatedAt: sql`excluded.updated_at`,
          },
        }),
      ),
      ctx.db
        .delete(priceListEntries)
        .where(
          and(
            eq(priceListEntries.listId, list.id),
            inArray(
              priceListEntries.variantId,
              sql`(SELECT value FROM json_each(${JSON.stringify(removed)}))`,
            ),
          ),
        ),
      ...stageAudit(ctx, "price-list.changed", null, {
        price_list: list.id,
        set: String(rows.length),
        removed: String(removed.length),
      }),
    ],
    {
      refusals: { "FOREIGN KEY constraint failed": () => notFound("price list") },
      result,
    },
  )
  await expireShown(ctx)
  return result
}

/** Variants by id or SKU, and products as the variant of their id; those that are there, by the reference. */
async function resolve(ctx: Ctx, refs: readonly string[]): Promise<Map<string, Id<"variant">>> {
  const isThere = sql`removed_at IS NULL`
  const rows = await ctx.db
    .select({
      ref: sql<string>`wanted.value`.as("ref"),
      id: sql<Id<"variant"> | null>`coalesce((SELECT id FROM variants WHERE id = wanted.value AND ${isThere}), (SELECT id FROM variants WHERE sku = wanted.value AND ${isThere}))`.as(
        "found",
      ),
    })
    .from(sql`json_each(${JSON.stringify([...new Set(refs)])}) AS wanted`)
  return new Map(rows.flatMap(({ ref, id }) => (id === null ? [] : [[ref, id] as const])))
}

async function find(ctx: Ctx, ref: string): Promise<ListRow> {
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

type Found = Omit<EntryRow, "listId"> & {
  productId: Id<"product">
  name: string
  sku: string | null
}

function toEntry(row: Found, currency: string): PriceListEntry {
  return {
    variant_id: row.variantId,
    product_id: row.productId,
    name: row.name,
    sku: row.sku,
    price: toDecimal(row.amount, currency),
    compare_at_price:
      row.compareAtAmount === null ? null : toDecimal(row.compareAtAmount, currency),
    currency,
    updated_at: row.updatedAt,
  }
}
