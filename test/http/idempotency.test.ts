import { createExecutionContext, createScheduledController } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, it, vi } from "vitest"

import { seal, unseal } from "#lib/secret.ts"
import * as account from "#modules/auth/account.ts"
import * as sessions from "#modules/auth/sessions.ts"
import * as catalog from "#modules/catalog/catalog.ts"

import worker from "../../src/worker.ts"
import type { Answer } from "../support/api.ts"
import * as make from "../support/make.ts"
import { expectProblem, send } from "../support/wire.ts"

const kettle = { name: "Kettle", price: "12.00" }
const seconds = 1000
const hours = 3600 * seconds

const once = (key: string) => ({ "idempotency-key": key })
const replayed = (answer: Answer) => answer.headers.get("idempotent-replayed")

async function countOf(table: "products" | "users" | "sessions" | "idempotency"): Promise<number> {
  return (await env.DB.prepare(`SELECT count(*) AS n FROM ${table}`).first<number>("n")) ?? 0
}

async function rows(): Promise<{ key: string; stage: string; answer: string | null }[]> {
  const { results } = await env.DB.prepare("SELECT * FROM idempotency ORDER BY stage").all<{
    key: string
    stage: string
    answer: string | null
  }>()
  return results
}

/** Stops a function of ours at its door until `open` is called; `waiting` resolves when somebody stands there. */
function gate() {
  let open: () => void = () => undefined
  let arrived: () => void = () => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  const waiting = new Promise<void>((resolve) => (arrived = resolve))
  const pass = async () => {
    arrived()
    await opened
  }
  return { open, waiting, pass }
}

describe("the same key again", () => {
  it("answers the stored answer and changes nothing twice, whatever the order of the body's fields", async () => {
    const staff = await make.user("staff")
    const first = await send("POST", "products", { as: staff, body: kettle, headers: once("k") })
    expect(first.status).toBe(201)
    expect(replayed(first)).toBeNull()

    for (const body of [
      '{"name":"Kettle","price":"12.00"}',
      '{"price":"12.00","name":"Kettle"}',
      '{ "price" : "12.00",\n "name" : "Kettle" }',
    ]) {
      const again = await send("POST", "products", {
        as: staff,
        body,
        headers: { ...once("k"), "content-type": "application/json" },
      })
      expect([again.status, replayed(again)]).toEqual([201, "true"])
      expect(again.body).toEqual(first.body)
      expect(again.headers.get("content-type")).toBe("application/json")
    }
    expect(await countOf("products")).toBe(1)
  })

  it("sorts the fields of nested bodies too, and no lists", async () => {
    const user = await make.user()
    const patch = (preferences: unknown) =>
      send("PATCH", "users/me", { as: user, body: { preferences }, headers: once("k") })
    await patch({ a: { x: 1, y: 2 }, list: [1, 2] })
    expect(replayed(await patch({ list: [1, 2], a: { y: 2, x: 1 } }))).toBe("true")
    expectProblem(await patch({ a: { x: 1, y: 2 }, list: [2, 1] }), 422, "idempotency-key-reused")
  })

  it("with another body is 422, and the first answer stays", async () => {
    const staff = await make.user("staff")
    const first = await send("POST", "products", { as: staff, body: kettle, headers: once("k") })
    const other = { ...kettle, price: "12.01" }
    const refused = await send("POST", "products", { as: staff, body: other, headers: once("k") })
    expectProblem(refused, 422, "idempotency-key-reused")
    const again = await send("POST", "products", { as: staff, body: kettle, headers: once("k") })
    expect(again.body.id).toBe(first.body.id)
    expect(await countOf("products")).toBe(1)
  })

  it("with another query is another request", async () => {
    const staff = await make.user("staff")
    const [garden, tools, all] = [
      await make.category({ name: "Garden" }),
      await make.category({ name: "Tools" }),
      await make.category({ name: "All" }),
    ]
    const remove = (to: string) =>
      send("DELETE", `categories/${garden.id}?move_to=${to}`, { as: staff, headers: once("k") })
    expect((await remove(tools.id)).status).toBe(204)
    expectProblem(await remove(all.id), 422, "idempotency-key-reused")
    expect(replayed(await remove(tools.id))).toBe("true")
  })

  it("on another path or method is another key", async () => {
    const staff = await make.user("staff")
    const request = { as: staff, body: { name: "Acme" }, headers: once("k") }
    const brand = await send("POST", "brands", request)
    const category = await send("POST", "categories", request)
    expect([brand.status, category.status, replayed(category)]).toEqual([201, 201, null])
  })

  it("of another spelling of the path is the same key", async () => {
    const body = { email: "same@nexus.test", password: "correct horse battery" }
    const first = await send("POST", "auth/register", { body, headers: once("k") })
    const again = await send("POST", "/api/auth/users/", { body, headers: once("k") })
    expect([again.status, replayed(again)]).toEqual([201, "true"])
    expect(again.body).toEqual(first.body)
  })

  it("replays an answer without a body", async () => {
    const staff = await make.user("staff")
    const product = await make.product()
    const path = `products/${product.id}`
    const first = await send("DELETE", path, { as: staff, headers: once("k") })
    const again = await send("DELETE", path, { as: staff, headers: once("k") })
    expect([first.status, first.body, replayed(first)]).toEqual([204, "", null])
    expect([again.status, again.body, replayed(again)]).toEqual([204, "", "true"])
    expectProblem(await send("DELETE", path, { as: staff }), 404, "not-found")
  })

  it("quoted and bare are one key", async () => {
    const staff = await make.user("staff")
    const bare = await send("POST", "products", { as: staff, body: kettle, headers: once("k-1") })
    const quoted = await send("POST", "products", {
      as: staff,
      body: kettle,
      headers: once('"k-1"'),
    })
    expect(quoted.body.id).toBe(bare.body.id)
    expect(replayed(quoted)).toBe("true")
  })

  it("means nothing to a read", async () => {
    const user = await make.user()
    const first = await send("GET", "users/me", { as: user, headers: once("k") })
    await send("PATCH", "users/me", { as: user, body: { bio: "New." } })
    const again = await send("GET", "users/me", { as: user, headers: once("k") })
    expect([first.body.bio, again.body.bio, replayed(again)]).toEqual(["", "New.", null])
    expect(await countOf("idempotency")).toBe(0)
  })
})

