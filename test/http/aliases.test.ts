import { describe, expect, it } from "vitest"

import { app } from "#app.ts"
import { aliases, canonical } from "#http/aliases.ts"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { expectProblem, send } from "../support/wire.ts"

/** Canonical routes of later issues. One that exists must leave this list: it shrinks, and never grows. */
const notBuiltYet = [
  "* /products/{}/reviews",
  "* /products/{}/reviews/stats",
  "* /reviews",
  "* /reviews/{}",
  "POST /reviews",
]

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

/** The methods that the router has for a path below /api/v1. */
function routed(path: string): string[] {
  const given = `/api/v1${path}`.split("/")
  const known = app.routes.filter(({ method, path: pattern }) => {
    const parts = pattern.split("/")
    return (
      methods.includes(method) &&
      parts.length === given.length &&
      parts.every((part, index) => part === given[index] || part.startsWith(":"))
    )
  })
  return methods.filter((method) => known.some((one) => one.method === method))
}

const filledIn = (pattern: string, rest: string) =>
  pattern.replace(/\{\w+\}/g, "x1").replace("…", rest)
const generic = (path: string) => path.replaceAll("x1", "{}")

describe("the table", () => {
  it("leads to routes that exist, but for those that are not built yet", () => {
    const missing = new Set<string>()
    for (const { from, to, methods: only, as } of aliases) {
      const targets = from.endsWith("…")
        ? [filledIn(to, ""), filledIn(to, "/x1")]
        : [filledIn(to, "")]
      for (const target of only ? [] : targets)
        if (routed(target).length === 0) missing.add(`* ${generic(target)}`)
      // A spelling of a whole tree of paths need not have each method at its root.
      for (const method of only ?? [])
        if (!targets.some((target) => routed(target).includes(as ?? method)))
          missing.add(`${as ?? method} ${generic(targets[0] ?? "")}`)
    }
    expect([...missing].toSorted()).toEqual(notBuiltYet.toSorted())
  })

  it("is not stood in the way of: every spelling is answered by its own line", () => {
    for (const { from, to, methods: only = methods } of aliases) {
      for (const rest of from.endsWith("…") ? ["", "/x1"] : [""]) {
        for (const method of only) {
          const spelling = filledIn(from, rest)
          const found = canonical(method, `/api/v1${spelling}`)?.path
          expect([method, spelling, found]).toEqual([
            method,
            spelling,
            `/api/v1${filledIn(to, rest)}`,
          ])
        }
      }
    }
  })

  it("takes no canonical route from anybody", () => {
    const own = app.routes.filter(
      ({ method, path }) => methods.includes(method) && path.startsWith("/api/v1/"),
    )
    const taken = own.flatMap(({ method, path }) => {
      const sample = path.replaceAll(/:\w+/g, "x1")
      const found = canonical(method, sample)
      return found ? [`${method} ${path} -> ${found.path}`] : []
    })
    expect([...new Set(taken)]).toEqual([])
  })
})

