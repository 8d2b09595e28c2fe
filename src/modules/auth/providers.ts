import * as oauth from "oauth4webapi"
import { z } from "zod"

import type { Ctx } from "#context.ts"
import { DomainError, notFound } from "#errors.ts"
import { Email } from "#modules/users/model.ts"
import { call } from "#platform/call.ts"

import { type CallbackQuery, type ProviderName, providerNames } from "./oauth-model.ts"

/** Who somebody is at a provider. `subject` never changes; an e-mail may, and counts only when `emailVerified`. */
export type ProviderIdentity = {
  subject: string
  email: string | null
  emailVerified: boolean
  firstName: string
  lastName: string
}

/** What one round through a provider is held together by; all but the address are random and of one use. */
export type Ceremony = { state: string; verifier: string; nonce: string; redirectUri: string }

type Said = { subject: string; email: unknown; emailVerified: boolean; names: string[] }
type Server = {
  issuer: string
  authorization_endpoint: string
  token_endpoint: string
  jwks_uri?: string
}
type Provider = {
  title: string
  server: Server
  scope: string
  /** OpenID Connect: the identity is a signed token, bound by a nonce. Else it is asked for with the access token. */
  isOpenId: boolean
  read: (
    claims: oauth.IDToken | undefined,
    get: (url: string) => Promise<unknown>,
  ) => Said | Promise<Said>
}

const Text = z.string().min(1).max(255)
const optionalText = z.string().nullish().catch(null)

const GoogleClaims = z.object({
  sub: Text,
  email: optionalText,
  email_verified: z.unknown(),
  given_name: optionalText,
  family_name: optionalText,
})
const GitHubUser = z.object({ id: z.int().positive(), name: optionalText })
const GitHubEmails = z.array(
  z.object({ email: z.string(), primary: z.boolean(), verified: z.boolean() }),
)
const FacebookUser = z.object({ id: Text, email: optionalText, name: optionalText })

/**
 * The providers, as they are documented: developers.google.com/identity/openid-connect,
 * docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps,
 * developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow. Facebook without a version answers as the
 * oldest one that the app may use.
 */
const providers: Record<ProviderName, Provider> = {
  google: {
    title: "Google",
    server: {
      issuer: "https://accounts.google.com",
      authorization_endpoint: "https://accounts.google.com/o/oauth2/v2/auth",
      token_endpoint: "https://oauth2.googleapis.com/token",
      jwks_uri: "https://www.googleapis.com/oauth2/v3/certs",
    },
    scope: "openid email profile",
    isOpenId: true,
    read: (claims) => {
      const said = GoogleClaims.parse(claims)
      return {
        subject: said.sub,
        email: said.email,
        emailVerified: said.email_verified === true,
        names: [said.given_name ?? "", said.family_name ?? ""],
      }
    },
  },
  github: {
    title: "GitHub",
    server: {
      issuer: "https://github.com/login/oauth",
      authorization_endpoint: "https://github.com/login/oauth/authorize",
      token_endpoint: "https://github.com/login/oauth/access_token",
    },
    scope: "read:user user:email",
    isOpenId: false,
    read: async (_claims, get) => {
      // `email` of /user is what somebody chose to show, verified or not: it says nothing.
      const [user, emails] = await Promise.all([
        get("https://api.github.com/user").then((body) => GitHubUser.parse(body)),
        get("https://api.github.com/user/emails").then((body) => GitHubEmails.parse(body)),
      ])
      const primary = emails.find((email) => email.primary)
      return {
        subject: String(user.id),
        email: primary?.email,
        emailVerified: primary?.verified === true,
        names: halves(user.name),
      }
    },
  },
  facebook: {
    title: "Facebook",
    server: {
      issuer: "https://www.facebook.com",
      authorization_endpoint: "https://www.facebook.com/dialog/oauth",
      token_endpoint: "https://graph.facebook.com/oauth/access_token",
    },
    scope: "email public_profile",
    isOpenId: false,
    read: async (_claims, get) => {
      const me = await get("https://graph.facebook.com/me?fields=id,email,name")
      const user = FacebookUser.parse(me)
      // Facebook does not say whether it has verified an e-mail.
      return {
        subject: user.id,
        email: user.email,
        emailVerified: false,
        names: halves(user.name),
      }
    },
  },
}

function halves(name: string | null | undefined): string[] {
  const [first = "", ...rest] = (name ?? "").trim().split(/\s+/)
  return [first, rest.join(" ")]
}

/** The provider of this name. @throws `not-found` for one that is unknown or not set up */
export function requireProvider(ctx: Ctx, name: string): ProviderName {
  const known = providerNames.find((one) => one === name)
  if (!known || !ctx.config.oauth[known]) throw notFound("sign-in provider")
  return known
}

