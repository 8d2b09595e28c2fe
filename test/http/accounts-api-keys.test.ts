import { env } from "cloudflare:workers"
import { describe, expect, it, vi } from "vitest"

import { sha256 } from "#lib/secret.ts"
import { checksum, isKey, newKey } from "#modules/auth/key-text.ts"
import { holds, permissions, scopes, scopesOf } from "#modules/auth/permissions.ts"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { audited, person, rows, secret, signIn } from "../support/people.ts"
import { expectProblem, fieldsOf, send } from "../support/wire.ts"

type Holder = Awaited<ReturnType<typeof person>>

/** A key of this account, as the answer that shows it. */
async function keyOf(owner: Holder, ...given: string[]) {
  const { status, body } = await call("POST", "auth/api-keys", {
    as: owner,
    body: { name: "Sync", scopes: given, password: secret },
  })
  expect(status).toBe(201)
  return body as { id: string; key: string; last_four: string }
}

const by = (key: string) => ({ headers: { "x-api-key": key } })

describe("the table of roles", () => {
  it("gives customers nothing, staff the shop, admins also the accounts", () => {
    const held = (role: "customer" | "staff" | "admin") =>
      permissions.filter((permission) => holds(role, permission))
    expect(held("customer")).toEqual([])
    expect(held("staff")).toEqual([
      "catalog:write",
      "promotions:write",
      "pricing:write",
      "inventory:read",
      "inventory:write",
      "orders:read",
      "orders:write",
    ])
    expect(held("admin")).toEqual([...permissions])
  })

  it("never lets a key hand out power", () => {
    expect(scopes).not.toContain("keys:write")
    expect(scopes).not.toContain("users:write")
    expect(scopesOf("customer")).toEqual([])
    expect(scopesOf("staff")).not.toContain("audit:read")
  })
})

describe("the text of a key", () => {
  it("carries the CRC-32 of its random part in base 62", () => {
    // The check value of CRC-32/ISO-HDLC is cbf43926, 3 421 780 262.
    expect(checksum("123456789")).toBe("3jZRME")
    const key = newKey()
    expect(key).toMatch(/^nexus_live_[0-9A-Za-z]{36}$/)
    expect(isKey(key)).toBe(true)
    expect(isKey(`${key.slice(0, -1)}${key.endsWith("0") ? "1" : "0"}`)).toBe(false)
    expect(isKey(key.replace("live", "test"))).toBe(false)
    expect(new Set(Array.from({ length: 200 }, newKey)).size).toBe(200)
  })
})

