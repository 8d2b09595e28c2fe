import { createRoute, OpenAPIHono, type RouteConfig } from "@hono/zod-openapi"
import type { MiddlewareHandler } from "hono"
import { createMiddleware } from "hono/factory"
import { z } from "zod"

import type { Ctx } from "#context.ts"
import { type ErrorCode, errorTable } from "#errors.ts"
import { atMost, jsonBody, limits } from "#http/body.ts"
import { caching } from "#http/caching.ts"
import type { AppEnv } from "#http/env.ts"
import { versionsIn } from "#http/etag.ts"
import { type Access, guard } from "#http/guard.ts"
import { idempotent } from "#http/idempotency.ts"
import { invalidInput, statusOf } from "#http/problem.ts"
import { isScope, type Permission } from "#modules/auth/permissions.ts"

/** A router whose invalid input is a problem, and whose paths take a last slash or none. */
export function createRouter(): OpenAPIHono<AppEnv> {
  return new OpenAPIHono<AppEnv>({
    strict: false,
    defaultHook: (result) => {
      if (!result.success) throw invalidInput(result.target as "json", result.error)
    },
  })
}

type Described = Omit<RouteConfig, "path" | "method"> & {
  method: "get" | "post" | "put" | "patch" | "delete"
  operationId: string
  summary: string
  tags: string[]
  /** Who may call: see `guard`. */
  access: Access
  /** What staff must be allowed for it, and what opens it to an API key; without it no key passes `user` and above. */
  scope?: Permission
  /** The refusals beyond those that every route of its kind has. */
  refuses?: readonly ErrorCode[]
  /** Reads the answer anew, for a commit that could not know it (its `result` is null). */
  recover?: (ctx: Ctx) => Promise<unknown>
  /** The answer is the same for everybody: anonymous ones may be kept by caches (api.md 1.13). */
  shared?: boolean
  /** `machine`: another server calls it for many people; it has the limit of somebody signed in. */
  calledBy?: "machine"
  /** The answer is one thing with a version: its ETag begins with it, and changes honour `If-Match` (api.md 1.12). */
  versioned?: boolean
  /** The body is not JSON; it has at most this many bytes. */
  uploads?: number
  /** The handler reads the body as it comes, and counts it (`http/upload.ts`): nothing before it may keep it. */
  streams?: boolean
}

const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.string(),
    request_id: z.string(),
    errors: z
      .array(
        z.object({
          field: z.string(),
          detail: z.string(),
          code: z.string(),
          pointer: z.string().optional(),
          parameter: z.string().optional(),
          header: z.string().optional(),
        }),
      )
      .optional(),
  })
  .meta({
    id: "Problem",
    description:
      "RFC 9457 problem details; `code` never changes, `errors` names every failing field",
  })

const IdempotencyKey = z.object({
  "idempotency-key": z.string().max(257).optional().meta({
    description:
      "A key of your own for this request, at most 255 characters. The same key again gets the same answer for 24 h and changes nothing twice.",
  }),
})

const IfMatch = {
  "if-match": z.string().optional().meta({
    description: "The ETag it was read with: changed meanwhile, it is refused with 412 `stale`.",
  }),
}

/** Tells the verb which version of a thing the caller saw. */
const conditional = createMiddleware<AppEnv>(async (c, next) => {
  const ifMatch = c.req.header("if-match")
  if (ifMatch !== undefined) c.set("ctx", { ...c.var.ctx, ifMatch: versionsIn(ifMatch) })
  await next()
})

/**
 * One operation: its guard, its idempotency when it changes something, and its refusals in the document.
 * Handlers answer the success bodies declared in `responses`; refusals are thrown.
 */
export function route<const P extends string, const R extends Described & { path: P }>(config: R) {
  const {
    access,
    scope,
    refuses = [],
    recover,
    shared = false,
    versioned = false,
    uploads = limits.bytes,
    calledBy,
    streams = false,
    ...rest
  } = config
  const changes = config.method !== "get"
  const takesJson = Boolean(config.request?.body?.content["application/json"])
  const success = Number(
    Object.keys(config.responses).find((status) => status.startsWith("2")) ?? 200,
  )
  const body = takesJson ? [jsonBody] : changes && !streams ? [atMost(uploads)] : []
  const chain: MiddlewareHandler<AppEnv>[] = [
    guard(access, scope, calledBy),
    caching(shared),
    ...body,
    ...(changes ? [idempotent(success, { recover, streams })] : []),
    ...(changes && versioned ? [conditional] : []),
  ]
  const codes = new Set<ErrorCode>([
    ...(config.request ? (["invalid-input"] as const) : []),
    ...(access === "open" ? [] : (["token-not-valid"] as const)),
    ...(access === "user" || access === "staff" || access === "admin"
      ? (["unauthenticated"] as const)
      : []),
    ...(access === "user" ? (["forbidden"] as const) : []),
    ...(access === "staff" || access === "admin" ? (["forbidden", "mfa-required"] as const) : []),
    ...(changes ? (["body-too-large"] as const) : []),
    ...(takesJson ? (["malformed-json", "unsupported-media-type"] as const) : []),
    ...(changes ? (["idempotency-key-reused", "request-in-progress"] as const) : []),
    ...(changes && versioned ? (["stale"] as const) : []),
    "rate-limited",
    ...refuses,
  ])
  const described = {
    ...rest,
    security: [
      ...(access === "public" ? [{}] : []),
      ...(access === "open" ? [] : [{ bearer: [] }]),
      ...(scope && isScope(scope) ? [{ apiKey: [] }] : []),
    ],
    "x-access": access,
    ...(scope && { "x-scope": scope }),
    request: changes
      ? { ...config.request, headers: versioned ? IdempotencyKey.extend(IfMatch) : IdempotencyKey }
      : config.request,
    middleware: chain,
    responses: { ...config.responses, ...problems(codes) },
  }
  // The additions are the document's and the chain's: the handler's types are those of `config`.
  return createRoute(described as unknown as R)
}

function problems(codes: ReadonlySet<ErrorCode>): RouteConfig["responses"] {
  const byStatus = Map.groupBy(codes, statusOf)
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      {
        description: group.map((code) => `\`${code}\`: ${errorTable[code].title}`).join("; "),
        content: { "application/problem+json": { schema: Problem } },
      },
    ]),
  )
}

/** A JSON body of a request. */
export function json<T extends z.ZodType>(schema: T) {
  return { content: { "application/json": { schema } }, required: true as const }
}

/** A JSON body that may be left out. */
export function optionalJson<T extends z.ZodType>(schema: T) {
  return { content: { "application/json": { schema } }, required: false as const }
}

/** 200 with this shape. */
export function ok<T extends z.ZodType>(schema: T, description: string) {
  return { 200: { description, content: { "application/json": { schema } } } }
}

/** 201 with this shape. */
export function created<T extends z.ZodType>(schema: T, description: string) {
  return { 201: { description, content: { "application/json": { schema } } } }
}

/** 202 with this shape: it has begun. */
export function accepted<T extends z.ZodType>(schema: T, description: string) {
  return { 202: { description, content: { "application/json": { schema } } } }
}

/** 204. */
export function none(description: string) {
  return { 204: { description } }
}
