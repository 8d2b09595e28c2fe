import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test, vi } from "vitest"

import { configOf } from "#config.ts"
import type { Id } from "#lib/id.ts"
import { tokenOf } from "#modules/auth/mailed.ts"
import { users } from "#modules/users/tables.ts"

import { type Answer, call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { browser, fakeProviders, settings } from "../support/oauth-provider.ts"
import { expectProblem, fieldsOf, send } from "../support/wire.ts"

let fake: ReturnType<typeof fakeProviders>
beforeEach(() => {
  fake = fakeProviders()
})

/** A whole sign-in at a provider, in a browser of its own. */
async function signIn(name: string, over: Record<string, unknown> = {}): Promise<Answer> {
  const ada = browser(over)
  return ada.back(fake.authorize(await ada.begin(name)))
}

/** Opens an account by password, verified or not. */
async function register(
  email: string,
  isVerified: boolean,
): Promise<{ id: string; access: string }> {
  const { body } = await call("POST", "auth/register", {
    body: { email, password: "correct horse battery" },
  })
  if (isVerified) await ctx().db.update(users).set({ isVerified: true })
  return { id: body.user.id, access: body.access }
}

async function rows(query: string): Promise<Record<string, unknown>[]> {
  return (await env.DB.prepare(query).all()).results
}

const statuses = (answers: Answer[]) =>
  answers.map(({ status }) => status).toSorted((a, b) => a - b)
const sessions = () => rows("SELECT user_id FROM sessions")
const audited = async () =>
  (await rows("SELECT action FROM audit ORDER BY rowid")).map(({ action }) => action)

describe("sign in", () => {
  test("with Google opens a verified account, and next time signs in to it", async () => {
    const first = await signIn("google")
    expect(first.status).toBe(200)
    expect(first.body).toMatchObject({
      message: "Signed in.",
      user: {
        email: "ada@example.com",
        username: "ada",
        first_name: "Ada",
        last_name: "Lovelace",
        is_verified: true,
        role: "customer",
      },
      access: expect.any(String),
      refresh: expect.any(String),
      tokens: { access: first.body.access, refresh: first.body.refresh },
    })
    expect(first.headers.get("cache-control")).toBe("private, no-store")
    expect(first.headers.get("location")).toBeNull()
    const me = await call("GET", "users/me", { as: first.body })
    expect(me.body.id).toBe(first.body.user.id)

    const second = await signIn("google")
    expect(second.body.user.id).toBe(first.body.user.id)
    expect(await sessions()).toHaveLength(2)
    expect(await audited()).toEqual(["account.registered", "session.started", "session.started"])
    expect(await rows("SELECT details FROM audit WHERE action = 'session.started'")).toEqual([
      { details: '{"by":"google"}' },
      { details: '{"by":"google"}' },
    ])
  })

  test("with GitHub takes the primary e-mail, and never the one shown in public", async () => {
    const { status, body } = await signIn("github")
    expect([status, body.user.email, body.user.is_verified]).toEqual([200, "ada@example.com", true])
    expect(await rows("SELECT provider, subject, email FROM identities")).toEqual([
      { provider: "github", subject: "10001", email: "ada@example.com" },
    ])
  })

  test("with Facebook opens an account whose e-mail is still to be verified", async () => {
    const { status, body } = await signIn("facebook")
    expect([status, body.user.email, body.user.is_verified]).toEqual([
      200,
      "ada@example.com",
      false,
    ])
    expect(await rows("SELECT purpose, email FROM mailed_tokens")).toEqual([
      { purpose: "verify-email", email: "ada@example.com" },
    ])
  })

  test("an account opened at a provider has no password that could be guessed", async () => {
    await signIn("google")
    for (const password of ["", "none", "ada@example.com"]) {
      const { status } = await call("POST", "auth/login", {
        body: { email: "ada@example.com", password: password || " " },
      })
      expect(status).toBe(401)
    }
  })

  test("the same subject stays the same account when its e-mail changes at the provider", async () => {
    const first = await signIn("google")
    await register("bob@example.com", true)
    fake.person.email = "bob@example.com"
    const second = await signIn("google")
    expect(second.body.user).toMatchObject({ id: first.body.user.id, email: "ada@example.com" })
    expect(await rows("SELECT email FROM identities")).toEqual([{ email: "bob@example.com" }])
  })

  test("the same subject at another provider is another identity", async () => {
    await signIn("google")
    fake.person.email = "other@example.com"
    const { body } = await signIn("github")
    expect(body.user.email).toBe("other@example.com")
    expect(await rows("SELECT id FROM users")).toHaveLength(2)
  })

  test("names that are taken get a number", async () => {
    await register("ada@elsewhere.example", true)
    const { body } = await signIn("google")
    expect(body.user.username).toBe("ada1")
  })

  test("a closed account does not open, by identity or by e-mail", async () => {
    await signIn("google")
    await ctx().db.update(users).set({ isActive: false })
    expectProblem(await signIn("google"), 401, "wrong-credentials")
    expectProblem(await signIn("github"), 401, "wrong-credentials")
    expect(await sessions()).toHaveLength(1)
  })

  test("a shop that asks for verified e-mails at login asks here too", async () => {
    const over = { REQUIRE_VERIFIED_EMAIL: "login" }
    expectProblem(await signIn("facebook", over), 401, "email-not-verified")
    expect(await sessions()).toEqual([])
    expect((await signIn("facebook")).status).toBe(200)
  })

  test("an account with a second factor is asked for it, as at login", async () => {
    await signIn("google")
    await ctx().db.update(users).set({ mfaEnabledAt: "2026-11-20T09:30:00.000Z" })
    const { status, body } = await signIn("google")
    expect([status, body]).toEqual([
      200,
      { mfa_required: true, mfa_token: expect.any(String), methods: expect.any(Array) },
    ])
    expect(await sessions()).toHaveLength(1)
  })
})

describe("e-mails that belong to somebody", () => {
  test("verified on both sides: the identity is linked to the account", async () => {
    const { id } = await register("ada@example.com", true)
    const { body } = await signIn("google")
    expect(body.user.id).toBe(id)
    expect(await audited()).toEqual(["account.registered", "identity.linked", "session.started"])
    expect(await rows("SELECT id FROM users")).toEqual([{ id }])
  })

  test("an account that never verified it is not linked: whoever opened it may be somebody else", async () => {
    await register("ada@example.com", false)
    const answer = await signIn("google")
    expectProblem(answer, 409, "identity-conflict")
    expect(answer.body.detail).toContain("Sign in with your password")
    expect(await rows("SELECT * FROM identities")).toEqual([])
    expect(await sessions()).toHaveLength(1)
    expect(await audited()).toContain("session.refused")
  })

  test("an e-mail that the provider did not verify links nothing", async () => {
    await register("ada@example.com", true)
    fake.person.verified = false
    expectProblem(await signIn("google"), 409, "identity-conflict")
    expectProblem(await signIn("github"), 409, "identity-conflict")
    expectProblem(await signIn("facebook"), 409, "identity-conflict")
    expect(await rows("SELECT * FROM identities")).toEqual([])
  })

  test("Facebook never links by e-mail, whatever it says", async () => {
    await register("ada@example.com", true)
    fake.person.verified = true
    expectProblem(await signIn("facebook"), 409, "identity-conflict")
  })

  test("`email_verified` that is text is not verified", async () => {
    await register("ada@example.com", true)
    fake.mischief.claims = { email_verified: "true" }
    expectProblem(await signIn("google"), 409, "identity-conflict")
  })

  test("an unverified e-mail that is nobody's opens an unverified account", async () => {
    fake.person.verified = false
    const { status, body } = await signIn("google")
    expect([status, body.user.is_verified]).toEqual([200, false])
  })

  test("who resets the password of an unverified account ends what was linked to it before", async () => {
    await signIn("facebook")
    await call("POST", "auth/password/reset", { body: { email: "ada@example.com" } })
    const [mailed] = await rows("SELECT id FROM mailed_tokens WHERE purpose = 'reset-password'")
    const token = await tokenOf(ctx(), mailed?.["id"] as Id<"mailedToken">)
    const reset = await call("POST", "auth/password/reset/confirm", {
      body: { token, new_password: "another horse battery" },
    })
    expect(reset.status).toBe(200)
    expectProblem(await signIn("facebook"), 409, "identity-conflict")
    expect(await rows("SELECT * FROM identities")).toEqual([])
  })

  test("a username that looks like the e-mail does not count as its account", async () => {
    const { body } = await call("POST", "auth/register", {
      body: {
        email: "mallory@example.com",
        username: "ada@example.com",
        password: "correct horse battery",
      },
    })
    await ctx().db.update(users).set({ isVerified: true })
    const ada = await signIn("google")
    expect(ada.status).toBe(200)
    expect(ada.body.user.id).not.toBe(body.user.id)
  })

  test("another subject with the e-mail of an account that has one there already is not linked", async () => {
    await signIn("google")
    fake.person.subject = "10002"
    expectProblem(await signIn("google"), 409, "identity-conflict")
  })

  test("letter case does not make another account", async () => {
    const { id } = await register("ada@example.com", true)
    fake.person.email = "Ada@Example.COM"
    expect((await signIn("google")).body.user.id).toBe(id)
  })

  test.for(["google", "github", "facebook"])("no e-mail from %s: no account", async (name) => {
    fake.person.email = undefined
    expectProblem(await signIn(name), 409, "email-missing")
    expect(await rows("SELECT id FROM users")).toEqual([])
  })

  test("no e-mail any more: the identity still signs in", async () => {
    const first = await signIn("github")
    fake.person.email = undefined
    expect((await signIn("github")).body.user.id).toBe(first.body.user.id)
  })
})

describe("the round through the provider", () => {
  test("the way there carries PKCE, state and nonce, and the cookie is for this browser alone", async () => {
    const answer = await send("GET", "auth/oauth/google", { over: settings })
    const url = new URL(answer.headers.get("location") ?? "")
    expect(`${url.origin}${url.pathname}`).toBe("https://accounts.google.com/o/oauth2/v2/auth")
    expect(url.searchParams.get("nonce")).toMatch(/^[\w-]{43}$/)
    expect(url.searchParams.get("redirect_uri")).toBe(
      "http://localhost:8787/api/v1/auth/oauth/google/callback",
    )
    const state = url.searchParams.get("state") ?? ""
    expect(answer.headers.getSetCookie()).toEqual([
      `oauth=${state}; Max-Age=600; Path=/; HttpOnly; SameSite=Lax`,
    ])
    expect(answer.headers.get("cache-control")).toBe("private, no-store")
    const [row] = await rows("SELECT * FROM challenges")
    expect(row).toMatchObject({ kind: "oauth", user_id: null, uses: 0 })
    expect(JSON.stringify(row)).not.toContain(state)
    expect(JSON.stringify(row)).not.toContain(url.searchParams.get("nonce"))
  })

  test("over https the cookie is a __Host- one", async () => {
    const over = { BASE_URL: "https://api.shop.example/" }
    const ada = browser(over)
    const answer = await ada.open("auth/oauth/github")
    const url = new URL(answer.headers.get("location") ?? "")
    expect(url.searchParams.get("redirect_uri")).toBe(
      "https://api.shop.example/api/v1/auth/oauth/github/callback",
    )
    const state = url.searchParams.get("state") ?? ""
    expect(answer.headers.getSetCookie()).toEqual([
      `__Host-oauth=${state}; Max-Age=600; Path=/; HttpOnly; Secure; SameSite=Lax`,
    ])
    // Only that one counts: one without the prefix could have been planted by a sub-domain.
    const planted = await send("GET", `auth/oauth/github/callback?code=x&state=${state}`, {
      over: { ...settings, ...over },
      headers: { cookie: `oauth=${state}` },
    })
    expectProblem(planted, 400, "oauth-failed")
  })

  test.for(["google", "github", "facebook"])(
    "%s is not there until it has id and secret",
    async (name) => {
      expectProblem(await call("GET", `auth/oauth/${name}`), 404, "not-found")
      expectProblem(
        await call("GET", `auth/oauth/${name}/callback?code=a&state=b`),
        404,
        "not-found",
      )
      const idOnly = { [`${name.toUpperCase()}_CLIENT_ID`]: "id" }
      expectProblem(await send("GET", `auth/oauth/${name}`, { over: idOnly }), 404, "not-found")
      const user = await make.user()
      expectProblem(await call("POST", `auth/oauth/${name}/link`, { as: user }), 404, "not-found")
    },
  )

  test("a provider that nobody knows is not there", async () => {
    expectProblem(await browser().open("auth/oauth/myspace"), 404, "not-found")
    expectProblem(await browser().open("auth/oauth/constructor"), 404, "not-found")
  })

  test("a callback in another browser is refused, and the right one can still go on", async () => {
    const ada = browser()
    const back = fake.authorize(await ada.begin("google"))
    expectProblem(await browser().back(back), 400, "oauth-failed")
    const mallory = browser()
    await mallory.begin("google")
    expectProblem(await mallory.back(back), 400, "oauth-failed")
    expect((await ada.back(back)).status).toBe(200)
    expect(ada.jar.size).toBe(0)
  })

  test("a state that is missing, made up, sent twice or of another provider is refused", async () => {
    const ada = browser()
    const back = fake.authorize(await ada.begin("google"))
    const altered = (change: (url: URL) => void) => {
      const url = new URL(back)
      change(url)
      return ada.back(url)
    }
    expectProblem(await altered((url) => url.searchParams.delete("state")), 400, "oauth-failed")
    expectProblem(await altered((url) => url.searchParams.set("state", "x")), 400, "oauth-failed")
    const twice = await altered((url) => url.searchParams.append("state", "x"))
    expectProblem(twice, 400, "invalid-input")
    const elsewhere = await altered((url) => {
      url.pathname = url.pathname.replace("google", "github")
      url.searchParams.delete("iss")
    })
    expectProblem(elsewhere, 400, "oauth-failed")
    expect(fake.calls).toEqual([])
  })

  test("a state works once", async () => {
    const ada = browser()
    const back = fake.authorize(await ada.begin("google"))
    const cookies = new Map(ada.jar)
    expect((await ada.back(back)).status).toBe(200)
    for (const [name, value] of cookies) ada.jar.set(name, value)
    expectProblem(await ada.back(back), 400, "oauth-failed")
    expect(await sessions()).toHaveLength(1)
  })

  test("of two callbacks at once one signs in", async () => {
    const ada = browser()
    const back = fake.authorize(await ada.begin("google"))
    const answers = await Promise.all([ada.back(back), ada.back(back), ada.back(back)])
    expect(statuses(answers)).toEqual([200, 400, 400])
    expect(await sessions()).toHaveLength(1)
    expect(await rows("SELECT id FROM users")).toHaveLength(1)
  })

  test("of two first sign-ins of one person at once both reach the same new account", async () => {
    const answers = await Promise.all([signIn("google"), signIn("google"), signIn("google")])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(new Set(answers.map(({ body }) => body.user.id)).size).toBe(1)
    expect(await rows("SELECT id FROM users")).toHaveLength(1)
    expect(await rows("SELECT subject FROM identities")).toHaveLength(1)
  })

  test("a round takes 10 minutes at most", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2026-11-20T09:00:00Z") })
    const ada = browser()
    const back = fake.authorize(await ada.begin("github"))
    vi.setSystemTime(new Date("2026-11-20T09:10:00Z"))
    expectProblem(await ada.back(back), 400, "oauth-failed")
  })

  test("an answer of another issuer is a mix-up", async () => {
    for (const name of ["google", "github", "facebook"]) {
      const ada = browser()
      const back = fake.authorize(await ada.begin(name))
      back.searchParams.set("iss", "https://evil.example")
      expectProblem(await ada.back(back), 400, "oauth-failed")
    }
    expect(fake.calls).toEqual([])
  })

  test("a code that was used, or was made for another round, is refused", async () => {
    for (const name of ["google", "github", "facebook"]) {
      const mallory = browser()
      const stolen = fake.authorize(await mallory.begin(name)).searchParams.get("code") ?? ""
      const ada = browser()
      const back = fake.authorize(await ada.begin(name))
      back.searchParams.set("code", stolen)
      expectProblem(await ada.back(back), 400, "oauth-failed")

      const bob = browser()
      const again = fake.authorize(await bob.begin(name))
      again.searchParams.set("code", stolen)
      expectProblem(await bob.back(again), 400, "oauth-failed")
    }
    expect(await sessions()).toEqual([])
  })

  test("somebody who says no at the provider is told so", async () => {
    const ada = browser()
    const back = fake.authorize(await ada.begin("facebook"))
    back.searchParams.delete("code")
    back.searchParams.set("error", "access_denied")
    expectProblem(await ada.back(back), 400, "oauth-failed")
  })

  test.for<[string, Record<string, unknown>]>([
    ["another nonce", { nonce: "somebody-elses" }],
    ["no nonce", { nonce: undefined }],
    ["another audience", { aud: "other-shop" }],
    [
      "audiences among which another is meant",
      { aud: ["google-id", "other-shop"], azp: "other-shop" },
    ],
    ["another issuer", { iss: "https://evil.example" }],
    ["an end that is past", { exp: Math.floor(Date.now() / 1000) - 3600 }],
    ["no end", { exp: undefined }],
    ["no subject", { sub: undefined }],
    ["an empty subject", { sub: "" }],
  ])("an ID token with %s is refused", async ([, claims]) => {
    fake.mischief.claims = claims
    expectProblem(await signIn("google"), 400, "oauth-failed")
    expect(await rows("SELECT id FROM users")).toEqual([])
  })

  test("an ID token signed by another key is refused", async () => {
    fake.mischief.otherKey = true
    expectProblem(await signIn("google"), 400, "oauth-failed")
  })

  test("no ID token at all is refused", async () => {
    fake.mischief.noIdToken = true
    expectProblem(await signIn("google"), 400, "oauth-failed")
  })

  test.for<[string, () => Response]>([
    ["breaks", () => new Response("oops", { status: 500 })],
    [
      "answers a page",
      () => new Response("<html></html>", { headers: { "content-type": "text/html" } }),
    ],
    [
      "answers what is no JSON",
      () => new Response("{", { headers: { "content-type": "text/plain" } }),
    ],
    [
      "answers a flood",
      () => Response.json({ access_token: "x".repeat(300_000), token_type: "bearer" }),
    ],
    ["sends us elsewhere", () => Response.redirect("https://evil.example/token", 307)],
  ])("a provider that %s does not answer: 503", async ([, token]) => {
    fake.mischief.token = token
    for (const name of ["google", "github", "facebook"]) {
      const answer = await signIn(name)
      expectProblem(answer, 503, "unavailable")
      expect(answer.headers.get("retry-after")).toBe("5")
    }
    expect(fake.calls).toHaveLength(3)
    expect(fake.calls.join()).not.toContain("evil")
    expect(await sessions()).toEqual([])
  })

  test("a provider that is slow is not waited for", async () => {
    const timeout = AbortSignal.timeout.bind(AbortSignal)
    const limits = vi.spyOn(AbortSignal, "timeout").mockImplementation(() => timeout(20))
    fake.mischief.token = (signal) =>
      new Promise((_, reject) =>
        signal?.addEventListener("abort", () => reject(signal.reason as Error)),
      )
    expectProblem(await signIn("github"), 503, "unavailable")
    expect(limits).toHaveBeenCalledWith(5000)
  })

  test("a profile that does not come, or is none, signs nobody in", async () => {
    fake.mischief.profile = () => new Response("", { status: 502 })
    expectProblem(await signIn("github"), 503, "unavailable")
    fake.mischief.profile = () => Response.json({ message: "Bad credentials" }, { status: 401 })
    expectProblem(await signIn("facebook"), 503, "unavailable")
    fake.mischief.profile = () => Response.json({ name: "Nobody" })
    expectProblem(await signIn("github"), 400, "oauth-failed")
    expectProblem(await signIn("facebook"), 400, "oauth-failed")
    expect(await rows("SELECT id FROM users")).toEqual([])
  })
})

