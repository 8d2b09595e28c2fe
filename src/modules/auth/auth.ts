import { requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid } from "#errors.ts"
import * as users from "#modules/users/users.ts"
import { commit, retryRaced } from "#platform/commit.ts"

import type {
  AuthStatus,
  Credentials,
  LogoutRequest,
  Message,
  Registration,
  SignedIn,
  Tokens,
} from "./model.ts"
import * as password from "./password.ts"
import * as sessions from "./sessions.ts"
import * as tokens from "./tokens.ts"

/** Opens an account as a customer and signs it in. @throws `invalid-input` naming `email` or `username` where taken */
export async function register(ctx: Ctx, input: Registration, device: string): Promise<SignedIn> {
  const passwordHash = await password.hash(input.password)
  // A name that was free a moment ago may be taken by now; one that was asked for is then refused.
  return retryRaced((tries) => open(ctx, input, passwordHash, device, tries))
}

async function open(
  ctx: Ctx,
  input: Registration,
  passwordHash: string,
  device: string,
  tries: number,
): Promise<SignedIn> {
  const username = await users.allotUsername(ctx, input.email, input.username, tries)
  const row = users.draft(ctx, { ...input, username, passwordHash, role: "customer" })
  const session = await sessions.start(ctx, row, device)
  const result = toSignedIn("Welcome. The account is open.", row, session.tokens)
  await commit(ctx, [...users.stage(ctx, row), ...session.statements], {
    refusals: users.registrationRefusals,
    result,
  })
  sessions.publish(ctx, session.id, row)
  return result
}

/**
 * Signs in. An unknown account, a wrong password and a closed account answer alike, in body and in time.
 * @throws `wrong-credentials`
 */
export async function login(ctx: Ctx, input: Credentials, device: string): Promise<SignedIn> {
  const user = await users.findByLogin(ctx, input.email ?? input.username ?? "")
  const right = await password.matches(user?.passwordHash, input.password)
  if (!user || !right || !user.isActive) throw new DomainError("wrong-credentials")
  const passwordHash = password.isOutdated(user.passwordHash)
    ? await password.hash(input.password)
    : user.passwordHash
  const session = await sessions.start(ctx, user, device)
  const result = toSignedIn("Signed in.", user, session.tokens)
  await commit(ctx, [...users.stageLogin(ctx, user.id, passwordHash), ...session.statements], {
    result,
  })
  sessions.publish(ctx, session.id, user)
  return result
}

/** The next pair of tokens for a refresh token: see `sessions.rotate`. */
export function refresh(ctx: Ctx, token: string): Promise<Tokens> {
  return sessions.rotate(ctx, token)
}

/** Nothing, when the access token is ours and its session lives. @throws `token-not-valid` */
export async function verify(ctx: Ctx, token: string): Promise<Record<string, never>> {
  await sessions.identify(ctx, token)
  return {}
}

/** Ends the caller's session, and the one of the refresh token that is sent along. @throws `invalid-input` for a token that is not the caller's */
export async function logout(ctx: Ctx, input: LogoutRequest): Promise<Message> {
  const user = requireUser(ctx)
  const other =
    input.refresh === undefined
      ? undefined
      : await sessions.findByRefresh(ctx, user.id, input.refresh)
  if (input.refresh !== undefined && !other) {
    throw invalid({
      field: "refresh",
      detail: "This is no live refresh token of yours.",
      code: "invalid",
    })
  }
  const result = message("Successfully logged out.")
  await sessions.end(ctx, [...new Set([user.sessionId, ...(other ? [other] : [])])], result)
  return result
}

/** Ends every session of the caller. */
export async function logoutAll(ctx: Ctx): Promise<Message> {
  const user = requireUser(ctx)
  const result = message("Signed out everywhere.")
  await sessions.end(
    ctx,
    [...new Set([user.sessionId, ...(await sessions.listLive(ctx, user.id))])],
    result,
  )
  return result
}

/** Whether the caller is signed in. */
export async function status(ctx: Ctx): Promise<AuthStatus> {
  if (ctx.actor.type !== "user") return { authenticated: false, user: null }
  return { authenticated: true, user: await users.me(ctx) }
}

/** The public keys of access tokens. */
export function jwks(ctx: Ctx): { keys: Record<string, unknown>[] } {
  return tokens.jwks(ctx)
}

function message(text: string): Message {
  return { message: text, detail: text }
}

function toSignedIn(text: string, user: users.UserRow, pair: Tokens): SignedIn {
  return { message: text, user: users.toUser(user), ...pair, tokens: pair }
}