describe("a key", () => {
  it("has at most 255 characters, quotes not counted", async () => {
    const user = await make.user()
    const patch = (key: string) =>
      send("PATCH", "users/me", { as: user, body: { bio: "x" }, headers: once(key) })
    for (const key of ["k".repeat(256), `"${"k".repeat(256)}"`, '""']) {
      const refused = await patch(key)
      expectProblem(refused, 400, "invalid-input")
      expect(refused.body.errors).toMatchObject([
        { field: "Idempotency-Key", header: "Idempotency-Key" },
      ])
    }
    for (const key of ["k".repeat(255), `"${"j".repeat(255)}"`, "k"])
      expect((await patch(key)).status).toBe(200)
  })

  it("works with a body that is no JSON", async () => {
    const staff = await make.user("staff")
    const lines = '{"name":"Rake","price":"12.50"}\n{"name":"Hoe","price":"9.00"}'
    const upload = (body: string) =>
      send("POST", "admin/products/import", {
        as: staff,
        body,
        headers: { ...once("k"), "content-type": "application/x-ndjson" },
      })
    const first = await upload(lines)
    const again = await upload(lines)
    expect([first.status, again.status, replayed(again)]).toEqual([200, 200, "true"])
    expect(again.body).toEqual(first.body)
    expect(await countOf("products")).toBe(2)
    expectProblem(await upload(lines.replace("Hoe", "Axe")), 422, "idempotency-key-reused")
  })

  it("tells one form from another by what it holds, whatever its boundary", async () => {
    const staff = await make.user("staff")
    const upload = (name: string) => {
      const body = new FormData()
      const lines = JSON.stringify({ name, price: "12.50" })
      body.set("file", new File([lines], "tools.ndjson", { type: "application/x-ndjson" }))
      return send("POST", "admin/products/import", { as: staff, body, headers: once("k") })
    }
    const first = await upload("Hoe")
    const again = await upload("Hoe")
    expect([first.status, again.status, replayed(again)]).toEqual([200, 200, "true"])
    expectProblem(await upload("Axe"), 422, "idempotency-key-reused")
  })

  it("works where a body is sent that nobody reads", async () => {
    const user = await make.user()
    const answer = await send("POST", "auth/logout-all", {
      as: user,
      body: "{",
      headers: { ...once("k"), "content-type": "application/json" },
    })
    expect(answer.status).toBe(200)
  })
})

