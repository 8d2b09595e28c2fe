import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import { secondsAfter } from "#lib/time.ts"
import * as account from "#modules/auth/account.ts"
import * as auth from "#modules/auth/auth.ts"
import * as passwords from "#modules/auth/passwords.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import { linkOf, mailbox, mailOf, tokenOf } from "../support/mail.ts"
import * as make from "../support/make.ts"

const password = "SecurePass123!"
const next = "correct horse battery"

type Tokens = { access: string; refresh: string; user: any }

async function signUp(email: string, username?: string): Promise<Tokens> {
  const answer = await call("POST", "auth/register", { body: { email, password, username } })
  expect(answer.status).toBe(201)
  return answer.body
}

const login = (email: string, secret: string) =>
  call("POST", "auth/login", { body: { email, password: secret } })
const refresh = (refreshToken: string) =>
  call("POST", "auth/refresh", { body: { refresh: refreshToken } })
const verify = (token: string) => call("POST", "auth/verify-email", { body: { token } })
const requestReset = (email: string) => call("POST", "auth/password/reset", { body: { email } })
const reset = (token: string, secret: string = next) =>
  call("POST", "auth/password/reset/confirm", { body: { token, new_password: secret } })
const fields = (answer: { body: any }) => answer.body.errors.map((one: any) => one.field)
const templates = async (to: string) =>
  (await mailbox(to)).map(({ template }) => template).toSorted()
async function actions(userId: string): Promise<string[]> {
  const { results } = await env.DB.prepare(
    "SELECT action FROM audit WHERE user_id = ? ORDER BY created_at, id",
  )
    .bind(userId)
    .all<{ action: string }>()
  return results.map(({ action }) => action)
}

describe("verifying an address", () => {
  it("C069 works by the mailed link, once", async () => {
    const { user, access } = await signUp("john@example.com")
    expect(user.is_verified).toBe(false)
    const mail = await mailOf("john@example.com", "verify-email")
    const path = linkOf(mail).pathname
    const answer = await call("GET", path)
    expect(answer).toMatchObject({
      status: 200,
      body: {
        detail: "Email successfully verified",
        user: { id: user.id, email: "john@example.com", is_verified: true },
      },
    })
    expect(Object.keys(answer.body.user).toSorted()).toEqual(["email", "id", "is_verified"])
    expect((await call("GET", path)).status).toBe(400)
    expect((await call("GET", "users/me", { as: { access } })).body.is_verified).toBe(true)
    expect(await actions(user.id)).toEqual(["account.registered", "email.verified"])
  })

  it("C068 refuses a bad token, and one of another kind", async () => {
    await signUp("john@example.com")
    await requestReset("john@example.com")
    const other = tokenOf(await mailOf("john@example.com", "reset-password"))
    for (const token of ["bad", other, "x".repeat(200)]) {
      const answer = await call("GET", `auth/verify-email/usr_1/${token}/`)
      expect(answer.status).toBe(400)
      expect(fields(answer)).toEqual(["token"])
    }
    for (const body of [
      {},
      { token: 5 },
      { token: "" },
      { token: null },
      { token: "x".repeat(201) },
    ])
      expect((await call("POST", "auth/verify-email", { body })).status).toBe(400)
  })

  it("takes one of two at once", async () => {
    await signUp("john@example.com")
    const token = tokenOf(await mailOf("john@example.com", "verify-email"))
    const statuses = (await Promise.all([verify(token), verify(token)])).map(({ status }) => status)
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 400])
  })

  it("C070 sends another link, which ends the one before", async () => {
    const john = await signUp("john@example.com")
    const first = tokenOf(await mailOf("john@example.com", "verify-email"))
    const answer = await call("POST", "auth/resend-verification-email/", { as: john })
    expect(answer).toMatchObject({ status: 200, body: { detail: "Verification e-mail sent." } })
    const mails = await mailbox("john@example.com")
    expect(mails).toHaveLength(2)
    expect((await verify(first)).status).toBe(400)
    const second = mails.map(tokenOf).find((token) => token !== first) ?? ""
    expect((await verify(second)).status).toBe(200)
    expect((await call("POST", "auth/verify-email/resend", { as: john })).status).toBe(200)
    expect(await mailbox("john@example.com")).toHaveLength(2)
    expect((await call("POST", "auth/verify-email/resend")).status).toBe(401)
  })

  it("ends after seven days", async () => {
    await signUp("john@example.com")
    const token = tokenOf(await mailOf("john@example.com", "verify-email"))
    const late = ctx({ as: { type: "guest" }, now: secondsAfter(new Date(), 7 * 86_400 + 60) })
    await expect(account.verifyEmail(late, token)).rejects.toMatchObject({ code: "invalid-input" })
  })

  it("is asked of every sign-in where the setting says so; each refusal mails a link", async () => {
    await signUp("john@example.com")
    const first = tokenOf(await mailOf("john@example.com", "verify-email"))
    const strict = ctx({ as: { type: "guest" } })
    strict.config = { ...strict.config, verifiedLogin: true }
    const credentials = { email: "john@example.com", password }
    await expect(auth.login(strict, credentials)).rejects.toMatchObject({
      code: "email-not-verified",
    })
    const wrong = { ...credentials, password: "wrong" }
    await expect(auth.login(strict, wrong)).rejects.toMatchObject({ code: "wrong-credentials" })
    const mails = await mailbox("john@example.com")
    expect(mails.map(({ template }) => template)).toEqual(["verify-email", "verify-email"])
    const second = mails.map(tokenOf).find((token) => token !== first) ?? ""
    expect((await verify(second)).status).toBe(200)
    expect(await auth.login(strict, credentials)).toMatchObject({ message: "Signed in." })
    expect((await call("GET", "/problems/email-not-verified")).body.status).toBe(401)
  })
})