describe("making a key", () => {
  it("shows it once, keeps its hash, and says so in the audit", async () => {
    const admin = await person("admin")
    const made = await keyOf(admin, "catalog:write", "orders:read")
    expect(made).toMatchObject({
      name: "Sync",
      prefix: "nexus_live_",
      last_four: made.key.slice(-4),
      scopes: ["catalog:write", "orders:read"],
      owner: admin.id,
      expires_at: null,
      last_used_at: null,
      revoked_at: null,
    })
    const [row] = await rows("SELECT * FROM api_keys")
    expect(row?.["hash"]).toBe(await sha256(made.key))
    expect(JSON.stringify(row)).not.toContain(made.key)
    const listed = await call("GET", "auth/api-keys", { as: admin })
    expect(listed.body).toMatchObject({ count: 1, results: [{ id: made.id }] })
    expect(JSON.stringify(listed.body)).not.toContain(made.key)
    expect(listed.body.results[0]).not.toHaveProperty("key")
    expect(listed.body.results[0]).not.toHaveProperty("hash")
    expect(await audited(admin.id)).toEqual(["api-key.made"])
    expect(JSON.stringify(await rows("SELECT * FROM audit"))).not.toContain(made.key)
  })

  it("needs the password again", async () => {
    const admin = await person("admin")
    const body = { name: "Sync", scopes: ["orders:read"] }
    const without = await call("POST", "auth/api-keys", { as: admin, body })
    expectProblem(without, 400, "invalid-input")
    expect(fieldsOf(without)).toEqual([["password", "/password"]])
    const wrong = await call("POST", "auth/api-keys", {
      as: admin,
      body: { ...body, password: "not the secret" },
    })
    expectProblem(wrong, 400, "invalid-input")
    expect(await rows("SELECT id FROM api_keys")).toEqual([])
  })

  it("is for admins alone", async () => {
    const body = { name: "Sync", scopes: ["orders:read"], password: secret }
    expectProblem(await call("POST", "auth/api-keys", { body }), 401, "unauthenticated")
    for (const role of ["customer", "staff"] as const) {
      const as = await person(role)
      expectProblem(await call("POST", "auth/api-keys", { as, body }), 403, "forbidden")
      expectProblem(await call("GET", "auth/api-keys", { as }), 403, "forbidden")
      expectProblem(await call("DELETE", "auth/api-keys/key_1", { as }), 403, "forbidden")
    }
  })

  it("refuses what is no scope, none at all, and a date that is past", async () => {
    const admin = await person("admin")
    const bad = async (over: Record<string, unknown>) =>
      fieldsOf(
        await call("POST", "auth/api-keys", {
          as: admin,
          body: { name: "Sync", scopes: ["orders:read"], password: secret, ...over },
        }),
      ).map(([field]) => field)
    expect(await bad({ scopes: [] })).toEqual(["scopes"])
    expect(await bad({ scopes: ["orders:read", "*"] })).toEqual(["scopes.1"])
    expect(await bad({ scopes: ["keys:write"] })).toEqual(["scopes.0"])
    expect(await bad({ scopes: ["users:write"] })).toEqual(["scopes.0"])
    expect(await bad({ scopes: "orders:read" })).toEqual(["scopes"])
    expect(await bad({ expires_at: "2020-01-01T00:00:00Z" })).toEqual(["expires_at"])
    expect(await bad({ expires_at: "tomorrow" })).toEqual(["expires_at"])
    expect(await bad({ name: " " })).toEqual(["name"])
    expect(await rows("SELECT id FROM api_keys")).toEqual([])
  })

  it("takes nothing else from the client", async () => {
    const admin = await person("admin")
    const { body } = await call("POST", "auth/api-keys", {
      as: admin,
      body: {
        name: "Sync",
        scopes: ["orders:read", "orders:read"],
        password: secret,
        id: "key_mine",
        key: "nexus_live_mine",
        hash: "mine",
        owner: "usr_other",
        user: "usr_other",
        role: "admin",
        created_at: "2020-01-01T00:00:00.000Z",
        last_used_at: "2020-01-01T00:00:00.000Z",
      },
    })
    expect(body.id).not.toBe("key_mine")
    expect(body.key).not.toBe("nexus_live_mine")
    expect(body.owner).toBe(admin.id)
    expect(body.scopes).toEqual(["orders:read"])
    expect(body.created_at > "2026").toBe(true)
  })

  it("with one idempotency key makes one, and answers the same key again", async () => {
    const admin = await person("admin")
    const sent = {
      as: admin,
      headers: { "idempotency-key": "once" },
      body: { name: "Sync", scopes: ["orders:read"], password: secret },
    }
    const first = await call("POST", "auth/api-keys", sent)
    const again = await call("POST", "auth/api-keys", sent)
    expect(again.headers.get("idempotent-replayed")).toBe("true")
    expect(again.body.key).toBe(first.body.key)
    expect(await rows("SELECT id FROM api_keys")).toHaveLength(1)
    expect(JSON.stringify(await rows("SELECT * FROM idempotency"))).not.toContain(first.body.key)
  })
})

