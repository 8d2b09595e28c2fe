import { notFound } from "#errors.ts"
import { createRouter } from "#http/router.ts"
import * as catalogMedia from "#modules/catalog/media.ts"

/** GET /media/{key}: pictures from R2. A key never changes its bytes, so caches keep them for a year. */
export const media = createRouter()

media.get("/media/:product/:file", async (c) => {
  const object = await catalogMedia.open(
    c.var.ctx,
    `${c.req.param("product")}/${c.req.param("file")}`,
    c.req.raw.headers,
  )
  if (!object) throw notFound("file")
  object.writeHttpMetadata(c.res.headers)
  c.header("Content-Type", object.httpMetadata?.contentType ?? "application/octet-stream")
  c.header("ETag", object.httpEtag)
  c.header("Cache-Control", "public, max-age=31536000, immutable")
  c.header("Accept-Ranges", "bytes")
  if (!("body" in object)) return c.body(null, 304)
  // R2 words it in one of three forms; the fields of the others are undefined.
  const range: { offset?: number; length?: number; suffix?: number } | undefined = object.range
  // A range in other units, of several parts or beyond the end is not one for us: the whole is the answer then (RFC 9110 §14.2).
  const asked = /^bytes=(?:(\d+)-\d*|-\d+)$/.exec(c.req.header("range") ?? "")
  const isPart = asked && range !== undefined && Number(asked[1] ?? 0) < object.size
  if (!isPart) return c.body(object.body, 200, { "Content-Length": String(object.size) })
  const { suffix } = range
  const offset = suffix === undefined ? (range.offset ?? 0) : Math.max(0, object.size - suffix)
  const length = range.length ?? object.size - offset
  c.header("Content-Range", `bytes ${offset}-${offset + length - 1}/${object.size}`)
  return c.body(object.body, 206, { "Content-Length": String(length) })
})
