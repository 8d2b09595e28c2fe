import { createMiddleware } from "hono/factory"

import type { AppContext, AppEnv } from "#http/env.ts"
import { base64url } from "#lib/secret.ts"

/** What a 304 keeps of the answer it stands for, beside the headers of every answer (RFC 9110 §15.4.5). */
const entityHeaders = ["content-type", "content-length"]

/** What is read whole for its tag; lines of a stream (CSV, NDJSON) and files are not. */
const tagged = /^(?:application\/(?:[\w.]+\+)?json|application\/yaml|text\/html)\b/

/**
 * Gives a 200 to GET its strong ETag, made of the body, and of the version of what it shows where the handler named one
 * (`versioned`); answers 304 to who has it already. Changes that answer a versioned thing name its tag too.
 */
export const etag = createMiddleware<AppEnv>(async (c, next) => {
  await next()
  const isRead = c.req.method === "GET" || c.req.method === "HEAD"
  const isTagged = c.res.ok && tagged.test(c.res.headers.get("content-type") ?? "")
  if (!isTagged || (!isRead && c.var.version === undefined)) return
  await tag(c)
  const known = c.req.header("if-none-match")
  const own = c.res.headers.get("etag") ?? ""
  if (!isRead || known === undefined || !names(known, own)) return
  const headers = new Headers(c.res.headers)
  for (const name of entityHeaders) headers.delete(name)
  c.res = new Response(null, { status: 304, headers })
})

/** The body of the answer so far, which gets its ETag unless it has one. */
export async function tag(c: AppContext): Promise<ArrayBuffer | undefined> {
  if (c.res.headers.has("etag")) return undefined
  const body = await c.res.arrayBuffer()
  const digest = base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", body)).slice(0, 15))
  const headers = new Headers(c.res.headers)
  headers.set("etag", c.var.version === undefined ? `"${digest}"` : `"${c.var.version}.${digest}"`)
  const { status } = c.res
  c.res = undefined
  c.res = new Response(body, { status, headers })
  return body
}

/** The thing that a handler answers, whose version its ETag begins with: `If-Match` of a change goes by that. */
export function versioned<T extends { version: number }>(c: AppContext, thing: T): T {
  c.set("version", thing.version)
  return thing
}

/** The versions that an `If-Match` names, or `*`; a weak tag names none (RFC 9110 §13.1.1). */
export function versionsIn(ifMatch: string): string[] {
  if (ifMatch.trim() === "*") return ["*"]
  return ifMatch.split(",").flatMap((part) => /^\s*"(\d+)\.[\w-]+"\s*$/.exec(part)?.[1] ?? [])
}

/** Weak comparison, as If-None-Match has it (RFC 9110 §13.1.2). */
function names(list: string, own: string): boolean {
  return list.split(",").some((part) => ["*", own].includes(part.trim().replace(/^W\//, "")))
}
