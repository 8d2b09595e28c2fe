import { and, eq, gt, inArray, isNull, lte, or, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError, invalid } from "#errors.ts"
import type { Step } from "#lib/explain.ts"
import type { Id } from "#lib/id.ts"
import { portion } from "#lib/money.ts"
import { iso } from "#lib/time.ts"

import {
  convert,
  convertBack,
  impliedRate,
  leastReaching,
  mostWithin,
  parseRate,
  rateText,
} from "./exchange.ts"
import { type InForce, quotedRate } from "./in-force.ts"
import type { QuotedRate } from "./model.ts"
import { type CurrencyRow, shown } from "./settings.ts"
import { currencies, latestRates, priceListEntries, priceLists } from "./tables.ts"

/** What a variant costs by a price list. Minor units. */
type Entry = {
  variantId: Id<"variant">
  amount: number
  compareAtAmount: number | null
  list: string
}

/**
 * How prices become those of one currency: by the price lists that hold, else by the rate. In the shop's own currency
 * (`base`) nothing changes.
 */
export type Presentment = {
  currency: string
  base: string
  /** Absent: it is the shop's own, or no rate is new enough. */
  inForce: InForce | undefined
  entries: ReadonlyMap<string, Entry>
}

/** The largest price of one thing that a full cart of it, 100 lines of 999, is an exact integer of. */
const largestUnit = Math.floor(Number.MAX_SAFE_INTEGER / (100 * 999))

/** Prices as the catalogue has them. */
export function ownPrices(ctx: Pick<Ctx, "config">): Presentment {
  const base = ctx.config.currency
  return { currency: base, base, inForce: undefined, entries: new Map() }
}

/** Whether it is the shop's own currency. */
export function isOwn({ currency, base }: Presentment): boolean {
  return currency === base
}

/**
 * How these variants are priced in a currency (none: the shop's own) for an order: rate and lists as they stand, never
 * from a cache; one round trip, and none for the shop's own. @throws `invalid-input` for a currency that is not offered
 */
export async function read(
  ctx: Ctx,
  code: string | null | undefined,
  variantIds: readonly Id<"variant">[],
): Promise<Presentment> {
  const own = ownPrices(ctx)
  if (!code || code === own.base) return own
  const [[row], rates, entries] = await ctx.db.batch([
    ctx.db
      .select()
      .from(currencies)
      .where(and(eq(currencies.code, code), eq(currencies.isEnabled, true)))
      .limit(1),
    ctx.db
      .select()
      .from(latestRates)
      .where(inArray(latestRates.currency, [code, own.base])),
    selectEntries(ctx, code, variantIds),
  ])
  if (!row) throw notOffered(code)
  const inForce = quotedRate(row, rates, own.base, ctx.now)
  return { currency: code, base: own.base, inForce, entries: toEntries(entries) }
}

/**
 * How what was placed in another currency is priced still, by the rate and the prices of then: `amounts` by variant.
 * What is converted beside them is rounded to the smallest unit.
 */
export function asPlaced(
  ctx: Pick<Ctx, "config">,
  { currency, rate: quoted }: { currency: string; rate: QuotedRate | null },
  amounts: ReadonlyMap<Id<"variant">, number>,
): Presentment {
  const rate = quoted && parseRate(quoted.rate)
  if (!quoted || !rate) return ownPrices(ctx)
  const { base } = quoted
  const entries = [...amounts].map(([variantId, amount]): [string, Entry] => [
    variantId,
    { variantId, amount, compareAtAmount: null, list: "" },
  ])
  const conversion = { base, currency, rate, increment: 1, rounding: "half-even" as const }
  return { currency, base, inForce: { conversion, quoted }, entries: new Map(entries) }
}

/** How prices are shown in a currency: see `settings.shown`. `entries` are read where the currency has price lists. */
export type Shown = Presentment & { hasLists: boolean }

/**
 * How lists and product pages show prices in a currency, without its entries: nothing is read for the shop's own, and of
 * others what is in memory or KV. @throws `invalid-input` for a currency that is not offered
 */
