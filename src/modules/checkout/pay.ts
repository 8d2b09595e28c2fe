import type { Ctx } from "#context.ts"
import { DomainError, invalid } from "#errors.ts"
import { iso } from "#lib/time.ts"
import { amountDue } from "#modules/orders/balance.ts"
import * as orders from "#modules/orders/orders.ts"
import { toPayment } from "#modules/payments/lists.ts"
import { isGateway } from "#modules/payments/method.ts"
import type { Payment } from "#modules/payments/model.ts"
import * as payments from "#modules/payments/payments.ts"
import { commit, retryRaced } from "#platform/commit.ts"

import { returnErrors } from "./draft.ts"
import type { NewPayment } from "./model.ts"
import { methodOf } from "./wanted.ts"

/**
 * Starts the payment of an order, once more: the one that is open already, or after a failure a new one of what is
 * still due. Another provider than before takes the place of what was open. Nothing is paid by this.
 * @throws `unauthenticated`, `not-found`, `order-not-payable` when it is paid, cancelled or past its time,
 * `payment-method-unavailable`, `invalid-input`
 */
export async function pay(ctx: Ctx, input: NewPayment): Promise<Payment> {
  const errors = returnErrors(ctx, input)
  if (errors.length > 0) throw invalid(...errors)
  const { order } = await orders.open(ctx, input.order, "orders:write")
  const provider = methodOf(ctx, input.provider ?? order.paymentMethod)
  const payment = await retryRaced(async () => {
    const made = await payments.selectOf(ctx, order.id)
    const due = dueOf(ctx, order, made)
    const open = made.filter(
      (one) => payments.isOpen(one) && one.voidRequestedAt === null && one.status !== "failed",
    )
    const same = open.find((one) => one.provider === provider && one.amount === due)
    if (same) return same
    const fresh = payments.draft(ctx, {
      reference: order.id,
      provider,
      currency: order.currency,
      amount: due,
      userId: order.userId,
      tokenHash: order.tokenHash,
      returnUrl: input.return_url,
    })
    const given = payments.stageVoidOf(
      ctx,
      made.filter((one) => payments.isOpen(one) && one.voidRequestedAt === null),
    )
    await commit(ctx, [...given.statements, ...payments.stageStart(ctx, fresh)], {
      events: given.events,
      refusals: { ...given.refusals, ...payments.openRefusals },
      result: toPayment(fresh),
    })
    return fresh
  })
  const isToStart = isGateway(provider) && payment.status === "unpaid"
  return toPayment(isToStart ? await payments.start(ctx, payment) : payment)
}

/** What is still due, in minor units. @throws `order-not-payable` */
function dueOf(ctx: Ctx, order: orders.OrderRow, made: readonly payments.PaymentRow[]): number {
  const refuse = (why: string) => {
    throw new DomainError("order-not-payable", `This order cannot be paid: ${why}.`, {
      order_status: order.status,
      payment_status: order.paymentStatus,
    })
  }
  if (order.status === "cancelled" || order.status === "refunded") refuse(`it is ${order.status}`)
  if (order.payBy !== null && order.payBy <= iso(ctx.now)) refuse("its time to be paid is over")
  const captured = made.reduce((sum, { capturedAmount }) => sum + capturedAmount, 0)
  const due = amountDue({ ...order, paidAmount: captured })
  if (due <= 0) refuse("it is already paid")
  if (made.some(({ status }) => status === "authorized")) refuse("its payment is authorized")
  return due
}
