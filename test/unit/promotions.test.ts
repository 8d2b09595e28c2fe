import { describe, expect, it } from "vitest"

import { quote } from "#modules/cart/quote.ts"
import { type Action, type Condition, converted } from "#modules/promotions/discount.ts"

import { discounts, item, promotion, sentFor, terms } from "../support/terms.ts"

const tenPercent: Action = { type: "percentage", basisPoints: 1000 }
const reasonOf = (
  action: Action,
  conditions: Condition[],
  items = [item("a")],
  over: Parameters<typeof terms>[0] = {},
) =>
  quote(items, terms({ ...over, promotions: [promotion(action, conditions)] })).refused.map(
    ({ reason }) => reason,
  )

describe("a percentage", () => {
  it("is rounded half to even once a line", () => {
    const items = [item("a", { unitAmount: 1005 }), item("b", { unitAmount: 1015 })]
    expect(discounts(items, terms({ promotions: [promotion(tenPercent)] }))).toEqual([100, 102])
  })

  it("is rounded as the store says: up, down, or once for the order and split", () => {
    const items = [item("a", { unitAmount: 1005 }), item("b", { unitAmount: 1015 })]
    const promotions = [promotion(tenPercent)]
    const by = (how: object) => discounts(items, terms({ promotions, how }))
    expect(by({ rounding: "half-up" })).toEqual([101, 102])
    expect(by({ rounding: "half-down" })).toEqual([100, 101])
    // 10 % of 20.20 is 2.02: 1.005 and 1.015, the rest of a cent to the larger remainder, the first of equals.
    expect(by({ level: "order" })).toEqual([101, 101])
  })

  it("never takes more than its maximum, split by what it took", () => {
    const promotions = [promotion({ ...tenPercent, maximumAmount: 100 })]
    const items = [item("a", { unitAmount: 3000 }), item("b", { unitAmount: 1000 })]
    expect(discounts(items, terms({ promotions }))).toEqual([75, 25])
  })
})

describe("a fixed amount", () => {
  it("is split over the lines by what they cost, to the unit", () => {
    const items = ["a", "b", "c"].map((id) => item(id))
    const promotions = [promotion({ type: "fixed_amount", amount: 1000, per: "order" })]
    expect(discounts(items, terms({ promotions }))).toEqual([334, 333, 333])
  })

  it("never makes anything cost less than nothing", () => {
    const promotions = [promotion({ type: "fixed_amount", amount: 5000, per: "order" })]
    expect(quote([item("a")], terms({ promotions }))).toMatchObject({
      discountAmount: 1000,
      totalAmount: 0,
      promotions: [{ code: "CODE", discountAmount: 1000 }],
    })
  })

  it("off each item counts every unit, up to its price", () => {
    const promotions = [promotion({ type: "fixed_amount", amount: 300, per: "item" })]
    const items = [item("a", { quantity: 3 }), item("b", { unitAmount: 200, quantity: 2 })]
    expect(discounts(items, terms({ promotions }))).toEqual([900, 400])
  })
})

describe("buy X get Y", () => {
  const threeForTwo: Action = { type: "buy_x_get_y", buy: 2, get: 1, basisPoints: 10_000 }

  it("gives the cheapest of each group for nothing", () => {
    const items = [item("dear", { unitAmount: 3000, quantity: 2 }), item("cheap", { quantity: 1 })]
    expect(discounts(items, terms({ promotions: [promotion(threeForTwo)] }))).toEqual([0, 1000])
  })

  it.each([
    [2, 0],
    [3, 1000],
    [5, 1000],
    [6, 2000],
  ])("of %d units takes off %d", (quantity, off) => {
    const items = [item("a", { quantity })]
    expect(discounts(items, terms({ promotions: [promotion(threeForTwo)] }))).toEqual([off])
  })

  it("may give other things than were bought, for part of their price", () => {
    const action: Action = {
      type: "buy_x_get_y",
      buy: 1,
      get: 1,
      basisPoints: 5000,
      of: { products: ["case"] },
    }
    const promotions = [promotion(action, [{ type: "products", ids: ["phone"] }])]
    const items = [item("phone", { unitAmount: 50_000 }), item("case", { quantity: 3 })]
    expect(discounts(items, terms({ promotions }))).toEqual([0, 500])
    expect(discounts([item("case", { quantity: 3 })], terms({ promotions }))).toEqual([0])
  })
})

describe("a tiered promotion", () => {
  const bySpend: Action = {
    type: "tiered",
    by: "spend",
    tiers: [
      { from: 10_000, basisPoints: 1000 },
      { from: 5000, amount: 200 },
    ],
  }
  const byQuantity: Action = {
    type: "tiered",
    by: "quantity",
    tiers: [
      { from: 3, basisPoints: 500 },
      { from: 10, basisPoints: 1500 },
    ],
  }

  it.each([
    [4, 0],
    [5, 200],
    [9, 200],
    [10, 1000],
  ])("takes the highest tier that %d things at 10.00 reach: %d", (quantity, off) => {
    const items = [item("a", { quantity })]
    expect(discounts(items, terms({ promotions: [promotion(bySpend)] }))).toEqual([off])
  })

  it("goes by quantity too", () => {
    const of = (quantity: number) =>
      discounts([item("a", { quantity })], terms({ promotions: [promotion(byQuantity)] }))
    expect([of(2), of(3), of(10)]).toEqual([[0], [150], [1500]])
  })

  it("says what is missing to the first tier", () => {
    expect(reasonOf(bySpend, [])).toEqual(["minimum-spend"])
    expect(reasonOf(byQuantity, [])).toEqual(["minimum-quantity"])
  })
})

