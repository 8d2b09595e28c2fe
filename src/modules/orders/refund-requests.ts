import { eq, or } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, invalid, notFound } from "#errors.ts"
import { type Id, randomBase32 } from "#lib/id.ts"
import { priceFrom } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { stageAudit } from "#modules/auth/audit.ts"
import { toRefund } from "#modules/payments/lists.ts"
import type { NewRefund, RefundsMade } from "#modules/payments/model.ts"
import { get } from "#modules/payments/payments.ts"
import { refund, type RefundRow, tooLarge } from "#modules/payments/refunds.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import { rowsOf } from "#platform/db.ts"

import { open, type Opened, type OrderRow } from "./orders.ts"
import { splitOf } from "./refund-shares.ts"
import { restock } from "./return-decisions.ts"
import { stageReceipt } from "./return-receipts.ts"
import { returnable } from "./return-shares.ts"
import * as returns from "./returns.ts"
import { orders, returnLines, returns as table } from "./tables.ts"

/** What a request is about: an order, or one of its payments. */
type Target = { order: OrderRow; paymentId?: Id<"payment"> }

/**
 * Gives back what was paid, or a part of it, because staff say so; audited. What it is for, if it is for things, counts
 * as come back: a return that is received at once. With an idempotency key the same request gives back once.
 * @throws `forbidden`, `not-found`, `refund-too-large` with `refundable`, `not-returnable` with `lines`,
 * `store-credit-unavailable`, `invalid-input`
 */
export async function create(ctx: Ctx, input: NewRefund): Promise<RefundsMade> {
  requirePermission(ctx, "orders:write")
  const target = await targetOf(ctx, input)
  const amount = amountOf(input, target.order)
  return input.lines === undefined && !input.restock
    ? refundMoney(ctx, input, target, amount)
    : refundThings(ctx, input, target, amount)
}

function amountOf({ amount: text }: NewRefund, { currency }: OrderRow): number | undefined {
  const amount = text === undefined ? undefined : priceFrom(text, currency)
  if (text !== undefined && amount === undefined)
    throw invalid({
      field: "amount",
      detail: "An amount has at most the currency's digits.",
      code: "invalid",
    })
  return amount
}

async function refundMoney(
  ctx: Ctx,
  { reason, to }: NewRefund,
  { order, paymentId }: Target,
  amount: number | undefined,
): Promise<RefundsMade> {
  const reference = order.id
  const result = (rows: RefundRow[]) => ({ refunds: rows.map(toRefund), return: null })
  const made = await refund(
    ctx,
    {
      reference,
      amount: amount ?? "all",
      key: `request:${ctx.once?.key ?? randomBase32(26)}`,
      reason,
      to,
      split: (whole, before) => splitOf(order, before, whole),
      ...(paymentId && { paymentId }),
    },
    { statements: stageAudit(ctx, "payment.refunded", null, { reference, reason, to }), result },
  )
  if (made.length === 0) throw tooLarge(0, order.currency)
  return result(made)
}

async function refundThings(
  ctx: Ctx,
  input: NewRefund,
  { order: { id: reference, currency }, paymentId }: Target,
  amount: number | undefined,
): Promise<RefundsMade> {
  const { reason } = input
  const { result, returnId } = await retryRaced(async () => {
    const opened = await open(ctx, reference, "orders:write")
    const all = await returns.ofOrder(ctx, opened.order.id)
    const wanted = wantedLines(input, opened, all)
    const { row, lines } = returns.draft(ctx, opened.order, all.length + 1, wanted)
    const approved = { ...row, status: "approved" as const, note: reason, approvedAt: iso(ctx.now) }
    const receipt = {
      lines: lines.map(({ orderLineId, quantity }) => ({
        line_id: orderLineId,
        accepted_quantity: quantity,
        restock: input.restock,
      })),
      amount,
      refundShipping: false,
      to: input.to,
      note: reason,
    }
    const found = { row: approved, lines, opened, all, ...(paymentId && { paymentId }) }
    const step = await stageReceipt(ctx, found, receipt)
    if (step.refunds.length === 0) throw tooLarge(0, currency)
    const result = { refunds: step.refunds.map(toRefund), return: row.id }
    await commit(
      ctx,
      [
        ...(await returns.stageStep(ctx, opened, step.row, null, reason)),
        ctx.db.insert(table).values(step.row),
        ...rowsOf(
          ctx.db,
          returnLines,
          lines.map((line) => ({
            returnId: row.id,
            orderLineId: line.orderLineId,
            quantity: line.quantity,
            acceptedQuantity: null,
            restock: line.restock,
            amount: 0,
          })),
        ),
        ...step.statements,
        ...stageAudit(ctx, "payment.refunded", null, { reference, reason, to: input.to }),
      ],
      {
        events: [returns.changed(step.row), ...step.events],
        refusals: { ...returns.stepRefusals, ...step.refusals },
        result,
      },
    )
    return { result, returnId: row.id }
  })
  // The event does this again, should it fail now: taking back is idempotent.
  await restock(ctx, { returnId }).catch((error) =>
    ctx.log.error("stock left to the event", error, { return_id: returnId }),
  )
  return result
}

/** What is to come back: the lines named, or everything that still can. */
function wantedLines(
  { lines: named }: NewRefund,
  { lines }: Opened,
  all: readonly returns.Whole[],
): returns.Wanted[] {
  const asked = all.flatMap(({ row, lines: own }) =>
    own.map((one) => ({ ...one, status: row.status })),
  )
  const leftOf = (line: Opened["lines"][number]) =>
    returnable(
      line,
      asked.filter(({ orderLineId }) => orderLineId === line.id),
    )
  if (named === undefined) {
    const left = lines.map((line) => ({ line, quantity: leftOf(line) }))
    const wanted = left.filter(({ quantity }) => quantity > 0)
    if (wanted.length > 0) return wanted
    throw new DomainError("not-returnable", "Nothing of this order was sent and can come back.")
  }
  const errors = named.flatMap(({ line_id }, index): FieldError[] => {
    const field = `lines.${index}.line_id`
    if (!lines.some(({ id }) => id === line_id))
      return [{ field, detail: "The order has no such line.", code: "unknown" }]
    return named.findIndex((one) => one.line_id === line_id) < index
      ? [{ field, detail: "Each line once.", code: "duplicate" }]
      : []
  })
  if (errors.length > 0) throw invalid(...errors)
  const wanted = named.flatMap(({ line_id, quantity }) => {
    const line = lines.find(({ id }) => id === line_id)
    return line ? [{ line, quantity, left: leftOf(line) }] : []
  })
  const short = wanted.filter(({ quantity, left }) => quantity > left)
  const [first] = short
  if (!first) return wanted
  throw new DomainError(
    "not-returnable",
    `Of ${first.line.name} ${first.left} were sent and can come back; take what was not sent out of the order instead.`,
    { lines: short.map(({ line, left }) => ({ line_id: line.id, returnable: left })) },
  )
}

/** What a request names: a payment, or an order by id or number. @throws `not-found` */
async function targetOf(ctx: Ctx, input: NewRefund): Promise<Target> {
  const payment =
    input.payment === undefined ? undefined : await get(ctx, input.payment as Id<"payment">)
  const ref = payment?.reference ?? input.order ?? ""
  const [order] = await ctx.db
    .select()
    .from(orders)
    .where(or(eq(orders.id, ref as Id<"order">), eq(orders.number, ref.toUpperCase())))
    .limit(1)
  if (!order) throw notFound("order")
  return { order, ...(payment && { paymentId: payment.id }) }
}