describe("a key at work", () => {
  it("does what its scope names, as X-API-Key and as a bearer", async () => {
    const { key, id } = await keyOf(await person("admin"), "catalog:write")
    const made = await call("POST", "products", {
      ...by(key),
      body: { name: "Mug", price: "9.00" },
    })
    expect(made.status).toBe(201)
    const bearer = await call("PATCH", `products/${made.body.id}`, {
      as: { access: key },
      body: { name: "Cup" },
    })
    expect(bearer).toMatchObject({ status: 200, body: { name: "Cup" } })
    expect(id).toMatch(/^key_/)
  })

  it("without the scope is refused, and told which one", async () => {
    const { key } = await keyOf(await person("admin"), "catalog:write")
    const refused = await call("GET", "admin/orders", by(key))
    expectProblem(refused, 403, "forbidden")
    expect(refused.body).toMatchObject({
      missing_scope: "orders:read",
      detail: "This API key lacks the scope orders:read",
    })
    const product = await make.product()
    for (const [method, path, scope] of [
      ["POST", `admin/inventory/${product.id}/adjust`, "inventory:write"],
      ["GET", `admin/inventory/${product.id}/movements`, "inventory:read"],
      ["PATCH", "orders/ord_1/status", "orders:write"],
      ["GET", "orders/ord_1", "orders:read"],
      ["POST", "orders/ord_1/cancel", "orders:write"],
      ["POST", "orders", "orders:write"],
      ["GET", "admin/users", "users:read"],
      ["PATCH", "admin/users/usr_1", "users:write"],
      ["GET", "admin/audit", "audit:read"],
      ["POST", "auth/api-keys", "keys:write"],
    ] as const) {
      const { status, body } = await call(method, path, {
        ...by(key),
        ...(method !== "GET" && { body: {} }),
      })
      expect([method, path, status, body.missing_scope]).toEqual([method, path, 403, scope])
    }
  })

  it("never passes for a person", async () => {
    const owner = await person("admin")
    const { key, id } = await keyOf(owner, ...scopes)
    for (const [method, path] of [
      ["GET", "users/me"],
      ["PATCH", "users/me"],
      ["DELETE", "users/me"],
      ["GET", "users/me/export"],
      ["GET", "users/me/audit"],
      ["GET", "users/me/addresses"],
      ["POST", "users/me/addresses"],
      ["GET", "auth/sessions"],
      ["DELETE", `auth/sessions/${owner.sessionId}`],
      ["POST", "auth/logout"],
      ["POST", "auth/logout-all"],
      ["GET", "auth/api-keys"],
      ["POST", "auth/api-keys"],
      ["DELETE", `auth/api-keys/${id}`],
      ["GET", "orders"],
      ["GET", "cart"],
      ["POST", "cart/items"],
      ["POST", "cart/checkout"],
      ["PATCH", `admin/users/${owner.id}`],
    ] as const) {
      const { status } = await call(method, path, {
        ...by(key),
        ...(/POST|PATCH/.test(method) && {
          body: { product_id: "1", quantity: 1, payment_method: "cod" },
        }),
      })
      expect([method, path, status]).toEqual([method, path, 403])
    }
    const status = await call("GET", "auth/status", by(key))
    expect(status.body).toEqual({ authenticated: true, user: null })
  })

  it("puts nothing into its owner's cart", async () => {
    const { key } = await keyOf(await person("admin"), ...scopes)
    const product = await make.product()
    const sent = { ...by(key), body: { product_id: product.id } }
    expectProblem(await call("POST", "cart/items", sent), 403, "forbidden")
    expect(await rows("SELECT id FROM carts")).toEqual([])
  })

  it("orders in its owner's name, and history names the key", async () => {
    const owner = await person("admin")
    const { key, id } = await keyOf(owner, "orders:write", "orders:read")
    const product = await make.product({ is_digital: true })
    const placed = await call("POST", "orders", {
      ...by(key),
      body: { items: [{ product_id: product.id, quantity: 1 }] },
    })
    expect(placed).toMatchObject({ status: 201, body: { user: owner.id, email: owner.email } })
    const history = await call("GET", `orders/${placed.body.id}/history`, by(key))
    expect(history.body.results).toMatchObject([{ kind: "placed", actor: id }])
  })

  it("shows drafts to a key that may write the catalogue only, and caches none of it", async () => {
    const owner = await person("admin")
    const draft = await make.product({ status: "draft" })
    const { key } = await keyOf(owner, "catalog:write")
    const other = await keyOf(owner, "orders:read")
    const seen = await call("GET", `products/${draft.id}`, by(key))
    expect(seen.status).toBe(200)
    expect(seen.headers.get("cache-control")).toBe("private, no-store")
    expect(seen.headers.get("vary")).toMatch(/X-API-Key/)
    expectProblem(await call("GET", `products/${draft.id}`, by(other.key)), 404, "not-found")
  })

  it("revoked ends at once, and is revoked once", async () => {
    const admin = await person("admin")
    const { key, id } = await keyOf(admin, "orders:read")
    expect((await call("GET", "admin/orders", by(key))).status).toBe(200)
    const answers = await Promise.all(
      [1, 2].map(() => call("DELETE", `auth/api-keys/${id}`, { as: admin })),
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 404])
    expectProblem(await call("GET", "admin/orders", by(key)), 401, "token-not-valid")
    const listed = await call("GET", "auth/api-keys", { as: admin })
    expect(listed.body.results[0].revoked_at).toMatch(/Z$/)
    expect(await audited(admin.id)).toEqual(["api-key.made", "api-key.revoked"])
  })

  it("ends when it expires", async () => {
    const admin = await person("admin")
    const expires = new Date(Date.now() + 60_000).toISOString()
    const { body } = await call("POST", "auth/api-keys", {
      as: admin,
      body: { name: "Sync", scopes: ["orders:read"], password: secret, expires_at: expires },
    })
    expect(body.expires_at).toBe(expires)
    expect((await call("GET", "admin/orders", by(body.key))).status).toBe(200)
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 })
    expectProblem(await call("GET", "admin/orders", by(body.key)), 401, "token-not-valid")
  })

  it("loses what its owner's role loses, and ends with the account", async () => {
    const owner = await person("admin")
    const { key } = await keyOf(owner, "audit:read", "orders:read")
    await env.DB.prepare("UPDATE users SET role = 'staff' WHERE id = ?").bind(owner.id).run()
    expectProblem(await call("GET", "admin/audit", by(key)), 403, "forbidden")
    expect((await call("GET", "admin/orders", by(key))).status).toBe(200)
    await env.DB.prepare("UPDATE users SET is_active = 0 WHERE id = ?").bind(owner.id).run()
    expectProblem(await call("GET", "admin/orders", by(key)), 401, "token-not-valid")
  })

  it("notes its use at most once a minute", async () => {
    const admin = await person("admin")
    const { key } = await keyOf(admin, "orders:read")
    const used = async () => (await rows("SELECT last_used_at FROM api_keys"))[0]?.["last_used_at"]
    const start = Date.parse("2026-11-20T10:00:00.000Z")
    const at = async (seconds: number) => {
      vi.useFakeTimers({ toFake: ["Date"], now: start + seconds * 1000 })
      await send("GET", "admin/orders", by(key))
      return used()
    }
    expect(await used()).toBeNull()
    expect(await at(0)).toBe("2026-11-20T10:00:00.000Z")
    expect(await at(59)).toBe("2026-11-20T10:00:00.000Z")
    expect(await at(61)).toBe("2026-11-20T10:01:01.000Z")
  })

  it("that is made up costs no query; one that is unknown is refused alike", async () => {
    const known = newKey()
    const forged = `${known.slice(0, -1)}${known.endsWith("0") ? "1" : "0"}`
    for (const text of [forged, "nexus_live_", `nexus_live_${"a".repeat(5000)}`, "x"]) {
      const refused = await call("GET", "products", by(text))
      expectProblem(refused, 401, "token-not-valid")
      expect(refused.headers.get("server-timing")).toMatch(/d1_queries;desc="?0/)
    }
    expectProblem(await call("GET", "products", by(known)), 401, "token-not-valid")
    expectProblem(await call("GET", "products", { as: { access: known } }), 401, "token-not-valid")
  })

  it("keeps the answers of its idempotency keys apart from its owner's", async () => {
    const owner = await person("admin")
    const { key } = await keyOf(owner, "catalog:write")
    const headers = { "idempotency-key": "same" }
    const body = { name: "Mug", price: "9.00" }
    const one = await call("POST", "products", { as: owner, headers, body })
    const two = await call("POST", "products", { headers: { ...headers, "x-api-key": key }, body })
    expect([one.status, two.status]).toEqual([201, 201])
    expect(two.body.id).not.toBe(one.body.id)
  })

  it("lives on when its owner signs out everywhere", async () => {
    const owner = await person("admin")
    const { key } = await keyOf(owner, "orders:read")
    await call("POST", "auth/logout-all", { as: await signIn(owner) })
    expect((await call("GET", "admin/orders", by(key))).status).toBe(200)
  })
})
