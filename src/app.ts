import { cors } from "hono/cors"
import { createMiddleware } from "hono/factory"
import { secureHeaders } from "hono/secure-headers"

import { configOf } from "#config.ts"
import { createCtx } from "#context.ts"
import { DomainError } from "#errors.ts"
import { accountPages } from "#http/account-pages.tsx"
import { addressOf } from "#http/address.ts"
import { docs } from "#http/docs.ts"
import type { AppContext, AppEnv } from "#http/env.ts"
import { etag } from "#http/etag.ts"
import { cartTokenHash } from "#http/guard.ts"
import { health } from "#http/health.ts"
import { info } from "#http/info.ts"
import { media } from "#http/media.ts"
import { onError, problem } from "#http/problem.ts"
import { problems } from "#http/problems.ts"
import { createRouter } from "#http/router.ts"
import { serverTiming } from "#http/timing.ts"
import { admin as verifyAdmin } from "#modules/admin/admin.ts"
import { routes as stateRoutes } from "#modules/admin/states-routes.ts"
import { routes as sweepRoutes } from "#modules/admin/sweep-routes.ts"
import { routes as accountRoutes } from "#modules/auth/account-routes.ts"
import { routes as adminUserRoutes } from "#modules/auth/admin-users-routes.ts"
import { routes as apiKeyRoutes } from "#modules/auth/api-keys-routes.ts"
import * as auth from "#modules/auth/auth.ts"
import { routes as mfaRoutes } from "#modules/auth/mfa-routes.ts"
import { routes as oauthRoutes } from "#modules/auth/oauth-routes.ts"
import { routes as passkeyRoutes } from "#modules/auth/passkeys-routes.ts"
import { routes as passwordRoutes } from "#modules/auth/password-routes.ts"
import { routes as authRoutes } from "#modules/auth/routes.ts"
import { routes as sessionRoutes } from "#modules/auth/sessions-routes.ts"
import { admin as cartAdmin } from "#modules/cart/admin.ts"
import { routes as laterRoutes } from "#modules/cart/later-routes.ts"
import { stageSignIn } from "#modules/cart/merge.ts"
import { routes as cartRoutes } from "#modules/cart/routes.ts"
import { routes as shippingRoutes } from "#modules/cart/shipping-routes.ts"
import { routes as wishlistRoutes } from "#modules/cart/wishlist-routes.ts"
import { admin as catalogAdmin } from "#modules/catalog/admin.ts"
import { routes as brandRoutes } from "#modules/catalog/brand-routes.ts"
import { routes as categoryRoutes } from "#modules/catalog/category-routes.ts"
import { routes as mediaRoutes } from "#modules/catalog/media-routes.ts"
import { routes as catalogRoutes } from "#modules/catalog/routes.ts"
import { routes as variantRoutes } from "#modules/catalog/variant-routes.ts"
import { routes as bulkRoutes } from "#modules/checkout/bulk-routes.ts"
import { routes as exchangeRoutes } from "#modules/checkout/exchange-routes.ts"
import { routes as checkoutRoutes } from "#modules/checkout/routes.ts"
import { admin as creditAdmin } from "#modules/credit/admin.ts"
import { routes as creditRoutes } from "#modules/credit/routes.ts"
import { admin as currenciesAdmin } from "#modules/currencies/admin.ts"
import { routes as priceListRoutes } from "#modules/currencies/price-list-routes.ts"
import { routes as currencyRoutes } from "#modules/currencies/routes.ts"
import { admin as inventoryAdmin } from "#modules/inventory/admin.ts"
import { routes as inventoryRoutes } from "#modules/inventory/routes.ts"
import { admin as ledgerAdmin } from "#modules/ledger/admin.ts"
import { admin as mailAdmin } from "#modules/notifications/admin.ts"
import { admin as ordersAdmin } from "#modules/orders/admin.ts"
import { routes as documentRoutes } from "#modules/orders/document-routes.ts"
import { routes as exportRoutes } from "#modules/orders/export-routes.ts"
import { routes as fulfilmentRoutes } from "#modules/orders/fulfilment-routes.ts"
import { routes as refundRoutes } from "#modules/orders/refund-routes.ts"
import { routes as reorderRoutes } from "#modules/orders/reorder-routes.ts"
import { routes as returnRoutes } from "#modules/orders/returns-routes.ts"
import { routes as orderRoutes } from "#modules/orders/routes.ts"
import { routes as statisticsRoutes } from "#modules/orders/statistics-routes.ts"
import { admin as paymentAdmin } from "#modules/payments/admin.ts"
import { routes as paymentRoutes } from "#modules/payments/routes.ts"
import { routes as savedMethodRoutes } from "#modules/payments/saved-routes.ts"
import { routes as privacyRoutes } from "#modules/privacy/routes.ts"
import { admin as promotionsAdmin } from "#modules/promotions/admin.ts"
import { admin as searchAdmin } from "#modules/search/admin.ts"
import { routes as searchRoutes } from "#modules/search/routes.ts"
import { admin as shippingAdmin } from "#modules/shipping/admin.ts"
import { admin as subscriptionsAdmin } from "#modules/subscriptions/admin.ts"
import { routes as subscriptionRoutes } from "#modules/subscriptions/routes.ts"
import { admin as taxAdmin } from "#modules/tax/admin.ts"
import { routes as addressRoutes } from "#modules/users/address-routes.ts"
import { routes as userRoutes } from "#modules/users/routes.ts"

