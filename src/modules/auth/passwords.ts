import { eq } from "drizzle-orm"

import { requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { type DomainError, invalid } from "#errors.ts"
import * as users from "#modules/users/users.ts"
import { commit } from "#platform/commit.ts"

import { stageAudit } from "./audit.ts"
import * as identities from "./identities.ts"
import { attempt, succeed } from "./limits.ts"
import { findToken, linkNotValid, stageEnd, stageToken, stageUse } from "./mailed.ts"
import type { Message } from "./model.ts"
import { isName, isNameDetail, type PasswordChange, type Reset } from "./password-model.ts"
import * as password from "./password.ts"
import * as sessions from "./sessions.ts"
import { confirmIdentity } from "./step-up.ts"
import { passkeys } from "./tables.ts"

/**
 * Puts a new password in the place of the caller's. Every other session ends, and so do links that reset the old one.
 * Of two changes at once from one old password the second is refused.
 * @throws `invalid-input` naming `old_password`, `code` or `new_password`, `rate-limited`
 */
export async function change(ctx: Ctx, input: PasswordChange): Promise<Message> {
  const { id, sessionId } = requireUser(ctx)
  const account = { limit: "login-account", of: id } as const
  await attempt(ctx, account)
  const identity = { password: input.old_password, code: input.code }
  const { user, statements, refusals } = await confirmIdentity(ctx, identity, "old_password")
  succeed(ctx, account)
  refuseName(user, input.new_password)
  const hash = await password.hash(input.new_password)
  const result = message("Password changed successfully")
  const [ended] = await commit(
    ctx,
    [
      sessions.stageEndAll(ctx, id, sessionId),
      ...statements,
      ...users.stagePassword(ctx, user, hash),
      ...stageEnd(ctx, "reset-password", id),
      ...stageAudit(ctx, "password.changed", id),
    ],
    {
      result,
      events: [{ type: "password.changed", userId: id }],
      refusals: { ...refusals, "users.password_hash": wrongOldPassword },
    },
  )
  await sessions.retract(
    ctx,
    ended.map(({ id }) => id),
  )
  return result
}

/**
 * Mails a link for a new password to the account of this address. Whether there is one shows neither in the answer nor
 * in its time: either way it is one look and one batch. @throws `rate-limited`
 */
export async function requestReset(ctx: Ctx, email: string): Promise<Message> {
  await attempt(
    ctx,
    { limit: "reset-address", of: ctx.client.address },
    { limit: "reset-account", of: email },
  )
  const user = await users.findByEmail(ctx, email)
  const result = message("If there is an account with this address, a mail is on its way to it.")
  if (!user?.isActive) {
    await commit(ctx, stageAudit(ctx, "password.reset-requested", null), { result })
    return result
  }
  const link = await stageToken(ctx, "reset-password", user.id, user.email)
  await commit(ctx, [...link.statements, ...stageAudit(ctx, "password.reset-requested", user.id)], {
    result,
    events: [{ type: "password.reset-requested", userId: user.id, tokenId: link.id }],
  })
  return result
}

/**
 * Sets the password of the account whose mail held this token, once. Every session ends and nobody is signed in: a
 * second factor is still asked for. @throws `invalid-input` naming `token` or `new_password`
 */
export async function reset(ctx: Ctx, input: Reset): Promise<Message> {
  const token = await findToken(ctx, "reset-password", input.token)
  const user = token && (await users.find(ctx, token.userId))
  const isTheirs = input.uid === undefined || input.uid === user?.id
  if (!token || !user?.isActive || user.email !== token.email || !isTheirs) throw linkNotValid()
  refuseName(user, input.new_password)
  const hash = await password.hash(input.new_password)
  const result = message("The password is reset. Sign in with it.")
  const [ended] = await commit(
    ctx,
    [
      sessions.stageEndAll(ctx, user.id),
      ...stageUse(ctx, token),
      ...users.stagePassword(ctx, user, hash),
      // Whoever signed up with an e-mail that nobody verified need not be who reads its mail: no other way in stays.
      ...(user.isVerified
        ? []
        : [
            ...identities.stageUnlinkAll(ctx, user.id),
            ctx.db.delete(passkeys).where(eq(passkeys.userId, user.id)),
          ]),
      ...stageAudit(ctx, "password.reset", user.id),
    ],
    {
      result,
      events: [{ type: "password.changed", userId: user.id }],
      refusals: { mailed_tokens_once: linkNotValid, "users.password_hash": linkNotValid },
    },
  )
  await sessions.retract(
    ctx,
    ended.map(({ id }) => id),
  )
  succeed(ctx, { limit: "login-account", of: user.id })
  return result
}

function refuseName({ email, username }: users.UserRow, plain: string): void {
  if (isName(plain, [email, username]))
    throw invalid({ field: "new_password", detail: isNameDetail, code: "invalid" })
}

function wrongOldPassword(): DomainError {
  return invalid({ field: "old_password", detail: "This is not your password.", code: "wrong" })
}

function message(text: string): Message {
  return { message: text, detail: text }
}
