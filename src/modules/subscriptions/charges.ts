import { and, eq } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { daysAfter, iso, secondsAfter } from "#lib/time.ts"
import * as inventory from "#modules/inventory/inventory.ts"
import { amountDue, balanceOf, isUnsecured } from "#modules/orders/balance.ts"
import { cancel as cancelOrder } from "#modules/orders/cancel.ts"
import { findPaid, type Paid } from "#modules/orders/payment.ts"
import { isGateway } from "#modules/payments/method.ts"
import * as payments from "#modules/payments/payments.ts"
import * as saved from "#modules/payments/saved.ts"
import { stageVoidOf } from "#modules/payments/voids.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import { nextAttempt } from "./dunning.ts"
import { checkAt } from "./orders.ts"
import { isFinal } from "./status.ts"
import {
  type Change,
  changeRefusals,
  find,
  nextAtOf,
  putOff,
  stageChange,
  type SubscriptionRow,
} from "./subscriptions.ts"
import { subscriptionRenewals } from "./tables.ts"

type Renewal = typeof subscriptionRenewals.$inferSelect

/** For how many days a charge may be without an end before it counts as failed. */
const mostDays = 1
/** How long stock is held while a charge is asked for, in seconds. */
const holdSeconds = 1800

/** No order waits for its money, and nothing has failed. */
const settled = { orderId: null, paymentId: null, failure: null, failedAt: null, attempts: 0 }

/** What a failure is called that has no other word. */
const reasons = { declined: "declined", unanswered: "no-answer", none: "payment-method-missing" }

/**
 * What follows for a subscription when something happens to the payments of one of its orders: paid, it goes on; a
 * charge of ours that failed is tried again by the schedule. Idempotent, whoever is told first.
 */
export function follow(ctx: Ctx, { reference }: { reference: string }): Promise<void> {
  const orderId = reference as Id<"order">
  return retryRaced(async () => {
    const renewal = await renewalOf(ctx, orderId)
    if (!renewal) return
    const [row, found] = await Promise.all([
      find(ctx, renewal.subscriptionId),
      findPaid(ctx, orderId),
    ])
    if (!row || !found || found.order.status === "cancelled") return
    if (isSecured(found)) return settle(ctx, row, renewal)
    const asked = found.payments.find(({ id }) => id === row.paymentId)
    if (row.orderId === orderId && asked?.status === "failed")
      await fail(ctx, row, asked.failure ?? reasons.declined)
  })
}

/** An order was cancelled: nothing is owed for its period, and a subscription that waited for its money waits no more. */
export function orderCancelled(ctx: Ctx, { orderId }: { orderId: Id<"order"> }): Promise<void> {
  return retryRaced(async () => {
    const renewal = await renewalOf(ctx, orderId)
    const row = renewal && (await find(ctx, renewal.subscriptionId))
    if (!renewal || !row || renewal.status === "cancelled") return
    const statements = [stageStanding(ctx, renewal, "cancelled")]
    // What was given up counts for nothing any more; what is over stays as it is.
    if (isFinal(row.status)) {
      await commit(ctx, statements)
      return
    }
    const over: Partial<SubscriptionRow> = {
      cycles: row.cycles - 1,
      ...(row.period === renewal.period && { periodAmount: null }),
      ...(row.orderId === orderId && released(ctx, row)),
    }
    const note = `Period ${renewal.period}: its order was cancelled.`
    await write(ctx, stageChange(ctx, row, over, { kind: "payment", note }), statements)
  })
}

/** What a subscription becomes whose order is gone: its first one takes it along. */
function released(ctx: Ctx, row: SubscriptionRow): Partial<SubscriptionRow> {
  if (row.status === "paused") return settled
  if (isFirst(row))
    return {
      ...settled,
      status: "cancelled",
      cancelledAt: iso(ctx.now),
      cancelReason: "The first order was not paid.",
      nextAt: null,
    }
  return { ...settled, status: "active", nextAt: nextAtOf(ctx, row) }
}

