import { env } from "cloudflare:workers"
import { Secret, TOTP } from "otpauth"
import { beforeEach, describe, expect, it, vi } from "vitest"

import type { Id } from "#lib/id.ts"
import { seal } from "#lib/secret.ts"
import { tokenOf } from "#modules/auth/mailed.ts"

import { type Answer, call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import { person, rows, secret } from "../support/people.ts"
import { expectProblem, fieldsOf, send } from "../support/wire.ts"

type Person = Awaited<ReturnType<typeof person>>

const began = Date.parse("2031-11-20T10:00:00.000Z")
const step = 30_000

/** Stops the clock; `later` moves it from where the test began, in ms. */
const later = (ms: number) => vi.setSystemTime(began + ms)

/** What the app shows at this time for this secret. */
const codeOf = (base32: string, at = Date.now()) =>
  TOTP.generate({ secret: Secret.fromBase32(base32), timestamp: at })

const post = (path: string, body?: unknown, as?: { access: string }) =>
  send("POST", `auth/${path}`, { body, as })
const login = ({ email }: { email: string }, by = secret) => post("login", { email, password: by })
const challenge = (mfaToken: string, code: string) =>
  post("mfa/challenge", { mfa_token: mfaToken, code })

async function enrolled(user: Person): Promise<string> {
  const { status, body } = await post("mfa/enrol", { password: secret }, user)
  expect(status).toBe(201)
  return body.secret
}

/** Turns the second factor on. The code of this moment's step is used up: go on a step later. */
async function guarded(user: Person): Promise<{ base32: string; codes: string[] }> {
  const base32 = await enrolled(user)
  const { status, body } = await post("mfa/confirm", { code: codeOf(base32) }, user)
  expect(status).toBe(200)
  later(step)
  return { base32, codes: body.recovery_codes }
}

async function asked(user: Person): Promise<string> {
  const { status, body } = await login(user)
  expect([status, body.mfa_required]).toEqual([200, true])
  return body.mfa_token
}

function expectWrongCode(answer: Answer): void {
  expectProblem(answer, 400, "invalid-input")
  expect(answer.body.errors).toMatchObject([{ field: "code", code: "wrong" }])
}

/** What the audit says of an account, as it was written. */
const audited = async ({ id }: Person) =>
  (await rows("SELECT action FROM audit WHERE user_id = ? ORDER BY rowid", id)).map(
    ({ action }) => action,
  )

const sessionsOf = ({ id }: Person) =>
  rows("SELECT id FROM sessions WHERE user_id = ? AND ended_at IS NULL", id)

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: began })
})

