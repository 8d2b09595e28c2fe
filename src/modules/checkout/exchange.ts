import type { Actor } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { fromDecimal, toDecimal } from "#lib/money.ts"
import type { Opened } from "#modules/orders/orders.ts"
import * as decisions from "#modules/orders/return-decisions.ts"
import { shareOf } from "#modules/orders/return-shares.ts"
import type { Return } from "#modules/orders/returns-model.ts"
import * as returns from "#modules/orders/returns.ts"
import { retryRaced } from "#platform/commit.ts"

import * as checkout from "./checkout.ts"
import type { Exchange, NewExchange } from "./exchange-model.ts"
import { type Placed, PlaceOrder } from "./model.ts"

/**
 * Orders something else for the customer of an approved return, at the prices of now, bound to the return in the batch
 * of the order: of a return there is one. The return's own money goes back by itself when it is received; `difference`
 * says what the two come to.
 * @throws `forbidden`, `not-found`, `illegal-transition`, `already-exchanged`, and what `checkout.place` throws
 */
export async function exchange(ctx: Ctx, ref: string, input: NewExchange): Promise<Exchange> {
  return retryRaced(async () => {
    const { returned, opened, stage } = await decisions.openForExchange(ctx, ref)
    const { order } = opened
    const credit = creditOf(returned, opened)
    let result: Exchange | undefined
    await checkout.place({ ...ctx, actor: customerOf(ctx, order.userId) }, termsOf(input, order), {
      tokenHash: order.tokenHash,
      stage: async (placed) => {
        // In the staff's name: it is they who bind the two.
        const bound = await stage(placed.id)
        result = toExchange(bound.result, placed, credit, order.currency)
        return bound.statements
      },
      refusals: returns.stepRefusals,
      result: () => result,
    })
    if (!result) throw new Error("an order was placed without what binds it")
    return result
  })
}

function termsOf(input: NewExchange, order: Opened["order"]): PlaceOrder {
  const { shippingAddress, billingAddress } = order
  const read = PlaceOrder.safeParse({
    ...input,
    email: order.email,
    ...(shippingAddress && { shipping_address: shippingAddress }),
    ...(billingAddress ? { billing_address: billingAddress } : { use_shipping_as_billing: false }),
  })
  const isOwn = order.baseCurrency === null
  if (read.success) return { ...read.data, ...(!isOwn && { currency: order.currency }) }
  throw invalid(
    ...read.error.issues.map((issue) => ({
      field: issue.path.join("."),
      detail: issue.message,
      code: "invalid",
    })),
  )
}

/** The customer as who orders: prices and limits are theirs. A guest's order stays a guest's. */
function customerOf({ actor }: Ctx, userId: Id<"user"> | null): Actor {
  if (userId === null || actor.type !== "user") return { type: "guest" }
  return { ...actor, id: userId, role: "customer" }
}

/** What a return gave back, or will for what was asked. Minor units. */
function creditOf({ row, lines }: returns.Whole, { lines: ordered }: Opened): number {
  if (row.receivedAt !== null) return row.refundAmount
  return lines.reduce((sum, { orderLineId, quantity }) => {
    const line = ordered.find(({ id }) => id === orderLineId)
    return sum + (line ? shareOf(line, quantity) : 0)
  }, 0)
}

function toExchange(bound: Return, placed: Placed, credit: number, currency: string): Exchange {
  const { payment: _payment, access_token: _token, tenders: _tenders, ...order } = placed
  // Of two currencies there is no difference to tell.
  const total = placed.currency === currency ? (fromDecimal(placed.total, currency) ?? 0) : 0
  return {
    return: bound,
    order,
    currency,
    credit: toDecimal(credit, currency),
    difference: toDecimal(Math.max(0, total - credit), currency),
    in_favour: toDecimal(Math.max(0, credit - total), currency),
  }
}
