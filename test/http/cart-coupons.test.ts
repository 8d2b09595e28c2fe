import { describe, expect, it } from "vitest"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { fieldsOf, roundTrips, rows, tally } from "../support/shop.ts"

/** A promotion with this code: ten percent off unless said otherwise. */
async function promotion(code: string, over: Record<string, unknown> = {}): Promise<void> {
  const { status } = await call("POST", "admin/promotions", {
    as: await make.user("staff"),
    body: {
      name: `The ${code}`,
      code,
      action: { type: "percentage", percentage: "10" },
      ...over,
    },
  })
  expect(status).toBe(201)
}

/** A customer with two rakes of 12.50 in the cart. */
async function shopper() {
  const as = await make.user()
  const product = await make.product({ name: "Rake", price: "12.50", stock_quantity: 50 })
  const body = { product_id: product.id, quantity: 2 }
  const { body: cart } = await call("POST", "cart/items", { as, body })
  const give = (code: unknown) => call("POST", "cart/coupons", { as, body: { code } })
  return { as, product, line: cart.item_id as string, give }
}

describe("a code", () => {
  it("takes off what it takes off, in whatever letters, once", async () => {
    await promotion("WELCOME10")
    const { as, give } = await shopper()
    const given = await give(" welcome10 ")
    expect(given).toMatchObject({
      status: 200,
      body: {
        subtotal: "25.00",
        discount: "2.50",
        total: "22.50",
        total_amount: "22.50",
        coupons: [{ code: "WELCOME10", name: "The WELCOME10", discount: "2.50" }],
        warnings: [],
      },
    })
    expect(given.body.explain.map(({ kind, amount }: any) => [kind, amount])).toEqual(
      expect.arrayContaining([
        ["line", "25.00"],
        ["promotion", "-2.50"],
        ["total", "22.50"],
      ]),
    )
    expect((await give("WELCOME10")).body.coupons).toEqual(given.body.coupons)
    expect((await call("GET", "cart/total", { as })).body.total).toBe("22.50")
    expect((await call("GET", "cart/summary", { as })).body.total_amount).toBe("22.50")
  })

  it("is taken off again, in whatever letters", async () => {
    await promotion("WELCOME10")
    const { as, give } = await shopper()
    await give("WELCOME10")
    expect((await call("DELETE", "cart/coupons/welcome10", { as })).status).toBe(204)
    expect((await call("DELETE", "cart/coupons/WELCOME10", { as })).status).toBe(404)
    expect((await call("GET", "cart", { as })).body).toMatchObject({
      coupons: [],
      discount: "0.00",
    })
  })

  it.each([
    ["unknown", 400, "coupon-unknown", undefined],
    ["expired", 409, "coupon-expired", { ends_at: "2020-01-01T00:00:00.000Z", starts_at: null }],
    [
      "minimum-spend",
      409,
      "coupon-not-applicable",
      { conditions: [{ type: "minimum_spend", amount: "100.00" }] },
    ],
  ])("that is refused for %s is not kept", async (reason, status, code, over) => {
    if (over) await promotion("SOME10", over)
    const { as, give } = await shopper()
    expect(await give("SOME10")).toMatchObject({ status, body: { code, reason } })
    expect((await call("GET", "cart", { as })).body).toMatchObject({ coupons: [], warnings: [] })
  })

  it("that stops holding stays, takes nothing off, and is warned of", async () => {
    await promotion("BIG10", { conditions: [{ type: "minimum_spend", amount: "20.00" }] })
    const { as, give, line } = await shopper()
    await give("BIG10")
    const less = await call("PATCH", `cart/items/${line}`, { as, body: { quantity: 1 } })
    expect(less.body).toMatchObject({
      total: "12.50",
      coupons: [{ code: "BIG10", name: null, discount: "0.00" }],
      warnings: [{ code: "coupon-refused", item_id: null, coupon: "BIG10" }],
    })
    const more = await call("PATCH", `cart/items/${line}`, { as, body: { quantity: 2 } })
    expect(more.body).toMatchObject({ total: "22.50", warnings: [] })
  })

  it("that only an address can judge is kept until there is one", async () => {
    await promotion("KENYA10", { conditions: [{ type: "countries", countries: ["KE"] }] })
    await promotion("SHIPFREE", { action: { type: "free_shipping" } })
    const { give } = await shopper()
    expect((await give("KENYA10")).status).toBe(200)
    expect((await give("SHIPFREE")).body.coupons).toMatchObject([
      { code: "KENYA10" },
      { code: "SHIPFREE" },
    ])
  })

  it("needs something to take it off", async () => {
    await promotion("WELCOME10")
    const as = await make.user()
    const refused = await call("POST", "cart/coupons", { as, body: { code: "WELCOME10" } })
    expect(refused).toMatchObject({ status: 400, body: { code: "cart-empty" } })
    expect(await rows("SELECT id FROM carts")).toEqual([])
  })

  it("is text", async () => {
    const { give } = await shopper()
    for (const code of ["", " ", 5, null, {}, "x".repeat(65)])
      expect(fieldsOf(await give(code))).toEqual(["code"])
  })
})

it("a cart carries five codes, however many are given at once", async () => {
  const codes = Array.from({ length: 8 }, (_, n) => `CODE-${n}`)
  for (const code of codes) await promotion(code)
  const { as, give } = await shopper()
  const answers = await Promise.all(codes.map(give))
  expect(tally(answers)).toEqual({ "200": 5, "400 invalid-input": 3 })
  expect((await call("GET", "cart", { as })).body.coupons).toHaveLength(5)
})

it("ten who give the same code at once give it once", async () => {
  await promotion("WELCOME10")
  const { as, give } = await shopper()
  const answers = await Promise.all(Array.from({ length: 10 }, () => give("welcome10")))
  expect(tally(answers)).toEqual({ "200": 10 })
  expect((await call("GET", "cart", { as })).body.coupons).toMatchObject([{ code: "WELCOME10" }])
})

it("an emptied cart has no codes any more", async () => {
  await promotion("WELCOME10")
  const { as, give, product } = await shopper()
  await give("WELCOME10")
  await call("DELETE", "cart", { as })
  const { body } = await call("POST", "cart/items", { as, body: { product_id: product.id } })
  expect(body.coupons).toEqual([])
})

it("looking into a priced cart is two round trips", async () => {
  const { as } = await shopper()
  expect(roundTrips(await call("GET", "cart", { as }))).toBe(2)
})