/** api.md 11, written out: method and spelling, method and canonical path. */
const spellings: [string, string, string][] = [
  ["POST", "/auth/users", "/auth/register"],
  ["POST", "/users/register", "/auth/register"],
  ["POST", "/auth/token", "/auth/login"],
  ["POST", "/auth/jwt/create", "/auth/login"],
  ["POST", "/users/login", "/auth/login"],
  ["POST", "/auth/token/refresh", "/auth/refresh"],
  ["POST", "/auth/jwt/refresh", "/auth/refresh"],
  ["POST", "/auth/jwt/verify", "/auth/verify"],
  ["POST", "/users/logout", "/auth/logout"],
  ["POST", "/auth/logoutall", "/auth/logout-all"],
  ["GET", "/auth/users/me", "/users/me"],
  ["PATCH", "/auth/me", "/users/me"],
  ["PUT", "/auth/profile", "/users/me"],
  ["PATCH", "/auth/profile/update", "/users/me"],
  ["GET", "/users/profile", "/users/me"],
  ["PUT", "/users/profile/update", "/users/me"],
  ["POST", "/auth/change-password", "/auth/password/change"],
  ["PUT", "/users/password/change", "/auth/password/change"],
  ["POST", "/auth/password/confirm", "/auth/password/reset/confirm"],
  ["POST", "/users/password/reset", "/auth/password/reset"],
  ["POST", "/users/password/reset/confirm", "/auth/password/reset/confirm"],
  ["POST", "/auth/resend-verification-email", "/auth/verify-email/resend"],
  ["GET", "/auth/verify-email/u1/t1", "/auth/verify-email/t1"],
  ["GET", "/auth/addresses", "/users/me/addresses"],
  ["POST", "/users/addresses", "/users/me/addresses"],
  ["DELETE", "/auth/addresses/a1", "/users/me/addresses/a1"],
  ["POST", "/users/addresses/a1/set_default", "/users/me/addresses/a1/set-default"],
  ["GET", "/users/addresses/default", "/users/me/addresses/default"],
  ["GET", "/auth/users", "/admin/users"],
  ["GET", "/products/categories", "/categories"],
  ["GET", "/products/categories/tree", "/categories/tree"],
  ["GET", "/catalog/categories/c1/products", "/categories/c1/products"],
  ["POST", "/admin/categories", "/categories"],
  ["DELETE", "/admin/categories/c1", "/categories/c1"],
  ["GET", "/catalog/products", "/products"],
  ["GET", "/catalog/products/p1/variants", "/products/p1/variants"],
  ["POST", "/admin/products", "/products"],
  ["PATCH", "/admin/products/p1", "/products/p1"],
  ["POST", "/products/p1/add-review", "/products/p1/reviews"],
  ["POST", "/reviews/create", "/reviews"],
  ["PUT", "/reviews/r1/update", "/reviews/r1"],
  ["DELETE", "/reviews/r1/delete", "/reviews/r1"],
  ["GET", "/reviews/product/p1", "/products/p1/reviews"],
  ["GET", "/reviews/product/p1/stats", "/products/p1/reviews/stats"],
  ["GET", "/product-reviews", "/reviews"],
  ["GET", "/product-reviews/r1", "/reviews/r1"],
  ["POST", "/cart/add", "/cart/items"],
  ["POST", "/cart", "/cart/items"],
  ["POST", "/cart-items", "/cart/items"],
  ["PATCH", "/cart/update/i1", "/cart/items/i1"],
  ["PUT", "/cart/update/i1", "/cart/items/i1"],
  ["PUT", "/cart/i1", "/cart/items/i1"],
  ["PUT", "/cart-items/i1", "/cart/items/i1"],
  ["DELETE", "/cart/remove/i1", "/cart/items/i1"],
  ["DELETE", "/cart/i1", "/cart/items/i1"],
  ["DELETE", "/cart/clear", "/cart"],
  ["POST", "/cart/increase/i1", "/cart/items/i1"],
  ["PATCH", "/cart/increase/i1", "/cart/items/i1"],
  ["POST", "/cart/decrease/i1", "/cart/items/i1"],
  ["PATCH", "/cart/decrease/i1", "/cart/items/i1"],
  ["POST", "/orders/create", "/orders"],
  ["POST", "/orders/create-from-cart", "/orders"],
  ["GET", "/orders/admin/all", "/admin/orders"],
  ["PATCH", "/orders/admin/o1/status", "/orders/o1/status"],
  ["PATCH", "/orders/admin/o1/update-status", "/orders/o1/status"],
  ["PATCH", "/admin/orders/o1/status", "/orders/o1/status"],
  ["PUT", "/orders/o1", "/orders/o1/status"],
  ["GET", "/orders/o1/status", "/orders/o1"],
  ["GET", "/orders/o1/status_history", "/orders/o1/history"],
]