describe("changing a password", () => {
  it("C057 C058 C059 keeps this session, ends the others, and tells the owner", async () => {
    const john = await signUp("john@example.com")
    const other = (await login("john@example.com", password)).body
    const body = { old_password: password, new_password: next, new_password_confirm: next }
    const answer = await call("PUT", "/api/auth/change-password/", { body, as: john })
    expect(answer).toMatchObject({
      status: 200,
      body: { message: "Password changed successfully" },
    })
    expect((await refresh(other.refresh)).status).toBe(401)
    expect((await call("GET", "users/me", { as: other })).status).toBe(401)
    expect((await call("GET", "users/me", { as: john })).status).toBe(200)
    expect((await refresh(john.refresh)).status).toBe(200)
    expect((await login("john@example.com", password)).status).toBe(401)
    expect((await login("john@example.com", next)).status).toBe(200)
    expect(await templates("john@example.com")).toEqual(["password-changed", "verify-email"])
    expect(await actions(john.user.id)).toContain("password.changed")
  })

  it("C056 refuses a wrong old password, naming it", async () => {
    const john = await signUp("john@example.com")
    for (const method of ["POST", "PUT"]) {
      const body = { old_password: "bad", new_password: next, new_password_confirm: next }
      const answer = await call(method, "auth/password/change", { body, as: john })
      expect(answer.status).toBe(400)
      expect(fields(answer)).toEqual(["old_password"])
    }
    expect((await login("john@example.com", password)).status).toBe(200)
    expect((await call("POST", "auth/password/change", { body: {} })).status).toBe(401)
  })

  it.each([
    ["short", "1234567"],
    ["long", "x1".repeat(129)],
    ["common", "Password123"],
    ["common in capitals", "QWERTYUIOP"],
    ["one piece over and over", "abcabcabcabc"],
    ["a row", "23456789"],
    ["the e-mail", "JOHN@example.com"],
    ["the username", "JohnTheFirst"],
    ["no text", 12345678],
  ])("refuses a new password that is %s", async (_what, secret) => {
    const john = await signUp("john@example.com", "johnthefirst")
    const body = { old_password: password, new_password: secret }
    const answer = await call("POST", "auth/password/change", { body, as: john })
    expect(answer.status).toBe(400)
    expect(fields(answer)).toEqual(["new_password"])
    expect((await login("john@example.com", password)).status).toBe(200)
  })

  it("refuses two that differ, and takes the lengths at the edge", async () => {
    const john = await signUp("john@example.com")
    const differing = { old_password: password, new_password: next, new_password_confirm: "other" }
    const answer = await call("POST", "auth/password/change", { body: differing, as: john })
    expect(fields(answer)).toEqual(["new_password", "new_password_confirm"])
    let old = password
    for (const secret of ["gr8Tfunk", "x".repeat(256)]) {
      const body = { old_password: old, new_password: secret }
      expect((await call("POST", "auth/password/change", { body, as: john })).status).toBe(200)
      old = secret
    }
  })

  it("takes one of two at once", async () => {
    const john = await signUp("john@example.com")
    const change = (secret: string) =>
      call("POST", "auth/password/change", {
        body: { old_password: password, new_password: secret },
        as: john,
      })
    const answers = await Promise.all([change("first of the two"), change("second of the two")])
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 400])
    const winner = answers[0]?.status === 200 ? "first of the two" : "second of the two"
    expect((await login("john@example.com", winner)).status).toBe(200)
    expect(await templates("john@example.com")).toEqual(["password-changed", "verify-email"])
  })

  it("answers a repeated request with its key the same, and changes nothing twice", async () => {
    const john = await signUp("john@example.com")
    const request = {
      body: { old_password: password, new_password: next },
      as: john,
      headers: { "idempotency-key": "change-1" },
    }
    const first = await call("POST", "auth/password/change", request)
    const again = await call("POST", "auth/password/change", request)
    expect([first.status, again.status]).toEqual([200, 200])
    expect(again.headers.get("idempotent-replayed")).toBe("true")
    expect(again.body).toEqual(first.body)
  })

  it("ends a link that would reset the old one", async () => {
    const john = await signUp("john@example.com")
    await requestReset("john@example.com")
    const token = tokenOf(await mailOf("john@example.com", "reset-password"))
    const body = { old_password: password, new_password: next }
    await call("POST", "auth/password/change", { body, as: john })
    expect((await reset(token, "yet another one")).status).toBe(400)
  })

  it("is limited for each account", async () => {
    const user = await make.user()
    const as = ctx({ as: user })
    as.config = { ...as.config, rateLimits: true }
    const input = { old_password: "wrong", new_password: next }
    for (let n = 0; n < 5; n++)
      await expect(passwords.change(as, input)).rejects.toMatchObject({ code: "invalid-input" })
    await expect(passwords.change(as, input)).rejects.toMatchObject({ code: "rate-limited" })
  })
})

