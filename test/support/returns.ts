import { env } from "cloudflare:workers"
import { expect } from "vitest"

import { type Answer, call } from "./api.ts"
import * as make from "./make.ts"
import { deliverAll, move, order } from "./shop.ts"

type Signed = { access: string }

/** An order that was paid by invoice and has arrived: everything in it was sent. */
export async function delivered(
  items: { product_id: string; quantity: number }[],
  { customer, staff, paid = true }: { customer?: Signed; staff: Signed; paid?: boolean },
): Promise<Answer["body"]> {
  const { body } = await order(items, customer)
  if (paid) {
    const path = `payments/${body.payment.id}/mark-paid`
    expect((await call("POST", path, { as: staff })).status).toBe(200)
    await deliverAll()
  }
  await move(body.id, staff, "confirmed", "processing", "shipped", "delivered")
  await env.DB.prepare("UPDATE order_lines SET fulfilled_quantity = quantity WHERE order_id = ?")
    .bind(body.id)
    .run()
  return body
}

/** Asks to send lines of an order back: the quantities in their order, 0 for none. */
export function ask(placed: Answer["body"], quantities: number[], as: Signed): Promise<Answer> {
  return call("POST", `orders/${placed.id}/returns`, {
    as,
    body: {
      lines: quantities.flatMap((quantity, index) =>
        quantity === 0 ? [] : [{ line_id: placed.items[index].id, quantity }],
      ),
      reason: "no_longer_wanted",
    },
  })
}

/** A staff member's word on a return. */
export function decide(
  ref: string,
  what: "approve" | "reject" | "receive" | "close",
  as: Signed,
  body: unknown = {},
): Promise<Answer> {
  return call("POST", `admin/returns/${ref}/${what}`, { as, body })
}

/** A customer, a member of the staff and a product of 10.00. */
export async function people() {
  const [customer, staff] = [await make.user(), await make.user("staff")]
  const cap = await make.product({ name: "Cap", price: "10.00", stock_quantity: 9 })
  return { customer, staff, cap }
}
