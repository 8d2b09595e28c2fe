import { and, eq, sql } from "drizzle-orm"
import { Secret, TOTP } from "otpauth"

import type { Ctx } from "#context.ts"
import type { ErrorCode } from "#errors.ts"
import { type Id, randomBase32 } from "#lib/id.ts"
import { seal, sha256, unseal } from "#lib/secret.ts"
import { iso } from "#lib/time.ts"
import type { Statement } from "#platform/db.ts"

import { stageAudit } from "./audit.ts"
import { authenticators, recoveryCodes } from "./tables.ts"

export type Authenticator = typeof authenticators.$inferSelect

/** What every authenticator app takes: SHA-1, 6 digits, 30 s (RFC 6238); ASVS 6.5.5. */
const totp = { issuer: "Nexus", algorithm: "SHA1", digits: 6, period: 30 }
/** Steps of 30 s that an app's clock may be off, either way. */
const window = 1

/** A code that was right: the statements use it up, and break when somebody else has meanwhile. */
export type TakenCode = { by: "totp" | "recovery_code"; statements: Statement[] }

/** What the constraints of a taken code mean: of the same code twice at once the second breaks one of these. */
export const codeRefusals = {
  "authenticators.last_step": "wrong-code",
  recovery_codes_once: "wrong-code",
} as const satisfies Record<string, ErrorCode>

/** An account's authenticator, confirmed or not. */
export async function findAuthenticator(
  ctx: Ctx,
  userId: Id<"user">,
): Promise<Authenticator | undefined> {
  const [row] = await ctx.db
    .select()
    .from(authenticators)
    .where(eq(authenticators.userId, userId))
    .limit(1)
  return row
}

/** A fresh authenticator of 160 bits, unconfirmed; `account` is how the app calls it. */
export async function draftAuthenticator(
  ctx: Ctx,
  userId: Id<"user">,
  account: string,
): Promise<{ row: Authenticator; secret: string; uri: string }> {
  const secret = new Secret({ size: 20 })
  const row = {
    userId,
    sealedSecret: await seal(secret.base32, ctx.config.dataKey, labelOf(userId)),
    lastStep: 0,
    createdAt: iso(ctx.now),
    confirmedAt: null,
  }
  return {
    row,
    secret: secret.base32,
    uri: new TOTP({ ...totp, label: account, secret }).toString(),
  }
}

/** Puts an unconfirmed authenticator in the place of another such; over a confirmed one it breaks `authenticators.last_step`. */
export function stageAuthenticator(ctx: Ctx, row: Authenticator): Statement[] {
  return [
    ctx.db
      .insert(authenticators)
      .values(row)
      .onConflictDoUpdate({
        target: authenticators.userId,
        set: {
          sealedSecret: row.sealedSecret,
          createdAt: row.createdAt,
          lastStep: sql`CASE WHEN ${authenticators.confirmedAt} IS NULL THEN 0 END`,
        },
      }),
  ]
}

/** The statements that confirm an authenticator by its first code; `undefined` when the code is wrong. */
export async function confirmWith(
  ctx: Ctx,
  row: Authenticator,
  code: string,
): Promise<Statement[] | undefined> {
  const step = await stepOf(ctx, row, compact(code))
  return step === undefined ? undefined : stageStep(ctx, row, step, iso(ctx.now))
}

/**
 * Looks at a code of an account whose second factor is on: six digits of the app, or a recovery code. `undefined`
 * when it is wrong or used. A right one is used up by the statements, not before.
 */
export async function takeCode(
  ctx: Ctx,
  userId: Id<"user">,
  given: string,
): Promise<TakenCode | undefined> {
  const code = compact(given)
  if (!/^\d{6}$/.test(code)) return takeRecoveryCode(ctx, userId, code)
  const row = await findAuthenticator(ctx, userId)
  if (!row?.confirmedAt) return undefined
  const step = await stepOf(ctx, row, code)
  if (step === undefined) return undefined
  return { by: "totp", statements: stageStep(ctx, row, step, row.confirmedAt) }
}

