import fc from "fast-check"
import { describe, expect, it } from "vitest"

import { amountDue } from "#modules/orders/balance.ts"
import {
  carrierName,
  carrierNames,
  isTrackingNumber,
  trackingNumberOf,
  trackingUrl,
} from "#modules/orders/carriers.ts"
import { outcomeOf, settlementOf, toldOf } from "#modules/orders/edit.ts"
import { followed, fulfilmentOf, leftToSend, mayCancel } from "#modules/orders/fulfilment.ts"
import type { ParcelStatus } from "#modules/orders/status.ts"

const line = (quantity: number, fulfilledQuantity = 0, returnedQuantity = 0) => ({
  quantity,
  fulfilledQuantity,
  returnedQuantity,
})
const parcels = (...statuses: ParcelStatus[]) => statuses.map((status) => ({ status }))

describe("how much of an order was sent", () => {
  it.each([
    ["unfulfilled", [line(2), line(1)]],
    ["partially_fulfilled", [line(2, 1), line(1)]],
    ["partially_fulfilled", [line(2, 2), line(1)]],
    ["fulfilled", [line(2, 2), line(1, 1)]],
    ["partially_returned", [line(2, 2, 1), line(1, 1)]],
    ["partially_returned", [line(2, 1, 1), line(1)]],
    ["returned", [line(2, 2, 2), line(1, 1, 1)]],
  ])("is %s by its lines' quantities", (expected, lines) => {
    expect(fulfilmentOf(lines)).toBe(expected)
  })

  it("leaves the rest to send", () => {
    expect(leftToSend([line(2, 1), line(3), line(1, 1)])).toBe(4)
  })
})

describe("what follows by itself", () => {
  it.each([
    ["pending", [line(1, 1)], parcels(), []],
    ["confirmed", [line(2, 1)], parcels("shipped"), ["processing"]],
    ["confirmed", [line(2)], parcels(), []],
    ["processing", [line(2, 1)], parcels("shipped"), []],
    ["processing", [line(2, 2)], parcels("shipped", "shipped"), ["shipped"]],
    ["confirmed", [line(2, 2)], parcels("shipped"), ["processing", "shipped"]],
    ["shipped", [line(2, 2)], parcels("delivered", "shipped"), []],
    ["shipped", [line(2, 2)], parcels("delivered", "cancelled"), ["delivered"]],
    ["shipped", [line(2, 1)], parcels("delivered"), []],
    // Nothing of it goes by post.
    ["confirmed", [line(2, 2)], parcels(), ["processing", "shipped", "delivered"]],
    ["cancelled", [line(2, 2)], parcels("delivered"), []],
    ["delivered", [line(2, 2)], parcels("delivered"), []],
  ] as const)("from %s of %j with %j is %j", (status, lines, sent, expected) => {
    expect(followed(status, lines, sent)).toEqual(expected)
  })

  it("lets nobody cancel what has been sent in part", () => {
    expect(mayCancel("processing", parcels("cancelled"))).toBe(true)
    expect(mayCancel("processing", parcels("cancelled", "shipped"))).toBe(false)
    expect(mayCancel("processing", parcels("delivered"))).toBe(false)
    expect(mayCancel("shipped", parcels())).toBe(false)
  })
})

describe("a carrier", () => {
  it.each([
    ["UPS", "1Z 999AA1-0123456784", "https://www.ups.com/track?tracknum=1Z999AA10123456784"],
    [
      "usps",
      "9400 1000 0000 0000 0000 00",
      "https://tools.usps.com/go/TrackConfirmAction?tLabels=9400100000000000000000",
    ],
    ["Fed-Ex", "123456789012", "https://www.fedex.com/fedextrack/?trknbr=123456789012"],
    [
      "dhl",
      "JD014600006281230704",
      "https://www.dhl.com/global-en/home/tracking.html?tracking-id=JD014600006281230704",
    ],
    [
      "royal_mail",
      "AB123456789GB",
      "https://www.royalmail.com/track-your-item#/tracking-results/AB123456789GB",
    ],
  ])("%s has a page for %s", (carrier, number, page) => {
    const tidy = trackingNumberOf(carrier, number)
    expect(isTrackingNumber(carrier, tidy)).toBe(true)
    expect(trackingUrl(carrier, tidy)).toBe(page)
  })

  it.each([
    ["UPS", "12"],
    ["FedEx", "HELLO"],
    ["USPS", "1Z999AA10123456784"],
    ["Royal Mail", "AB123"],
    ["DHL", "JD/../x"],
  ])("of the name %s has no number like %s", (carrier, number) => {
    expect(isTrackingNumber(carrier, trackingNumberOf(carrier, number))).toBe(false)
  })

  it("is known by its name in any spelling, and one that is not known keeps what it is given", () => {
    expect(["royal mail", "ROYALMAIL", "Royal-Mail"].map(carrierName)).toEqual(
      Array(3).fill("Royal Mail"),
    )
    expect(carrierNames).toContain("Canada Post")
    expect(carrierName("Bike Messenger")).toBe("Bike Messenger")
    expect(trackingNumberOf("Bike Messenger", "no 7 / blue")).toBe("no 7 / blue")
    expect(isTrackingNumber("Bike Messenger", "no 7 / blue")).toBe(true)
    expect(trackingUrl("Bike Messenger", "7")).toBeNull()
    expect(trackingUrl("constructor", "7")).toBeNull()
    expect(trackingUrl("UPS", null)).toBeNull()
  })

  it("never leads off its page, whatever the number", () => {
    fc.assert(
      fc.property(fc.constantFrom(...carrierNames), fc.string(), (carrier, number) => {
        const page = new URL(trackingUrl(carrier, number.toWellFormed()) ?? "")
        expect(page.protocol).toBe("https:")
        expect(page.origin).toBe(new URL(trackingUrl(carrier, "1") ?? "").origin)
      }),
    )
  })
})