describe("every other spelling of the contract", () => {
  it("is answered by its canonical route, which the Link header names, with /api or /api/v1 in front and a last slash or none", async () => {
    for (const [method, spelling, path] of spellings) {
      for (const sent of [`/api/v1${spelling}`, `/api${spelling}/`]) {
        const answer = await send(method, sent, method === "GET" ? {} : { body: {} })
        const links = (answer.headers.get("link") ?? "").split(", ")
        expect([method, sent, links.at(-1)]).toEqual([
          method,
          sent,
          `</api/v1${path}>; rel="canonical"`,
        ])
        const instance: string = answer.body.instance ?? `/api/v1${path}#none: it is let through`
        expect(instance).toMatch(new RegExp(`^/api/v1${path}#`))
      }
    }
  })

  it("leads where a route is: 405 and 404 of nothing only for what is not built yet", async () => {
    const lost = new Set<string>()
    for (const [method, spelling, path] of spellings) {
      const answer = await send(method, `/api/v1${spelling}`, method === "GET" ? {} : { body: {} })
      const isNowhere =
        answer.body.code === "method-not-allowed" || /There is nothing/.test(answer.body.detail)
      const name = path.replaceAll(/\b[a-z]1\b/g, "{}").replace("/default", "/{}")
      const isKnown = notBuiltYet.some((one) => one.split(" ")[1] === name)
      if (isNowhere !== isKnown) lost.add(`${method} ${spelling}: ${answer.status}`)
    }
    expect([...lost]).toEqual([])
  })

  it("is a query's too", async () => {
    await make.product({ name: "Kettle", price: "20.00" })
    await make.product({ name: "Spoon", price: "2.00" })
    const answer = await send("GET", "/api/catalog/products/?min_price=10")
    expect(answer.body.results.map((one: any) => one.name)).toEqual(["Kettle"])
  })
})

it("/api is /api/v1, once", async () => {
  const short = await send("GET", "/api/products")
  expect([short.status, short.headers.get("link")]).toEqual([
    200,
    '</api/v1/products>; rel="canonical"',
  ])
  const long = await send("GET", "/api/v1/products")
  expect([long.status, long.headers.get("link")]).toEqual([200, null])
  for (const path of ["/api/v2/products", "/api/v1/v1/products", "/apiproducts", "/api/v1"])
    expectProblem(await send("GET", path), 404, "not-found")
})

it("a path that is not spelled so is no alias, on other methods neither", async () => {
  expectProblem(await send("GET", "cart/add"), 404, "not-found")
  expectProblem(await send("GET", "orders/create"), 401, "unauthenticated")
  expectProblem(await send("PUT", "auth/users"), 404, "not-found")
  expectProblem(await send("POST", "products/categories2"), 405, "method-not-allowed")
})

