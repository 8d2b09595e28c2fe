import { and, count, isNull, lte } from "drizzle-orm"

import type { AppContext } from "#http/env.ts"
import { createRouter } from "#http/router.ts"
import { iso, secondsAfter } from "#lib/time.ts"
import { timed } from "#platform/meter.ts"
import { deadLetters, outbox } from "#platform/tables.ts"

const service = "nexus"
const version = "1.0.0"

type Check = { status: "healthy" | "unhealthy"; latency_ms: number }

/** Health of the service and of what it stands on. Each check touches what it names. */
export const health = createRouter()

health.get("/health", async (c) => c.json(...(await whole(c))))
health.get("/api/v1/health", async (c) => c.json(...(await whole(c))))
health.get("/health/liveness", (c) => c.json({ status: "alive" }))
health.get("/health/db", async (c) => c.json(...answer(await probe(() => database(c)))))
health.get("/health/cache", async (c) => c.json(...answer(await probe(() => cache(c)))))
health.get("/health/storage", async (c) => c.json(...answer(await probe(() => storage(c)))))
health.get("/health/readiness", async (c) => {
  const [checks, backlog] = await Promise.all([allChecks(c), backlogOf(c).catch(() => undefined)])
  const ready = backlog !== undefined && Object.values(checks).every(isHealthy)
  const isYellow = backlog !== undefined && (backlog.dead_letters > 0 || backlog.overdue_events > 0)
  return c.json(
    { status: !ready ? "not-ready" : isYellow ? "degraded" : "ready", ...checks, ...backlog },
    ready ? 200 : 503,
  )
})

async function whole(c: AppContext) {
  const checks = await allChecks(c)
  const healthy = Object.values(checks).every(isHealthy)
  const status = healthy ? ("healthy" as const) : ("unhealthy" as const)
  const body = {
    status,
    service,
    version,
    environment: c.var.ctx.config.environment,
    timestamp: iso(c.var.ctx.now),
    message: healthy ? "All systems answer." : "Something does not answer.",
    ...checks,
  }
  return [body, healthy ? 200 : 503] as const
}

async function allChecks(c: AppContext) {
  const [db, kv, files] = await Promise.all([
    probe(() => database(c)),
    probe(() => cache(c)),
    probe(() => storage(c)),
  ])
  return { database: db, cache: kv, storage: files }
}

function isHealthy(check: Check): boolean {
  return check.status === "healthy"
}

function answer(check: Check) {
  return [check, isHealthy(check) ? 200 : 503] as const
}

async function probe(touch: () => Promise<unknown>): Promise<Check> {
  const start = performance.now()
  const status = await touch().then(
    () => "healthy" as const,
    () => "unhealthy" as const,
  )
  return { status, latency_ms: Math.round(performance.now() - start) }
}

/** A read of the schema: a database without its tables is not healthy. */
async function database(c: AppContext): Promise<void> {
  await c.var.ctx.db.select({ id: outbox.id }).from(outbox).limit(1)
}

async function cache(c: AppContext): Promise<void> {
  await timed(c.var.ctx.meter, "kv", () => c.env.CACHE.get("health"))
}

async function storage(c: AppContext): Promise<void> {
  await timed(c.var.ctx.meter, "r2", () => c.env.FILES.head("health"))
}

/** What the subscribers have not dealt with: for good, and for longer than a minute. */
async function backlogOf(c: AppContext) {
  const { db, now } = c.var.ctx
  const late = db
    .select({ n: count() })
    .from(outbox)
    .where(and(isNull(outbox.doneAt), lte(outbox.nextAt, iso(secondsAfter(now, -60)))))
  const [[dead], [overdue]] = await db.batch([db.select({ n: count() }).from(deadLetters), late])
  return { dead_letters: dead?.n ?? 0, overdue_events: overdue?.n ?? 0 }
}
