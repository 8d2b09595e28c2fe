import { env } from "cloudflare:workers"
import { exportJWK, generateKeyPair, SignJWT } from "jose"
import { expect, vi } from "vitest"

import type { Answer } from "./api.ts"
import { send } from "./wire.ts"

type Name = "google" | "github" | "facebook"

/** This shop as the providers know it. */
export const settings = {
  GOOGLE_CLIENT_ID: "google-id",
  GOOGLE_CLIENT_SECRET: "google-secret",
  GITHUB_CLIENT_ID: "github-id",
  GITHUB_CLIENT_SECRET: "github-secret",
  FACEBOOK_CLIENT_ID: "facebook-id",
  FACEBOOK_CLIENT_SECRET: "facebook-secret",
}

const authorizeUrls: Record<Name, string> = {
  google: "https://accounts.google.com/o/oauth2/v2/auth",
  github: "https://github.com/login/oauth/authorize",
  facebook: "https://www.facebook.com/dialog/oauth",
}

const keyPair = generateKeyPair("RS256", { extractable: true })
const otherPair = generateKeyPair("RS256", { extractable: true })

/** Who is signed in at the provider. */
type Person = { subject: string; email?: string | undefined; verified: boolean; name: string }

/** How a provider misbehaves; nothing: it does not. */
type Mischief = {
  /** Claims of the ID token that differ. */
  claims?: Record<string, unknown>
  /** Signs the ID token with a key that is not in the JWKS. */
  otherKey?: boolean
  /** Leaves the ID token out. */
  noIdToken?: boolean
  /** Answers for the token endpoint, or for all that tells who somebody is. */
  token?: (signal: AbortSignal | null | undefined) => Response | Promise<Response>
  profile?: () => Response
}

type Grant = { name: Name; redirectUri: string; challenge: string; nonce: string | null }

/**
 * Google, GitHub and Facebook as they speak on the wire, in the place of `fetch`: authorize, token, JWKS, profile.
 * Strict about what the shop sends. A call to anywhere else fails the test.
 */
