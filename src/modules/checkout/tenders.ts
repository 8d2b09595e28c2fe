import type { Ctx } from "#context.ts"
import { tendered, type Tender } from "#modules/credit/entry.ts"
import { toTender } from "#modules/credit/funds.ts"
import { type Move } from "#modules/orders/moves.ts"
import type { Draft, OrderRow } from "#modules/orders/orders.ts"
import { confirmed } from "#modules/orders/payment.ts"
import * as payments from "#modules/payments/payments.ts"
import type { Statement } from "#platform/db.ts"

import type { Placed } from "./model.ts"

/** How a new order is paid. */
export type Paying = {
  /** What is left to pay, by the method that was chosen; absent: nothing is. */
  rest: payments.PaymentRow | undefined
  tenders: NonNullable<Placed["tenders"]>
  /** What an order takes at once that gift cards and store credit cover. */
  move: Move | undefined
  statements: Statement[]
}

/**
 * The payments of a new order, for its batch (`payments.startRefusals`): one for each gift card, one of store credit,
 * which are paid with it, and one of what is left. An order that these cover is confirmed with it.
 */
export function payingOf(
  ctx: Ctx,
  draft: Draft,
  tenders: readonly Tender[],
  returnUrl: string | undefined,
): Paying {
  const { order } = draft
  const credited = tenders.map((tender) => creditPayment(ctx, order, tender))
  const left = order.totalAmount - tendered(tenders)
  const asked =
    left > 0
      ? payments.draft(ctx, {
          ...payerOf(order),
          provider: order.paymentMethod,
          amount: left,
          returnUrl,
        })
      : undefined
  const rows = payments.inOrder([...credited, ...(asked ? [asked] : [])])
  return {
    rest: asked && rows.at(-1),
    tenders: tenders.map((tender) => toTender(tender, order.currency)),
    move: left === 0 && tenders.length > 0 ? confirmed(ctx, draft) : undefined,
    statements: rows.flatMap((row) => payments.stageStart(ctx, row)),
  }
}

/** The payment of an order by a gift card or store credit, paid with its batch. */
export function creditPayment(
  ctx: Ctx,
  order: OrderRow,
  { method, amount, ...holder }: Tender,
): payments.PaymentRow {
  return payments.draft(ctx, {
    ...payerOf(order),
    provider: method,
    amount,
    ...("giftCardId" in holder && {
      giftCardId: holder.giftCardId,
      giftCardLast4: holder.last4,
    }),
  })
}

/** Whose payment it is, and of what. */
export function payerOf({ id: reference, currency, userId, tokenHash }: OrderRow) {
  return { reference, currency, userId, tokenHash }
}
