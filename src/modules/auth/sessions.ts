import { and, eq, isNull, ne, sql } from "drizzle-orm"

import type { Role, User as UserActor } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { hmac, randomToken, sha256 } from "#lib/secret.ts"
import { daysAfter, iso, secondsAfter } from "#lib/time.ts"
import { users } from "#modules/users/tables.ts"
import type { UserRow } from "#modules/users/users.ts"
import { commit } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"
import { timed } from "#platform/meter.ts"

import { prefixOf, stageAudit } from "./audit.ts"
import type { Tokens } from "./model.ts"
import { refreshTokens, sessions } from "./tables.ts"
import * as tokens from "./tokens.ts"

/** Days that a session lives at most, and that it may lie idle. */
export const lifetime = { absoluteDays: 30, idleDays: 7 }
/** How long the token before the live one still answers its successor: an answer may be lost on its way. */
const graceSeconds = 10

/** What KV says of a session: requests check it near the edge, at most 60 s behind the ledger in D1. */
type SessionDocument = { user_id: Id<"user">; role: UserRow["role"] } | { ended: true }

/** A session that is not committed yet: its statements and the tokens that will open it. */
export type Started = { statements: Statement[]; tokens: Tokens }

/** Starts a session for an account, and with it whatever the request has a sign-in do. After the commit call `publish`. */
export async function start(ctx: Ctx, user: UserRow): Promise<Started & { id: Id<"session"> }> {
  const id = newId("session", ctx.now)
  const refresh = randomToken()
  const now = iso(ctx.now)
  const session = {
    id,
    userId: user.id,
    device: deviceOf(ctx),
    addressPrefix: prefixOf(ctx.client.address),
    createdAt: now,
    lastSeenAt: now,
    expiresAt: iso(daysAfter(ctx.now, lifetime.absoluteDays)),
  }
  const token = {
    hash: await sha256(refresh),
    sessionId: id,
    createdAt: now,
    expiresAt: iso(daysAfter(ctx.now, lifetime.idleDays)),
    generation: 0,
  }
  const access = await tokens.sign(ctx, { userId: user.id, sessionId: id, role: user.role })
  return {
    id,
    statements: [
      ctx.db.insert(sessions).values(session),
      ctx.db.insert(refreshTokens).values(token),
      ...(ctx.atSignIn?.(ctx, user.id) ?? []),
    ],
    tokens: { access, refresh },
  }
}

/** Whether an account was signed in to before, but never from this device. Devices are told apart by their User-Agent. */
export async function isNewDevice(ctx: Ctx, userId: Id<"user">): Promise<boolean> {
  const theirs = eq(sessions.userId, userId)
  const here = and(theirs, eq(sessions.device, deviceOf(ctx)))
  const [ever, before] = await ctx.db.batch([
    ctx.db.select({ id: sessions.id }).from(sessions).where(theirs).limit(1),
    ctx.db.select({ id: sessions.id }).from(sessions).where(here).limit(1),
  ])
  return ever.length > 0 && before.length === 0
}

function deviceOf(ctx: Ctx): string {
  return ctx.client.device.slice(0, 200)
}

/** Puts a session's document where requests look for it. One that is not there is looked up in D1, so this may come late. */
export function publish(ctx: Ctx, id: Id<"session">, user: Pick<UserRow, "id" | "role">): void {
  ctx.defer(put(ctx, id, { user_id: user.id, role: user.role }))
}

function put(ctx: Ctx, id: Id<"session">, document: SessionDocument): Promise<void> {
  const expirationTtl = lifetime.absoluteDays * 86_400
  return timed(ctx.meter, "kv", () =>
    ctx.sessions.put(`session:${id}`, JSON.stringify(document), { expirationTtl }),
  )
}

/**
 * Who sends this access token. A session that ended is refused within 60 s everywhere (KV), a forged or expired
 * token at once. @throws `token-not-valid`
 */
export async function identify(ctx: Ctx, token: string): Promise<UserActor> {
  const { userId, sessionId } = await tokens.verify(ctx, token)
  const document =
    (await timed(ctx.meter, "kv", () =>
      ctx.sessions.get<SessionDocument>(`session:${sessionId}`, { type: "json", cacheTtl: 30 }),
    )) ?? (await fromLedger(ctx, sessionId))
  if ("ended" in document || document.user_id !== userId)
    throw new DomainError("token-not-valid", "The session has ended")
  const { role } = document
  return {
    type: "user",
    id: userId,
    role,
    sessionId,
    ...((await mustEnrol(ctx, userId, role)) && { mustEnrol: true }),
  }
}

/** Asked of D1, not KV: turning the second factor on or off counts with the next request. */
async function mustEnrol(ctx: Ctx, userId: Id<"user">, role: Role): Promise<boolean> {
  if (!ctx.config.mfaRoles.includes(role)) return false
  const [row] = await ctx.db
    .select({ mfaEnabledAt: users.mfaEnabledAt })
    .from(users)
    .where(eq(users.id, userId))
    .limit(1)
  return !row?.mfaEnabledAt
}

async function fromLedger(ctx: Ctx, id: Id<"session">): Promise<SessionDocument> {
  const [row] = await ctx.db
    .select({
      userId: sessions.userId,
      endedAt: sessions.endedAt,
      role: users.role,
      isActive: users.isActive,
    })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(eq(sessions.id, id))
    .limit(1)
  const document: SessionDocument =
    row && !row.endedAt && row.isActive ? { user_id: row.userId, role: row.role } : { ended: true }
  if (row) ctx.defer(put(ctx, id, document))
  return document
}