/** A request id that a client may bring: it goes into logs and headers. */
const saneId = /^[\w.:-]{1,100}$/

/** What D1 hands out as a bookmark. */
const bookmarkForm = /^(?:[0-9a-f]{8}-){3}[0-9a-f]{32}$/

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

/** Everything under /api/v1 that is the shop's. */
export const api = createRouter()
  .route("/", authRoutes)
  .route("/", passwordRoutes)
  .route("/", accountRoutes)
  .route("/", oauthRoutes)
  .route("/", mfaRoutes)
  .route("/", passkeyRoutes)
  .route("/", apiKeyRoutes)
  .route("/", adminUserRoutes)
  .route("/", sessionRoutes)
  .route("/", userRoutes)
  .route("/", addressRoutes)
  .route("/", searchRoutes)
  .route("/", catalogRoutes)
  .route("/", variantRoutes)
  .route("/", mediaRoutes)
  .route("/", categoryRoutes)
  .route("/", brandRoutes)
  .route("/", catalogAdmin)
  .route("/", searchAdmin)
  .route("/", inventoryRoutes)
  .route("/", inventoryAdmin)
  .route("/", promotionsAdmin)
  .route("/", currencyRoutes)
  .route("/", currenciesAdmin)
  .route("/", priceListRoutes)
  .route("/", taxAdmin)
  .route("/", shippingAdmin)
  .route("/", cartRoutes)
  .route("/", ledgerAdmin)
  .route("/", paymentRoutes)
  .route("/", creditRoutes)
  .route("/", paymentAdmin)
  .route("/", creditRoutes)
  .route("/", laterRoutes)
  .route("/", wishlistRoutes)
  .route("/", cartAdmin)
  .route("/", shippingRoutes)
  .route("/", checkoutRoutes)
  .route("/", bulkRoutes)
  .route("/", exchangeRoutes)
  .route("/", statisticsRoutes)
  .route("/", reorderRoutes)
  .route("/", refundRoutes)
  .route("/", exportRoutes)
  .route("/", returnRoutes)
  .route("/", documentRoutes)
  .route("/", orderRoutes)
  .route("/", ordersAdmin)
  .route("/", creditAdmin)
  .route("/", verifyAdmin)
  .route("/", fulfilmentRoutes)
  .route("/", privacyRoutes)
  .route("/", mailAdmin)
  .route("/", sweepRoutes)
  .route("/", stateRoutes)
  .route("/", savedMethodRoutes)
  .route("/", subscriptionRoutes)
  .route("/", subscriptionsAdmin)

api.route("/", info(api))

/** The Worker's HTTP: middleware in order, then one line for each part. */
export const app = createRouter()

app.onError(onError)
app.notFound((c) => problem(c, missing(c)))

