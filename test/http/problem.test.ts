import { describe, expect, it, vi } from "vitest"

import { errorTable } from "#errors.ts"
import * as catalog from "#modules/catalog/catalog.ts"
import * as users from "#modules/users/users.ts"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { expectProblem, fieldsOf, send } from "../support/wire.ts"

const json = { "content-type": "application/json" }

describe("every refusal is a problem", () => {
  it("an unknown path is 404 with exactly the members of RFC 9457 and ours", async () => {
    const answer = await call("GET", "nonexistent", { headers: { "x-request-id": "trace-1" } })
    expectProblem(answer, 404, "not-found")
    expect(answer.body).toEqual({
      type: "http://nexus.test/problems/not-found",
      title: "No such resource",
      status: 404,
      detail: "There is nothing at /api/v1/nonexistent",
      instance: "/api/v1/nonexistent#trace-1",
      code: "not-found",
      request_id: "trace-1",
    })
  })

  it("paths outside the API answer problems too", async () => {
    for (const path of ["/nonexistent", "/api/nonexistent/", "/assets/nothing.js", "/a/b/c/d/e"])
      expectProblem(await call("GET", path), 404, "not-found")
  })

  it("a thing that is not there is 404 in the same form", async () => {
    expectProblem(await call("GET", "products/nothing"), 404, "not-found")
  })

  it("a method that a path does not take is 405 and says which it takes", async () => {
    const login = await call("GET", "auth/login")
    expectProblem(login, 405, "method-not-allowed")
    expect(login.headers.get("allow")).toBe("POST, OPTIONS")
    const me = await call("POST", "users/me/")
    expectProblem(me, 405, "method-not-allowed")
    expect(me.headers.get("allow")).toBe("GET, PUT, PATCH, DELETE, HEAD, OPTIONS")
    const health = await call("POST", "/health")
    expectProblem(health, 405, "method-not-allowed")
    expect(health.headers.get("allow")).toBe("GET, HEAD, OPTIONS")
  })

  it("a body that is not announced as JSON is 415", async () => {
    const body = JSON.stringify({ email: "ada@nexus.test", password: "Nexus-demo-2026!" })
    for (const type of ["text/plain", "application/xml", "application/json-seq", "text/json"]) {
      const answer = await call("POST", "auth/login", { body, headers: { "content-type": type } })
      expectProblem(answer, 415, "unsupported-media-type")
    }
  })

  it("JSON with a charset, a suffix or capitals is JSON", async () => {
    const types = [
      "application/json; charset=utf-8",
      "application/vnd.shop+json",
      "Application/JSON",
    ]
    for (const type of types) {
      const answer = await call("POST", "auth/login", {
        body: '{"email":"nobody@nexus.test","password":"wrong"}',
        headers: { "content-type": type },
      })
      expectProblem(answer, 401, "wrong-credentials")
    }
  })

  it("text that is no JSON is 400 malformed-json", async () => {
    for (const body of ["{", "{'a':1}", "nope", '{"a":1}}', "\u0000"]) {
      const answer = await call("POST", "auth/login", { body, headers: json })
      expectProblem(answer, 400, "malformed-json")
    }
  })

  it("JSON that is no object is 400 invalid-input, whatever it is", async () => {
    for (const body of ["[1]", "null", "1", '"text"', "true", "[]"]) {
      for (const path of ["auth/login", "auth/register", "auth/refresh", "auth/verify"]) {
        const answer = await call("POST", path, { body, headers: json })
        expectProblem(answer, 400, "invalid-input")
        expect(fieldsOf(answer)[0]).toEqual(["body", ""])
      }
    }
  })

  it("a missing body names the fields that it lacks, with or without a content type", async () => {
    for (const headers of [{}, json]) {
      const answer = await call("POST", "auth/refresh", { headers })
      expectProblem(answer, 400, "invalid-input")
      expect(fieldsOf(answer)).toEqual([["refresh", "/refresh"]])
    }
  })

  it("a body over 1 MiB is 413, and one of exactly 1 MiB is read", async () => {
    const sized = (bytes: number) => {
      const rest = '{"email":"nobody@nexus.test","password":"wrong","filler":""}'
      return rest.replace('""', `"${"x".repeat(bytes - rest.length)}"`)
    }
    const over = await call("POST", "auth/login", { body: sized(1_048_577), headers: json })
    expectProblem(over, 413, "body-too-large")
    const full = await call("POST", "auth/login", { body: sized(1_048_576), headers: json })
    expectProblem(full, 401, "wrong-credentials")
  })

  it("nesting deeper than 32 is refused, and 32 is not", async () => {
    const nested = (depth: number) => `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`
    const deep = await call("POST", "auth/refresh", { body: nested(33), headers: json })
    expectProblem(deep, 400, "invalid-input")
    expect(deep.body.detail).toBe("A body is at most 32 levels deep")
    const allowed = await call("POST", "auth/refresh", { body: nested(32), headers: json })
    expect(fieldsOf(allowed)).toEqual([["refresh", "/refresh"]])
    const absurd = await call("POST", "auth/refresh", { body: nested(500_000), headers: json })
    expectProblem(absurd, 400, "invalid-input")
  })

  it("an array of more than 1000 entries is refused wherever it stands, and 1000 is not", async () => {
    const list = (length: number) => ({ a: { b: Array.from({ length }, () => 0) } })
    const long = await call("POST", "auth/refresh", { body: list(1001) })
    expectProblem(long, 400, "invalid-input")
    expect(long.body.detail).toBe("A list in a body holds at most 1000 entries")
    const allowed = await call("POST", "auth/refresh", { body: list(1000) })
    expect(fieldsOf(allowed)).toEqual([["refresh", "/refresh"]])
  })
})

