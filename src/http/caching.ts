import { createMiddleware } from "hono/factory"

import type { AppContext, AppEnv } from "#http/env.ts"
import { tag } from "#http/etag.ts"

/** Seconds. With the cache behind it (KV: 50 s at most) a public answer is never more than a minute old (api.md 1.13). */
const shared = "public, max-age=5, stale-while-revalidate=5"

/** An answer as it is held: its bytes, and the headers that are its own and not of who asked. */
type Held = { body: ArrayBuffer; headers: Record<string, string> }
const ownHeaders = ["content-type", "etag", "link"]

/**
 * Says who may keep an answer: anybody for a few seconds when it is the same for all and asked for without
 * credentials, else nobody. Such an answer is held by this isolate for a second, as bytes: who asks for the same address
 * meanwhile gets it before their query is even parsed. A change of the catalogue in this isolate ends that at once.
 */
export function caching(isShared: boolean) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const isAnonymous = ["authorization", "x-api-key"].every(
      (name) => c.req.header(name) === undefined,
    )
    const isPublic = isShared && isAnonymous && c.req.method === "GET"
    if (isPublic) {
      const held = c.var.ctx.cache.held<Held>(keyOf(c), "catalog")
      if (held) {
        c.header("Vary", "Authorization, X-API-Key", { append: true })
        return c.body(held.body, 200, { ...held.headers, "cache-control": shared })
      }
    }
    const at = Date.now()
    await next()
    if (c.res.headers.has("Cache-Control")) return
    c.header("Cache-Control", isShared && isAnonymous && c.res.ok ? shared : "private, no-store")
    if (isShared) c.header("Vary", "Authorization, X-API-Key", { append: true })
    if (isPublic && c.res.status === 200) await hold(c, at)
  })
}

async function hold(c: AppContext, at: number): Promise<void> {
  const body = await tag(c)
  if (!body) return
  const headers = Object.fromEntries(
    ownHeaders.flatMap((name) => {
      const value = c.res.headers.get(name)
      return value === null ? [] : [[name, value]]
    }),
  )
  c.var.ctx.cache.hold(keyOf(c), "catalog", { body, headers }, at, body.byteLength)
}

/** Addresses in an answer are those that it was asked by: its origin counts. */
function keyOf(c: AppContext): string {
  return `answer:${c.req.url}`
}
