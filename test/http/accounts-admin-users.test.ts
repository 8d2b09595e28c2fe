import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import * as adminUsers from "#modules/auth/admin-users.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { audited, person, rows, secret, signIn } from "../support/people.ts"
import { expectProblem, fieldsOf, send } from "../support/wire.ts"

const standing = async (id: string) =>
  (await rows("SELECT role, is_active FROM users WHERE id = ?", id))[0]

/** `count` more accounts, straight into D1, each a second older than the one before. */
async function crowd(count: number, over: { role?: string; active?: number } = {}) {
  const statements = Array.from({ length: count }, (_, n) =>
    env.DB.prepare(
      `INSERT INTO users (id, email, username, password_hash, role, is_active, is_verified, first_name, last_name, phone, bio, website, avatar, preferences, email_notifications, push_notifications, created_at, updated_at)
       VALUES (?, ?, ?, 'none', ?, ?, 1, '', '', '', '', '', '', '{}', 1, 1, ?, ?)`,
    ).bind(
      `usr_${over.role ?? "c"}${over.active ?? 1}${n}`,
      `crowd-${over.role ?? "c"}${over.active ?? 1}${n}@example.com`,
      `Crowd-${over.role ?? "c"}${over.active ?? 1}${n}`,
      over.role ?? "customer",
      over.active ?? 1,
      new Date(Date.UTC(2025, 0, 1) - n * 1000).toISOString(),
      new Date(Date.UTC(2025, 0, 1)).toISOString(),
    ),
  )
  await env.DB.batch(statements)
}

const rowsRead = (headers: Headers) =>
  Number(/d1_rows_read;desc="(\d+)"/.exec(headers.get("server-timing") ?? "")?.[1])

it("an account is changed only as it was seen, and both of two changes at once are kept", async () => {
  const [admin, other] = [await make.user("admin"), await make.user("staff")]
  const path = `admin/users/${other.id}`
  const opened = await send("GET", path, { as: admin })
  const tag = opened.headers.get("etag") ?? ""
  expect([opened.body.version, tag]).toEqual([1, expect.stringMatching(/^"1\.[\w-]+"$/)])
  const both = await Promise.all(
    [{ role: "customer" }, { is_active: false }].map((body) =>
      send("PATCH", path, { as: admin, body }),
    ),
  )
  expect(both.map(({ status }) => status)).toEqual([200, 200])
  const now = await send("GET", path, { as: admin })
  expect(now.body).toMatchObject({ role: "customer", is_active: false, version: 3 })
  const stale = { as: admin, headers: { "if-match": tag }, body: { is_active: true } }
  expectProblem(await send("PATCH", path, stale), 412, "stale")
  const seen = { ...stale, headers: { "if-match": now.headers.get("etag") ?? "" } }
  const racing = await Promise.all([
    send("PATCH", path, seen),
    send("PATCH", path, { ...seen, body: { role: "staff" } }),
  ])
  expect(racing.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412])
})

