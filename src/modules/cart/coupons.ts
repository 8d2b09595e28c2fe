import { and, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError, invalid, notFound } from "#errors.ts"
import { commit } from "#platform/commit.ts"

import { ownerOf } from "./merge.ts"
import { type Cart, couponsAtMost, type NewCoupon } from "./model.ts"
import { isOpen, touch } from "./owner.ts"
import { carts } from "./tables.ts"
import { priceCart, selectCart, selectLines, toCart, toLine } from "./view.ts"

/**
 * Puts a code on the cart. One that does nothing for this cart is not kept; one that stops doing something later is
 * warned of. The same code again changes nothing.
 * @throws `cart-empty`, `coupon-refused` with `reason`, `invalid-input` for the eleventh
 */
export async function add(ctx: Ctx, { code }: NewCoupon): Promise<Cart> {
  const owner = await ownerOf(ctx)
  const [cartRows, lineRows] = await ctx.db.batch(selectLines(ctx, owner))
  const [cart] = cartRows
  if (!cart || lineRows.length === 0) throw new DomainError("cart-empty", "Put something in first")
  if (!cart.coupons.includes(code)) {
    const codes = [...cart.coupons, code]
    const quote = await priceCart(ctx, owner, cart, lineRows.map(toLine), codes)
    const refused = quote.refused.find((one) => one.code.toUpperCase() === code)
    if (refused)
      throw new DomainError("coupon-refused", refused.detail, {
        code_refused: code,
        reason: refused.reason,
      })
  }
  const isThere = sql`EXISTS (SELECT 1 FROM json_each(carts.coupons) WHERE value = ${code})`
  const [kept, , ...rows] = await commit(
    ctx,
    [
      ctx.db
        .update(carts)
        .set({
          coupons: sql`CASE WHEN ${isThere} THEN coupons ELSE json_insert(coupons, '$[#]', ${code}) END`,
        })
        .where(
          and(isOpen(owner), sql`(${isThere} OR json_array_length(coupons) < ${couponsAtMost})`),
        )
        .returning({ id: carts.id }),
      touch(ctx, owner),
      ...selectCart(ctx, owner),
    ],
    { result: null },
  )
  if (kept.length === 0)
    throw invalid({
      field: "code",
      detail: `A cart carries at most ${couponsAtMost} codes.`,
      code: "too_many",
    })
  return toCart(ctx, owner, rows)
}

/** Takes a code off the cart. @throws `not-found` */
export async function remove(ctx: Ctx, ref: string): Promise<void> {
  const owner = await ownerOf(ctx)
  const code = ref.toUpperCase()
  const [gone] = await commit(
    ctx,
    [
      ctx.db
        .update(carts)
        .set({
          coupons: sql`(SELECT json_group_array(value) FROM json_each(carts.coupons) WHERE value <> ${code})`,
        })
        .where(
          and(
            isOpen(owner),
            sql`EXISTS (SELECT 1 FROM json_each(carts.coupons) WHERE value = ${code})`,
          ),
        )
        .returning({ id: carts.id }),
      touch(ctx, owner),
    ],
    { result: {} },
  )
  if (gone.length === 0) throw notFound("coupon on this cart")
}
