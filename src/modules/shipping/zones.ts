import { eq, inArray } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { type Area, longestPrefix, postalKey, stateKey } from "#lib/place.ts"
import { iso } from "#lib/time.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import { rowsOf, type Statement } from "#platform/db.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"
import { mostTries, requireMatch, stageSeen, stale, takeAway } from "#platform/version.ts"

import type {
  NewShippingZone,
  ShippingZone,
  ShippingZoneChanges,
  ShippingZoneQuery,
} from "./model.ts"
import { shippingAreas, shippingMethods, shippingZones } from "./tables.ts"

type ZoneRow = typeof shippingZones.$inferSelect

/** A page of zones, newest first. @throws `forbidden`, `invalid-page` */
export async function list(ctx: Ctx, query: ShippingZoneQuery): Promise<Page<ShippingZone>> {
  requirePermission(ctx, "pricing:write")
  const page = await readPage<ZoneRow>(ctx, query, {
    orderings: { created_at: { by: shippingZones.createdAt, of: (row) => row.createdAt } },
    fallback: "-created_at",
    id: { by: shippingZones.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(shippingZones)
        .where(where)
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db.select({ id: shippingZones.id }).from(shippingZones).getSQL(),
  })
  const ids = page.results.map(({ id }) => id)
  const chunks = [ids.slice(0, 50), ids.slice(50)].filter(({ length }) => length > 0)
  const [first, ...rest] = chunks.map((chunk) =>
    ctx.db.select().from(shippingAreas).where(inArray(shippingAreas.zoneId, chunk)),
  )
  const areas = first ? (await ctx.db.batch([first, ...rest])).flat() : []
  return mapPage(page, (row) =>
    toZone(
      row,
      areas.filter(({ zoneId }) => zoneId === row.id),
    ),
  )
}

/** One zone. @throws `forbidden`, `not-found` */
export async function get(ctx: Ctx, id: string): Promise<ShippingZone> {
  requirePermission(ctx, "pricing:write")
  const { zone, areas } = await find(ctx, id)
  return toZone(zone, areas)
}

/** Makes a zone. @throws `forbidden` */
export async function create(ctx: Ctx, input: NewShippingZone): Promise<ShippingZone> {
  requirePermission(ctx, "pricing:write")
  const row: ZoneRow = {
    id: newId("shippingZone", ctx.now),
    name: input.name,
    version: 1,
    createdAt: iso(ctx.now),
    updatedAt: iso(ctx.now),
  }
  const areas = toAreas(input.areas)
  const result = toZone(row, areas)
  await commit(ctx, [ctx.db.insert(shippingZones).values(row), ...stageAreas(ctx, row.id, areas)], {
    result,
  })
  return result
}

/** Changes a zone. @throws `forbidden`, `not-found`, `stale` */
export async function update(
  ctx: Ctx,
  id: string,
  changes: ShippingZoneChanges,
): Promise<ShippingZone> {
  requirePermission(ctx, "pricing:write")
  return retryRaced(async () => {
    const old = await find(ctx, id)
    requireMatch(ctx, old.zone.version)
    const row = {
      ...old.zone,
      name: changes.name ?? old.zone.name,
      version: old.zone.version + 1,
      updatedAt: iso(ctx.now),
    }
    const areas = changes.areas ? toAreas(changes.areas) : old.areas
    const result = toZone(row, areas)
    await commit(
      ctx,
      [
        stageSeen(ctx, shippingZones.id, row.id, old.zone.version),
        ctx.db.update(shippingZones).set(row).where(eq(shippingZones.id, row.id)),
        ...(changes.areas
          ? [
              ctx.db.delete(shippingAreas).where(eq(shippingAreas.zoneId, row.id)),
              ...stageAreas(ctx, row.id, areas),
            ]
          : []),
      ],
      { refusals: stale(shippingZones.id), result },
    )
    return result
  }, mostTries)
}

/** Takes a zone away, with its methods; orders keep what they were placed with. @throws `forbidden`, `not-found`, `stale` */
export async function remove(ctx: Ctx, ref: string): Promise<void> {
  requirePermission(ctx, "pricing:write")
  await takeAway(
    ctx,
    shippingZones.id,
    async () => (await find(ctx, ref)).zone,
    ({ id }) => [
      ctx.db.delete(shippingAreas).where(eq(shippingAreas.zoneId, id)),
      ctx.db.delete(shippingMethods).where(eq(shippingMethods.zoneId, id)),
    ],
  )
}

async function find(ctx: Ctx, ref: string): Promise<{ zone: ZoneRow; areas: Area[] }> {
  const id = ref as Id<"shippingZone">
  const [[zone], areas] = await ctx.db.batch([
    ctx.db.select().from(shippingZones).where(eq(shippingZones.id, id)).limit(1),
    ctx.db.select().from(shippingAreas).where(eq(shippingAreas.zoneId, id)),
  ])
  if (!zone) throw notFound("shipping zone")
  return { zone, areas }
}

/** Areas as they are kept, each once. */
function toAreas(input: NewShippingZone["areas"]): Area[] {
  const areas = input.map(({ country, state, postal_prefix: prefix }) => ({
    country,
    state: stateKey(state),
    postalPrefix: postalKey(prefix).slice(0, longestPrefix),
  }))
  return [...new Map(areas.map((area) => [JSON.stringify(area), area])).values()]
}

function stageAreas(ctx: Ctx, zoneId: Id<"shippingZone">, areas: readonly Area[]): Statement[] {
  return rowsOf(
    ctx.db,
    shippingAreas,
    areas.map((area) => ({ ...area, zoneId })),
  )
}

function toZone(row: ZoneRow, areas: readonly Area[]): ShippingZone {
  return {
    id: row.id,
    name: row.name,
    areas: areas.map(({ country, state, postalPrefix }) => ({
      country,
      state,
      postal_prefix: postalPrefix,
    })),
    version: row.version,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}