async function takeRecoveryCode(
  ctx: Ctx,
  userId: Id<"user">,
  code: string,
): Promise<TakenCode | undefined> {
  const hash = await sha256(code)
  const ours = and(eq(recoveryCodes.hash, hash), eq(recoveryCodes.userId, userId))
  const [row] = await ctx.db
    .select({ uses: recoveryCodes.uses })
    .from(recoveryCodes)
    .where(ours)
    .limit(1)
  if (row?.uses !== 0) return undefined
  return {
    by: "recovery_code",
    statements: [
      ctx.db
        .update(recoveryCodes)
        .set({ uses: sql`uses + 1` })
        .where(ours),
      ...stageAudit(ctx, "recovery-code.used", userId),
    ],
  }
}

/** Ten new recovery codes, and the statements that put them in the place of the old ones. */
export async function draftRecoveryCodes(
  ctx: Ctx,
  userId: Id<"user">,
): Promise<{ codes: string[]; statements: Statement[] }> {
  const codes = Array.from({ length: 10 }, () => randomBase32(26))
  const rows = await Promise.all(
    codes.map(async (code) => ({
      hash: await sha256(code),
      userId,
      createdAt: iso(ctx.now),
      uses: 0,
    })),
  )
  return {
    codes: codes.map(grouped),
    statements: [
      ctx.db
        .delete(recoveryCodes)
        .where(and(eq(recoveryCodes.userId, userId), eq(recoveryCodes.uses, 1))),
      ...stageEndRecoveryCodes(ctx, userId),
      ctx.db.insert(recoveryCodes).values(rows),
    ],
  }
}

/** Ends the recovery codes of an account. The rows stay: who uses one just now still breaks on it. */
export function stageEndRecoveryCodes(ctx: Ctx, userId: Id<"user">): Statement[] {
  return [
    ctx.db
      .update(recoveryCodes)
      .set({ uses: 1 })
      .where(and(eq(recoveryCodes.userId, userId), eq(recoveryCodes.uses, 0))),
  ]
}

/** Takes an authenticator away. */
export function stageRemoveAuthenticator(ctx: Ctx, userId: Id<"user">): Statement[] {
  return [ctx.db.delete(authenticators).where(eq(authenticators.userId, userId))]
}

/** The step of 30 s that a code is of, when it is one near now and later than the last one taken. */
async function stepOf(ctx: Ctx, row: Authenticator, code: string): Promise<number | undefined> {
  const secret = Secret.fromBase32(
    await unseal(row.sealedSecret, ctx.config.dataKey, labelOf(row.userId)),
  )
  const timestamp = ctx.now.getTime()
  const delta = TOTP.validate({ ...totp, token: code, secret, timestamp, window })
  if (delta === null) return undefined
  const step = TOTP.counter({ period: totp.period, timestamp }) + delta
  return step > row.lastStep ? step : undefined
}

/**
 * Moves the authenticator that was read on to this step. The inserted `last_step` is NULL, which its column does not
 * take, once the step is no longer a later one or the row is no longer the one that was read.
 */
function stageStep(ctx: Ctx, row: Authenticator, step: number, confirmedAt: string): Statement[] {
  const later = sql<number>`(SELECT ${step} FROM ${authenticators} WHERE ${and(
    eq(authenticators.userId, row.userId),
    eq(authenticators.sealedSecret, row.sealedSecret),
    sql`${authenticators.confirmedAt} IS ${row.confirmedAt}`,
    sql`${authenticators.lastStep} < ${step}`,
  )})`
  return [
    ctx.db
      .insert(authenticators)
      .values({ ...row, confirmedAt, lastStep: later })
      .onConflictDoUpdate({
        target: authenticators.userId,
        set: { lastStep: sql`excluded.last_step`, confirmedAt: sql`excluded.confirmed_at` },
      }),
  ]
}

function labelOf(userId: Id<"user">): string {
  return `totp ${userId}`
}

/** 4f0kz-9x2mq-t7wb1-c8dna-56hjrv: 26 characters in groups, to be copied by hand. */
function grouped(code: string): string {
  return code.replace(/^(.{5})(.{5})(.{5})(.{5})/, "$1-$2-$3-$4-")
}

/** A code as it was made, however it was typed (Crockford: o is 0, i and l are 1). */
function compact(given: string): string {
  return given.replace(/[\s-]/g, "").toLowerCase().replaceAll("o", "0").replace(/[il]/g, "1")
}
