import { and, eq, lt } from "drizzle-orm"
import { createMiddleware } from "hono/factory"
import type { ContentfulStatusCode } from "hono/utils/http-status"

import { nameOf } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid } from "#errors.ts"
import { addressOf } from "#http/address.ts"
import type { AppContext, AppEnv } from "#http/env.ts"
import { digestBody } from "#http/upload.ts"
import { randomToken, seal, sha256, unseal } from "#lib/secret.ts"
import { iso, secondsAfter } from "#lib/time.ts"
import { keptSeconds } from "#platform/idempotency.ts"
import { idempotency } from "#platform/tables.ts"

/** A key left in progress by a crash is taken over after this long. */
const leaseSeconds = 60
/** What the verb committed (`body`), or the whole answer once it is known. Sealed in the row: answers hold tokens and addresses. */
type Answer = { body: unknown; status?: number; headers?: Record<string, string> }

/** Headers that belong to an answer, not to the connection it went out on. */
const keptHeaders = ["location", "etag", "x-cart-token", "x-order-token"]

/** Refusals that changed nothing and may go differently once the client or the clock has moved on. */
const retryable = new Set([400, 401, 403, 412, 413, 415, 429])

/**
 * Runs a change at most once for each `Idempotency-Key` of a client (api.md 1.11, draft-ietf-httpapi-idempotency-key-header-07).
 * Without the header it is not there. The claim is one round trip; the effect's row goes with the effect's own
 * batch (`commit`), the final answer is stored after it is sent.
 * @throws `idempotency-key-reused`, `request-in-progress` with `retry_after`
 */
export function idempotent(
  success: number,
  {
    recover,
    streams,
  }: { recover?: ((ctx: Ctx) => Promise<unknown>) | undefined; streams: boolean },
) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const given = c.req.header("idempotency-key")
    if (given === undefined) return next()
    const { ctx } = c.var
    const once = {
      key: await scopedKey(c, given),
      token: randomToken(16),
      fingerprint: await fingerprintOf(c, streams),
    }
    const answer = await claim(c, once, streams)
    if (answer) return replay(c, answer, success, recover)

    c.set("ctx", { ...ctx, once })
    await next()
    if (c.res.status < 300) {
      const done = c.res.clone()
      ctx.defer(remember(ctx, once, done))
    } else if (c.res.status >= 500 || retryable.has(c.res.status)) {
      await forget(ctx, once)
    } else {
      await remember(ctx, once, c.res.clone())
    }
  })
}

type Once = NonNullable<Ctx["once"]>

/** `undefined`: go on, the claim is ours. */
async function claim(c: AppContext, once: Once, streams: boolean): Promise<Answer | undefined> {
  const { ctx } = c.var
  const { db, now } = ctx
  const row = {
    ...once,
    stage: "claim" as const,
    lockedUntil: iso(secondsAfter(now, leaseSeconds)),
    createdAt: iso(now),
  }
  const [, rows] = await db.batch([
    db.insert(idempotency).values(row).onConflictDoNothing(),
    db.select().from(idempotency).where(eq(idempotency.key, once.key)),
  ])
  const claimed = rows.find(({ stage }) => stage === "claim")
  const effect = rows.find(({ stage }) => stage === "effect")
  if (claimed?.token === once.token && !effect) return undefined
  const known = effect ?? claimed
  if (!known || known.createdAt < iso(secondsAfter(now, -keptSeconds))) {
    await db.batch([
      db.delete(idempotency).where(eq(idempotency.key, once.key)),
      db.insert(idempotency).values(row),
    ])
    return undefined
  }
  if (effect && streams && effect.fingerprint !== once.fingerprint) {
    c.set("ctx", { ...ctx, once })
    await digestBody(c)
    c.set("ctx", ctx)
  }
  if (known.fingerprint !== once.fingerprint) throw new DomainError("idempotency-key-reused")
  if (effect) {
    return effect.answer === null
      ? { body: null }
      : (JSON.parse(await unseal(effect.answer, ctx.config.dataKey, once.key)) as Answer)
  }
  const taken = await db
    .update(idempotency)
    .set({ token: once.token, lockedUntil: row.lockedUntil })
    .where(
      and(
        eq(idempotency.key, once.key),
        eq(idempotency.stage, "claim"),
        lt(idempotency.lockedUntil, iso(now)),
      ),
    )
  if (taken.meta.changes === 1) return undefined
  throw new DomainError("request-in-progress", undefined, { retry_after: 1 })
}

