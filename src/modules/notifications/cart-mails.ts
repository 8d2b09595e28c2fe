import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { daysAfter } from "#lib/time.ts"
import { findReminder } from "#modules/cart/abandonment.ts"

import * as email from "./email.ts"
import * as letters from "./templates/cart.ts"
import { write } from "./templates/letter.tsx"

const template = "cart-reminder"

/**
 * Reminds of a cart that was left, where `CART_REMINDERS` says so; an address at most once a day. A cart that was
 * changed or ordered meanwhile is not reminded of.
 */
export async function remind(
  ctx: Ctx,
  event: Extract<Event, { type: "cart.abandoned" }>,
  id: Id<"event">,
): Promise<void> {
  if (!ctx.config.cartReminders) return
  const reminder = await findReminder(ctx, event.abandonmentId)
  if (!reminder) return
  const { to, token, lines } = reminder
  if (await email.wasMailed(ctx, { template, to, since: daysAfter(ctx.now, -1), butFor: id }))
    return
  const letter = write(letters.cartReminder(`${ctx.config.cartRecoveryUrl}#token=${token}`, lines))
  await email.send(ctx, id, { template, to, ...letter })
}
