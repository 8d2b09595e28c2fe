/**
 * Other spellings of paths (api.md 11): each is answered by its canonical route, on the methods named, or on any.
 * Paths are below /api/v1; `{x}` is one segment, a last `…` the rest of the path. The first match counts.
 */
export type Alias = {
  from: string
  to: string
  /** Paths that look like it and are their own. */
  except?: readonly string[]
  /** The methods this spelling holds for; absent: all. */
  methods?: readonly string[]
  /** The canonical method, where it is another one. */
  as?: string
  /** The body the canonical route gets, where the spelling says it by its path. */
  body?: Record<string, unknown>
}

/** The table; rows in the order of api.md 11, the more special before the more general. */
export const aliases: readonly Alias[] = [
  { from: "/auth/users", to: "/auth/register", methods: ["POST"] },
  { from: "/auth/users", to: "/admin/users", methods: ["GET"] },
  { from: "/users/register", to: "/auth/register", methods: ["POST"] },
  { from: "/auth/token", to: "/auth/login" },
  { from: "/auth/jwt/create", to: "/auth/login" },
  { from: "/users/login", to: "/auth/login" },
  { from: "/auth/token/refresh", to: "/auth/refresh" },
  { from: "/auth/jwt/refresh", to: "/auth/refresh" },
  { from: "/auth/jwt/verify", to: "/auth/verify" },
  { from: "/users/logout", to: "/auth/logout" },
  { from: "/auth/logoutall", to: "/auth/logout-all" },
  { from: "/auth/users/me", to: "/users/me" },
  { from: "/auth/me", to: "/users/me" },
  { from: "/auth/profile", to: "/users/me" },
  { from: "/auth/profile/update", to: "/users/me" },
  { from: "/users/profile", to: "/users/me" },
  { from: "/users/profile/update", to: "/users/me" },
  { from: "/auth/change-password", to: "/auth/password/change" },
  { from: "/users/password/change", to: "/auth/password/change" },
  { from: "/auth/password/confirm", to: "/auth/password/reset/confirm" },
  { from: "/users/password/reset", to: "/auth/password/reset" },
  { from: "/users/password/reset/confirm", to: "/auth/password/reset/confirm" },
  { from: "/auth/resend-verification-email", to: "/auth/verify-email/resend" },
  { from: "/auth/verify-email/{uid}/{token}", to: "/auth/verify-email/{token}" },
  { from: "/auth/addresses/{id}/set_default", to: "/users/me/addresses/{id}/set-default" },
  { from: "/users/addresses/{id}/set_default", to: "/users/me/addresses/{id}/set-default" },
  { from: "/auth/addresses…", to: "/users/me/addresses…" },
  { from: "/users/addresses…", to: "/users/me/addresses…" },
  { from: "/products/categories…", to: "/categories…" },
  { from: "/catalog/categories…", to: "/categories…" },
  { from: "/admin/categories", to: "/categories" },
  {
    from: "/admin/categories/{c}…",
    except: ["/admin/categories/export"],
    to: "/categories/{c}…",
    methods: ["GET", "PUT", "PATCH", "DELETE"],
  },
  { from: "/catalog/products…", to: "/products…" },
  { from: "/admin/products", to: "/products" },
  {
    from: "/admin/products/{p}",
    except: ["/admin/products/export"],
    to: "/products/{p}",
    methods: ["GET", "PUT", "PATCH", "DELETE"],
  },
  { from: "/products/{p}/add-review", to: "/products/{p}/reviews" },
  { from: "/reviews/create", to: "/reviews", methods: ["POST"] },
  { from: "/reviews/{id}/update", to: "/reviews/{id}" },
  { from: "/reviews/{id}/delete", to: "/reviews/{id}" },
  { from: "/reviews/product/{p}", to: "/products/{p}/reviews" },
  { from: "/reviews/product/{p}/stats", to: "/products/{p}/reviews/stats" },
  { from: "/product-reviews…", to: "/reviews…" },
  { from: "/cart/add", to: "/cart/items", methods: ["POST"] },
  { from: "/cart", to: "/cart/items", methods: ["POST"] },
  { from: "/cart-items…", to: "/cart/items…" },
  { from: "/cart/update/{i}", to: "/cart/items/{i}", methods: ["PUT", "PATCH"] },
  { from: "/cart/remove/{i}", to: "/cart/items/{i}", methods: ["DELETE"] },
  { from: "/cart/clear", to: "/cart", methods: ["DELETE"] },
  {
    from: "/cart/increase/{i}",
    to: "/cart/items/{i}",
    methods: ["POST", "PATCH"],
    as: "PATCH",
    body: { change: 1 },
  },
  {
    from: "/cart/decrease/{i}",
    to: "/cart/items/{i}",
    methods: ["POST", "PATCH"],
    as: "PATCH",
    body: { change: -1 },
  },
  { from: "/cart/{i}", to: "/cart/items/{i}", methods: ["PUT", "DELETE"] },
  { from: "/orders/create", to: "/orders", methods: ["POST"] },
  { from: "/orders/create-from-cart", to: "/orders", methods: ["POST"] },
  { from: "/orders/admin/all", to: "/admin/orders", methods: ["GET"] },
  {
    from: "/orders/admin/{o}/status",
    to: "/orders/{o}/status",
    methods: ["PATCH", "POST"],
    as: "PATCH",
  },
  {
    from: "/orders/admin/{o}/update-status",
    to: "/orders/{o}/status",
    methods: ["PATCH", "POST"],
    as: "PATCH",
  },
  { from: "/admin/orders/{o}/status", to: "/orders/{o}/status", methods: ["PATCH"] },
  { from: "/orders/{o}", to: "/orders/{o}/status", methods: ["PUT"], as: "PATCH" },
  { from: "/orders/{o}/status", to: "/orders/{o}", methods: ["GET"] },
  { from: "/orders/{o}/status_history", to: "/orders/{o}/history" },
  { from: "/schema/swagger-ui", to: "/docs" },
  { from: "/schema/redoc", to: "/redoc" },
]

