import { eq } from "drizzle-orm"

import { requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid } from "#errors.ts"
import { iso, minutesAfter } from "#lib/time.ts"
import * as users from "#modules/users/users.ts"
import { commit } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import { stageAudit } from "./audit.ts"
import { attempt, succeed } from "./limits.ts"
import type { Identity } from "./mfa-model.ts"
import * as password from "./password.ts"
import { takeCode } from "./second-factor.ts"
import { sessions } from "./tables.ts"

/**
 * Somebody who has just shown again who they are. `statements` use their code up: they go into the batch of what was
 * confirmed, with `refusals`, so that one code confirms one thing.
 */
export type Confirmed = {
  user: users.UserRow
  statements: Statement[]
  refusals: typeof confirmRefusals
}

/** What the constraints of a code that was taken mean, where a signed-in user sends it. */
export const confirmRefusals = {
  "authenticators.last_step": wrongCode,
  recovery_codes_once: wrongCode,
}

/**
 * Asks the signed-in user again who they are, before what may lock them out or let others in (ASVS 7.5.1): the
 * password always, a code too when their second factor is on. `field`: what the body calls the password.
 *
 *     const { user, statements, refusals } = await confirmIdentity(ctx, input)
 *     await commit(ctx, [...statements, ...own], { result, refusals: { ...refusals, ...ownRefusals } })
 *
 * Bodies take its fields from `identityFields` (mfa-model.ts). Tries are counted for the account.
 * @throws `unauthenticated`, `invalid-input` naming `field` or `code` (missing or wrong), `rate-limited`
 */
export async function confirmIdentity(
  ctx: Ctx,
  given: Identity,
  field = "password",
): Promise<Confirmed> {
  const { id } = requireUser(ctx)
  const user = await users.find(ctx, id)
  if (!user) throw new DomainError("unauthenticated")
  const asksCode = user.mfaEnabledAt !== null
  const missing = [
    ...(given.password ? [] : [{ field, detail: "This field is required.", code: "required" }]),
    ...(asksCode && given.code === undefined
      ? [{ field: "code", detail: "A code of your app is required.", code: "required" }]
      : []),
  ]
  if (missing.length > 0) throw invalid(...missing)
  const account = { limit: "code-account", of: id } as const
  await attempt(ctx, account)
  if (!(await password.matches(user.passwordHash, given.password ?? ""))) {
    await commit(ctx, stageAudit(ctx, "session.refused", id, { at: "step-up" }))
    throw invalid({ field, detail: "This is not your password.", code: "wrong" })
  }
  const taken = asksCode ? await takeCode(ctx, id, given.code ?? "") : undefined
  if (asksCode && !taken) {
    await commit(ctx, stageAudit(ctx, "mfa.refused", id, { at: "step-up" }))
    throw wrongCode()
  }
  succeed(ctx, account)
  return { user, statements: taken?.statements ?? [], refusals: confirmRefusals }
}

/** Minutes after a sign-in that it still shows who is there (standards.md 2.5). */
const freshMinutes = 15

/**
 * As `confirmIdentity`, but a sign-in of the last 15 minutes counts as well, and then nothing need be given: for what
 * adds a way in and takes none away.
 * @throws as `confirmIdentity`
 */
export async function requireFresh(ctx: Ctx, given: Identity): Promise<Confirmed> {
  const { id, sessionId } = requireUser(ctx)
  const [session] = await ctx.db
    .select({ createdAt: sessions.createdAt })
    .from(sessions)
    .where(eq(sessions.id, sessionId))
    .limit(1)
  const isFresh = session && session.createdAt > iso(minutesAfter(ctx.now, -freshMinutes))
  const user = isFresh ? await users.find(ctx, id) : undefined
  return user ? { user, statements: [], refusals: confirmRefusals } : confirmIdentity(ctx, given)
}

/** `invalid-input` naming `code`. */
export function wrongCode(): DomainError {
  return invalid({ field: "code", detail: "The code is wrong, or was used before.", code: "wrong" })
}