/** Where the browser goes to be asked (RFC 6749 §4.1.1 with PKCE S256, RFC 7636). */
export async function authorizationUrl(
  ctx: Ctx,
  name: ProviderName,
  { state, verifier, nonce, redirectUri }: Ceremony,
): Promise<string> {
  const { server, scope, isOpenId } = at(ctx, name)
  const url = new URL(server.authorization_endpoint)
  url.search = new URLSearchParams({
    client_id: clientOf(ctx, name).clientId,
    redirect_uri: redirectUri,
    response_type: "code",
    scope,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...(isOpenId && { nonce }),
  }).toString()
  return url.href
}

/**
 * Who has come back from a provider. Checks state, issuer (RFC 9207), and of OpenID Connect the ID token's signature
 * by the provider's keys of this moment, `iss`, `aud`, `exp` and `nonce`.
 * @throws `oauth-failed` where anything does not hold, `unavailable` where the provider does not answer
 */
export async function identify(
  ctx: Ctx,
  name: ProviderName,
  ceremony: Ceremony,
  parameters: CallbackQuery,
): Promise<ProviderIdentity> {
  try {
    return toIdentity(await ask(ctx, name, ceremony, parameters))
  } catch (error) {
    if (error instanceof DomainError) {
      ctx.log.error("sign-in provider failed", error, { provider: name })
      throw error
    }
    // The message names the check; the cause, which may hold claims and tokens, is not written down.
    const reason =
      error instanceof oauth.ResponseBodyError
        ? error.error
        : error instanceof z.ZodError
          ? "unexpected profile"
          : String(error)
    ctx.log.info("sign-in at a provider refused", { provider: name, reason })
    throw new DomainError("oauth-failed")
  }
}

async function ask(
  ctx: Ctx,
  name: ProviderName,
  { state, verifier, nonce, redirectUri }: Ceremony,
  parameters: CallbackQuery,
): Promise<Said> {
  const { title, server, isOpenId, read } = at(ctx, name)
  const { clientId, clientSecret } = clientOf(ctx, name)
  const client = { client_id: clientId }
  const options = {
    [oauth.customFetch]: (url: string, init: RequestInit) => call(title, url, init),
    // Only ever plain http where a local stand-in is set.
    [oauth.allowInsecureRequests]: ctx.config.oauthBaseUrl !== undefined,
  }
  const given = oauth.validateAuthResponse(
    server,
    client,
    new URLSearchParams(Object.entries(parameters)),
    state,
  )
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    oauth.ClientSecretPost(clientSecret),
    given,
    redirectUri,
    verifier,
    options,
  )
  const answer = await oauth.processAuthorizationCodeResponse(
    server,
    client,
    response,
    isOpenId ? { expectedNonce: nonce, requireIdToken: true } : {},
  )
  if (isOpenId) await oauth.validateApplicationLevelSignature(server, response, options)
  return read(oauth.getValidatedIdTokenClaims(answer), async (url) => {
    const profile = await call(title, standIn(ctx, url), {
      headers: {
        authorization: `Bearer ${answer.access_token}`,
        accept: "application/json",
        // GitHub answers nobody without one.
        "user-agent": "nexus",
      },
    })
    if (!profile.ok) throw new DomainError("unavailable", `${title} does not say who this is`)
    return profile.json()
  })
}

function toIdentity({ subject, email, emailVerified, names }: Said): ProviderIdentity {
  const address = Email.safeParse(email)
  const [firstName = "", lastName = ""] = names.map((part) => part.trim().slice(0, 150))
  return {
    subject,
    email: address.success ? address.data : null,
    emailVerified: emailVerified && address.success,
    firstName,
    lastName,
  }
}

function clientOf(ctx: Ctx, name: ProviderName) {
  const client = ctx.config.oauth[name]
  if (!client) throw notFound("sign-in provider")
  return client
}

/** A provider with its addresses as they are reached from here. */
function at(ctx: Ctx, name: ProviderName): Provider {
  const provider = providers[name]
  const { issuer, authorization_endpoint, token_endpoint, jwks_uri } = provider.server
  const server = {
    issuer,
    authorization_endpoint: standIn(ctx, authorization_endpoint),
    token_endpoint: standIn(ctx, token_endpoint),
    ...(jwks_uri !== undefined && { jwks_uri: standIn(ctx, jwks_uri) }),
  }
  return { ...provider, server }
}

function standIn(ctx: Ctx, address: string): string {
  if (ctx.config.oauthBaseUrl === undefined) return address
  const { host, pathname, search } = new URL(address)
  return `${ctx.config.oauthBaseUrl.replace(/\/+$/, "")}/${host}${pathname}${search}`
}
