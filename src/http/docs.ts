import { SwaggerUI } from "@hono/swagger-ui"
import type { OpenAPIHono } from "@hono/zod-openapi"
import { stringify } from "yaml"

import type { AppContext, AppEnv } from "#http/env.ts"
import { createRouter } from "#http/router.ts"

const description = `A headless e-commerce backend at the edge.

Sign in: call **POST /api/v1/auth/login**, copy \`access\` into **Authorize**. Money is a decimal string beside a currency.
Every change takes an \`Idempotency-Key\`: the same key again gets the same answer and changes nothing twice.
Every refusal is an RFC 9457 problem whose \`code\` never changes: see \`/problems/{code}\`.`

/** Scripts of our own origin only, and none inline; the two pages style themselves inline. */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "child-src blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ")

/** Starts Swagger UI, its groups closed: they are many, and have a filter. A token is kept while the page is open: reloading it signs out. */
const startSwagger = `window.ui = SwaggerUIBundle({ url: "/api/v1/schema", dom_id: "#swagger-ui", deepLinking: true, docExpansion: "none", filter: true, displayRequestDuration: true, tryItOutEnabled: true, validatorUrl: null })`

const startRedoc = `Redoc.init("/api/v1/schema", { hideDownloadButton: false }, document.getElementById("redoc"))`

/** The documentation: pages, the OpenAPI document, and the scripts they need, from the npm packages by way of static assets. */
export function docs(api: OpenAPIHono<AppEnv>) {
  const router = createRouter()
  let document: ReturnType<typeof documentOf> | undefined
  const schema = () => (document ??= documentOf(api))

  router.get("/", (c) => c.redirect("/api/v1/docs", 302))
  router.get("/api/v1/schema", (c) => c.json(schema()))
  router.get("/api/v1/schema.json", (c) => c.json(schema()))
  router.get("/api/v1/schema.yaml", (c) =>
    c.body(stringify(schema(), { aliasDuplicateObjects: false }), 200, {
      "Content-Type": "application/yaml",
    }),
  )

  router.get("/api/v1/docs", (c) => {
    c.header("Content-Security-Policy", pagePolicy)
    const body = SwaggerUI({
      url: "/api/v1/schema",
      manuallySwaggerUIHtml: () =>
        `<div id="swagger-ui"></div><script src="/assets/swagger-ui-bundle.js"></script><script src="/assets/start-swagger.js"></script>`,
    })
    return c.html(
      page(
        "Nexus API: Swagger UI",
        `<link rel="stylesheet" href="/assets/swagger-ui.css">`,
        String(body),
      ),
    )
  })
  router.get("/api/v1/redoc", (c) => {
    c.header("Content-Security-Policy", pagePolicy)
    const body = `<div id="redoc"></div><script src="/assets/redoc.standalone.js"></script><script src="/assets/start-redoc.js"></script>`
    return c.html(page("Nexus API: ReDoc", "", body))
  })

  router.get("/assets/start-swagger.js", (c) => script(c, startSwagger))
  router.get("/assets/start-redoc.js", (c) => script(c, startRedoc))
  router.get("/assets/:file", async (c) => {
    const asset = await c.env.ASSETS.fetch(new URL(c.req.path, c.req.url), {
      headers: c.req.raw.headers,
    })
    const copy = new Response(asset.body, asset)
    if (asset.status === 404) return c.notFound()
    copy.headers.set("Cache-Control", "public, max-age=3600")
    return copy
  })
  return router
}

function documentOf(api: OpenAPIHono<AppEnv>) {
  const routes = createRouter().route("/api/v1", api)
  routes.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
  })
  routes.openAPIRegistry.registerComponent("securitySchemes", "apiKey", {
    type: "apiKey",
    in: "header",
    name: "X-API-Key",
    description: "`nexus_live_…`, for operations with an `x-scope` that the key has",
  })
  return routes.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "Nexus", version: "1.0.0", description, license: { name: "MIT" } },
    servers: [{ url: "/" }],
  })
}

function page(title: string, head: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><link rel="icon" href="/assets/favicon-32x32.png">${head}</head><body>${body}</body></html>`
}

function script(c: AppContext, text: string): Response {
  return c.body(text, 200, {
    "Content-Type": "text/javascript; charset=utf-8",
    "Cache-Control": "public, max-age=3600",
  })
}
