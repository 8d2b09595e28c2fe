import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { type AppliedPromotion } from "#modules/cart/quote.ts"
import { findSellables } from "#modules/catalog/sellables.ts"
import * as manage from "#modules/promotions/manage.ts"
import { NewPromotion, type Promotion } from "#modules/promotions/model.ts"
import * as promotions from "#modules/promotions/promotions.ts"
import * as methods from "#modules/shipping/methods.ts"
import { NewShippingMethod, NewShippingZone, type ShippingMethod } from "#modules/shipping/model.ts"
import * as zones from "#modules/shipping/zones.ts"
import { NewTaxRate } from "#modules/tax/model.ts"
import * as rates from "#modules/tax/rates.ts"
import { commit } from "#platform/commit.ts"

import { ctx } from "./ctx.ts"
import * as make from "./make.ts"
import { orderId } from "./shop.ts"

/** A promotion: TEN, ten percent off, unless said otherwise. */
export function promotion(over: Record<string, unknown> = {}): Promise<Promotion> {
  const input = {
    name: "Ten percent",
    ...(over["automatic"] === undefined && { code: "TEN" }),
    action: { type: "percentage", percentage: 10 },
    ...over,
  }
  return manage.create(ctx({ as: make.staff }), NewPromotion.parse(input))
}

/** A tax rate: 20 % in Great Britain, unless said otherwise. */
export function taxRate(over: Record<string, unknown> = {}) {
  const input = { name: "VAT", country: "GB", rate: 20, ...over }
  return rates.create(ctx({ as: make.staff }), NewTaxRate.parse(input))
}

/** A shipping method of a zone of its own: 5.00 to Great Britain, unless said otherwise. */
export async function shippingMethod(
  over: Record<string, unknown> = {},
  areas: unknown[] = [{ country: "GB" }],
): Promise<ShippingMethod> {
  const as = ctx({ as: make.staff })
  const zone = await zones.create(as, NewShippingZone.parse({ name: "Zone", areas }))
  const input = { zone: zone.id, name: "Standard", type: "flat", price: 5, ...over }
  return methods.create(as, NewShippingMethod.parse(input))
}

/** What the quote of an order says of a promotion that took 1.00 off it. */
export function applied({ id, code, name }: Promotion, by = code): AppliedPromotion {
  return { promotionId: id, code: by, name, discountAmount: 100 }
}

/** Commits that an order uses promotions, as its batch would. Answers the order's id. */
export async function use(
  uses: readonly AppliedPromotion[],
  who: { userId?: Id<"user"> | null; email?: string } = {},
  as: Ctx = ctx(),
): Promise<Id<"order">> {
  const id = orderId()
  const order = { id, userId: who.userId ?? null, email: who.email ?? `${id}@nexus.test` }
  await commit(as, promotions.stageUse(as, order, uses), { refusals: promotions.useRefusals })
  return id
}

/** Products as lines to be priced. */
export async function things(...wanted: { id: string; quantity?: number }[]) {
  const found = await findSellables(
    ctx(),
    wanted.map(({ id }) => id),
  )
  return wanted.map(({ id, quantity = 1 }) => {
    const one = found.get(id)
    if (!one) throw new Error(`no ${id}`)
    return { ...one, quantity }
  })
}
