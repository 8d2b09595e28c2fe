import { eq, sql } from "drizzle-orm"

import type { Role } from "#actor.ts"
import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import type { Statement } from "#platform/db.ts"
import { stageSeen } from "#platform/version.ts"

import { users } from "./tables.ts"

/**
 * Gives an account another role, or closes or opens it. The shop keeps an active admin: of two who take each other's
 * role at once the second breaks. Its refusals: `standingRefusals`, and `stale` of the version that was seen.
 */
export function stageStanding(
  ctx: Ctx,
  { id, version }: Pick<typeof users.$inferSelect, "id" | "version">,
  { role, isActive }: { role?: Role | undefined; isActive?: boolean | undefined },
): Statement[] {
  return [
    stageSeen(ctx, users.id, id, version),
    ctx.db
      .update(users)
      .set({
        ...(role !== undefined && { role: role === "admin" ? role : unlessLastAdmin(role) }),
        ...(isActive !== undefined && { isActive: isActive || unlessLastAdmin(0) }),
        version: version + 1,
        updatedAt: iso(ctx.now),
      })
      .where(eq(users.id, id)),
  ]
}

/** What the constraints of `stageStanding` and `stageErase` mean. */
export const standingRefusals = {
  "users.role": "last-admin",
  "users.is_active": "last-admin",
} as const

/**
 * Takes everything that tells who an account is out of it, and closes it. The row stays, for its id is in orders. The
 * last admin's does not go: see `standingRefusals`.
 */
export function stageErase(ctx: Ctx, id: Id<"user">): Statement[] {
  const blank = {
    email: erasedEmail(id),
    username: `erased-${id}`,
    passwordHash: "none",
    isVerified: false,
    mfaEnabledAt: null,
    firstName: "",
    lastName: "",
    phone: "",
    gender: null,
    dateOfBirth: null,
    bio: "",
    website: "",
    avatar: "",
    preferences: {},
    emailNotifications: false,
    pushNotifications: false,
  }
  return [
    ctx.db
      .update(users)
      .set({
        ...blank,
        role: unlessLastAdmin("customer"),
        isActive: unlessLastAdmin(0),
        version: sql`${users.version} + 1`,
        updatedAt: iso(ctx.now),
      })
      .where(eq(users.id, id)),
  ]
}

/** The address that stands where an erased account's was; it is nobody's (RFC 2606). */
export function erasedEmail(id: Id<"user">): string {
  return `erased-${id}@invalid`
}

/** `value`, or NULL, which the column refuses, where the row is the only active admin. */
function unlessLastAdmin(value: Role | 0) {
  return sql`CASE WHEN ${users.role} <> 'admin' OR ${users.isActive} = 0 OR EXISTS (SELECT 1 FROM users AS other WHERE other.role = 'admin' AND other.is_active = 1 AND other.id <> ${users}.id) THEN ${value} END`
}