export function fakeProviders() {
  const grants = new Map<string, Grant>()
  const tokens = new Map<string, Name>()
  const calls: string[] = []
  const person: Person = {
    subject: "10001",
    email: "ada@example.com",
    verified: true,
    name: "Ada Lovelace",
  }
  const mischief: Mischief = {}

  /** What the browser does at the provider: looks at the address it was sent to, agrees, and is sent back. */
  function authorize(location: string): URL {
    const url = new URL(location)
    const name = (Object.keys(authorizeUrls) as Name[]).find(
      (one) => authorizeUrls[one] === `${url.origin}${url.pathname}`,
    )
    if (!name) throw new Error(`nobody authorizes at ${location}`)
    const asked = Object.fromEntries(url.searchParams)
    expect(asked).toMatchObject({
      client_id: `${name}-id`,
      response_type: "code",
      redirect_uri: `${env.BASE_URL}/api/v1/auth/oauth/${name}/callback`,
      code_challenge_method: "S256",
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      state: expect.stringMatching(/^[\w-]{43}$/),
      scope: expect.stringContaining("email"),
    })
    const code = crypto.randomUUID()
    grants.set(code, {
      name,
      redirectUri: asked["redirect_uri"] ?? "",
      challenge: asked["code_challenge"] ?? "",
      nonce: asked["nonce"] ?? null,
    })
    const back = new URL(asked["redirect_uri"] ?? "")
    back.searchParams.set("code", code)
    back.searchParams.set("state", asked["state"] ?? "")
    if (name === "google") back.searchParams.set("iss", "https://accounts.google.com")
    return back
  }

  async function token(name: Name, request: Request): Promise<Response> {
    expect(request.method).toBe("POST")
    expect(request.redirect).toBe("manual")
    const sent = new URLSearchParams(await request.text())
    expect(Object.fromEntries(sent)).toMatchObject({
      grant_type: "authorization_code",
      client_id: `${name}-id`,
      client_secret: `${name}-secret`,
    })
    const code = sent.get("code") ?? ""
    const grant = grants.get(code)
    grants.delete(code)
    const verifier = new TextEncoder().encode(sent.get("code_verifier") ?? "")
    const digest = Buffer.from(await crypto.subtle.digest("SHA-256", verifier))
    const isRight =
      grant?.name === name &&
      grant.redirectUri === sent.get("redirect_uri") &&
      grant.challenge === digest.toString("base64url")
    // GitHub refuses with a 200.
    if (!isRight && name === "github") return Response.json({ error: "bad_verification_code" })
    if (!isRight) return Response.json({ error: "invalid_grant" }, { status: 400 })
    const access = crypto.randomUUID()
    tokens.set(access, name)
    const answer = { access_token: access, token_type: "bearer" }
    if (name === "github") return Response.json({ ...answer, scope: "read:user,user:email" })
    if (name === "facebook") return Response.json({ ...answer, expires_in: 5_183_944 })
    return Response.json({
      access_token: access,
      token_type: "Bearer",
      expires_in: 3599,
      scope: "openid email",
      ...(!mischief.noIdToken && { id_token: await idToken(grant.nonce) }),
    })
  }

  async function idToken(nonce: string | null): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    const [given_name, family_name] = person.name.split(" ")
    const claims = {
      iss: "https://accounts.google.com",
      aud: "google-id",
      azp: "google-id",
      sub: person.subject,
      email: person.email,
      email_verified: person.verified,
      given_name,
      family_name,
      nonce,
      iat: now,
      exp: now + 3600,
      ...mischief.claims,
    }
    const { privateKey } = await (mischief.otherKey ? otherPair : keyPair)
    return new SignJWT(claims)
      .setProtectedHeader({ alg: "RS256", kid: "google-1", typ: "JWT" })
      .sign(privateKey)
  }

  function profile(url: string, request: Request): Response {
    const name = tokens.get(request.headers.get("authorization")?.replace(/^Bearer /, "") ?? "")
    expect(url).not.toContain("access_token")
    const { subject, email, verified, name: full } = person
    if (url === "https://api.github.com/user" && name === "github") {
      expect(request.headers.get("user-agent")).toBeTruthy()
      // What GitHub shows in public is whatever the person chose.
      return Response.json({
        id: Number(subject),
        login: "ada",
        name: full,
        email: "x@public.test",
      })
    }
    if (url === "https://api.github.com/user/emails" && name === "github") {
      return Response.json([
        { email: "second@example.com", primary: false, verified: true, visibility: null },
        ...(email ? [{ email, primary: true, verified, visibility: "public" }] : []),
      ])
    }
    if (url === "https://graph.facebook.com/me?fields=id,email,name" && name === "facebook")
      return Response.json({ id: subject, name: full, ...(email && { email }) })
    return Response.json({ message: "Bad credentials" }, { status: 401 })
  }

  async function answer(request: Request, signal?: AbortSignal | null): Promise<Response> {
    const { url } = request
    calls.push(url)
    const endpoints: Record<string, Name> = {
      "https://oauth2.googleapis.com/token": "google",
      "https://github.com/login/oauth/access_token": "github",
      "https://graph.facebook.com/oauth/access_token": "facebook",
    }
    const name = endpoints[url]
    if (name) return mischief.token ? mischief.token(signal) : token(name, request)
    if (url === "https://www.googleapis.com/oauth2/v3/certs") {
      const key = await exportJWK((await keyPair).publicKey)
      return Response.json({ keys: [{ ...key, kid: "google-1", alg: "RS256", use: "sig" }] })
    }
    if (/^https:\/\/(?:api\.github|graph\.facebook)\.com\//.test(url))
      return mischief.profile ? mischief.profile() : profile(url, request)
    throw new Error(`nobody is at ${url}`)
  }

  vi.spyOn(globalThis, "fetch").mockImplementation((input, init) =>
    answer(new Request(input as string, init), init?.signal),
  )
  return { authorize, person, mischief, calls }
}

/** A browser at the shop: keeps its one cookie, follows nothing by itself. */
export function browser(over: Record<string, unknown> = {}) {
  const jar = new Map<string, string>()
  async function open(path: string): Promise<Answer> {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ")
    const answer = await send("GET", path, {
      over: { ...settings, ...over },
      headers: { ...(cookie && { cookie }) },
    })
    for (const line of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (/max-age=0\b/i.test(line)) jar.delete(name)
      else jar.set(name, value)
    }
    return answer
  }
  return {
    jar,
    open,
    /** Where the shop sends this browser for a provider. */
    async begin(name: string, returnTo?: string): Promise<string> {
      const query = returnTo === undefined ? "" : `?return_to=${encodeURIComponent(returnTo)}`
      const answer = await open(`auth/oauth/${name}${query}`)
      expect([answer.status, answer.body]).toEqual([302, ""])
      return answer.headers.get("location") ?? ""
    },
    /** Comes back to where a provider sent it. */
    back: (url: URL): Promise<Answer> => open(`${url.pathname}${url.search}`),
  }
}