describe("turning the second factor on", () => {
  it("takes the code of RFC 6238, appendix B: 94287082 at 59 s, cut to six digits", async () => {
    const key = new Secret({ buffer: new TextEncoder().encode("12345678901234567890").buffer })
    expect(TOTP.generate({ secret: key, digits: 8, timestamp: 59_000 })).toBe("94287082")
    const user = await person()
    const sealed = await seal(key.base32, env.DATA_KEY, `totp ${user.id}`)
    await rows("INSERT INTO authenticators VALUES (?, ?, 0, '', NULL)", user.id, sealed)
    later(Date.parse("1970-01-01T00:00:59.000Z") - began)
    const { access } = (await login(user)).body
    expect((await post("mfa/confirm", { code: "287082" }, { access })).status).toBe(200)
    expect(await rows("SELECT last_step FROM authenticators")).toEqual([{ last_step: 1 }])
  })

  it("answers a secret of 20 bytes, its URI and a QR code, and asks for nothing yet", async () => {
    const user = await person()
    const { status, body } = await post("mfa/enrol", { password: secret }, user)
    expect(status).toBe(201)
    expect(body.secret).toMatch(/^[A-Z2-7]{32}$/)
    const uri = new URL(body.otpauth_uri)
    expect(uri.href.startsWith("otpauth://totp/Nexus:")).toBe(true)
    expect(decodeURIComponent(uri.pathname)).toContain(user.email)
    expect(Object.fromEntries(uri.searchParams)).toEqual({
      issuer: "Nexus",
      secret: body.secret,
      algorithm: "SHA1",
      digits: "6",
      period: "30",
    })
    expect(body.qr_svg).toMatch(/^<svg [^>]*>.*<\/svg>$/s)
    const [row] = await rows("SELECT sealed_secret, confirmed_at FROM authenticators")
    expect(row?.["confirmed_at"]).toBeNull()
    expect(row?.["sealed_secret"]).not.toContain(body.secret)
    expect((await login(user)).body.access).toEqual(expect.any(String))
    expect((await call("GET", "auth/mfa", { as: user })).body).toEqual({
      enabled: false,
      recovery_codes_left: 0,
      passkeys: 0,
    })
  })

  it("needs the password, and says what of it is wrong", async () => {
    const user = await person()
    const none = await post("mfa/enrol", {}, user)
    expectProblem(none, 400, "invalid-input")
    expect(fieldsOf(none)).toEqual([["password", "/password"]])
    const wrong = await post("mfa/enrol", { password: "not this one" }, user)
    expectProblem(wrong, 400, "invalid-input")
    expect(wrong.body.errors).toMatchObject([{ field: "password", code: "wrong" }])
    expect(await rows("SELECT * FROM authenticators")).toEqual([])
    expect(await audited(user)).toEqual(["session.refused"])
    expectProblem(await post("mfa/enrol", { password: secret }), 401, "unauthenticated")
  })

  it("shows ten recovery codes of 130 bits once, keeps their hashes, ends the other sessions", async () => {
    const user = await person()
    const other = (await login(user)).body
    const base32 = await enrolled(user)
    const { body } = await post("mfa/confirm", { code: codeOf(base32) }, user)
    expect(body.recovery_codes).toHaveLength(10)
    expect(new Set(body.recovery_codes).size).toBe(10)
    for (const code of body.recovery_codes)
      expect(code).toMatch(/^([0-9a-hjkmnp-tv-z]{5}-){4}[0-9a-hjkmnp-tv-z]{6}$/)
    const kept = JSON.stringify(await rows("SELECT * FROM recovery_codes"))
    expect(kept).not.toContain(body.recovery_codes[0].replaceAll("-", ""))
    expect((await call("GET", "auth/mfa", { as: user })).body).toEqual({
      enabled: true,
      recovery_codes_left: 10,
      passkeys: 0,
    })
    expect((await call("GET", "users/me", { as: user })).body.mfa_enabled).toBe(true)
    expectProblem(await send("GET", "users/me", { as: other }), 401, "token-not-valid")
    expectProblem(await post("refresh", { refresh: other.refresh }), 401, "token-not-valid")
    expect(await sessionsOf(user)).toHaveLength(1)
    expect(await audited(user)).toEqual(["session.started", "mfa.enabled"])
  })

  it("needs a right code, and something enrolled; a wrong one is written down", async () => {
    const user = await person()
    expectProblem(await post("mfa/confirm", { code: "123456" }, user), 409, "mfa-not-enabled")
    const base32 = await enrolled(user)
    expectWrongCode(await post("mfa/confirm", { code: codeOf(base32, began + 10 * step) }, user))
    expect(await audited(user)).toEqual(["mfa.refused"])
    expect((await login(user)).body.access).toEqual(expect.any(String))
  })

  it("forgets a secret that was never confirmed when another is asked for", async () => {
    const user = await person()
    const first = await enrolled(user)
    const second = await enrolled(user)
    expectWrongCode(await post("mfa/confirm", { code: codeOf(first) }, user))
    expect((await post("mfa/confirm", { code: codeOf(second) }, user)).status).toBe(200)
  })

  it("happens once: of two confirmations at once one is refused, and later ones are too", async () => {
    const user = await person()
    const base32 = await enrolled(user)
    const answers = await Promise.all([
      post("mfa/confirm", { code: codeOf(base32) }, user),
      post("mfa/confirm", { code: codeOf(base32, began + step) }, user),
    ])
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(await rows("SELECT count(*) AS n FROM recovery_codes WHERE uses = 0")).toEqual([
      { n: 10 },
    ])
    expectProblem(
      await post("mfa/confirm", { code: codeOf(base32, began + step) }, user),
      409,
      "mfa-already-enabled",
    )
    expectProblem(await post("mfa/enrol", { password: secret }, user), 409, "mfa-already-enabled")
  })

  it("answers a retry with the same key by the same codes", async () => {
    const user = await person()
    const base32 = await enrolled(user)
    const headers = { "idempotency-key": "once" }
    const body = { code: codeOf(base32) }
    const first = await send("POST", "auth/mfa/confirm", { as: user, body, headers })
    const again = await send("POST", "auth/mfa/confirm", { as: user, body, headers })
    expect(again.body).toEqual(first.body)
    expect(again.headers.get("idempotent-replayed")).toBe("true")
  })

  it.each([
    ["no body", undefined],
    ["a list", []],
    ["a number", { code: 123456 }],
    ["an object", { code: { $ne: null } }],
    ["nothing", { code: "" }],
    ["a novel", { code: "1".repeat(65) }],
  ])("refuses %s for a code", async (_, body) => {
    const user = await person()
    const answer = await post("mfa/confirm", body, user)
    expect(answer.status).toBe(400)
  })
})

