import { and, eq, or, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { imageTypeOf } from "#lib/image-type.ts"
import { iso } from "#lib/time.ts"
import { commit } from "#platform/commit.ts"
import { timed } from "#platform/meter.ts"

import type { Image } from "./model.ts"
import { media, products } from "./tables.ts"

type MediaRow = typeof media.$inferSelect

/** api.md 1.17: 10 MiB a picture. */
export const largestImage = 10 * 1024 * 1024

/** A picture on its way in. The type is what its first bytes say, not its name or header. */
export type Upload = { bytes: ArrayBuffer; altText: string; isPrimary: boolean }

/**
 * Adds a picture to a product: first the object, then its row, so that a row never names bytes that are not there.
 * The first one is primary. @throws `forbidden`, `not-found`, `invalid-input` for what is no picture, `body-too-large`
 */
export async function add(ctx: Ctx, ref: string, upload: Upload): Promise<Image> {
  requirePermission(ctx, "catalog:write")
  const [product] = await ctx.db
    .select({
      id: products.id,
      imageKey: products.imageKey,
      last: sql<number>`(SELECT coalesce(max(position), 0) FROM media WHERE media.product_id = ${products.id})`.as(
        "last",
      ),
    })
    .from(products)
    .where(or(eq(products.id, ref as Id<"product">), eq(products.slug, ref)))
    .limit(1)
  if (!product) throw notFound("product")
  if (upload.bytes.byteLength > largestImage)
    throw new DomainError("body-too-large", "A picture has at most 10 MiB")
  const type = imageTypeOf(new Uint8Array(upload.bytes.slice(0, 32)))
  if (!type)
    throw invalid({
      field: "image",
      detail: "Upload a PNG, JPEG, WebP, GIF or AVIF picture.",
      code: "invalid",
    })

  const id = newId("media", ctx.now)
  const isPrimary = upload.isPrimary || product.imageKey === null
  const row: MediaRow = {
    id,
    productId: product.id,
    key: `${product.id}/${id}.${type.extension}`,
    contentType: type.contentType,
    bytes: upload.bytes.byteLength,
    altText: upload.altText,
    isPrimary,
    position: product.last + 1,
    createdAt: iso(ctx.now),
  }
  await timed(ctx.meter, "r2", () =>
    ctx.files.put(objectOf(row.key), upload.bytes, {
      httpMetadata: { contentType: type.contentType },
    }),
  )
  const result = toImage(row)
  const makePrimary = [
    ctx.db
      .update(media)
      .set({ isPrimary: false })
      .where(and(eq(media.productId, product.id), eq(media.isPrimary, true))),
    ctx.db
      .update(products)
      .set({ imageKey: row.key, updatedAt: row.createdAt })
      .where(eq(products.id, product.id)),
  ]
  await commit(ctx, [...(isPrimary ? makePrimary : []), ctx.db.insert(media).values(row)], {
    events: [{ type: "catalog.changed", productId: product.id }],
    result,
  })
  await ctx.cache.expire("catalog")
  return result
}

/** The bytes of a picture, or a range of them. `undefined` when there is no such object. */
export function open(
  ctx: Ctx,
  key: string,
  headers: Headers,
): Promise<R2ObjectBody | R2Object | null> {
  return timed(ctx.meter, "r2", () =>
    ctx.files.get(objectOf(key), { onlyIf: headers, range: headers }),
  )
}

/** The R2 key of a picture. */
export function objectOf(key: string): string {
  return `media/${key}`
}

/** Where a picture is served. */
export function urlOf(key: string): string {
  return `/media/${key}`
}

/** A picture on the wire. */
export function toImage(row: MediaRow): Image {
  return { id: row.id, url: urlOf(row.key), alt_text: row.altText, is_primary: row.isPrimary }
}
