import { and, eq, isNull, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError, type ErrorCode } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { attempt } from "#modules/auth/limits.ts"
import type { Statement } from "#platform/db.ts"

import type { AppliedPromotion, Reason, RefusedCode } from "./discount.ts"
import { promotionCodes, promotionCustomers, promotions, promotionUses } from "./tables.ts"
import { type Customer, customerKeys, selectTerms, toTerms } from "./terms.ts"

/**
 * Whether a code is in force for a customer; whether it does something for what they buy is for the quote to say.
 * Codes cannot be found by trying: see `countTry`.
 * @throws `coupon-unknown`, `coupon-expired`, `coupon-used-up`, each with `coupon` and `reason`, `rate-limited`
 */
export async function check(ctx: Ctx, code: string, customer?: Customer): Promise<void> {
  await countTry(ctx)
  const asked = { codes: [code], customer }
  const [refused] = toTerms(ctx, asked, await ctx.db.batch(selectTerms(ctx, asked))).refused
  if (refused) throw couponError(refused)
}

/** Counts a try of codes by this client, right or wrong. Before they are looked at. @throws `rate-limited` with `retry_after` */
export async function countTry(ctx: Ctx): Promise<void> {
  const of = ctx.actor.type === "user" ? ctx.actor.id : ctx.client.address
  await attempt(ctx, { limit: "coupon-client", of })
}

const codes: Partial<Record<Reason, ErrorCode>> = {
  unknown: "coupon-unknown",
  "not-started": "coupon-expired",
  expired: "coupon-expired",
  "used-up": "coupon-used-up",
  "customer-limit": "coupon-used-up",
}

/** A refused code as an error: what the quote says of it, for whoever insists on the code. */
export function couponError({ code, reason, detail }: RefusedCode): DomainError {
  return new DomainError(codes[reason] ?? "coupon-not-applicable", `${code}: ${detail}`, {
    coupon: code,
    reason,
  })
}

/**
 * Counts an order's promotions, in the order's batch: limits are constraints, so that of parallel orders exactly as
 * many commit as there are uses left (`useRefusals`). What the order has already is not counted again. An order that is
 * priced anew gives back first: `[...stageGiveBack(ctx, id), ...stageUse(ctx, order, applied)]`.
 */
export function stageUse(
  ctx: Ctx,
  { id, userId, email }: { id: Id<"order">; userId: Id<"user"> | null; email: string },
  applied: readonly AppliedPromotion[],
): Statement[] {
  return applied.flatMap((promotion): Statement[] => {
    const { promotionId, code, discountAmount } = promotion
    const isNew = sql`NOT EXISTS (SELECT 1 FROM promotion_uses WHERE order_id = ${id} AND promotion_id = ${promotionId} AND given_back_at IS NULL)`
    return [
      ctx.db
        .update(promotions)
        .set({
          used: sql`used + 1`,
          discountedAmount: sql`discounted_amount + ${discountAmount}`,
        })
        .where(and(eq(promotions.id, promotionId as Id<"promotion">), isNew)),
      ...(code === null
        ? []
        : [
            ctx.db
              .update(promotionCodes)
              .set({ used: sql`used + 1` })
              .where(and(eq(promotionCodes.code, code), isNew)),
          ]),
      ...customerKeys({ userId, email }).map((customer) =>
        ctx.db
          .insert(promotionCustomers)
          .select(
            sql`SELECT id, ${customer}, usage_limit_per_customer, 1 FROM promotions WHERE id = ${promotionId} AND ${isNew}`,
          )
          .onConflictDoUpdate({
            target: [promotionCustomers.promotionId, promotionCustomers.customer],
            set: {
              used: sql`promotion_customers.used + 1`,
              usageLimit: sql`excluded.usage_limit`,
            },
          }),
      ),
      ctx.db
        .insert(promotionUses)
        .values({
          orderId: id,
          // NULL, which the column refuses, when the promotion was taken back meanwhile.
          promotionId: sql`(SELECT id FROM promotions WHERE id = ${promotionId})`,
          code,
          userId,
          email: email.toLowerCase(),
          discountAmount,
          createdAt: iso(ctx.now),
          givenBackAt: null,
        })
        .onConflictDoUpdate({
          target: [promotionUses.orderId, promotionUses.promotionId],
          set: { code, discountAmount, givenBackAt: null },
          setWhere: sql`promotion_uses.given_back_at IS NOT NULL`,
        }),
    ]
  })
}

/** What a broken constraint of `stageUse` means, for the commit it is part of. */
export const useRefusals = {
  promotions_uses_left: "coupon-used-up",
  promotion_codes_uses_left: "coupon-used-up",
  promotion_customers_uses_left: "coupon-used-up",
  "NOT NULL constraint failed: promotion_uses.promotion_id": "coupon-expired",
} as const

/** Gives back what an order has used of promotions, in the batch that cancels it. Again it is nothing. */
export function stageGiveBack(ctx: Ctx, orderId: Id<"order">): Statement[] {
  const open = sql`order_id = ${orderId} AND given_back_at IS NULL`
  return [
    ctx.db
      .update(promotions)
      .set({
        used: sql`used - 1`,
        discountedAmount: sql`discounted_amount - (SELECT discount_amount FROM promotion_uses WHERE order_id = ${orderId} AND promotion_id = promotions.id)`,
      })
      .where(sql`id IN (SELECT promotion_id FROM promotion_uses WHERE ${open})`),
    ctx.db
      .update(promotionCodes)
      .set({ used: sql`used - 1` })
      .where(sql`code IN (SELECT code FROM promotion_uses WHERE ${open} AND code IS NOT NULL)`),
    ctx.db
      .update(promotionCustomers)
      .set({ used: sql`used - 1` })
      .where(
        // An order has one customer: every pair of the two lists is a use of it.
        sql`promotion_id IN (SELECT promotion_id FROM promotion_uses WHERE ${open}) AND customer IN (SELECT user_id FROM promotion_uses WHERE ${open} AND user_id IS NOT NULL UNION SELECT email FROM promotion_uses WHERE ${open})`,
      ),
    ctx.db
      .update(promotionUses)
      .set({ givenBackAt: iso(ctx.now) })
      .where(and(eq(promotionUses.orderId, orderId), isNull(promotionUses.givenBackAt))),
  ]
}

/** Takes who used what out of the counts, when an account is erased; the orders' own uses stay, without a name. */
export function stageErase(ctx: Ctx, userId: Id<"user">, email: string): Statement[] {
  return [
    ctx.db
      .update(promotionUses)
      .set({ userId: null, email: "" })
      .where(sql`order_id IN (SELECT id FROM orders WHERE user_id = ${userId})`),
    ctx.db.delete(promotionCustomers).where(sql`customer IN (${userId}, ${email.toLowerCase()})`),
  ]
}