describe("signing in with the second factor on", () => {
  it("asks for a code instead of handing out tokens, then hands them out for it", async () => {
    const user = await person()
    const { base32 } = await guarded(user)
    const first = await login(user)
    expect(first.body).toEqual({
      mfa_required: true,
      mfa_token: expect.stringMatching(/^[\w-]{43}$/),
      methods: ["totp", "recovery_code"],
    })
    const { status, body } = await challenge(first.body.mfa_token, codeOf(base32))
    expect(status).toBe(200)
    expect(body.tokens).toEqual({ access: body.access, refresh: body.refresh })
    expect(body.user).toMatchObject({ id: user.id, mfa_enabled: true })
    expect((await call("GET", "users/me", { as: body })).status).toBe(200)
    const [started] = await rows(
      "SELECT details FROM audit WHERE action = 'session.started' AND user_id = ?",
      user.id,
    )
    expect(started?.["details"]).toBe('{"by":"password+totp"}')
  })

  it("takes a code of the step before or after, and no other", async () => {
    const user = await person()
    const { base32 } = await guarded(user)
    later(10 * step)
    const token = await asked(user)
    const at = (steps: number) => codeOf(base32, Date.now() + steps * step)
    expectProblem(await challenge(token, at(-2)), 401, "wrong-code")
    expectProblem(await challenge(token, at(2)), 401, "wrong-code")
    expect((await challenge(token, at(-1))).status).toBe(200)
    expect((await challenge(await asked(user), at(1))).status).toBe(200)
  })

  it("takes a code however it is typed", async () => {
    const user = await person()
    const { base32 } = await guarded(user)
    const code = codeOf(base32)
    const typed = ` ${code.slice(0, 3)} ${code.slice(3)} `
    expect((await challenge(await asked(user), typed)).status).toBe(200)
  })

  it("takes a code once: neither again nor an older one after it", async () => {
    const user = await person()
    const { base32 } = await guarded(user)
    later(5 * step)
    expect((await challenge(await asked(user), codeOf(base32))).status).toBe(200)
    const token = await asked(user)
    expectProblem(await challenge(token, codeOf(base32)), 401, "wrong-code")
    expectProblem(await challenge(token, codeOf(base32, Date.now() - step)), 401, "wrong-code")
    expect(await audited(user)).toEqual([
      "mfa.enabled",
      "session.started",
      "mfa.refused",
      "mfa.refused",
    ])
  })

  it("takes the code that turned it on no second time", async () => {
    const user = await person()
    const { base32 } = await guarded(user)
    later(0)
    expectProblem(await challenge(await asked(user), codeOf(base32)), 401, "wrong-code")
  })

  it("lets the same code in once of ten at the same time, each with a token of its own", async () => {
    const user = await person()
    const { base32 } = await guarded(user)
    const tokens = await Promise.all(Array.from({ length: 10 }, () => asked(user)))
    const before = (await sessionsOf(user)).length
    const answers = await Promise.all(tokens.map((token) => challenge(token, codeOf(base32))))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      200, 401, 401, 401, 401, 401, 401, 401, 401, 401,
    ])
    expect(await sessionsOf(user)).toHaveLength(before + 1)
  })

  it("lets one token in once, with two right codes at the same time", async () => {
    const user = await person()
    const { base32, codes } = await guarded(user)
    const token = await asked(user)
    const answers = await Promise.all([
      challenge(token, codeOf(base32)),
      challenge(token, codes[0] ?? ""),
    ])
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 401])
    expectProblem(await challenge(token, codes[1] ?? ""), 401, "token-not-valid")
    // Whichever lost used nothing up.
    const { body } = await call("GET", "auth/mfa", {
      as: answers.find(({ status }) => status === 200)?.body,
    })
    expect(body.recovery_codes_left).toBe(answers[0]?.status === 200 ? 10 : 9)
  })

  it("keeps the step open after a wrong code, closes it after a right one and after 5 minutes", async () => {
    const user = await person()
    const { base32, codes } = await guarded(user)
    const token = await asked(user)
    expectProblem(await challenge(token, "000000"), 401, "wrong-code")
    expect((await challenge(token, codeOf(base32))).status).toBe(200)
    expectProblem(await challenge(token, codes[0] ?? ""), 401, "token-not-valid")
    const slow = await asked(user)
    later(step + 300_000)
    expectProblem(await challenge(slow, codeOf(base32)), 401, "token-not-valid")
    expectProblem(await challenge("nonsense", codeOf(base32)), 401, "token-not-valid")
  })

  it("gives the token between the steps no rights", async () => {
    const user = await person()
    await guarded(user)
    const token = await asked(user)
    const as = { access: token }
    expectProblem(await send("GET", "users/me", { as }), 401, "token-not-valid")
    expectProblem(await post("refresh", { refresh: token }), 401, "token-not-valid")
    expectProblem(await post("verify", { token }), 401, "token-not-valid")
    expectProblem(await post("mfa/disable", { password: secret }, as), 401, "token-not-valid")
  })

  it("takes only the codes of whom the token is about", async () => {
    const [ada, bob] = [await person(), await person()]
    const mine = await guarded(ada)
    later(0)
    const theirs = await guarded(bob)
    const token = await asked(bob)
    expectProblem(await challenge(token, codeOf(mine.base32)), 401, "wrong-code")
    expectProblem(await challenge(token, mine.codes[0] ?? ""), 401, "wrong-code")
    expect((await challenge(token, theirs.codes[0] ?? "")).body.user.id).toBe(bob.id)
    expect((await call("GET", "auth/mfa", { as: ada })).body.recovery_codes_left).toBe(10)
  })

  it("is asked for after the password was reset, and what the old one began is over", async () => {
    const user = await person()
    const { base32 } = await guarded(user)
    const stale = await asked(user)
    await post("password/reset", { email: user.email })
    const [mailed] = await rows("SELECT id FROM mailed_tokens WHERE purpose = 'reset-password'")
    const token = await tokenOf(ctx(), mailed?.["id"] as Id<"mailedToken">)
    const reset = await post("password/reset/confirm", {
      token,
      new_password: "another long secret",
    })
    expect([reset.status, reset.body.access]).toEqual([200, undefined])
    expectProblem(await challenge(stale, codeOf(base32)), 401, "token-not-valid")
    const fresh = await login(user, "another long secret")
    expect(fresh.body.mfa_required).toBe(true)
    expect((await challenge(fresh.body.mfa_token, codeOf(base32))).status).toBe(200)
  })

  it("lets no closed account finish", async () => {
    const user = await person()
    const { base32 } = await guarded(user)
    const token = await asked(user)
    await rows("UPDATE users SET is_active = 0 WHERE id = ?", user.id)
    expectProblem(await challenge(token, codeOf(base32)), 401, "token-not-valid")
  })

  it("limits tries for the account, over all its tokens, and forgets them after a right one", async () => {
    const user = await person()
    const { base32 } = await guarded(user)
    const over = { RATE_LIMITS: "on" }
    const attempt = async (mfaToken: string, code: string) =>
      send("POST", "auth/mfa/challenge", { over, body: { mfa_token: mfaToken, code } })
    const tokens = [await asked(user), await asked(user)]
    const token = tokens[0] ?? ""
    for (let n = 0; n < 4; n++)
      expectProblem(await attempt(tokens[n % 2] ?? "", "000000"), 401, "wrong-code")
    expect((await attempt(token, codeOf(base32))).status).toBe(200)
    const next = await asked(user)
    for (let n = 0; n < 5; n++) expectProblem(await attempt(next, "000000"), 401, "wrong-code")
    const limited = await attempt(next, codeOf(base32, Date.now() + step))
    expectProblem(limited, 429, "rate-limited")
    expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(0)
  })
})