describe("return_to", () => {
  const shop = "http://localhost:3000"

  test("the browser arrives with a code, which buys the tokens once", async () => {
    const ada = browser()
    const back = fake.authorize(await ada.begin("google", `${shop}/signed-in?next=cart#top`))
    const { status, headers, body } = await ada.back(back)
    expect([status, body]).toEqual([302, ""])
    const location = headers.get("location") ?? ""
    expect(location).toMatch(/^http:\/\/localhost:3000\/signed-in\?next=cart#code=[\w-]{43}$/)
    expect(await sessions()).toEqual([])

    const code = location.split("#code=")[1]
    const bought = await call("POST", "auth/oauth/exchange", { body: { code } })
    expect(bought.status).toBe(200)
    expect(bought.body).toMatchObject({
      message: "Signed in.",
      user: { email: "ada@example.com" },
      tokens: { access: bought.body.access, refresh: bought.body.refresh },
    })
    const again = await call("POST", "auth/oauth/exchange", { body: { code } })
    expectProblem(again, 400, "oauth-failed")
    expect(await sessions()).toHaveLength(1)
  })

  test("of many who send the code at once one gets tokens", async () => {
    const ada = browser()
    const { headers } = await ada.back(fake.authorize(await ada.begin("github", "/hello")))
    const [to, code] = (headers.get("location") ?? "").split("#code=")
    expect(to).toBe("http://localhost:8787/hello")
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => call("POST", "auth/oauth/exchange", { body: { code } })),
    )
    expect(statuses(answers)).toEqual([200, 400, 400, 400])
    expect(await sessions()).toHaveLength(1)
  })

  test("the same exchange with an idempotency key answers the same again", async () => {
    const ada = browser()
    const { headers } = await ada.back(fake.authorize(await ada.begin("github", "/hello")))
    const body = { code: (headers.get("location") ?? "").split("#code=")[1] }
    const once = { body, headers: { "idempotency-key": "exchange-1" } }
    const first = await call("POST", "auth/oauth/exchange", once)
    const second = await call("POST", "auth/oauth/exchange", once)
    expect([first.status, second.status]).toEqual([200, 200])
    expect(second.body).toEqual(first.body)
    expect(await sessions()).toHaveLength(1)
  })

  test("the code works for 60 seconds", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2026-11-20T09:00:00Z") })
    const ada = browser()
    const { headers } = await ada.back(fake.authorize(await ada.begin("github", "/")))
    const code = (headers.get("location") ?? "").split("#code=")[1]
    vi.setSystemTime(new Date("2026-11-20T09:01:00Z"))
    const late = await call("POST", "auth/oauth/exchange", { body: { code } })
    expectProblem(late, 400, "oauth-failed")
  })

  test("a code that is made up, or is a state, buys nothing", async () => {
    const ada = browser()
    const state = new URL(await ada.begin("github", "/")).searchParams.get("state")
    for (const code of ["x", "x".repeat(200), state]) {
      const answer = await call("POST", "auth/oauth/exchange", { body: { code } })
      expectProblem(answer, 400, "oauth-failed")
    }
    const none = await call("POST", "auth/oauth/exchange", { body: {} })
    expect(fieldsOf(none)).toEqual([["code", "/code"]])
  })

  test("an address may guess 20 times a minute", async () => {
    const guess = (address: string) =>
      send("POST", "auth/oauth/exchange", {
        over: { RATE_LIMITS: "on" },
        headers: { "cf-connecting-ip": address },
        body: { code: "guess" },
      })
    for (let n = 1; n <= 20; n++) expectProblem(await guess("203.0.113.9"), 400, "oauth-failed")
    expectProblem(await guess("203.0.113.9"), 429, "rate-limited")
    expectProblem(await guess("203.0.113.10"), 400, "oauth-failed")
    const callback = await send("GET", "auth/oauth/github/callback?code=a&state=b", {
      over: { ...settings, RATE_LIMITS: "on" },
      headers: { "cf-connecting-ip": "203.0.113.9" },
    })
    expectProblem(callback, 429, "rate-limited")
  })

  test("an account that was closed meanwhile gets no tokens", async () => {
    const ada = browser()
    const { headers } = await ada.back(fake.authorize(await ada.begin("github", "/")))
    await ctx().db.update(users).set({ isActive: false })
    const code = (headers.get("location") ?? "").split("#code=")[1]
    const answer = await call("POST", "auth/oauth/exchange", { body: { code } })
    expectProblem(answer, 401, "wrong-credentials")
  })

  test("a refusal goes to the page too, by its code", async () => {
    await register("ada@example.com", false)
    const ada = browser()
    const { status, headers } = await ada.back(fake.authorize(await ada.begin("google", shop)))
    expect([status, headers.get("location")]).toEqual([
      302,
      "http://localhost:3000/#error=identity-conflict",
    ])
  })

  test.for([
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example",
    "/\t/evil.example",
    "https:evil.example",
    "http://localhost:3000@evil.example/",
    "http://ada:secret@localhost:3000/",
    "http://localhost:3000.evil.example/",
    "http://localhost:30000/",
    "https://localhost:3000/",
    "javascript:alert(1)",
    "data:text/html,x",
    "signed-in",
    "null",
    "",
  ])("%j is nowhere to return to", async (returnTo) => {
    const query = `?return_to=${encodeURIComponent(returnTo)}`
    const answer = await browser().open(`auth/oauth/google${query}`)
    expectProblem(answer, 400, "invalid-input")
    expect(fieldsOf(answer)).toEqual([["return_to", "return_to"]])
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(await rows("SELECT * FROM challenges")).toEqual([])
  })
})

