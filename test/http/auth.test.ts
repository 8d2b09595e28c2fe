import { env } from "cloudflare:workers"
import { type JWK, SignJWT, importJWK } from "jose"
import { beforeEach, describe, expect, it, vi } from "vitest"

import type { Answer } from "../support/api.ts"
import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { expectProblem, fieldsOf, send } from "../support/wire.ts"

const password = "SecurePass123!"
const john = {
  username: "john_doe",
  email: "john@example.com",
  password,
  first_name: "John",
  last_name: "Doe",
}
const seconds = 1000
const days = 86_400 * seconds

const register = (body: unknown) => send("POST", "auth/register", { body })
const login = (body: unknown) => send("POST", "auth/login", { body })
const refresh = (token: string) => send("POST", "auth/refresh", { body: { refresh: token } })
const me = (access: string) => send("GET", "users/me", { as: { access } })

async function signUp(body: Record<string, unknown> = john): Promise<Answer["body"]> {
  const answer = await register(body)
  expect(answer.status).toBe(201)
  return answer.body
}

/** The refresh tokens that still buy something. */
async function liveTokens(): Promise<number> {
  const sql = `SELECT count(*) AS n FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
    WHERE t.used_at IS NULL AND s.ended_at IS NULL`
  return (await env.DB.prepare(sql).first<number>("n")) ?? 0
}

function stopTheClock(): { at: (milliseconds: number) => void } {
  const began = Date.now()
  vi.useFakeTimers({ toFake: ["Date"], now: began })
  return { at: (milliseconds) => vi.setSystemTime(began + milliseconds) }
}