/**
 * Buys the next pair of tokens. Each refresh token works once (RFC 9700 §4.14); used again it ends its whole session,
 * except that the one just before the live one gets the same successor for 10 s. Of many at once all get that one.
 * @throws `token-not-valid`, `token-reused`
 */
export async function rotate(ctx: Ctx, refresh: string): Promise<Tokens> {
  const hash = await sha256(refresh)
  const row = await findToken(ctx, hash)
  if (
    !row ||
    row.endedAt ||
    row.expiresAt <= iso(ctx.now) ||
    row.sessionExpiresAt <= iso(ctx.now) ||
    !row.isActive
  ) {
    throw new DomainError("token-not-valid", "The refresh token is not valid or has expired")
  }
  // Derived, not random: whoever lost the answer can be given the same successor, and D1 need not hold it.
  const successor = await hmac(ctx.config.dataKey, `refresh ${refresh}`)
  const access = await tokens.sign(ctx, {
    userId: row.userId,
    sessionId: row.sessionId,
    role: row.role,
  })
  const pair = { access, refresh: successor }
  if (row.usedAt) return again(ctx, row, successor, pair)

  const next = {
    hash: await sha256(successor),
    sessionId: row.sessionId,
    parentHash: hash,
    createdAt: iso(ctx.now),
    expiresAt: iso(daysAfter(ctx.now, lifetime.idleDays)),
    generation: row.generation + 1,
  }
  const raced = new DomainError("token-reused")
  try {
    await commit(
      ctx,
      [
        ctx.db.insert(refreshTokens).values(next),
        ctx.db
          .update(refreshTokens)
          .set({ usedAt: iso(ctx.now) })
          .where(eq(refreshTokens.hash, hash)),
        ctx.db
          .update(sessions)
          .set({ lastSeenAt: iso(ctx.now) })
          .where(eq(sessions.id, row.sessionId)),
      ],
      { result: pair, refusals: { "refresh_tokens.": () => raced } },
    )
    return pair
  } catch (error) {
    if (error !== raced) throw error
    return again(ctx, { ...row, usedAt: iso(ctx.now) }, successor, pair)
  }
}

async function again(ctx: Ctx, row: TokenRow, successor: string, pair: Tokens): Promise<Tokens> {
  const next = await findToken(ctx, await sha256(successor))
  const lost =
    next &&
    !next.usedAt &&
    !next.endedAt &&
    (row.usedAt ?? "") >= iso(secondsAfter(ctx.now, -graceSeconds))
  if (lost) return pair
  await end(ctx, row.userId, [row.sessionId], { why: "token.reused" })
  throw new DomainError("token-reused")
}

type TokenRow = NonNullable<Awaited<ReturnType<typeof findToken>>>

async function findToken(ctx: Ctx, hash: string) {
  const [row] = await ctx.db
    .select({
      sessionId: refreshTokens.sessionId,
      usedAt: refreshTokens.usedAt,
      expiresAt: refreshTokens.expiresAt,
      generation: refreshTokens.generation,
      userId: sessions.userId,
      endedAt: sessions.endedAt,
      sessionExpiresAt: sql<string>`${sessions.expiresAt}`.as("session_expires_at"),
      role: users.role,
      isActive: users.isActive,
    })
    .from(refreshTokens)
    .innerJoin(sessions, eq(sessions.id, refreshTokens.sessionId))
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(eq(refreshTokens.hash, hash))
    .limit(1)
  return row
}

/** The session that a refresh token of this user belongs to. */
export async function findByRefresh(
  ctx: Ctx,
  userId: Id<"user">,
  refresh: string,
): Promise<Id<"session"> | undefined> {
  const row = await findToken(ctx, await sha256(refresh))
  return row && row.userId === userId && !row.usedAt && !row.endedAt ? row.sessionId : undefined
}

/**
 * Ends sessions of an account: their refresh tokens at once, their access tokens within 60 s. Idempotent. The audit
 * has it as `why`; `result` is what the verb answers.
 */
export async function end(
  ctx: Ctx,
  userId: Id<"user">,
  ids: readonly Id<"session">[],
  { why = "session.ended", result }: { why?: "session.ended" | "token.reused"; result?: unknown },
): Promise<void> {
  const statements = ids.map((id) =>
    ctx.db
      .update(sessions)
      .set({ endedAt: iso(ctx.now) })
      .where(and(eq(sessions.id, id), isNull(sessions.endedAt))),
  )
  const noted = stageAudit(ctx, why, userId, { sessions: ids.join(" ") })
  await commit(ctx, [...statements, ...noted], result === undefined ? {} : { result })
  await retract(ctx, ids)
}

/**
 * Ends every session of an account, except `kept`, in the batch of what asks for it. It answers the ids that it ended:
 * `retract` those after the commit.
 */
export function stageEndAll(ctx: Ctx, userId: Id<"user">, kept?: Id<"session">) {
  return ctx.db
    .update(sessions)
    .set({ endedAt: iso(ctx.now) })
    .where(
      and(
        eq(sessions.userId, userId),
        isNull(sessions.endedAt),
        kept === undefined ? undefined : ne(sessions.id, kept),
      ),
    )
    .returning({ id: sessions.id })
}

/** Tells requests that these sessions have ended: within 60 s their access tokens are refused everywhere. */
export async function retract(ctx: Ctx, ids: readonly Id<"session">[]): Promise<void> {
  await Promise.all(ids.map((id) => put(ctx, id, { ended: true })))
}
