import { describe, expect, it } from "vitest"

import type { Id } from "#lib/id.ts"
import { areasOf } from "#lib/place.ts"
import {
  closest,
  converted,
  offersFor,
  priceOf,
  type ShippingMethod,
} from "#modules/shipping/rates.ts"

function method(over: Partial<ShippingMethod>): ShippingMethod {
  return {
    id: "shm_1" as Id<"shippingMethod">,
    name: "Standard",
    type: "flat",
    amount: 499,
    steps: [],
    freeFromAmount: null,
    taxClass: "standard",
    position: 0,
    ...over,
  }
}
const parcel = (subtotalAmount: number, weightGrams = 0) => ({ subtotalAmount, weightGrams })

describe("a shipping method", () => {
  it("of one price costs it, and nothing from a subtotal on", () => {
    const free = method({ freeFromAmount: 5000 })
    expect([parcel(4999), parcel(5000)].map((one) => priceOf(free, one))).toEqual([499, 0])
    expect(priceOf(method({}), parcel(1_000_000))).toBe(499)
  })

  it("by weight costs the step that the parcel is in, and does not take what is heavier than the last", () => {
    const steps = [
      { upTo: 2000, amount: 800 },
      { upTo: 500, amount: 300 },
    ]
    const byWeight = method({ type: "weight", steps })
    const of = (grams: number) => priceOf(byWeight, parcel(0, grams))
    expect([0, 500, 501, 2000, 2001].map(of)).toEqual([300, 300, 800, 800, undefined])
  })

  it("by total may have a last step without an end", () => {
    const steps = [
      { upTo: null, amount: 0 },
      { upTo: 4999, amount: 600 },
    ]
    const byTotal = method({ type: "total", steps })
    expect([1, 4999, 5000].map((total) => priceOf(byTotal, parcel(total)))).toEqual([600, 600, 0])
  })

  it("is offered cheapest first, then as staff ordered them; one that does not fit is not", () => {
    const methods = [
      method({ name: "express", amount: 1500 }),
      method({ name: "later", position: 2 }),
      method({ name: "first", position: 1 }),
      method({ name: "letter", type: "weight", steps: [{ upTo: 100, amount: 100 }] }),
    ]
    expect(offersFor(methods, parcel(1000, 500)).map((one) => one.method.name)).toEqual([
      "first",
      "later",
      "express",
    ])
  })

  it("that costs the same at the same place is offered in the order in which they were made", () => {
    const ids = ["shm_2", "shm_1", "shm_3"] as Id<"shippingMethod">[]
    const methods = ids.map((id) => method({ id }))
    expect(offersFor(methods, parcel(1000)).map((one) => one.method.id)).toEqual([
      "shm_1",
      "shm_2",
      "shm_3",
    ])
  })
})

describe("a shipping method in another currency", () => {
  const twice = (amount: number) => amount * 2
  const steps = [
    { upTo: 500, amount: 300 },
    { upTo: null, amount: 800 },
  ]

  it("costs and is free from its amounts in it", () => {
    expect(converted(method({ freeFromAmount: 5000 }), twice)).toMatchObject({
      amount: 998,
      freeFromAmount: 10_000,
    })
    expect(converted(method({}), twice).freeFromAmount).toBeNull()
  })

  it("by total has its steps in it, by weight in grams as before", () => {
    expect(converted(method({ type: "total", steps }), twice).steps).toEqual([
      { upTo: 1000, amount: 600 },
      { upTo: null, amount: 1600 },
    ])
    expect(converted(method({ type: "weight", steps }), twice).steps).toEqual([
      { upTo: 500, amount: 600 },
      { upTo: null, amount: 1600 },
    ])
  })
})

describe("the zone of a place", () => {
  const area = (country: string, state = "", postalPrefix = "") => ({
    method: [country, state, postalPrefix].filter(Boolean).join("/"),
    area: { country, state, postalPrefix },
  })

  it("is the closest of those that hold it", () => {
    const found = [area("*"), area("GB"), area("GB", "SCOTLAND"), area("GB", "", "IV")]
    expect(closest(found)).toEqual(["GB/IV"])
    expect(closest(found.slice(0, 3))).toEqual(["GB/SCOTLAND"])
    expect(closest(found.slice(0, 2))).toEqual(["GB"])
    expect(closest([])).toEqual([])
  })

  it("is looked for by country, state and every prefix of the postal code", () => {
    expect(areasOf({ country: "GB", state: " Scotland ", postalCode: "iv1-2 ab" })).toEqual({
      countries: ["GB", "*"],
      states: ["", "SCOTLAND"],
      prefixes: ["", "I", "IV", "IV1", "IV12", "IV12A", "IV12AB"],
    })
  })
})
