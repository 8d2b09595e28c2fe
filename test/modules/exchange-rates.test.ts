import { describe, expect, it, vi } from "vitest"

import { NewCurrency } from "#modules/currencies/model.ts"
import * as presentment from "#modules/currencies/presentment.ts"
import * as rates from "#modules/currencies/rates.ts"
import * as settings from "#modules/currencies/settings.ts"

import { ctx } from "../support/ctx.ts"
import { answering, dailyFile } from "../support/ecb.ts"
import * as make from "../support/make.ts"
import { countOf, rows } from "../support/shop.ts"

const url = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml"
const friday = { USD: "1.25", GBP: "0.8", JPY: "160" }
// 2026-11-20 is a Friday.
const at = (time: string) => ctx({ now: new Date(time) })

/** Stands the bank where the shop's `fetch` finds it; answers the addresses that were asked. */
function bank(answer: () => Response): string[] {
  const asked: string[] = []
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    asked.push(new Request(input as RequestInfo).url)
    return answer()
  })
  return asked
}

async function currency(code: string, over: Record<string, unknown> = {}) {
  await settings.create(ctx({ as: make.staff }), NewCurrency.parse({ code, ...over }))
}

const pricesOf = (time: string, code = "GBP") => presentment.read(at(time), code, [])

describe("the rates of the day", () => {
  it("are pulled once they should be there, by whoever comes first, once", async () => {
    await currency("GBP")
    const asked = bank(() => answering(dailyFile("2026-11-20", friday)))
    expect(await rates.pullDue(at("2026-11-20T15:31:00.000Z"))).toBe(3)
    expect(asked).toEqual([url])
    const { inForce } = await pricesOf("2026-11-20T16:00:00.000Z")
    expect(inForce?.quoted).toEqual({
      base: "USD",
      rate: "0.64",
      as_of: "2026-11-20T14:00:00.000Z",
      source: "ecb",
    })
    // The whole weekend there is nothing newer to ask for.
    for (const time of ["2026-11-20T16:00:00Z", "2026-11-22T18:00:00Z", "2026-11-23T15:00:00Z"])
      expect(await rates.pullDue(at(time))).toBe(0)
    expect(asked).toHaveLength(1)
  })

  it("are nobody's business while no currency goes by them", async () => {
    const asked = bank(() => answering(dailyFile("2026-11-20", friday)))
    await currency("GBP", { rate_source: "manual" })
    await currency("JPY", { enabled: false })
    expect(await rates.pullDue(at("2026-11-20T16:00:00.000Z"))).toBe(0)
    expect(asked).toEqual([])
  })

  it("pulled by several at once are there once", async () => {
    await currency("GBP")
    bank(() => answering(dailyFile("2026-11-20", friday)))
    await Promise.all([1, 2, 3, 4].map(() => rates.pullDue(at("2026-11-20T16:00:00.000Z"))))
    expect(await countOf("exchange_rates")).toBe(3)
    expect(await countOf("latest_rates")).toBe(3)
  })

  it("that are not there yet are asked for again, a quarter of an hour later", async () => {
    await currency("GBP")
    let file = dailyFile("2026-11-19", friday)
    const asked = bank(() => answering(file))
    expect(await rates.pullDue(at("2026-11-20T16:00:00.000Z"))).toBe(3)
    expect(await rates.pullDue(at("2026-11-20T16:05:00.000Z"))).toBe(0)
    expect(asked).toHaveLength(1)
    file = dailyFile("2026-11-20", { ...friday, GBP: "0.9" })
    expect(await rates.pullDue(at("2026-11-20T16:15:00.000Z"))).toBe(3)
    expect(asked).toHaveLength(2)
    expect(await countOf("exchange_rates")).toBe(6)
    expect((await pricesOf("2026-11-20T17:00:00.000Z")).inForce?.quoted.rate).toBe("0.72")
  })

  it.each<[string, () => Response]>([
    ["does not answer", () => answering("", 503)],
    [
      "answers a page",
      () => new Response("<html>Sorry</html>", { headers: { "content-type": "text/html" } }),
    ],
    ["answers half a file", () => answering(dailyFile("2026-11-20", friday).slice(0, 400))],
    [
      "leads elsewhere",
      () => new Response(null, { status: 302, headers: { location: "http://x.test" } }),
    ],
    ["answers rates of days to come", () => answering(dailyFile("2026-12-24", friday))],
    ["refuses", () => answering("<error/>", 404)],
  ])("of a bank that %s change nothing, and are asked for again", async (_, answer) => {
    await currency("GBP")
    let said = () => answering(dailyFile("2026-11-19", friday))
    const asked = bank(() => said())
    await rates.pullDue(at("2026-11-19T16:00:00.000Z"))
    said = answer
    const now = at("2026-11-20T16:00:00.000Z")
    await expect(rates.pullDue(now)).rejects.toMatchObject({ code: "unavailable" })
    expect(await rates.pullDue(at("2026-11-20T16:01:00.000Z"))).toBe(0)
    expect(asked).toHaveLength(2)
    expect(await countOf("exchange_rates")).toBe(3)
    expect((await pricesOf("2026-11-20T17:00:00.000Z")).inForce?.quoted.rate).toBe("0.64")
    said = () => answering(dailyFile("2026-11-20", friday))
    expect(await rates.pullDue(at("2026-11-20T16:15:00.000Z"))).toBe(3)
  })

  it("never take the place of newer ones", async () => {
    await currency("GBP")
    let file = dailyFile("2026-11-20", friday)
    bank(() => answering(file))
    await rates.pullDue(at("2026-11-20T16:00:00.000Z"))
    file = dailyFile("2026-11-18", { ...friday, GBP: "0.1" })
    await rates.pullDue(at("2026-11-23T16:00:00.000Z"))
    const latest = await rows("SELECT rate, as_of FROM latest_rates WHERE currency = 'GBP'")
    expect(latest).toEqual([{ rate: "0.8", as_of: "2026-11-20T14:00:00.000Z" }])
  })

  it("price nothing once they are too old", async () => {
    await currency("GBP", { max_age_hours: 24 })
    bank(() => answering(dailyFile("2026-11-20", friday)))
    await rates.pullDue(at("2026-11-20T16:00:00.000Z"))
    const fresh = await pricesOf("2026-11-21T14:00:00.000Z")
    expect(presentment.amountIn(fresh, 1000)).toBe(640)
    const old = await pricesOf("2026-11-21T14:00:00.001Z")
    expect(() => presentment.amountIn(old, 1000)).toThrow(/no rate that is new enough/)
  })
})

