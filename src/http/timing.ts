import { createMiddleware } from "hono/factory"

import type { AppEnv } from "#http/env.ts"

/**
 * `Server-Timing` (W3C): what the request waited for, in milliseconds, and its D1 round trips and rows read. Work
 * that goes on after the answer is not in it.
 */
export const serverTiming = createMiddleware<AppEnv>(async (c, next) => {
  const start = performance.now()
  await next()
  const { ms, d1Queries, d1RowsRead } = c.var.ctx.meter
  const waits = Object.entries(ms).map(([name, spent]) => `${name};dur=${spent.toFixed(1)}`)
  const total = `total;dur=${(performance.now() - start).toFixed(1)}`
  c.header(
    "Server-Timing",
    [...waits, total, `d1_queries;desc="${d1Queries}"`, `d1_rows_read;desc="${d1RowsRead}"`].join(
      ", ",
    ),
  )
})
