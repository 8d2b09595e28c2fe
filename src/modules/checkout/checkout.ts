import { requireScope } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, type ErrorCode } from "#errors.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { randomToken } from "#lib/secret.ts"
import { secondsAfter } from "#lib/time.ts"
import * as carts from "#modules/cart/cart.ts"
import { stageStock } from "#modules/catalog/projection.ts"
import { refuseUnlessOnSale } from "#modules/catalog/sellables.ts"
import { tendered } from "#modules/credit/entry.ts"
import { fundsIn, readPurse, requireTenders } from "#modules/credit/funds.ts"
import * as inventory from "#modules/inventory/inventory.ts"
import * as changes from "#modules/orders/changes.ts"
import * as orders from "#modules/orders/orders.ts"
import { awaitsGateway } from "#modules/orders/payment.ts"
import { start } from "#modules/payments/asking.ts"
import { toStart } from "#modules/payments/lists.ts"
import * as payments from "#modules/payments/payments.ts"
import * as promotions from "#modules/promotions/promotions.ts"
import { commit } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import { countedEmail, draftOf, knownOf, priceOf, requireAsSeen } from "./draft.ts"
import { giveBack, limitRefusals, stagePurchases } from "./limits.ts"
import type { Placed, PlaceOrder } from "./model.ts"
import { stockLost } from "./paid.ts"
import { payingOf } from "./tenders.ts"
import { methodOf, readWanted, requireLines, type Wanted } from "./wanted.ts"

/** Longer than any recovery of a crashed order takes: `order.placed` is delivered again after half a minute. */
const holdSeconds = 1800
/** What an order that waits for its payment is held beyond that: the sweep that ends it comes every minute, or so. */
const graceSeconds = 900

/** What is written with an order, in its batch, beside what every order is made of, and what of it is agreed already. */
export type Beside = {
  /** The hash of the token that opens it, where that is another guest's than the caller. */
  tokenHash?: string | null
  /** What one of each variant costs, in minor units of the shop's currency, whatever the catalogue says. */
  unitAmounts?: ReadonlyMap<Id<"variant">, number>
  /** Until when it waits for its gateway (ISO 8601), where that is longer than others do. Its stock is not held so long. */
  payBy?: string
  /** Asks for its payment in another way than `start`, as often as it may be asked for. */
  pay?: (payment: payments.PaymentRow) => Promise<payments.PaymentRow>
  events?: (placed: Placed) => readonly Event[]
  stage: (placed: Placed) => Promise<Statement[]>
  /** What the constraints of `stage` mean. */
  refusals: Record<string, ErrorCode | (() => DomainError)>
  /** What the request answers, whose part the order is. */
  result: (placed: Placed) => unknown
}

/**
 * Turns the cart, or the items given, into a pending, unpaid order (api.md 7.1). Prices are those of now; stock is
 * held, the order recorded, then the hold is sold, or, where a gateway is to be paid, kept until it is. Whatever dies
 * in between heals itself: holds lapse, `order.placed` finishes what was recorded, and a payment that was never
 * started can be started again, or its time runs out. Gift cards and store credit pay first, in the order's own batch;
 * an order that they cover is paid and confirmed with it.
 * An API key orders in its owner's name, and never a cart.
 * @throws `forbidden`, `cart-empty`, `cart-changed`, `cart-already-ordered`, `product-unavailable`, `out-of-stock`
 * with `items`, `payment-method-unavailable`, `purchase-limit-reached`, `coupon-unknown`, `coupon-expired`,
 * `coupon-used-up`, `coupon-not-applicable`, `shipping-unavailable`, `price-changed`, `rate-stale`,
 * `gift-card-not-valid`, `credit-changed`, `invalid-input` for unknown products and missing address or e-mail
 */
