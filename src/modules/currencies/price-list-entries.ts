import { and, eq, inArray, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { type FieldError, invalid, notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { priceFrom, toDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { stageAudit } from "#modules/auth/audit.ts"
import { products, variants } from "#modules/catalog/tables.ts"
import { commit } from "#platform/commit.ts"
import { jsonRowsOf } from "#platform/db.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import type { EntriesSet, PriceListEntries, PriceListEntry, PriceListEntryQuery } from "./model.ts"
import { find } from "./price-lists.ts"
import { expireShown } from "./settings.ts"
import { priceListEntries } from "./tables.ts"

type EntryRow = typeof priceListEntries.$inferSelect

/** A page of what is on a price list, by variant. @throws `forbidden`, `not-found`, `invalid-page` */
export async function list(
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
export async function set(
  ctx: Ctx,
  ref: string,
  { entries }: PriceListEntries,
): Promise<EntriesSet> {
  requirePermission(ctx, "pricing:write")
  const { id: listId, currency } = await find(ctx, ref)
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
    const amount = entry.price === null ? null : priceFrom(entry.price, currency)
    const before = entry.compare_at_price ?? null
    const compareAtAmount = before === null ? null : priceFrom(before, currency)
    const digits = `A price with the decimals of ${currency} is required.`
    if (!variantId) fail("variant", `No such variant or product: ${entry.variant}`, "unknown")
    else if (named.has(variantId)) fail("variant", "It is named twice.", "taken")
    else named.add(variantId)
    if (amount === undefined) fail("price", digits, "invalid")
    if (compareAtAmount === undefined) fail("compare_at_price", digits, "invalid")
    else if (compareAtAmount !== null && amount && compareAtAmount <= amount)
      fail("compare_at_price", "It must be above the price.", "invalid")
    if (!variantId || amount === undefined || compareAtAmount === undefined) continue
    if (amount === null) removed.push(variantId)
    else rows.push({ listId, variantId, amount, compareAtAmount, updatedAt: iso(ctx.now) })
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
            eq(priceListEntries.listId, listId),
            inArray(
              priceListEntries.variantId,
              sql`(SELECT value FROM json_each(${JSON.stringify(removed)}))`,
            ),
          ),
        ),
      ...stageAudit(ctx, "price-list.changed", null, {
        price_list: listId,
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
