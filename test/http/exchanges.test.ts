import { describe, expect, it } from "vitest"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { ask, decide, delivered, people } from "../support/returns.ts"
import { countOf, deliverAll, fieldsOf, rows, stockOf, tally } from "../support/shop.ts"

async function approved() {
  const shop = await people()
  const placed = await delivered([{ product_id: shop.cap.id, quantity: 2 }], shop)
  const { body } = await ask(placed, [1], shop.customer)
  await decide(body.id, "approve", shop.staff)
  const hat = await make.product({ name: "Hat", price: "12.50", stock_quantity: 5 })
  return { ...shop, placed, returned: body, hat }
}

describe("an exchange", () => {
  it("is a return and an order of the same customer, bound to each other", async () => {
    const { customer, staff, placed, returned, hat } = await approved()
    const items = [{ product_id: hat.id, quantity: 1 }]
    const path = `admin/returns/${returned.return_number}/exchange`
    const made = await call("POST", path, { as: staff, body: { items } })
    expect(made).toMatchObject({
      status: 201,
      body: {
        return: { id: returned.id, status: "approved" },
        order: {
          user: customer.id,
          email: customer.email,
          status: "pending",
          total: "12.50",
          items: [{ name: "Hat", quantity: 1 }],
          shipping_address: placed.shipping_address,
        },
        credit: "10.00",
        difference: "2.50",
        in_favour: "0.00",
      },
    })
    expect(made.body.return.exchange_order).toBe(made.body.order.id)
    const own = await call("GET", `orders/${made.body.order.id}`, { as: customer })
    expect(own.status).toBe(200)
    expect((await stockOf(hat.id)).onHand).toBe(4)
    const received = await decide(returned.id, "receive", staff)
    expect(received.body).toMatchObject({
      status: "refunded",
      refund_amount: "10.00",
      exchange_order: made.body.order.id,
    })
    const [last] = await rows(
      "SELECT actor, note FROM order_changes WHERE order_id = ? AND note LIKE '%instead%'",
      placed.id,
    )
    expect(last).toMatchObject({ actor: staff.id })
  })

  it("many times at once sends one thing instead", async () => {
    const { staff, returned, hat } = await approved()
    const items = [{ product_id: hat.id, quantity: 1 }]
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() =>
        call("POST", `admin/returns/${returned.id}/exchange`, { as: staff, body: { items } }),
      ),
    )
    expect(tally(answers)).toEqual({ "201": 1, "409 already-exchanged": 3 })
    await deliverAll()
    expect(await countOf("orders")).toBe(2)
    expect(await stockOf(hat.id)).toEqual({ onHand: 4, held: 0, available: 4 })
  })

  it("of a guest's order is opened by the token of that order", async () => {
    const { staff, cap } = await people()
    const placed = await delivered([{ product_id: cap.id, quantity: 1 }], { staff })
    const { body } = await ask(placed, [1], staff)
    await decide(body.id, "approve", staff)
    const made = await call("POST", `admin/returns/${body.id}/exchange`, {
      as: staff,
      body: { items: [{ product_id: cap.id, quantity: 1 }] },
    })
    expect(made.status).toBe(201)
    expect(made.body.order.user).toBeNull()
    expect(JSON.stringify(made.body)).not.toContain("access_token")
    const headers = { "x-order-token": placed.access_token as string }
    expect((await call("GET", `orders/${made.body.order.id}`, { headers })).status).toBe(200)
  })

  it("is refused before the return is approved, without stock, and to customers", async () => {
    const { customer, staff, placed, hat, returned } = await approved()
    const { body } = await ask(placed, [1], customer)
    const items = [{ product_id: hat.id, quantity: 1 }]
    const go = (ref: string, over: unknown, as: { access: string }) =>
      call("POST", `admin/returns/${ref}/exchange`, { as, body: over })
    expect(await go(body.id, { items }, staff)).toMatchObject({
      status: 409,
      body: { code: "illegal-transition", from: "requested" },
    })
    expect((await go(returned.id, { items }, customer)).status).toBe(403)
    expect((await go("ret_none", { items }, staff)).status).toBe(404)
    const many = [{ product_id: hat.id, quantity: 99 }]
    expect((await go(returned.id, { items: many }, staff)).body.code).toBe("out-of-stock")
    expect(fieldsOf(await go(returned.id, { items: [] }, staff))).toEqual(["items"])
    expect(fieldsOf(await go(returned.id, {}, staff))).toEqual(["items"])
    expect(await countOf("orders")).toBe(1)
    expect((await go(returned.id, { items }, staff)).status).toBe(201)
  })
})