describe("opening an account", () => {
  it("C012 needs no confirmation, answers the account, never the password", async () => {
    const answer = await call("POST", "/api/auth/register/", { body: john })
    expect(answer).toMatchObject({
      status: 201,
      body: {
        user: {
          id: expect.stringMatching(/^usr_[0-9a-z]{26}$/),
          username: "john_doe",
          email: "john@example.com",
          first_name: "John",
          last_name: "Doe",
          full_name: "John Doe",
          role: "customer",
          is_staff: false,
          is_active: true,
          is_verified: false,
        },
      },
    })
    expect(JSON.stringify(answer.body)).not.toMatch(/password|SecurePass|argon2/i)
  })

  it("C013, C022, C027 takes a confirmation and answers both spellings of the tokens", async () => {
    const body = await signUp({ ...john, password_confirm: password })
    expect(body.message).toMatch(/\w/)
    expect(body.tokens).toEqual({ access: body.access, refresh: body.refresh })
    expect((await me(body.access)).body.id).toBe(body.user.id)
  })

  it("C014, C020, C024 refuses an e-mail that is registered, naming it", async () => {
    await signUp()
    const answer = await register({ ...john, username: "another" })
    expectProblem(answer, 400, "invalid-input")
    expect(answer.body.errors).toEqual([
      {
        field: "email",
        pointer: "/email",
        detail: "This email is already registered: it already exists.",
        code: "taken",
      },
    ])
  })

  it("names the e-mail and the username when both are taken", async () => {
    await signUp()
    const answer = await register(john)
    expect(fieldsOf(answer)).toEqual([
      ["email", "/email"],
      ["username", "/username"],
    ])
  })

  it("C032 knows an e-mail in any letter case, and a username too", async () => {
    await signUp()
    const answer = await register({
      email: "JOHN@Example.COM",
      username: "JOHN_DOE",
      password,
    })
    expectProblem(answer, 400, "invalid-input")
    expect(fieldsOf(answer).map(([field]) => field)).toEqual(["email", "username"])
  })

  it("C015, C021, C025 names a bad e-mail and a short password together", async () => {
    const answer = await register({ email: "invalid-email", password: "123" })
    expectProblem(answer, 400, "invalid-input")
    expect(fieldsOf(answer).map(([field]) => field)).toEqual(["email", "password"])
    expect(JSON.stringify(answer.body.errors)).toContain("at least 8 characters")
    expectProblem(await register({ ...john, password: "1", password2: "1" }), 400, "invalid-input")
  })

  it("C016 makes a username of the e-mail's local part, then numbers it", async () => {
    const name = async (email: string) => (await signUp({ email, password })).user.username
    expect(await name("john@example.com")).toBe("john")
    expect(await name("john@example.org")).toBe("john1")
    expect(await name("John@example.net")).toBe("john2")
    expect(await name("o'hara@example.com")).toBe("ohara")
  })

  it("many who are given a username at once all get one of their own", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => register({ email: `sam@host${n}.example`, password })),
    )
    expect(answers.filter(({ status }) => status !== 201)).toEqual([])
    const names: string[] = answers.map(({ body }) => body.user.username)
    expect(new Set(names).size).toBe(20)
    expect(names).toContain("sam")
    for (const name of names) expect(name).toMatch(/^sam\d{0,4}$/)
  })

  it("of two with the same e-mail at once one is opened", async () => {
    const answers = await Promise.all(
      ["a", "b", "c", "d"].map((username) => register({ ...john, username })),
    )
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b)
    expect(statuses).toEqual([201, 400, 400, 400])
    for (const answer of answers.filter(({ status }) => status === 400))
      expect(fieldsOf(answer)).toEqual([["email", "/email"]])
  })

  it("C017, C018, C029 compares the confirmation under any of its names", async () => {
    const person = {
      email: "amina@example.com",
      first_name: "Amina",
      phone: "+254712345678",
      password: "testpass123",
    }
    for (const name of ["password2", "re_password", "password_confirm"]) {
      const answer = await register({ ...person, [name]: "something else" })
      expectProblem(answer, 400, "invalid-input")
      expect(fieldsOf(answer).map(([field]) => field)).toEqual(["password", "password_confirm"])
      expect(JSON.stringify(answer.body.errors)).toContain("match")
    }
    const body = await signUp({ ...person, password2: "testpass123" })
    expect(body.user.phone).toBe("+254712345678")
  })

  it("C023 lists what is missing", async () => {
    const answer = await register({})
    expect(answer.body.errors).toEqual([
      {
        field: "email",
        pointer: "/email",
        detail: "This field is required.",
        code: "invalid-type",
      },
      {
        field: "password",
        pointer: "/password",
        detail: "This field is required.",
        code: "invalid-type",
      },
    ])
  })

  it("C026, C028, C030 answers under its other paths", async () => {
    const paths = ["/api/v1/auth/users/", "/api/v1/users/register/", "/api/auth/users/"]
    for (const [n, path] of paths.entries()) {
      const body = { email: `jane${n}@example.com`, password, re_password: password }
      const answer = await call("POST", path, { body })
      expect([answer.status, answer.body.user.email]).toEqual([201, body.email])
      expect(answer.body.access).toMatch(/^ey/)
      expect(answer.headers.get("link")).toBe('</api/v1/auth/register>; rel="canonical"')
    }
  })

  it("C031 refuses a bad e-mail and a bad username", async () => {
    const answer = await register({ email: "x", username: "a b!", password })
    expect(fieldsOf(answer).map(([field]) => field)).toEqual(["email", "username"])
    expect(answer.body.errors[0].detail).toBe("Enter a valid email address.")
  })

  it("keeps an e-mail without blanks and in lower case", async () => {
    const body = await signUp({ email: "  Ada@Example.COM ", password })
    expect(body.user.email).toBe("ada@example.com")
  })

  it("takes passwords of 8 to 256 characters, counted as people count", async () => {
    const status = async (n: number, secret: string) =>
      (await register({ email: `length${n}@example.com`, password: secret })).status
    expect(await status(1, "1234567")).toBe(400)
    expect(await status(2, "pässgang")).toBe(201)
    expect(await status(3, "xyz-".repeat(64))).toBe(201)
    expect(await status(4, `${"xyz-".repeat(64)}x`)).toBe(400)
    expect(await status(5, "🔑🗝🔒🔓🔏🔐🧷")).toBe(400)
    expect(await status(6, "🔑🗝🔒🔓🔏🔐🧷📎")).toBe(201)
  })

  it("refuses the e-mail or the username as the password", async () => {
    for (const secret of ["john@example.com", "JOHN@EXAMPLE.COM", "john_doe", "John_Doe"]) {
      const answer = await register({ ...john, password: secret })
      expectProblem(answer, 400, "invalid-input")
      expect(fieldsOf(answer)).toEqual([["password", "/password"]])
    }
  })

  it("C019 gives nobody a role, a flag or an id that they ask for", async () => {
    const body = await signUp({
      ...john,
      id: "usr_mine",
      user_type: "ADMIN",
      role: "admin",
      is_staff: true,
      is_superuser: true,
      is_active: false,
      is_verified: true,
      mfa_enabled: true,
      date_joined: "2001-01-01T00:00:00.000Z",
      created_at: "2001-01-01T00:00:00.000Z",
      password_hash: "none",
    })
    expect(body.user).toMatchObject({
      role: "customer",
      is_staff: false,
      is_active: true,
      is_verified: false,
      mfa_enabled: false,
    })
    expect(body.user.id).not.toBe("usr_mine")
    expect(body.user.date_joined).toMatch(/^20[2-9]/)
    const row = await env.DB.prepare("SELECT role, is_verified, password_hash FROM users").first()
    expect(row).toMatchObject({ role: "customer", is_verified: 0 })
    expect(row?.["password_hash"]).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    const answer = await send("GET", "admin/orders", { as: { access: body.access } })
    expectProblem(answer, 403, "forbidden")
  })
})