it("every minute cron looks after the rates, and without currencies asks nobody", async () => {
  const asked = bank(() => answering(dailyFile("2026-11-20", friday)))
  const before = ctx()
  expect(await rates.pullDue(before)).toBe(0)
  expect(before.meter.d1Queries).toBe(1)
  expect(asked).toEqual([])
})

describe("a rate that staff set", () => {
  it("counts from now on, beside all that were set before", async () => {
    await currency("KES")
    const as = (time: string) => ctx({ as: make.staff, now: new Date(time) })
    await rates.set(as("2026-11-20T09:00:00.000Z"), "kes", { rate: "129.350" })
    await rates.set(as("2026-11-20T10:00:00.000Z"), "KES", { rate: "130" })
    const prices = await pricesOf("2026-11-20T11:00:00.000Z", "KES")
    expect(prices.inForce?.quoted).toMatchObject({ rate: "130", source: "manual", base: "USD" })
    expect(presentment.amountIn(prices, 1999)).toBe(259_870)
    const page = await rates.list(as("2026-11-20T11:00:00.000Z"), { currency: "KES" })
    expect(page.results.map(({ rate, source }) => [rate, source])).toEqual([
      ["130", "manual"],
      ["129.35", "manual"],
    ])
    expect(
      await rows("SELECT action, details FROM audit WHERE action = 'exchange-rate.set'"),
    ).toEqual([
      { action: "exchange-rate.set", details: '{"currency":"KES","rate":"129.35"}' },
      { action: "exchange-rate.set", details: '{"currency":"KES","rate":"130"}' },
    ])
  })

  it("by which prices would be no numbers any more is refused", async () => {
    await currency("KES")
    const as = ctx({ as: make.staff })
    for (const rate of ["999999999", "0.000000000000001"])
      await expect(rates.set(as, "KES", { rate })).rejects.toMatchObject({
        code: "invalid-input",
        details: { errors: [{ field: "rate", code: "too-big" }] },
      })
    expect(await countOf("exchange_rates")).toBe(0)
    await expect(rates.set(as, "JPY", { rate: "150" })).rejects.toMatchObject({ code: "not-found" })
  })
})