describe("the cart by its other spellings", () => {
  it("fills, changes, empties", async () => {
    const user = await make.user()
    const product = await make.product({ stock_quantity: 10 })
    const request = (method: string, path: string, body?: unknown) =>
      call(method, `/api/v1${path}`, { as: user, body })
    const added = await request("POST", "/cart/add/", { product: product.id, quantity: 1 })
    expect([added.status, added.body.total_items]).toEqual([201, 1])
    const line: string = added.body.item_id
    const steps: [string, string, unknown, number][] = [
      ["POST", "/cart", { product_id: product.id }, 2],
      ["POST", "/cart-items/", { product_id: product.id }, 3],
      ["PATCH", `/cart/increase/${line}/`, undefined, 4],
      ["POST", `/cart/increase/${line}`, {}, 5],
      ["PATCH", `/cart/decrease/${line}`, undefined, 4],
      ["POST", `/cart/decrease/${line}/`, { quantity: 9 }, 3],
      ["PUT", `/cart/update/${line}/`, { quantity: 7 }, 7],
      ["PATCH", `/cart/update/${line}`, { quantity: 6 }, 6],
      ["PUT", `/cart/${line}`, { quantity: 5 }, 5],
      ["PUT", `/cart-items/${line}/`, { quantity: 2 }, 2],
    ]
    for (const [method, path, body, expected] of steps) {
      const answer = await request(method, path, body)
      expect([path, answer.status >= 200 && answer.status < 300, answer.body.total_items]).toEqual([
        path,
        true,
        expected,
      ])
    }
    expect((await request("DELETE", `/cart/remove/${line}/`)).status).toBe(204)
    expect((await request("GET", "/cart")).body.total_items).toBe(0)
    const again = await request("POST", "/cart/add", { product_id: product.id })
    expect((await request("DELETE", `/cart/${again.body.item_id}`)).status).toBe(204)
    await request("POST", "/cart/add", { product_id: product.id })
    expect((await request("DELETE", "/cart/clear/")).status).toBe(204)
    expect((await request("GET", "/cart")).body.total_items).toBe(0)
  })

  it("a line that is decreased to nothing is gone, and one at the limit is not increased", async () => {
    const user = await make.user()
    const product = await make.product({ stock_quantity: 1 })
    const added = await call("POST", "cart/add", { as: user, body: { product_id: product.id } })
    const line: string = added.body.item_id
    const more = await call("PATCH", `cart/increase/${line}`, { as: user })
    expectProblem(more, 409, "out-of-stock")
    const less = await call("PATCH", `cart/decrease/${line}`, { as: user })
    expect([less.status, less.body.total_items, less.body.items]).toEqual([200, 0, []])
    expectProblem(await call("PATCH", `cart/decrease/${line}`, { as: user }), 404, "not-found")
  })

  it("takes an idempotency key: one increase, however often it is sent", async () => {
    const user = await make.user()
    const product = await make.product({ stock_quantity: 10 })
    const added = await send("POST", "cart/add", { as: user, body: { product_id: product.id } })
    const increase = (method: string) =>
      send(method, `cart/increase/${added.body.item_id}`, {
        as: user,
        headers: { "idempotency-key": "k" },
      })
    for (const method of ["PATCH", "PATCH", "POST"])
      expect((await increase(method)).body.total_items).toBe(2)
  })
})

it("an order's status by its other spellings", async () => {
  const [customer, staff] = [await make.user(), await make.user("staff")]
  const product = await make.product()
  const placed = await call("POST", "/api/orders/create/", {
    as: customer,
    body: {
      items: [{ product: product.id, quantity: 1 }],
      shipping_address: { street: "1 Way", city: "London", zip_code: "SW1Y 4JH", country: "GB" },
    },
  })
  expect(placed.status).toBe(201)
  const { id } = placed.body
  const steps: [string, string, string][] = [
    ["PATCH", `/api/v1/orders/admin/${id}/status/`, "confirmed"],
    ["POST", `/api/v1/orders/admin/${id}/update-status/`, "processing"],
    ["PATCH", `/api/v1/admin/orders/${id}/status`, "shipped"],
    ["PUT", `/api/v1/orders/${id}/`, "delivered"],
  ]
  for (const [method, path, status] of steps) {
    expectProblem(await call(method, path, { as: customer, body: { status } }), 403, "forbidden")
    const answer = await call(method, path, { as: staff, body: { status } })
    expect([path, answer.status, answer.body.status]).toEqual([path, 200, status])
  }
  const status = await call("GET", `/api/v1/orders/${id}/status/`, { as: customer })
  expect(status).toMatchObject({ status: 200, body: { id, status: "delivered" } })
  const history = await call("GET", `/api/v1/orders/${id}/status_history/`, { as: customer })
  // What is sent and arrives is told of the parcel too, beside the order's own change.
  expect(history.body.results.map(({ kind, to }: any) => [kind, to])).toEqual([
    ["placed", "pending"],
    ["status", "confirmed"],
    ["status", "processing"],
    ["fulfilment", "fulfilled"],
    ["status", "shipped"],
    ["status", "delivered"],
  ])
  const all = await call("GET", "/api/orders/admin/all/", { as: staff })
  expect(all.body.count).toBe(1)
})