describe("signing in", () => {
  beforeEach(async () => {
    await signUp()
  })

  it("C033, C034, C036, C038, C041 takes the e-mail or the username, in either field", async () => {
    const logins = [
      { username: "john_doe", password },
      { email: "john@example.com", password },
      { email: "john_doe", password },
      { username: "john@example.com", password },
      { username: "JOHN_DOE", password },
      { email: " JOHN@example.COM ", password },
    ]
    for (const body of logins) {
      const answer = await login(body)
      expect([body, answer.status]).toEqual([body, 200])
      expect(answer.body).toMatchObject({
        message: "Signed in.",
        user: { email: "john@example.com", username: "john_doe" },
        tokens: { access: answer.body.access, refresh: answer.body.refresh },
      })
    }
  })

  it("C039, C040 answers under its other paths", async () => {
    for (const path of ["/api/auth/token/", "/api/v1/auth/jwt/create/", "/api/v1/users/login/"]) {
      const answer = await call("POST", path, { body: { email: john.email, password } })
      expect([path, answer.status]).toEqual([path, 200])
      expect(answer.body.access).toMatch(/^ey/)
      expect(answer.body.refresh).toMatch(/^[\w-]{43}$/)
    }
  })

  it("C035, C042 answers a wrong password and an unknown account alike", async () => {
    const wrong = await login({ email: john.email, password: "wrong password" })
    const unknown = await login({ email: "nobody@example.com", password: "wrong password" })
    for (const answer of [wrong, unknown]) {
      expectProblem(answer, 401, "wrong-credentials")
      for (const name of ["instance", "request_id"]) delete answer.body[name]
    }
    expect(unknown.body).toEqual(wrong.body)
    const names = (answer: Answer) => [...answer.headers.keys()].toSorted()
    expect(names(unknown)).toEqual(names(wrong))
  })

  it("takes as long for an unknown account as for a wrong password", async () => {
    const took = async (email: string) => {
      const start = performance.now()
      await login({ email, password: "wrong password" })
      return performance.now() - start
    }
    await took(john.email)
    const median = async (email: string) => {
      const times: number[] = []
      for (let n = 0; n < 7; n++) times.push(await took(email))
      return times.toSorted((a, b) => a - b)[3] ?? 0
    }
    const [known, unknown] = [await median(john.email), await median("nobody@example.com")]
    // Hashing takes about 20 ms; without it the answer would come in 3.
    expect(unknown).toBeGreaterThan(known / 2)
  })

  it("refuses a closed account in the same words", async () => {
    await env.DB.prepare("UPDATE users SET is_active = 0").run()
    expectProblem(await login({ email: john.email, password }), 401, "wrong-credentials")
  })

  it("C043 names what is missing", async () => {
    const noPassword = await login({ email: john.email })
    expectProblem(noPassword, 400, "invalid-input")
    expect(fieldsOf(noPassword)).toEqual([["password", "/password"]])
    const noLogin = await login({ password })
    expectProblem(noLogin, 400, "invalid-input")
    expect(fieldsOf(noLogin)).toEqual([["email", "/email"]])
    expect(fieldsOf(await login({})).map(([field]) => field)).toEqual(["email", "password"])
    expect(fieldsOf(await login({ email: "", password: "" })).map(([field]) => field)).toContain(
      "email",
    )
  })

  it("takes a password however the keyboard composes it", async () => {
    await signUp({ email: "accent@example.com", password: "crème brûlée".normalize("NFC") })
    const answer = await login({
      email: "accent@example.com",
      password: "crème brûlée".normalize("NFD"),
    })
    expect(answer.status).toBe(200)
  })

  it("takes a password exactly: case, blanks and all", async () => {
    for (const wrong of [
      password.toLowerCase(),
      ` ${password}`,
      `${password} `,
      `${password}\u0000`,
    ])
      expectProblem(await login({ email: john.email, password: wrong }), 401, "wrong-credentials")
  })

  it("remembers when it was", async () => {
    const clock = stopTheClock()
    clock.at(5 * seconds)
    const answer = await login({ email: john.email, password })
    expect((await me(answer.body.access)).body.last_login).toBe(new Date().toISOString())
  })

  it("remakes a hash of weaker parameters, and leaves one of today's alone", async () => {
    const stored = () =>
      env.DB.prepare("SELECT password_hash FROM users").first<string>("password_hash")
    const today = await stored()
    await login({ email: john.email, password })
    expect(await stored()).toBe(today)
    const weak =
      "$argon2id$v=19$m=1024,t=1,p=1$XE0CMbgj0r/7q3XXO6JKFw$JckEaPL7C6DnuYxbnJQLCL1aKRqLlYUMsGw2/cPWTQI"
    await env.DB.prepare("UPDATE users SET password_hash = ?").bind(weak).run()
    expectProblem(await login({ email: john.email, password: "wrong" }), 401, "wrong-credentials")
    expect(await stored()).toBe(weak)
    expect((await login({ email: john.email, password })).status).toBe(200)
    expect(await stored()).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect((await login({ email: john.email, password })).status).toBe(200)
  })

  it("does not look at a token that is sent along", async () => {
    const answer = await send("POST", "auth/login", {
      body: { email: john.email, password },
      headers: { authorization: "Bearer rubbish" },
    })
    expect(answer.status).toBe(200)
  })

  it("treats SQL as text", async () => {
    for (const text of ["' OR 1=1 --", 'john_doe"; DROP TABLE users; --', "%", "john_do_"])
      expectProblem(await login({ username: text, password }), 401, "wrong-credentials")
    expect((await login({ email: john.email, password })).status).toBe(200)
  })
})