describe("resetting a password", () => {
  it("C072 answers known and unknown addresses alike, and mails the known one only", async () => {
    await signUp("john@example.com")
    const known = await requestReset("JOHN@example.com")
    const unknown = await requestReset("nobody@example.com")
    expect([known.status, unknown.status]).toEqual([200, 200])
    expect(known.body).toEqual(unknown.body)
    const queries = (answer: { headers: Headers }) =>
      /d1_queries;desc="?(\d+)/.exec(answer.headers.get("server-timing") ?? "")?.[1]
    expect(queries(known)).toMatch(/^\d+$/)
    expect(queries(known)).toBe(queries(unknown))
    expect(await templates("john@example.com")).toEqual(["reset-password", "verify-email"])
    expect(await mailbox("nobody@example.com")).toEqual([])
    expect(
      (await call("POST", "/api/v1/users/password/reset/", { body: { email: "john@example.com" } }))
        .status,
    ).toBe(200)
    expect((await requestReset("no address")).status).toBe(400)
  })

  it("C073 works once, ends every session, signs nobody in and verifies nothing", async () => {
    const john = await signUp("john@example.com")
    await requestReset("john@example.com")
    const mail = await mailOf("john@example.com", "reset-password")
    expect(linkOf(mail).pathname).toBe("/account/reset-password")
    const answer = await reset(tokenOf(mail))
    expect(answer.status).toBe(200)
    expect(Object.keys(answer.body).toSorted()).toEqual(["detail", "message"])
    expect((await reset(tokenOf(mail), "yet another one")).status).toBe(400)
    expect((await refresh(john.refresh)).status).toBe(401)
    expect((await call("GET", "users/me", { as: john })).status).toBe(401)
    expect((await login("john@example.com", password)).status).toBe(401)
    expect((await login("john@example.com", next)).body.user.is_verified).toBe(false)
    expect(await templates("john@example.com")).toEqual([
      "password-changed",
      "reset-password",
      "verify-email",
    ])
    expect(await actions(john.user.id)).toEqual(
      expect.arrayContaining(["password.reset-requested", "password.reset"]),
    )
  })

  it("refuses a bad token and a bad password, which leaves the token", async () => {
    const john = await signUp("john@example.com")
    await requestReset("john@example.com")
    const token = tokenOf(await mailOf("john@example.com", "reset-password"))
    expect(fields(await reset("bad"))).toEqual(["token"])
    for (const secret of ["123", "password123", "john@example.com"])
      expect(fields(await reset(token, secret))).toEqual(["new_password"])
    for (const body of [{}, [], { token: {}, new_password: next }, { token, new_password: null }])
      expect((await call("POST", "auth/password/reset/confirm", { body })).status).toBe(400)
    const withUid = (uid: string) =>
      call("POST", "auth/password/confirm", { body: { uid, token, new_password: next } })
    expect((await withUid("usr_1")).status).toBe(400)
    expect((await withUid(john.user.id)).status).toBe(200)
  })

  it("takes one of two at once", async () => {
    await signUp("john@example.com")
    await requestReset("john@example.com")
    const token = tokenOf(await mailOf("john@example.com", "reset-password"))
    const answers = await Promise.all([reset(token), reset(token, "second of the two")])
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 400])
  })

  it("takes the newest link only, within 30 minutes", async () => {
    await signUp("john@example.com")
    await requestReset("john@example.com")
    const first = tokenOf(await mailOf("john@example.com", "reset-password"))
    await requestReset("john@example.com")
    expect((await reset(first)).status).toBe(400)
    const second =
      (await mailbox("john@example.com"))
        .filter(({ template }) => template === "reset-password")
        .map(tokenOf)
        .find((token) => token !== first) ?? ""
    const late = ctx({ as: { type: "guest" }, now: secondsAfter(new Date(), 30 * 60 + 5) })
    await expect(
      passwords.reset(late, { token: second, new_password: next }),
    ).rejects.toMatchObject({ code: "invalid-input" })
    expect((await reset(second)).status).toBe(200)
  })

  it("mails nothing to a closed account", async () => {
    await signUp("john@example.com")
    await mailbox("john@example.com")
    await env.DB.exec("UPDATE users SET is_active = 0 WHERE email = 'john@example.com'")
    expect((await requestReset("john@example.com")).status).toBe(200)
    expect(await templates("john@example.com")).toEqual(["verify-email"])
  })

  it("still asks for the second factor", async () => {
    const john = await signUp("john@example.com")
    await env.DB.prepare("UPDATE users SET mfa_enabled_at = ? WHERE id = ?")
      .bind(new Date().toISOString(), john.user.id)
      .run()
    await requestReset("john@example.com")
    await reset(tokenOf(await mailOf("john@example.com", "reset-password")))
    expect((await login("john@example.com", next)).body).toMatchObject({ mfa_required: true })
  })

  it("is limited for each address and each account, known or not", async () => {
    for (const email of ["nobody@example.com", "nobody.else@example.com"]) {
      const as = ctx({ as: { type: "guest" }, client: { address: email, device: "" } })
      as.config = { ...as.config, rateLimits: true }
      for (let n = 0; n < 3; n++) await passwords.requestReset(as, email)
      await expect(passwords.requestReset(as, email)).rejects.toMatchObject({
        code: "rate-limited",
      })
      const elsewhere = { ...as, client: { address: `other ${email}`, device: "" } }
      await expect(passwords.requestReset(elsewhere, email)).rejects.toMatchObject({
        code: "rate-limited",
      })
    }
  })

  it("keeps the token out of the database and the event", async () => {
    await signUp("john@example.com")
    await requestReset("john@example.com")
    const token = tokenOf(await mailOf("john@example.com", "reset-password"))
    for (const table of ["mailed_tokens", "outbox", "audit", "users"]) {
      const { results } = await env.DB.prepare(`SELECT * FROM ${table}`).all()
      expect(JSON.stringify(results)).not.toContain(token)
    }
  })
})

