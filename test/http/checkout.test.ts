import { describe, expect, it, vi } from "vitest"

import { call } from "../support/api.ts"
import { standUp } from "../support/gateways/fake-fetch.ts"
import * as make from "../support/make.ts"
import { address, countOf, order, rows, settleAll, stockOf, tally } from "../support/shop.ts"
import { expectProblem } from "../support/wire.ts"

/** A code for so much off, in percent. */
async function coupon(percentage: string, over: Record<string, unknown> = {}) {
  const staff = await make.user("staff")
  const answer = await call("POST", "admin/promotions", {
    as: staff,
    body: { name: "Off", code: "OFF", action: { type: "percentage", percentage }, ...over },
  })
  expect(answer.status).toBe(201)
}

/** A way to send things to Great Britain for 5.00, and one for 9.00. */
async function shipping() {
  const staff = await make.user("staff")
  const zone = await call("POST", "admin/shipping/zones", {
    as: staff,
    body: { name: "GB", areas: [{ country: "GB" }] },
  })
  const add = async (name: string, price: string) => {
    const body = { zone: zone.body.id, name, type: "flat", price, min_days: 2, max_days: 4 }
    return (await call("POST", "admin/shipping/methods", { as: staff, body })).body.id as string
  }
  return { standard: await add("Standard", "5.00"), express: await add("Express", "9.00") }
}

/** A customer with two of a product of 10.00 in the cart. */
async function shopper(over: Record<string, unknown> = {}) {
  const [customer, product] = [
    await make.user(),
    await make.product({ name: "Rake", stock_quantity: 5, ...over }),
  ]
  const body = { product_id: product.id, quantity: 2 }
  const added = await call("POST", "cart/items", { as: customer, body })
  return { customer, product, line: added.body.item_id as string }
}

const codesOf = (answer: { body: any }) =>
  answer.body.errors.map(({ field, code }: any) => [field, code])

describe("validating", () => {
  it("a cart that can be ordered says so, without a body", async () => {
    const { customer, product } = await shopper()
    const answer = await call("POST", "checkout/validate", { as: customer })
    expect(answer).toMatchObject({
      status: 200,
      body: {
        valid: true,
        errors: [],
        item_count: 2,
        total_amount: "20.00",
        currency: "USD",
        valid_items: [
          {
            product_id: product.id,
            product_name: "Rake",
            quantity: 2,
            unit_price: "10.00",
            total_price: "20.00",
          },
        ],
      },
    })
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
    const old = await call("POST", "/api/checkout/validate/", { as: customer })
    expect(old.status).toBe(200)
  })

  it("an empty cart is refused", async () => {
    const answer = await call("POST", "checkout/validate", { as: await make.user() })
    expectProblem(answer, 400, "checkout-invalid")
    expect(answer.body).toMatchObject({ valid: false, detail: "Cart is empty", item_count: 0 })
  })

  it("names everything that stands in the way, at once", async () => {
    const { customer, product, line } = await shopper({ purchase_limit: 1 })
    const gone = await make.product({ name: "Spade" })
    await call("POST", "cart/items", { as: customer, body: { product_id: gone.id } })
    const staff = await make.user("staff")
    await call("PATCH", `products/${product.id}`, { as: staff, body: { price: "11.00" } })
    await call("POST", `admin/inventory/${product.id}/adjust`, {
      as: staff,
      body: { set: 1, reason: "correction" },
    })
    await call("PATCH", `products/${gone.id}`, { as: staff, body: { status: "archived" } })
    const answer = await call("POST", "checkout/validate", {
      as: customer,
      body: {
        shipping_address: "adr_none",
        payment_method: "paypal",
        coupon_codes: ["NOPE"],
      },
    })
    expectProblem(answer, 400, "checkout-invalid")
    expect(codesOf(answer)).toEqual([
      ["items.0", "out-of-stock"],
      ["items.0", "price-changed"],
      ["items.1", "product-unavailable"],
      ["items.0", "purchase-limit-reached"],
      ["shipping_address", "unknown"],
      ["payment_method", "payment-method-unavailable"],
      ["coupon_codes", "unknown"],
    ])
    expect(answer.body.errors[0]).toMatchObject({
      available: 1,
      item_id: line,
      pointer: "/items/0",
    })
    expect(answer.body).toMatchObject({ valid: false, valid_items: [], item_count: 3 })
    expect(await countOf("orders")).toBe(0)
  })

  it("looks at items too, for guests, and at the place they go to", async () => {
    const { standard } = await shipping()
    const product = await make.product()
    const items = [{ product_id: product.id, quantity: 1 }]
    const check = (body: Record<string, unknown>) =>
      call("POST", "checkout/validate", { body: { items, ...body } })
    expect(
      (await check({ shipping_address: address, shipping_method: standard })).body,
    ).toMatchObject({
      valid: true,
      total_amount: "15.00",
    })
    const abroad = await check({ shipping_address: { ...address, country: "FR" } })
    expect(codesOf(abroad)).toEqual([["shipping_method", "shipping-unavailable"]])
    const none = await check({ shipping_address: address, shipping_method: "shm_none" })
    expect(codesOf(none)).toEqual([["shipping_method", "unknown"]])
    const both = await check({
      shipping_address: address,
      shipping_method: "shm_none",
      coupon_codes: ["NOPE"],
      expected_total: "1.00",
    })
    expect(codesOf(both)).toEqual([
      ["shipping_method", "unknown"],
      ["coupon_codes", "unknown"],
    ])
    expect(both.body.total_amount).toBe("10.00")
    const unknown = await call("POST", "checkout/validate", {
      body: { items: [{ product_id: "nothing", quantity: 1 }] },
    })
    expect(codesOf(unknown)).toEqual([["items.0.product_id", "unknown"]])
  })
})