describe("whose key it is", () => {
  it("another user's same key is another key", async () => {
    const [one, other] = [await make.user("staff"), await make.user("staff")]
    const first = await send("POST", "products", { as: one, body: kettle, headers: once("k") })
    const second = await send("POST", "products", { as: other, body: kettle, headers: once("k") })
    expect([second.status, replayed(second)]).toEqual([201, null])
    expect(second.body.id).not.toBe(first.body.id)
  })

  it("a guest's is bound to the cart token", async () => {
    const product = await make.product()
    const body = { product_id: product.id }
    const tokenOf = async () => {
      const opened = await send("POST", "cart/items", { body })
      return opened.headers.get("x-cart-token") ?? ""
    }
    const [one, other] = [await tokenOf(), await tokenOf()]
    const add = (token: string) =>
      send("POST", "cart/items", { body, headers: { ...once("k"), "x-cart-token": token } })
    expect((await add(one)).body.total_items).toBe(2)
    const others = await add(other)
    expect([others.body.total_items, replayed(others)]).toEqual([2, null])
    const again = await add(one)
    expect([again.body.total_items, replayed(again)]).toEqual([2, "true"])
    expect((await send("GET", "cart", { headers: { "x-cart-token": one } })).body.total_items).toBe(
      2,
    )
  })

  it("a guest without a cart is known by address, and gets the new cart's token again", async () => {
    const product = await make.product()
    const add = (address: string) =>
      send("POST", "cart/items", {
        body: { product_id: product.id },
        headers: { ...once("k"), "cf-connecting-ip": address },
      })
    const first = await add("203.0.113.1")
    const again = await add("203.0.113.1")
    const elsewhere = await add("203.0.113.2")
    const token = first.headers.get("x-cart-token")
    expect(token).toMatch(/^[\w-]{43}$/)
    expect([again.headers.get("x-cart-token"), replayed(again)]).toEqual([token, "true"])
    expect(replayed(elsewhere)).toBeNull()
    expect(elsewhere.headers.get("x-cart-token")).not.toBe(token)
  })
})

describe("while the first is still running", () => {
  it("the same key is 409 with Retry-After, then the answer", async () => {
    const user = await make.user()
    const { updateMe } = account
    const door = gate()
    vi.spyOn(account, "updateMe").mockImplementationOnce(async (...given) => {
      await door.pass()
      return updateMe(...given)
    })
    const request = { as: user, body: { bio: "x" }, headers: once("k") }
    const running = send("PATCH", "users/me", request)
    await door.waiting
    const early = await send("PATCH", "users/me", request)
    expectProblem(early, 409, "request-in-progress")
    expect(early.headers.get("retry-after")).toBe("1")
    expect(early.body.retry_after).toBe(1)
    const other = await send("PATCH", "users/me", { ...request, body: { bio: "y" } })
    expectProblem(other, 422, "idempotency-key-reused")
    door.open()
    expect((await running).status).toBe(200)
    expect(replayed(await send("PATCH", "users/me", request))).toBe("true")
  })

  it("twenty at once have one effect", async () => {
    const staff = await make.user("staff")
    const request = { as: staff, body: kettle, headers: once("k") }
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => send("POST", "products", request)),
    )
    const made = answers.filter(({ status }) => status === 201)
    const waiting = answers.filter(({ status }) => status === 409)
    expect(made.length).toBeGreaterThanOrEqual(1)
    expect(made.length + waiting.length).toBe(20)
    for (const answer of waiting) expectProblem(answer, 409, "request-in-progress")
    expect(new Set(made.map(({ body }) => body.id)).size).toBe(1)
    expect(made.filter((answer) => replayed(answer) === null)).toHaveLength(1)
    expect(await countOf("products")).toBe(1)
  })

  it("twenty sign-ups at once open one account and one session", async () => {
    const body = { email: "twenty@nexus.test", password: "correct horse battery" }
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        send("POST", "auth/register", { body, headers: once("sign-up") }),
      ),
    )
    expect(answers.filter(({ status }) => status === 201).length).toBeGreaterThanOrEqual(1)
    expect(answers.filter(({ status }) => status !== 201 && status !== 409)).toEqual([])
    expect([await countOf("users"), await countOf("sessions")]).toEqual([1, 1])
    const after = await send("POST", "auth/register", { body, headers: once("sign-up") })
    expect([after.status, replayed(after)]).toEqual([201, "true"])
  })
})