describe("recovery codes", () => {
  it("work once each, and are counted", async () => {
    const user = await person()
    const { codes } = await guarded(user)
    const [code = ""] = codes
    const signedIn = await challenge(await asked(user), code)
    expect(signedIn.status).toBe(200)
    expectProblem(await challenge(await asked(user), code), 401, "wrong-code")
    expect((await call("GET", "auth/mfa", { as: user })).body.recovery_codes_left).toBe(9)
    expect(await audited(user)).toEqual([
      "mfa.enabled",
      "recovery-code.used",
      "session.started",
      "mfa.refused",
    ])
  })

  it("are read in capitals, without hyphens, with o for 0 and l for 1", async () => {
    const user = await person()
    const { codes } = await guarded(user)
    const typed = (codes[0] ?? "")
      .replaceAll("-", " ")
      .replaceAll("0", "O")
      .replaceAll("1", "l")
      .toUpperCase()
    expect((await challenge(await asked(user), typed)).status).toBe(200)
  })

  it("let one in of two at the same time", async () => {
    const user = await person()
    const { codes } = await guarded(user)
    const tokens = [await asked(user), await asked(user)]
    const answers = await Promise.all(tokens.map((token) => challenge(token, codes[0] ?? "")))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 401])
  })

  it("are replaced for a code: the old ones end", async () => {
    const user = await person()
    const { base32, codes } = await guarded(user)
    const { status, body } = await post("mfa/recovery-codes", { code: codeOf(base32) }, user)
    expect([status, body.recovery_codes.length]).toEqual([200, 10])
    expectProblem(await challenge(await asked(user), codes[0] ?? ""), 401, "wrong-code")
    expect((await challenge(await asked(user), body.recovery_codes[0])).status).toBe(200)
    expectWrongCode(await post("mfa/recovery-codes", { code: codeOf(base32) }, user))
    expectWrongCode(await post("mfa/recovery-codes", { code: codes[1] }, user))
  })

  it("are not to be had without a second factor", async () => {
    const user = await person()
    await enrolled(user)
    const answer = await post("mfa/recovery-codes", { code: "123456" }, user)
    expectProblem(answer, 409, "mfa-not-enabled")
  })
})

