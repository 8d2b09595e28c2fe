import { and, eq, gt, inArray, isNull, or } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid, notFound } from "#errors.ts"
import { exponentOf, isCurrency, priceFrom, toDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { stageAudit } from "#modules/auth/audit.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"
import { mostTries, requireMatch, stageSeen, stale, takeAway } from "#platform/version.ts"

import { quotedRate } from "./in-force.ts"
import type {
  Currency,
  CurrencyChanges,
  CurrencyQuery,
  NewCurrency,
  OfferedCurrencies,
} from "./model.ts"
import { currencies, latestRates, priceLists } from "./tables.ts"

export type CurrencyRow = typeof currencies.$inferSelect
type LatestRow = typeof latestRates.$inferSelect

/** The shop's other currencies that are on, their rates, and the price lists that hold or will. */
export type Settings = {
  currencies: CurrencyRow[]
  rates: LatestRow[]
  lists: (typeof priceLists.$inferSelect)[]
}

/** Seconds that what is shown may be behind the settings: see `catalog.get`. */
const lifetime = { fresh: 10, stale: 20 }
/** How many currencies there are at most beside the shop's own. */
const most = 50

/** What lists and product pages go by: for the public at most 50 s old. */
export function shown(ctx: Ctx): Promise<Settings> {
  return ctx.cache.read("currencies", "currencies", lifetime, async () => {
    const [rows, rates, lists] = await ctx.db.batch([
      ctx.db.select().from(currencies).where(eq(currencies.isEnabled, true)).limit(most),
      selectRates(ctx),
      ctx.db
        .select()
        .from(priceLists)
        .where(
          and(
            eq(priceLists.isActive, true),
            or(isNull(priceLists.endsAt), gt(priceLists.endsAt, iso(ctx.now))),
          ),
        ),
    ])
    return { currencies: rows, rates, lists }
  })
}

/** Makes all that is kept of prices in other currencies unusable: rates, settings or lists are others now. */
export async function expireShown(ctx: Ctx): Promise<void> {
  await Promise.all(["currencies", "catalog", "search"].map((tag) => ctx.cache.expire(tag)))
}

function selectRates(ctx: Ctx) {
  // A few dozen of each source: as many as there are currencies.
  return ctx.db.select().from(latestRates)
}

/** The currencies that prices can be shown and paid in: the shop's own first. At most 50 s old. */
export async function offered(ctx: Ctx): Promise<OfferedCurrencies> {
  const base = ctx.config.currency
  const settings = await shown(ctx)
  const others = settings.currencies.filter(({ code }) => code !== base)
  return {
    base,
    results: [
      {
        code: base,
        is_base: true,
        decimals: exponentOf(base),
        is_available: true,
        exchange_rate: null,
      },
      ...others
        .toSorted((a, b) => (a.code < b.code ? -1 : 1))
        .map((row) => {
          const rate = quotedRate(row, settings.rates, base, ctx.now)
          return {
            code: row.code,
            is_base: false,
            decimals: exponentOf(row.code),
            is_available: rate !== undefined,
            exchange_rate: rate?.quoted ?? null,
          }
        }),
    ],
  }
}

/** A page of the currencies, newest first. @throws `forbidden`, `invalid-page` */
export async function list(ctx: Ctx, query: CurrencyQuery): Promise<Page<Currency>> {
  requirePermission(ctx, "pricing:write")
  const [page, rates] = await Promise.all([
    readPage<CurrencyRow>(ctx, query, {
      orderings: { created_at: { by: currencies.createdAt, of: (row) => row.createdAt } },
      fallback: "-created_at",
      id: { by: currencies.code, of: (row) => row.code },
      rows: ({ where, orderBy, limit, offset }) =>
        ctx.db
          .select()
          .from(currencies)
          .where(where)
          .orderBy(...orderBy)
          .limit(limit)
          .offset(offset),
      matching: ctx.db.select({ code: currencies.code }).from(currencies).getSQL(),
    }),
    selectRates(ctx),
  ])
  return mapPage(page, (row) => toCurrency(ctx, row, rates))
}

/** One currency. @throws `forbidden`, `not-found` */
export async function get(ctx: Ctx, code: string): Promise<Currency> {
  requirePermission(ctx, "pricing:write")
  const { row, rates } = await find(ctx, code)
  return toCurrency(ctx, row, rates)
}

/** Adds a currency. @throws `forbidden`, `invalid-input` for the shop's own, one that is there, and one that is none */
export async function create(ctx: Ctx, input: NewCurrency): Promise<Currency> {
  requirePermission(ctx, "pricing:write")
  const { code } = input
  const taken = () =>
    invalid({ field: "code", detail: "The shop has this currency already.", code: "taken" })
  if (!isCurrency(code))
    throw invalid({ field: "code", detail: "No decimal currency of ISO 4217.", code: "unknown" })
  if (code === ctx.config.currency) throw taken()
  const now = iso(ctx.now)
  const row: CurrencyRow = {
    code,
    isEnabled: input.enabled,
    source: input.rate_source,
    rounding: input.rounding,
    maxAgeHours: input.max_age_hours,
    increment: input.increment === undefined ? 1 : incrementOf(code, input.increment),
    marginBasisPoints: basisPointsOf(input.margin),
    version: 1,
    createdAt: now,
    updatedAt: now,
  }
  const result = toCurrency(ctx, row, await selectRates(ctx))
  await commit(
    ctx,
    [
      ctx.db.insert(currencies).values(row),
      ...stageAudit(ctx, "currency.added", null, { currency: code }),
    ],
    { refusals: { "currencies.code": taken }, result },
  )
  await expireShown(ctx)
  return result
}

/** Changes a currency; fields left out stay as they are. @throws `forbidden`, `not-found`, `stale`, `invalid-input` */
export async function update(ctx: Ctx, ref: string, input: CurrencyChanges): Promise<Currency> {
  requirePermission(ctx, "pricing:write")
  const result = await retryRaced(async () => {
    const { row: old, rates } = await find(ctx, ref)
    requireMatch(ctx, old.version)
    const changes: Partial<CurrencyRow> = {
      ...(input.enabled !== undefined && { isEnabled: input.enabled }),
      ...(input.rate_source !== undefined && { source: input.rate_source }),
      ...(input.rounding !== undefined && { rounding: input.rounding }),
      ...(input.max_age_hours !== undefined && { maxAgeHours: input.max_age_hours }),
      ...(input.increment !== undefined && { increment: incrementOf(old.code, input.increment) }),
      ...(input.margin !== undefined && { marginBasisPoints: basisPointsOf(input.margin) }),
      updatedAt: iso(ctx.now),
    }
    const version = old.version + 1
    const changed = toCurrency(ctx, { ...old, ...changes, version }, rates)
    await commit(
      ctx,
      [
        stageSeen(ctx, currencies.code, old.code, old.version),
        ctx.db
          .update(currencies)
          .set({ ...changes, version })
          .where(eq(currencies.code, old.code)),
        ...stageAudit(ctx, "currency.changed", null, {
          currency: old.code,
          fields: Object.keys(input).join(" "),
        }),
      ],
      { refusals: stale(currencies.code), result: changed },
    )
    return changed
  }, mostTries)
  await expireShown(ctx)
  return result
}

/**
 * Takes a currency away: nothing is priced in it any more. Its orders, rates and price lists stay.
 * @throws `forbidden`, `not-found`, `stale`
 */
export async function remove(ctx: Ctx, ref: string): Promise<void> {
  requirePermission(ctx, "pricing:write")
  await takeAway(
    ctx,
    currencies.code,
    async () => {
      const { code, version } = (await find(ctx, ref)).row
      return { id: code, version }
    },
    ({ id }) => stageAudit(ctx, "currency.removed", null, { currency: id }),
  )
  await expireShown(ctx)
}

async function find(ctx: Ctx, ref: string): Promise<{ row: CurrencyRow; rates: LatestRow[] }> {
  const code = ref.toUpperCase()
  const [[row], rates] = await ctx.db.batch([
    ctx.db.select().from(currencies).where(eq(currencies.code, code)).limit(1),
    ctx.db
      .select()
      .from(latestRates)
      .where(inArray(latestRates.currency, [code, ctx.config.currency])),
  ])
  if (!row) throw notFound("currency")
  return { row, rates }
}

function incrementOf(code: string, text: string): number {
  const increment = priceFrom(text, code)
  if (increment !== undefined) return increment
  const detail = `An amount with the decimals of ${code} is required.`
  throw invalid({ field: "increment", detail, code: "invalid" })
}

/** A percentage of at most two decimals: `1.5` → 150. */
function basisPointsOf(percentage: string): number {
  const [whole = "", decimals = ""] = percentage.split(".")
  return Number(whole + decimals.padEnd(2, "0"))
}

/** Basis points as a percentage: 150 → `1.5`. */
function percentageOf(basisPoints: number): string {
  const digits = String(basisPoints).padStart(3, "0")
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`.replace(/\.?0+$/, "")
}

function toCurrency(ctx: Ctx, row: CurrencyRow, rates: readonly LatestRow[]): Currency {
  return {
    code: row.code,
    decimals: exponentOf(row.code),
    enabled: row.isEnabled,
    rate_source: row.source,
    increment: toDecimal(row.increment, row.code),
    rounding: row.rounding,
    max_age_hours: row.maxAgeHours,
    margin: percentageOf(row.marginBasisPoints),
    version: row.version,
    exchange_rate: quotedRate(row, rates, ctx.config.currency, ctx.now)?.quoted ?? null,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}
