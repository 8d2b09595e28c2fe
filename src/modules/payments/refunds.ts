import { and, desc, eq, type SQL, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { allocate, toDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { stageEntry } from "#modules/credit/entries.ts"
import type { Holder } from "#modules/credit/entry.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import { isGateway } from "./method.ts"
import {
  changed,
  changedEvent,
  checkIn,
  holderOf,
  nothing,
  type PaymentRow,
  type Staged,
  versionRefusals,
} from "./payments.ts"
import { payments, refunds } from "./tables.ts"

export type RefundRow = typeof refunds.$inferSelect

/** What of an amount is tax, and what shipping before tax; minor units. */
export type Split = { taxAmount: number; shippingAmount: number }

type RefundOrder = {
  reference: string
  /**
   * Minor units; `all`: whatever was captured and not given back yet; `beyond`: what there is of that above so much, as
   * it is when it is committed.
   */
  amount: number | "all" | { beyond: number }
  /** What it is for, once: `cancel:<order>`, `return:<return>`, `edit:<order>:<version>`. */
  key: string
  reason: string
  /** Of this payment alone; absent: of all of the reference, the newest first. */
  paymentId?: Id<"payment">
  /** `store_credit`: to the account that paid, whatever it was paid by. */
  to?: "source" | "store_credit"
  /**
   * Splits the amount, where goods or service are paid back; `before`: what all refunds of the reference come to, which
   * still holds when it is committed. Absent: nothing of it is tax or shipping.
   */
  split?: (amount: number, before: Split & { amount: number }) => Split
}

/**
 * Gives money back, in the batch of what causes it: several at once never come to more than was captured, since
 * the amounts are added up under a CHECK (then `payment-changed`, for `retryRaced`). Without a gateway it is done
 * with the batch, and is back on its gift card or in store credit then; a gateway is asked by the subscriber of
 * `refund.requested`. A key that was used already, and `all` of nothing, is nothing.
 * @throws `refund-too-large` with `refundable`, `store-credit-unavailable` to what nobody's account paid
 */
export async function stageRefund(
  ctx: Ctx,
  { reference, amount, key, reason, paymentId, to = "source", split }: RefundOrder,
): Promise<Staged & { refunds: RefundRow[] }> {
  const [used, captured] = await ctx.db.batch([
    ctx.db.select({ id: refunds.id }).from(refunds).where(eq(refunds.key, key)).limit(1),
    ctx.db
      .select()
      .from(payments)
      .where(and(eq(payments.reference, reference), sql`captured_amount > 0`))
      .orderBy(desc(payments.createdAt), desc(payments.id)),
  ])
  if (used.length > 0) return { ...nothing(), refunds: [] }
  const rows = captured.filter(({ id }) => paymentId === undefined || id === paymentId)
  const refundable = rows.reduce((sum, row) => sum + refundableOf(row), 0)
  const whole =
    amount === "all"
      ? refundable
      : typeof amount === "number"
        ? amount
        : Math.max(0, Math.min(refundable, keptOf(rows) - amount.beyond))
  if (whole > refundable) throw tooLarge(refundable, rows[0]?.currency ?? ctx.config.currency)
  let left = whole
  const shares = rows.flatMap((payment) => {
    const share = Math.min(left, refundableOf(payment))
    left -= share
    return share > 0 ? [{ payment, share }] : []
  })
  const { taxAmount, shippingAmount } = split?.(whole, sumOf(captured)) ?? noSplit
  const [taxes, shippings] = [taxAmount, shippingAmount].map((part) =>
    allocate(
      part,
      shares.map(({ share }) => share),
    ),
  )
  const parts = shares.map(({ payment, share }, index) => ({
    payment,
    refund: draftOf(ctx, payment, {
      amount: share,
      taxAmount: taxes?.[index] ?? 0,
      shippingAmount: shippings?.[index] ?? 0,
      key,
      reason,
      destination: to === "source" ? null : to,
    }),
  }))
  return {
    refunds: parts.map(({ refund }) => refund),
    statements: [
      ...(split || typeof amount === "object"
        ? captured.map((payment) => unchanged(ctx, payment))
        : []),
      ...parts.flatMap(({ payment, refund }) => [
        ctx.db.insert(refunds).values(refund),
        add(ctx, refund),
        ...stageCredited(ctx, payment, refund),
      ]),
    ],
    events: parts.flatMap(({ payment, refund: { id, status } }) => [
      changedEvent(payment),
      ...(status === "pending"
        ? [{ type: "refund.requested" as const, refundId: id, reference }]
        : []),
    ]),
    refusals: { payments_amounts: changed, "refunds.key": changed, ...versionRefusals },
  }
}

/** Puts what was refunded on the gift card or the account that it goes to; elsewhere it goes through a gateway, or by hand. */
function stageCredited(ctx: Ctx, payment: PaymentRow, refund: RefundRow): Statement[] {
  const { id, amount, currency, reason, reference, destination } = refund
  const holder = destination === null ? holderOf(payment) : accountOf(payment)
  if (!holder) return []
  const refunded = { kind: "refunded", amount, currency, reason, reference } as const
  return stageEntry(ctx, holder, { ...refunded, key: `refund:${id}` })
}

function accountOf({ userId }: PaymentRow): Holder {
  if (userId === null) throw new DomainError("store-credit-unavailable")
  return { method: "store_credit", userId }
}

/** Money alone: nothing of it is tax or shipping. */
export const noSplit: Split = { taxAmount: 0, shippingAmount: 0 }

/** What payments have given back so far. */
function sumOf(rows: readonly PaymentRow[]): Split & { amount: number } {
  const sum = (of: (row: PaymentRow) => number) => rows.reduce((all, row) => all + of(row), 0)
  return {
    amount: sum((row) => row.refundedAmount),
    taxAmount: sum((row) => row.refundedTaxAmount),
    shippingAmount: sum((row) => row.refundedShippingAmount),
  }
}

/** Breaks the batch if the payment is not what was read (`versionRefusals`). */
function unchanged(ctx: Ctx, { id, version }: PaymentRow): Statement {
  return ctx.db
    .update(payments)
    .set({ version: sql`CASE WHEN version = ${version} THEN version END` })
    .where(eq(payments.id, id))
}

/** What can be given back of a payment: what a bank holds meanwhile cannot. */
export function refundableOf(payment: PaymentRow): number {
  return Math.max(0, keptOf([payment]))
}

/**
 * What payments took and did not give back, less what banks hold of it; below zero while money that is on its way back
 * is held by a bank too.
 */
export function keptOf(rows: readonly PaymentRow[]): number {
  return rows.reduce(
    (sum, { capturedAmount, refundedAmount, disputedAmount }) =>
      sum + capturedAmount - refundedAmount - disputedAmount,
    0,
  )
}

/** A refund of a payment, not committed yet; on its way where a gateway is still to be asked. */
export function draftOf(
  ctx: Ctx,
  payment: PaymentRow,
  given: Pick<
    RefundRow,
    "amount" | "taxAmount" | "shippingAmount" | "key" | "reason" | "destination"
  >,
): RefundRow {
  const isPending = isGateway(payment.provider) && given.destination === null
  return {
    ...given,
    id: newId("refund", ctx.now),
    paymentId: payment.id,
    reference: payment.reference,
    status: isPending ? "pending" : "succeeded",
    currency: payment.currency,
    gatewayRef: null,
    failure: null,
    checkAt: isPending ? checkIn(ctx, { checks: 0 }) : null,
    checks: 0,
    createdAt: iso(ctx.now),
    updatedAt: iso(ctx.now),
  }
}

/** `refund-too-large`, naming what is left. */
export function tooLarge(refundable: number, currency: string): DomainError {
  const left = toDecimal(refundable, currency)
  return new DomainError("refund-too-large", `At most ${left} can be refunded`, {
    refundable: left,
  })
}

/** Adds a refund to what is refunded of its payment, whatever else happens to that meanwhile. */
export function add(ctx: Ctx, { paymentId, ...refund }: RefundRow): Statement {
  return restate(ctx, paymentId, sql`refunded_amount + ${refund.amount}`, refund)
}

/** Takes a refund that failed off what its payment gave back, in a batch in which its row says so before (`addUp`). */
export function takeOff(ctx: Ctx, { paymentId, taxAmount, shippingAmount }: RefundRow): Statement {
  return addUp(ctx, paymentId, { taxAmount: -taxAmount, shippingAmount: -shippingAmount })
}

/**
 * Adds up anew what a payment gave back, after its refunds and disputes in the batch; `change` of the parts of it. A bank
 * may have taken back what was on its way too: of both together no more than was captured counts.
 */
export function addUp(ctx: Ctx, id: Id<"payment">, change: Split = noSplit): Statement {
  const given = sql`min(captured_amount,
    (SELECT coalesce(sum(amount), 0) FROM refunds WHERE payment_id = payments.id AND status <> 'failed')
    + (SELECT coalesce(sum(amount), 0) FROM disputes WHERE payment_id = payments.id AND status = 'lost'))`
  return restate(ctx, id, given, change)
}

/** Sets what a payment gave back, and adds to the parts of it that were tax and shipping. */
function restate(
  ctx: Ctx,
  id: Id<"payment">,
  refundedAmount: SQL,
  { taxAmount, shippingAmount }: Split,
): Statement {
  return ctx.db
    .update(payments)
    .set({
      refundedAmount,
      refundedTaxAmount: sql`refunded_tax_amount + ${taxAmount}`,
      refundedShippingAmount: sql`refunded_shipping_amount + ${shippingAmount}`,
      status: sql`CASE WHEN disputed_amount > 0 THEN 'disputed' WHEN ${refundedAmount} <= 0 THEN 'paid' WHEN ${refundedAmount} < captured_amount THEN 'partially_refunded' ELSE 'refunded' END`,
      version: sql`version + 1`,
      updatedAt: iso(ctx.now),
    })
    .where(eq(payments.id, id))
}

type Beside = { statements?: Statement[]; result?: (rows: RefundRow[]) => unknown }

/**
 * Gives money back now, as `stageRefund`, with what is written beside it; `[]` when there was nothing to do. For what
 * is no part of another change.
 */
export function refund(ctx: Ctx, order: RefundOrder, beside: Beside = {}): Promise<RefundRow[]> {
  return retryRaced(async () => {
    const { statements, events, refusals, refunds: rows } = await stageRefund(ctx, order)
    if (statements.length > 0) {
      await commit(ctx, [...statements, ...(beside.statements ?? [])], {
        events,
        refusals,
        ...(beside.result && { result: beside.result(rows) }),
      })
    }
    return rows
  }, mostTries)
}

/** However many refund at once, each has its turn. */
const mostTries = 30