describe("invalid input", () => {
  it("names every failing field at once, with a pointer, a sentence and a code", async () => {
    const answer = await call("POST", "auth/register", {
      body: { email: "x", username: "a b!", password: "123", first_name: 5 },
    })
    expectProblem(answer, 400, "invalid-input")
    expect(fieldsOf(answer)).toEqual([
      ["email", "/email"],
      ["first_name", "/first_name"],
      ["password", "/password"],
      ["username", "/username"],
    ])
    expect(answer.body.errors).toContainEqual({
      field: "email",
      pointer: "/email",
      detail: "Enter a valid email address.",
      code: "invalid-format",
    })
  })

  it("points into nested bodies", async () => {
    const staff = await make.user("staff")
    const answer = await call("POST", "products", {
      as: staff,
      body: { name: "Shirt", price: "10.00", variants: [{ options: { Size: "M" }, price: "-1" }] },
    })
    expectProblem(answer, 400, "invalid-input")
    expect(answer.body.errors.map((one: any) => one.pointer)).toContain("/variants/0/price")
  })

  it("names query parameters as parameters", async () => {
    const answer = await call("GET", "products?in_stock=perhaps&min_price=cheap")
    expectProblem(answer, 400, "invalid-input")
    for (const one of answer.body.errors) expect(one.parameter).toBe(one.field)
    expect(answer.body.errors.length).toBeGreaterThan(0)
  })

  it("says where a field stands that only the data refuses", async () => {
    const known = await make.user()
    const answer = await call("POST", "auth/register", {
      body: { email: known.email, password: "correct horse battery" },
    })
    expectProblem(answer, 400, "invalid-input")
    expect(fieldsOf(answer)).toEqual([["email", "/email"]])
    const paged = await call("GET", "products?limit=none")
    expectProblem(paged, 400, "invalid-input")
    expect(fieldsOf(paged)).toEqual([["limit", "limit"]])
  })
})

describe("a crash", () => {
  const secret = 'SELECT "password_hash" FROM users -- near "syntax": /work/src/users.ts:12'

  it("is 500 internal without a word of the error", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined)
    vi.spyOn(users, "me").mockRejectedValue(new Error(secret))
    const user = await make.user()
    const answer = await call("GET", "users/me", { as: user })
    expectProblem(answer, 500, "internal")
    expect(Object.keys(answer.body).toSorted()).toEqual([
      "code",
      "detail",
      "instance",
      "request_id",
      "status",
      "title",
      "type",
    ])
    expect(answer.body.detail).toBe("Something broke on our side")
    for (const word of ["SELECT", "password_hash", "users.ts", "Error"]) {
      expect(JSON.stringify(answer.body)).not.toContain(word)
      expect(JSON.stringify([...answer.headers])).not.toContain(word)
    }
  })

  it("is logged with its request id, and drizzle's bound values are not", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined)
    const cause = new Error("D1_ERROR: no such table")
    vi.spyOn(users, "me").mockRejectedValue(
      new Error("Failed query … params: ada@nexus.test", { cause }),
    )
    const user = await make.user()
    await call("GET", "users/me", { as: user, headers: { "x-request-id": "crash-1" } })
    const line = JSON.parse(log.mock.calls[0]?.[0])
    expect(line).toMatchObject({ level: "error", request_id: "crash-1", path: "/api/v1/users/me" })
    expect(line.error).toContain("no such table")
    expect(JSON.stringify(line)).not.toContain("ada@nexus.test")
  })

  it("of a passing kind is 503 unavailable with Retry-After", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined)
    vi.spyOn(catalog, "get").mockRejectedValue(
      new Error("query failed", { cause: new Error("D1_ERROR: Network connection lost.") }),
    )
    const answer = await call("GET", "products/1")
    expectProblem(answer, 503, "unavailable")
    expect(answer.headers.get("retry-after")).toBe("5")
    expect(JSON.stringify(answer.body)).not.toContain("D1_ERROR")
  })

  it("of the database tells nothing of it", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined)
    const failing = {
      withSession: () => ({
        prepare: (sql: string) => {
          throw new Error(`D1_ERROR: near "${sql}": syntax error`)
        },
        getBookmark: () => null,
      }),
    }
    const answer = await send("GET", "brands", { over: { DB: failing } })
    expectProblem(answer, 500, "internal")
    expect(JSON.stringify(answer.body)).not.toMatch(/D1_ERROR|select|syntax/i)
  })
})

describe("the address that a problem's type names", () => {
  it("explains each code", async () => {
    for (const code of Object.keys(errorTable)) {
      const answer = await call("GET", `/problems/${code}`)
      expect(answer).toMatchObject({ status: 200, body: { code, status: expect.any(Number) } })
    }
    const stock = await call("GET", "/problems/out-of-stock")
    expect(stock.body).toEqual({ code: "out-of-stock", title: "Not enough stock", status: 409 })
  })

  it("knows no other words, not even those of every object", async () => {
    for (const code of ["nonsense", "toString", "__proto__", "constructor"])
      expectProblem(await call("GET", `/problems/${code}`), 404, "not-found")
  })
})

it("a 401 says how to authenticate", async () => {
  const answer = await call("GET", "users/me")
  expectProblem(answer, 401, "unauthenticated")
  expect(answer.headers.get("www-authenticate")).toBe(
    'Bearer realm="nexus", error="unauthenticated"',
  )
})
