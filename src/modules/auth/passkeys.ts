import { and, asc, eq, lt, type SQL, sql } from "drizzle-orm"
import { z } from "zod"

import { requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid, notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { base64url, fromBase64url } from "#lib/secret.ts"
import { iso } from "#lib/time.ts"
import * as users from "#modules/users/users.ts"
import { commit } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"
import { type Page, slicePage } from "#platform/page.ts"

import { stageAudit } from "./audit.ts"
import { admit } from "./auth.ts"
import { type ChallengeRow, findChallenge, stageAnswered, stageChallenge } from "./challenges.ts"
import { attempt } from "./limits.ts"
import type { Identity } from "./mfa-model.ts"
import type { SignedIn } from "./model.ts"
import type {
  Assertion,
  CreationOptions,
  NewPasskey,
  Passkey,
  PasskeyLogin,
  PasskeyQuery,
  RequestOptions,
} from "./passkeys-model.ts"
import { confirmIdentity, requireFresh } from "./step-up.ts"
import { passkeys } from "./tables.ts"

type PasskeyRow = typeof passkeys.$inferSelect

/** Loaded by the first ceremony of an isolate: it takes some 35 ms, which no other start need spend. */
const webauthn = () => import("@simplewebauthn/server")

/** COSE algorithms that are taken: EdDSA, ES256, RS256. */
const algorithms = [-8, -7, -257]
/** How many an account has at most; two added at once may pass it by one. */
const most = 20
/** Milliseconds that the browser waits for its user; the challenge lives 5 minutes. */
const timeout = 300_000

/**
 * What a browser makes a passkey of. Needs a sign-in of the last 15 minutes, or the password (and a code).
 * @throws as `requireFresh`, `invalid-input` at 20 passkeys
 */
export async function begin(ctx: Ctx, input: Identity): Promise<CreationOptions> {
  const { user, statements, refusals } = await requireFresh(ctx, input)
  const known = await ofUser(ctx, user.id)
  if (known.length >= most)
    throw invalid({
      field: "response",
      detail: `An account has at most ${most} passkeys.`,
      code: "too-many",
    })
  const { rpID } = siteOf(ctx)
  const { generateRegistrationOptions } = await webauthn()
  const options = await generateRegistrationOptions({
    rpName: "Nexus",
    rpID,
    userID: handleOf(user.id),
    userName: user.email,
    userDisplayName: `${user.firstName} ${user.lastName}`.trim(),
    timeout,
    attestationType: "none",
    excludeCredentials: known.map(({ id, transports }) => ({ id, transports })),
    authenticatorSelection: { residentKey: "required", userVerification: "required" },
    supportedAlgorithmIDs: algorithms,
  })
  // The library's types leave optional what it was given above.
  const result = options as unknown as CreationOptions
  const challenge = await stageChallenge(ctx, "passkey-register", options.challenge, {
    userId: user.id,
  })
  await commit(ctx, [...statements, ...challenge], { result, refusals })
  return result
}

/**
 * Adds the passkey that the browser made: of this user's challenge, at one of the shop's origins, its user verified.
 * @throws `invalid-input` naming `response`, `passkey-already-registered`
 */
export async function add(ctx: Ctx, { response, name }: NewPasskey): Promise<Passkey> {
  const { id: userId } = requireUser(ctx)
  const challenge = await challengeOf(ctx, "passkey-register", response.response.clientDataJSON)
  if (challenge?.userId !== userId) throw unfit()
  const { origins, rpID } = siteOf(ctx)
  const { verifyRegistrationResponse } = await webauthn()
  const verified = await fitting(() =>
    verifyRegistrationResponse({
      response,
      expectedChallenge: challenge.token,
      expectedOrigin: origins,
      expectedRPID: rpID,
      requireUserVerification: true,
      supportedAlgorithmIDs: algorithms,
    }),
  )
  if (!verified?.registrationInfo) throw unfit()
  const { credential } = verified.registrationInfo
  const row: PasskeyRow = {
    id: credential.id,
    userId,
    publicKey: base64url(credential.publicKey),
    counter: credential.counter,
    transports: response.response.transports ?? [],
    name,
    createdAt: iso(ctx.now),
    lastUsedAt: null,
  }
  const result = toPasskey(row)
  await commit(
    ctx,
    [
      ...stageAnswered(ctx, challenge),
      ctx.db.insert(passkeys).values(row),
      ...stageAudit(ctx, "passkey.added", userId, { name }),
    ],
    {
      result,
      refusals: { challenges_once: unfit, "passkeys.id": "passkey-already-registered" },
    },
  )
  return result
}

/** The signed-in user's passkeys, oldest first. @throws `unauthenticated`, `invalid-page` */
export async function list(ctx: Ctx, query: PasskeyQuery): Promise<Page<Passkey>> {
  const rows = await ofUser(ctx, requireUser(ctx).id)
  return slicePage(query, rows.map(toPasskey))
}

/** Removes a passkey; needs the password, and a code where the second factor is on. @throws `not-found`, as `confirmIdentity` */
export async function remove(ctx: Ctx, id: string, input: Identity): Promise<void> {
  const user = requireUser(ctx)
  const row = await find(ctx, id)
  if (row?.userId !== user.id) throw notFound("passkey")
  const { statements, refusals } = await confirmIdentity(ctx, input)
  await commit(
    ctx,
    [
      ...statements,
      ...stageUse(ctx, row, row.counter),
      ctx.db.delete(passkeys).where(eq(passkeys.id, id)),
      ...stageAudit(ctx, "passkey.removed", user.id, { name: row.name }),
    ],
    { result: null, refusals: { ...refusals, "passkeys.counter": "not-found" } },
  )
}

/** What a browser signs a challenge by, with whichever passkey its user picks. @throws `rate-limited` */
export async function beginLogin(ctx: Ctx): Promise<RequestOptions> {
  const { generateAuthenticationOptions } = await webauthn()
  const options = await generateAuthenticationOptions({
    rpID: siteOf(ctx).rpID,
    timeout,
    userVerification: "required",
  })
  // The library's types leave optional what it was given above.
  const result = options as unknown as RequestOptions
  await commit(ctx, await stageChallenge(ctx, "passkey-login", options.challenge), { result })
  return result
}

/**
 * Signs in by a passkey, which is two factors in one: the device, and its user's PIN or finger (`userVerification`).
 * The challenge works once, the passkey's counter must grow (WebAuthn §6.1.1). Every misfit answers alike.
 * @throws `passkey-not-valid`, `rate-limited`
 */
export async function login(ctx: Ctx, { response }: PasskeyLogin): Promise<SignedIn> {
  await attempt(ctx, { limit: "login-address", of: ctx.client.address })
  const challenge = await challengeOf(ctx, "passkey-login", response.response.clientDataJSON)
  const row = challenge && (await find(ctx, response.id))
  const user = row && (await users.find(ctx, row.userId))
  const counter =
    challenge && row && user?.isActive ? await counterOf(ctx, response, row, challenge) : undefined
  if (!challenge || !row || !user || counter === undefined) {
    await commit(ctx, stageAudit(ctx, "session.refused", row?.userId ?? null, { by: "passkey" }))
    throw new DomainError("passkey-not-valid")
  }
  const isLater = counter === 0 ? eq(passkeys.counter, 0) : lt(passkeys.counter, counter)
  return admit(ctx, user, "passkey", {
    statements: [...stageAnswered(ctx, challenge), ...stageUse(ctx, row, counter, isLater)],
    refusals: { challenges_once: "passkey-not-valid", "passkeys.counter": "passkey-not-valid" },
  })
}

/** The counter of an assertion that fits: signed by this passkey, for its owner, for this challenge, here. */
async function counterOf(
  ctx: Ctx,
  response: Assertion,
  row: PasskeyRow,
  challenge: Challenge,
): Promise<number | undefined> {
  if (response.response.userHandle !== base64url(handleOf(row.userId))) return undefined
  const { origins, rpID } = siteOf(ctx)
  const { id, counter } = row
  const { verifyAuthenticationResponse } = await webauthn()
  const verified = await fitting(() =>
    verifyAuthenticationResponse({
      response,
      expectedChallenge: challenge.token,
      expectedOrigin: origins,
      expectedRPID: rpID,
      requireUserVerification: true,
      credential: { id, counter, publicKey: fromBase64url(row.publicKey) },
    }),
  )
  return verified?.verified ? verified.authenticationInfo.newCounter : undefined
}

/** The account as an authenticator remembers it (WebAuthn: user handle, at most 64 bytes). */
function handleOf(userId: Id<"user">): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(userId))
}