export async function find(ctx: Ctx, code: string | undefined): Promise<Shown> {
  const own = ownPrices(ctx)
  if (code === undefined || code === own.base) return { ...own, hasLists: false }
  const settings = await shown(ctx)
  const row: CurrencyRow | undefined = settings.currencies.find((one) => one.code === code)
  if (!row) throw notOffered(code)
  const now = iso(ctx.now)
  return {
    ...own,
    currency: code,
    inForce: quotedRate(row, settings.rates, own.base, ctx.now),
    hasLists: settings.lists.some(
      ({ currency, startsAt }) => currency === code && (startsAt ?? "") <= now,
    ),
  }
}

/** The same with the prices of these variants; one round trip where the currency has price lists, else none. */
export async function withEntries(
  ctx: Ctx,
  prices: Shown,
  variantIds: readonly string[],
): Promise<Presentment> {
  if (!prices.hasLists || variantIds.length === 0) return prices
  // A product is the variant of its id.
  const ids = variantIds as readonly Id<"variant">[]
  return { ...prices, entries: toEntries(await selectEntries(ctx, prices.currency, ids)) }
}

/** Of lists that hold at once the one that began last counts: it comes last. */
function selectEntries(ctx: Ctx, currency: string, variantIds: readonly Id<"variant">[]) {
  const now = iso(ctx.now)
  return ctx.db
    .select({
      variantId: priceListEntries.variantId,
      amount: priceListEntries.amount,
      compareAtAmount: priceListEntries.compareAtAmount,
      list: priceLists.name,
    })
    .from(sql`json_each(${JSON.stringify(variantIds)}) AS wanted`)
    .innerJoin(priceListEntries, eq(priceListEntries.variantId, sql`wanted.value`))
    .innerJoin(priceLists, eq(priceLists.id, priceListEntries.listId))
    .where(
      and(
        // A plus keeps SQLite from going through the lists first.
        sql`+${priceLists.currency} = ${currency}`,
        eq(priceLists.isActive, true),
        or(isNull(priceLists.startsAt), lte(priceLists.startsAt, now)),
        or(isNull(priceLists.endsAt), gt(priceLists.endsAt, now)),
      ),
    )
    .orderBy(sql`coalesce(${priceLists.startsAt}, '')`, priceLists.id)
}

function toEntries(rows: readonly Entry[]): Map<string, Entry> {
  return new Map(rows.map((row) => [row.variantId, row]))
}

/** Something with a price in the shop's currency. `pricedAs`: the variant whose price it has, or its product. */
type Priced = { variantId: string; pricedAs: string; unitAmount: number }

/** A thing at its price in the currency, with what it costs in the shop's, and the price list that says so, if any. */
export type InCurrency<Item> = Item & { baseAmount: number; priceList: string | null }

/** A thing at its price in a currency. @throws `rate-stale`, `product-unavailable` for a price beyond numbers */
export function inCurrency<Item extends Priced>(prices: Presentment, item: Item): InCurrency<Item> {
  const baseAmount = item.unitAmount
  const entry = entryOf(prices, item)
  const unitAmount = entry?.amount ?? amountIn(prices, baseAmount)
  if (unitAmount > largestUnit)
    throw new DomainError("product-unavailable", `Its price is too large in ${prices.currency}.`)
  return { ...item, unitAmount, baseAmount, priceList: entry?.list ?? null }
}

function entryOf({ entries }: Presentment, { variantId, pricedAs }: Omit<Priced, "unitAmount">) {
  return entries.get(variantId) ?? entries.get(pricedAs)
}

/** The price of a variant, and the price before, in a currency. @throws `rate-stale` */
export function priceIn(
  prices: Presentment,
  item: Priced & { compareAtAmount?: number | null },
): { amount: number; compareAtAmount: number | null } {
  const entry = entryOf(prices, item)
  const amount = entry?.amount ?? amountIn(prices, item.unitAmount)
  const before = entry
    ? entry.compareAtAmount
    : item.compareAtAmount
      ? amountIn(prices, item.compareAtAmount)
      : null
  return { amount, compareAtAmount: before !== null && before > amount ? before : null }
}