describe("what is not stored", () => {
  it("a 400: the corrected request goes through under the same key", async () => {
    const staff = await make.user("staff")
    const bad = await send("POST", "products", {
      as: staff,
      body: { price: "12.00" },
      headers: once("k"),
    })
    expectProblem(bad, 400, "invalid-input")
    expect(await countOf("idempotency")).toBe(0)
    const good = await send("POST", "products", { as: staff, body: kettle, headers: once("k") })
    expect([good.status, replayed(good)]).toEqual([201, null])
  })

  it("a 400 that only the data decides", async () => {
    const known = await make.user()
    const register = (email: string) =>
      send("POST", "auth/register", {
        body: { email, password: "correct horse battery" },
        headers: once("k"),
      })
    expectProblem(await register(known.email), 400, "invalid-input")
    expect((await register("free@nexus.test")).status).toBe(201)
  })

  it("a 401: the right password goes through under the same key", async () => {
    const account = { email: "ada@nexus.test", password: "correct horse battery" }
    await send("POST", "auth/register", { body: account })
    const login = (password: string) =>
      send("POST", "auth/login", { body: { ...account, password }, headers: once("k") })
    expectProblem(await login("wrong"), 401, "wrong-credentials")
    expect((await login(account.password)).status).toBe(200)
  })

  it("a 401 or 403 of the guard, which comes before the key", async () => {
    const customer = await make.user()
    expectProblem(
      await send("POST", "products", { body: kettle, headers: once("k") }),
      401,
      "unauthenticated",
    )
    expectProblem(
      await send("POST", "products", { as: customer, body: kettle, headers: once("k") }),
      403,
      "forbidden",
    )
    expect(await countOf("idempotency")).toBe(0)
  })

  it("a crash: the retry runs", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined)
    const staff = await make.user("staff")
    vi.spyOn(catalog, "create").mockRejectedValueOnce(new Error("boom"))
    const request = { as: staff, body: kettle, headers: once("k") }
    expectProblem(await send("POST", "products", request), 500, "internal")
    const retry = await send("POST", "products", request)
    expect([retry.status, replayed(retry)]).toEqual([201, null])
  })
})

