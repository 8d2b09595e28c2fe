import { may } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { sha256 } from "#lib/secret.ts"
import type { PageQuery } from "#lib/shapes.ts"
import { mapPage, type Page } from "#platform/page.ts"

import type { ProductQuery, ProductSummary } from "./model.ts"
import { toSummary } from "./product.ts"
import { readSelection } from "./ranges.ts"
import { selectionOf } from "./selection.ts"

/** Seconds that a public list may be behind: with KV's own 30 s it stays within the minute that api.md 1.13 promises. */
const lifetime = { fresh: 10, stale: 20 }

/**
 * A page of products: active ones for the public, at most 50 s old; all of them for staff, as they are.
 * @throws `invalid-page`, `invalid-input`
 */
export async function list(ctx: Ctx, query: ProductQuery): Promise<Page<ProductSummary>> {
  const selection = selectionOf(ctx, query)
  const load = async () => mapPage(await readSelection(ctx, selection, query), toSummary)
  if (may(ctx, "catalog:write")) return load()
  const { ordering, page, page_size, limit, offset, cursor } = query
  const asked = JSON.stringify([selection, ordering, page, page_size, limit, offset, cursor])
  return ctx.cache.read(`products:${await sha256(asked)}`, "catalog", lifetime, load)
}

/** The newest featured products, at most 12 a page. */
export function featured(ctx: Ctx, query: PageQuery): Promise<Page<ProductSummary>> {
  return list(ctx, { page_size: "12", ...query, featured: true })
}

/** The newest products, 20 a page. */
export function latest(ctx: Ctx, query: PageQuery): Promise<Page<ProductSummary>> {
  return list(ctx, { ...query, ordering: "-created_at" })
}