describe("turning the second factor off", () => {
  it("needs the password and a code, tells both that are missing, ends the other sessions", async () => {
    const user = await person()
    const { base32 } = await guarded(user)
    const other = (await challenge(await asked(user), codeOf(base32))).body
    later(2 * step)
    const bare = await post("mfa/disable", {}, user)
    expect(fieldsOf(bare)).toEqual([
      ["code", "/code"],
      ["password", "/password"],
    ])
    expect(fieldsOf(await post("mfa/disable", { password: secret }, user))).toEqual([
      ["code", "/code"],
    ])
    const code = codeOf(base32)
    const wrong = await post("mfa/disable", { password: "not this one", code }, user)
    expect(wrong.body.errors).toMatchObject([{ field: "password", code: "wrong" }])
    expectWrongCode(await post("mfa/disable", { password: secret, code: "000000" }, user))
    expect((await post("mfa/disable", { password: secret, code }, user)).status).toBe(200)
    expect((await login(user)).body.access).toEqual(expect.any(String))
    expectProblem(await send("GET", "users/me", { as: other }), 401, "token-not-valid")
    expect((await call("GET", "users/me", { as: user })).body.mfa_enabled).toBe(false)
    expect(await audited(user)).toEqual([
      "mfa.enabled",
      "session.started",
      "session.refused",
      "mfa.refused",
      "mfa.disabled",
      "session.started",
    ])
    expectProblem(
      await post("mfa/disable", { password: secret, code }, user),
      409,
      "mfa-not-enabled",
    )
  })

  it("goes by a recovery code where the app is lost, and ends what was left of them", async () => {
    const user = await person()
    const { codes } = await guarded(user)
    const body = { password: secret, code: codes[0] }
    expect((await post("mfa/disable", body, user)).status).toBe(200)
    expect((await call("GET", "auth/mfa", { as: user })).body).toEqual({
      enabled: false,
      recovery_codes_left: 0,
      passkeys: 0,
    })
    await guarded(user)
    expectProblem(await challenge(await asked(user), codes[1] ?? ""), 401, "wrong-code")
  })

  it("happens once of two at the same time", async () => {
    const user = await person()
    const { base32 } = await guarded(user)
    const body = { password: secret, code: codeOf(base32) }
    const answers = await Promise.all([
      post("mfa/disable", body, user),
      post("mfa/disable", body, user),
    ])
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect((await audited(user)).filter((action) => action === "mfa.disabled")).toHaveLength(1)
  })

  it("leaves everybody else's on", async () => {
    const [ada, bob] = [await person(), await person()]
    const { base32 } = await guarded(ada)
    later(0)
    await guarded(bob)
    await post("mfa/disable", { password: secret, code: codeOf(base32) }, ada)
    expect((await call("GET", "auth/mfa", { as: bob })).body).toMatchObject({
      enabled: true,
      recovery_codes_left: 10,
    })
  })
})