async function replay(
  c: AppContext,
  answer: Answer,
  success: number,
  recover?: (ctx: Ctx) => Promise<unknown>,
): Promise<Response> {
  c.header("Idempotent-Replayed", "true")
  for (const [name, value] of Object.entries(answer.headers ?? {})) c.header(name, value)
  const status = (answer.status ?? success) as ContentfulStatusCode
  if ((status as number) === 204) return c.body(null, 204)
  const body =
    answer.body === null && answer.status === undefined && recover
      ? await recover(c.var.ctx)
      : answer.body
  if (status >= 400) c.header("Content-Type", "application/problem+json")
  else c.header("Content-Type", "application/json")
  c.header("Cache-Control", status >= 400 ? "no-store" : "private, no-store")
  return c.body(JSON.stringify(body), status)
}

/** Stores the answer in full over what the commit stored of it; inserts it where the request committed nothing. */
async function remember(ctx: Ctx, once: Once, response: Response): Promise<void> {
  const text = await response.text()
  const headers = Object.fromEntries(
    keptHeaders
      .flatMap((name) => [[name, response.headers.get(name)]])
      .filter(([, value]) => value),
  )
  const answer: Answer = {
    body: text === "" ? null : JSON.parse(text),
    status: response.status,
    headers,
  }
  const sealed = await seal(JSON.stringify(answer), ctx.config.dataKey, once.key)
  await ctx.db
    .insert(idempotency)
    .values({ ...once, stage: "effect", answer: sealed, createdAt: iso(ctx.now) })
    .onConflictDoUpdate({
      target: [idempotency.key, idempotency.stage],
      set: { answer: sealed },
      setWhere: eq(idempotency.token, once.token),
    })
    .catch((error) => ctx.log.error("answer not stored", error))
}

/** Frees the key of a request that changed nothing. A committed effect stays, and answers the retry. */
async function forget(ctx: Ctx, once: Once): Promise<void> {
  const ours = and(
    eq(idempotency.key, once.key),
    eq(idempotency.stage, "claim"),
    eq(idempotency.token, once.token),
  )
  await ctx.db
    .delete(idempotency)
    .where(ours)
    .catch((error) => ctx.log.error("key not freed", error))
}

/** The client's key bound to the client, the method and the path: nobody meets somebody else's answer. */
async function scopedKey(c: AppContext, given: string): Promise<string> {
  // The draft's structured field is quoted, everybody's practice is bare (standards of Stripe, ACP).
  const key = /^"(.*)"$/.exec(given)?.[1] ?? given
  if (key.length === 0 || key.length > 255) {
    throw invalid({
      field: "Idempotency-Key",
      header: "Idempotency-Key",
      detail: "An idempotency key has 1 to 255 characters.",
      code: "invalid",
    })
  }
  const { actor } = c.var.ctx
  const principal =
    actor.type === "user"
      ? nameOf(actor)
      : (actor.type === "guest" && actor.cartTokenHash) || addressOf(c)
  return sha256([principal, c.req.method, c.req.path.replace(/\/+$/, ""), key].join("\n"))
}

/** Tells one body from another: JSON whatever the order of its keys, others byte by byte. */
async function fingerprintOf(c: AppContext, streams: boolean): Promise<string> {
  const type = (c.req.header("content-type") ?? "").split(";")[0] ?? ""
  const { search } = new URL(c.req.url)
  // A body that is read as it comes adds its digest when all of it was read (`received`): until then it is told apart
  // by its length. The boundary of a form is another one each time it is sent.
  if (streams || type.startsWith("multipart/"))
    return sha256(`${type}\n${c.req.header("content-length") ?? ""}\n${search}`)
  if (type === "" || type.includes("json"))
    return sha256(`${search}\n${sortedText(await c.req.text())}`)
  return sha256(`${type}\n${search}\n${await sha256(await c.req.arrayBuffer())}`)
}

/** Text that is no JSON (lines of it, or a body that nobody reads) as it is. */
function sortedText(text: string): string {
  try {
    return JSON.stringify(sorted(JSON.parse(text)))
  } catch {
    return text
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}