describe("an edit", () => {
  const lines = [
    { id: "a", name: "Cap", quantity: 3, fulfilledQuantity: 1 },
    { id: "b", name: "Mug", quantity: 2, fulfilledQuantity: 0 },
    { id: "c", name: "Pen", quantity: 1, fulfilledQuantity: 0 },
  ]

  it("sets what is named, and leaves the rest", () => {
    const outcome = outcomeOf(
      lines,
      new Map([
        ["a", 1],
        ["b", 0],
      ]),
    )
    expect(
      outcome.kept.map(({ line: { id }, quantity, change }) => [id, quantity, change]),
    ).toEqual([
      ["a", 1, -2],
      ["c", 1, 0],
    ])
    expect(outcome.removed.map(({ id }) => id)).toEqual(["b"])
    expect(outcome.short).toEqual([])
    expect(toldOf(outcome, [{ name: "Ink", quantity: 5 }])).toBe(
      "Cap: 3 → 1; Mug: 2 → 0; Ink: + 5.",
    )
  })

  it("takes back nothing that was sent", () => {
    expect(outcomeOf(lines, new Map([["a", 0]])).short.map(({ id }) => id)).toEqual(["a"])
  })

  it.each([
    [
      "unpaid, it gives nothing back",
      500,
      { paid: 0, refunded: 0, reduced: 0, before: 2000 },
      [0, 0],
    ],
    [
      "paid, it gives the difference back",
      500,
      { paid: 2000, refunded: 0, reduced: 0, before: 2000 },
      [1500, 1500],
    ],
    [
      "made dearer, it gives nothing back",
      2500,
      { paid: 2000, refunded: 0, reduced: 0, before: 2000 },
      [0, 0],
    ],
    [
      "edited down before, it counts that",
      300,
      { paid: 2000, refunded: 1500, reduced: 1500, before: 500 },
      [200, 1700],
    ],
    [
      "refunded otherwise, it gives what is left",
      500,
      { paid: 2000, refunded: 1000, reduced: 0, before: 2000 },
      [1000, 1000],
    ],
    [
      "overpaid, and had that back, it gives the difference back",
      8000,
      { paid: 12_000, refunded: 2000, reduced: 0, before: 10_000 },
      [2000, 4000],
    ],
    [
      "overpaid, it gives that back too",
      8000,
      { paid: 12_000, refunded: 0, reduced: 0, before: 10_000 },
      [4000, 4000],
    ],
    [
      "overpaid, and had more than that back, it gives what is left of the difference",
      8000,
      { paid: 12_000, refunded: 11_000, reduced: 0, before: 10_000 },
      [1000, 3000],
    ],
  ])("of an order that is %s", (_, total, money, [refundAmount, reducedAmount]) => {
    expect(settlementOf(total, money)).toEqual({ refundAmount, reducedAmount })
  })

  it("after any edits leaves paid, given back and due in balance", () => {
    const totals = fc.array(fc.nat({ max: 10_000 }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(totals, fc.array(fc.boolean()), (edits, pays) => {
        let [paid, refunded, reduced, before] = [0, 0, 0, 0]
        for (const [index, total] of edits.entries()) {
          const settled = settlementOf(total, { paid, refunded, reduced, before })
          const { refundAmount, reducedAmount } = settled
          before = total
          refunded += refundAmount
          reduced = reducedAmount
          const order = {
            status: "confirmed",
            totalAmount: total,
            paidAmount: paid,
            reducedAmount: reduced,
          } as const
          const due = amountDue(order)
          expect(refunded).toBeLessThanOrEqual(paid)
          // What is kept and what is due make the total, or nothing is due and all that is kept is owed.
          expect(paid - refunded + due).toBe(total)
          if (pays[index]) paid += due
        }
      }),
      { numRuns: 2000 },
    )
  })
})
