import { expect, it } from "vitest"

import { call } from "../support/api.ts"
import { send } from "../support/wire.ts"

const ours = "http://localhost:3000"
const allowed = "access-control-allow-origin"

it("an origin of the list may read answers, errors and 304s", async () => {
  const etag = (await call("GET", "info")).headers.get("etag") ?? ""
  const answers = [
    await call("GET", "info", { headers: { origin: ours } }),
    await call("GET", "users/me", { headers: { origin: ours } }),
    await call("GET", "nonexistent", { headers: { origin: ours } }),
    await call("GET", "info", { headers: { origin: ours, "if-none-match": etag } }),
  ]
  expect(answers.map(({ status }) => status)).toEqual([200, 401, 404, 304])
  for (const { headers } of answers) {
    expect(headers.get(allowed)).toBe(ours)
    expect(headers.get("vary")).toContain("Origin")
  }
})

it("no other origin may, however alike it looks", async () => {
  const origins = [
    "https://evil.example",
    "null",
    "http://localhost:3001",
    "https://localhost:3000",
    "http://localhost:3000.evil.example",
    "http://evil.example/http://localhost:3000",
    "HTTP://LOCALHOST:3000",
    "*",
  ]
  for (const origin of origins) {
    const get = await call("GET", "info", { headers: { origin } })
    const preflight = await call("OPTIONS", "info", {
      headers: { origin, "access-control-request-method": "POST" },
    })
    expect([origin, get.headers.get(allowed), preflight.headers.get(allowed)]).toEqual([
      origin,
      null,
      null,
    ])
    expect(get.headers.get("vary")).toContain("Origin")
  }
})

it("nobody is allowed in when the list is empty, not even without an origin", async () => {
  const over = { CORS_ORIGINS: "" }
  for (const headers of [{ origin: ours }, { origin: "" }, {}] as Record<string, string>[]) {
    const answer = await send("GET", "info", { over, headers })
    expect(answer.headers.get(allowed)).toBeNull()
  }
})

it("each origin of a longer list is answered by its own name", async () => {
  const over = { CORS_ORIGINS: "https://shop.example, https://admin.example" }
  for (const origin of ["https://shop.example", "https://admin.example"]) {
    const answer = await send("GET", "info", { over, headers: { origin } })
    expect(answer.headers.get(allowed)).toBe(origin)
  }
})

it("a preflight names methods, headers and how long it holds", async () => {
  const { status, headers } = await call("OPTIONS", "orders", {
    headers: {
      origin: ours,
      "access-control-request-method": "POST",
      "access-control-request-headers": "idempotency-key",
    },
  })
  expect(status).toBe(204)
  expect(headers.get(allowed)).toBe(ours)
  expect(headers.get("access-control-allow-methods")).toBe("GET,POST,PUT,PATCH,DELETE")
  expect(headers.get("access-control-allow-headers")).toBe(
    "Authorization,X-API-Key,Content-Type,Idempotency-Key,If-Match,If-None-Match,X-Cart-Token,X-Order-Token,X-D1-Bookmark,X-Request-Id",
  )
  expect(headers.get("access-control-max-age")).toBe("7200")
})

it("scripts may read the headers that clients need", async () => {
  const { headers } = await call("GET", "info", { headers: { origin: ours } })
  const exposed = headers.get("access-control-expose-headers")?.split(",")
  expect(exposed).toEqual([
    "ETag",
    "Link",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Idempotent-Replayed",
    "X-Request-Id",
    "X-Cart-Token",
    "X-D1-Bookmark",
    "Server-Timing",
  ])
})

it("cookies are never allowed across origins", async () => {
  const { headers } = await call("GET", "cart", { headers: { origin: ours } })
  expect(headers.get("access-control-allow-credentials")).toBeNull()
})
