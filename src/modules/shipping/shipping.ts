import { and, eq, getTableColumns, inArray, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError, invalid } from "#errors.ts"
import { type Area, areasOf, type Destination } from "#lib/place.ts"

import { closest, offersFor, type Parcel } from "./rates.ts"
import { shippingAreas, shippingMethods } from "./tables.ts"

/** A way to send things, as it is kept. */
export type MethodRow = typeof shippingMethods.$inferSelect

/**
 * Statements that read the active methods for a place (for no place in particular: all), and whether there are any at
 * all, for a batch; `offers` and `choose` read their rows.
 */
export function selectMethods(ctx: Ctx, destination: Destination | undefined) {
  const areas = destination && areasOf(destination)
  // Written out: a bound value would keep SQLite off the partial index.
  const isActive = sql`${shippingMethods.isActive} = 1`
  return [
    ctx.db
      .select({
        ...getTableColumns(shippingMethods),
        country: shippingAreas.country,
        state: shippingAreas.state,
        postalPrefix: shippingAreas.postalPrefix,
      })
      .from(shippingAreas)
      .innerJoin(shippingMethods, eq(shippingMethods.zoneId, shippingAreas.zoneId))
      .where(
        and(
          areas && inArray(shippingAreas.country, areas.countries),
          areas && inArray(shippingAreas.state, areas.states),
          areas && inArray(shippingAreas.postalPrefix, areas.prefixes),
          isActive,
        ),
      )
      .limit(1000),
    ctx.db
      .select({ one: sql<number>`1`.as("one") })
      .from(shippingMethods)
      .where(isActive)
      .limit(1),
  ] as const
}

type Found = (MethodRow & Area)[]

/** What the methods found cost for a parcel, cheapest first; of zones that overlap the closest counts. */
export function offers(
  found: Found,
  parcel: Parcel,
  destination: Destination | undefined,
): { method: MethodRow; amount: number }[] {
  const methods = destination ? closest(found.map((row) => ({ method: row, area: row }))) : found
  return offersFor([...new Map(methods.map((method) => [method.id, method])).values()], parcel)
}

/**
 * The method a parcel is sent by: the one asked for, else the cheapest that sends it; null in a shop that has none.
 * @throws `invalid-input` for a method that is none here, `shipping-unavailable` where nothing is sent to
 */
export function choose(
  found: Found,
  isConfigured: boolean,
  parcel: Parcel,
  destination: Destination,
  asked: string | undefined,
): { method: MethodRow; amount: number } | null {
  const offered = offers(found, parcel, destination)
  const isSent = ({ method }: { method: MethodRow }) => method.type !== "pickup"
  const chosen =
    asked === undefined
      ? (offered.find(isSent) ?? offered[0])
      : offered.find(({ method }) => method.id === asked)
  if (chosen) return chosen
  if (asked !== undefined)
    throw invalid({
      field: "shipping_method",
      detail: "This shipping method is not offered for this order and address.",
      code: "unknown",
    })
  if (isConfigured) throw new DomainError("shipping-unavailable")
  return null
}
