import { describe, expect, it, test } from "vitest"

import { aliases, canonical, respell } from "#http/aliases.ts"

/** api.md 11, row by row: method, spelling, canonical path; another method and a body where the spelling implies them. */
const spellings: [string, string, string, string?, Record<string, unknown>?][] = [
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
  ["PUT", "/auth/users/me", "/users/me"],
  ["PATCH", "/auth/users/me", "/users/me"],
  ["GET", "/auth/me", "/users/me"],
  ["PATCH", "/auth/me", "/users/me"],
  ["GET", "/auth/profile", "/users/me"],
  ["PUT", "/auth/profile", "/users/me"],
  ["PUT", "/auth/profile/update", "/users/me"],
  ["PATCH", "/auth/profile/update", "/users/me"],
  ["GET", "/users/profile", "/users/me"],
  ["PATCH", "/users/profile", "/users/me"],
  ["PUT", "/users/profile/update", "/users/me"],
  ["PATCH", "/users/profile/update", "/users/me"],

  ["POST", "/auth/change-password", "/auth/password/change"],
  ["PUT", "/users/password/change", "/auth/password/change"],

  ["POST", "/auth/password/confirm", "/auth/password/reset/confirm"],
  ["POST", "/users/password/reset", "/auth/password/reset"],
  ["POST", "/users/password/reset/confirm", "/auth/password/reset/confirm"],

  ["POST", "/auth/resend-verification-email", "/auth/verify-email/resend"],
  ["GET", "/auth/verify-email/Mg/tok-1", "/auth/verify-email/tok-1"],

  ["GET", "/auth/addresses", "/users/me/addresses"],
  ["POST", "/auth/addresses", "/users/me/addresses"],
  ["GET", "/auth/addresses/default", "/users/me/addresses/default"],
  ["PATCH", "/auth/addresses/adr_1", "/users/me/addresses/adr_1"],
  ["POST", "/auth/addresses/adr_1/set_default", "/users/me/addresses/adr_1/set-default"],
  ["POST", "/auth/addresses/adr_1/set-default", "/users/me/addresses/adr_1/set-default"],
  ["GET", "/users/addresses", "/users/me/addresses"],
  ["DELETE", "/users/addresses/adr_1", "/users/me/addresses/adr_1"],
  ["POST", "/users/addresses/adr_1/set_default", "/users/me/addresses/adr_1/set-default"],

  ["GET", "/auth/users", "/admin/users"],
  ["HEAD", "/auth/users", "/admin/users"],

  ["GET", "/products/categories", "/categories"],
  ["POST", "/products/categories", "/categories"],
  ["GET", "/products/categories/1", "/categories/1"],
  ["GET", "/products/categories/1/children", "/categories/1/children"],
  ["GET", "/catalog/categories", "/categories"],
  ["GET", "/catalog/categories/tree", "/categories/tree"],
  ["DELETE", "/catalog/categories/1", "/categories/1"],
  ["GET", "/admin/categories", "/categories"],
  ["POST", "/admin/categories", "/categories"],
  ["PATCH", "/admin/categories/1", "/categories/1"],
  ["PUT", "/admin/categories/1", "/categories/1"],
  ["DELETE", "/admin/categories/1", "/categories/1"],
  ["GET", "/admin/categories/tree", "/categories/tree"],
  ["GET", "/admin/categories/1/products", "/categories/1/products"],

  ["GET", "/catalog/products", "/products"],
  ["GET", "/catalog/products/featured", "/products/featured"],
  ["PATCH", "/catalog/products/1", "/products/1"],
  ["POST", "/catalog/products/1/images", "/products/1/images"],
  ["GET", "/admin/products", "/products"],
  ["POST", "/admin/products", "/products"],
  ["GET", "/admin/products/1", "/products/1"],
  ["PUT", "/admin/products/1", "/products/1"],
  ["PATCH", "/admin/products/1", "/products/1"],
  ["DELETE", "/admin/products/1", "/products/1"],

  ["POST", "/products/1/add-review", "/products/1/reviews"],
  ["POST", "/reviews/create", "/reviews"],
  ["PUT", "/reviews/rev_1/update", "/reviews/rev_1"],
  ["PATCH", "/reviews/rev_1/update", "/reviews/rev_1"],
  ["DELETE", "/reviews/rev_1/delete", "/reviews/rev_1"],
  ["GET", "/reviews/product/1", "/products/1/reviews"],
  ["GET", "/reviews/product/1/stats", "/products/1/reviews/stats"],
  ["GET", "/product-reviews", "/reviews"],
  ["POST", "/product-reviews", "/reviews"],
  ["DELETE", "/product-reviews/rev_1", "/reviews/rev_1"],
  ["POST", "/product-reviews/rev_1/helpful", "/reviews/rev_1/helpful"],

  ["POST", "/cart/add", "/cart/items"],
  ["POST", "/cart", "/cart/items"],
  ["POST", "/cart-items", "/cart/items"],
  ["PUT", "/cart/update/lin_1", "/cart/items/lin_1"],
  ["PATCH", "/cart/update/lin_1", "/cart/items/lin_1"],
  ["PUT", "/cart/lin_1", "/cart/items/lin_1"],
  ["PUT", "/cart-items/lin_1", "/cart/items/lin_1"],
  ["PATCH", "/cart-items/lin_1", "/cart/items/lin_1"],
  ["DELETE", "/cart-items/lin_1", "/cart/items/lin_1"],
  ["DELETE", "/cart/remove/lin_1", "/cart/items/lin_1"],
  ["DELETE", "/cart/lin_1", "/cart/items/lin_1"],
  ["DELETE", "/cart/clear", "/cart"],
  ["POST", "/cart/increase/lin_1", "/cart/items/lin_1", "PATCH", { change: 1 }],
  ["PATCH", "/cart/increase/lin_1", "/cart/items/lin_1", "PATCH", { change: 1 }],
  ["POST", "/cart/decrease/lin_1", "/cart/items/lin_1", "PATCH", { change: -1 }],
  ["PATCH", "/cart/decrease/lin_1", "/cart/items/lin_1", "PATCH", { change: -1 }],

  ["POST", "/orders/create", "/orders"],
  ["POST", "/orders/create-from-cart", "/orders"],

  ["GET", "/orders/admin/all", "/admin/orders"],
  ["PATCH", "/orders/admin/ord_1/status", "/orders/ord_1/status", "PATCH"],
  ["PATCH", "/orders/admin/ord_1/update-status", "/orders/ord_1/status", "PATCH"],
  ["POST", "/orders/admin/ord_1/update-status", "/orders/ord_1/status", "PATCH"],
  ["PUT", "/orders/ord_1", "/orders/ord_1/status", "PATCH"],
  // section 7
  ["PATCH", "/admin/orders/ord_1/status", "/orders/ord_1/status"],

  ["GET", "/orders/ord_1/status", "/orders/ord_1"],
  ["GET", "/orders/ord_1/status_history", "/orders/ord_1/history"],

  ["GET", "/schema/swagger-ui", "/docs"],
  ["GET", "/schema/redoc", "/redoc"],
]