describe("identities of an account", () => {
  async function linkUrl(name: string, as: { access: string }, body?: unknown): Promise<string> {
    const answer = await send("POST", `auth/oauth/${name}/link`, { over: settings, as, body })
    expect(answer.status).toBe(200)
    return answer.body.url
  }

  /** Goes through a provider to link it; the code that comes back. */
  async function linkCode(name: string, as: { access: string }): Promise<string> {
    const { status, body } = await browser().back(fake.authorize(await linkUrl(name, as)))
    expect([status, body.message]).toEqual([
      200,
      "Send this code to POST /auth/identities, signed in, within 60 seconds.",
    ])
    return body.code
  }

  const finish = (code: string, as: { access: string }) =>
    call("POST", "auth/identities", { as, body: { code } })

  test("a provider is linked, listed, signs in whatever its e-mail, and is unlinked", async () => {
    const ada = await register("ada@shop.example", false)
    const linked = await finish(await linkCode("facebook", ada), ada)
    expect(linked.status).toBe(201)
    expect(linked.body).toEqual({
      provider: "facebook",
      email: "ada@example.com",
      created_at: expect.any(String),
      last_used_at: expect.any(String),
    })
    const list = await call("GET", "auth/identities", { as: ada })
    expect(list.body).toEqual({ count: 1, next: null, previous: null, results: [linked.body] })
    expect((await signIn("facebook")).body.user.id).toBe(ada.id)

    const gone = await call("DELETE", "auth/identities/facebook", { as: ada })
    expect([gone.status, gone.body]).toEqual([204, ""])
    expect((await call("GET", "auth/identities", { as: ada })).body.count).toBe(0)
    const again = await call("DELETE", "auth/identities/facebook", { as: ada })
    expectProblem(again, 404, "not-found")
    expect(await audited()).toEqual([
      "account.registered",
      "identity.linked",
      "session.started",
      "identity.unlinked",
    ])
  })

  test("the page that asked gets the code", async () => {
    const ada = await make.user()
    const url = await linkUrl("github", ada, { return_to: "http://localhost:3000/profile" })
    const { headers } = await browser().back(fake.authorize(url))
    const [to, code = ""] = (headers.get("location") ?? "").split("#code=")
    expect(to).toBe("http://localhost:3000/profile")
    expect((await finish(code, ada)).status).toBe(201)
  })

  test("a link is finished by whoever began it, and nobody else", async () => {
    const ada = await make.user()
    const mallory = await make.user()
    const code = await linkCode("google", mallory)
    expectProblem(await finish(code, ada), 400, "oauth-failed")
    const asSignIn = await call("POST", "auth/oauth/exchange", { body: { code } })
    expectProblem(asSignIn, 400, "oauth-failed")
    expect(await rows("SELECT * FROM identities")).toEqual([])
    expect((await finish(code, mallory)).status).toBe(201)
    expectProblem(await finish(code, mallory), 400, "oauth-failed")
  })

  test("the code of a sign-in links nothing", async () => {
    const user = await make.user()
    const ada = browser()
    const { headers } = await ada.back(fake.authorize(await ada.begin("github", "/")))
    const code = (headers.get("location") ?? "").split("#code=")[1] ?? ""
    expectProblem(await finish(code, user), 400, "oauth-failed")
  })

  test("an identity of another account is not taken from it", async () => {
    await signIn("google")
    const bob = await make.user()
    expectProblem(await finish(await linkCode("google", bob), bob), 409, "identity-conflict")
    expect(await rows("SELECT user_id FROM identities")).not.toEqual([{ user_id: bob.id }])
  })

  test("an account has one identity at each provider", async () => {
    const ada = await make.user()
    const first = await linkCode("google", ada)
    expect((await finish(first, ada)).status).toBe(201)
    expect((await finish(await linkCode("google", ada), ada)).status).toBe(201)
    fake.person.subject = "10002"
    expectProblem(await finish(await linkCode("google", ada), ada), 409, "identity-conflict")
    expect(await rows("SELECT subject FROM identities")).toEqual([{ subject: "10001" }])
  })

  test("of two accounts that link one identity at once one gets it", async () => {
    const [ada, bob] = [await make.user(), await make.user()]
    const codes = [await linkCode("google", ada), await linkCode("google", bob)] as const
    const answers = await Promise.all([finish(codes[0], ada), finish(codes[1], bob)])
    expect(statuses(answers)).toEqual([201, 409])
    expect(await rows("SELECT subject FROM identities")).toHaveLength(1)
    expect((await audited()).filter((action) => action === "identity.linked")).toHaveLength(1)
  })

  test("the last way in stays", async () => {
    const { body: ada } = await signIn("google")
    const only = await call("DELETE", "auth/identities/google", { as: ada })
    expectProblem(only, 409, "last-way-in")
    expect((await call("GET", "auth/identities", { as: ada })).body.count).toBe(1)
    expect(await audited()).not.toContain("identity.unlinked")

    expect((await finish(await linkCode("github", ada), ada)).status).toBe(201)
    const answers = await Promise.all(
      ["google", "github"].map((name) => call("DELETE", `auth/identities/${name}`, { as: ada })),
    )
    expect(statuses(answers)).toEqual([204, 409])
    expect((await call("GET", "auth/identities", { as: ada })).body.count).toBe(1)
  })

  test("are the account's own", async () => {
    await signIn("google")
    const bob = await make.user()
    expect((await call("GET", "auth/identities", { as: bob })).body.results).toEqual([])
    const answer = await call("DELETE", "auth/identities/google", { as: bob })
    expectProblem(answer, 404, "not-found")
    for (const [method, path] of [
      ["GET", "auth/identities"],
      ["POST", "auth/identities"],
      ["DELETE", "auth/identities/google"],
      ["POST", "auth/oauth/google/link"],
    ] as const)
      expectProblem(await call(method, path), 401, "unauthenticated")
  })

  test("long after the sign-in a link asks again who it is", async () => {
    const as = await register("ada@shop.example", true)
    await env.DB.exec("UPDATE sessions SET created_at = '2026-01-01T00:00:00.000Z'")
    const link = (body: unknown) =>
      send("POST", "auth/oauth/google/link", { over: settings, as, body })
    const without = await link({})
    expectProblem(without, 400, "invalid-input")
    expect(fieldsOf(without)).toEqual([["password", "/password"]])
    expectProblem(await link({ password: "wrong" }), 400, "invalid-input")
    expect(await rows("SELECT * FROM challenges")).toEqual([])
    expect((await link({ password: "correct horse battery" })).status).toBe(200)
  })

  test("a bad return_to of a link names its field", async () => {
    const as = await make.user()
    const body = { return_to: "https://evil.example/" }
    const answer = await send("POST", "auth/oauth/google/link", { over: settings, as, body })
    expectProblem(answer, 400, "invalid-input")
    expect(fieldsOf(answer)).toEqual([["return_to", "/return_to"]])
  })
})

describe("settings", () => {
  test("a stand-in for the providers is believed in development only", async () => {
    const OAUTH_BASE_URL = "http://localhost:9999"
    const over = { ...settings, OAUTH_BASE_URL }
    const local = await send("GET", "auth/oauth/google", { over })
    expect(local.headers.get("location")).toMatch(
      /^http:\/\/localhost:9999\/accounts\.google\.com\/o\/oauth2\/v2\/auth\?client_id=google-id&/,
    )
    const live = await send("GET", "auth/oauth/google", {
      over: { ...over, ENVIRONMENT: "production" },
    })
    expect(live.headers.get("location")).toMatch(/^https:\/\/accounts\.google\.com\//)
    const config = configOf({ ...env, ...over, ENVIRONMENT: "production" })
    expect(config.oauthBaseUrl).toBeUndefined()
  })
})
