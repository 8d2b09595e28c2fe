import { describe, expect, it } from "vitest"

import { call } from "../support/api.ts"
import { expectProblem } from "../support/wire.ts"

const pages = [
  { path: "/api/v1/docs", says: /swagger/i, scripts: ["swagger-ui-bundle.js", "start-swagger.js"] },
  { path: "/api/v1/redoc", says: /redoc/i, scripts: ["redoc.standalone.js", "start-redoc.js"] },
]

function typeOf(file: string): RegExp {
  if (file.endsWith(".js")) return /^(?:text|application)\/javascript/
  return file.endsWith(".css") ? /^text\/css/ : /^image\/png/
}

/** The directives of a Content-Security-Policy. */
function policyOf(headers: Headers): Record<string, string[]> {
  const text = headers.get("content-security-policy") ?? ""
  return Object.fromEntries(
    text.split(";").map((directive) => {
      const [name = "", ...values] = directive.trim().split(/\s+/)
      return [name, values]
    }),
  )
}

describe.each(pages)("the page $path", ({ path, says, scripts }) => {
  it("is HTML that loads scripts of our own origin and has none of its own", async () => {
    const { status, headers, body } = await call("GET", path)
    expect(status).toBe(200)
    expect(headers.get("content-type")).toMatch(/^text\/html; charset=utf-8$/i)
    expect(body).toMatch(/^<!doctype html>/i)
    expect(body).toMatch(says)
    const tags = [...body.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script>/gi)]
    expect(tags.map(([, attributes]) => attributes.trim())).toEqual(
      scripts.map((file) => `src="/assets/${file}"`),
    )
    for (const [, , inline] of tags) expect(inline).toBe("")
    expect(body).not.toMatch(/\son\w+\s*=/i)
    expect(body).not.toMatch(/javascript:|https?:\/\//i)
  })

  it("has a policy that lets its own scripts run and no others", async () => {
    const policy = policyOf((await call("GET", path)).headers)
    expect(policy).toEqual({
      "default-src": ["'none'"],
      "script-src": ["'self'"],
      "style-src": ["'self'", "'unsafe-inline'"],
      "img-src": ["'self'", "data:", "blob:"],
      "font-src": ["'self'", "data:"],
      "connect-src": ["'self'"],
      "worker-src": ["'self'", "blob:"],
      "child-src": ["blob:"],
      "base-uri": ["'none'"],
      "form-action": ["'none'"],
      "frame-ancestors": ["'none'"],
    })
  })

  it("finds every file that it asks for", async () => {
    const { body } = await call("GET", path)
    const files = [...body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file)
    expect(files.length).toBeGreaterThanOrEqual(scripts.length + 1)
    for (const file of files) {
      const answer = await call("GET", file)
      expect([file, answer.status]).toEqual([file, 200])
      const type = answer.headers.get("content-type")
      expect([file, type]).toEqual([file, expect.stringMatching(typeOf(file))])
      expect(answer.headers.get("cache-control")).toBe("public, max-age=3600")
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff")
    }
  })
})

it("the start scripts name the schema", async () => {
  for (const file of ["start-swagger.js", "start-redoc.js"]) {
    const answer = await call("GET", `/assets/${file}`)
    expect(answer.body).toContain('"/api/v1/schema"')
  }
})

it("the root leads to the documentation", async () => {
  const answer = await call("GET", "/")
  expect([answer.status, answer.headers.get("location")]).toEqual([302, "/api/v1/docs"])
})

it("C009, C010 the other addresses of the documentation lead there too", async () => {
  const html = ["/swagger", "/swagger/", "/redoc/", "/api/docs/", "/api/redoc/"]
  for (const path of [...html, "/api/v1/schema/swagger-ui/", "/api/v1/schema/redoc/"]) {
    const answer = await call("GET", path)
    expect([path, answer.status]).toEqual([path, 200])
    expect(answer.body).toMatch(/redoc/.test(path) ? /redoc/i : /swagger/i)
    expect(policyOf(answer.headers)["script-src"]).toEqual(["'self'"])
  }
  for (const path of ["/swagger.json", "/api/schema/", "/api/v1/schema/", "/api/v1/schema.json"]) {
    const answer = await call("GET", path)
    expect([path, answer.status, answer.body.openapi]).toEqual([path, 200, "3.1.0"])
  }
})

it("a file that is not there is 404, also with dots in its name", async () => {
  for (const path of ["/assets/nothing.js", "/assets/..%2fwrangler.toml", "/assets/a/b.js"])
    expectProblem(await call("GET", path), 404, "not-found")
})

it("a file is not sent again to whoever has it", async () => {
  const first = await call("GET", "/assets/swagger-ui.css")
  const again = await call("GET", "/assets/swagger-ui.css", {
    headers: { "if-none-match": first.headers.get("etag") ?? "" },
  })
  expect([again.status, again.body]).toEqual([304, ""])
})