describe("another spelling", () => {
  test.each(spellings)("%s %s is %s", (method, from, to, as, body) => {
    const expected = { path: `/api/v1${to}`, ...(as && { as }), ...(body && { body }) }
    const paths = [`/api/v1${from}`, `/api/v1${from}/`, `/api${from}`, `/api${from}/`]
    expect(paths.map((path) => canonical(method, path))).toEqual(paths.map(() => expected))
  })

  test.each([
    ["/swagger", "/api/v1/docs"],
    ["/swagger/", "/api/v1/docs"],
    ["/swagger.json", "/api/v1/schema"],
    ["/redoc", "/api/v1/redoc"],
    ["/redoc/", "/api/v1/redoc"],
    ["/api/docs", "/api/v1/docs"],
    ["/api/docs/", "/api/v1/docs"],
    ["/api/redoc", "/api/v1/redoc"],
    ["/api/schema", "/api/v1/schema"],
    ["/api/products", "/api/v1/products"],
    ["/api/products/", "/api/v1/products"],
    ["/api/v1x/products", "/api/v1/v1x/products"],
    ["/api/nothing/at/all", "/api/v1/nothing/at/all"],
  ])("GET %s is %s", (path, to) => {
    expect(canonical("GET", path)).toEqual({ path: to })
  })

  it("of every row of the table has an example here", () => {
    const unseen = aliases.filter(({ from }) => {
      const pattern = new RegExp(`^${from.replace(/\{\w+\}/g, "[^/]+").replace("…", "(?:/.*)?")}$`)
      return !spellings.some(([, path]) => pattern.test(path))
    })
    expect(unseen).toEqual([])
  })

  it("keeps what the rest of the path says, letter by letter", () => {
    expect(canonical("GET", "/api/v1/catalog/products/a%2Fb/$&$1")).toEqual({
      path: "/api/v1/products/a%2Fb/$&$1",
    })
    expect(canonical("DELETE", "/api/v1/cart/$&")).toEqual({ path: "/api/v1/cart/items/$&" })
  })
})