describe("refreshing", () => {
  it("C046, C047, C050 answers a new pair under each of its paths", async () => {
    let { refresh: token } = await signUp()
    const paths = ["/api/auth/refresh/", "/api/auth/token/refresh/", "/api/v1/auth/jwt/refresh/"]
    for (const path of paths) {
      const answer = await call("POST", path, { body: { refresh: token } })
      expect([path, answer.status]).toEqual([path, 200])
      expect(Object.keys(answer.body).toSorted()).toEqual(["access", "refresh"])
      expect(answer.body.refresh).not.toBe(token)
      expect((await me(answer.body.access)).status).toBe(200)
      token = answer.body.refresh
    }
    const spelled = await send("POST", "auth/refresh", { body: { refresh_token: token } })
    expect(spelled.status).toBe(200)
  })

  it("C048 a used token ends the whole family", async () => {
    const clock = stopTheClock()
    const first = await signUp()
    const second = (await refresh(first.refresh)).body
    clock.at(11 * seconds)
    expectProblem(await refresh(first.refresh), 401, "token-reused")
    expectProblem(await refresh(second.refresh), 401, "token-not-valid")
    expectProblem(await me(second.access), 401, "token-not-valid")
    expectProblem(await me(first.access), 401, "token-not-valid")
    expect(await liveTokens()).toBe(0)
  })

  it("ends no other session of the account", async () => {
    const clock = stopTheClock()
    const first = await signUp()
    const elsewhere = (await login({ email: john.email, password })).body
    await refresh(first.refresh)
    clock.at(11 * seconds)
    expectProblem(await refresh(first.refresh), 401, "token-reused")
    expect((await me(elsewhere.access)).status).toBe(200)
    expect((await refresh(elsewhere.refresh)).status).toBe(200)
  })

  it("the one before gets the same successor again for 10 s: its answer may have been lost", async () => {
    const clock = stopTheClock()
    const first = await signUp()
    const second = (await refresh(first.refresh)).body
    clock.at(9 * seconds)
    const again = await refresh(first.refresh)
    expect(again).toMatchObject({ status: 200, body: { refresh: second.refresh } })
    clock.at(10 * seconds)
    expect((await refresh(first.refresh)).body.refresh).toBe(second.refresh)
    clock.at(10 * seconds + 1)
    expectProblem(await refresh(first.refresh), 401, "token-reused")
  })

  it("the one before that ends the family even within 10 s", async () => {
    stopTheClock()
    const first = await signUp()
    const second = (await refresh(first.refresh)).body
    const third = (await refresh(second.refresh)).body
    expectProblem(await refresh(first.refresh), 401, "token-reused")
    expectProblem(await refresh(third.refresh), 401, "token-not-valid")
  })

  it("a hundred at once leave exactly one live token", async () => {
    const first = await signUp()
    const answers = await Promise.all(Array.from({ length: 100 }, () => refresh(first.refresh)))
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
    const successors = new Set(answers.map(({ body }) => body.refresh))
    expect(successors.size).toBe(1)
    expect(await liveTokens()).toBe(1)
    const [successor] = successors
    expect((await refresh(successor)).status).toBe(200)
    expect(await liveTokens()).toBe(1)
  })

  it("C049 knows no token that it did not give, and keeps none in clear", async () => {
    const first = await signUp()
    for (const token of ["invalid_refresh_token", first.access.slice(0, 200), "x".repeat(43)])
      expectProblem(await refresh(token), 401, "token-not-valid")
    const second = (await refresh(first.refresh)).body
    const { results } = await env.DB.prepare("SELECT * FROM refresh_tokens").all()
    expect(results).toHaveLength(2)
    for (const token of [first.refresh, second.refresh])
      expect(JSON.stringify(results)).not.toContain(token)
  })

  it("refuses a missing, empty or oversized token as input", async () => {
    for (const body of [{}, { refresh: "" }, { refresh: 5 }, { refresh: "x".repeat(201) }]) {
      const answer = await send("POST", "auth/refresh", { body })
      expectProblem(answer, 400, "invalid-input")
      expect(fieldsOf(answer)).toEqual([["refresh", "/refresh"]])
    }
  })

  it("a session that lies idle for 7 days is over", async () => {
    const clock = stopTheClock()
    const first = await signUp()
    clock.at(7 * days - seconds)
    const second = (await refresh(first.refresh)).body
    clock.at(14 * days - seconds)
    expectProblem(await refresh(second.refresh), 401, "token-not-valid")
  })

  it("a session is over after 30 days, however busy", async () => {
    const clock = stopTheClock()
    let { refresh: token } = await signUp()
    for (const day of [6, 12, 18, 24, 29]) {
      clock.at(day * days)
      const answer = await refresh(token)
      expect([day, answer.status]).toEqual([day, 200])
      token = answer.body.refresh
    }
    clock.at(30 * days)
    expectProblem(await refresh(token), 401, "token-not-valid")
  })

  it("a closed account gets no new tokens", async () => {
    const first = await signUp()
    await env.DB.prepare("UPDATE users SET is_active = 0").run()
    expectProblem(await refresh(first.refresh), 401, "token-not-valid")
  })

  it("a role that changed meanwhile is in the next token", async () => {
    const first = await signUp()
    await env.DB.prepare("UPDATE users SET role = 'staff'").run()
    const { body } = await refresh(first.refresh)
    const [, payload = ""] = body.access.split(".")
    expect(JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))).role).toBe("staff")
  })
})

