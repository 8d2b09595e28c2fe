import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { expectProblem, send } from "../support/wire.ts"

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe("request ids", () => {
  it("a sane one is echoed", async () => {
    for (const id of ["abc", "req_01:HX.9-z", "x".repeat(100)]) {
      const answer = await call("GET", "info", { headers: { "x-request-id": id } })
      expect(answer.headers.get("x-request-id")).toBe(id)
    }
  })

  it("one that is too long, empty or odd is replaced", async () => {
    for (const id of ["x".repeat(101), "two words", "a;b", '"quoted"', "<script>", "é"]) {
      const answer = await call("GET", "info", { headers: { "x-request-id": id } })
      expect(answer.headers.get("x-request-id")).toMatch(uuid)
    }
  })

  it("each request without one gets its own", async () => {
    const [one, other] = [await call("GET", "info"), await call("GET", "info")]
    expect(one.headers.get("x-request-id")).toMatch(uuid)
    expect(other.headers.get("x-request-id")).not.toBe(one.headers.get("x-request-id"))
  })
})

describe("a last slash", () => {
  it("changes nothing on GET", async () => {
    for (const path of ["products", "info", "auth/status"]) {
      const [bare, slashed] = [await call("GET", path), await call("GET", `${path}/`)]
      expect(slashed).toMatchObject({ status: 200, body: bare.body })
    }
    const health = await call("GET", "/health/liveness/")
    expect(health).toMatchObject({ status: 200, body: { status: "alive" } })
    const product = await make.product({ name: "Kettle" })
    const opened = await call("GET", "products/kettle/")
    expect(opened.body.id).toBe(product.id)
  })

  it("changes nothing on a POST: no redirect, the body arrives", async () => {
    const answer = await call("POST", "auth/register/", {
      body: { email: "slash@nexus.test", password: "correct horse battery" },
    })
    expect(answer).toMatchObject({ status: 201, body: { user: { email: "slash@nexus.test" } } })
  })

  it("is no other path for an idempotency key", async () => {
    const staff = await make.user("staff")
    const request = {
      as: staff,
      body: { name: "Kettle", price: "12.00" },
      headers: { "idempotency-key": "kettle" },
    }
    const first = await call("POST", "products", request)
    const again = await call("POST", "products/", request)
    expect(again.body.id).toBe(first.body.id)
    expect(again.headers.get("idempotent-replayed")).toBe("true")
  })
})

describe("HEAD and OPTIONS", () => {
  it("HEAD answers what GET would, without the body", async () => {
    await make.product({ name: "Kettle" })
    for (const path of ["products/kettle", "products", "/health/liveness", "/api/v1/schema"]) {
      const [get, head] = [await call("GET", path), await call("HEAD", path)]
      expect([head.status, head.body]).toEqual([get.status, ""])
      for (const name of ["content-type", "etag", "cache-control", "content-security-policy"])
        expect([name, head.headers.get(name)]).toEqual([name, get.headers.get(name)])
    }
  })

  it("HEAD of what is not there is 404 without a body", async () => {
    const answer = await call("HEAD", "nonexistent")
    expect([answer.status, answer.body]).toEqual([404, ""])
  })

  it("HEAD never runs a POST", async () => {
    const answer = await call("HEAD", "auth/logout-all")
    expect(answer.status).toBe(405)
    expect(answer.headers.get("allow")).toBe("POST, OPTIONS")
  })

  it("OPTIONS is 204 and needs no token", async () => {
    for (const path of ["users/me", "products", "cart/add", "/health"]) {
      const answer = await call("OPTIONS", path)
      expect([path, answer.status, answer.body]).toEqual([path, 204, ""])
    }
  })
})

