import { env } from "cloudflare:workers"

import type { Role } from "#actor.ts"
import * as password from "#modules/auth/password.ts"

import { call } from "./api.ts"
import * as make from "./make.ts"

/** What everybody here signs in with. */
export const secret = "a long enough secret"

let hash: Promise<string> | undefined

/** A signed-in account whose password is `secret`. */
export async function person(role: Role = "customer") {
  const user = await make.user(role)
  hash ??= password.hash(secret)
  await env.DB.prepare("UPDATE users SET password_hash = ? WHERE id = ?")
    .bind(await hash, user.id)
    .run()
  return user
}

/** Another session of the same account. */
export async function signIn({ email }: { email: string }): Promise<{ access: string }> {
  const { body } = await call("POST", "auth/login", { body: { email, password: secret } })
  return body
}

/** The rows of a query, straight from D1. */
export async function rows(
  sql: string,
  ...values: unknown[]
): Promise<Record<string, string | number | null>[]> {
  const { results } = await env.DB.prepare(sql)
    .bind(...values)
    .all<Record<string, string | number | null>>()
  return results
}

/** What the audit says of an account, oldest first. */
export async function audited(userId: string): Promise<unknown[]> {
  const found = await rows("SELECT action FROM audit WHERE user_id = ? ORDER BY id", userId)
  return found.map(({ action }) => action)
}