describe("verifying", () => {
  it("C050 answers {} for a live token, 401 for any other", async () => {
    const body = await signUp()
    for (const path of ["/api/v1/auth/verify", "/api/v1/auth/jwt/verify/"]) {
      const answer = await call("POST", path, { body: { token: body.access } })
      expect([answer.status, answer.body]).toEqual([200, {}])
    }
    for (const token of ["rubbish", body.refresh, `${body.access}x`, "a.b.c"]) {
      const answer = await send("POST", "auth/verify", { body: { token } })
      expectProblem(answer, 401, "token-not-valid")
    }
    await send("POST", "auth/logout", { as: body })
    const after = await send("POST", "auth/verify", { body: { token: body.access } })
    expectProblem(after, 401, "token-not-valid")
  })

  it("refuses a token of a megabyte as input", async () => {
    const answer = await send("POST", "auth/verify", { body: { token: "x".repeat(1_000_000) } })
    expectProblem(answer, 400, "invalid-input")
  })
})

describe("signing out", () => {
  it("C075, C079 ends the access token and the refresh token", async () => {
    const body = await signUp()
    const answer = await send("POST", "auth/logout", { as: body, body: { refresh: body.refresh } })
    expect(answer).toMatchObject({ status: 200, body: { detail: "Successfully logged out." } })
    expectProblem(await me(body.access), 401, "token-not-valid")
    expectProblem(await refresh(body.refresh), 401, "token-not-valid")
  })

  it("C076 needs no refresh token, no body and no content type; twice is 401", async () => {
    const requests = [{}, { body: {} }, { headers: { "content-type": "application/json" } }]
    for (const [n, request] of requests.entries()) {
      const body = await signUp({ email: `out${n}@example.com`, password })
      const answer = await send("POST", "auth/logout", { as: body, ...request })
      expect([n, answer.status]).toEqual([n, 200])
      expectProblem(await refresh(body.refresh), 401, "token-not-valid")
      expectProblem(await send("POST", "auth/logout", { as: body }), 401, "token-not-valid")
    }
  })

  it("C077, C081 takes refresh_token too", async () => {
    const body = await signUp()
    const answer = await call("POST", "/api/auth/logout/", {
      as: body,
      body: { refresh_token: body.refresh },
    })
    expect(answer).toMatchObject({ status: 200, body: { message: "Successfully logged out." } })
    expectProblem(await refresh(body.refresh), 401, "token-not-valid")
  })

  it("C078 refuses what is no live refresh token of the caller's, and ends nothing", async () => {
    const body = await signUp()
    const other = await signUp({ email: "other@example.com", password })
    for (const token of [body.access, "rubbish", other.refresh]) {
      const answer = await send("POST", "auth/logout", { as: body, body: { refresh: token } })
      expectProblem(answer, 400, "invalid-input")
      expect(fieldsOf(answer)).toEqual([["refresh", "/refresh"]])
    }
    expect((await me(body.access)).status).toBe(200)
    expect((await me(other.access)).status).toBe(200)
  })

  it("ends the caller's session and that of the refresh token sent along", async () => {
    const [one, two] = [await signUp(), (await login({ email: john.email, password })).body]
    const three = (await login({ email: john.email, password })).body
    await send("POST", "auth/logout", { as: one, body: { refresh: two.refresh } })
    expectProblem(await me(one.access), 401, "token-not-valid")
    expectProblem(await me(two.access), 401, "token-not-valid")
    expect((await me(three.access)).status).toBe(200)
  })

  it("C080 everywhere ends every session of the account, and of no other", async () => {
    const [one, two] = [await signUp(), (await login({ email: john.email, password })).body]
    const other = await signUp({ email: "other@example.com", password })
    const answer = await send("POST", "auth/logout-all", { as: one })
    expect(answer).toMatchObject({ status: 200, body: { message: "Signed out everywhere." } })
    for (const session of [one, two]) {
      expectProblem(await me(session.access), 401, "token-not-valid")
      expectProblem(await refresh(session.refresh), 401, "token-not-valid")
    }
    expect((await me(other.access)).status).toBe(200)
    expect((await login({ email: john.email, password })).status).toBe(200)
  })

  it("needs a token", async () => {
    for (const path of ["auth/logout", "auth/logout-all"])
      expectProblem(await send("POST", path), 401, "unauthenticated")
  })
})