/** The same for paths outside /api. */
const outside: Record<string, string> = {
  "/swagger": "/api/v1/docs",
  "/swagger.json": "/api/v1/schema",
  "/redoc": "/api/v1/redoc",
}

const matchers = aliases.map((alias) => {
  const pattern = alias.from.replace(/\{(\w+)\}/g, "(?<$1>[^/]+)").replace("…", "(?<rest>/.*)?")
  return { ...alias, pattern: new RegExp(`^${pattern}$`) }
})

/** Where a request goes instead of `path`: the canonical path, and method and body where the spelling implies them. */
export type Canonical = Pick<Alias, "as" | "body"> & { path: string }

/** The canonical form of another spelling; `undefined` when the path is nobody's alias. A last slash does not count. */
export function canonical(method: string, path: string): Canonical | undefined {
  const bare = path.length > 1 ? path.replace(/\/+$/, "") : path
  const page = outside[bare]
  if (page) return { path: page }
  const short = /^\/api(?!\/v1(?:\/|$))(\/.+)$/.exec(bare)
  const below = short?.[1] ?? /^\/api\/v1(\/.+)$/.exec(bare)?.[1]
  if (below === undefined) return undefined
  for (const { pattern, except, to, methods, as, body } of matchers) {
    const holds =
      !methods || methods.includes(method) || (method === "HEAD" && methods.includes("GET"))
    const match = holds && !except?.includes(below) ? pattern.exec(below) : null
    if (!match) continue
    const parts = match.groups ?? {}
    const target = to
      .replace(/\{(\w+)\}/g, (_, name: string) => parts[name] ?? "")
      .replace("…", () => parts["rest"] ?? "")
    return { path: `/api/v1${target}`, ...(as && { as }), ...(body && { body }) }
  }
  return short ? { path: `/api/v1${below}` } : undefined
}

/** The request its canonical route would have got, or the request itself. */
export function respell(request: Request): { request: Request; canonical?: string } {
  const url = new URL(request.url)
  const target = canonical(request.method, url.pathname)
  if (!target) return { request }
  url.pathname = target.path
  const method = target.as ?? request.method
  if (!target.body)
    return { request: new Request(url, new Request(request, { method })), canonical: target.path }
  const headers = new Headers(request.headers)
  headers.set("content-type", "application/json")
  headers.delete("content-length")
  return {
    request: new Request(url, { method, headers, body: JSON.stringify(target.body) }),
    canonical: target.path,
  }
}
