import fc from "fast-check"
import { describe, expect, it } from "vitest"

import { type Cadence, dueOf, noticeAt, nth, periodOf } from "#modules/subscriptions/cycle.ts"
import { type Standing, taskOf } from "#modules/subscriptions/due.ts"
import { nextAttempt } from "#modules/subscriptions/dunning.ts"
import { amountOf, prorate, spread, unusedBy, usedBy } from "#modules/subscriptions/prorate.ts"
import {
  allowed,
  isFinal,
  mayBecome,
  subscriptionStatuses,
  subscriptionTransitions,
} from "#modules/subscriptions/status.ts"

/** How often a property is tried: `FC_RUNS=100000 npx vitest run …` for a long look. */
const numRuns = Number(process.env["FC_RUNS"] ?? 2000)

const at = (text: string) => new Date(`${text.length === 10 ? `${text}T09:30:00.000` : text}Z`)
const day = (date: Date) => date.toISOString().slice(0, 10)
const every = (interval: Cadence["interval"], count = 1): Cadence => ({ interval, count })

describe("the periods of a subscription", () => {
  it.each([
    ["month", 1, "2026-01-31", "2026-01-31 2026-02-28 2026-03-31 2026-04-30 2026-05-31"],
    ["month", 1, "2028-01-30", "2028-01-30 2028-02-29 2028-03-30 2028-04-30 2028-05-30"],
    ["month", 1, "2026-12-15", "2026-12-15 2027-01-15 2027-02-15 2027-03-15 2027-04-15"],
    ["month", 3, "2026-11-30", "2026-11-30 2027-02-28 2027-05-30 2027-08-30 2027-11-30"],
    ["year", 1, "2028-02-29", "2028-02-29 2029-02-28 2030-02-28 2031-02-28 2032-02-29"],
    ["week", 2, "2026-03-20", "2026-03-20 2026-04-03 2026-04-17 2026-05-01 2026-05-15"],
    ["day", 10, "2026-02-25", "2026-02-25 2026-03-07 2026-03-17 2026-03-27 2026-04-06"],
  ] as const)(
    "of a %s × %i from %s begin where the calendar says",
    (interval, count, from, days) => {
      const begun = [0, 1, 2, 3, 4].map((n) => nth(at(from), every(interval, count), n))
      expect(begun.map(day).join(" ")).toBe(days)
      // The time of day stays, clocks that are put forward or not.
      expect(new Set(begun.map((date) => date.toISOString().slice(10)))).toEqual(
        new Set(["T09:30:00.000Z"]),
      )
    },
  )

  it("do not drift: the hundredth month is as far from the first as the calendar says", () => {
    expect(day(nth(at("2026-01-31"), every("month"), 100))).toBe("2034-05-31")
    expect(day(nth(at("2026-01-31"), every("month"), 1201))).toBe("2126-02-28")
  })

  it("follow each other without a gap, whatever they are counted from", () => {
    const anchor = fc.date({ min: at("2000-01-01"), max: at("2100-01-01"), noInvalidDate: true })
    const cadence = fc.record({
      interval: fc.constantFrom("day", "week", "month", "year"),
      count: fc.integer({ min: 1, max: 24 }),
    })
    fc.assert(
      fc.property(anchor, cadence, fc.nat(200), (from, rhythm, number) => {
        const where = { at: from, number: 1 }
        const [one, next] = [periodOf(where, rhythm, number), periodOf(where, rhythm, number + 1)]
        expect(one.end).toEqual(next.start)
        expect(one.end.getTime()).toBeGreaterThan(one.start.getTime())
        expect(one.start.getUTCDate()).toBeLessThanOrEqual(
          rhythm.interval === "month" || rhythm.interval === "year" ? from.getUTCDate() : 31,
        )
      }),
      { numRuns },
    )
  })

  it("that began while the shop was away are left out, or come one by one", () => {
    const anchor = { at: at("2026-01-31"), number: 1 }
    const due = (now: string, catchUp: "skip" | "each") =>
      dueOf(anchor, every("month"), 2, at(now), catchUp).number
    expect(due("2026-02-28", "skip")).toBe(2)
    expect(due("2026-03-30", "skip")).toBe(2)
    expect(due("2026-05-01", "skip")).toBe(4)
    expect(due("2026-05-01", "each")).toBe(2)
  })

  it("are told of beforehand, unless they are no longer than the notice", () => {
    const notice = (interval: Cadence["interval"], days: number) => {
      const told = noticeAt(periodOf({ at: at("2026-01-31"), number: 1 }, every(interval), 1), days)
      return told && day(told)
    }
    expect(notice("month", 3)).toBe("2026-02-25")
    expect(notice("week", 3)).toBe("2026-02-04")
    expect(notice("day", 3)).toBeUndefined()
    expect(notice("month", 0)).toBeUndefined()
  })
})