describe("asking who one is", () => {
  it("C055 answers both ways", async () => {
    const body = await signUp()
    const known = await send("GET", "auth/status", { as: body })
    expect(known).toMatchObject({
      status: 200,
      body: { authenticated: true, user: { email: "john@example.com" } },
    })
    const guest = await call("GET", "/api/auth/status/")
    expect([guest.status, guest.body]).toEqual([200, { authenticated: false, user: null }])
  })

  it("refuses a token that does not hold rather than taking the caller for a guest", async () => {
    const answer = await send("GET", "auth/status", { as: { access: "rubbish" } })
    expectProblem(answer, 401, "token-not-valid")
  })
})

describe("the session document in KV", () => {
  const keys = async () =>
    (await env.CACHE.list({ prefix: "session:" })).keys.map(({ name }) => name)

  it("falls back to D1 when it is missing, and is put back", async () => {
    const body = await signUp()
    const [key = ""] = await keys()
    expect(JSON.parse((await env.CACHE.get(key)) ?? "")).toEqual({
      user_id: body.user.id,
      role: "customer",
    })
    await env.CACHE.delete(key)
    expect((await me(body.access)).status).toBe(200)
    expect(await keys()).toEqual([key])
    const before = await me(body.access)
    expect(before.headers.get("server-timing")).toContain('d1_queries;desc="1"')
  })

  it("missing for a session that ended does not bring it back", async () => {
    const body = await signUp()
    await send("POST", "auth/logout", { as: body })
    for (const key of await keys()) await env.CACHE.delete(key)
    expectProblem(await me(body.access), 401, "token-not-valid")
  })

  it("missing for an account that was closed does not let it in", async () => {
    const body = await signUp()
    await env.DB.prepare("UPDATE users SET is_active = 0").run()
    for (const key of await keys()) await env.CACHE.delete(key)
    expectProblem(await me(body.access), 401, "token-not-valid")
  })

  it("of somebody else does not open this session", async () => {
    const body = await signUp()
    const [key = ""] = await keys()
    await env.CACHE.put(key, JSON.stringify({ user_id: "usr_other", role: "admin" }))
    expectProblem(await me(body.access), 401, "token-not-valid")
  })

  it("a session that D1 never heard of is none", async () => {
    const user = await make.user()
    await env.DB.batch([
      env.DB.prepare("DELETE FROM refresh_tokens"),
      env.DB.prepare("DELETE FROM sessions"),
    ])
    for (const key of await keys()) await env.CACHE.delete(key)
    expectProblem(await me(user.access), 401, "token-not-valid")
  })
})

describe("what is no bearer token", () => {
  it("C082 is refused in every form, on open paths too", async () => {
    const user = await make.user()
    const headers = [
      "Bearer invalid_token_here",
      "Bearer",
      "Bearer ",
      "InvalidFormat token123",
      user.access,
      `Basic ${user.access}`,
      `Bearer ${user.access} ${user.access}`,
      `Bearer ${user.access},`,
    ]
    for (const authorization of headers) {
      for (const path of ["users/me", "cart", "products"]) {
        const answer = await send("GET", path, { headers: { authorization } })
        expectProblem(answer, 401, "token-not-valid")
        expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer /)
      }
    }
    const loose = await send("GET", "users/me", {
      headers: { authorization: `bearer   ${user.access}` },
    })
    expect(loose.status).toBe(200)
  })
})

