import { and, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError, invalid, notFound } from "#errors.ts"
import { couponError, countTry } from "#modules/promotions/promotions.ts"
import { codeKey, mostCodes } from "#modules/promotions/terms.ts"
import { commit } from "#platform/commit.ts"

import { ownerOf } from "./merge.ts"
import type { Cart, NewCoupon } from "./model.ts"
import { isOpen, touch } from "./owner.ts"
import type { RefusedCode } from "./quote.ts"
import { carts } from "./tables.ts"
import { priceCart, pricesOf, selectCart, selectLines, toCart, toLine } from "./view.ts"

/** Refusals that an address may lift: where it goes, and what sending it there costs, is not known of a cart. */
const open: readonly RefusedCode["reason"][] = ["destination", "no-effect"]

/**
 * Puts a code on the cart. One that cannot hold for what is in it is not kept; one that stops holding later is warned
 * of. The same code again changes nothing. Tries are counted.
 * @throws `cart-empty`, `coupon-unknown`, `coupon-expired`, `coupon-used-up`, `coupon-not-applicable` each with
 * `reason`, `rate-stale`, `invalid-input` beyond `mostCodes`, `rate-limited`
 */
export async function add(ctx: Ctx, input: NewCoupon): Promise<Cart> {
  const code = codeKey(input.code)
  await countTry(ctx)
  const owner = await ownerOf(ctx)
  const [cartRows, lineRows] = await ctx.db.batch(selectLines(ctx, owner))
  const [cart] = cartRows
  if (!cart || lineRows.length === 0) throw new DomainError("cart-empty", "Put something in first")
  if (!cart.coupons.includes(code)) {
    if (cart.coupons.length >= mostCodes) throw tooMany()
    const codes = [...cart.coupons, code]
    const lines = lineRows.map(toLine)
    const prices = await pricesOf(ctx, cart.currency, lines)
    const { refused } = await priceCart(ctx, owner, cart, lines, prices, codes)
    const refusal = refused.find((one) => one.code === code && !open.includes(one.reason))
    if (refusal) throw couponError(refusal)
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
        .where(and(isOpen(owner), sql`(${isThere} OR json_array_length(coupons) < ${mostCodes})`))
        .returning({ id: carts.id }),
      touch(ctx, owner),
      ...selectCart(ctx, owner),
    ],
    { result: null },
  )
  if (kept.length === 0) throw tooMany()
  return toCart(ctx, owner, rows)
}

/** Takes a code off the cart. @throws `not-found` */
export async function remove(ctx: Ctx, ref: string): Promise<void> {
  const owner = await ownerOf(ctx)
  const code = codeKey(ref)
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

function tooMany(): DomainError {
  return invalid({
    field: "code",
    detail: `A cart carries at most ${mostCodes} codes.`,
    code: "too_many",
  })
}