describe("changing the address of an account", () => {
  const move = (as: Tokens, body: Record<string, unknown>, method = "PATCH") =>
    call(method, "users/me", { body, as })
  const confirm = (token: string) => call("POST", "auth/email/confirm", { body: { token } })

  it("waits for the new address, tells the old one, and ends what went there", async () => {
    const john = await signUp("moving@example.com")
    const oldLink = tokenOf(await mailOf("moving@example.com", "verify-email"))
    await requestReset("moving@example.com")
    const resetLink = tokenOf(await mailOf("moving@example.com", "reset-password"))
    const asked = await move(john, { email: "New@Example.com", password, first_name: "John" })
    expect(asked).toMatchObject({
      status: 200,
      body: { email: "moving@example.com", first_name: "John" },
    })
    const mail = await mailOf("new@example.com", "change-email")
    expect(linkOf(mail).pathname).toBe("/account/confirm-email")
    expect((await login("new@example.com", password)).status).toBe(401)

    const answer = await confirm(tokenOf(mail))
    expect(answer).toMatchObject({
      status: 200,
      body: { user: { id: john.user.id, email: "new@example.com", is_verified: true } },
    })
    expect((await confirm(tokenOf(mail))).status).toBe(400)
    expect((await verify(oldLink)).status).toBe(400)
    expect((await reset(resetLink)).status).toBe(400)
    expect((await login("new@example.com", password)).status).toBe(200)
    expect((await login("moving@example.com", password)).status).toBe(401)
    expect(await templates("moving@example.com")).toEqual([
      "email-changed",
      "reset-password",
      "verify-email",
    ])
    expect(await actions(john.user.id)).toEqual(
      expect.arrayContaining(["email.change-requested", "email.changed"]),
    )
  })

  it("C063 ignores an address without the password, and C053 the same address", async () => {
    const john = await signUp("john@example.com")
    for (const body of [
      { first_name: "Upd", email: "hack@x.com", is_staff: true },
      { first_name: "Upd", email: "john@example.com", password },
    ])
      expect(await move(john, body, "PUT")).toMatchObject({
        status: 200,
        body: { first_name: "Upd", email: "john@example.com", is_staff: false },
      })
    expect(await mailbox("hack@x.com")).toEqual([])
    expect(await mailbox("john@example.com")).toHaveLength(1)
  })

  it("C054 refuses no address, a wrong password and a taken address", async () => {
    const john = await signUp("john@example.com")
    await signUp("taken@example.com")
    expect(fields(await move(john, { email: "nope" }, "PUT"))).toEqual(["email"])
    const wrong = await move(john, { email: "new@example.com", password: "wrong", bio: "x" })
    expect(wrong.status).toBe(400)
    expect(fields(wrong)).toEqual(["password"])
    expect(fields(await move(john, { email: "Taken@example.com", password }))).toEqual(["email"])
    expect((await call("GET", "users/me", { as: john })).body.bio).toBe("")
    expect(await mailbox("new@example.com")).toEqual([])
  })

  it("refuses an address that somebody took in between, whole", async () => {
    const jane = await signUp("jane@example.com")
    await move(jane, { email: "new@example.com", password })
    const token = tokenOf(await mailOf("new@example.com", "change-email"))
    await signUp("new@example.com")
    const answer = await confirm(token)
    expect(answer.status).toBe(400)
    expect(fields(answer)).toEqual(["email"])
    expect((await call("GET", "users/me", { as: jane })).body.email).toBe("jane@example.com")
    expect(await templates("jane@example.com")).toEqual(["verify-email"])
  })

  it("takes one of two at once, and the newest of two requests", async () => {
    const john = await signUp("moved@example.com")
    await move(john, { email: "first@example.com", password })
    const first = tokenOf(await mailOf("first@example.com", "change-email"))
    await move(john, { email: "second@example.com", password })
    const second = tokenOf(await mailOf("second@example.com", "change-email"))
    expect((await confirm(first)).status).toBe(400)
    const answers = await Promise.all([confirm(second), confirm(second)])
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 400])
    expect((await call("GET", "users/me", { as: john })).body.email).toBe("second@example.com")
  })
})

