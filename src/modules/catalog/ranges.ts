import { and, eq } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { sha256 } from "#lib/secret.ts"
import type { PageQuery } from "#lib/shapes.ts"
import {
  closePage,
  countCap,
  type Page,
  type Plan,
  signatureOf,
  valuesAt,
  valuesIn,
} from "#platform/page.ts"

import {
  countIn,
  everything,
  facetsOf,
  type Group,
  listedIn,
  residual,
  type Selection,
} from "./selection.ts"
import { catalogVersion, listings } from "./tables.ts"
import {
  byIds,
  idOf,
  isIndexed,
  type Key,
  keysIn,
  keysOf,
  order,
  type Path,
  planOf,
  type Row,
  rowsAlong,
  sorted,
  toKey,
} from "./walks.ts"

/** Pages further on are found by key first: rows that are only skipped need not be joined. */
const deepOffset = 100

/**
 * A page of the products of a selection.
 *
 * One facet in an order that it has an index for is a range of that index, and its count is kept. Any other selection of
 * up to 10 000 products is read once for each version of the catalogue, ids and ordering only: its pages are pieces of
 * that, its count is its length. Of a larger one so many are remembered, which is as far as pages by number go; cursors
 * beyond walk its order, skipping what is not in it: of so many, one in a few is.
 * @throws `invalid-page`, `invalid-input` for a broken cursor
 */
export async function readSelection(
  ctx: Ctx,
  selection: Selection,
  query: PageQuery,
): Promise<Page<Row>> {
  const plan = planOf(query)
  const { statuses, groups, least, most, rating } = selection
  if (statuses.length === 0) return closePage(plan, [], 0, undefined)
  const isRanged = [least, most, rating].some((bound) => bound !== undefined)
  const [group, ...more] = groups
  const isOne = more.length === 0 && !group?.none && (group?.values.length ?? 1) === 1
  if (isRanged || !isOne || !isIndexed(plan, group !== undefined))
    return readSet(ctx, selection, plan)
  const [facet = everything] = group ? facetsOf(group) : []
  return walk(ctx, { ...selection, groups: [] }, plan, { facet })
}

/** A page along an index. `n`: how many there are, where that is known; else the facet's count is. */
async function walk(
  ctx: Ctx,
  selection: Selection,
  plan: Plan<Row>,
  path: Path,
  n?: number,
): Promise<Page<Row>> {
  const { window, terms } = plan
  const counting = countIn(ctx, selection, [path.facet])
  const [status, ...others] = selection.statuses
  if (status && others.length === 0 && window.offset <= deepOffset) {
    const [rows, counted] = await ctx.db.batch([
      rowsAlong(ctx, selection, plan, path, status),
      counting,
    ])
    const results = rows.slice(0, window.limit)
    const last = rows.length > window.limit ? results.at(-1) : undefined
    return closePage(plan, results, n ?? counted[0]?.n ?? 0, last && valuesIn(terms, last))
  }
  const [counted, keys] = await Promise.all([counting, keysOf(ctx, selection, plan, path)])
  return pageOfKeys(ctx, selection, plan, keys, window.offset, n ?? counted[0]?.n ?? 0)
}

/** A page of the set of a selection, which is remembered by the version of the catalogue; beyond it, a walk. */
async function readSet(ctx: Ctx, selection: Selection, plan: Plan<Row>): Promise<Page<Row>> {
  const wanted = selection.groups.filter(({ none }) => !none)
  const [versions, ...counted] = await ctx.db.batch([
    ctx.db
      .select({ version: catalogVersion.version })
      .from(catalogVersion)
      .where(eq(catalogVersion.id, 1)),
    ...wanted.map((group) => countIn(ctx, selection, facetsOf(group))),
  ])
  const sizes = counted.map(([row]) => row?.n ?? 0)
  const driver = wanted[sizes.indexOf(Math.min(...sizes))]
  const asked = JSON.stringify([versions[0]?.version, selection, signatureOf(plan.terms)])
  const [own, ...more] = driver ? facetsOf(driver) : []
  // Several facets have no order together: they are found in the order of everything.
  const path: Path = own && more.length === 0 ? { facet: own, driver } : { facet: everything }
  const { keys, isWhole } = await ctx.cache.remember(`set:${await sha256(asked)}`, () =>
    load(ctx, selection, plan, path, driver),
  )
  const { after, limit } = plan.window
  const n = isWhole ? keys.length : countCap + 1
  const place =
    after === undefined ? plan.window.offset : placeAfter(valuesAt(after, plan.terms), keys, plan)
  return isWhole || place + limit < keys.length
    ? pageOfKeys(ctx, selection, plan, keys, place, n)
    : walk(ctx, selection, plan, path, n)
}

/**
 * The first 10 000 keys of a selection, in order. Reads the smallest facet, or a range of price or rating in it; where
 * that finds more, the order itself as far as it takes.
 */
async function load(
  ctx: Ctx,
  selection: Selection,
  plan: Plan<Row>,
  path: Path,
  driver: Group | undefined,
): Promise<{ keys: Key[]; isWhole: boolean }> {
  const { least, most, rating } = selection
  const isPriced = least !== undefined || most !== undefined
  const along = isPriced
    ? listings.priceAmount
    : rating === undefined
      ? undefined
      : listings.averageRating
  const matching = residual(selection, listings, along, driver)
  const [first, ...rest] = (driver ? facetsOf(driver) : [everything]).flatMap((facet) =>
    selection.statuses.map((status) =>
      keysIn(ctx, plan)
        .where(and(listedIn(facet, status), matching))
        .limit(countCap + 1),
    ),
  )
  if (!first) return { keys: [], isWhole: true }
  const found = (await ctx.db.batch([first, ...rest])).flat().map(toKey)
  const keys = [...new Map(found.map((key) => [key.at(-1), key])).values()]
  if (keys.length <= countCap) return { keys: sorted(keys, plan), isWhole: true }
  const front = { ...plan, where: undefined, offset: 0, window: { limit: countCap, offset: 0 } }
  return { keys: await keysOf(ctx, selection, front, path), isWhole: false }
}

/** The page of sorted keys that begins at `place`. */
async function pageOfKeys(
  ctx: Ctx,
  { statuses }: Selection,
  plan: Plan<Row>,
  keys: readonly Key[],
  place: number,
  n: number,
): Promise<Page<Row>> {
  const chosen = keys.slice(place, place + plan.window.limit)
  const rows = await byIds(ctx, chosen.map(idOf), statuses)
  return closePage(
    plan,
    rows,
    n,
    keys.length > place + plan.window.limit ? chosen.at(-1) : undefined,
  )
}

/** How many keys are not after these values. */
function placeAfter(values: Key, keys: readonly Key[], plan: Plan<Row>): number {
  const index = keys.findIndex((key) => order(key, values, plan) > 0)
  return index < 0 ? keys.length : index
}