describe("the list of accounts", () => {
  it("is newest first, in full, without a hash", async () => {
    const ada = await person()
    const admin = await person("admin")
    const { status, body } = await call("GET", "admin/users", { as: admin })
    expect(status).toBe(200)
    expect(body.count).toBe(2)
    expect(body.results).toMatchObject([
      { id: admin.id, role: "admin", is_staff: true, is_active: true },
      { id: ada.id, email: ada.email, role: "customer", mfa_enabled: false },
    ])
    expect(JSON.stringify(body)).not.toMatch(/password|hash|argon/i)
  })

  it("is for admins alone", async () => {
    for (const path of ["admin/users", "admin/users/usr_1", "admin/audit"]) {
      expectProblem(await call("GET", path), 401, "unauthenticated")
      for (const role of ["customer", "staff"] as const)
        expectProblem(await call("GET", path, { as: await make.user(role) }), 403, "forbidden")
    }
  })

  it("finds by what the e-mail or the username starts with, in any letter case", async () => {
    const admin = await make.user("admin")
    await crowd(3)
    const found = async (search: string) => {
      const { body } = await call("GET", `admin/users?search=${encodeURIComponent(search)}`, {
        as: admin,
      })
      return body.results.map(({ id }: { id: string }) => id)
    }
    expect(await found("CROWD-C11@")).toEqual(["usr_c11"])
    expect(await found("cRoWd-c1")).toEqual(["usr_c10", "usr_c11", "usr_c12"])
    expect(await found(admin.email)).toEqual([admin.id])
    expect(await found("rowd")).toEqual([])
    expect(await found("%")).toEqual([])
    expect(await found("' OR 1=1 --")).toEqual([])
  })

  it("filters by role and by whether an account is open", async () => {
    const admin = await make.user("admin")
    await crowd(2, { role: "staff" })
    await crowd(1, { role: "staff", active: 0 })
    const found = async (query: string) =>
      (await call("GET", `admin/users?${query}`, { as: admin })).body.results.map(
        ({ id }: { id: string }) => id,
      )
    expect(await found("role=staff")).toEqual(["usr_staff10", "usr_staff00", "usr_staff11"])
    expect(await found("role=staff&is_active=true")).toEqual(["usr_staff10", "usr_staff11"])
    expect(await found("is_active=false")).toEqual(["usr_staff00"])
    expect(await found("role=customer&is_active=false")).toEqual([])
    expect(await found("search=crowd-staff1&role=staff&ordering=date_joined")).toEqual([
      "usr_staff11",
      "usr_staff10",
    ])
    const bad = await call("GET", "admin/users?role=root&is_active=maybe", { as: admin })
    expectProblem(bad, 400, "invalid-input")
    expect(fieldsOf(bad)).toEqual([
      ["is_active", "is_active"],
      ["role", "role"],
    ])
  })

  it("reads what it shows, not the table, whatever is asked", async () => {
    const admin = await make.user("admin")
    await crowd(400)
    await crowd(2, { role: "staff" })
    await crowd(2, { active: 0 })
    for (const query of [
      "role=staff",
      "is_active=false",
      "role=customer&is_active=false",
      "search=crowd-c139",
      "search=crowd-c139&role=customer",
      "search=crowd-c139&role=customer&is_active=true",
      "search=crowd-c139&is_active=false",
      "search=nobody",
    ]) {
      const { headers } = await call("GET", `admin/users?${query}`, { as: admin })
      expect([query, rowsRead(headers) < 200]).toEqual([query, true])
    }
  })

  it("goes on by cursor without a skip", async () => {
    const admin = await make.user("admin")
    await crowd(5)
    const seen: string[] = []
    for (let cursor = ""; ;) {
      const { body } = await call("GET", `admin/users?page_size=2${cursor}`, { as: admin })
      seen.push(...body.results.map(({ id }: { id: string }) => id))
      if (body.next_cursor === null) break
      cursor = `&cursor=${body.next_cursor}`
    }
    expect(seen).toEqual([admin.id, "usr_c10", "usr_c11", "usr_c12", "usr_c13", "usr_c14"])
  })
})

