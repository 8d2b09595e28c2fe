import { and, eq, inArray, sql } from "drizzle-orm"

import { nameOf, requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid, notFound } from "#errors.ts"
import { newId } from "#lib/id.ts"
import { largestPrice } from "#lib/money.ts"
import { daysAfter, iso, minutesAfter } from "#lib/time.ts"
import { stageAudit } from "#modules/auth/audit.ts"
import { commit } from "#platform/commit.ts"
import { jsonRowsOf } from "#platform/db.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import { convert, convertBack, parseRate, rateText } from "./exchange.ts"
import type { DailyRates, RateProvider } from "./gateway.ts"
import { ecb } from "./gateways/ecb.ts"
import type { ManualRate, RateQuery, RateRecord } from "./model.ts"
import { expireShown } from "./settings.ts"
import { currencies, exchangeRates, latestRates, rateProviders } from "./tables.ts"

type RateRow = typeof exchangeRates.$inferSelect

/** A provider that did not answer, or had nothing new, is asked again after so many minutes. */
const retryMinutes = 15

/**
 * Asks the provider for the rates of the day when they should be there, and again until they are; not at all while no
 * currency goes by them. For cron: answers how many rates were new. @throws `unavailable`
 */
export async function pullDue(ctx: Ctx): Promise<number> {
  const provider = providerOf(ctx)
  const [[used], [state]] = await ctx.db.batch([
    ctx.db
      .select({ code: currencies.code })
      .from(currencies)
      .where(and(eq(currencies.source, provider.name), eq(currencies.isEnabled, true)))
      .limit(1),
    ctx.db.select().from(rateProviders).where(eq(rateProviders.source, provider.name)).limit(1),
  ])
  if (!used || (state?.asOf && state.asOf >= provider.expected(ctx.now))) return 0
  if (state && state.triedAt > iso(minutesAfter(ctx.now, -retryMinutes))) return 0
  return pull(ctx, provider)
}

function providerOf(ctx: Ctx): RateProvider {
  return ecb(ctx.config.exchangeRatesUrl)
}

/** Asks the provider for its newest rates; those that are known already are not added again. */
async function pull(ctx: Ctx, provider: RateProvider): Promise<number> {
  const { name: source } = provider
  const triedAt = iso(ctx.now)
  const tried = (asOf: string | null) =>
    ctx.db
      .insert(rateProviders)
      .values({ source, asOf, triedAt })
      .onConflictDoUpdate({
        target: rateProviders.source,
        set: {
          triedAt,
          asOf: sql`CASE WHEN excluded.as_of > coalesce(rate_providers.as_of, '') THEN excluded.as_of ELSE rate_providers.as_of END`,
        },
      })
  try {
    const told = await provider.latest()
    if (told.asOf > iso(daysAfter(ctx.now, 1))) throw new Error(`rates of ${told.asOf} to come`)
    const rows = rowsOf(ctx, source, told)
    const [known] = await commit(ctx, [
      ctx.db
        .select({ n: sql<number>`count(*)`.as("n") })
        .from(exchangeRates)
        .where(
          and(
            inArray(exchangeRates.currency, [...told.rates.keys()]),
            eq(exchangeRates.source, source),
            eq(exchangeRates.base, told.base),
            eq(exchangeRates.asOf, told.asOf),
          ),
        ),
      ...jsonRowsOf(ctx.db, exchangeRates, rows).map((insert) => insert.onConflictDoNothing()),
      ...stageLatest(ctx, rows),
      tried(told.asOf),
    ])
    const added = rows.length - (known[0]?.n ?? 0)
    if (added > 0) await expireShown(ctx)
    return added
  } catch (error) {
    await commit(ctx, [tried(null)])
    if (error instanceof DomainError) throw error
    const refusal = new DomainError("unavailable", "The exchange rates cannot be read; try again")
    throw Object.assign(refusal, { cause: error })
  }
}