/** Whether it has never been paid for: it began with an order, and that one waits. */
function isFirst({ trialEndsAt, cycles, period, status, orderId }: SubscriptionRow): boolean {
  return (
    trialEndsAt === null &&
    cycles === 1 &&
    period === 1 &&
    status === "past_due" &&
    orderId !== null
  )
}

/** The money of a period is there, or vouched for. */
async function settle(ctx: Ctx, row: SubscriptionRow, renewal: Renewal): Promise<void> {
  const isAwaited = row.orderId === renewal.orderId
  if (renewal.status === "paid" && !isAwaited) return
  const paid = renewal.status === "paid" ? [] : [stageStanding(ctx, renewal, "paid")]
  if (!isAwaited) {
    await commit(ctx, paid)
    return
  }
  const over: Partial<SubscriptionRow> =
    isFinal(row.status) || row.status === "paused"
      ? settled
      : { ...settled, status: "active", nextAt: nextAtOf(ctx, row) }
  const note = `Period ${renewal.period}: paid.`
  await write(ctx, stageChange(ctx, row, over, { kind: "payment", note }), paid)
}

/**
 * A try has failed: the next one is on a day of the schedule. After the last one the subscription is cancelled, or
 * paused, and the order is given up (`giveUp`); what the shop itself could not deliver is left out (`skipped`), and the
 * subscription goes on.
 */
export async function fail(
  ctx: Ctx,
  row: SubscriptionRow,
  reason: string,
  skipped?: Partial<SubscriptionRow>,
): Promise<void> {
  const { retryDays, atLast } = ctx.config.subscriptions
  const attempts = row.attempts + 1
  const failedAt = row.failedAt ?? iso(ctx.now)
  const next = isFirst(row) ? null : nextAttempt(ctx.now, attempts, retryDays)
  const base = { failure: reason, failedAt, attempts, paymentId: null }
  const over: Partial<SubscriptionRow> =
    next === null
      ? // Nobody tries again: whoever is here pays, or its time runs out and takes it along.
        { ...base, nextAt: null }
      : next
        ? { ...base, status: "past_due", nextAt: iso(next) }
        : (skipped ?? ended(ctx, row, reason, atLast))
  const note =
    next === undefined ? `No more tries: ${reason}.` : `Try ${attempts} failed: ${reason}.`
  const change = stageChange(ctx, row, over, { kind: "payment", note })
  const failed: Event = {
    type: "subscription.payment-failed",
    subscriptionId: row.id,
    orderId: row.orderId,
    reason,
    nextAt: next ? iso(next) : null,
  }
  await write(ctx, { ...change, events: [...change.events, failed] })
}

function ended(
  ctx: Ctx,
  { periodEnd }: SubscriptionRow,
  reason: string,
  atLast: "cancel" | "pause",
): Partial<SubscriptionRow> {
  // What was not paid for is over: resumed, it begins with a new period.
  const over = {
    periodAmount: null,
    nextAt: null,
    ...(periodEnd > iso(ctx.now) && { periodEnd: iso(ctx.now) }),
  }
  return atLast === "pause"
    ? { ...settled, ...over, status: "paused", pausedAt: iso(ctx.now) }
    : {
        ...settled,
        ...over,
        status: "cancelled",
        cancelledAt: iso(ctx.now),
        cancelReason: `It could not be charged: ${reason}.`,
      }
}

/**
 * Sees to the order that waits for its money: a charge without an answer is asked for again, by the same payment; one
 * that failed is followed by a new payment, once its stock is held anew.
 */
