import { and, eq, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { type DomainError, invalid } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { hmac, sha256 } from "#lib/secret.ts"
import { iso, minutesAfter } from "#lib/time.ts"
import type { Statement } from "#platform/db.ts"

import { mailedTokens, type tokenPurposes } from "./tables.ts"

export type TokenPurpose = (typeof tokenPurposes)[number]
export type MailedToken = typeof mailedTokens.$inferSelect

/** Minutes that a mailed link works. */
const lifetimeMinutes: Record<TokenPurpose, number> = {
  "verify-email": 7 * 24 * 60,
  "reset-password": 30,
  "change-email": 60,
}

/** The token that a mail carries: derived, so that only mails hold it. */
export function tokenOf(ctx: Ctx, id: Id<"mailedToken">): Promise<string> {
  return hmac(ctx.config.dataKey, `mailed ${id}`)
}

/** Allots a token for a link to `email`; its id goes into the event that sends the mail. Older ones of its kind end. */
export async function stageToken(
  ctx: Ctx,
  purpose: TokenPurpose,
  userId: Id<"user">,
  email: string,
): Promise<{ id: Id<"mailedToken">; statements: Statement[] }> {
  const id = newId("mailedToken", ctx.now)
  const row = {
    id,
    hash: await sha256(await tokenOf(ctx, id)),
    purpose,
    userId,
    email,
    createdAt: iso(ctx.now),
    expiresAt: iso(minutesAfter(ctx.now, lifetimeMinutes[purpose])),
    uses: 0,
  }
  return {
    id,
    statements: [...stageEnd(ctx, purpose, userId), ctx.db.insert(mailedTokens).values(row)],
  }
}

/** Ends every unused token of this kind that an account has. The rows stay: who uses one just now still breaks on it. */
export function stageEnd(ctx: Ctx, purpose: TokenPurpose, userId: Id<"user">): Statement[] {
  const unused = and(
    eq(mailedTokens.userId, userId),
    eq(mailedTokens.purpose, purpose),
    eq(mailedTokens.uses, 0),
  )
  return [ctx.db.update(mailedTokens).set({ uses: 1 }).where(unused)]
}

/** The live token that a link carried; `undefined` when it is none, used, of another kind, or too old. */
export async function findToken(
  ctx: Ctx,
  purpose: TokenPurpose,
  token: string,
): Promise<MailedToken | undefined> {
  const [row] = await ctx.db
    .select()
    .from(mailedTokens)
    .where(eq(mailedTokens.hash, await sha256(token)))
    .limit(1)
  return row?.purpose === purpose && isLive(ctx, row) ? row : undefined
}

/** The live token of this id, for whoever mails it; `undefined` when it was used, replaced or has expired meanwhile. */
export async function findLive(ctx: Ctx, id: Id<"mailedToken">): Promise<MailedToken | undefined> {
  const [row] = await ctx.db.select().from(mailedTokens).where(eq(mailedTokens.id, id)).limit(1)
  return row && isLive(ctx, row) ? row : undefined
}

function isLive(ctx: Ctx, { uses, expiresAt }: MailedToken): boolean {
  return uses === 0 && expiresAt > iso(ctx.now)
}

/** `invalid-input` naming `token`: of one that never was as of one that was used. */
export function linkNotValid(): DomainError {
  const detail = "This link is not valid: it was used, has expired, or there is a newer one."
  return invalid({ field: "token", detail, code: "invalid" })
}

/** Uses a token up; of two at once the second breaks `mailed_tokens_once`. */
export function stageUse(ctx: Ctx, { id }: MailedToken): Statement[] {
  return [
    ctx.db
      .update(mailedTokens)
      .set({ uses: sql`uses + 1` })
      .where(eq(mailedTokens.id, id)),
  ]
}
