import { eq, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, invalid, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { dimensionsOf, mediaTypeOf } from "#lib/media-type.ts"
import { iso } from "#lib/time.ts"
import { commit } from "#platform/commit.ts"
import * as files from "#platform/files.ts"

import { type Image, MediaFields } from "./media-model.ts"
import {
  find,
  findVariant,
  type MediaRow,
  notAPicture,
  objectOf,
  stageDemote,
  stageSettle,
  toImage,
  unknownVariant,
} from "./media.ts"
import { media } from "./tables.ts"

/** api.md 1.17: bytes of a picture, of a video. */
export const largest = { image: 10 * 1024 * 1024, video: 100 * 1024 * 1024 }

/** Pixels of a picture, and of one side: what fits a screen wall, not what takes a browser gigabytes to unpack. */
const most = { pixels: 50_000_000, side: 16_384, media: 250 }

/** A file on its way in, read once. `fields`: what was said beside it, known in full when the file has been read. */
export type Upload = {
  file: AsyncIterable<Uint8Array>
  fields: () => Promise<Record<string, string>>
}

/**
 * Adds a picture or video to a product: first the object, then its row, so that a row never names bytes that are not
 * there; what crashes between is swept. The first picture is primary.
 * @throws `forbidden`, `not-found`, `invalid-input` for what is no picture or video, `body-too-large`, `media-full`
 */
export async function add(ctx: Ctx, ref: string, upload: Upload): Promise<Image> {
  requirePermission(ctx, "catalog:write")
  const product = await find(ctx, ref)
  const pieces = files.piecesOf(upload.file)
  const first = await pieces.next()
  const { type, size } = judge(first.done ? new Uint8Array() : first.value)
  const id = newId("media", ctx.now)
  const key = `${product.id}/${id}.${type.extension}`
  const object = objectOf(key)
  await files.begin(ctx, object)
  try {
    const bytes = await files.put(ctx, object, first.value ?? new Uint8Array(), pieces, {
      contentType: type.contentType,
      most: largest[type.kind],
    })
    const fields = await readFields(ctx, product.id, await upload.fields(), type.kind)
    const row: MediaRow = {
      id,
      productId: product.id,
      key,
      contentType: type.contentType,
      bytes,
      altText: fields.altText,
      isPrimary: fields.isPrimary || (fields.kind === "image" && !product.hasPrimary),
      position: product.last + 1,
      createdAt: iso(ctx.now),
      kind: fields.kind,
      variantId: fields.variantId,
      ...size,
    }
    return await insert(ctx, row, fields.isPrimary)
  } catch (error) {
    ctx.defer(files.abandon(ctx, object))
    throw error
  }
}

async function insert(ctx: Ctx, row: MediaRow, takesOver: boolean): Promise<Image> {
  const { productId } = row
  const kept = files.stageKept(ctx, objectOf(row.key), row.key)
  // Others may add pictures at the same time: what depends on them is computed where it is written.
  const hasPrimary = sql`EXISTS (SELECT 1 FROM media AS other WHERE other.product_id = ${productId} AND other.is_primary = 1)`
  const isPrimary =
    row.kind === "image" && !takesOver ? sql<boolean>`(NOT ${hasPrimary})` : takesOver
  const values = {
    ...row,
    key: kept.key,
    isPrimary,
    position: sql<number>`(SELECT CASE WHEN count(*) < ${most.media} THEN coalesce(max(other.position), 0) + 1 END FROM media AS other WHERE other.product_id = ${productId})`,
  }
  const results = await commit(
    ctx,
    [
      ...(takesOver ? [stageDemote(ctx, productId)] : []),
      ctx.db.insert(media).values(values),
      kept.statement,
      ...stageSettle(ctx, productId),
      ctx.db.select().from(media).where(eq(media.id, row.id)),
    ],
    {
      refusals: {
        "FOREIGN KEY constraint failed": () => notFound("product"),
        "media.position": "media-full",
        "media.key": () => new DomainError("unavailable", "The upload took too long; try again"),
      },
      events: [{ type: "catalog.changed", productId }],
      result: toImage(ctx, row),
    },
  )
  await ctx.cache.expire("catalog")
  const [stored] = results.at(-1) as MediaRow[]
  return toImage(ctx, stored ?? row)
}

/** What a file is, by its first piece. @throws `invalid-input` */
function judge(bytes: Uint8Array) {
  const type = mediaTypeOf(bytes)
  const refuse = (detail: string) => invalid({ field: "image", detail, code: "invalid" })
  if (!type) throw refuse("Upload a PNG, JPEG, WebP, GIF or AVIF picture, or an MP4 or WebM video.")
  if (type.kind === "video") return { type, size: { width: null, height: null } }
  const size = dimensionsOf(bytes)
  if (!size) throw refuse("The picture's header does not say how large it is.")
  if (Math.max(size.width, size.height) > most.side || size.width * size.height > most.pixels)
    throw refuse(
      `A picture has at most ${most.pixels / 1_000_000} megapixels and ${most.side} pixels a side.`,
    )
  return { type, size }
}

async function readFields(
  ctx: Ctx,
  productId: Id<"product">,
  given: Record<string, string>,
  content: "image" | "video",
) {
  const read = MediaFields.safeParse(given)
  if (!read.success)
    throw invalid(
      ...read.error.issues.map((issue) => ({
        field: issue.path.join("."),
        detail: issue.message,
        code: "invalid",
      })),
    )
  const { alt_text: altText, is_primary: isPrimary, variant_id: variantRef } = read.data
  const kind = read.data.kind ?? content
  const errors: FieldError[] = []
  if ((kind === "video") !== (content === "video"))
    errors.push({ field: "kind", detail: `The file is ${content}.`, code: "invalid" })
  if (isPrimary && kind !== "image") errors.push(notAPicture)
  const variantId = await findVariant(ctx, productId, variantRef, null)
  if (variantId === undefined) errors.push(unknownVariant)
  if (errors.length > 0) throw invalid(...errors)
  return { altText, isPrimary, kind, variantId: variantId ?? null }
}