describe("a quote", () => {
  it("says what an order would cost, how it comes about, and how it can be sent", async () => {
    const { standard, express } = await shipping()
    await coupon("10")
    const { customer } = await shopper()
    const answer = await call("POST", "checkout/quote", {
      as: customer,
      body: { shipping_address: address, coupon_codes: ["off"], shipping_method: express },
    })
    expect(answer).toMatchObject({
      status: 200,
      body: {
        subtotal: "20.00",
        discount: "2.00",
        shipping_cost: "9.00",
        tax: "0.00",
        total: "27.00",
        shipping_method: { id: express, name: "Express" },
        shipping_options: [
          { id: standard, price: "5.00", min_days: 2, max_days: 4 },
          { id: express, price: "9.00" },
        ],
        promotions: [{ code: "OFF", name: "Off", discount: "2.00" }],
        refused_codes: [],
      },
    })
    expect(answer.body.explain.map(({ kind, amount }: any) => [kind, amount])).toEqual([
      ["line", "20.00"],
      ["promotion", "-2.00"],
      ["shipping", "9.00"],
      ["total", "27.00"],
    ])
    const placed = await order(undefined, customer, {
      coupon_codes: ["OFF"],
      shipping_method: express,
      expected_total: "27.00",
    })
    expect(placed).toMatchObject({
      status: 201,
      body: {
        total: "27.00",
        discount: "2.00",
        shipping_cost: "9.00",
        payment: { amount: "27.00" },
      },
    })
  })

  it("of nothing is refused", async () => {
    const answer = await call("POST", "checkout/quote", { as: await make.user() })
    expectProblem(answer, 400, "cart-empty")
  })
})

describe("an order", () => {
  it("at another total than was seen is refused, and takes nothing", async () => {
    const { customer, product } = await shopper()
    const refused = await order(undefined, customer, { expected_total: "19.99" })
    expectProblem(refused, 409, "price-changed")
    expect(refused.body.total).toBe("20.00")
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
    expect((await order(undefined, customer, { expected_total: 20 })).status).toBe(201)
  })

  it("takes the codes that are on the cart, and none that does nothing", async () => {
    await coupon("50")
    const { customer, product } = await shopper()
    expect(
      (await call("POST", "cart/coupons", { as: customer, body: { code: "off" } })).status,
    ).toBe(200)
    expectProblem(
      await order(undefined, customer, { coupon_codes: ["NOPE"] }),
      400,
      "coupon-unknown",
    )
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
    const placed = await order(undefined, customer)
    expect(placed).toMatchObject({ status: 201, body: { total: "10.00", discount: "10.00" } })
  })

  it("of which everything is off costs nothing: it is paid, and no gateway is asked", async () => {
    const gateway = standUp()
    await coupon("100")
    const { customer, product } = await shopper()
    const placed = await order(undefined, customer, {
      coupon_codes: ["OFF"],
      payment_method: "fake",
    })
    expect(placed).toMatchObject({
      status: 201,
      body: { payment_status: "paid", total: "0.00", payment: null },
    })
    await settleAll()
    expect((await stockOf(product.id)).onHand).toBe(3)
    expect(gateway.asked).toEqual([])
  })

  it("by a gateway that is off, or a card without one, is refused and takes nothing", async () => {
    const { customer, product } = await shopper()
    for (const payment_method of [
      "stripe",
      "paypal",
      "square",
      "card",
      "credit_card",
      "debit_card",
    ]) {
      const refused = await order(undefined, customer, { payment_method })
      expectProblem(refused, 400, "payment-method-unavailable")
      expect(refused.body.offered).toEqual(["manual", "cod", "fake"])
    }
    expectProblem(
      await order(undefined, customer, { payment_method: "bitcoin" }),
      400,
      "invalid-input",
    )
    expect(await stockOf(product.id)).toEqual({ onHand: 5, held: 0, available: 5 })
    const placed = await order(undefined, customer, { payment_method: "cash_on_delivery" })
    expect(placed.body.payment_method).toBe("cod")
  })
})

