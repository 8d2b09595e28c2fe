import type { Ctx } from "#context.ts"
import { DomainError, invalid } from "#errors.ts"
import { priceFrom, toDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { fundsIn, readPurse, requireTenders } from "#modules/credit/funds.ts"
import { amountDue, balanceOf, vouchedFor } from "#modules/orders/balance.ts"
import { begin, stageMove, step } from "#modules/orders/moves.ts"
import * as orders from "#modules/orders/orders.ts"
import { shownOf } from "#modules/orders/payment.ts"
import { start } from "#modules/payments/asking.ts"
import { toPayment } from "#modules/payments/lists.ts"
import { type ChosenMethod, type CreditMethod, isGateway } from "#modules/payments/method.ts"
import type { Payment } from "#modules/payments/model.ts"
import * as payments from "#modules/payments/payments.ts"
import { stageVoidOf } from "#modules/payments/voids.ts"
import { commit, raced, retryRaced } from "#platform/commit.ts"

import { returnErrors } from "./draft.ts"
import type { NewPayment } from "./model.ts"
import { paymentChanged } from "./paid.ts"
import { creditPayment, payerOf } from "./tenders.ts"
import { methodOf } from "./wanted.ts"

/**
 * Starts a payment of an order, or of a part of it: the one that is open already, or a new one of what is still due. A
 * gift card and store credit pay at once; by anything else nothing is paid by this. What was open and does not fit
 * beside it is given up: together they never come to more than is due.
 * @throws `unauthenticated`, `not-found`, `order-not-payable` when it is paid, cancelled or past its time,
 * `payment-method-unavailable`, `gift-card-not-valid`, `store-credit-unavailable`, `credit-changed`, `order-changed`,
 * `invalid-input` for more than is due
 */
export async function pay(ctx: Ctx, input: NewPayment): Promise<Payment> {
  const errors = returnErrors(ctx, input)
  if (errors.length > 0) throw invalid(...errors)
  const asked = input.provider ?? (input.gift_card === undefined ? undefined : "gift_card")
  if (asked === "gift_card" || asked === "store_credit") return payByCredit(ctx, input, asked)
  const { order } = await orders.open(ctx, input.order, "orders:write")
  const provider = methodOf(ctx, asked ?? chosenOf(order))
  const payment = await retryRaced(async () => {
    const made = await payments.selectOf(ctx, order.id)
    const due = dueOf(ctx, order, made)
    const amount = amountOf(input.amount, due, order.currency)
    const open = made.filter(isWaiting)
    const same = open.find(
      (one) => one.provider === provider && one.amount === amount && one.status !== "failed",
    )
    if (same) return same
    const returnUrl = input.return_url
    const fresh = payments.draft(ctx, { ...payerOf(order), provider, amount, returnUrl })
    const given = stageVoidOf(ctx, misfits(open, due - amount, provider))
    await commit(ctx, [...given.statements, ...payments.stageStart(ctx, fresh)], {
      events: given.events,
      refusals: { ...given.refusals, ...payments.startRefusals },
      result: toPayment(fresh),
    })
    return fresh
  })
  const isToStart = isGateway(provider) && payment.status === "unpaid"
  return toPayment(isToStart ? await start(ctx, payment) : payment)
}

/** What an order is paid by, where nobody says otherwise. */
function chosenOf({ paymentMethod }: orders.OrderRow): ChosenMethod {
  // Only what can be chosen is ever written there.
  return paymentMethod as ChosenMethod
}

/**
 * Pays what a gift card or store credit can of what is due, in one batch with what the order shows of it: of two at
 * once the second looks again. An order that is covered by it is sold and confirmed.
 */
async function payByCredit(ctx: Ctx, input: NewPayment, method: CreditMethod): Promise<Payment> {
  const paid = await retryRaced(async () => {
    const opened = await orders.open(ctx, input.order, "orders:write")
    const { order, payments: made, changes } = opened
    const due = dueOf(ctx, order, made)
    const most = amountOf(input.amount, due, order.currency)
    const purse = await readPurse(ctx, {
      gift_cards: method === "gift_card" ? [input.gift_card ?? ""] : [],
      use_store_credit: method === "store_credit",
    })
    const [tender] = requireTenders(fundsIn(ctx, purse, order.currency), most)
    if (!tender) throw new DomainError("store-credit-unavailable", "There is no store credit")
    if (input.amount !== undefined && tender.amount < most) throw tooLittle(tender.amount, order)
    const fresh = creditPayment(ctx, order, tender)
    const given = stageVoidOf(ctx, misfits(made.filter(isWaiting), due - fresh.amount))
    const balance = balanceOf(order.totalAmount, [fresh, ...made])
    const move = step(ctx, begin(opened), "payment", shownOf(ctx, order, balance), "")
    await commit(
      ctx,
      [
        ...(await stageMove(ctx, order, changes.at(-1), move)),
        ...given.statements,
        ...payments.stageStart(ctx, fresh),
      ],
      {
        events: [payments.changedEvent(fresh), ...given.events],
        refusals: {
          ...given.refusals,
          ...payments.startRefusals,
          "order_changes.order_id": () => raced(new DomainError("order-changed")),
        },
        result: toPayment(fresh),
      },
    )
    return fresh
  })
  await paymentChanged(ctx, paid).catch((error) =>
    ctx.log.error("order left to the event", error, { order_id: paid.reference }),
  )
  return toPayment(paid)
}

/** Whether money may still come of a payment that nobody has given up; what is authorized is vouched for already. */
function isWaiting(payment: payments.PaymentRow): boolean {
  return (
    payments.isOpen(payment) && payment.voidRequestedAt === null && payment.status !== "authorized"
  )
}

/** Of what is open, the newest first, what does not fit into `room`, and whatever is of `provider` too. */
function misfits(
  open: readonly payments.PaymentRow[],
  room: number,
  provider?: ChosenMethod,
): payments.PaymentRow[] {
  let left = room
  return open.filter((payment) => {
    const fits = payment.provider !== provider && payment.amount <= left
    if (fits) left -= payment.amount
    return !fits
  })
}

/** What is still due and nobody vouches for, in minor units. @throws `order-not-payable` */
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
  const left = due - vouchedFor(made)
  if (left <= 0) refuse("its payment is authorized")
  return left
}

/** @throws `invalid-input` for more than is due */
function amountOf(given: string | undefined, due: number, currency: string): number {
  if (given === undefined) return due
  const amount = priceFrom(given, currency)
  if (amount === undefined || amount > due)
    throw invalid({
      field: "amount",
      detail: `At most ${toDecimal(due, currency)} is due, with the currency's digits.`,
      code: "invalid",
    })
  return amount
}

/** Who names an amount is paid by all of it, or not at all. */
function tooLittle(amount: number, { currency }: orders.OrderRow): DomainError {
  return invalid({
    field: "amount",
    detail: `There is ${toDecimal(amount, currency)} left on it.`,
    code: "too-big",
  })
}
