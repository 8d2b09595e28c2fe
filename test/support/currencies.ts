import { NewCurrency, NewPriceList, PriceListEntries } from "#modules/currencies/model.ts"
import * as priceListEntries from "#modules/currencies/price-list-entries.ts"
import * as priceLists from "#modules/currencies/price-lists.ts"
import * as rates from "#modules/currencies/rates.ts"
import * as settings from "#modules/currencies/settings.ts"

import { ctx } from "./ctx.ts"
import * as make from "./make.ts"

/** A currency by a rate that staff set, of now: 1 USD is 0.80 EUR unless said otherwise. */
export async function currency(code = "EUR", rate = "0.8", over: Record<string, unknown> = {}) {
  const as = ctx({ as: make.staff })
  await settings.create(as, NewCurrency.parse({ code, rate_source: "manual", ...over }))
  if (rate !== "") await rates.set(as, code, { rate })
  await as.settled()
}

/** A price list with prices by variant or product. */
export async function priceList(
  prices: Record<string, string>,
  over: Record<string, unknown> = {},
): Promise<string> {
  const as = ctx({ as: make.staff })
  const input = { name: "Europe", currency: "EUR", ...over }
  const { id } = await priceLists.create(as, NewPriceList.parse(input))
  const entries = Object.entries(prices).map(([variant, price]) => ({ variant, price }))
  if (entries.length > 0) await priceListEntries.set(as, id, PriceListEntries.parse({ entries }))
  await as.settled()
  return id
}
