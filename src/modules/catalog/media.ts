import { and, asc, eq, isNull, or, sql } from "drizzle-orm"

import { may, requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { type FieldError, invalid, notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { commit } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"
import * as files from "#platform/files.ts"

import type { Image, MediaChanges, MediaOrder } from "./media-model.ts"
import { media, products, variants } from "./tables.ts"

export type MediaRow = typeof media.$inferSelect

/** Widths that smaller pictures are made in (`IMAGE_TRANSFORMATIONS`); few, since each is paid for by the unique picture. */
const widths = { thumbnail: 160, small: 320, medium: 640, large: 1280, full: 1920 }

/** The pictures and videos of a product, in order. @throws `not-found` */
export async function list(ctx: Ctx, ref: string): Promise<Image[]> {
  const product = await find(ctx, ref)
  return (await rowsOf(ctx, product.id)).map((row) => toImage(ctx, row))
}

/** Changes what is said of a picture, or makes it the primary one. @throws `forbidden`, `not-found`, `invalid-input` */
export async function update(
  ctx: Ctx,
  ref: string,
  mediaId: string,
  input: MediaChanges,
): Promise<Image> {
  requirePermission(ctx, "catalog:write")
  const { id: productId } = await find(ctx, ref)
  const old = await pick(ctx, productId, mediaId)
  const errors: FieldError[] = []
  const variant = await findVariant(ctx, productId, input.variant_id, old.variantId)
  if (variant === undefined) errors.push(unknownVariant)
  if (input.is_primary && old.kind !== "image") errors.push(notAPicture)
  if (errors.length > 0) throw invalid(...errors)
  const row: MediaRow = {
    ...old,
    altText: input.alt_text ?? old.altText,
    variantId: variant ?? null,
    isPrimary: old.isPrimary || input.is_primary === true,
  }
  const { altText, variantId } = row
  const own = and(eq(media.id, old.id), eq(media.productId, productId))
  const results = await commit(
    ctx,
    [
      ...(input.is_primary ? [stageDemote(ctx, productId)] : []),
      ctx.db
        .update(media)
        .set({ altText, variantId, ...(input.is_primary && { isPrimary: true }) })
        .where(own),
      ...stageSettle(ctx, productId),
      ctx.db.select().from(media).where(own),
    ],
    { events: [{ type: "catalog.changed", productId }], result: toImage(ctx, row) },
  )
  await ctx.cache.expire("catalog")
  const [stored] = results.at(-1) as MediaRow[]
  if (!stored) throw notFound("picture")
  return toImage(ctx, stored)
}

/** Removes a picture; the next one is primary then. Its object goes by the event. @throws `forbidden`, `not-found` */
export async function remove(ctx: Ctx, ref: string, mediaId: string): Promise<void> {
  requirePermission(ctx, "catalog:write")
  const { id: productId } = await find(ctx, ref)
  const row = await pick(ctx, productId, mediaId)
  const own = sql`media.id = ${row.id} AND media.product_id = ${productId}`
  await commit(ctx, [...stageRemove(ctx, own), ...stageSettle(ctx, productId)], {
    events: [
      { type: "media.removed", productId, keys: [objectOf(row.key)] },
      { type: "catalog.changed", productId },
    ],
    result: {},
  })
  await ctx.cache.expire("catalog")
}

/** Puts a product's pictures in another order. @throws `forbidden`, `not-found`, `invalid-input` unless all are named once */
export async function reorder(ctx: Ctx, ref: string, { ids }: MediaOrder): Promise<Image[]> {
  requirePermission(ctx, "catalog:write")
  const { id: productId } = await find(ctx, ref)
  const rows = await rowsOf(ctx, productId)
  const byId = new Map(rows.map((row) => [row.id as string, row]))
  const isAll = new Set(ids).size === rows.length && ids.every((id) => byId.has(id))
  if (!isAll || ids.length !== rows.length) {
    const detail = `Name each of the product's ${rows.length} pictures once.`
    throw invalid({ field: "ids", detail, code: "invalid" })
  }
  const result = ids.flatMap((id, index) => {
    const row = byId.get(id)
    return row ? [toImage(ctx, { ...row, position: index + 1 })] : []
  })
  const json = JSON.stringify(ids)
  const change = ctx.db
    .update(media)
    .set({ position: sql`(SELECT key + 1 FROM json_each(${json}) WHERE value = media.id)` })
    .where(
      sql`media.product_id = ${productId} AND media.id IN (SELECT value FROM json_each(${json}))`,
    )
  await commit(ctx, [change, ...stageSettle(ctx, productId)], {
    events: [{ type: "catalog.changed", productId }],
    result,
  })
  await ctx.cache.expire("catalog")
  return result
}

/** Deletes the rows that `where` picks, and marks their objects for removal. */
export function stageRemove(ctx: Ctx, where: ReturnType<typeof sql>): Statement[] {
  return [
    files.stageRemoved(ctx, sql`SELECT 'media/' || media.key AS key FROM media WHERE ${where}`),
    ctx.db.delete(media).where(where),
  ]
}

/** Pictures of a variant that is taken out of sale show the product again. */
export function stageUnlink(ctx: Ctx, variantId: Id<"variant">): Statement {
  return ctx.db.update(media).set({ variantId: null }).where(eq(media.variantId, variantId))
}

/** One picture is primary where there is any, and the product's row says which. */
export function stageSettle(ctx: Ctx, productId: Id<"product">): Statement[] {
  const first = sql`(SELECT one.id FROM media AS one WHERE one.product_id = ${productId} AND one.kind = 'image' ORDER BY one.position, one.id LIMIT 1)`
  const none = sql`NOT EXISTS (SELECT 1 FROM media AS one WHERE one.product_id = ${productId} AND one.is_primary = 1)`
  return [
    ctx.db
      .update(media)
      .set({ isPrimary: true })
      .where(sql`media.id = ${first} AND ${none}`),
    ctx.db
      .update(products)
      .set({
        imageKey: sql`(SELECT one.key FROM media AS one WHERE one.product_id = ${productId} AND one.is_primary = 1)`,
        updatedAt: iso(ctx.now),
      })
      .where(eq(products.id, productId)),
  ]
}

/** No picture of the product is primary, until another one is made so in the same batch. */
export function stageDemote(ctx: Ctx, productId: Id<"product">): Statement {
  return ctx.db
    .update(media)
    .set({ isPrimary: false })
    .where(and(eq(media.productId, productId), eq(media.isPrimary, true)))
}

/** The refusal of a variant that the product does not have. */
export const unknownVariant = { field: "variant_id", detail: "No such variant.", code: "unknown" }
/** The refusal of a video or frame as the primary picture. */
export const notAPicture = {
  field: "is_primary",
  detail: "Only a picture can be.",
  code: "invalid",
}

/** The variant that is meant; `before` when nothing was said, `undefined` when there is no such variant. */
export async function findVariant(
  ctx: Ctx,
  productId: Id<"product">,
  ref: string | null | undefined,
  before: Id<"variant"> | null,
): Promise<Id<"variant"> | null | undefined> {
  if (ref === undefined || ref === null) return ref === null ? null : before
  const [row] = await ctx.db
    .select({ id: variants.id })
    .from(variants)
    .where(
      and(
        eq(variants.productId, productId),
        or(eq(variants.id, ref as Id<"variant">), eq(variants.sku, ref)),
        isNull(variants.removedAt),
        sql`${variants.id} <> ${productId}`,
      ),
    )
    .limit(1)
  return row?.id
}

/** The product whose pictures are meant. @throws `not-found`, for a hidden one to the public too */
export async function find(ctx: Ctx, ref: string) {
  const [row] = await ctx.db
    .select({
      id: products.id,
      status: products.status,
      hasPrimary: sql<number>`(${products.imageKey} IS NOT NULL)`.as("has_primary"),
      last: sql<number>`(SELECT coalesce(max(position), 0) FROM media WHERE media.product_id = ${products.id})`.as(
        "last",
      ),
    })
    .from(products)
    .where(or(eq(products.id, ref as Id<"product">), eq(products.slug, ref)))
    .limit(1)
  if (!row || (row.status !== "active" && !may(ctx, "catalog:write"))) throw notFound("product")
  return row
}

function rowsOf(ctx: Ctx, productId: Id<"product">): Promise<MediaRow[]> {
  return ctx.db
    .select()
    .from(media)
    .where(eq(media.productId, productId))
    .orderBy(asc(media.position), asc(media.id))
}

async function pick(ctx: Ctx, productId: Id<"product">, mediaId: string): Promise<MediaRow> {
  const [row] = await ctx.db
    .select()
    .from(media)
    .where(and(eq(media.id, mediaId as Id<"media">), eq(media.productId, productId)))
  if (!row) throw notFound("picture")
  return row
}

/** The R2 key of a picture. */
export function objectOf(key: string): string {
  return `media/${key}`
}

/** Where a picture is served. */
export function urlOf(key: string): string {
  return `/media/${key}`
}

/**
 * A picture on the wire. Smaller sizes are made by Cloudflare on first use and cached there
 * (developers.cloudflare.com/images/optimization/transformations: options of `/cdn-cgi/image/`).
 */
export function toImage(ctx: Pick<Ctx, "config">, row: MediaRow): Image {
  const url = urlOf(row.key)
  const isMade = ctx.config.imageTransformations && row.width !== null
  const at = (width: number) =>
    isMade && width < (row.width ?? 0)
      ? `/cdn-cgi/image/width=${width},fit=scale-down,format=auto,metadata=none${url}`
      : url
  const smaller = Object.values(widths).filter((width) => isMade && width < (row.width ?? 0))
  return {
    id: row.id,
    url,
    alt_text: row.altText,
    is_primary: row.isPrimary,
    kind: row.kind,
    content_type: row.contentType,
    width: row.width,
    height: row.height,
    position: row.position,
    variant_id: row.variantId,
    sizes: { thumbnail: at(widths.thumbnail), medium: at(widths.medium), large: at(widths.large) },
    srcset:
      smaller.length === 0
        ? null
        : [...smaller, row.width ?? 0].map((width) => `${at(width)} ${width}w`).join(", "),
  }
}