describe("a new account's password", () => {
  it.each(["password123", "12345678", "aaaaaaaa", "iloveyou"])("is not %s", async (secret) => {
    const body = { email: "john@example.com", password: secret }
    const answer = await call("POST", "auth/register", { body })
    expect(answer.status).toBe(400)
    expect(fields(answer)).toEqual(["password"])
  })

  it.each(["testpass123", "securepassword123", "P@ssw0rd123!"])("may be %s", async (secret) => {
    const body = { email: "john@example.com", password: secret }
    expect((await call("POST", "auth/register", { body })).status).toBe(201)
  })
})

describe("the pages that mailed links lead to", () => {
  it.each([
    ["reset-password", "/api/v1/auth/password/reset/confirm"],
    ["confirm-email", "/api/v1/auth/email/confirm"],
  ])("%s sends its form to the API, and lets no other script in", async (name, to) => {
    const page = await call("GET", `/account/${name}`)
    expect(page.status).toBe(200)
    expect(page.headers.get("content-type")).toBe("text/html; charset=UTF-8")
    expect(page.headers.get("content-security-policy")).toContain("script-src 'self';")
    expect(page.headers.get("referrer-policy")).toBe("no-referrer")
    expect(page.headers.get("cache-control")).toBe("no-store")
    expect(page.body).toContain(`<form data-to="${to}">`)
    expect(page.body).not.toMatch(/<script>|style=|onclick/)
    for (const [, path = ""] of page.body.matchAll(/(?:src|href)="([^"]+)"/g))
      expect((await call("GET", path)).status).toBe(200)
    expect((await call("POST", to, { body: {} })).status).toBe(400)
  })
})