/** An amount of the shop's currency in another. @throws `rate-stale` */
export function amountIn(prices: Presentment, amount: number): number {
  if (amount === 0 || isOwn(prices)) return amount
  return convert(amount, requireRate(prices).conversion)
}

/** What is taken off or counted, converted to the smallest unit: nothing is rounded away. @throws `rate-stale` */
export function exactlyIn(prices: Presentment, amount: number): number {
  if (amount === 0 || isOwn(prices)) return amount
  return convert(amount, { ...requireRate(prices).conversion, increment: 1 })
}

/** The range of the shop's prices that are shown as from `least` to `most` in a currency. @throws `rate-stale` */
export function baseRange(
  prices: Presentment,
  { least, most }: { least?: number | undefined; most?: number | undefined },
): { least?: number; most?: number } {
  const back = isOwn(prices) ? undefined : (least ?? most) !== undefined && requireRate(prices)
  return {
    ...(least !== undefined && { least: back ? leastReaching(least, back.conversion) : least }),
    ...(most !== undefined && { most: back ? mostWithin(most, back.conversion) : most }),
  }
}

/** The rate. @throws `rate-stale` where there is none that is new enough */
export function requireRate({ inForce, currency }: Presentment): InForce {
  if (inForce) return inForce
  throw new DomainError(
    "rate-stale",
    `Prices cannot be converted into ${currency} now: there is no rate that is new enough.`,
    { currency },
  )
}

/** What an order in another currency comes to in the shop's, and by which rate. Minor units. */
export type BaseFigures = { baseCurrency: string; baseAmount: number; rate: QuotedRate }

/**
 * A total in the shop's own currency; `undefined` when it is in that already. Where everything is by price list, and no
 * rate is new enough, by what the things would have cost.
 */
export function toBase(
  prices: Presentment,
  totalAmount: number,
  lines: readonly { baseAmount: number; unitAmount: number; quantity: number }[],
  now: Date,
): BaseFigures | undefined {
  const { base: baseCurrency, currency, inForce } = prices
  if (isOwn(prices)) return undefined
  if (inForce) {
    const baseAmount = convertBack(totalAmount, inForce.conversion)
    return { baseCurrency, baseAmount, rate: inForce.quoted }
  }
  const sum = (of: (line: (typeof lines)[number]) => number) =>
    lines.reduce((all, line) => all + of(line), 0)
  const before = sum((line) => line.baseAmount * line.quantity)
  const after = sum((line) => line.unitAmount * line.quantity)
  const rate = rateText(impliedRate(baseCurrency, before, currency, after))
  return {
    baseCurrency,
    baseAmount: portion(totalAmount, before, after, "down"),
    rate: { base: baseCurrency, rate, as_of: iso(now), source: "price-list" },
  }
}

/** How prices came to be in the currency, for `explain[]`. */
export function stepsOf(
  { base, currency, inForce }: Presentment,
  lines: readonly { name: string; priceList: string | null }[],
): Step[] {
  if (currency === base) return []
  const byList = Map.groupBy(
    lines.filter(({ priceList }) => priceList !== null),
    ({ priceList }) => priceList,
  )
  const step = (detail: string): Step => ({ kind: "currency", detail, amount: 0 })
  return [
    ...(inForce
      ? [
          step(
            `1 ${base} is ${inForce.quoted.rate} ${currency} (${inForce.quoted.source}, ${inForce.quoted.as_of.slice(0, 10)})`,
          ),
        ]
      : []),
    ...[...byList].map(([list, all]) =>
      step(`${all.map(({ name }) => name).join(", ")}: by the price list ${list}`),
    ),
  ]
}

function notOffered(code: string): DomainError {
  return invalid({
    field: "currency",
    detail: `This shop does not sell in ${code}: GET /currencies says what it sells in.`,
    code: "unknown",
  })
}