describe("what is stored", () => {
  it("a 409: it is replayed even when a new try would go differently", async () => {
    const staff = await make.user("staff")
    const user = await make.user()
    const product = await make.product({ stock_quantity: 1 })
    const add = (key: string) =>
      send("POST", "cart/items", {
        as: user,
        body: { product_id: product.id, quantity: 2 },
        headers: once(key),
      })
    const refused = await add("k")
    expectProblem(refused, 409, "out-of-stock")
    await send("POST", `admin/inventory/${product.id}/adjust`, {
      as: staff,
      body: { set: 5, reason: "restock" },
    })
    const again = await add("k")
    expect([again.status, replayed(again)]).toEqual([409, "true"])
    expect(again.body).toEqual(refused.body)
    expect(again.headers.get("content-type")).toBe("application/problem+json")
    expect((await add("another")).status).toBe(201)
  })

  it("a 404", async () => {
    const staff = await make.user("staff")
    const patch = () =>
      send("PATCH", "products/rake", { as: staff, body: { price: "1.00" }, headers: once("k") })
    expectProblem(await patch(), 404, "not-found")
    await make.product({ name: "Rake" })
    const again = await patch()
    expect([again.status, replayed(again)]).toEqual([404, "true"])
  })

  it("is sealed: a stolen database shows no token, e-mail, password or key of it", async () => {
    const body = { email: "sealed@nexus.test", password: "correct horse battery" }
    const answer = await send("POST", "auth/register", { body, headers: once("my-own-key") })
    expect(answer.status).toBe(201)
    const stored = await rows()
    expect(stored.map(({ stage }) => stage)).toEqual(["claim", "effect"])
    const text = JSON.stringify(stored)
    const secrets = [
      answer.body.access,
      answer.body.refresh,
      answer.body.user.id,
      body.email,
      body.password,
      "my-own-key",
      "sealed",
    ]
    for (const secret of secrets) expect(text).not.toContain(secret)
    for (const secret of secrets) expect(text).not.toContain(btoa(secret).replaceAll("=", ""))
  })

  it("opens only under its own key", async () => {
    const staff = await make.user("staff")
    await send("POST", "products", { as: staff, body: kettle, headers: once("k") })
    const effect = (await rows()).find(({ stage }) => stage === "effect")
    const opened = await unseal(effect?.answer ?? "", env.DATA_KEY, effect?.key ?? "")
    expect(JSON.parse(opened)).toMatchObject({ status: 201, body: { name: "Kettle" } })
    await expect(unseal(effect?.answer ?? "", env.DATA_KEY, "another key")).rejects.toMatchObject({
      name: "OperationError",
    })
    await expect(
      unseal(effect?.answer ?? "", "x".repeat(44), effect?.key ?? ""),
    ).rejects.toMatchObject({ name: "OperationError" })
  })
})

describe("a crash", () => {
  it("between effect and answer replays as the effect", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined)
    vi.spyOn(sessions, "publish").mockImplementationOnce(() => {
      throw new Error("the process died here")
    })
    const body = { email: "crash@nexus.test", password: "correct horse battery" }
    const crashed = await send("POST", "auth/register", { body, headers: once("k") })
    expectProblem(crashed, 500, "internal")
    const retry = await send("POST", "auth/register", { body, headers: once("k") })
    expect([retry.status, replayed(retry)]).toEqual([201, "true"])
    expect(retry.body.user.email).toBe("crash@nexus.test")
    expect(await countOf("users")).toBe(1)
    const me = await send("GET", "users/me", { as: { access: retry.body.access } })
    expect(me.body.email).toBe("crash@nexus.test")
  })

  it("before the whole answer was stored replays what the commit stored", async () => {
    const staff = await make.user("staff")
    const first = await send("POST", "products", { as: staff, body: kettle, headers: once("k") })
    const effect = (await rows()).find(({ stage }) => stage === "effect")
    const committed = await seal(
      JSON.stringify({ body: first.body }),
      env.DATA_KEY,
      effect?.key ?? "",
    )
    await env.DB.prepare("UPDATE idempotency SET answer = ? WHERE stage = 'effect'")
      .bind(committed)
      .run()
    const again = await send("POST", "products", { as: staff, body: kettle, headers: once("k") })
    expect([again.status, replayed(again)]).toEqual([201, "true"])
    expect(again.body).toEqual(first.body)
    expect(await countOf("products")).toBe(1)
  })

  it("of a commit that could not know its answer reads it anew", async () => {
    const user = await make.user()
    const product = await make.product()
    const request = {
      as: user,
      body: { product_id: product.id, quantity: 2 },
      headers: once("k"),
    }
    const first = await send("POST", "cart/items", request)
    await env.DB.prepare("UPDATE idempotency SET answer = NULL WHERE stage = 'effect'").run()
    const again = await send("POST", "cart/items", request)
    expect([again.status, replayed(again)]).toEqual([201, "true"])
    expect(again.body).toMatchObject({ id: first.body.id, total_items: 2 })
  })

  it("before any effect leaves a claim that holds for 60 s, then the next one takes over", async () => {
    const user = await make.user()
    const began = Date.now()
    vi.useFakeTimers({ toFake: ["Date"], now: began })
    const request = { as: user, body: { bio: "x" }, headers: once("k") }
    await send("PATCH", "users/me", request)
    // What a process leaves that died before it committed.
    await env.DB.prepare("DELETE FROM idempotency WHERE stage = 'effect'").run()

    vi.setSystemTime(began + 59 * seconds)
    expectProblem(await send("PATCH", "users/me", request), 409, "request-in-progress")
    vi.setSystemTime(began + 61 * seconds)
    const other = await send("PATCH", "users/me", { ...request, body: { bio: "y" } })
    expectProblem(other, 422, "idempotency-key-reused")
    const next = await send("PATCH", "users/me", request)
    expect([next.status, replayed(next)]).toEqual([200, null])
    expect(replayed(await send("PATCH", "users/me", request))).toBe("true")
  })

  it("that many retry after 60 s is taken over by one of them", async () => {
    const staff = await make.user("staff")
    const began = Date.now()
    vi.useFakeTimers({ toFake: ["Date"], now: began })
    const request = { as: staff, body: kettle, headers: once("k") }
    const door = gate()
    vi.spyOn(catalog, "create").mockImplementationOnce(async () => {
      await door.pass()
      throw new Error("the process died here")
    })
    vi.spyOn(console, "error").mockImplementation(() => undefined)
    const dead = send("POST", "products", request)
    await door.waiting
    vi.setSystemTime(began + 61 * seconds)
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => send("POST", "products", request)),
    )
    door.open()
    await dead
    expect(
      answers.filter((answer) => answer.status === 201 && replayed(answer) === null),
    ).toHaveLength(1)
    expect(await countOf("products")).toBe(1)
  })
})

