import { beforeEach, describe, expect, it } from "vitest"

import type { Answer } from "../support/api.ts"
import * as make from "../support/make.ts"
import { expectProblem, send } from "../support/wire.ts"

const on = { RATE_LIMITS: "on" }

/** The local limiter counts by the minutes of the clock: no test may run over the end of one. */
beforeEach(async () => {
  const left = 60_000 - (Date.now() % 60_000)
  if (left < 6000) await new Promise((resolve) => setTimeout(resolve, left + 100))
})

/** Counters outlive a test: each has an address of its own. */
let used = 0
const address = () => `198.51.${Math.floor(++used / 250)}.${used % 250}`

/** The answers to `count` requests from this address, one after another. */
async function requests(
  count: number,
  from: string,
  {
    path = "info",
    over = on,
    headers = {},
    as,
  }: {
    path?: string
    over?: Partial<Record<keyof Env, unknown>>
    headers?: Record<string, string>
    as?: { access: string }
  } = {},
): Promise<Answer[]> {
  const answers: Answer[] = []
  for (let n = 0; n < count; n++)
    answers.push(
      await send("GET", path, { over, as, headers: { ...headers, "cf-connecting-ip": from } }),
    )
  return answers
}

const statuses = (answers: Answer[]) => [...new Set(answers.map(({ status }) => status))]

describe("an anonymous client", () => {
  it("has 100 requests a minute; the next is 429 and says when to come again", async () => {
    const from = address()
    const answers = await requests(101, from)
    expect(statuses(answers.slice(0, 100))).toEqual([200])
    const last = answers[100] as Answer
    expectProblem(last, 429, "rate-limited")
    const wait = Number(last.headers.get("retry-after"))
    expect(wait).toBeGreaterThanOrEqual(1)
    expect(wait).toBeLessThanOrEqual(60)
    expect(last.body).toMatchObject({ retry_after: wait, "violated-policies": ["anonymous"] })
  })

  it("is told how much is left", async () => {
    const [first, second] = await requests(2, address())
    expect(first?.headers.get("ratelimit-policy")).toBe('"anonymous";q=100;w=60')
    expect(first?.headers.get("ratelimit")).toMatch(/^"anonymous";r=99;t=(?:60|59)$/)
    expect(second?.headers.get("ratelimit")).toMatch(/^"anonymous";r=98;t=\d+$/)
  })

  it("over the limit is told so in the headers too, on a 429 and on a 304", async () => {
    const from = address()
    const [first] = await requests(1, from)
    const etag = first?.headers.get("etag") ?? ""
    const [unchanged] = await requests(1, from, { headers: { "if-none-match": etag } })
    expect(unchanged?.status).toBe(304)
    expect(unchanged?.headers.get("ratelimit")).toMatch(/^"anonymous";r=98;/)
    const answers = await requests(99, from)
    expect(answers.at(-1)?.status).toBe(429)
    expect(answers.at(-1)?.headers.get("ratelimit")).toMatch(/^"anonymous";r=0;t=\d+$/)
  })

  it("does not get more by X-Forwarded-For or its like", async () => {
    const from = address()
    await requests(100, from)
    for (const name of ["x-forwarded-for", "x-real-ip", "true-client-ip", "forwarded"]) {
      const [answer] = await requests(1, from, { headers: { [name]: "9.9.9.9" } })
      expect([name, answer?.status]).toEqual([name, 429])
    }
  })

  it("does not use up what another address has", async () => {
    await requests(101, address())
    expect(statuses(await requests(1, address()))).toEqual([200])
  })

  it("has one count for all routes and spellings", async () => {
    const from = address()
    await requests(50, from, { path: "/api/info/" })
    await requests(50, from, { path: "brands" })
    for (const path of ["info", "auth/status", "products", "users/me", "/problems/internal"]) {
      const [answer] = await requests(1, from, { path })
      expect([path, answer?.status]).toEqual([path, 429])
    }
  })

  it("that guesses tokens is counted as well", async () => {
    const from = address()
    const guess = { headers: { authorization: "Bearer guess" }, path: "users/me" }
    const answers = await requests(101, from, guess)
    expect(statuses(answers.slice(0, 100))).toEqual([401])
    expect(answers[100]?.status).toBe(429)
  })
})

describe("a signed-in client", () => {
  it("is counted by account, not by address, and has 1000", async () => {
    const user = await make.user()
    const from = address()
    await requests(100, from)
    expect(statuses(await requests(1, from, { path: "auth/status" }))).toEqual([429])
    const answers = await requests(101, from, { as: user, path: "auth/status" })
    expect(statuses(answers)).toEqual([200])
    expect(answers[0]?.headers.get("ratelimit-policy")).toBe('"signed-in";q=1000;w=60')
    expect(answers[100]?.headers.get("ratelimit")).toMatch(/^"signed-in";r=899;/)
  })
})

describe("the switch", () => {
  it("off is believed in development", async () => {
    const from = address()
    const over = { RATE_LIMITS: "off", ENVIRONMENT: "development" }
    const answers = await requests(105, from, { over })
    expect(statuses(answers)).toEqual([200])
    expect(answers[0]?.headers.get("ratelimit")).toBeNull()
  })

  it("off is ignored in production", async () => {
    const over = { RATE_LIMITS: "off", ENVIRONMENT: "production" }
    const answers = await requests(101, address(), { over })
    expect(answers[100]?.status).toBe(429)
  })
})

it("health checks and documentation are not counted", async () => {
  const from = address()
  await requests(100, from)
  for (const path of ["/health/liveness", "/health/readiness", "/api/v1/docs", "/api/v1/schema"]) {
    const [answer] = await requests(1, from, { path })
    expect([path, answer?.status]).toEqual([path, 200])
  }
})
