import { createMiddleware } from "hono/factory"

import type { AppEnv } from "#http/env.ts"

/** Seconds. With the cache behind it (KV: 50 s at most) a public answer is never more than a minute old (api.md 1.13). */
const shared = "public, max-age=5, stale-while-revalidate=5"

/**
 * Says who may keep an answer: anybody for a few seconds when it is the same for all and asked for without
 * credentials, else nobody.
 */
export function caching(isShared: boolean) {
  return createMiddleware<AppEnv>(async (c, next) => {
    await next()
    if (c.res.headers.has("Cache-Control")) return
    const anonymous = ["authorization", "x-api-key"].every(
      (name) => c.req.header(name) === undefined,
    )
    c.header("Cache-Control", isShared && anonymous && c.res.ok ? shared : "private, no-store")
    if (isShared) c.header("Vary", "Authorization, X-API-Key", { append: true })
  })
}