describe("security headers", () => {
  const expected = {
    "content-security-policy":
      "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "strict-transport-security": "max-age=63072000; includeSubDomains; preload",
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-frame-options": "DENY",
    "x-xss-protection": "0",
    "cross-origin-resource-policy": "cross-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
  }

  it("stand on every answer, errors, redirects and preflights included", async () => {
    const etag = (await call("GET", "info")).headers.get("etag") ?? ""
    const answers = await Promise.all([
      call("GET", "info"),
      call("GET", "info", { headers: { "if-none-match": etag } }),
      call("GET", "nonexistent"),
      call("GET", "users/me"),
      call("GET", "auth/login"),
      call("POST", "auth/login", { body: "{", headers: { "content-type": "application/json" } }),
      call("GET", "/"),
      call("GET", "/health"),
      call("OPTIONS", "products", { headers: { origin: "http://localhost:3000" } }),
    ])
    expect(answers.map(({ status }) => status)).toEqual([
      200, 304, 404, 401, 405, 400, 302, 200, 204,
    ])
    for (const { headers } of answers) {
      expect(Object.fromEntries(headers)).toMatchObject(expected)
      expect(headers.get("x-request-id")).toMatch(uuid)
      expect(headers.get("x-powered-by")).toBeNull()
    }
  })
})

describe("Server-Timing", () => {
  it("tells the waits, the D1 round trips and the rows they read", async () => {
    const alive = await call("GET", "/health/liveness")
    expect(alive.headers.get("server-timing")).toMatch(
      /^d1;dur=0\.0, kv;dur=0\.0, do;dur=0\.0, r2;dur=0\.0, total;dur=\d+\.\d, d1_queries;desc="0", d1_rows_read;desc="0"$/,
    )
    const db = await call("GET", "/health/db")
    expect(db.headers.get("server-timing")).toMatch(/d1_queries;desc="1", d1_rows_read;desc="\d+"$/)
  })

  it("counts the rows that a list reads", async () => {
    const staff = await make.user("staff")
    const rows = async () => {
      const { headers } = await call("GET", "brands", { headers: { "cache-control": "no-cache" } })
      return Number(/d1_rows_read;desc="(\d+)"/.exec(headers.get("server-timing") ?? "")?.[1])
    }
    const before = await rows()
    for (const name of ["Acme", "Bolt", "Cog"])
      await call("POST", "brands", { as: staff, body: { name } })
    expect(await rows()).toBeGreaterThanOrEqual(before + 3)
  })

  it("stands on errors too", async () => {
    const answer = await call("GET", "nonexistent")
    expect(answer.headers.get("server-timing")).toContain("d1_queries")
  })
})

describe("conditional requests", () => {
  it("an ETag that still holds is 304 without a body, one that does not is the answer", async () => {
    const staff = await make.user("staff")
    const product = await make.product({ name: "Kettle", price: "10.00" })
    const first = await call("GET", `products/${product.id}`)
    const etag = first.headers.get("etag") ?? ""
    expect(etag).toMatch(/^"[^"]+"$/)
    for (const sent of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const answer = await call("GET", `products/${product.id}`, {
        headers: { "if-none-match": sent },
      })
      expect([sent, answer.status, answer.body]).toEqual([sent, 304, ""])
      expect(answer.headers.get("etag")).toBe(etag)
      expect(answer.headers.get("cache-control")).toBe(first.headers.get("cache-control"))
    }
    await call("PATCH", `products/${product.id}`, { as: staff, body: { price: "11.00" } })
    const after = await call("GET", `products/${product.id}`, {
      headers: { "if-none-match": etag, "cache-control": "no-cache" },
    })
    expect(after).toMatchObject({ status: 200, body: { price: "11.00" } })
    expect(after.headers.get("etag")).not.toBe(etag)
  })

  it("every list and single object has one", async () => {
    const customer = await make.user()
    const product = await make.product()
    const category = await make.category()
    const paths = [
      "products",
      `products/${product.id}`,
      "categories",
      `categories/${category.id}`,
      "categories/tree",
      "brands",
      "users/me",
      "orders",
      "cart",
      "schema",
    ]
    for (const path of paths) {
      const answer = await call("GET", path, { as: customer })
      expect([path, answer.status, answer.headers.get("etag")]).toEqual([
        path,
        200,
        expect.stringMatching(/^"[^"]+"$/),
      ])
    }
  })

  it("If-None-Match means nothing to a change or an error", async () => {
    const user = await make.user()
    const changed = await call("PATCH", "users/me", {
      as: user,
      body: { bio: "Collects keyboards." },
      headers: { "if-none-match": "*" },
    })
    expect(changed).toMatchObject({ status: 200, body: { bio: "Collects keyboards." } })
    const missing = await call("GET", "products/nothing", { headers: { "if-none-match": "*" } })
    expectProblem(missing, 404, "not-found")
  })
})

