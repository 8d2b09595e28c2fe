import type { Ctx } from "#context.ts"
import { isGateway } from "#modules/payments/method.ts"
import * as payments from "#modules/payments/payments.ts"
import { stageRefund } from "#modules/payments/refunds.ts"
import { stageVoidOf } from "#modules/payments/voids.ts"

import { amountDue, balanceOf, isSame } from "./balance.ts"
import { settlementOf } from "./edit.ts"
import { type Move, step } from "./moves.ts"
import type { Opened } from "./orders.ts"
import { shownOf } from "./payment.ts"

/**
 * Brings the payments of an order in line with its new total, in the batch of the edit that makes it so: what was paid
 * beyond it goes back; what is still to be paid is asked for anew where there is no gateway, and by whoever pays (POST
 * /payments) where there is one. What a gateway has only authorized stays: it is captured in the amount of then.
 */
export async function stageSettlement(
  ctx: Ctx,
  { order: before, payments: made }: Opened,
  move: Move,
): Promise<payments.Staged & { move: Move; refundAmount: number }> {
  const { order } = move
  const sum = (of: (payment: payments.PaymentRow) => number) =>
    made.reduce((all, payment) => all + of(payment), 0)
  const { refundAmount, reducedAmount } = settlementOf(order.totalAmount, {
    paid: sum(({ capturedAmount }) => capturedAmount),
    refunded: sum(({ refundedAmount }) => refundedAmount),
    reduced: order.reducedAmount,
    before: before.totalAmount,
  })
  const back =
    refundAmount === 0
      ? payments.nothing()
      : await stageRefund(ctx, {
          reference: order.id,
          amount: refundAmount,
          key: `edit:${order.id}:${order.version}`,
          reason: "The order was changed.",
        })
  const paidAmount = sum(({ capturedAmount }) => capturedAmount)
  const due = amountDue({ ...order, paidAmount, reducedAmount })
  const stale = made.filter(
    (payment) =>
      payments.isOpen(payment) &&
      payment.status !== "authorized" &&
      payment.voidRequestedAt === null &&
      payment.amount !== due,
  )
  const given = stageVoidOf(ctx, stale)
  const isAsked = made.some((payment) => payments.isOpen(payment) && !stale.includes(payment))
  const fresh =
    due > 0 && !isAsked && !isGateway(order.paymentMethod)
      ? payments.draft(ctx, {
          reference: order.id,
          provider: order.paymentMethod,
          currency: order.currency,
          amount: due,
          userId: order.userId,
          tokenHash: order.tokenHash,
        })
      : undefined
  const balance = balanceOf(order.totalAmount, [
    ...made.map((payment) =>
      stale.includes(payment) && !isGateway(payment.provider)
        ? { ...payment, status: "voided" as const }
        : payment,
    ),
    ...(fresh ? [fresh] : []),
    {
      status: "paid",
      amount: 0,
      capturedAmount: 0,
      refundedAmount: refundAmount,
      refundedTaxAmount: 0,
      refundedShippingAmount: 0,
    },
  ])
  return {
    move: isSame(order, balance)
      ? move
      : step(ctx, move, "payment", { ...shownOf(ctx, order, balance), reducedAmount }, ""),
    refundAmount,
    statements: [
      ...back.statements,
      ...given.statements,
      ...(fresh ? payments.stageStart(ctx, fresh) : []),
    ],
    events: [...back.events, ...given.events],
    refusals: { ...back.refusals, ...given.refusals, ...payments.startRefusals },
  }
}
