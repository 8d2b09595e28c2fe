import { notFound } from "#errors.ts"
import type { AppContext } from "#http/env.ts"
import { createRouter } from "#http/router.ts"
import { mediaTypes } from "#lib/media-type.ts"
import { timed } from "#platform/meter.ts"

/** GET /media/{key}: pictures and videos from R2. A key never changes its bytes, so caches keep them for a year. */
export const media = createRouter()

const known = new Set<string>(Object.values(mediaTypes).map(({ contentType }) => contentType))

/** Opened by itself a file is a page of its own origin's, which may do nothing but show itself. */
const policy =
  "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"

type Range = { offset: number; length?: number } | { suffix: number }

media.get("/media/:product/:file", async (c) => {
  const { ctx } = c.var
  const key = `media/${c.req.param("product")}/${c.req.param("file")}`
  const read = <T>(work: () => Promise<T | null>): Promise<T> =>
    timed(ctx.meter, "r2", work).then((found) => {
      if (!found) throw notFound("file")
      return found
    })
  const range = rangeOf(c.req.header("range"))
  if (c.req.method !== "HEAD" && range === undefined) {
    const object = await read(() => ctx.files.get(key))
    describe(c, object)
    if (isFresh(c, object)) {
      await object.body.cancel()
      return c.body(null, 304)
    }
    return c.body(object.body, 200, { "Content-Length": String(object.size) })
  }

  const head = await read(() => ctx.files.head(key))
  describe(c, head)
  if (isFresh(c, head)) return c.body(null, 304)
  if (c.req.method === "HEAD") return c.body(null, 200, { "Content-Length": String(head.size) })
  // A part of what the client has of another version is of no use to it: it gets the whole (RFC 9110 §13.1.5).
  const asked = c.req.header("if-range")
  const isSame =
    asked === undefined || asked === head.httpEtag || asked === head.uploaded.toUTCString()
  const slice = isSame && range ? sliceOf(range, head.size) : { offset: 0, length: head.size }
  if (!slice) {
    c.header("Content-Range", `bytes */${head.size}`)
    c.header("Cache-Control", "no-store")
    return c.body(null, 416)
  }
  const { body } = await read(() => ctx.files.get(key, { range: slice }))
  const { offset, length } = slice
  c.header("Content-Length", String(length))
  if (!isSame) return c.body(body, 200)
  c.header("Content-Range", `bytes ${offset}-${offset + length - 1}/${head.size}`)
  return c.body(body, 206)
})

function describe(c: AppContext, object: R2Object): void {
  const type = object.httpMetadata?.contentType ?? ""
  const isKnown = known.has(type)
  c.header("Content-Type", isKnown ? type : "application/octet-stream")
  c.header("Content-Disposition", isKnown ? "inline" : "attachment")
  c.header("Content-Security-Policy", policy)
  c.header("ETag", object.httpEtag)
  c.header("Last-Modified", object.uploaded.toUTCString())
  c.header("Cache-Control", "public, max-age=31536000, immutable")
  c.header("Accept-Ranges", "bytes")
}

/** Whether the client has these bytes: by tags, and where it sends none by the date (RFC 9110 §13.2.2). */
function isFresh(c: AppContext, object: R2Object): boolean {
  const tags = c.req.header("if-none-match")
  if (tags !== undefined)
    return (
      tags.trim() === "*" || tags.match(/"[^"]*"/g)?.some((tag) => tag === object.httpEtag) === true
    )
  const since = Date.parse(c.req.header("if-modified-since") ?? "")
  return Math.floor(object.uploaded.getTime() / 1000) * 1000 <= since
}

/** A single range of bytes; one in other units, of several parts or malformed counts as not sent (RFC 9110 §14.2). */
function rangeOf(header: string | undefined): Range | undefined {
  const match = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/.exec(header?.trim() ?? "")
  if (!match) return undefined
  const [, first, last, suffix] = match
  if (suffix !== undefined) return { suffix: Number(suffix) }
  const offset = Number(first)
  if (last === undefined || last === "") return { offset }
  return Number(last) < offset ? undefined : { offset, length: Number(last) - offset + 1 }
}

/** What of a file of this size is asked for; `undefined` when nothing of it is. */
function sliceOf(range: Range, size: number): { offset: number; length: number } | undefined {
  const offset = "suffix" in range ? Math.max(0, size - range.suffix) : range.offset
  const length =
    "suffix" in range ? size - offset : Math.min(range.length ?? size - offset, size - offset)
  return length > 0 && offset < size ? { offset, length } : undefined
}
