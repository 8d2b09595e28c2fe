import { eq, or } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid, notFound } from "#errors.ts"
import { type Id, randomBase32 } from "#lib/id.ts"
import { priceFrom } from "#lib/money.ts"
import { stageAudit } from "#modules/auth/audit.ts"
import { orders } from "#modules/orders/tables.ts"

import { toRefund } from "./lists.ts"
import type { NewRefund, RefundsMade } from "./model.ts"
import { get } from "./payments.ts"
import { refund, type RefundRow, tooLarge } from "./refunds.ts"

/**
 * Gives back what was paid, or a part of it, because staff say so; audited. With an idempotency key the same request
 * gives back once.
 * @throws `forbidden`, `not-found`, `refund-too-large` with `refundable`, `store-credit-unavailable`,
 * `invalid-input`
 */
export async function create(ctx: Ctx, input: NewRefund): Promise<RefundsMade> {
  requirePermission(ctx, "orders:write")
  const { reference, currency, paymentId } = await target(ctx, input)
  const amount = input.amount === undefined ? "all" : priceFrom(input.amount, currency)
  if (amount === undefined)
    throw invalid({
      field: "amount",
      detail: "An amount has at most the currency's digits.",
      code: "invalid",
    })
  const key = `request:${ctx.once?.key ?? randomBase32(26)}`
  const result = (rows: RefundRow[]) => ({ refunds: rows.map(toRefund) })
  const audit = { reference, reason: input.reason, to: input.to }
  const made = await refund(
    ctx,
    { reference, amount, key, reason: input.reason, to: input.to, ...(paymentId && { paymentId }) },
    { statements: stageAudit(ctx, "payment.refunded", null, audit), result },
  )
  if (made.length === 0) throw tooLarge(0, currency)
  return result(made)
}

/** What a request names: a payment, or an order by id or number. @throws `not-found` */
async function target(
  ctx: Ctx,
  input: NewRefund,
): Promise<{ reference: string; currency: string; paymentId?: Id<"payment"> }> {
  if (input.payment !== undefined) {
    const { id, reference, currency } = await get(ctx, input.payment as Id<"payment">)
    return { reference, currency, paymentId: id }
  }
  const ref = input.order ?? ""
  const [order] = await ctx.db
    .select({ reference: orders.id, currency: orders.currency })
    .from(orders)
    .where(or(eq(orders.id, ref as Id<"order">), eq(orders.number, ref.toUpperCase())))
    .limit(1)
  if (!order) throw notFound("order")
  return order
}