describe("Cache-Control", () => {
  const shared = "public, max-age=5, stale-while-revalidate=5"

  it("lets anybody keep a public answer for seconds, apart for those with credentials", async () => {
    const product = await make.product()
    for (const path of ["products", `products/${product.id}`, "categories", "brands", "info"]) {
      const { headers } = await call("GET", path)
      expect([path, headers.get("cache-control")]).toEqual([path, shared])
      expect(headers.get("vary")).toContain("Authorization")
    }
  })

  it("lets nobody keep what was made for one person", async () => {
    const staff = await make.user("staff")
    const cases: [string, { access: string } | undefined][] = [
      ["users/me", staff],
      ["auth/status", undefined],
      ["cart", undefined],
      ["orders", staff],
      ["products", staff],
      ["admin/orders", staff],
    ]
    for (const [path, as] of cases) {
      const { status, headers } = await call("GET", path, { as })
      expect([path, status, headers.get("cache-control")]).toEqual([path, 200, "private, no-store"])
    }
  })

  it("lets nobody keep an error, a sign-in or a replay", async () => {
    const missing = await call("GET", "products/nothing")
    expect(missing.headers.get("cache-control")).toBe("no-store")
    const body = { email: "cached@nexus.test", password: "correct horse battery" }
    const headers = { "idempotency-key": "once" }
    const first = await send("POST", "auth/register", { body, headers })
    expect(first.headers.get("cache-control")).toBe("private, no-store")
    const replayed = await send("POST", "auth/register", { body, headers })
    expect(replayed.headers.get("idempotent-replayed")).toBe("true")
    expect(replayed.headers.get("cache-control")).toBe("private, no-store")
  })
})

describe("D1 bookmarks", () => {
  /** The database, writing down what each session is asked for; its newest bookmark is known. */
  function watched() {
    const asked: (string | undefined)[] = []
    const database = {
      withSession(constraint?: string) {
        asked.push(constraint)
        const session = env.DB.withSession("first-primary")
        return {
          prepare: (sql: string) => session.prepare(sql),
          batch: (statements: D1PreparedStatement[]) => session.batch(statements),
          getBookmark: () => "00000001-00000002-00004e2b-0123456789abcdef0123456789abcdef",
        }
      },
    }
    return { asked, over: { DB: database } }
  }

  it("every answer carries the newest one", async () => {
    const answer = await send("GET", "brands", watched())
    expect(answer.status).toBe(200)
    expect(answer.headers.get("x-d1-bookmark")).toBe(
      "00000001-00000002-00004e2b-0123456789abcdef0123456789abcdef",
    )
  })

  it("one that is brought back is where the next session begins", async () => {
    const { asked, over } = watched()
    const headers = {
      "x-d1-bookmark": "00000001-00000002-00004e2b-0123456789abcdef0123456789abcdef",
    }
    await send("GET", "brands", { over, headers })
    expect(asked).toEqual(["00000001-00000002-00004e2b-0123456789abcdef0123456789abcdef"])
  })

  it("one that is no bookmark is not believed", async () => {
    const { asked, over } = watched()
    for (const bookmark of ["two words", "a".repeat(101), "a'b"])
      await send("GET", "brands", { over, headers: { "x-d1-bookmark": bookmark } })
    expect(asked).toEqual(["first-unconstrained", "first-unconstrained", "first-unconstrained"])
  })

  it("replicas answer anonymous reads only; whoever may have written reads the primary", async () => {
    const { asked, over } = watched()
    const token = "x".repeat(43)
    const user = await make.user()
    await send("GET", "brands", { over })
    await send("GET", "brands", { over, as: user })
    await send("GET", "cart", { over, headers: { "x-cart-token": token } })
    await send("GET", "cart", { over, headers: { cookie: `cart_token=${token}` } })
    await send("POST", "auth/refresh", { over, body: { refresh: "nothing" } })
    expect(asked).toEqual([
      "first-unconstrained",
      "first-primary",
      "first-primary",
      "first-primary",
      "first-primary",
    ])
  })
})
