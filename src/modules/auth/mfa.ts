import { and, count, eq } from "drizzle-orm"
import { renderSVG } from "uqr"

import { requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import * as users from "#modules/users/users.ts"
import { commit } from "#platform/commit.ts"

import { stageAudit } from "./audit.ts"
import { admit } from "./auth.ts"
import { findChallenge, stageAnswered } from "./challenges.ts"
import { attempt, succeed } from "./limits.ts"
import type {
  Enrolment,
  Identity,
  MfaChallenge,
  MfaState,
  OneCode,
  RecoveryCodes,
} from "./mfa-model.ts"
import type { Message, SignedIn } from "./model.ts"
import {
  codeRefusals,
  confirmWith,
  draftAuthenticator,
  draftRecoveryCodes,
  findAuthenticator,
  stageAuthenticator,
  stageEndRecoveryCodes,
  stageRemoveAuthenticator,
  takeCode,
} from "./second-factor.ts"
import * as sessions from "./sessions.ts"
import { confirmIdentity, confirmRefusals, wrongCode } from "./step-up.ts"
import { authenticators, passkeys, recoveryCodes } from "./tables.ts"

/** How the signed-in user's account is guarded. @throws `unauthenticated` */
export async function state(ctx: Ctx): Promise<MfaState> {
  const { id } = requireUser(ctx)
  const [[authenticator], [codes], [keys]] = await ctx.db.batch([
    ctx.db
      .select({ confirmedAt: authenticators.confirmedAt })
      .from(authenticators)
      .where(eq(authenticators.userId, id)),
    ctx.db
      .select({ n: count() })
      .from(recoveryCodes)
      .where(and(eq(recoveryCodes.userId, id), eq(recoveryCodes.uses, 0))),
    ctx.db.select({ n: count() }).from(passkeys).where(eq(passkeys.userId, id)),
  ])
  return {
    enabled: Boolean(authenticator?.confirmedAt),
    recovery_codes_left: codes?.n ?? 0,
    passkeys: keys?.n ?? 0,
  }
}

/**
 * Allots a secret for an authenticator app. It counts for nothing until `confirm`; enrolling again replaces it.
 * @throws `invalid-input` naming `password`, `mfa-already-enabled`, `rate-limited`
 */
export async function enrol(ctx: Ctx, input: Identity): Promise<Enrolment> {
  const { id } = requireUser(ctx)
  if ((await users.find(ctx, id))?.mfaEnabledAt) throw new DomainError("mfa-already-enabled")
  const { user, statements, refusals } = await confirmIdentity(ctx, input)
  const { row, secret, uri } = await draftAuthenticator(ctx, id, user.email)
  const result = { secret, otpauth_uri: uri, qr_svg: renderSVG(uri) }
  await commit(ctx, [...statements, ...stageAuthenticator(ctx, row)], {
    result,
    refusals: { ...refusals, "authenticators.last_step": "mfa-already-enabled" },
  })
  return result
}

/**
 * Turns the second factor on by a first code of the app, and answers ten recovery codes, this once. The user's other
 * sessions end.
 * @throws `mfa-not-enabled` when nothing is enrolled, `mfa-already-enabled`, `invalid-input` naming `code`, `rate-limited`
 */
export async function confirm(ctx: Ctx, { code }: OneCode): Promise<RecoveryCodes> {
  const { id, sessionId } = requireUser(ctx)
  const row = await findAuthenticator(ctx, id)
  if (!row) throw new DomainError("mfa-not-enabled", "Enrol an authenticator app first")
  if (row.confirmedAt) throw new DomainError("mfa-already-enabled")
  const account = { limit: "code-account", of: id } as const
  await attempt(ctx, account)
  const taken = await confirmWith(ctx, row, code)
  if (!taken) throw await refused(ctx, id, "confirm", wrongCode())
  succeed(ctx, account)
  const { codes, statements } = await draftRecoveryCodes(ctx, id)
  const result = { recovery_codes: codes }
  const [ended] = await commit(
    ctx,
    [
      sessions.stageEndAll(ctx, id, sessionId),
      ...taken,
      ...users.stageMfa(ctx, id, true),
      ...statements,
      ...stageAudit(ctx, "mfa.enabled", id),
    ],
    { result, refusals: confirmRefusals },
  )
  await sessions.retract(ctx, idsOf(ended))
  return result
}

/**
 * Turns the second factor off; the recovery codes and the user's other sessions end.
 * @throws `mfa-not-enabled`, `invalid-input` naming `password` or `code`, `rate-limited`
 */
export async function disable(ctx: Ctx, input: Identity): Promise<Message> {
  const { id, sessionId } = requireUser(ctx)
  if (!(await users.find(ctx, id))?.mfaEnabledAt) throw new DomainError("mfa-not-enabled")
  const { statements, refusals } = await confirmIdentity(ctx, input)
  const text = "The second factor is off."
  const result = { message: text, detail: text }
  const [ended] = await commit(
    ctx,
    [
      sessions.stageEndAll(ctx, id, sessionId),
      ...statements,
      ...stageRemoveAuthenticator(ctx, id),
      ...stageEndRecoveryCodes(ctx, id),
      ...users.stageMfa(ctx, id, false),
      ...stageAudit(ctx, "mfa.disabled", id),
    ],
    { result, refusals },
  )
  await sessions.retract(ctx, idsOf(ended))
  return result
}

/**
 * Ten new recovery codes, shown this once; the old ones end.
 * @throws `mfa-not-enabled`, `invalid-input` naming `code`, `rate-limited`
 */
export async function renewRecoveryCodes(ctx: Ctx, { code }: OneCode): Promise<RecoveryCodes> {
  const { id } = requireUser(ctx)
  if (!(await users.find(ctx, id))?.mfaEnabledAt) throw new DomainError("mfa-not-enabled")
  const account = { limit: "code-account", of: id } as const
  await attempt(ctx, account)
  const taken = await takeCode(ctx, id, code)
  if (!taken) throw await refused(ctx, id, "recovery-codes", wrongCode())
  succeed(ctx, account)
  const { codes, statements } = await draftRecoveryCodes(ctx, id)
  const result = { recovery_codes: codes }
  await commit(
    ctx,
    [...taken.statements, ...statements, ...stageAudit(ctx, "recovery-codes.renewed", id)],
    { result, refusals: confirmRefusals },
  )
  return result
}

/**
 * The second step of a sign-in: a code of the app, or a recovery code. A wrong one leaves the challenge open, tries
 * are counted for the account.
 * @throws `token-not-valid` for a challenge that is none, answered, or older than 5 min; `wrong-code`, `rate-limited`
 */
export async function answerChallenge(ctx: Ctx, input: MfaChallenge): Promise<SignedIn> {
  const challenge = await findChallenge(ctx, "mfa", input.mfa_token)
  const user = challenge?.userId ? await users.find(ctx, challenge.userId) : undefined
  // A password that was changed since ends the sign-ins that the old one began.
  if (!challenge || !user?.isActive || user.passwordHash !== challenge.state["passwordHash"])
    throw new DomainError("token-not-valid", "Sign in again: this step is over")
  const account = { limit: "code-account", of: user.id } as const
  await attempt(ctx, account)
  const taken = await takeCode(ctx, user.id, input.code)
  if (!taken) throw await refused(ctx, user.id, "sign-in", new DomainError("wrong-code"))
  succeed(ctx, account)
  return admit(ctx, user, `${challenge.state["by"] ?? ""}+${taken.by}`, {
    statements: [...stageAnswered(ctx, challenge), ...taken.statements],
    refusals: { ...codeRefusals, challenges_once: "token-not-valid" },
  })
}

/** Writes a wrong code down, and hands back what to throw. */
async function refused(
  ctx: Ctx,
  userId: Id<"user">,
  at: string,
  error: DomainError,
): Promise<DomainError> {
  await commit(ctx, stageAudit(ctx, "mfa.refused", userId, { at }))
  return error
}

function idsOf(rows: readonly { id: Id<"session"> }[]): Id<"session">[] {
  return rows.map(({ id }) => id)
}
