import { generateRandomCodeVerifier } from "oauth4webapi"

import { requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid } from "#errors.ts"
import { addressWithin } from "#lib/address.ts"
import type { Id } from "#lib/id.ts"
import { randomToken, sha256 } from "#lib/secret.ts"
import * as users from "#modules/users/users.ts"
import { commit } from "#platform/commit.ts"

import * as auth from "./auth.ts"
import { type ChallengeRow, findChallenge, stageAnswered, stageChallenge } from "./challenges.ts"
import * as identities from "./identities.ts"
import { attempt } from "./limits.ts"
import {
  type CallbackAnswer,
  type CallbackQuery,
  type LinkedIdentity,
  type LinkRequest,
  providerNames,
  type ProviderName,
  type ProviderUrl,
  type SignInAnswer,
} from "./oauth-model.ts"
import * as providers from "./providers.ts"
import { requireFresh } from "./step-up.ts"

/** Seconds that somebody may spend at the provider, and that the code behind `return_to#` works. */
const lifetime = { ceremonySeconds: 600, codeSeconds: 60 }

/**
 * Begins a sign-in at a provider: where to send the browser, and the state that has to come back from there and from
 * the same browser (`finish`), within 10 minutes.
 * @throws `not-found` for a provider that is not set up, `invalid-input` for a `returnTo` that is not ours
 */
export async function begin(
  ctx: Ctx,
  name: string,
  returnTo?: string,
): Promise<ProviderUrl & { state: string }> {
  const provider = providers.requireProvider(ctx, name)
  const { url, ceremony, statements } = await prepare(ctx, provider, null, returnTo)
  await commit(ctx, statements)
  return { url, state: ceremony.state }
}

/**
 * Begins to link a provider to the signed-in account. Whose browser goes there does not matter: the link is made only
 * by the code that comes back, sent by this same account (`link`). A sign-in of more than 15 minutes ago is not enough.
 * @throws `unauthenticated`, `not-found`, `invalid-input` as `begin` and naming `password` or `code`, `rate-limited`
 */
export async function beginLink(ctx: Ctx, name: string, input: LinkRequest): Promise<ProviderUrl> {
  const { id } = requireUser(ctx)
  const provider = providers.requireProvider(ctx, name)
  const { url, statements } = await prepare(ctx, provider, id, input.return_to)
  const confirmed = await requireFresh(ctx, input)
  const result = { url }
  await commit(ctx, [...confirmed.statements, ...statements], {
    result,
    refusals: confirmed.refusals,
  })
  return result
}

async function prepare(
  ctx: Ctx,
  provider: ProviderName,
  userId: Id<"user"> | null,
  returnTo: string | undefined,
) {
  const ceremony: providers.Ceremony = {
    state: randomToken(),
    verifier: generateRandomCodeVerifier(),
    nonce: randomToken(),
    redirectUri: redirectUriOf(ctx, provider),
  }
  const { verifier, nonce } = ceremony
  const state = {
    provider,
    verifier,
    nonce,
    ...(returnTo !== undefined && { returnTo: allowed(ctx, returnTo) }),
  }
  return {
    ceremony,
    url: await providers.authorizationUrl(ctx, provider, ceremony),
    statements: await stageChallenge(ctx, "oauth", ceremony.state, {
      userId,
      state,
      seconds: lifetime.ceremonySeconds,
    }),
  }
}

function redirectUriOf(ctx: Ctx, provider: ProviderName): string {
  return `${ctx.config.baseUrl}/api/v1/auth/oauth/${provider}/callback`
}

/** An address of our own or of an allowed origin: what was looked at is what is used. */
function allowed(ctx: Ctx, returnTo: string): string {
  const { baseUrl, corsOrigins } = ctx.config
  const url = addressWithin(returnTo, new URL(baseUrl).origin, corsOrigins)
  if (!url) {
    throw invalid({
      field: "return_to",
      detail: "Must be a path on this origin, or an address of an allowed one.",
      code: "invalid",
    })
  }
  url.hash = ""
  return url.href
}

/** What a callback comes to: somewhere to send the browser, or the answer itself. */
export type Finished = { redirectTo: string } | { answer: CallbackAnswer }

/**
 * Ends the round through a provider. `browserState` is what this browser was given at `begin`. Each state works once.
 * With `return_to` the answer waits behind a code of 60 s and one use, and a refusal goes there by its code too: no
 * token is ever in a URL.
 * @throws `oauth-failed`, `unavailable`, `identity-conflict`, `email-missing`, `wrong-credentials`,
 * `email-not-verified` where the shop asks for that, `rate-limited`
 */
