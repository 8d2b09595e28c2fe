import { env } from "cloudflare:workers"
import { describe, expect, it, vi } from "vitest"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { expectProblem, fieldsOf, send } from "../support/wire.ts"

const patch = (as: { access: string }, body: unknown) => send("PATCH", "users/me", { as, body })

describe("the profile", () => {
  it("C051, C052 is the owner's, under each of its paths, and nobody else's", async () => {
    const user = await make.user()
    const paths = ["/api/v1/users/me", "/api/auth/profile/", "/api/auth/users/me/", "/api/auth/me"]
    for (const path of [...paths, "/api/users/profile/"]) {
      const answer = await call("GET", path, { as: user })
      expect(answer).toMatchObject({ status: 200, body: { id: user.id, email: user.email } })
      expectProblem(await call("GET", path), 401, "unauthenticated")
    }
  })

  it("says everything of an account but its password", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2030-05-01T09:30:00.000Z") })
    const { access } = (
      await send("POST", "auth/register", {
        body: { email: "ada@nexus.test", password: "correct horse battery", first_name: "Ada" },
      })
    ).body
    const { body } = await send("GET", "users/me", { as: { access } })
    expect(body).toEqual({
      id: expect.stringMatching(/^usr_/),
      username: "ada",
      email: "ada@nexus.test",
      first_name: "Ada",
      last_name: "",
      full_name: "Ada",
      phone: "",
      role: "customer",
      is_staff: false,
      is_active: true,
      is_verified: false,
      mfa_enabled: false,
      date_joined: "2030-05-01T09:30:00.000Z",
      last_login: "2030-05-01T09:30:00.000Z",
      gender: null,
      date_of_birth: null,
      bio: "",
      website: "",
      avatar: "",
      preferences: {},
      email_notifications: true,
      push_notifications: true,
    })
  })

  it("C053 is changed by PUT and PATCH alike: fields left out stay", async () => {
    const user = await make.user()
    const put = await call("PUT", "/api/auth/profile/update/", {
      as: user,
      body: { first_name: "Updated", last_name: "Name" },
    })
    expect(put).toMatchObject({ status: 200, body: { full_name: "Updated Name", phone: "" } })
    const patched = await patch(user, { phone: "+254712345678" })
    expect(patched.body).toMatchObject({ first_name: "Updated", phone: "+254712345678" })
    const read = await send("GET", "users/me", { as: user })
    expect(read.body).toEqual(patched.body)
  })

  it("keeps every field that an owner may set", async () => {
    const user = await make.user()
    const profile = {
      first_name: "Ada",
      last_name: "Lovelace",
      phone: "+44 20 7946 0000",
      gender: "F",
      date_of_birth: "1990-12-10",
      bio: "Collects keyboards.\nAnd 键盘.",
      website: "https://ada.example",
      avatar: "https://ada.example/me.png",
      preferences: { theme: "dark", nested: { list: [1, "two", null] } },
      email_notifications: false,
      push_notifications: false,
    }
    expect((await patch(user, profile)).body).toMatchObject(profile)
    expect((await send("GET", "users/me", { as: user })).body).toMatchObject(profile)
    const cleared = { gender: null, date_of_birth: null, website: "", avatar: "", preferences: {} }
    const answer = await patch(user, cleared)
    expect(answer.body).toMatchObject(cleared)
    expect(answer.body.preferences).toEqual({})
  })

  it("an empty change is none", async () => {
    const user = await make.user()
    const before = await send("GET", "users/me", { as: user })
    const answer = await patch(user, {})
    expect(answer).toMatchObject({ status: 200, body: before.body })
  })

  it("refuses what is no value of its field, every one at once", async () => {
    const user = await make.user()
    const answer = await patch(user, {
      first_name: "x".repeat(151),
      phone: "call me",
      gender: "X",
      date_of_birth: "1990-02-30",
      website: "javascript:alert(1)",
      avatar: "http://insecure.example/me.png",
      email_notifications: "yes",
      preferences: [],
    })
    expectProblem(answer, 400, "invalid-input")
    expect(fieldsOf(answer).map(([field]) => field)).toEqual([
      "avatar",
      "date_of_birth",
      "email_notifications",
      "first_name",
      "gender",
      "phone",
      "preferences",
      "website",
    ])
    expect((await send("GET", "users/me", { as: user })).body.first_name).toBe("")
  })

  it("refuses birthdays that are not past, and preferences over 16 KiB", async () => {
    const user = await make.user()
    for (const body of [
      { date_of_birth: "2999-01-01" },
      { date_of_birth: "1899-12-31" },
      { preferences: { x: "y".repeat(16_384) } },
      { bio: "x".repeat(2001) },
    ])
      expectProblem(await patch(user, body), 400, "invalid-input")
    for (const body of [
      { date_of_birth: "1900-01-01" },
      { preferences: { x: "y".repeat(16_000) } },
      { bio: "x".repeat(2000) },
    ])
      expect((await patch(user, body)).status).toBe(200)
  })

  it("names that belong to every object are kept as text, nothing more", async () => {
    const user = await make.user()
    const answer = await send("PATCH", "users/me", {
      as: user,
      body: '{"preferences":{"constructor":"a","toString":"b"}}',
      headers: { "content-type": "application/json" },
    })
    expect(answer.status).toBe(200)
    const read = await send("GET", "users/me", { as: user })
    expect(read.body.preferences).toEqual({ constructor: "a", toString: "b" })
  })
})

describe("what is nobody's to set", () => {
  it("changes nothing by PATCH or PUT", async () => {
    const user = await make.user()
    const before = (await send("GET", "users/me", { as: user })).body
    const wanted = {
      id: "usr_other",
      role: "admin",
      is_staff: true,
      is_superuser: true,
      is_active: false,
      is_verified: true,
      mfa_enabled: true,
      user_type: "ADMIN",
      username: "root",
      date_joined: "2001-01-01T00:00:00.000Z",
      created_at: "2001-01-01T00:00:00.000Z",
      last_login: null,
      password: "another password",
      password_hash: "none",
      passwordHash: "none",
      isActive: false,
      createdAt: "2001-01-01T00:00:00.000Z",
    }
    const row = () => env.DB.prepare("SELECT * FROM users").first<Record<string, unknown>>()
    const stored = await row()
    for (const method of ["PATCH", "PUT"]) {
      const answer = await send(method, "users/me", { as: user, body: wanted })
      expect([answer.status, answer.body]).toEqual([200, before])
    }
    expect({ ...(await row()), updated_at: null }).toEqual({ ...stored, updated_at: null })
    expectProblem(await send("GET", "admin/orders", { as: user }), 403, "forbidden")
  })

  it("an e-mail is not changed without being confirmed", async () => {
    const user = await make.user()
    const answer = await patch(user, { email: "thief@nexus.test", bio: "x" })
    expect(answer.body).toMatchObject({ email: user.email, bio: "x" })
  })
})

it("a token whose account is gone is no account", async () => {
  const user = await make.user()
  await env.DB.batch([
    env.DB.prepare("DELETE FROM refresh_tokens"),
    env.DB.prepare("DELETE FROM sessions"),
    env.DB.prepare("DELETE FROM users"),
  ])
  expectProblem(await send("GET", "users/me", { as: user }), 401, "unauthenticated")
  expectProblem(await patch(user, { bio: "x" }), 401, "unauthenticated")
})