app.use(
  createMiddleware<AppEnv>(async (c, next) => {
    const given = c.req.header("x-request-id")
    const requestId = given !== undefined && saneId.test(given) ? given : crypto.randomUUID()
    c.set("requestId", requestId)
    // Replicas may answer anonymous reads; whoever brings a bookmark or a credential gets what was written last.
    const bookmark = c.req.header("x-d1-bookmark")
    const anonymous =
      c.req.method === "GET" &&
      !["authorization", "x-api-key", "x-cart-token", "x-order-token", "cookie"].some(
        (name) => c.req.header(name) !== undefined,
      )
    const isMarked = bookmark !== undefined && bookmarkForm.test(bookmark)
    const d1 = c.env.DB.withSession(
      isMarked ? bookmark : anonymous ? "first-unconstrained" : "first-primary",
    )
    // What was kept may be older than what whoever brings a bookmark has seen.
    const bypassCache =
      isMarked || /\bno-cache\b|\bno-store\b/i.test(c.req.header("cache-control") ?? "")
    c.set(
      "ctx",
      createCtx(c.env, {
        actor: { type: "guest" },
        defer: (work) => c.executionCtx.waitUntil(work),
        requestId,
        client: { address: addressOf(c), device: c.req.header("user-agent") ?? "" },
        guestCart: await cartTokenHash(c),
        atSignIn: stageSignIn,
        d1,
        searchD1: c.env.SEARCH.withSession(anonymous ? "first-unconstrained" : "first-primary"),
        bypassCache,
      }),
    )
    await next()
    c.header("X-Request-Id", requestId)
    const newest = d1.getBookmark()
    if (newest !== null) c.header("X-D1-Bookmark", newest)
  }),
)
app.use(serverTiming)
app.use(
  secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      frameAncestors: ["'none'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
    },
    strictTransportSecurity: "max-age=63072000; includeSubDomains; preload",
    referrerPolicy: "strict-origin-when-cross-origin",
    xFrameOptions: "DENY",
    xXssProtection: "0",
    crossOriginResourcePolicy: "cross-origin",
    permissionsPolicy: { camera: [], microphone: [], geolocation: [] },
    // The pages of the documentation say their own policy.
    overwrite: false,
  }),
)
app.use(
  cors({
    origin: (origin, c) => (configOf(c.env as Env).corsOrigins.includes(origin) ? origin : null),
    allowMethods: methods,
    allowHeaders: [
      "Authorization",
      "X-API-Key",
      "Content-Type",
      "Idempotency-Key",
      "If-Match",
      "If-None-Match",
      "X-Cart-Token",
      "X-Order-Token",
      "X-D1-Bookmark",
      "X-Request-Id",
    ],
    exposeHeaders: [
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
    ],
    maxAge: 7200,
  }),
)
app.use("/api/*", etag)

app.route("/api/v1", api)
app.route("/", docs(api))
app.route("/", accountPages)
app.route("/", health)
app.route("/", problems)
app.route("/", media)
app.get("/.well-known/jwks.json", (c) => {
  c.header("Cache-Control", "public, max-age=300")
  return c.json(auth.jwks(c.var.ctx))
})

/** 405 with `Allow` where another method is at home, 404 elsewhere. */
function missing(c: AppContext): DomainError {
  const allowed = methods.filter((method) =>
    app.routes.some((known) => known.method === method && matches(known.path, c.req.path)),
  )
  // A handler may find nothing at its own path.
  const isKnown = allowed.includes(c.req.method === "HEAD" ? "GET" : c.req.method)
  if (allowed.length === 0 || isKnown)
    return new DomainError("not-found", `There is nothing at ${c.req.path}`)
  c.header(
    "Allow",
    [...allowed, ...(allowed.includes("GET") ? ["HEAD"] : []), "OPTIONS"].join(", "),
  )
  return new DomainError("method-not-allowed", `${c.req.method} is not for ${c.req.path}`)
}

function matches(pattern: string, path: string): boolean {
  const parts = pattern.split("/").filter(Boolean)
  const given = path.split("/").filter(Boolean)
  return (
    parts.length === given.length &&
    parts.every((part, index) => part.startsWith(":") || part === given[index])
  )
}
