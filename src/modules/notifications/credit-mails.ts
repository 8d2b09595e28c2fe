import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { findMailed } from "#modules/credit/gift-cards.ts"

import * as email from "./email.ts"
import * as letters from "./templates/credit.ts"
import { write } from "./templates/letter.tsx"

/** Mails the code of a new gift card to its recipient. One that was disabled meanwhile is not mailed. */
export async function giftCard(
  ctx: Ctx,
  { giftCardId }: Extract<Event, { type: "gift-card.issued" }>,
  id: Id<"event">,
): Promise<void> {
  const found = await findMailed(ctx, giftCardId)
  if (!found || found.row.recipientEmail === null) return
  const { currency, initialAmount, message, expiresAt, recipientEmail: to } = found.row
  const letter = letters.giftCard({
    code: found.code,
    amount: `${toDecimal(initialAmount, currency)} ${currency}`,
    message,
    expiresAt,
  })
  await email.send(ctx, id, { template: "gift-card", to, ...write(letter) })
}