describe("proration", () => {
  const amount = fc.nat(1_000_000_000)
  const period = fc
    .tuple(fc.nat(4_000_000_000_000), fc.integer({ min: 1, max: 366 * 86_400_000 }))
    .map(([start, length]) => ({ start, end: start + length }))

  it("gives back half of a price half-way, to the unit", () => {
    const month = { start: 0, end: 1000 }
    expect(usedBy(1001, month, 500)).toBe(500)
    expect(unusedBy(1001, month, 500)).toBe(501)
    expect(prorate(1000, 3000, month, 250)).toBe(1500)
    expect(prorate(3000, 1000, month, 250)).toBe(-1500)
    expect(prorate(1000, 3000, month, -5)).toBe(2000)
    expect(prorate(1000, 3000, month, 2000)).toBe(0)
  })

  it("telescopes: over any split of a period the parts add up to the whole, and none is negative", () => {
    fc.assert(
      fc.property(
        amount,
        period,
        fc.array(fc.nat(1_000_000), { maxLength: 12 }),
        (price, span, cuts) => {
          const length = span.end - span.start
          const times = cuts.map((cut) => span.start + Math.floor((length * cut) / 1_000_000))
          const points = [span.start, ...times.toSorted((a, b) => a - b), span.end]
          const parts = points
            .slice(1)
            .map((to, n) => usedBy(price, span, to) - usedBy(price, span, points[n] ?? 0))
          expect(parts.reduce((sum, part) => sum + part, 0)).toBe(price)
          expect(parts.every((part) => part >= 0)).toBe(true)
        },
      ),
      { numRuns },
    )
  })

  it("of a change that is changed back at once is nothing, and of changes at one time only the last counts", () => {
    fc.assert(
      fc.property(amount, amount, amount, period, fc.nat(1_000_000), (a, b, c, span, cut) => {
        const when = span.start + Math.floor(((span.end - span.start) * cut) / 1_000_000)
        expect(prorate(a, b, span, when) + prorate(b, a, span, when)).toBe(0)
        expect(prorate(a, b, span, when) + prorate(b, c, span, when)).toBe(
          prorate(a, c, span, when),
        )
      }),
      { numRuns },
    )
  })

  it("charges for a period with any number of changes exactly the price of each while it held", () => {
    const change = fc.record({ price: amount, cut: fc.nat(1_000_000) })
    fc.assert(
      fc.property(amount, fc.array(change, { maxLength: 8 }), period, (first, given, span) => {
        const length = span.end - span.start
        const changes = given
          .map(({ price, cut }) => ({
            price,
            at: span.start + Math.floor((length * cut) / 1_000_000),
          }))
          .toSorted((one, two) => one.at - two.at)
        let price = first
        let charged = first
        for (const next of changes) {
          charged += prorate(price, next.price, span, next.at)
          price = next.price
        }
        const held = [{ price: first, at: span.start }, ...changes]
        const owed = held.reduce((sum, one, n) => {
          const until = held[n + 1]?.at ?? span.end
          return sum + usedBy(one.price, span, until) - usedBy(one.price, span, one.at)
        }, 0)
        expect(charged).toBe(owed)
      }),
      { numRuns },
    )
  })

  it("lays what is owed on what is ordered anyway, and loses nothing of it", () => {
    expect(spread([{ unitAmount: 1000, quantity: 3 }], 500)).toEqual({
      items: [{ unitAmount: 1166, quantity: 3 }],
      rest: 2,
    })
    expect(spread([{ unitAmount: 1000, quantity: 1 }], -1500)).toEqual({
      items: [{ unitAmount: 0, quantity: 1 }],
      rest: -500,
    })
    const items = fc.array(
      fc.record({ unitAmount: fc.nat(10_000_000), quantity: fc.integer({ min: 1, max: 999 }) }),
      { minLength: 1, maxLength: 20 },
    )
    fc.assert(
      fc.property(items, fc.integer({ min: -1e11, max: 1e11 }), (things, owed) => {
        const laid = spread(things, owed)
        expect(amountOf(laid.items) + laid.rest).toBe(amountOf(things) + owed)
        expect(laid.items.every(({ unitAmount }) => unitAmount >= 0)).toBe(true)
        expect(laid.items.map(({ quantity }) => quantity)).toEqual(
          things.map(({ quantity }) => quantity),
        )
      }),
      { numRuns },
    )
  })
})

