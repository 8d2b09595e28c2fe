import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import * as mailed from "#modules/auth/mailed.ts"
import * as users from "#modules/users/users.ts"

import * as email from "./email.ts"
import * as letters from "./templates/account.ts"
import { type Letter, write } from "./templates/letter.tsx"

type Of<T extends Event["type"]> = Extract<Event, { type: T }>

/** Mails the link that verifies an address. */
export function verifyEmail(ctx: Ctx, event: Of<"email.verification-requested">, id: Id<"event">) {
  return sendLink(ctx, id, event.tokenId, "verify-email", (token) =>
    letters.verifyEmail(`${ctx.config.baseUrl}/api/v1/auth/verify-email/${token}`),
  )
}

/** Mails the link to a form for a new password. */
export function resetPassword(ctx: Ctx, event: Of<"password.reset-requested">, id: Id<"event">) {
  return sendLink(ctx, id, event.tokenId, "reset-password", (token) =>
    letters.resetPassword(`${ctx.config.baseUrl}/account/reset-password#token=${token}`),
  )
}

/** Mails the link that makes a new address the account's, to that address. */
export function confirmEmail(ctx: Ctx, event: Of<"email.change-requested">, id: Id<"event">) {
  return sendLink(ctx, id, event.tokenId, "change-email", (token) =>
    letters.confirmEmail(`${ctx.config.baseUrl}/account/confirm-email#token=${token}`),
  )
}

/** Tells the old address that the account has another one now. */
export function emailChanged(ctx: Ctx, event: Of<"email.changed">, id: Id<"event">) {
  const letter = write(letters.emailChanged())
  return email.send(ctx, id, { template: "email-changed", to: event.oldEmail, ...letter })
}

/** Tells an account's owner that its password is another one now. */
export function passwordChanged(ctx: Ctx, event: Of<"password.changed">, id: Id<"event">) {
  return sendNotice(ctx, id, event.userId, "password-changed", letters.passwordChanged())
}

/** Tells an account's owner of a sign-in on a device that it does not know. */
export function newDevice(ctx: Ctx, event: Of<"session.started-on-new-device">, id: Id<"event">) {
  const letter = letters.newDevice({ device: event.device, place: event.addressPrefix })
  return sendNotice(ctx, id, event.userId, "new-device", letter)
}

/** A link that was used, replaced or has expired meanwhile is not mailed. */
async function sendLink(
  ctx: Ctx,
  id: Id<"event">,
  tokenId: Id<"mailedToken">,
  template: string,
  letterOf: (token: string) => Letter,
): Promise<void> {
  const token = await mailed.findLive(ctx, tokenId)
  if (!token) return
  const letter = write(letterOf(await mailed.tokenOf(ctx, tokenId)))
  await email.send(ctx, id, { template, to: token.email, ...letter })
}

async function sendNotice(
  ctx: Ctx,
  id: Id<"event">,
  userId: Id<"user">,
  template: string,
  letter: Letter,
): Promise<void> {
  const user = await users.find(ctx, userId)
  if (!user?.isActive) return
  await email.send(ctx, id, { template, to: user.email, ...write(letter) })
}
