import { and, eq, gt, isNull } from "drizzle-orm"

import { requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { daysAfter, iso } from "#lib/time.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import type { Session, SessionQuery } from "./sessions-model.ts"
import { end, lifetime } from "./sessions.ts"
import { sessions } from "./tables.ts"

type SessionRow = typeof sessions.$inferSelect

/** The caller's live sessions, newest first. @throws `unauthenticated` */
export async function list(ctx: Ctx, query: SessionQuery): Promise<Page<Session>> {
  const { id, sessionId } = requireUser(ctx)
  const live = and(eq(sessions.userId, id), isLive(ctx))
  const page = await readPage<SessionRow>(
    ctx,
    { ...query, ordering: undefined },
    {
      orderings: { created_at: { by: sessions.createdAt, of: (row) => row.createdAt } },
      fallback: "-created_at",
      id: { by: sessions.id, of: (row) => row.id },
      rows: ({ where, orderBy, limit, offset }) =>
        ctx.db
          .select()
          .from(sessions)
          .where(and(live, where))
          .orderBy(...orderBy)
          .limit(limit)
          .offset(offset),
      matching: ctx.db.select({ id: sessions.id }).from(sessions).where(live).getSQL(),
    },
  )
  return mapPage(page, (row) => toSession(row, sessionId))
}

/** Ends one of the caller's live sessions. @throws `unauthenticated`, `not-found` */
export async function endOne(ctx: Ctx, id: string): Promise<void> {
  const user = requireUser(ctx)
  const theirs = and(eq(sessions.id, id as Id<"session">), eq(sessions.userId, user.id))
  const [row] = await ctx.db
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(theirs, isLive(ctx)))
    .limit(1)
  if (!row) throw notFound("session")
  await end(ctx, user.id, [row.id], { result: null })
}

/** Not ended, not too old, and not idle for longer than its refresh token works. */
function isLive(ctx: Ctx) {
  return and(
    isNull(sessions.endedAt),
    gt(sessions.expiresAt, iso(ctx.now)),
    gt(sessions.lastSeenAt, iso(daysAfter(ctx.now, -lifetime.idleDays))),
  )
}

/** A session on the wire, to whom is signed in by `current`. */
export function toSession(row: SessionRow, current: Id<"session">): Session {
  return {
    id: row.id,
    device: row.device,
    address_prefix: row.addressPrefix,
    created_at: row.createdAt,
    last_seen_at: row.lastSeenAt,
    expires_at: row.expiresAt,
    current: row.id === current,
  }
}
