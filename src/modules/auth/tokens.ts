import {
  createLocalJWKSet,
  errors,
  importJWK,
  type JWTVerifyGetKey,
  jwtVerify,
  SignJWT,
} from "jose"

import type { Role } from "#actor.ts"
import type { Config, SigningKey } from "#config.ts"
import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"

const issuer = "nexus"
const audience = "nexus-api"
const type = "at+jwt"

/** What an access token says (RFC 9068): whose, of which session, in which role. */
export type Claims = { userId: Id<"user">; sessionId: Id<"session">; role: Role }

type Keys = {
  sign: Promise<CryptoKey | Uint8Array>
  kid: string
  verify: JWTVerifyGetKey
  publicJwks: { keys: Record<string, unknown>[] }
}
const ready = new WeakMap<Config, Keys>()

function keysOf(config: Config): Keys {
  const known = ready.get(config)
  if (known) return known
  const [first] = config.jwtKeys
  if (!first) throw new Error("JWT_KEYS holds no key")
  const publicJwks = { keys: config.jwtKeys.map(publicHalf) }
  const keys = {
    sign: importJWK(first, "EdDSA"),
    kid: first.kid,
    verify: createLocalJWKSet(publicJwks),
    publicJwks,
  }
  ready.set(config, keys)
  return keys
}

function publicHalf({ kty, crv, kid, x }: SigningKey) {
  return { kty, crv, kid, x, alg: "EdDSA", use: "sig" }
}

/** The keys that verify access tokens (RFC 7517). */
export function jwks(ctx: Ctx): { keys: Record<string, unknown>[] } {
  return keysOf(ctx.config).publicJwks
}

/** An access token for `ACCESS_TOKEN_TTL` seconds from now. */
export async function sign(ctx: Ctx, { userId, sessionId, role }: Claims): Promise<string> {
  const keys = keysOf(ctx.config)
  const issuedAt = Math.floor(ctx.now.getTime() / 1000)
  return new SignJWT({ sid: sessionId, role })
    .setProtectedHeader({ alg: "EdDSA", typ: type, kid: keys.kid })
    .setSubject(userId)
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + ctx.config.accessTokenTtlSeconds)
    .setJti(newId("event", ctx.now))
    .sign(await keys.sign)
}

/** What a token of ours says. Algorithm, type, issuer and audience are ours to choose, never the token's. @throws `token-not-valid` */
export async function verify(ctx: Ctx, token: string): Promise<Claims> {
  try {
    const { payload } = await jwtVerify(token, keysOf(ctx.config).verify, {
      algorithms: ["EdDSA"],
      typ: type,
      issuer,
      audience,
      requiredClaims: ["sub", "sid", "role", "exp", "iat"],
      currentDate: ctx.now,
      clockTolerance: 30,
    })
    // Our own signature vouches for the shapes below.
    return {
      userId: payload.sub as Id<"user">,
      sessionId: payload["sid"] as Id<"session">,
      role: payload["role"] as Role,
    }
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error
    throw new DomainError(
      "token-not-valid",
      error instanceof errors.JWTExpired ? "The token has expired" : undefined,
    )
  }
}
