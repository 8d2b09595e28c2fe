import { getCookie } from "hono/cookie"
import { createMiddleware } from "hono/factory"

import { requirePermission, requireRole, requireScope, requireUser } from "#actor.ts"
import type { Actor } from "#actor.ts"
import { DomainError } from "#errors.ts"
import type { AppContext, AppEnv } from "#http/env.ts"
import { shield } from "#http/rate-limit.ts"
import { sha256 } from "#lib/secret.ts"
import * as apiKeys from "#modules/auth/api-keys.ts"
import type { Permission } from "#modules/auth/permissions.ts"
import * as sessions from "#modules/auth/sessions.ts"

/**
 * Who may call a route. `open`: anybody, and credentials are not even looked at (sign-in, health); `public`:
 * anybody, but a token that is sent must hold; `user`: signed in; `staff` and `admin`: of that role at least.
 */
export type Access = "open" | "public" | "user" | "staff" | "admin"

/** Finds out who calls, before the body is read: 401 and 403 come before 400. The verb asks again for itself. */
export function guard(access: Access, scope?: Permission, calledBy?: "machine") {
  return createMiddleware<AppEnv>(async (c, next) => {
    if (access !== "open") c.set("ctx", { ...c.var.ctx, actor: await identifyOrCount(c) })
    await shield(c, calledBy === "machine")
    if (access === "public" && scope) requireScope(c.var.ctx, scope)
    else if (scope) requirePermission(c.var.ctx, scope)
    else if (access === "user") requireUser(c.var.ctx)
    else if (access === "staff" || access === "admin") requireRole(c.var.ctx, access)
    await next()
  })
}

/** A token that does not hold counts as a request of its address: guessing is limited too. */
function identifyOrCount(c: AppContext): Promise<Actor> {
  return identify(c).catch(async (error: unknown) => {
    await shield(c)
    throw error
  })
}

async function identify(c: AppContext): Promise<Actor> {
  const header = c.req.header("authorization")
  if (header !== undefined) {
    const token = /^Bearer +([^ ]+)$/i.exec(header)?.[1]
    if (!token)
      throw new DomainError("token-not-valid", "Send `Authorization: Bearer <access token>`")
    if (apiKeys.looksLikeKey(token)) return apiKeys.identify(c.var.ctx, token)
    return sessions.identify(c.var.ctx, token)
  }
  const key = c.req.header("x-api-key")
  if (key !== undefined) return apiKeys.identify(c.var.ctx, key)
  const orderTokenHash = await hashOf(c.req.header("x-order-token"))
  return { type: "guest", cartTokenHash: c.var.ctx.guestCart, orderTokenHash }
}

/** The hash of the cart token that a request brings: as a header, else as a cookie. */
export function cartTokenHash(c: AppContext): Promise<string | undefined> {
  return hashOf(c.req.header("x-cart-token") ?? getCookie(c, "cart_token"))
}

/** The hash of a token of ours; what is none of ours counts as not sent. */
async function hashOf(token: string | undefined): Promise<string | undefined> {
  return token !== undefined && /^[\w-]{43}$/.test(token) ? sha256(token) : undefined
}