describe("REQUIRE_MFA_ROLES", () => {
  const over = { REQUIRE_MFA_ROLES: "staff, admin" }

  it("lets staff without a second factor do nothing but what customers do, until they turn it on", async () => {
    const staff = await person("staff")
    const refused = await send("POST", "categories", { over, as: staff, body: { name: "Cups" } })
    expectProblem(refused, 403, "mfa-required")
    expect((await send("GET", "users/me", { over, as: staff })).status).toBe(200)
    const { body } = await send("POST", "auth/mfa/enrol", {
      over,
      as: staff,
      body: { password: secret },
    })
    const code = codeOf(body.secret)
    await send("POST", "auth/mfa/confirm", { over, as: staff, body: { code } })
    const made = await send("POST", "categories", { over, as: staff, body: { name: "Cups" } })
    expect(made.status).toBe(201)
    later(step)
    const off = { password: secret, code: codeOf(body.secret) }
    await send("POST", "auth/mfa/disable", { over, as: staff, body: off })
    const again = await send("POST", "categories", { over, as: staff, body: { name: "Jugs" } })
    expectProblem(again, 403, "mfa-required")
  })

  it("asks nothing of roles that it does not name, nor of anybody when it is empty", async () => {
    const [staff, admin] = [await person("staff"), await person("admin")]
    const make = (as: Person, roles: string, name: string) =>
      send("POST", "categories", { over: { REQUIRE_MFA_ROLES: roles }, as, body: { name } })
    expect((await make(staff, "admin", "Cups")).status).toBe(201)
    expectProblem(await make(admin, "admin", "Jugs"), 403, "mfa-required")
    expect((await make(admin, "", "Jugs")).status).toBe(201)
  })
})
