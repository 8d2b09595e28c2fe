import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import * as privacy from "#modules/privacy/privacy.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { audited, person, rows, secret, signIn } from "../support/people.ts"
import { expectProblem, fieldsOf } from "../support/wire.ts"

type Holder = Awaited<ReturnType<typeof person>>

const address = {
  first_name: "Augusta",
  last_name: "Byron",
  address_line_1: "12 St James's Square",
  city: "Marylebone",
  postal_code: "SW1Y 4JH",
  country: "GB",
  phone_number: "+442079460000",
}

/** Somebody of whom there is a trace everywhere. */
async function known(role: "customer" | "admin" = "customer") {
  const as = await person(role)
  const product = await make.product({ name: "Teapot", price: "12.50" })
  await call("PATCH", "users/me", {
    as,
    body: { first_name: "Augusta", last_name: "Byron", phone: "+4420", bio: "Poet's daughter" },
  })
  await call("POST", "users/me/addresses", { as, body: address })
  const order = await call("POST", "orders", {
    as,
    body: {
      items: [{ product_id: product.id, quantity: 2 }],
      shipping_address: address,
      notes: "Ring for Augusta",
    },
  })
  expect(order.status).toBe(201)
  await call("POST", "cart/items", { as, body: { product_id: product.id, quantity: 1 } })
  const at = "2026-11-20T10:00:00.000Z"
  await env.DB.batch([
    env.DB.prepare(
      "INSERT INTO identities VALUES ('github', 'sub-' || ?1, ?1, 'augusta@hub.test', ?2, ?3)",
    ).bind(as.id, at, at),
    env.DB.prepare(
      "INSERT INTO passkeys (id, user_id, public_key, counter, transports, name, created_at) VALUES ('pk-' || ?1, ?1, 'k', 0, '[]', 'Augusta phone', ?2)",
    ).bind(as.id, at),
    env.DB.prepare("INSERT INTO recovery_codes VALUES ('hash-' || ?1, ?1, ?2, 0)").bind(as.id, at),
    env.DB.prepare(
      "INSERT INTO mails VALUES ('evt-' || ?1, 'welcome', ?1, 'Dear Augusta', 't', 'h', ?2, ?3)",
    ).bind(as.email, at, at),
  ])
  return { as, order: order.body }
}

const erase = (as: { access: string }, body: unknown = { password: secret }) =>
  call("DELETE", "users/me", { as, body })

/** Every row of every table, as text. */
async function everything(): Promise<string> {
  const tables = await rows(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf_%' AND name NOT LIKE 'd1_%'",
  )
  const all = await Promise.all(tables.map(({ name }) => rows(`SELECT * FROM "${name}"`)))
  return JSON.stringify(all)
}