export async function finish(
  ctx: Ctx,
  name: string,
  { parameters, browserState }: { parameters: CallbackQuery; browserState: string | undefined },
): Promise<Finished> {
  const provider = providers.requireProvider(ctx, name)
  await attempt(ctx, { limit: "login-address", of: ctx.client.address })
  const given = parameters.state ?? ""
  const begun = await findChallenge(ctx, "oauth", given)
  if (!begun || begun.state["provider"] !== provider) throw new DomainError("oauth-failed")
  // A link is bound to its account instead: see `link`.
  const isHere = begun.userId !== null || (await sha256(browserState ?? "")) === begun.hash
  if (!isHere) {
    throw new DomainError("oauth-failed", "This sign-in was begun in another browser; start again")
  }
  await claim(ctx, begun)
  const { verifier = "", nonce = "", returnTo } = begun.state
  const ceremony = { state: given, verifier, nonce, redirectUri: redirectUriOf(ctx, provider) }
  try {
    const identity = await providers.identify(ctx, provider, ceremony, parameters)
    return begun.userId === null
      ? await enter(ctx, provider, identity, returnTo)
      : await offerLink(ctx, begun.userId, { provider, ...identity }, returnTo)
  } catch (error) {
    if (returnTo === undefined || !(error instanceof DomainError)) throw error
    return { redirectTo: `${returnTo}#error=${error.code}` }
  }
}

/** Uses a challenge up before anything comes of it: of two at once one goes on. */
async function claim(ctx: Ctx, challenge: ChallengeRow): Promise<void> {
  await commit(ctx, stageAnswered(ctx, challenge), {
    refusals: { challenges_once: "oauth-failed" },
  })
}

async function enter(
  ctx: Ctx,
  provider: ProviderName,
  identity: providers.ProviderIdentity,
  returnTo: string | undefined,
): Promise<Finished> {
  const user = await identities.accountOf(ctx, provider, identity)
  if (returnTo === undefined) return { answer: await auth.signIn(ctx, user, provider) }
  const code = await handOut(ctx, "oauth-exchange", user.id, { provider })
  return { redirectTo: `${returnTo}#code=${code}` }
}

async function offerLink(
  ctx: Ctx,
  userId: Id<"user">,
  { provider, subject, email }: identities.Vouched,
  returnTo: string | undefined,
): Promise<Finished> {
  const code = await handOut(ctx, "oauth-link", userId, {
    provider,
    subject,
    ...(email !== null && { email }),
  })
  if (returnTo !== undefined) return { redirectTo: `${returnTo}#code=${code}` }
  const message = "Send this code to POST /auth/identities, signed in, within 60 seconds."
  return { answer: { message, code } }
}

async function handOut(
  ctx: Ctx,
  kind: "oauth-exchange" | "oauth-link",
  userId: Id<"user">,
  state: Record<string, string>,
): Promise<string> {
  const code = randomToken()
  const seconds = lifetime.codeSeconds
  await commit(ctx, await stageChallenge(ctx, kind, code, { userId, state, seconds }))
  return code
}

/**
 * Signs in by the code that `return_to` was called with: tokens, or the second factor first. One use.
 * @throws `oauth-failed`, `wrong-credentials` when the account is closed, `email-not-verified`, `rate-limited`
 */
export async function exchange(ctx: Ctx, code: string): Promise<SignInAnswer> {
  await attempt(ctx, { limit: "login-address", of: ctx.client.address })
  const offered = await findChallenge(ctx, "oauth-exchange", code)
  if (!offered?.userId) throw badCode()
  await claim(ctx, offered)
  const user = await users.find(ctx, offered.userId)
  if (!user?.isActive) throw new DomainError("wrong-credentials")
  return auth.signIn(ctx, user, offered.state["provider"] ?? "")
}

/**
 * Links the identity that a code stands for to the signed-in account, which must be the one that began. One use.
 * @throws `unauthenticated`, `oauth-failed`, `identity-conflict`
 */
export async function link(ctx: Ctx, code: string): Promise<LinkedIdentity> {
  const user = requireUser(ctx)
  const offered = await findChallenge(ctx, "oauth-link", code)
  const provider = providerNames.find((one) => one === offered?.state["provider"])
  if (!offered || !provider || offered.userId !== user.id) throw badCode()
  const { subject = "", email = null } = offered.state
  return identities.add(ctx, { provider, subject, email }, stageAnswered(ctx, offered))
}

function badCode(): DomainError {
  return new DomainError("oauth-failed", "The code is not valid, was used before or is too old")
}
