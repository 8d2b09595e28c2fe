import { env } from "cloudflare:workers"
import { expect, it } from "vitest"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { audited, person, rows, secret, signIn } from "../support/people.ts"
import { expectProblem } from "../support/wire.ts"

const phone = { "user-agent": "Phone/1.0", "cf-connecting-ip": "203.0.113.77" }

/** Signs in from a phone at 203.0.113.77. */
async function fromPhone({ email }: { email: string }) {
  const { body } = await call("POST", "auth/login", {
    body: { email, password: secret },
    headers: phone,
  })
  return body as { access: string; refresh: string }
}

it("lists where one is signed in: device, place and time, newest first, and which is this one", async () => {
  const user = await person()
  const other = await fromPhone(user)
  await make.user()
  const { status, body } = await call("GET", "auth/sessions", { as: other })
  expect(status).toBe(200)
  expect(body.count).toBe(2)
  expect(body.results).toMatchObject([
    { device: "Phone/1.0", address_prefix: "203.0.113.0/24", current: true },
    { id: user.sessionId, device: "", address_prefix: "", current: false },
  ])
  expect(Object.keys(body.results[0]).toSorted()).toEqual([
    "address_prefix",
    "created_at",
    "current",
    "device",
    "expires_at",
    "id",
    "last_seen_at",
  ])
})

it("leaves out sessions that ended, are too old, or lay idle for a week", async () => {
  const user = await person()
  const ended = await signIn(user)
  await call("POST", "auth/logout", { as: ended })
  await signIn(user)
  await signIn(user)
  const [old, idle] = await rows(
    "SELECT id FROM sessions WHERE user_id = ? AND id <> ? AND ended_at IS NULL",
    user.id,
    user.sessionId,
  )
  const past = new Date(Date.now() - 8 * 86_400_000).toISOString()
  await env.DB.batch([
    env.DB.prepare("UPDATE sessions SET expires_at = ? WHERE id = ?").bind(past, old?.["id"]),
    env.DB.prepare("UPDATE sessions SET last_seen_at = ? WHERE id = ?").bind(past, idle?.["id"]),
  ])
  const { body } = await call("GET", "auth/sessions", { as: user })
  expect(body.results.map(({ id }: { id: string }) => id)).toEqual([user.sessionId])
})

it("ends one: its refresh token and its access token, and no other", async () => {
  const user = await person()
  const other = await fromPhone(user)
  const listed = await call("GET", "auth/sessions", { as: user })
  const { id } = listed.body.results.find(({ current }: { current: boolean }) => !current)
  const answer = await call("DELETE", `auth/sessions/${id}`, { as: user })
  expect(answer.status).toBe(204)
  expectProblem(await call("GET", "users/me", { as: other }), 401, "token-not-valid")
  const refreshed = await call("POST", "auth/refresh", { body: { refresh: other.refresh } })
  expectProblem(refreshed, 401, "token-not-valid")
  expect((await call("GET", "users/me", { as: user })).status).toBe(200)
  expectProblem(await call("DELETE", `auth/sessions/${id}`, { as: user }), 404, "not-found")
  expect(await audited(user.id)).toEqual(["session.started", "session.ended"])
})

it("ends the one that asks", async () => {
  const user = await person()
  expect((await call("DELETE", `auth/sessions/${user.sessionId}`, { as: user })).status).toBe(204)
  expectProblem(await call("GET", "auth/sessions", { as: user }), 401, "token-not-valid")
})

it("does not know somebody else's", async () => {
  const ada = await person()
  const eve = await person("admin")
  const answer = await call("DELETE", `auth/sessions/${ada.sessionId}`, { as: eve })
  expectProblem(answer, 404, "not-found")
  expect((await call("GET", "users/me", { as: ada })).status).toBe(200)
  expect(await audited(ada.id)).toEqual([])
})

it("is for who is signed in", async () => {
  expectProblem(await call("GET", "auth/sessions"), 401, "unauthenticated")
  expectProblem(await call("DELETE", "auth/sessions/ses_1"), 401, "unauthenticated")
})

it("goes on by cursor", async () => {
  const user = await person()
  await signIn(user)
  await signIn(user)
  const first = await call("GET", "auth/sessions?page_size=2", { as: user })
  const second = await call("GET", `auth/sessions?page_size=2&cursor=${first.body.next_cursor}`, {
    as: user,
  })
  const ids = [...first.body.results, ...second.body.results].map(({ id }) => id)
  expect(new Set(ids).size).toBe(3)
})

it("signing out, once and everywhere, is in the audit with the sessions it ended", async () => {
  const user = await person()
  const other = await fromPhone(user)
  await call("POST", "auth/logout", { as: other })
  const third = await signIn(user)
  await call("POST", "auth/logout-all", { as: third })
  expect(await audited(user.id)).toEqual([
    "session.started",
    "session.ended",
    "session.started",
    "session.ended",
  ])
  for (const as of [user, other, third])
    expectProblem(await call("GET", "users/me", { as }), 401, "token-not-valid")
})

it("a refresh token used twice ends its session, and the audit says so", async () => {
  const user = await person()
  const { refresh } = await fromPhone(user)
  const first = await call("POST", "auth/refresh", { body: { refresh } })
  await call("POST", "auth/refresh", { body: { refresh: first.body.refresh } })
  const reused = await call("POST", "auth/refresh", { body: { refresh } })
  expectProblem(reused, 401, "token-reused")
  expect(await audited(user.id)).toEqual(["session.started", "token.reused"])
  const [row] = await rows(
    "SELECT address_prefix, details FROM audit WHERE action = 'token.reused'",
  )
  expect(JSON.parse(String(row?.["details"])).sessions).toMatch(/^ses_/)
})
