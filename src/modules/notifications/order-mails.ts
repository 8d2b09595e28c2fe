import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { findPaid } from "#modules/orders/payment.ts"

import * as email from "./email.ts"
import { write } from "./templates/letter.tsx"
import * as letters from "./templates/order.ts"

/** Says that an order was cancelled because its stock was gone, and what goes back. */
export async function stockLost(
  ctx: Ctx,
  { orderId }: Extract<Event, { type: "order.stock-lost" }>,
  id: Id<"event">,
): Promise<void> {
  const found = await findPaid(ctx, orderId)
  if (!found || found.order.email === "") return
  const { number, currency, email: to } = found.order
  const back = found.payments.reduce((sum, { refundedAmount }) => sum + refundedAmount, 0)
  const refunded = back > 0 ? { refunded: `${toDecimal(back, currency)} ${currency}` } : {}
  const letter = write(letters.stockLost({ number, ...refunded }))
  await email.send(ctx, id, { template: "order-stock-lost", to, ...letter })
}
