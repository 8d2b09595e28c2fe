import { env } from "cloudflare:workers"
import { describe, expect, it, vi } from "vitest"

import { call } from "../support/api.ts"
import { expectProblem, send } from "../support/wire.ts"

const healthy = { status: "healthy", latency_ms: expect.any(Number) }
const unhealthy = { status: "unhealthy", latency_ms: expect.any(Number) }
const down = () => Promise.reject(new Error("Network connection lost: secret-host:5432"))

const broken: Record<"database" | "cache" | "storage", Partial<Record<keyof Env, unknown>>> = {
  database: {
    DB: {
      withSession: () => ({
        prepare: () => ({ bind: () => ({ all: down }), all: down }),
        batch: down,
        getBookmark: () => null,
      }),
    },
  },
  cache: { CACHE: { get: down, put: down } },
  storage: { FILES: { head: down } },
}

describe("when everything answers", () => {
  it("C001, C002, C003 the service says so, under each of its paths", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2030-05-01T09:30:00.000Z") })
    for (const path of [
      "/health",
      "/health/",
      "/api/v1/health",
      "/api/v1/health/",
      "/api/health/",
    ]) {
      const answer = await call("GET", path)
      expect([path, answer.status]).toEqual([path, 200])
      expect(answer.body).toEqual({
        status: "healthy",
        service: "nexus",
        version: "1.0.0",
        environment: "development",
        timestamp: "2030-05-01T09:30:00.000Z",
        message: "All systems answer.",
        database: healthy,
        cache: healthy,
        storage: healthy,
      })
    }
  })

  it("C006 each part says so for itself", async () => {
    for (const part of ["db", "cache", "storage"]) {
      const answer = await call("GET", `/health/${part}/`)
      expect([part, answer.status, answer.body]).toEqual([part, 200, healthy])
    }
  })

  it("C004 it is ready, with nothing left over", async () => {
    const answer = await call("GET", "/health/readiness/")
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        status: "ready",
        database: healthy,
        cache: healthy,
        storage: healthy,
        dead_letters: 0,
        overdue_events: 0,
      },
    ])
  })

  it("C005 it is alive", async () => {
    const answer = await call("GET", "/health/liveness/")
    expect([answer.status, answer.body]).toEqual([200, { status: "alive" }])
  })
})

describe("when a part does not answer", () => {
  const own = { database: "/health/db", cache: "/health/cache", storage: "/health/storage" }

  for (const [part, over] of Object.entries(broken)) {
    it(`${part}: 503 where it counts, in its own words only`, async () => {
      vi.spyOn(console, "error").mockImplementation(() => undefined)
      for (const path of ["/health", "/api/v1/health"]) {
        const whole = await send("GET", path, { over })
        expect([path, whole.status, whole.body.status]).toEqual([path, 503, "unhealthy"])
        expect(whole.body).toMatchObject({
          message: "Something does not answer.",
          database: healthy,
          cache: healthy,
          storage: healthy,
          [part]: unhealthy,
        })
        expect(JSON.stringify(whole.body)).not.toContain("secret-host")
      }
      for (const [name, path] of Object.entries(own)) {
        const answer = await send("GET", path, { over })
        expect([name, answer.status, answer.body]).toEqual(
          name === part ? [name, 503, unhealthy] : [name, 200, healthy],
        )
      }
      const ready = await send("GET", "/health/readiness", { over })
      expect(ready).toMatchObject({
        status: 503,
        body: { status: "not-ready", [part]: unhealthy },
      })
      const alive = await send("GET", "/health/liveness", { over })
      expect([alive.status, alive.body]).toEqual([200, { status: "alive" }])
    })
  }

  it("a database without its tables is not healthy", async () => {
    await env.DB.prepare("DROP TABLE outbox").run()
    expect(await call("GET", "/health/db")).toMatchObject({ status: 503, body: unhealthy })
    expect(await call("GET", "/health/readiness")).toMatchObject({
      status: 503,
      body: { status: "not-ready", database: unhealthy },
    })
  })
})

describe("when consequences are left over", () => {
  const now = Date.now()
  const at = (seconds: number) => new Date(now + seconds * 1000).toISOString()
  const event = JSON.stringify({ type: "catalog.changed" })
  const put = (id: string, nextAt: string, doneAt: string | null) =>
    env.DB.prepare(
      "INSERT INTO outbox (id, event, created_at, next_at, done_at) VALUES (?,?,?,?,?)",
    )
      .bind(id, event, at(-300), nextAt, doneAt)
      .run()

  it("a dead letter makes it degraded, and still ready", async () => {
    await env.DB.prepare("INSERT INTO dead_letters (event_id, event, created_at) VALUES (?,?,?)")
      .bind("evt_dead", event, at(0))
      .run()
    const answer = await call("GET", "/health/readiness")
    expect(answer).toMatchObject({ status: 200, body: { status: "degraded", dead_letters: 1 } })
    expect((await call("GET", "/health")).body.status).toBe("healthy")
  })

  it("an event overdue by more than a minute does, a younger or finished one does not", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now })
    await put("evt_young", at(-59), null)
    await put("evt_done", at(-300), at(-200))
    expect((await call("GET", "/health/readiness")).body).toMatchObject({
      status: "ready",
      overdue_events: 0,
    })
    await put("evt_late", at(-61), null)
    expect((await call("GET", "/health/readiness")).body).toMatchObject({
      status: "degraded",
      overdue_events: 1,
    })
  })
})

it("a missing setting is a problem that names no value", async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined)
  const answer = await send("GET", "/health", { over: { DATA_KEY: "short-secret" } })
  expectProblem(answer, 500, "internal")
  expect(JSON.stringify(answer.body)).not.toContain("short-secret")
})

describe("what there is", () => {
  it("C007 the API introduces itself", async () => {
    const answer = await call("GET", "/api/info/")
    expect(answer).toMatchObject({
      status: 200,
      body: {
        api_name: "Nexus",
        version: "1.0.0",
        description: expect.stringMatching(/\w/),
        endpoints: { cart: "/api/v1/cart" },
        documentation: {
          swagger: "/api/v1/docs",
          redoc: "/api/v1/redoc",
          schema: "/api/v1/schema",
        },
      },
    })
  })

  it("C008 every endpoint stands in its group", async () => {
    const answer = await call("GET", "/api/endpoints/")
    const groups = ["Administration", "Authentication", "Cart", "Orders", "Products", "Utilities"]
    expect(Object.keys(answer.body)).toEqual(expect.arrayContaining(groups))
    expect(answer.body.Authentication).toContain("POST /api/v1/auth/login")
    expect(answer.body.Products).toContain("GET /api/v1/products")
    expect(answer.body.Cart).toContain("POST /api/v1/cart/items")
    expect(answer.body.Orders).toContain("POST /api/v1/orders")
    expect(answer.body.Utilities).toContain("GET /api/v1/endpoints")
  })
})
