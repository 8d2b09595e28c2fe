import { and, inArray } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { areasOf, type Destination } from "#lib/place.ts"

import { taxRates } from "./tables.ts"

/** A statement that reads the rates whose areas hold a place, for a batch; `ratesByClass` says which of them count. */
export function selectRates(ctx: Ctx, destination: Destination | undefined) {
  const areas = areasOf(destination ?? { country: "", state: "", postalCode: "" })
  return ctx.db
    .select()
    .from(taxRates)
    .where(
      and(
        // Without a destination nothing is taxed: not even by the rates of the whole world.
        inArray(taxRates.country, destination ? areas.countries : []),
        inArray(taxRates.state, areas.states),
        inArray(taxRates.postalPrefix, areas.prefixes),
      ),
    )
}
