import { may } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { sha256 } from "#lib/secret.ts"
import { find, isOwn, type Presentment } from "#modules/currencies/presentment.ts"
import type { Page } from "#platform/page.ts"

import type { ProductQuery, ProductSummary, ShownQuery } from "./model.ts"
import { toSummaries } from "./product.ts"
import { readSelection } from "./ranges.ts"
import { selectionOf } from "./selection.ts"

/** Seconds that a public list may be behind: with KV's own 30 s it stays within the minute that api.md 1.13 promises. */
const lifetime = { fresh: 10, stale: 20 }

/**
 * A page of products: active ones for the public, at most 50 s old; all of them for staff, as they are.
 * @throws `invalid-page`, `invalid-input`, `rate-stale`
 */
export async function list(ctx: Ctx, query: ProductQuery): Promise<Page<ProductSummary>> {
  const prices = await find(ctx, query.currency)
  const selection = selectionOf(ctx, query, prices)
  const load = async () => toSummaries(ctx, await readSelection(ctx, selection, query), prices)
  if (may(ctx, "catalog:write")) return load()
  const { ordering, page, page_size, limit, offset, cursor } = query
  const where = [ordering, page, page_size, limit, offset, cursor]
  const asked = JSON.stringify([selection, ...where, ...keyOf(prices)])
  return ctx.cache.read(`products:${await sha256(asked)}`, "catalog", lifetime, load)
}

/** What tells pages in different currencies apart; nothing for the shop's own. */
function keyOf(prices: Presentment): string[] {
  return isOwn(prices) ? [] : [prices.currency]
}

/** The newest featured products, at most 12 a page. */
export function featured(ctx: Ctx, query: ShownQuery): Promise<Page<ProductSummary>> {
  return list(ctx, { page_size: "12", ...query, featured: true })
}

/** The newest products, 20 a page. */
export function latest(ctx: Ctx, query: ShownQuery): Promise<Page<ProductSummary>> {
  return list(ctx, { ...query, ordering: "-created_at" })
}
