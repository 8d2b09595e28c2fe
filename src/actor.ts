import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { holds, type Permission } from "#modules/auth/permissions.ts"

/** What an account may do: customers buy, staff run the shop, admins also run the staff. Ascending. */
export const roles = ["customer", "staff", "admin"] as const
export type Role = (typeof roles)[number]

/** Who acts. `system` is cron and the queue. A guest may hold the token of a cart or an order (known by its SHA-256). */
export type Actor =
  | { type: "guest"; cartTokenHash?: string | undefined; orderTokenHash?: string | undefined }
  | Person
  | Program
  | { type: "system" }

/** Somebody who signed in. Who `mustEnrol` does a customer's things only, until their second factor is on. */
export type Person = {
  type: "user"
  id: Id<"user">
  role: Role
  sessionId: Id<"session">
  mustEnrol?: true
  scopes?: undefined
}

/** An API key: it acts as its owner, within its scopes. */
export type Program = {
  type: "user"
  id: Id<"user">
  role: Role
  keyId: Id<"apiKey">
  mustEnrol?: undefined
  scopes: readonly Permission[]
}

export type User = Person | Program

/** The signed-in person; an API key is none. @throws `unauthenticated`, `forbidden` */
export function requireUser(ctx: Ctx): Person {
  refuseProgram(ctx)
  // Past `refuseProgram` a user is a person.
  return anyUser(ctx) as Person
}

/** The signed-in person, of at least this role. @throws `unauthenticated`, `forbidden`, `mfa-required` */
export function requireRole(ctx: Ctx, role: Role): Person {
  const user = requireUser(ctx)
  if (roles.indexOf(user.role) < roles.indexOf(role)) throw new DomainError("forbidden")
  if (user.mustEnrol && role !== "customer") throw new DomainError("mfa-required")
  return user
}

/**
 * Whoever acts, if their role holds this permission and, of an API key, its scopes do too.
 * @throws `unauthenticated`, `forbidden` (of a key with `missing_scope`), `mfa-required`
 */
export function requirePermission(ctx: Ctx, permission: Permission): User {
  const user = anyUser(ctx)
  requireScope(ctx, permission)
  if (!holds(user.role, permission)) throw new DomainError("forbidden")
  if (user.mustEnrol) throw new DomainError("mfa-required")
  return user
}

/** Refuses an API key that lacks this scope, and nobody else. @throws `forbidden` with `missing_scope` */
export function requireScope({ actor }: Ctx, permission: Permission): void {
  if (actor.type !== "user" || !actor.scopes || actor.scopes.includes(permission)) return
  throw new DomainError("forbidden", `This API key lacks the scope ${permission}`, {
    missing_scope: permission,
  })
}

/** Refuses every API key, and nobody else: what follows is a person's. @throws `forbidden` */
export function refuseProgram({ actor }: Ctx): void {
  if (actor.type === "user" && actor.scopes)
    throw new DomainError("forbidden", "This needs a person: an API key cannot do it")
}

/** Whether `requirePermission` would let the caller through. */
export function may({ actor }: Ctx, permission: Permission): boolean {
  return (
    actor.type === "user" &&
    !actor.mustEnrol &&
    holds(actor.role, permission) &&
    (!actor.scopes || actor.scopes.includes(permission))
  )
}

/** Who acted, as history rows and ledgers write it: the id of an account or an API key, `guest` or `system`. */
export function nameOf(actor: Actor): string {
  if (actor.type !== "user") return actor.type
  return actor.scopes ? actor.keyId : actor.id
}

function anyUser(ctx: Ctx): User {
  if (ctx.actor.type !== "user") throw new DomainError("unauthenticated")
  return ctx.actor
}