/** Where passkeys sign in. */
function siteOf(ctx: Ctx): { origins: string[]; rpID: string } {
  const origins = [...ctx.config.passkeyOrigins]
  return { origins, rpID: new URL(ctx.config.passkeyOrigins[0]).hostname }
}

type Challenge = ChallengeRow & { token: string }

/** The part of the client data that is read before the library verifies the whole. */
const ClientData = z.object({ challenge: z.string(), crossOrigin: z.literal(false).optional() })

/** The live challenge that the browser signed; none for a page in somebody else's frame. */
async function challengeOf(
  ctx: Ctx,
  kind: "passkey-register" | "passkey-login",
  clientData: string,
): Promise<Challenge | undefined> {
  const data = await fitting(() =>
    ClientData.parse(JSON.parse(new TextDecoder().decode(fromBase64url(clientData)))),
  )
  if (!data) return undefined
  const row = await findChallenge(ctx, kind, data.challenge)
  return row && { ...row, token: data.challenge }
}

/** What `read` answers; `undefined` where it throws, as the library does for whatever does not fit. */
async function fitting<T>(read: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch {
    return undefined
  }
}

function unfit(): DomainError {
  return invalid({
    field: "response",
    detail: "This is no answer to your options; ask for new ones.",
    code: "invalid",
  })
}

async function ofUser(ctx: Ctx, userId: Id<"user">): Promise<PasskeyRow[]> {
  return ctx.db
    .select()
    .from(passkeys)
    .where(eq(passkeys.userId, userId))
    .orderBy(asc(passkeys.createdAt), asc(passkeys.id))
}

async function find(ctx: Ctx, id: string): Promise<PasskeyRow | undefined> {
  const [row] = await ctx.db.select().from(passkeys).where(eq(passkeys.id, id)).limit(1)
  return row
}

/**
 * Counts a use of a passkey. The inserted counter is NULL, which its column does not take, once the passkey is gone or
 * `holds` no more.
 */
function stageUse(ctx: Ctx, row: PasskeyRow, counter: number, holds?: SQL): Statement[] {
  const known = and(eq(passkeys.id, row.id), eq(passkeys.userId, row.userId), holds)
  return [
    ctx.db
      .insert(passkeys)
      .values({ ...row, counter: sql`(SELECT ${counter} FROM ${passkeys} WHERE ${known})` })
      .onConflictDoUpdate({
        target: passkeys.id,
        set: { counter: sql`excluded.counter`, lastUsedAt: iso(ctx.now) },
      }),
  ]
}

function toPasskey(row: PasskeyRow): Passkey {
  return {
    id: row.id,
    name: row.name,
    transports: row.transports,
    created_at: row.createdAt,
    last_used_at: row.lastUsedAt,
  }
}