describe("free shipping", () => {
  const action: Action = { type: "free_shipping" }

  it("lowers the shipping, not the lines", () => {
    const promotions = [promotion(action)]
    const priced = quote([item("a")], terms({ promotions, shipping: sentFor(499) }))
    expect(priced).toMatchObject({
      discountAmount: 0,
      shippingAmount: 0,
      totalAmount: 1000,
      shipping: { baseAmount: 499, amount: 0 },
      promotions: [{ discountAmount: 499 }],
    })
  })

  it("goes up to its maximum", () => {
    const promotions = [promotion({ ...action, maximumAmount: 300 })]
    expect(quote([item("a")], terms({ promotions, shipping: sentFor(499) })).shippingAmount).toBe(
      199,
    )
  })

  it("stands by until it is known where to", () => {
    const { shipping: _, ...unknown } = terms({ promotions: [promotion(action)] })
    expect(quote([item("a")], unknown)).toMatchObject({
      promotions: [{ code: "CODE", discountAmount: 0 }],
      refused: [],
    })
  })

  it("does nothing where nothing is sent, or where sending costs nothing", () => {
    expect(reasonOf(action, [], [item("a")], { facts: { isShipped: false } })).toEqual([
      "not-applicable",
    ])
    expect(reasonOf(action, [], [item("a")], { shipping: sentFor(0) })).toEqual(["no-effect"])
  })
})

describe("a condition", () => {
  it.each<[string, Condition, string[]]>([
    ["a spend", { type: "minimum_spend", amount: 1001 }, ["minimum-spend"]],
    ["a spend that is reached", { type: "minimum_spend", amount: 1000 }, []],
    ["a quantity", { type: "minimum_quantity", quantity: 2 }, ["minimum-quantity"]],
    ["other products", { type: "products", ids: ["b"] }, ["not-applicable"]],
    ["other brands", { type: "brands", ids: ["b"] }, ["not-applicable"]],
    ["other customers", { type: "customers", ids: ["usr_2"] }, ["customer"]],
    ["a customer by e-mail", { type: "customers", ids: ["ada@nexus.test"] }, []],
    ["a first order", { type: "first_order" }, ["first-order"]],
    ["another country", { type: "countries", countries: ["FR", "DE"] }, ["destination"]],
    ["this country", { type: "countries", countries: ["FR", "GB"] }, []],
  ])("may ask for %s", (_, condition, reasons) => {
    const facts = {
      country: "GB",
      customer: { userId: "usr_1", email: "ada@nexus.test" },
      isFirstOrder: false,
    }
    expect(reasonOf(tenPercent, [condition], [item("a")], { facts })).toEqual(reasons)
  })

  it("on products, categories or brands narrows what is discounted and counted", () => {
    const items = [
      item("shirt", { categoryPath: "/1/4/", quantity: 2 }),
      item("mug", { categoryPath: "/2/" }),
    ]
    const inOne: Condition = { type: "categories", ids: ["1"] }
    const promotions = [promotion(tenPercent, [inOne, { type: "minimum_spend", amount: 2000 }])]
    expect(discounts(items, terms({ promotions }))).toEqual([200, 0])
    expect(reasonOf(tenPercent, [inOne, { type: "minimum_spend", amount: 2001 }], items)).toEqual([
      "minimum-spend",
    ])
    // The id of a category is a whole part of the path.
    expect(reasonOf(tenPercent, [{ type: "categories", ids: ["11"] }], items)).toEqual([
      "not-applicable",
    ])
  })

  it("is not judged before it is known whom it is for, but where it goes must be known", () => {
    expect(reasonOf(tenPercent, [{ type: "first_order" }])).toEqual([])
    expect(reasonOf(tenPercent, [{ type: "countries", countries: ["GB"] }])).toEqual([
      "destination",
    ])
  })
})

