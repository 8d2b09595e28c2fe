import { and, eq, gte, lt, or, sql } from "drizzle-orm"

import { requireUser, type Role } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { raced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import type { User, UserChanges } from "./model.ts"
import { users } from "./tables.ts"

export type UserRow = typeof users.$inferSelect

/** The signed-in user's account. @throws `unauthenticated` */
export async function me(ctx: Ctx): Promise<User> {
  return toUser(await myRow(ctx))
}

/**
 * Changes the signed-in user's profile; fields left out stay. `row` is the account as it will be. The address is not of
 * the profile: see `auth/account.ts`. @throws `unauthenticated`
 */
export async function draftChanges(
  ctx: Ctx,
  changes: UserChanges,
): Promise<{ row: UserRow; statements: Statement[] }> {
  const columns = { ...toColumns(changes), updatedAt: iso(ctx.now) }
  const row: UserRow = { ...(await myRow(ctx)), ...columns }
  return {
    row,
    statements: [
      ctx.db
        .update(users)
        .set(columns)
        .where(and(eq(users.id, row.id), eq(users.isActive, true))),
    ],
  }
}

/** The account that signs in by this e-mail or username, either of which may hold the other. */
export async function findByLogin(ctx: Ctx, login: string): Promise<UserRow | undefined> {
  const name = login.normalize("NFC").trim().toLowerCase()
  const [byEmail, byUsername] = await ctx.db.batch([
    ctx.db.select().from(users).where(eq(users.email, name)).limit(1),
    ctx.db
      .select()
      .from(users)
      .where(eq(sql`lower(${users.username})`, name))
      .limit(1),
  ])
  return byEmail[0] ?? byUsername[0]
}

/** The account with exactly this e-mail; a username that looks like one does not count. */
export async function findByEmail(ctx: Ctx, email: string): Promise<UserRow | undefined> {
  const rows = await ctx.db.select().from(users).where(eq(users.email, email)).limit(1)
  return rows[0]
}

/** The account with this id. */
export async function find(ctx: Ctx, id: Id<"user">): Promise<UserRow | undefined> {
  const rows = await ctx.db.select().from(users).where(eq(users.id, id)).limit(1)
  return rows[0]
}

/** The query for the signed-in user's e-mail; of a guest it finds nothing. */
export function selectEmail(ctx: Ctx) {
  const id = ctx.actor.type === "user" ? ctx.actor.id : ("" as Id<"user">)
  return ctx.db.select({ email: users.email }).from(users).where(eq(users.id, id)).limit(1)
}

export type NewAccount = {
  email: string
  username: string
  passwordHash: string
  role: Role
  first_name?: string | undefined
  last_name?: string | undefined
  phone?: string | undefined
}

/** The row of a new account, unverified. */
export function draft(ctx: Ctx, account: NewAccount): UserRow {
  return {
    id: newId("user", ctx.now),
    email: account.email,
    username: account.username,
    passwordHash: account.passwordHash,
    role: account.role,
    isActive: true,
    isVerified: false,
    firstName: account.first_name ?? "",
    lastName: account.last_name ?? "",
    phone: account.phone ?? "",
    gender: null,
    dateOfBirth: null,
    bio: "",
    website: "",
    avatar: "",
    preferences: {},
    emailNotifications: true,
    pushNotifications: true,
    createdAt: iso(ctx.now),
    updatedAt: iso(ctx.now),
    lastLoginAt: iso(ctx.now),
    mfaEnabledAt: null,
    version: 1,
  }
}

/** Inserts an account. Its refusals: `registrationRefusals`. */
export function stage(ctx: Ctx, row: UserRow): Statement[] {
  return [ctx.db.insert(users).values(row)]
}

/**
 * Remembers that an account signed in now. It breaks `users.password_hash` when the account was closed or its password
 * or role changed since `user` was read: a sign-in under way must not outlive what ended all sessions.
 */
export function stageLogin(ctx: Ctx, user: UserRow): Statement[] {
  const unchanged = sql`CASE WHEN ${users.passwordHash} = ${user.passwordHash} AND ${users.role} = ${user.role} AND ${users.isActive} = 1 THEN ${users.passwordHash} END`
  return [
    ctx.db
      .update(users)
      .set({ lastLoginAt: iso(ctx.now), passwordHash: unchanged })
      .where(eq(users.id, user.id)),
  ]
}

/** Puts another hash of the same password in the place of the one that was read; one that changed meanwhile stays. */
export function stageRehash(ctx: Ctx, user: UserRow, passwordHash: string): Statement[] {
  return [
    ctx.db
      .update(users)
      .set({ passwordHash })
      .where(and(eq(users.id, user.id), eq(users.passwordHash, user.passwordHash))),
  ]
}

/** Puts another password's hash in the place of the one that was read; breaks `users.password_hash` if that changed meanwhile. */
export function stagePassword(ctx: Ctx, user: UserRow, passwordHash: string): Statement[] {
  const still = sql`CASE WHEN ${users.passwordHash} = ${user.passwordHash} AND ${users.isActive} = 1 THEN ${passwordHash} END`
  return [
    ctx.db
      .update(users)
      .set({ passwordHash: still, updatedAt: iso(ctx.now) })
      .where(eq(users.id, user.id)),
  ]
}

/** Marks an account's address as verified, if it is still this one. */
export function stageVerified(ctx: Ctx, id: Id<"user">, email: string): Statement[] {
  return [
    ctx.db
      .update(users)
      .set({ isVerified: true, updatedAt: iso(ctx.now) })
      .where(and(eq(users.id, id), eq(users.email, email))),
  ]
}

/** Gives an open account another address, verified. Its refusal: `users.email` of `registrationRefusals`. */
export function stageEmail(ctx: Ctx, id: Id<"user">, email: string): Statement[] {
  return [
    ctx.db
      .update(users)
      .set({ email, isVerified: true, updatedAt: iso(ctx.now) })
      .where(and(eq(users.id, id), eq(users.isActive, true))),
  ]
}

/** Writes down whether a second factor is asked of an account; the factor itself is `auth`'s. */
export function stageMfa(ctx: Ctx, id: Id<"user">, isOn: boolean): Statement[] {
  return [
    ctx.db
      .update(users)
      .set({ mfaEnabledAt: isOn ? iso(ctx.now) : null, updatedAt: iso(ctx.now) })
      .where(eq(users.id, id)),
  ]
}

const emailTaken = {
  field: "email",
  detail: "This email is already registered: it already exists.",
  code: "taken",
}
const usernameTaken = {
  field: "username",
  detail: "A user with that username already exists.",
  code: "taken",
}

/** What the constraints of `stage` mean, for two who register the same at once. */
export const registrationRefusals = {
  "users.email": () => invalid(emailTaken),
  users_username: () => raced(invalid(usernameTaken)),
}

/**
 * A name for a new account: the one asked for, else the first free one of `ada`, `ada1`, `ada2`… after the e-mail's
 * local part. Whoever tries again takes one further on by chance, so that many at once do not meet again.
 * @throws `invalid-input` naming `email` and `username` where they are taken
 */
export async function allotUsername(
  ctx: Ctx,
  email: string,
  wanted: string | undefined,
  tries = 1,
): Promise<string> {
  const base = wanted ?? (email.split("@")[0] ?? "").replace(/[^\w.+-]/g, "").slice(0, 140)
  const low = base.toLowerCase()
  const name = sql<string>`lower(${users.username})`
  const [sameEmail, sameName] = await ctx.db.batch([
    ctx.db.select({ id: users.id }).from(users).where(eq(users.email, email)).limit(1),
    ctx.db
      .select({ name: name.as("name") })
      .from(users)
      .where(or(eq(name, low), and(gte(name, `${low}0`), lt(name, `${low}:`))))
      .limit(5000),
  ])
  const taken = new Set(sameName.map((row) => row.name))
  const errors = [
    ...(sameEmail.length > 0 ? [emailTaken] : []),
    ...(wanted && taken.has(low) ? [usernameTaken] : []),
  ]
  if (errors.length > 0) throw invalid(...errors)
  if (wanted) return wanted
  let skip = Math.floor(Math.random() * 8 ** (tries - 1))
  for (let n = 0; ; n++) {
    const candidate = n === 0 ? base : `${base}${n}`
    if (candidate !== "" && !taken.has(candidate.toLowerCase()) && skip-- === 0) return candidate
  }
}

async function myRow(ctx: Ctx): Promise<UserRow> {
  const row = await find(ctx, requireUser(ctx).id)
  if (!row?.isActive) throw new DomainError("unauthenticated")
  return row
}

function toColumns(changes: UserChanges): Partial<UserRow> {
  const {
    first_name: firstName,
    last_name: lastName,
    date_of_birth: dateOfBirth,
    email_notifications: emailNotifications,
    push_notifications: pushNotifications,
    ...same
  } = changes
  const columns = {
    firstName,
    lastName,
    dateOfBirth,
    emailNotifications,
    pushNotifications,
    ...same,
  }
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined))
}

/** The account as its owner sees it: never the hash. */
export function toUser(row: UserRow): User {
  return {
    id: row.id,
    username: row.username,
    email: row.email,
    first_name: row.firstName,
    last_name: row.lastName,
    full_name: `${row.firstName} ${row.lastName}`.trim(),
    phone: row.phone,
    role: row.role,
    is_staff: row.role !== "customer",
    is_active: row.isActive,
    is_verified: row.isVerified,
    mfa_enabled: row.mfaEnabledAt !== null,
    date_joined: row.createdAt,
    last_login: row.lastLoginAt,
    gender: row.gender,
    date_of_birth: row.dateOfBirth,
    bio: row.bio,
    website: row.website,
    avatar: row.avatar,
    preferences: row.preferences,
    email_notifications: row.emailNotifications,
    push_notifications: row.pushNotifications,
  }
}