it("two executions of one key cannot both commit, however slow the first is", async () => {
  const staff = await make.user("staff")
  const began = Date.now()
  vi.useFakeTimers({ toFake: ["Date"], now: began })
  const { create } = catalog
  const door = gate()
  vi.spyOn(catalog, "create").mockImplementationOnce(async (...given) => {
    await door.pass()
    return create(...given)
  })
  const request = { as: staff, body: kettle, headers: once("k") }
  const slow = send("POST", "products", request)
  await door.waiting
  vi.setSystemTime(began + 61 * seconds)
  const second = await send("POST", "products", request)
  expect([second.status, replayed(second)]).toEqual([201, null])
  door.open()
  expectProblem(await slow, 409, "request-in-progress")
  expect(await countOf("products")).toBe(1)
  const again = await send("POST", "products", request)
  expect(again.body).toEqual(second.body)
  expect(replayed(again)).toBe("true")
})

describe("after a day", () => {
  const body = { email: "day@nexus.test", password: "correct horse battery" }
  const login = () => send("POST", "auth/login", { body, headers: once("k") })

  it("a key is new again, and before that it is not", async () => {
    const began = Date.now()
    vi.useFakeTimers({ toFake: ["Date"], now: began })
    await send("POST", "auth/register", { body })
    const first = await login()
    vi.setSystemTime(began + 23 * hours)
    const kept = await login()
    expect([kept.body.refresh, replayed(kept)]).toEqual([first.body.refresh, "true"])
    vi.setSystemTime(began + 24 * hours + seconds)
    const fresh = await login()
    expect([fresh.status, replayed(fresh)]).toEqual([200, null])
    expect(fresh.body.refresh).not.toBe(first.body.refresh)
    expect((await login()).body.refresh).toBe(fresh.body.refresh)
  })

  it("cron deletes it, and nothing younger", async () => {
    const began = Date.now()
    vi.useFakeTimers({ toFake: ["Date"], now: began })
    await send("POST", "auth/register", { body })
    await login()
    const purge = (after: number) =>
      worker.scheduled(
        createScheduledController({
          cron: "15 3 * * *",
          scheduledTime: new Date(began + after),
        }),
        env,
        createExecutionContext(),
      )
    await purge(23 * hours)
    expect(await countOf("idempotency")).toBe(2)
    await purge(24 * hours + seconds)
    expect(await countOf("idempotency")).toBe(0)
  })
})