function rowsOf(ctx: Ctx, source: RateRow["source"], told: DailyRates): RateRow[] {
  return [...told.rates].map(([currency, rate]) => ({
    id: newId("exchangeRate", ctx.now),
    source,
    base: told.base,
    currency,
    rate,
    asOf: told.asOf,
    actor: nameOf(ctx.actor),
    createdAt: iso(ctx.now),
  }))
}

/** What is newest is never replaced by what is older. */
function stageLatest(ctx: Ctx, rows: readonly RateRow[]) {
  const latest = rows.map(({ source, base, currency, rate, asOf }) => ({
    source,
    base,
    currency,
    rate,
    asOf,
  }))
  return jsonRowsOf(ctx.db, latestRates, latest).map((insert) =>
    insert.onConflictDoUpdate({
      target: [latestRates.currency, latestRates.source, latestRates.base],
      set: { rate: sql`excluded.rate`, asOf: sql`excluded.as_of` },
      setWhere: sql`excluded.as_of >= latest_rates.as_of`,
    }),
  )
}

/**
 * Sets the rate of a currency by hand, as of now: it goes by such rates from then on, until its `rate_source` is
 * changed. @throws `forbidden`, `not-found`, `invalid-input` for one by which prices are no numbers any more
 */
export async function set(ctx: Ctx, ref: string, input: ManualRate): Promise<RateRecord> {
  requirePermission(ctx, "pricing:write")
  const code = ref.toUpperCase()
  const [row] = await ctx.db.select().from(currencies).where(eq(currencies.code, code)).limit(1)
  if (!row) throw notFound("currency")
  const made: RateRow = {
    id: newId("exchangeRate", ctx.now),
    source: "manual",
    base: ctx.config.currency,
    currency: code,
    rate: normal(ctx, row, input.rate),
    asOf: iso(ctx.now),
    actor: nameOf(ctx.actor),
    createdAt: iso(ctx.now),
  }
  const result = toRecord(made)
  await commit(
    ctx,
    [
      ctx.db.insert(exchangeRates).values(made),
      ...stageLatest(ctx, [made]),
      ctx.db
        .update(currencies)
        .set({
          source: "manual",
          version: sql`${currencies.version} + 1`,
          updatedAt: iso(ctx.now),
        })
        .where(eq(currencies.code, code)),
      ...stageAudit(ctx, "exchange-rate.set", null, { currency: code, rate: made.rate }),
    ],
    { result },
  )
  await expireShown(ctx)
  return result
}

/** The rate as a decimal without zeros that say nothing. @throws `invalid-input` */
function normal(ctx: Ctx, row: typeof currencies.$inferSelect, text: string): string {
  const rate = parseRate(text)
  const { code: currency, increment, rounding } = row
  const base = ctx.config.currency
  try {
    if (rate === undefined) throw new RangeError("no rate")
    // A margin is 100 % at most.
    const conversion = { base, currency, increment, rounding, rate: rate * 2n }
    convert(largestPrice, conversion)
    convertBack(largestPrice, { ...conversion, rate })
    return rateText(rate)
  } catch {
    const detail = `By this rate prices are numbers that are too large, in ${currency} or in ${base}.`
    throw invalid({ field: "rate", detail, code: "too-big" })
  }
}

/** A page of all the rates there were, newest first. @throws `forbidden`, `invalid-page` */
export async function list(ctx: Ctx, query: RateQuery): Promise<Page<RateRecord>> {
  requirePermission(ctx, "pricing:write")
  const filter =
    query.currency === undefined ? undefined : eq(exchangeRates.currency, query.currency)
  const page = await readPage<RateRow>(ctx, query, {
    orderings: { as_of: { by: exchangeRates.asOf, of: (row) => row.asOf } },
    fallback: "-as_of",
    id: { by: exchangeRates.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(exchangeRates)
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db.select({ id: exchangeRates.id }).from(exchangeRates).where(filter).getSQL(),
  })
  return mapPage(page, toRecord)
}

function toRecord(row: RateRow): RateRecord {
  return {
    id: row.id,
    source: row.source,
    base: row.base,
    currency: row.currency,
    rate: row.rate,
    as_of: row.asOf,
    actor: row.actor,
    created_at: row.createdAt,
  }
}
