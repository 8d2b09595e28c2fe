import { describe, expect, it } from "vitest"

import {
  mayBecome,
  orderStatuses,
  paymentStatuses,
  statusNames,
  timeline,
  transitions,
} from "#modules/orders/status.ts"

/** Every pair of states: from the left, to the top (api.md 7). */
const pairs = `
            pending confirmed processing shipped delivered cancelled refunded
pending        -       yes        -         -        -        yes       -
confirmed      -        -        yes        -        -        yes       -
processing     -        -         -        yes       -        yes       -
shipped        -        -         -         -       yes        -        -
delivered      -        -         -         -        -         -       yes
cancelled      -        -         -         -        -         -        -
refunded       -        -         -         -        -         -        -`

const [targets = [], ...sources] = pairs
  .trim()
  .split("\n")
  .map((row) => row.trim().split(/\s+/))

describe("the states of an order", () => {
  it("are these seven, and those of its payment these", () => {
    expect(orderStatuses).toEqual(targets)
    expect(sources.map(([from]) => from)).toEqual(targets)
    expect(Object.keys(transitions)).toEqual(targets)
    expect(paymentStatuses).toEqual([
      "unpaid",
      "authorized",
      "paid",
      "partially_refunded",
      "refunded",
      "failed",
      "voided",
      "disputed",
    ])
  })

  for (const [from = "", ...cells] of sources) {
    for (const [index, cell] of cells.entries()) {
      const to = targets[index] ?? ""
      it(`${from} ${cell === "yes" ? "may become" : "never becomes"} ${to}`, () => {
        expect(mayBecome(from as "pending", to as "pending")).toBe(cell === "yes")
      })
    }
  }

  it("have names for people", () => {
    expect(Object.values(statusNames)).toEqual([
      "Pending",
      "Confirmed",
      "Processing",
      "Shipped",
      "Delivered",
      "Cancelled",
      "Refunded",
    ])
  })
})

const reached = (to: string, hour: number) => ({
  to,
  createdAt: `2026-11-20T${String(hour).padStart(2, "0")}:00:00.000Z`,
})

/** Status, title, done or not, when. */
function told(...given: Parameters<typeof timeline>): string[] {
  return timeline(...given).map(
    ({ status, title, completed, date }) =>
      `${status} | ${title} | ${completed ? "done" : "ahead"} | ${date}`,
  )
}

describe("the way of an order", () => {
  it("has one stage behind and four ahead when it was just placed", () => {
    expect(timeline("pending", [reached("pending", 9)])).toEqual([
      {
        status: "pending",
        title: "Order Placed",
        description: "We have your order.",
        completed: true,
        date: "2026-11-20T09:00:00.000Z",
      },
      {
        status: "confirmed",
        title: "Order Confirmed",
        description: "The shop has accepted it.",
        completed: false,
        date: null,
      },
      {
        status: "processing",
        title: "Processing",
        description: "It is being packed.",
        completed: false,
        date: null,
      },
      {
        status: "shipped",
        title: "Shipped",
        description: "It is on its way.",
        completed: false,
        date: null,
      },
      {
        status: "delivered",
        title: "Delivered",
        description: "It has arrived.",
        completed: false,
        date: null,
      },
    ])
  })

  it("has only the delivery ahead when it was shipped", () => {
    const changes = [
      reached("pending", 9),
      reached("confirmed", 10),
      reached("processing", 11),
      reached("shipped", 12),
    ]
    expect(told("shipped", changes)).toEqual([
      "pending | Order Placed | done | 2026-11-20T09:00:00.000Z",
      "confirmed | Order Confirmed | done | 2026-11-20T10:00:00.000Z",
      "processing | Processing | done | 2026-11-20T11:00:00.000Z",
      "shipped | Shipped | done | 2026-11-20T12:00:00.000Z",
      "delivered | Delivered | ahead | null",
    ])
  })

  it("ends where it was cancelled, with nothing ahead", () => {
    const changes = [reached("pending", 9), reached("confirmed", 10), reached("cancelled", 11)]
    expect(told("cancelled", changes)).toEqual([
      "pending | Order Placed | done | 2026-11-20T09:00:00.000Z",
      "confirmed | Order Confirmed | done | 2026-11-20T10:00:00.000Z",
      "cancelled | Cancelled | done | 2026-11-20T11:00:00.000Z",
    ])
  })

  it("goes on to the refund after the delivery", () => {
    const changes = ["pending", "confirmed", "processing", "shipped", "delivered", "refunded"]
    expect(
      told(
        "refunded",
        changes.map((to, index) => reached(to, 9 + index)),
      ),
    ).toEqual([
      "pending | Order Placed | done | 2026-11-20T09:00:00.000Z",
      "confirmed | Order Confirmed | done | 2026-11-20T10:00:00.000Z",
      "processing | Processing | done | 2026-11-20T11:00:00.000Z",
      "shipped | Shipped | done | 2026-11-20T12:00:00.000Z",
      "delivered | Delivered | done | 2026-11-20T13:00:00.000Z",
      "refunded | Refunded | done | 2026-11-20T14:00:00.000Z",
    ])
  })

  it("does not count changes of details as stages", () => {
    const changes = [reached("pending", 9), { to: null, createdAt: "2026-11-20T10:00:00.000Z" }]
    expect(told("pending", changes).filter((step) => step.includes("done"))).toEqual([
      "pending | Order Placed | done | 2026-11-20T09:00:00.000Z",
    ])
  })
})