describe("one account", () => {
  it("opens by id; an unknown one is not there", async () => {
    const ada = await person()
    const admin = await make.user("admin")
    const { body } = await call("GET", `admin/users/${ada.id}`, { as: admin })
    expect(body).toMatchObject({ id: ada.id, email: ada.email })
    expectProblem(await call("GET", "admin/users/usr_1", { as: admin }), 404, "not-found")
    const patched = await call("PATCH", "admin/users/usr_1", { as: admin, body: { role: "staff" } })
    expectProblem(patched, 404, "not-found")
  })

  it("gets another role; its sessions end, and the next sign-in holds the role", async () => {
    const ada = await person()
    const admin = await make.user("admin")
    const { status, body } = await call("PATCH", `admin/users/${ada.id}`, {
      as: admin,
      body: { role: "staff" },
    })
    expect(status).toBe(200)
    expect(body).toMatchObject({ id: ada.id, role: "staff", is_staff: true })
    expectProblem(await call("GET", "users/me", { as: ada }), 401, "token-not-valid")
    const again = await signIn(ada)
    expect((await call("GET", "admin/orders", { as: again })).status).toBe(200)
    const [row] = await rows("SELECT actor, details FROM audit WHERE action = 'role.changed'")
    expect(row).toEqual({ actor: admin.id, details: '{"from":"customer","to":"staff"}' })
  })

  it("demoted cannot refresh its way back", async () => {
    const eve = await person("staff")
    const { body } = await call("POST", "auth/login", {
      body: { email: eve.email, password: secret },
    })
    const admin = await make.user("admin")
    await call("PATCH", `admin/users/${eve.id}`, { as: admin, body: { role: "customer" } })
    const refreshed = await call("POST", "auth/refresh", { body: { refresh: body.refresh } })
    expectProblem(refreshed, 401, "token-not-valid")
  })

  it("closed cannot sign in and ends everywhere; opened it can again", async () => {
    const ada = await person()
    const admin = await make.user("admin")
    const close = await call("PATCH", `admin/users/${ada.id}`, {
      as: admin,
      body: { is_active: false },
    })
    expect(close.body.is_active).toBe(false)
    expectProblem(await call("GET", "users/me", { as: ada }), 401, "token-not-valid")
    const refused = await call("POST", "auth/login", {
      body: { email: ada.email, password: secret },
    })
    expectProblem(refused, 401, "wrong-credentials")
    await call("PATCH", `admin/users/${ada.id}`, { as: admin, body: { is_active: true } })
    expect((await signIn(ada)).access).toMatch(/^ey/)
    expect(await audited(ada.id)).toEqual([
      "account.closed",
      "session.refused",
      "account.opened",
      "session.started",
    ])
  })

  it("that is so already changes nothing: no session ends, nothing is noted", async () => {
    const ada = await person()
    const admin = await make.user("admin")
    const body = { role: "customer", is_active: true }
    const answer = await call("PATCH", `admin/users/${ada.id}`, { as: admin, body })
    expect(answer.status).toBe(200)
    expect((await call("GET", "users/me", { as: ada })).status).toBe(200)
    expect(await audited(ada.id)).toEqual([])
  })

  it("takes role and is_active alone", async () => {
    const ada = await person()
    const admin = await make.user("admin")
    const before = await rows("SELECT * FROM users WHERE id = ?", ada.id)
    const { status } = await call("PATCH", `admin/users/${ada.id}`, {
      as: admin,
      body: {
        email: "eve@example.com",
        username: "eve",
        password: "another password",
        password_hash: "x",
        is_staff: true,
        is_superuser: true,
        is_verified: true,
        mfa_enabled: true,
        created_at: "2020-01-01T00:00:00.000Z",
        id: "usr_eve",
      },
    })
    expect(status).toBe(200)
    expect(await rows("SELECT * FROM users WHERE id = ?", ada.id)).toEqual(before)
    const bad = await call("PATCH", `admin/users/${ada.id}`, {
      as: admin,
      body: { role: "root", is_active: "no" },
    })
    expect(fieldsOf(bad)).toEqual([
      ["is_active", "/is_active"],
      ["role", "/role"],
    ])
  })

  it("is never one's own", async () => {
    const admin = await person("admin")
    await make.user("admin")
    for (const body of [{ role: "customer" }, { is_active: false }])
      expectProblem(
        await call("PATCH", `admin/users/${admin.id}`, { as: admin, body }),
        403,
        "forbidden",
      )
    for (const role of ["customer", "staff"] as const) {
      const as = await make.user(role)
      const body = { role: "admin" }
      expectProblem(await call("PATCH", `admin/users/${as.id}`, { as, body }), 403, "forbidden")
    }
    expect(await standing(admin.id)).toEqual({ role: "admin", is_active: 1 })
  })

  it("an API key gives no role", async () => {
    const admin = await person("admin")
    const { body } = await call("POST", "auth/api-keys", {
      as: admin,
      body: { name: "k", scopes: ["users:read"], password: secret },
    })
    const headers = { "x-api-key": body.key }
    expect((await call("GET", "admin/users", { headers })).status).toBe(200)
    const ada = await person()
    const answer = await call("PATCH", `admin/users/${ada.id}`, {
      headers,
      body: { role: "admin" },
    })
    expectProblem(answer, 403, "forbidden")
  })
})

