import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, it, vi } from "vitest"

import type { Answer } from "../support/api.ts"
import * as make from "../support/make.ts"
import { person, rows, secret } from "../support/people.ts"
import { expectProblem, send } from "../support/wire.ts"

/** Ahead of the real clock: an object's alarm, which forgets, goes by that one. */
const start = Date.parse("2030-11-20T10:00:30.000Z")

/** The outer shield is not what is tested: it lets everything through. The limits behind it are on. */
const over = {
  RATE_LIMITS: "on",
  LIMIT_ANONYMOUS: { limit: async () => ({ success: true }) },
  LIMIT_SIGNED_IN: { limit: async () => ({ success: true }) },
}

/** Seconds after `start`. */
function at(seconds: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: start + seconds * 1000 })
}

/** Each try comes from an address of its own, unless one is given. */
let used = 0
const anywhere = () => `198.51.${Math.floor(++used / 250)}.${used % 250}`

function login(
  name: string,
  password: string,
  {
    from = anywhere(),
    as = "email",
    headers = {},
  }: { from?: string; as?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return send("POST", "auth/login", {
    over,
    body: { [as]: name, password },
    headers: { "cf-connecting-ip": from, ...headers },
  })
}

async function wrong(name: string, times: number, from?: string): Promise<number[]> {
  const statuses: number[] = []
  for (let n = 0; n < times; n++)
    statuses.push((await login(name, "wrong password", { ...(from && { from }) })).status)
  return statuses
}

/** The seconds that a 429 says to wait, in its header and its body. */
function waitOf(answer: Answer): number {
  expectProblem(answer, 429, "rate-limited")
  expect(answer.headers.get("retry-after")).toBe(String(answer.body.retry_after))
  return answer.body.retry_after
}

beforeEach(() => at(0))

describe("signing in to one account", () => {
  it("the sixth wrong try in a minute is 429, from wherever, and says when to come again", async () => {
    const ada = await person()
    expect(await wrong(ada.email, 5)).toEqual([401, 401, 401, 401, 401])
    expect(waitOf(await login(ada.email, "wrong password"))).toBe(60)
    at(20)
    expect(waitOf(await login(ada.email, "wrong password"))).toBe(40)
  })

  it("then the right password is refused too, and let in when the time is over", async () => {
    const ada = await person()
    await wrong(ada.email, 6)
    at(59)
    expect(waitOf(await login(ada.email, secret))).toBe(1)
    at(60)
    expect((await login(ada.email, secret)).status).toBe(200)
  })

  it("letter case, blanks, and the username for the e-mail do not help", async () => {
    const ada = await person()
    const [row] = await rows("SELECT username FROM users WHERE id = ?", ada.id)
    const username = String(row?.["username"])
    for (const [name, as] of [
      [ada.email, "email"],
      [ada.email.toUpperCase(), "email"],
      [` ${ada.email} `, "username"],
      [username, "username"],
      [username.toUpperCase(), "email"],
    ] as const)
      expect((await login(name, "wrong password", { as })).status).toBe(401)
    expect(waitOf(await login(username, "wrong password"))).toBe(60)
    expect(waitOf(await login(ada.email, "wrong password", { as: "username" }))).toBe(60)
  })

  it("X-Forwarded-For and its like do not help", async () => {
    const ada = await person()
    const from = anywhere()
    for (const name of [
      "x-forwarded-for",
      "x-real-ip",
      "true-client-ip",
      "forwarded",
      "x-client-ip",
    ])
      await login(ada.email, "wrong password", { from, headers: { [name]: "203.0.113.9" } })
    const sixth = await login(ada.email, "wrong password", {
      from,
      headers: { "x-forwarded-for": "203.0.113.10" },
    })
    expect(waitOf(sixth)).toBe(60)
  })

  it("another spelling of the path does not help", async () => {
    const ada = await person()
    await wrong(ada.email, 5)
    for (const path of [
      "auth/token",
      "auth/jwt/create",
      "users/login",
      "auth/login/",
      "/api/auth/login",
    ])
      expect(
        waitOf(
          await send("POST", path, {
            over,
            body: { email: ada.email, password: "wrong password" },
            headers: { "cf-connecting-ip": anywhere() },
          }),
        ),
      ).toBe(60)
  })

  it("each further window costs twice as long, up to a quarter of an hour", async () => {
    const ada = await person()
    let now = 0
    const waits: number[] = []
    for (let round = 0; round < 6; round++) {
      expect(await wrong(ada.email, 5)).toEqual([401, 401, 401, 401, 401])
      const refused = await login(ada.email, "wrong password")
      const wait = Number(refused.headers.get("retry-after"))
      waits.push(wait)
      at((now += wait))
    }
    expect(waits).toEqual([60, 120, 240, 480, 900, 900])
  })

  it("tries while it is closed do not make it longer", async () => {
    const ada = await person()
    await wrong(ada.email, 6)
    at(30)
    await wrong(ada.email, 10)
    expect(waitOf(await login(ada.email, secret))).toBe(30)
  })

  it("the right password forgets the wrong ones", async () => {
    const ada = await person()
    await wrong(ada.email, 4)
    expect((await login(ada.email, secret)).status).toBe(200)
    expect(await wrong(ada.email, 5)).toEqual([401, 401, 401, 401, 401])
    expect(waitOf(await login(ada.email, "wrong password"))).toBe(60)
  })

  it("a minute that is over forgets too", async () => {
    const ada = await person()
    await wrong(ada.email, 5)
    at(60)
    expect(await wrong(ada.email, 5)).toEqual([401, 401, 401, 401, 401])
  })

  it("counts ten at once as ten", async () => {
    const ada = await person()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => login(ada.email, "wrong password")),
    )
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b)
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429, 429, 429])
  })

  it("one account's tries are not another's", async () => {
    const [ada, eve] = [await person(), await person()]
    await wrong(ada.email, 6)
    expect((await login(eve.email, secret)).status).toBe(200)
  })

  it("an account that does not exist answers alike, to the letter", async () => {
    const ada = await person()
    const closed = await person()
    await env.DB.prepare("UPDATE users SET is_active = 0 WHERE id = ?").bind(closed.id).run()
    const bodies: unknown[][] = []
    for (const name of [ada.email, "nobody@example.com", closed.email]) {
      const answers: unknown[] = []
      for (let n = 0; n < 7; n++) {
        const { status, headers, body } = await login(
          n % 2 === 0 ? name : name.toUpperCase(),
          "wrong password",
        )
        const { instance: _instance, request_id: _id, ...said } = body
        answers.push([status, headers.get("retry-after"), headers.get("www-authenticate"), said])
      }
      bodies.push(answers)
    }
    expect(bodies[1]).toEqual(bodies[0])
    expect(bodies[2]).toEqual(bodies[0])
    expect(bodies[0]?.[5]).toContain(429)
  })
})

