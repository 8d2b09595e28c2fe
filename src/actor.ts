import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import type { Id } from "#lib/id.ts"

/** What an account may do: customers buy, staff run the shop, admins also run the staff. Ascending. */
export const roles = ["customer", "staff", "admin"] as const
export type Role = (typeof roles)[number]

/** Who acts. `system` is cron and the queue. A guest may hold the token of a cart or an order (known by its SHA-256). */
export type Actor =
  | { type: "guest"; cartTokenHash?: string | undefined; orderTokenHash?: string | undefined }
  | { type: "user"; id: Id<"user">; role: Role; sessionId: Id<"session"> }
  | { type: "system" }

export type User = Extract<Actor, { type: "user" }>

/** The signed-in user. @throws `unauthenticated` */
export function requireUser(ctx: Ctx): User {
  if (ctx.actor.type !== "user") throw new DomainError("unauthenticated")
  return ctx.actor
}

/** The signed-in user, of at least this role. @throws `unauthenticated`, `forbidden` */
export function requireRole(ctx: Ctx, role: Role): User {
  const user = requireUser(ctx)
  if (roles.indexOf(user.role) < roles.indexOf(role)) throw new DomainError("forbidden")
  return user
}

/** Whether a member of staff (or an admin) acts. */
export function isStaff(ctx: Ctx): boolean {
  return ctx.actor.type === "user" && ctx.actor.role !== "customer"
}

/** Who acted, as history rows and ledgers write it: an account's id, `guest` or `system`. */
export function nameOf(actor: Actor): string {
  return actor.type === "user" ? actor.id : actor.type
}
