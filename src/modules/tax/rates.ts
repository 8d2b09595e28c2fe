import { and, eq } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { longestPrefix, postalKey, stateKey } from "#lib/place.ts"
import { iso } from "#lib/time.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"
import { mostTries, requireMatch, stageSeen, stale, takeAway } from "#platform/version.ts"

import { percentOf } from "./assess.ts"
import type { NewTaxRate, TaxRate, TaxRateChanges, TaxRateQuery } from "./model.ts"
import { taxRates } from "./tables.ts"

type TaxRateRow = typeof taxRates.$inferSelect

/** A page of tax rates, newest first. @throws `forbidden`, `invalid-page` */
export async function list(ctx: Ctx, query: TaxRateQuery): Promise<Page<TaxRate>> {
  requirePermission(ctx, "pricing:write")
  const filter =
    query.country === undefined ? undefined : eq(taxRates.country, query.country.toUpperCase())
  const page = await readPage<TaxRateRow>(ctx, query, {
    orderings: { created_at: { by: taxRates.createdAt, of: (row) => row.createdAt } },
    fallback: "-created_at",
    id: { by: taxRates.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(taxRates)
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db.select({ id: taxRates.id }).from(taxRates).where(filter).getSQL(),
  })
  return mapPage(page, toTaxRate)
}

/** One tax rate. @throws `forbidden`, `not-found` */
export async function get(ctx: Ctx, id: string): Promise<TaxRate> {
  requirePermission(ctx, "pricing:write")
  return toTaxRate(await find(ctx, id))
}

/** Makes a tax rate. @throws `forbidden`, `invalid-input` for an area, class and priority that have one */
export async function create(ctx: Ctx, input: NewTaxRate): Promise<TaxRate> {
  requirePermission(ctx, "pricing:write")
  const now = iso(ctx.now)
  const row: TaxRateRow = {
    id: newId("taxRate", ctx.now),
    name: input.name,
    taxClass: input.tax_class,
    country: input.country,
    state: stateKey(input.state),
    postalPrefix: prefixOf(input.postal_prefix),
    priority: input.priority,
    ratePpm: ppmOf(input.rate),
    isCompound: input.compound,
    version: 1,
    createdAt: now,
    updatedAt: now,
  }
  const result = toTaxRate(row)
  await commit(ctx, [ctx.db.insert(taxRates).values(row)], { refusals, result })
  return result
}

/** Changes a tax rate; fields left out stay as they are, and orders keep what they were placed with. @throws `forbidden`, `not-found`, `stale`, `invalid-input` as `create` */
export async function update(ctx: Ctx, id: string, input: TaxRateChanges): Promise<TaxRate> {
  requirePermission(ctx, "pricing:write")
  return retryRaced(async () => {
    const old = await find(ctx, id)
    requireMatch(ctx, old.version)
    const changes: Partial<TaxRateRow> = {
      ...(input.name !== undefined && { name: input.name }),
      ...(input.tax_class !== undefined && { taxClass: input.tax_class }),
      ...(input.country !== undefined && { country: input.country }),
      ...(input.state !== undefined && { state: stateKey(input.state) }),
      ...(input.postal_prefix !== undefined && { postalPrefix: prefixOf(input.postal_prefix) }),
      ...(input.priority !== undefined && { priority: input.priority }),
      ...(input.rate !== undefined && { ratePpm: ppmOf(input.rate) }),
      ...(input.compound !== undefined && { isCompound: input.compound }),
      updatedAt: iso(ctx.now),
    }
    const version = old.version + 1
    const result = toTaxRate({ ...old, ...changes, version })
    await commit(
      ctx,
      [
        stageSeen(ctx, taxRates.id, old.id, old.version),
        ctx.db
          .update(taxRates)
          .set({ ...changes, version })
          .where(eq(taxRates.id, old.id)),
      ],
      { refusals: { ...stale(taxRates.id), ...refusals }, result },
    )
    return result
  }, mostTries)
}

/** Takes a tax rate away. @throws `forbidden`, `not-found`, `stale` */
export async function remove(ctx: Ctx, id: string): Promise<void> {
  requirePermission(ctx, "pricing:write")
  await takeAway(ctx, taxRates.id, () => find(ctx, id))
}

const refusals = {
  "tax_rates.country": () =>
    invalid({
      field: "priority",
      detail: "There is a rate of this class and priority for this area already.",
      code: "taken",
    }),
}

async function find(ctx: Ctx, id: string): Promise<TaxRateRow> {
  const [row] = await ctx.db
    .select()
    .from(taxRates)
    .where(eq(taxRates.id, id as Id<"taxRate">))
    .limit(1)
  if (!row) throw notFound("tax rate")
  return row
}

function prefixOf(postalPrefix: string): string {
  return postalKey(postalPrefix).slice(0, longestPrefix)
}

/** A percentage of at most four decimals in millionths: `9.975` → 99 750. */
function ppmOf(percentage: string): number {
  const [whole = "", decimals = ""] = percentage.split(".")
  return Number(whole + decimals.padEnd(4, "0"))
}

function toTaxRate(row: TaxRateRow): TaxRate {
  return {
    id: row.id,
    name: row.name,
    tax_class: row.taxClass,
    country: row.country,
    state: row.state,
    postal_prefix: row.postalPrefix,
    rate: percentOf(row.ratePpm),
    priority: row.priority,
    compound: row.isCompound,
    version: row.version,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}