export async function place(ctx: Ctx, input: PlaceOrder, beside?: Beside): Promise<Placed> {
  requireScope(ctx, "orders:write")
  const method = methodOf(ctx, input.payment_method)
  if (input.coupon_codes.length > 0) await promotions.countTry(ctx)
  const wanted = agreed(await readWanted(ctx, input), beside?.unitAmounts)
  requireLines(wanted)
  for (const line of wanted.lines) refuseUnlessOnSale(line)
  const known = await knownOf(ctx, input, wanted, method)
  const [priced, purse] = await Promise.all([
    priceOf(ctx, input, wanted, known),
    readPurse(ctx, input),
  ])
  requireAsSeen(input.expected_total, priced)
  const tenders = requireTenders(fundsIn(ctx, purse, priced.prices.currency), priced.totalAmount)
  const accessToken = ctx.actor.type === "guest" && !beside ? randomToken() : undefined
  const credit = tendered(tenders)
  const draft = await draftOf(ctx, input, wanted, known, priced, credit, accessToken)
  const order = {
    ...draft.order,
    ...(beside?.tokenHash && { tokenHash: beside.tokenHash }),
    ...(beside?.payBy && draft.order.payBy !== null && { payBy: beside.payBy }),
  }
  const paying = payingOf(ctx, { ...draft, order }, tenders, input.return_url)
  const payment = paying.rest
  const products = inventory.byProduct(wanted.lines)
  const placed = paying.move ?? { order, lines: draft.lines }
  const result: Placed = {
    ...orders.toOrder(placed.order, placed.lines),
    ...(paying.tenders.length > 0 && { tenders: paying.tenders }),
    payment: payment ? toStart(payment) : null,
    ...(accessToken !== undefined && { access_token: accessToken }),
  }

  const waits = awaitsGateway(order)
  const ttl = waits ? ctx.config.payments.pendingOrderTtlSeconds + graceSeconds : holdSeconds
  const left = await inventory.reserve(ctx, order.id, products, secondsAfter(ctx.now, ttl))
  try {
    await commit(
      ctx,
      [
        ...(await changes.stage(ctx, { ...draft, order }, paying.move?.steps)),
        ...(paying.move?.statements ?? []),
        ...((await beside?.stage(result)) ?? []),
        ...paying.statements,
        ...promotions.stageUse(ctx, order, priced.promotions),
        ...(await stagePurchases(ctx, order.id, countedEmail(ctx, wanted, known), wanted.lines)),
        ...(wanted.cart ? carts.stageClose(ctx, wanted.cart.id, wanted.cart.version) : []),
        ...[...left].flatMap(([productId, snapshot]) => stageStock(ctx, productId, snapshot)),
      ],
      {
        events: [
          { type: "order.placed", orderId: order.id },
          ...(paying.move?.events ?? []),
          ...(beside?.events?.(result) ?? []),
        ],
        refusals: {
          ...changes.placeRefusals,
          ...payments.startRefusals,
          ...carts.closeRefusals,
          ...limitRefusals,
          ...promotions.useRefusals,
          ...beside?.refusals,
        },
        result: beside ? beside.result(result) : result,
      },
    )
  } catch (error) {
    if (error instanceof DomainError || !(await stands(ctx, order.id))) {
      await inventory.release(ctx, order.id, products)
      throw error
    }
  }
  if (waits && payment) {
    const pay = beside?.pay ?? ((one) => start(ctx, one))
    return { ...result, payment: toStart(await pay(payment)) }
  }
  await inventory
    .settle(ctx, order.id, products)
    .catch((error) => ctx.log.error("sale left to the event", error, { order_id: order.id }))
  return result
}

/** What is wanted, at the prices that were agreed for it. */
function agreed(wanted: Wanted, unitAmounts: Beside["unitAmounts"]): Wanted {
  if (!unitAmounts) return wanted
  const lines = wanted.lines.map((line) => ({
    ...line,
    unitAmount: unitAmounts.get(line.variantId) ?? line.unitAmount,
  }))
  return { ...wanted, lines }
}

/**
 * Whether an order stands although the answer of its commit was lost. @throws `unavailable` when that cannot be told:
 * the hold is left to the event, if the order stands, or to lapse
 */
async function stands(ctx: Ctx, id: Id<"order">): Promise<boolean> {
  try {
    return await orders.exists(ctx, id)
  } catch (error) {
    ctx.log.error("commit in doubt", error, { order_id: id })
    throw new DomainError(
      "unavailable",
      "Whether the order was placed is not known yet: send it again with the same Idempotency-Key, or look at your orders",
    )
  }
}

/**
 * Makes sure that an order that was placed is sold, unless it waits for a gateway to be paid, and that a cancelled
 * one is not and counts for nothing. A hold that lapsed meanwhile is taken anew; if the stock is gone, the order is
 * cancelled. Idempotent.
 */
export async function finish(
  ctx: Ctx,
  event: Extract<Event, { type: "order.placed" | "order.cancelled" }>,
): Promise<void> {
  const found = await orders.find(ctx, event.orderId)
  if (!found) return
  const { order, lines } = found
  if (order.status === "cancelled") {
    await inventory.giveBack(ctx, order.id, orders.productsOf(lines))
    return giveBack(ctx, order.id)
  }
  if (awaitsGateway(order)) return
  const missing = await inventory.settle(ctx, order.id, inventory.byProduct(lines))
  if (missing.length > 0) await stockLost(ctx, order.id)
}
