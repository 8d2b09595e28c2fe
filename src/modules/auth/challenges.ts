import { eq, lt, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { seal, sha256, unseal } from "#lib/secret.ts"
import { iso, secondsAfter } from "#lib/time.ts"
import type { Statement } from "#platform/db.ts"

import { challenges } from "./tables.ts"

export type ChallengeRow = typeof challenges.$inferSelect
type Kind = ChallengeRow["kind"]

/** Seconds that the answer to a challenge may take. */
const lifetimeSeconds = 300

/**
 * Remembers a challenge by the token that the client is given, with what the end needs to know of the beginning
 * (sealed). It lives 5 minutes, or as many seconds as are said, for one use.
 */
export async function stageChallenge(
  ctx: Ctx,
  kind: Kind,
  token: string,
  {
    userId = null,
    state = {},
    seconds = lifetimeSeconds,
  }: { userId?: Id<"user"> | null; state?: Record<string, string>; seconds?: number } = {},
): Promise<Statement[]> {
  const hash = await sha256(token)
  const row: ChallengeRow = {
    hash,
    kind,
    userId,
    sealedState: await seal(JSON.stringify(state), ctx.config.dataKey, labelOf(kind, hash)),
    createdAt: iso(ctx.now),
    expiresAt: iso(secondsAfter(ctx.now, seconds)),
    uses: 0,
  }
  return [ctx.db.insert(challenges).values(row)]
}

/** The live challenge of this token; `undefined` when it is none, of another kind, used or too old. */
export async function findChallenge(
  ctx: Ctx,
  kind: Kind,
  token: string,
): Promise<(ChallengeRow & { state: Record<string, string> }) | undefined> {
  const hash = await sha256(token)
  const [row] = await ctx.db.select().from(challenges).where(eq(challenges.hash, hash)).limit(1)
  if (!row || row.kind !== kind || row.uses > 0 || row.expiresAt <= iso(ctx.now)) return undefined
  const state = await unseal(row.sealedState, ctx.config.dataKey, labelOf(kind, hash))
  // What `stageChallenge` sealed.
  return { ...row, state: JSON.parse(state) as Record<string, string> }
}

/** Uses a challenge up; of two at once the second breaks `challenges_once`. */
export function stageAnswered(ctx: Ctx, { hash }: ChallengeRow): Statement[] {
  return [
    ctx.db
      .update(challenges)
      .set({ uses: sql`uses + 1` })
      .where(eq(challenges.hash, hash)),
  ]
}

/** Deletes challenges that nobody can answer any more. For cron; safe to run twice. */
export async function purge(ctx: Ctx): Promise<void> {
  await ctx.db.delete(challenges).where(lt(challenges.expiresAt, iso(ctx.now)))
}

function labelOf(kind: Kind, hash: string): string {
  return `challenge ${kind} ${hash}`
}
