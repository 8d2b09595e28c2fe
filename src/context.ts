import type { Actor } from "#actor.ts"
import { type Config, configOf } from "#config.ts"
import type { Id } from "#lib/id.ts"
import { type Cache, openCache } from "#platform/cache.ts"
import { type Db, openDb, openSqlDb, type SqlDb, type Statement } from "#platform/db.ts"
import { type Log, openLog } from "#platform/log.ts"
import { type Meter, newMeter } from "#platform/meter.ts"
import type { Message } from "#platform/outbox.ts"

/** All that a module may reach outside itself. One is made per request, queue message, cron run and object alarm. */
export type Ctx = {
  actor: Actor
  /** The instant this request began. Every row it writes carries it; nothing else reads a clock. */
  now: Date
  requestId: string
  /** Who is at the other end, for limits and the audit: the address as Cloudflare saw it, the User-Agent. */
  client: Client
  config: Config
  db: Db
  /** The search index, a database of its own: derived, so it can be built anew at any time. */
  search: SqlDb
  cache: Cache
  /** Session documents (`session:<id>`); cached values go through `cache`. */
  sessions: KVNamespace
  files: R2Bucket
  /** The typed namespace is the interface: `ctx.stock.getByName(productId).reserve(…)`, wrapped by `inventory`. */
  stock: Env["STOCK"]
  /** One object for each guarded account or address; see `auth/limits.ts`. */
  limiter: Env["LIMITER"]
  events: Queue<Message>
  /** The `send_email` binding, where wrangler.toml has it. */
  email?: SendEmail
  log: Log
  meter: Meter
  /** SHA-256 of the cart token that came along, whoever sends it. */
  guestCart?: string
  /** What else a new session writes, in its own batch: a guest's cart becomes the user's. Absent outside requests. */
  atSignIn?: (ctx: Ctx, userId: Id<"user">) => Statement[]
  /**
   * Set when the request carries an idempotency key: `commit` stores the answer under it. Of a body that is read as it
   * comes, `fingerprint` covers the content once all of it was read.
   */
  once?: { key: string; token: string; fingerprint: string }
  /** The versions that the request's `If-Match` names, or `*`: see `platform/version.ts`. */
  ifMatch?: readonly string[]
  /** Runs `work` after the answer is sent. */
  defer(work: Promise<unknown>): void
}

/** The other end of a request; empty for cron, queue and alarms. */
export type Client = { address: string; device: string }

type Circumstances = {
  defer: (work: Promise<unknown>) => void
  actor: Actor
  now?: Date
  requestId?: string
  client?: Client
  guestCart?: string | undefined
  atSignIn?: Ctx["atSignIn"]
  /** A D1 session: a bookmark, or where its first query goes. Absent: the primary, without a session. */
  d1?: D1DatabaseSession
  /** The same of the search index. */
  searchD1?: D1DatabaseSession
  /** The caller wants nothing from the cache. */
  bypassCache?: boolean
}

/** The one place a Ctx is built. */
export function createCtx(
  env: Env,
  {
    defer,
    actor,
    now = new Date(),
    requestId = crypto.randomUUID(),
    client = { address: "", device: "" },
    guestCart,
    atSignIn,
    d1,
    searchD1,
    bypassCache = false,
  }: Circumstances,
): Ctx {
  const meter = newMeter()
  const log = openLog(requestId)
  return {
    actor,
    now,
    requestId,
    client,
    ...(guestCart !== undefined && { guestCart }),
    ...(atSignIn && { atSignIn }),
    config: configOf(env),
    db: openDb(d1 ?? env.DB, meter),
    search: openSqlDb(searchD1 ?? env.SEARCH, meter),
    cache: openCache(env.CACHE, { meter, log, defer, bypass: bypassCache }),
    sessions: env.CACHE,
    files: env.FILES,
    stock: env.STOCK,
    limiter: env.LIMITER,
    events: env.EVENTS,
    ...((env as Env & { EMAIL?: SendEmail }).EMAIL && {
      email: (env as Env & { EMAIL?: SendEmail }).EMAIL as SendEmail,
    }),
    log,
    meter,
    defer,
  }
}