describe("a canonical path", () => {
  test.each([
    ["POST", "/api/v1/auth/register"],
    ["POST", "/api/v1/auth/login"],
    ["GET", "/api/v1/users/me"],
    ["GET", "/api/v1/users/me/addresses"],
    ["GET", "/api/v1/auth/verify-email/tok-1"],
    ["GET", "/api/v1/products"],
    ["GET", "/api/v1/products/featured"],
    ["GET", "/api/v1/products/latest"],
    ["GET", "/api/v1/products/1"],
    ["GET", "/api/v1/products/categories-of-tea"],
    ["GET", "/api/v1/products/1/availability"],
    ["GET", "/api/v1/categories/tree"],
    ["POST", "/api/v1/admin/products/import"],
    ["POST", "/api/v1/admin/categories/import"],
    ["GET", "/api/v1/reviews/rev_1"],
    ["GET", "/api/v1/cart"],
    ["DELETE", "/api/v1/cart"],
    ["POST", "/api/v1/cart/items"],
    ["PATCH", "/api/v1/cart/items/lin_1"],
    ["DELETE", "/api/v1/cart/items/lin_1"],
    ["GET", "/api/v1/cart/summary"],
    ["GET", "/api/v1/cart/count"],
    ["GET", "/api/v1/cart/total"],
    ["POST", "/api/v1/cart/checkout"],
    ["GET", "/api/v1/cart/increase/lin_1"],
    ["POST", "/api/v1/orders"],
    ["GET", "/api/v1/orders/ord_1"],
    ["PATCH", "/api/v1/orders/ord_1"],
    ["PATCH", "/api/v1/orders/ord_1/status"],
    ["GET", "/api/v1/orders/ord_1/history"],
    ["GET", "/api/v1/orders/history"],
    ["GET", "/api/v1/admin/orders"],
    ["GET", "/api/v1/docs"],
    ["GET", "/api/v1/schema"],
    ["GET", "/api/v1"],
    ["GET", "/api/v1/"],
    ["GET", "/api"],
    ["GET", "/"],
    ["GET", "//"],
    ["GET", "/health"],
    ["GET", "/media/1/med_1.webp"],
    ["GET", "/problems/out-of-stock"],
    ["GET", "/constructor"],
    ["GET", "/apis/products"],
    ["GET", "/cart/add"],
  ])("%s %s stays as it is", (method, path) => {
    expect(canonical(method, path)).toBeUndefined()
  })
})

describe("a request in another spelling", () => {
  const base = "https://nexus.test"

  it("is the request that its canonical route would have got", async () => {
    const { request, canonical: named } = respell(
      new Request(`${base}/api/v1/users/login/?next=%2F`, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": "k1" },
        body: '{"email":"ada@nexus.test"}',
      }),
    )
    expect(named).toBe("/api/v1/auth/login")
    expect(request.method).toBe("POST")
    expect(request.url).toBe(`${base}/api/v1/auth/login?next=%2F`)
    expect(request.headers.get("idempotency-key")).toBe("k1")
    expect(await request.json()).toEqual({ email: "ada@nexus.test" })
  })

  it("takes its canonical method, and keeps its body", async () => {
    const { request } = respell(
      new Request(`${base}/api/v1/orders/ord_1`, { method: "PUT", body: '{"status":"confirmed"}' }),
    )
    expect([request.method, new URL(request.url).pathname]).toEqual([
      "PATCH",
      "/api/v1/orders/ord_1/status",
    ])
    expect(await request.json()).toEqual({ status: "confirmed" })
  })

  it("gets the body that its path says, whatever came with it", async () => {
    const { request } = respell(
      new Request(`${base}/api/v1/cart/decrease/lin_1`, {
        method: "POST",
        headers: { "content-type": "text/plain", "content-length": "3", "x-cart-token": "t" },
        body: "abc",
      }),
    )
    expect([request.method, new URL(request.url).pathname]).toEqual([
      "PATCH",
      "/api/v1/cart/items/lin_1",
    ])
    expect(request.headers.get("content-type")).toBe("application/json")
    expect(request.headers.get("content-length")).toBeNull()
    expect(request.headers.get("x-cart-token")).toBe("t")
    expect(await request.json()).toEqual({ change: -1 })
  })

  it("is the very same request where it is canonical already", () => {
    const request = new Request(`${base}/api/v1/products`)
    expect(respell(request)).toEqual({ request })
    expect(respell(request).request).toBe(request)
  })
})
