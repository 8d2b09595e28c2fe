import type { Context } from "hono"
import { HTTPException } from "hono/http-exception"
import type { ContentfulStatusCode } from "hono/utils/http-status"
import type { z } from "zod"

import {
  DomainError,
  type ErrorCode,
  errorTable,
  type FieldError,
  type Kind,
  notFound,
} from "#errors.ts"
import type { AppEnv } from "#http/env.ts"
import { openLog } from "#platform/log.ts"

const statuses: Record<Kind, ContentfulStatusCode> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  moved: 301,
  missing: 404,
  method: 405,
  conflict: 409,
  precondition: 412,
  "too-large": 413,
  unsupported: 415,
  mismatch: 422,
  limited: 429,
  internal: 500,
  unavailable: 503,
}

/** The status that this code answers with. */
export function statusOf(code: ErrorCode): ContentfulStatusCode {
  return statuses[errorTable[code].kind]
}

/** A refusal as RFC 9457 problem details (api.md 1.8). */
export function problem(c: Context<AppEnv>, error: DomainError): Response {
  const url = new URL(c.req.url)
  if (error.code === "moved") {
    if (!/^(?:GET|HEAD)$/.test(c.req.method)) return problem(c, notFound("resource"))
    c.header("Location", renamed(url, String(error.details["from"]), String(error.details["to"])))
  }
  const status = statusOf(error.code)
  const requestId = c.var.requestId
  const { errors, ...extras } = error.details
  const body = {
    type: `${url.origin}/problems/${error.code}`,
    title: errorTable[error.code].title,
    status,
    detail: error.message,
    instance: `${url.pathname}#${requestId}`,
    code: error.code,
    request_id: requestId,
    ...(Array.isArray(errors) && { errors: (errors as FieldError[]).map((one) => placed(c, one)) }),
    ...extras,
  }
  if (status === 401) c.header("WWW-Authenticate", `Bearer realm="nexus", error="${error.code}"`)
  const retryAfter = extras["retry_after"]
  if (typeof retryAfter === "number") c.header("Retry-After", String(retryAfter))
  else if (status === 503) c.header("Retry-After", "5")
  c.header("X-Request-Id", requestId)
  c.header("Cache-Control", "no-store")
  c.header("Content-Type", "application/problem+json")
  return c.body(JSON.stringify(body), status)
}

/** The same address with another name in the path. */
function renamed({ pathname, search }: URL, from: string, to: string): string {
  const parts = pathname.split("/").map((part) => (decodeURIComponent(part) === from ? to : part))
  return parts.map(encodeURIComponent).join("/") + search
}

/** Says where a field stands that only the data refused: the verb that refused it knows no transport. */
function placed(c: Context<AppEnv>, error: FieldError): FieldError {
  if (["pointer", "parameter", "header"].some((place) => place in error)) return error
  const { field, ...said } = error
  const inQuery = /^(?:GET|HEAD)$/.test(c.req.method) || c.req.query(field) !== undefined
  const where = inQuery ? { parameter: field } : { pointer: `/${field.replaceAll(".", "/")}` }
  return { field, ...where, ...said }
}

/** Whatever was thrown, as a problem. What is nobody's refusal is logged, and told as `internal` without its words. */
export function onError(error: Error, c: Context<AppEnv>): Response {
  if (error instanceof DomainError) return problem(c, error)
  if (error instanceof HTTPException) return problem(c, fromHono(error))
  openLog(c.var.requestId).error("unexpected", error, { method: c.req.method, path: c.req.path })
  return problem(c, new DomainError(isTransient(error) ? "unavailable" : "internal"))
}

function fromHono(error: HTTPException): DomainError {
  if (error.status === 415)
    return new DomainError("unsupported-media-type", "Send application/json")
  if (error.status === 413) return new DomainError("body-too-large")
  return new DomainError(error.status === 400 ? "malformed-json" : "internal")
}

/** D1 and Durable Objects word a passing fault so (D1 client errors; SQLITE_BUSY is a locked local file). */
function isTransient(error: Error): boolean {
  const said = `${error.message} ${error.cause instanceof Error ? error.cause.message : ""}`
  return /Network connection lost|object to be reset|SQLITE_BUSY|overloaded|D1 DB is overloaded|Durable Object reset/i.test(
    said,
  )
}

type Place = "json" | "form" | "query" | "param" | "header" | "cookie"

/** `invalid-input` naming every field that the shape refuses. */
export function invalidInput(place: Place, error: z.core.$ZodError): DomainError {
  const errors = error.issues.flatMap((issue) => fieldErrors(place, issue))
  return new DomainError(
    "invalid-input",
    errors.length === 1 ? errors[0]?.detail : `${errors.length} fields are not valid`,
    { errors },
  )
}

function fieldErrors(place: Place, issue: z.core.$ZodIssue): FieldError[] {
  const path = issue.path.map(String)
  const field = path.join(".") || "body"
  const where =
    place === "json" || place === "form"
      ? {
          pointer: path
            .map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`)
            .join(""),
        }
      : place === "header"
        ? { header: field }
        : { parameter: field }
  return [
    {
      field,
      ...where,
      detail: issue.message,
      code: issue.code === "custom" ? "invalid" : issue.code.replaceAll("_", "-"),
    },
  ]
}