describe("signing in from one address", () => {
  it("is refused after twenty tries in a minute, whosever accounts they are for", async () => {
    const from = anywhere()
    for (let n = 0; n < 20; n++)
      expect((await login(`user-${n}@nowhere.test`, "wrong password", { from })).status).toBe(401)
    expect(waitOf(await login("user-21@nowhere.test", "wrong password", { from }))).toBe(60)
    const ada = await person()
    expect(waitOf(await login(ada.email, secret, { from }))).toBe(60)
    expect((await login(ada.email, secret)).status).toBe(200)
  })

  it("a success on the way does not start the count anew", async () => {
    const from = anywhere()
    const ada = await person()
    for (let n = 0; n < 19; n++) await login(`user-${n}@nowhere.test`, "wrong password", { from })
    expect((await login(ada.email, secret, { from })).status).toBe(200)
    expect(waitOf(await login(ada.email, secret, { from }))).toBe(60)
  })
})

describe("opening accounts from one address", () => {
  it("is refused after ten in an hour", async () => {
    const from = anywhere()
    const register = (n: number, where: string) =>
      send("POST", "auth/register", {
        over,
        body: { email: `new-${n}@example.com`, password: secret },
        headers: { "cf-connecting-ip": where },
      })
    for (let n = 0; n < 10; n++) {
      at(n * 60)
      expect((await register(n, from)).status).toBe(201)
    }
    at(600)
    expect(waitOf(await register(10, from))).toBe(3600)
    expect(await rows("SELECT id FROM users")).toHaveLength(10)
    expect((await register(11, anywhere())).status).toBe(201)
    at(600 + 3600)
    expect((await register(12, from)).status).toBe(201)
  })
})

describe("showing again who one is", () => {
  it("is refused after five wrong passwords in a minute", async () => {
    const [as] = [await person("admin"), await make.user("admin")]
    const erase = (password: string) => send("DELETE", "users/me", { over, as, body: { password } })
    for (let n = 0; n < 5; n++) expect((await erase("wrong password")).status).toBe(400)
    expect(waitOf(await erase(secret))).toBe(60)
    at(60)
    expect((await erase(secret)).status).toBe(204)
  })
})

it("with the switch off, as in local development, nothing is counted", async () => {
  const ada = await person()
  for (let n = 0; n < 8; n++) {
    const answer = await send("POST", "auth/login", {
      body: { email: ada.email, password: "wrong password" },
    })
    expect(answer.status).toBe(401)
  }
})