describe("an access token", () => {
  type Claims = Record<string, unknown>
  const [ours = {} as JWK] = JSON.parse(env.JWT_KEYS) as JWK[]
  const now = () => Math.floor(Date.now() / 1000)
  const encoded = (value: unknown) =>
    btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")

  /** A token of ours for this user's live session, but for what `claims` and `header` say. */
  async function forged(
    user: Awaited<ReturnType<typeof make.user>>,
    { claims = {}, header = {}, key = ours }: { claims?: Claims; header?: Claims; key?: JWK } = {},
  ): Promise<string> {
    const payload = {
      sub: user.id,
      sid: user.sessionId,
      role: user.role,
      iss: "nexus",
      aud: "nexus-api",
      iat: now(),
      exp: now() + 900,
      ...claims,
    }
    return new SignJWT(payload)
      .setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", kid: ours.kid ?? "", ...header })
      .sign(await importJWK(key, "EdDSA"))
  }

  it("made as ours are is let in: the forgeries below fail for their own reason", async () => {
    const user = await make.user()
    expect((await me(await forged(user))).status).toBe(200)
  })

  it("says whose it is by the standard's names, and lives 15 minutes", async () => {
    const user = await make.user()
    const [header = "", payload = ""] = user.access
      .split(".")
      .map((part) => atob(part.replaceAll("-", "+").replaceAll("_", "/")).replace(/[^}]*$/, ""))
    expect(JSON.parse(header)).toEqual({ alg: "EdDSA", typ: "at+jwt", kid: ours.kid })
    const claims = JSON.parse(payload)
    expect(claims).toMatchObject({ iss: "nexus", aud: "nexus-api", sub: user.id })
    expect(claims.exp - claims.iat).toBe(900)
    expect(Object.keys(claims).toSorted()).toEqual([
      "aud",
      "exp",
      "iat",
      "iss",
      "jti",
      "role",
      "sid",
      "sub",
    ])
  })

  it("C083 is over when it expires, with 30 s for clocks that differ", async () => {
    const clock = stopTheClock()
    const user = await make.user()
    clock.at(929 * seconds)
    expect((await me(user.access)).status).toBe(200)
    clock.at(931 * seconds)
    const answer = await me(user.access)
    expectProblem(answer, 401, "token-not-valid")
    expect(answer.body.detail).toBe("The token has expired")
  })

  it("C083 with its last characters changed, or cut, is refused", async () => {
    const user = await make.user()
    const changed = `${user.access.slice(0, -5)}${user.access.endsWith("AAAAA") ? "BBBBB" : "AAAAA"}`
    const [header = "", payload = "", signature = ""] = user.access.split(".")
    for (const token of [
      changed,
      user.access.slice(0, -5),
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}..${signature}`,
      `${user.access}.${signature}`,
    ])
      expectProblem(await me(token), 401, "token-not-valid")
  })

  it("without a signature is refused, in any spelling of none", async () => {
    const user = await make.user()
    const [, payload = "", signature = ""] = user.access.split(".")
    for (const alg of ["none", "None", "NONE", "nOnE", ""]) {
      const header = encoded({ alg, typ: "at+jwt", kid: ours.kid })
      for (const end of ["", signature])
        expectProblem(await me(`${header}.${payload}.${end}`), 401, "token-not-valid")
    }
  })

  it("signed by HS256 with our public key as the secret is refused", async () => {
    const user = await make.user()
    const jwks = (await call("GET", "/.well-known/jwks.json")).body
    const published = jwks.keys[0]
    const secrets = [published.x, JSON.stringify(published), JSON.stringify(jwks)]
    for (const secret of secrets) {
      const token = await new SignJWT({ sid: user.sessionId, role: "admin" })
        .setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid: published.kid })
        .setSubject(user.id)
        .setIssuer("nexus")
        .setAudience("nexus-api")
        .setIssuedAt()
        .setExpirationTime("10m")
        .sign(new TextEncoder().encode(secret))
      expectProblem(await me(token), 401, "token-not-valid")
    }
  })

  it("naming a key that is not ours is refused", async () => {
    const user = await make.user()
    for (const kid of ["other", "../../etc/passwd", "' OR '1'='1", "__proto__", "x".repeat(5000)])
      expectProblem(await me(await forged(user, { header: { kid } })), 401, "token-not-valid")
  })

  it("signed by another key is refused, though it brings that key along", async () => {
    const user = await make.user()
    const pair = (await crypto.subtle.generateKey("Ed25519", true, [
      "sign",
      "verify",
    ])) as CryptoKeyPair
    const key = (await crypto.subtle.exportKey("jwk", pair.privateKey)) as JWK
    const { x = "" } = key
    const jwk = { kty: "OKP", crv: "Ed25519", x }
    const headers: Claims[] = [
      {},
      { jwk },
      { jwk, kid: undefined },
      { jku: "https://evil.example/jwks.json" },
      { x5u: "https://evil.example/cert.pem" },
    ]
    for (const header of headers)
      expectProblem(await me(await forged(user, { key, header })), 401, "token-not-valid")
  })

  it("of another kind, issuer or audience is refused", async () => {
    const user = await make.user()
    for (const typ of ["JWT", "id+jwt", "refresh", undefined])
      expectProblem(await me(await forged(user, { header: { typ } })), 401, "token-not-valid")
    for (const claims of [
      { iss: "somebody" },
      { iss: undefined },
      { aud: "another-api" },
      { aud: undefined },
      { aud: [] },
    ])
      expectProblem(await me(await forged(user, { claims })), 401, "token-not-valid")
  })

  it("expired, not yet valid or without an end is refused", async () => {
    const user = await make.user()
    for (const claims of [
      { exp: now() - 31 },
      { exp: 0 },
      { exp: undefined },
      { exp: "tomorrow" },
      { nbf: now() + 3600 },
      { iat: undefined },
      { sub: undefined },
      { sid: undefined },
    ])
      expectProblem(await me(await forged(user, { claims })), 401, "token-not-valid")
  })

  it("whose payload was edited is refused", async () => {
    const user = await make.user()
    const [header = "", payload = "", signature = ""] = user.access.split(".")
    const claims = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")))
    for (const edit of [{ role: "admin" }, { exp: claims.exp + 1 }, { sub: "usr_other" }, {}]) {
      const token = `${header}.${encoded({ ...claims, ...edit, edited: true })}.${signature}`
      expectProblem(await me(token), 401, "token-not-valid")
    }
  })

  it("that says a role above the session's does not raise it", async () => {
    const user = await make.user()
    const token = await forged(user, { claims: { role: "admin" } })
    const answer = await send("GET", "admin/orders", { as: { access: token } })
    expectProblem(answer, 403, "forbidden")
  })

  it("for somebody else's session is refused", async () => {
    const [user, other] = [await make.user(), await make.user("admin")]
    const token = await forged(user, { claims: { sub: user.id, sid: other.sessionId } })
    expectProblem(await me(token), 401, "token-not-valid")
  })

  it("with demands that we do not know is refused", async () => {
    const user = await make.user()
    const [, payload = "", signature = ""] = user.access.split(".")
    const header = { alg: "EdDSA", typ: "at+jwt", kid: ours.kid, crit: ["exp"], exp: 1 }
    expectProblem(await me(`${encoded(header)}.${payload}.${signature}`), 401, "token-not-valid")
  })

  it("of a megabyte, or of rubbish, is 401 and never a crash", async () => {
    const big = "x".repeat(1_000_000)
    const tokens = [
      big,
      `${big}.${big}.${big}`.slice(0, 1_000_000),
      `${encoded({ alg: "EdDSA", big })}.e30.AAAA`,
      "...",
      "a.b.c",
      "e30.e30.e30",
      `${encoded({ alg: "EdDSA" })}.e30.`,
      `${encoded({ alg: 5 })}.e30.AAAA`,
      `${encoded(null)}.e30.AAAA`,
      `${encoded([])}.${encoded("text")}.!!!!`,
    ]
    for (const token of tokens) expectProblem(await me(token), 401, "token-not-valid")
  })

  it("is verified by keys that anybody can fetch, without their private half", async () => {
    const answer = await call("GET", "/.well-known/jwks.json")
    expect(answer.status).toBe(200)
    expect(answer.headers.get("cache-control")).toBe("public, max-age=300")
    expect(answer.body).toEqual({
      keys: [{ kty: "OKP", crv: "Ed25519", kid: ours.kid, x: ours.x, alg: "EdDSA", use: "sig" }],
    })
  })

  it("of the key before still holds after the key was rotated", async () => {
    const user = await make.user()
    const pair = (await crypto.subtle.generateKey("Ed25519", true, [
      "sign",
      "verify",
    ])) as CryptoKeyPair
    const key = (await crypto.subtle.exportKey("jwk", pair.privateKey)) as JWK
    const next = { kty: "OKP", crv: "Ed25519", kid: "next", x: key.x, d: key.d }
    const over = { JWT_KEYS: JSON.stringify([next, ours]) }
    expect((await send("GET", "users/me", { over, as: user })).status).toBe(200)
    const session = await send("POST", "auth/register", { over, body: john })
    expect(atob(session.body.access.split(".")[0])).toContain('"kid":"next"')
    expectProblem(await me(session.body.access), 401, "token-not-valid")
  })
})