describe("several promotions", () => {
  const half = (code: string, over = {}) =>
    promotion({ type: "percentage", basisPoints: 5000 }, [], { code, ...over })
  const five = (code: string, over = {}) =>
    promotion({ type: "fixed_amount", amount: 500, per: "order" }, [], { code, ...over })

  it("are taken one after another, by priority and id, on what is left", () => {
    const promotions = [five("A"), half("B", { priority: -1 })]
    expect(quote([item("a", { unitAmount: 2000 })], terms({ promotions }))).toMatchObject({
      totalAmount: 500,
      promotions: [
        { code: "B", discountAmount: 1000 },
        { code: "A", discountAmount: 500 },
      ],
    })
  })

  it("by code and automatic come in one order", () => {
    const promotions = [five("A", { code: null, id: "prm_2" }), half("B", { id: "prm_1" })]
    const of = (all: typeof promotions) =>
      quote([item("a", { unitAmount: 2000 })], terms({ promotions: all })).promotions.map(
        ({ discountAmount }) => discountAmount,
      )
    expect(of(promotions)).toEqual([1000, 500])
    expect(
      of(promotions.map((one) => ({ ...one, id: `prm_${one.code ?? "0"}` as never }))),
    ).toEqual([500, 750])
  })

  it("that do not combine: the one that is best for the customer is taken alone", () => {
    const promotions = [five("A"), half("B", { isCombinable: false }), five("C")]
    expect(quote([item("a", { unitAmount: 3000 })], terms({ promotions }))).toMatchObject({
      totalAmount: 1500,
      promotions: [{ code: "B" }],
      refused: [
        { code: "A", reason: "not-combinable" },
        { code: "C", reason: "not-combinable" },
      ],
    })
    expect(quote([item("a", { unitAmount: 1000 })], terms({ promotions }))).toMatchObject({
      totalAmount: 0,
      promotions: [{ code: "A" }, { code: "C" }],
      refused: [{ code: "B", reason: "not-combinable" }],
    })
  })

  it("of which one finds nothing left: it is not used up", () => {
    const promotions = [five("A"), five("B"), five("C")]
    expect(quote([item("a")], terms({ promotions }))).toMatchObject({
      promotions: [{ code: "A" }, { code: "B" }],
      refused: [{ code: "C", reason: "no-effect" }],
    })
  })

  it("may be automatic", () => {
    const promotions = [five("A", { code: null })]
    expect(quote([item("a")], terms({ promotions }))).toMatchObject({
      promotions: [{ code: null, discountAmount: 500 }],
      totalAmount: 500,
    })
  })
})

describe("a promotion in another currency", () => {
  // Prices at 1.50 to the unit, what is taken off at 1.40.
  const by = {
    price: (amount: number) => (amount * 3) / 2,
    amount: (amount: number) => (amount * 7) / 5,
  }
  const inOther = (action: Action, conditions: Condition[] = []) =>
    converted(promotion(action, conditions), by)

  it("compares with prices in it, and all else stays", () => {
    const conditions: Condition[] = [
      { type: "minimum_spend", amount: 5000 },
      { type: "minimum_quantity", quantity: 2 },
      { type: "countries", countries: ["GB"] },
    ]
    expect(inOther(tenPercent, conditions)).toMatchObject({
      conditions: [{ type: "minimum_spend", amount: 7500 }, conditions[1], conditions[2]],
      action: tenPercent,
    })
  })

  it("takes off at most its maximum in it", () => {
    expect(inOther({ ...tenPercent, maximumAmount: 1000 }).action).toEqual({
      ...tenPercent,
      maximumAmount: 1400,
    })
    expect(inOther({ type: "free_shipping", maximumAmount: 500 }).action).toEqual({
      type: "free_shipping",
      maximumAmount: 700,
    })
  })

  it("takes a fixed amount off in it", () => {
    expect(inOther({ type: "fixed_amount", amount: 1000, per: "order" }).action).toEqual({
      type: "fixed_amount",
      amount: 1400,
      per: "order",
    })
  })

  it("reaches its tiers by spend in it, by quantity as they are", () => {
    const tiers = [
      { from: 1000, basisPoints: 500 },
      { from: 2000, amount: 300 },
    ]
    expect(inOther({ type: "tiered", by: "spend", tiers }).action).toEqual({
      type: "tiered",
      by: "spend",
      tiers: [
        { from: 1500, basisPoints: 500 },
        { from: 3000, amount: 420 },
      ],
    })
    expect(inOther({ type: "tiered", by: "quantity", tiers }).action).toEqual({
      type: "tiered",
      by: "quantity",
      tiers: [
        { from: 1000, basisPoints: 500 },
        { from: 2000, amount: 420 },
      ],
    })
  })

  it("leaves the one it was made of as it is", () => {
    const own = promotion({ type: "fixed_amount", amount: 1000, per: "order" })
    converted(own, by)
    expect(own.action).toEqual({ type: "fixed_amount", amount: 1000, per: "order" })
  })
})

describe("a promotion for certain customers", () => {
  it("is for nobody whom the shop does not know", () => {
    const conditions: Condition[] = [{ type: "customers", ids: ["usr_1", "ada@nexus.test"] }]
    const reason = (customer?: { userId: string | null; email: string | undefined }) =>
      reasonOf(tenPercent, conditions, undefined, { facts: { customer } })
    expect(reason()).toEqual(["customer"])
    expect(reason({ userId: null, email: undefined })).toEqual(["customer"])
    expect(reason({ userId: "usr_1", email: "bob@nexus.test" })).toEqual([])
    expect(reason({ userId: null, email: "ada@nexus.test" })).toEqual([])
  })
})