describe("the export", () => {
  it("holds what we hold, of nobody else, and no secret", async () => {
    const { as, order } = await known()
    await known()
    const { status, body, headers } = await call("GET", "users/me/export", { as })
    expect(status).toBe(200)
    expect(headers.get("content-disposition")).toBe('attachment; filename="nexus-export.json"')
    expect(headers.get("cache-control")).toBe("private, no-store")
    expect(body).toMatchObject({
      profile: { id: as.id, first_name: "Augusta" },
      addresses: [{ city: "Marylebone", is_default: true }],
      orders: [{ id: order.id, total: "25.00", items: [{ name: "Teapot", quantity: 2 }] }],
      cart: { items: [{ quantity: 1 }] },
      sessions: [{ id: as.sessionId, current: true }],
      audit: [{ action: "account.exported" }],
      identities: [{ provider: "github", subject: `sub-${as.id}`, email: "augusta@hub.test" }],
      passkeys: [{ name: "Augusta phone" }],
      mails: [{ template: "welcome", subject: "Dear Augusta" }],
      truncated: [],
    })
    expect(body.orders).toHaveLength(1)
    expect(JSON.stringify(body)).not.toMatch(/argon2|password_hash|"hash"|public_key/)
    expect(await audited(as.id)).toEqual(["account.exported"])
  })

  it("is for who is signed in", async () => {
    expectProblem(await call("GET", "users/me/export"), 401, "unauthenticated")
    expectProblem(await call("DELETE", "users/me", { body: {} }), 401, "unauthenticated")
  })

  it("is bounded, and says what it leaves out", async () => {
    const as = await person()
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001)
       INSERT INTO audit SELECT 'aud_' || i, 'session.started', ?, ?, '{}', '', '', '2026-01-01T00:00:00.000Z' FROM n`,
    )
      .bind(as.id, as.id)
      .run()
    const { body } = await call("GET", "users/me/export", { as })
    expect(body.audit).toHaveLength(1000)
    expect(body.truncated).toEqual(["audit"])
  })
})

describe("erasing", () => {
  it("takes the person out of everything; orders keep numbers and amounts", async () => {
    const { as, order } = await known()
    const other = await signIn(as)
    const { status, body } = await erase(as)
    expect([status, body]).toEqual([204, ""])

    const left = await everything()
    for (const trace of [
      "Augusta",
      "Byron",
      "Poet",
      "Marylebone",
      "SW1Y",
      "James",
      as.email,
      "augusta@hub",
      "+4420",
    ])
      expect([trace, left.includes(trace)]).toEqual([trace, false])
    for (const table of [
      "addresses",
      "identities",
      "passkeys",
      "recovery_codes",
      "api_keys",
      "mails",
    ])
      expect([table, await rows(`SELECT 1 FROM ${table}`)]).toEqual([table, []])
    expect(
      await rows("SELECT email, username, is_active, role FROM users WHERE id = ?", as.id),
    ).toEqual([
      {
        email: `erased-${as.id}@invalid`,
        username: `erased-${as.id}`,
        is_active: 0,
        role: "customer",
      },
    ])
    const admin = await make.user("admin")
    const kept = await call("GET", `orders/${order.id}`, { as: admin })
    expect(kept.body).toMatchObject({
      order_number: order.order_number,
      user: as.id,
      total: "25.00",
      email: `erased-${as.id}@invalid`,
      notes: "",
      items: [{ name: "Teapot", quantity: 2, line_total: "25.00" }],
    })
    expect(kept.body.shipping_address).toEqual({
      first_name: "",
      last_name: "",
      address_line_1: "",
      address_line_2: "",
      city: "",
      state: "",
      postal_code: "",
      country: "GB",
      phone_number: "",
    })
    for (const session of [as, other])
      expectProblem(await call("GET", "users/me", { as: session }), 401, "token-not-valid")
    const back = await call("POST", "auth/login", { body: { email: as.email, password: secret } })
    expectProblem(back, 401, "wrong-credentials")
    expect(await audited(as.id)).toEqual(["session.started", "account.erased"])
  })

  it("leaves everybody else as they were", async () => {
    const { as } = await known()
    const other = await known()
    const before = await call("GET", "users/me/export", { as: other.as })
    await erase(as)
    const after = await call("GET", "users/me/export", { as: other.as })
    for (const part of ["profile", "addresses", "orders", "identities", "mails", "cart"])
      expect(after.body[part]).toEqual(before.body[part])
  })

  it("frees the e-mail and the username", async () => {
    const as = await person()
    await erase(as)
    const again = await call("POST", "auth/register", {
      body: { email: as.email, password: secret },
    })
    expect(again.status).toBe(201)
    expect(again.body.user.id).not.toBe(as.id)
    expect((await call("GET", "orders", { as: again.body })).body.count).toBe(0)
  })

  it("needs the password", async () => {
    const as = await person()
    const without = await erase(as, {})
    expectProblem(without, 400, "invalid-input")
    expect(fieldsOf(without)).toEqual([["password", "/password"]])
    expectProblem(await erase(as, { password: "not the secret" }), 400, "invalid-input")
    expect((await call("GET", "users/me", { as })).status).toBe(200)
    expect(await rows("SELECT email FROM users WHERE id = ?", as.id)).toEqual([{ email: as.email }])
  })

  it("twice, and twice at once, is once", async () => {
    const as = await person()
    const me = ctx({ as })
    await privacy.eraseMe(me, { password: secret })
    await privacy.eraseMe(ctx({ as }), { password: secret })
    expect(await audited(as.id)).toEqual(["account.erased"])
    const two = await person()
    const answers = await Promise.allSettled(
      [1, 2].map(() => privacy.eraseMe(ctx({ as: two }), { password: secret })),
    )
    expect(answers.map(({ status }) => status)).toContain("fulfilled")
    expect(await rows("SELECT is_active FROM users WHERE id = ?", two.id)).toEqual([
      { is_active: 0 },
    ])
  })

  it("does not take the last admin; two admins at once leave one", async () => {
    const last = await person("admin")
    expectProblem(await erase(last), 409, "last-admin")
    expect((await call("GET", "users/me", { as: last })).status).toBe(200)
    expect(await audited(last.id)).toEqual([])
    const second = await person("admin")
    const answers = await Promise.all([erase(last), erase(second)])
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 409])
    const left = await rows("SELECT id FROM users WHERE role = 'admin' AND is_active = 1")
    expect(left).toHaveLength(1)
  })

  it("an admin's keys go with them", async () => {
    const [as] = [await person("admin"), await make.user("admin")]
    const { body } = await call("POST", "auth/api-keys", {
      as,
      body: { name: "k", scopes: ["orders:read"], password: secret },
    })
    expect((await erase(as)).status).toBe(204)
    const answer = await call("GET", "admin/orders", { headers: { "x-api-key": body.key } })
    expectProblem(answer, 401, "token-not-valid")
  })

  it("stays done: a token that the edge still believes writes nothing, an admin opens nothing", async () => {
    const as: Holder = await person()
    await erase(as)
    // As a place would that has not heard of it yet.
    await env.CACHE.put(
      `session:${as.sessionId}`,
      JSON.stringify({ user_id: as.id, role: "customer" }),
    )
    const late = [
      await call("PATCH", "users/me", { as, body: { first_name: "Augusta" } }),
      await call("POST", "users/me/addresses", { as, body: address }),
      await call("GET", "users/me/export", { as }),
    ]
    expect(late.map(({ status }) => status)).toEqual([401, 401, 401])
    const admin = await make.user("admin")
    const opened = await call("PATCH", `admin/users/${as.id}`, {
      as: admin,
      body: { is_active: true, role: "admin" },
    })
    expectProblem(opened, 404, "not-found")
    expect(await everything()).not.toMatch(/Augusta/)
  })
})

describe("nobody sets what is not theirs to set (api.md 1.9)", () => {
  const forbidden = {
    role: "admin",
    is_staff: true,
    is_superuser: true,
    is_active: false,
    is_verified: true,
    email_verified: true,
    mfa_enabled: true,
    mfa_enabled_at: "2020-01-01T00:00:00.000Z",
    password_hash: "none",
    price: "0.01",
    total: "0.01",
    status: "active",
    payment_status: "paid",
    user: "usr_other",
    user_id: "usr_other",
    created_at: "2020-01-01T00:00:00.000Z",
    date_joined: "2020-01-01T00:00:00.000Z",
    last_login: "2020-01-01T00:00:00.000Z",
    updated_at: "2020-01-01T00:00:00.000Z",
    id: "usr_mine",
    version: 9,
    __proto__: { role: "admin" },
    constructor: { prototype: { role: "admin" } },
  }

  it("on PATCH and PUT /users/me", async () => {
    const as = await person()
    const before = await rows("SELECT * FROM users WHERE id = ?", as.id)
    for (const method of ["PATCH", "PUT"]) {
      const { status, body } = await call(method, "users/me", {
        as,
        body: { ...forbidden, username: "root" },
      })
      expect(status).toBe(200)
      expect(body).toMatchObject({ id: as.id, role: "customer", is_staff: false, is_active: true })
    }
    const [after] = await rows("SELECT * FROM users WHERE id = ?", as.id)
    expect({ ...after, updated_at: "" }).toEqual({ ...before[0], updated_at: "" })
    expect(String(after?.["updated_at"]) > "2026").toBe(true)
    expectProblem(await call("GET", "admin/users", { as }), 403, "forbidden")
  })

  it("on POST /auth/register", async () => {
    const { status, body } = await call("POST", "auth/register", {
      body: { email: "eve@example.com", password: secret, ...forbidden },
    })
    expect(status).toBe(201)
    expect(body.user).toMatchObject({
      role: "customer",
      is_staff: false,
      is_active: true,
      is_verified: false,
      mfa_enabled: false,
    })
    expect(body.user.id).not.toBe("usr_mine")
    expect(body.user.date_joined > "2026").toBe(true)
    expectProblem(await call("GET", "admin/users", { as: body }), 403, "forbidden")
    const [row] = await rows("SELECT password_hash FROM users WHERE id = ?", body.user.id)
    expect(row?.["password_hash"]).toMatch(/^\$argon2id\$/)
  })
})