describe("the last admin", () => {
  it("stays when two take each other's role at once", async () => {
    for (let round = 0; round < 5; round++) {
      const [one, two] = [await make.user("admin"), await make.user("admin")]
      await env.DB.prepare("UPDATE users SET role = 'customer' WHERE id NOT IN (?, ?)")
        .bind(one.id, two.id)
        .run()
      const demote = (as: typeof one, id: string, change: Record<string, unknown>) =>
        call("PATCH", `admin/users/${id}`, { as, body: change })
      const change = round % 2 === 0 ? { role: "staff" } : { is_active: false }
      const answers = await Promise.all([demote(one, two.id, change), demote(two, one.id, change)])
      const left = await rows("SELECT id FROM users WHERE role = 'admin' AND is_active = 1")
      expect(left).toHaveLength(1)
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)[0]).toBe(200)
    }
  })

  it("stays when somebody who is admin no more still takes it away", async () => {
    const [one, two] = [await make.user("admin"), await make.user("admin")]
    // Both were let in before either had written.
    await adminUsers.update(ctx({ as: one }), two.id, { role: "staff" })
    const late = adminUsers.update(ctx({ as: two }), one.id, { role: "staff" })
    await expect(late).rejects.toMatchObject({ code: "last-admin" })
    await expect(
      adminUsers.update(ctx({ as: two }), one.id, { is_active: false }),
    ).rejects.toMatchObject({ code: "last-admin" })
    expect(await standing(one.id)).toEqual({ role: "admin", is_active: 1 })
    // What broke rolled back whole: the session lives, the audit says nothing.
    expect((await call("GET", "users/me", { as: one })).status).toBe(200)
    expect(await audited(one.id)).toEqual([])
  })

  it("is one that is active: closed admins do not count", async () => {
    const [one, two] = [await make.user("admin"), await make.user("admin")]
    await make.user("admin")
    await env.DB.prepare("UPDATE users SET is_active = 0 WHERE id NOT IN (?)").bind(one.id).run()
    await expect(
      adminUsers.update(ctx({ as: two }), one.id, { role: "customer" }),
    ).rejects.toMatchObject({ code: "last-admin" })
  })
})

describe("the audit", () => {
  it("shows everybody their own, newest first", async () => {
    const ada = await person()
    const eve = await person()
    await signIn(ada)
    await call("POST", "auth/login", { body: { email: ada.email, password: "wrong password" } })
    await signIn(eve)
    const { status, body } = await call("GET", "users/me/audit", { as: ada })
    expect(status).toBe(200)
    expect(body.results.map(({ action }: { action: string }) => action)).toEqual([
      "session.refused",
      "session.started",
    ])
    expect(body.results.every(({ user }: { user: string }) => user === ada.id)).toBe(true)
    const asked = await call("GET", `users/me/audit?user=${eve.id}`, { as: ada })
    expect(asked.body.results.every(({ user }: { user: string }) => user === ada.id)).toBe(true)
    expectProblem(await call("GET", "users/me/audit"), 401, "unauthenticated")
  })

  it("shows admins all of it, by account and by action", async () => {
    const admin = await person("admin")
    const ada = await person()
    await signIn(ada)
    await signIn(admin)
    await call("POST", "auth/login", { body: { email: ada.email, password: "wrong password" } })
    const found = async (query: string) =>
      (await call("GET", `admin/audit?${query}`, { as: admin })).body.results.map(
        ({ action, user }: { action: string; user: string }) => `${action} ${user}`,
      )
    expect(await found("")).toEqual([
      `session.refused ${ada.id}`,
      `session.started ${admin.id}`,
      `session.started ${ada.id}`,
    ])
    expect(await found(`user=${ada.id}&action=session.started`)).toEqual([
      `session.started ${ada.id}`,
    ])
    expect(await found("action=session.started")).toEqual([
      `session.started ${admin.id}`,
      `session.started ${ada.id}`,
    ])
    expect(await found("action=nothing")).toEqual([])
  })

  it("cannot be written or erased by anybody", async () => {
    const as = await make.user("admin")
    for (const method of ["POST", "PUT", "PATCH", "DELETE"])
      expectProblem(await call(method, "admin/audit", { as }), 405, "method-not-allowed")
  })
})
