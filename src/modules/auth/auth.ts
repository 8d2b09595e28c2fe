import { requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, type ErrorCode, invalid } from "#errors.ts"
import type { Event } from "#events.ts"
import { randomToken } from "#lib/secret.ts"
import * as users from "#modules/users/users.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import { requireVerified } from "./account.ts"
import { prefixOf, stageAudit } from "./audit.ts"
import { stageChallenge } from "./challenges.ts"
import { attempt, succeed } from "./limits.ts"
import { stageToken } from "./mailed.ts"
import type { MfaRequired } from "./mfa-model.ts"
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

/**
 * Opens an account as a customer and signs it in. A link to verify the address goes out.
 * @throws `invalid-input` naming `email` or `username` where taken, `rate-limited`
 */
export async function register(ctx: Ctx, input: Registration): Promise<SignedIn> {
  await attempt(ctx, { limit: "register-address", of: ctx.client.address })
  const passwordHash = await password.hash(input.password)
  // A name that was free a moment ago may be taken by now; one that was asked for is then refused.
  return retryRaced((tries) => open(ctx, input, passwordHash, tries))
}

async function open(
  ctx: Ctx,
  input: Registration,
  passwordHash: string,
  tries: number,
): Promise<SignedIn> {
  const username = await users.allotUsername(ctx, input.email, input.username, tries)
  const row = users.draft(ctx, { ...input, username, passwordHash, role: "customer" })
  const session = await sessions.start(ctx, row)
  const link = await stageToken(ctx, "verify-email", row.id, row.email)
  const result = toSignedIn("Welcome. Check your mail to verify your address.", row, session.tokens)
  await commit(
    ctx,
    [
      ...users.stage(ctx, row),
      ...session.statements,
      ...link.statements,
      ...stageAudit(ctx, "account.registered", row.id),
    ],
    {
      refusals: users.registrationRefusals,
      events: [{ type: "email.verification-requested", userId: row.id, tokenId: link.id }],
      result,
    },
  )
  sessions.publish(ctx, session.id, row)
  return result
}

/**
 * Signs in, or asks for the second factor of an account that has one. An unknown account, a wrong password and a
 * closed account answer alike, in body and in time. Tries are counted for each account, whatever it is called by, and
 * each address.
 * @throws `wrong-credentials`, `rate-limited`
 */
export async function login(ctx: Ctx, input: Credentials): Promise<SignedIn | MfaRequired> {
  const name = input.email ?? input.username ?? ""
  const user = await users.findByLogin(ctx, name)
  const account = { limit: "login-account", of: user?.id ?? name } as const
  await attempt(ctx, account, { limit: "login-address", of: ctx.client.address })
  const right = await password.matches(user?.passwordHash, input.password)
  if (!user || !right || !user.isActive) {
    await commit(ctx, stageAudit(ctx, "session.refused", user?.id ?? null))
    throw new DomainError("wrong-credentials")
  }
  succeed(ctx, account)
  const isOutdated = password.isOutdated(user.passwordHash)
  return signIn(ctx, isOutdated ? await rehashed(ctx, user, input.password) : user, "password")
}

/** The account with its password hashed by today's parameters, unless that password was changed just now. */
async function rehashed(ctx: Ctx, user: users.UserRow, plain: string): Promise<users.UserRow> {
  await commit(ctx, users.stageRehash(ctx, user, await password.hash(plain)))
  const fresh = await users.find(ctx, user.id)
  if (!fresh || !(await password.matches(fresh.passwordHash, plain)))
    throw new DomainError("wrong-credentials")
  return fresh
}

/**
 * Goes on from a right first factor (`by`: which, for the audit): starts a session, or asks for the second factor
 * where the account has one.
 * @throws `wrong-credentials` when the account was closed or its password changed meanwhile, `email-not-verified`
 */
export async function signIn(
  ctx: Ctx,
  user: users.UserRow,
  by: string,
): Promise<SignedIn | MfaRequired> {
  if (user.mfaEnabledAt === null) return admit(ctx, user, by)
  const token = randomToken()
  const result: MfaRequired = {
    mfa_required: true,
    mfa_token: token,
    methods: ["totp", "recovery_code"],
  }
  const state = { by, passwordHash: user.passwordHash }
  await commit(ctx, await stageChallenge(ctx, "mfa", token, { userId: user.id, state }), { result })
  return result
}

/**
 * Starts a session for an account that has shown all it has to; `by`: how, for the audit. `also` goes into the same
 * batch. A device that the account does not know is told its owner by mail.
 * @throws `wrong-credentials` when the account was closed or its password changed since it was read,
 * `email-not-verified`
 */
export async function admit(
  ctx: Ctx,
  user: users.UserRow,
  by: string,
  also: { statements?: readonly Statement[]; refusals?: Record<string, ErrorCode> } = {},
): Promise<SignedIn> {
  await requireVerified(ctx, user)
  const [session, isNewDevice] = await Promise.all([
    sessions.start(ctx, user),
    sessions.isNewDevice(ctx, user.id),
  ])
  const result = toSignedIn("Signed in.", user, session.tokens)
  await commit(
    ctx,
    [
      ...(also.statements ?? []),
      ...users.stageLogin(ctx, user),
      ...session.statements,
      ...stageAudit(ctx, "session.started", user.id, { by }),
    ],
    {
      result,
      refusals: { "users.password_hash": "wrong-credentials", ...also.refusals },
      events: isNewDevice ? [newDevice(ctx, user)] : [],
    },
  )
  sessions.publish(ctx, session.id, user)
  return result
}

function newDevice(ctx: Ctx, user: users.UserRow): Event {
  const { device, address } = ctx.client
  return {
    type: "session.started-on-new-device",
    userId: user.id,
    device: device.slice(0, 200),
    addressPrefix: prefixOf(address),
  }
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
  const ids = [...new Set([user.sessionId, ...(other ? [other] : [])])]
  await sessions.end(ctx, user.id, ids, { result })
  return result
}

/** Ends every session of the caller. */
export async function logoutAll(ctx: Ctx): Promise<Message> {
  const user = requireUser(ctx)
  const result = message("Signed out everywhere.")
  const [ended] = await commit(
    ctx,
    [
      sessions.stageEndAll(ctx, user.id),
      ...stageAudit(ctx, "session.ended", user.id, { all: "true" }),
    ],
    { result },
  )
  await sessions.retract(ctx, [user.sessionId, ...ended.map(({ id }) => id)])
  return result
}

/** Whether the caller is signed in. */
export async function status(ctx: Ctx): Promise<AuthStatus> {
  const { actor } = ctx
  if (actor.type !== "user") return { authenticated: false, user: null }
  if (actor.scopes) return { authenticated: true, user: null }
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