describe("a charge that failed", () => {
  it("is tried again on the days of the schedule, and then no more", () => {
    const days = [1, 3, 5, 7]
    let now = at("2026-03-01")
    const tried: string[] = []
    for (let attempts = 1; ; attempts++) {
      const next = nextAttempt(now, attempts, days)
      if (!next) break
      tried.push(day(next))
      now = next
    }
    expect(tried).toEqual(["2026-03-02", "2026-03-04", "2026-03-06", "2026-03-08"])
    expect(nextAttempt(now, 1, [])).toBeUndefined()
  })

  it("whose next try came late is not tried twice in one breath", () => {
    expect(nextAttempt(at("2026-03-20"), 2, [1, 3, 5, 7])).toEqual(at("2026-03-22"))
  })
})

describe("the states of a subscription", () => {
  it("are these, and follow each other so", () => {
    expect(subscriptionTransitions).toEqual({
      trialing: ["active", "past_due", "paused", "cancelled"],
      active: ["past_due", "paused", "cancelled", "ended"],
      past_due: ["active", "paused", "cancelled"],
      paused: ["trialing", "active", "cancelled"],
      cancelled: [],
      ended: [],
    })
    expect(subscriptionStatuses.filter(isFinal)).toEqual(["cancelled", "ended"])
    for (const states of Object.values(allowed)) expect(states.some(isFinal)).toBe(false)
    expect(mayBecome("cancelled", "active")).toBe(false)
  })

  it("say what is to be done, in every state there can be", () => {
    const now = "2026-03-01T00:00:00.000Z"
    const [past, future] = ["2026-02-28T00:00:00.000Z", "2026-04-01T00:00:00.000Z"]
    const told: Record<string, number> = {}
    for (const status of subscriptionStatuses)
      for (const periodEnd of [past, now, future])
        for (const resumeAt of [null, past, future])
          for (const orderId of [null, "ord_1"])
            for (const cancelAtPeriodEnd of [true, false])
              for (const maxCycles of [null, 1, 2]) {
                const row: Standing = {
                  status,
                  periodEnd,
                  resumeAt,
                  orderId,
                  cancelAtPeriodEnd,
                  cycles: 1,
                  maxCycles,
                }
                const task = taskOf(row, now)
                told[task] = (told[task] ?? 0) + 1
                const isDue = periodEnd <= now && orderId === null && !cancelAtPeriodEnd
                // Nothing is ordered before its time, after its end, or while money is late.
                const wrong =
                  (isFinal(status) && task !== "nothing") ||
                  (status === "paused") !==
                    (task === "resume" || (task === "nothing" && !isFinal(status))) ||
                  (task === "resume" && resumeAt !== past) ||
                  (task === "renew" && !(isDue && maxCycles !== 1))
                expect([row, task, wrong]).toEqual([row, task, false])
              }
    expect(told).toEqual({
      nothing: 288,
      resume: 36,
      collect: 162,
      notice: 54,
      cancel: 54,
      renew: 36,
      end: 18,
    })
  })
})
