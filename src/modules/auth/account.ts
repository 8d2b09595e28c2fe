import { requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import type { User } from "#modules/users/model.ts"
import * as users from "#modules/users/users.ts"
import { commit } from "#platform/commit.ts"

import type { AccountChanges, Verified } from "./account-model.ts"
import { stageAudit } from "./audit.ts"
import { attempt } from "./limits.ts"
import { findToken, linkNotValid, stageEnd, stageToken, stageUse } from "./mailed.ts"
import type { Message } from "./model.ts"
import { confirmIdentity } from "./step-up.ts"

/** Marks an address as its account's: whoever sends the token has read the mail. @throws `invalid-input` naming `token` */
export async function verifyEmail(ctx: Ctx, given: string): Promise<Verified> {
  const token = await findToken(ctx, "verify-email", given)
  const user = token && (await users.find(ctx, token.userId))
  if (!token || !user?.isActive || user.email !== token.email) throw linkNotValid()
  const result = toVerified("Email successfully verified", user.id, token.email)
  await commit(
    ctx,
    [
      // A change of the address ends this token, so that of the two at once the second is refused.
      ...stageUse(ctx, token),
      ...users.stageVerified(ctx, user.id, token.email),
      ...stageAudit(ctx, "email.verified", user.id),
    ],
    { result, refusals: { mailed_tokens_once: linkNotValid } },
  )
  return result
}

/** Mails the caller another link to verify their address; the one before ends. @throws `unauthenticated`, `rate-limited` */
export async function resendVerification(ctx: Ctx): Promise<Message> {
  const { id } = requireUser(ctx)
  const user = await users.find(ctx, id)
  if (!user) throw new DomainError("unauthenticated")
  if (user.isVerified) return message("Your address is verified already.")
  await attempt(ctx, { limit: "mail-account", of: id })
  const result = message("Verification e-mail sent.")
  await mailVerification(ctx, user, result)
  return result
}

async function mailVerification(ctx: Ctx, user: users.UserRow, result?: Message): Promise<void> {
  const link = await stageToken(ctx, "verify-email", user.id, user.email)
  await commit(ctx, link.statements, {
    ...(result && { result }),
    events: [{ type: "email.verification-requested", userId: user.id, tokenId: link.id }],
  })
}

/**
 * Lets only verified accounts on, where the setting asks for it. To others, who have shown the password, another link
 * goes out: they have no session to ask for one with. @throws `email-not-verified`
 */
export async function requireVerified(ctx: Ctx, user: users.UserRow): Promise<void> {
  if (!ctx.config.verifiedLogin || user.isVerified) return
  await commit(ctx, stageAudit(ctx, "session.refused", user.id, { why: "email-not-verified" }))
  try {
    await attempt(ctx, { limit: "mail-account", of: user.id })
    await mailVerification(ctx, user)
  } catch (error) {
    if (!(error instanceof DomainError && error.code === "rate-limited")) throw error
  }
  throw new DomainError("email-not-verified")
}

/**
 * Changes the caller's profile; fields left out stay. A new `email` with the right `password` (and code, where a second
 * factor is on) sends a link to that address, and nothing else: the account moves when the link is opened. Without
 * the password the address is ignored.
 * @throws `unauthenticated`, `invalid-input` naming `password`, `code` or `email` (taken), `rate-limited`
 */
export async function updateMe(ctx: Ctx, input: AccountChanges): Promise<User> {
  const { email, password, code, ...changes } = input
  const profile = await users.draftChanges(ctx, changes)
  const result = users.toUser(profile.row)
  const isMove = email !== undefined && email !== profile.row.email && password !== undefined
  if (!isMove) {
    await commit(ctx, profile.statements, { result })
    return result
  }
  const { user, statements, refusals } = await confirmIdentity(ctx, { password, code })
  await attempt(ctx, { limit: "mail-account", of: user.id })
  if (await users.findByEmail(ctx, email)) throw users.registrationRefusals["users.email"]()
  const link = await stageToken(ctx, "change-email", user.id, email)
  await commit(
    ctx,
    [
      ...statements,
      ...profile.statements,
      ...link.statements,
      ...stageAudit(ctx, "email.change-requested", user.id),
    ],
    {
      result,
      refusals,
      events: [{ type: "email.change-requested", userId: user.id, tokenId: link.id }],
    },
  )
  return result
}

/**
 * Moves an account to the address whose mail held this token, and tells the old one. Links that went to the old
 * address end. It signs nobody in. @throws `invalid-input` naming `token`, or `email` when somebody else has it by now
 */
export async function confirmEmail(ctx: Ctx, given: string): Promise<Verified> {
  const token = await findToken(ctx, "change-email", given)
  const user = token && (await users.find(ctx, token.userId))
  if (!token || !user?.isActive) throw linkNotValid()
  const result = toVerified("Your e-mail address is changed.", user.id, token.email)
  await commit(
    ctx,
    [
      ...stageUse(ctx, token),
      ...stageEnd(ctx, "verify-email", user.id),
      ...stageEnd(ctx, "reset-password", user.id),
      ...users.stageEmail(ctx, user.id, token.email),
      ...stageAudit(ctx, "email.changed", user.id),
    ],
    {
      result,
      events: [{ type: "email.changed", userId: user.id, oldEmail: user.email }],
      refusals: {
        mailed_tokens_once: linkNotValid,
        "users.email": users.registrationRefusals["users.email"],
      },
    },
  )
  return result
}

function message(text: string): Message {
  return { message: text, detail: text }
}

function toVerified(text: string, id: users.UserRow["id"], email: string): Verified {
  return { ...message(text), user: { id, email, is_verified: true } }
}