describe("a product that is limited for each customer", () => {
  it("is had by one customer up to the limit, however many orders come at once", async () => {
    const product = await make.product({ stock_quantity: 90, purchase_limit: 3 })
    const customer = await make.user()
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        order([{ product_id: product.id, quantity: 1 }], customer, { email: `x${n}@example.com` }),
      ),
    )
    expect(tally(answers)).toEqual({ "201": 3, "409 purchase-limit-reached": 9 })
    expect(await stockOf(product.id)).toEqual({ onHand: 87, held: 0, available: 87 })
    const another = await order([{ product_id: product.id, quantity: 3 }], await make.user())
    expect(another.status).toBe(201)
    const tooMany = await order([{ product_id: product.id, quantity: 4 }], await make.user())
    expectProblem(tooMany, 409, "purchase-limit-reached")
  })

  it("counts a guest by their address, in any letter case", async () => {
    const product = await make.product({ purchase_limit: 1 })
    const items = [{ product_id: product.id, quantity: 1 }]
    expect((await order(items, undefined, { email: "Ada@example.com" })).status).toBe(201)
    expectProblem(
      await order(items, undefined, { email: "ada@EXAMPLE.com" }),
      409,
      "purchase-limit-reached",
    )
    expect((await order(items, undefined, { email: "bob@example.com" })).status).toBe(201)
  })

  it("may be had again once the order is cancelled, once", async () => {
    const product = await make.product({ stock_quantity: 9, purchase_limit: 2 })
    const customer = await make.user()
    const buy = (quantity: number) => order([{ product_id: product.id, quantity }], customer)
    const { body } = await buy(2)
    expectProblem(await buy(1), 409, "purchase-limit-reached")
    await Promise.all(
      Array.from({ length: 4 }, () => call("POST", `orders/${body.id}/cancel`, { as: customer })),
    )
    await settleAll()
    await settleAll()
    expect((await buy(2)).status).toBe(201)
    expectProblem(await buy(1), 409, "purchase-limit-reached")
    expect(await rows("SELECT quantity, most FROM purchase_counts")).toEqual([
      { quantity: 2, most: 2 },
    ])
  })

  it("whose limit came down lets nobody have more", async () => {
    const product = await make.product({ stock_quantity: 9, purchase_limit: 5 })
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const buy = () => order([{ product_id: product.id, quantity: 3 }], customer)
    const { body } = await buy()
    await call("PATCH", `products/${product.id}`, { as: staff, body: { purchase_limit: 2 } })
    expectProblem(await buy(), 409, "purchase-limit-reached")
    await call("POST", `orders/${body.id}/cancel`, { as: customer })
    await settleAll()
    await call("PATCH", `products/${product.id}`, { as: staff, body: { purchase_limit: null } })
    expect((await buy()).status).toBe(201)
  })
})

it("of three hundred orders at once with a code for twenty-five exactly twenty-five carry it", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {})
  await coupon("10", { usage_limit: 25 })
  const product = await make.product({ stock_quantity: 1000 })
  const buyers = await Promise.all(Array.from({ length: 10 }, () => make.user()))
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, n) =>
      order([{ product_id: product.id, quantity: 1 }], buyers[n % 10], { coupon_codes: ["OFF"] }),
    ),
  )
  expect(tally(answers)).toEqual({ "201": 25, "409 coupon-used-up": 275 })
  expect(await rows("SELECT discount_amount, count(*) AS n FROM orders GROUP BY 1")).toEqual([
    { discount_amount: 100, n: 25 },
  ])
  expect(await stockOf(product.id)).toEqual({ onHand: 975, held: 0, available: 975 })
})