export async function collect(ctx: Ctx, row: SubscriptionRow): Promise<void> {
  const { orderId } = row
  const found = orderId === null ? undefined : await findPaid(ctx, orderId)
  if (!found || orderId === null) throw new Error(`${row.id} waits for no order`)
  if (found.order.status === "cancelled") return orderCancelled(ctx, { orderId })
  if (isSecured(found)) return follow(ctx, { reference: orderId })
  const asked = found.payments.find(({ id }) => id === row.paymentId)
  if (asked?.status === "failed") return follow(ctx, { reference: orderId })
  if (asked && payments.isOpen(asked)) {
    const isOld = asked.createdAt <= iso(daysAfter(ctx.now, -mostDays))
    if (isOld) return fail(ctx, row, reasons.unanswered)
    return ask(ctx, row, asked)
  }
  if (row.paymentId !== null) return fail(ctx, row, reasons.declined)
  const held = await hold(ctx, found)
  if (!held) return fail(ctx, row, "out-of-stock")
  const payment = payments.draft(ctx, {
    reference: orderId,
    provider: row.provider,
    currency: found.order.currency,
    amount: amountDue(found.order),
    userId: found.order.userId,
    tokenHash: found.order.tokenHash,
  })
  const given = stageVoidOf(
    ctx,
    found.payments.filter((one) => payments.isOpen(one) && one.voidRequestedAt === null),
  )
  const change = stageChange(
    ctx,
    row,
    { paymentId: payment.id, nextAt: checkAt(ctx) },
    { kind: "payment", note: `Try ${row.attempts + 1} to charge order ${found.order.number}.` },
  )
  await commit(
    ctx,
    [...given.statements, ...payments.stageStart(ctx, payment), ...change.statements],
    {
      events: [...given.events, ...change.events],
      refusals: { ...given.refusals, ...payments.startRefusals, ...changeRefusals },
    },
  )
  await ask(ctx, change.next, payment)
}

/** Charges what the subscription is charged to, as often as this is called once, and follows what comes of it. */
async function ask(ctx: Ctx, row: SubscriptionRow, payment: payments.PaymentRow): Promise<void> {
  const { userId, methodRef: method } = row
  const told = await saved.charge(ctx, payment, { userId, method })
  if (!told) return fail(ctx, row, reasons.none)
  await follow(ctx, { reference: payment.reference })
  // Where that has no end yet it is looked at again.
  await putOff(ctx, row.id, checkAt(ctx))
}

/** Whether the stock of an order that waits is held, or held again. */
async function hold(ctx: Ctx, { order, lines }: Paid): Promise<boolean> {
  try {
    const until = secondsAfter(ctx.now, holdSeconds)
    await inventory.reserve(ctx, order.id, inventory.byProduct(lines), until)
    return true
  } catch (error) {
    if (error instanceof DomainError && error.code === "out-of-stock") return false
    throw error
  }
}

/**
 * Gives up the orders of a subscription that goes on no more, or not now, as far as nobody has paid them: an invoice
 * stands, for its things were sold. Idempotent.
 */
export async function giveUp(
  ctx: Ctx,
  { subscriptionId, to }: { subscriptionId: Id<"subscription">; to: string },
): Promise<void> {
  if (to !== "cancelled" && to !== "paused") return
  const open = await ctx.db
    .select()
    .from(subscriptionRenewals)
    .where(
      and(
        eq(subscriptionRenewals.subscriptionId, subscriptionId),
        eq(subscriptionRenewals.status, "open"),
      ),
    )
  for (const { orderId } of open) {
    const found = await findPaid(ctx, orderId)
    if (!found || found.order.status !== "pending" || isSecured(found)) continue
    await cancelOrder(ctx, orderId, "The subscription ended before it was paid.")
  }
}

/** Whether the money of an order is there, or its gateway vouches for it. */
function isSecured({ order, payments: made }: Paid): boolean {
  if (!isGateway(order.paymentMethod) && made.length === 0) return order.totalAmount === 0
  return !isUnsecured(balanceOf(order.totalAmount, made).paymentStatus)
}

async function renewalOf(ctx: Ctx, orderId: Id<"order">): Promise<Renewal | undefined> {
  const [row] = await ctx.db
    .select()
    .from(subscriptionRenewals)
    .where(eq(subscriptionRenewals.orderId, orderId))
    .limit(1)
  return row
}

function stageStanding(ctx: Ctx, { orderId }: Renewal, status: Renewal["status"]): Statement {
  return ctx.db
    .update(subscriptionRenewals)
    .set({ status })
    .where(eq(subscriptionRenewals.orderId, orderId))
}

async function write(ctx: Ctx, change: Change, beside: readonly Statement[] = []): Promise<void> {
  await commit(ctx, [...change.statements, ...beside], {
    events: change.events,
    refusals: changeRefusals,
  })
}
