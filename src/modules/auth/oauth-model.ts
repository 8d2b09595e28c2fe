import { z } from "zod"

import { Instant } from "#lib/shapes.ts"

import { identityFields, MfaRequired } from "./mfa-model.ts"
import { SignedIn } from "./model.ts"

/** Where one can sign in. */
export const providerNames = ["google", "facebook", "github"] as const
export type ProviderName = (typeof providerNames)[number]

/** A provider in a path. One that is unknown or not set up is 404. */
export const ProviderParam = z.object({
  provider: z
    .string()
    .max(32)
    .meta({ description: "`google`, `facebook` or `github`", example: "github" }),
})

const ReturnTo = z.string().min(1).max(2000).optional().meta({
  description:
    "Where the browser goes afterwards: a path on this origin, or an address of an origin in `CORS_ORIGINS`. It arrives there with `#code=…`, or `#error=…` and the code of the refusal",
  example: "http://localhost:3000/signed-in",
})

/** Where to go after a sign-in. */
export const BeginQuery = z.object({ return_to: ReturnTo })

/** The same of a link to an account, and who asks for it, when they signed in more than 15 minutes ago. */
export const LinkRequest = z
  .object({ return_to: ReturnTo, ...identityFields })
  .meta({ example: { return_to: "http://localhost:3000/profile" } })
export type LinkRequest = z.infer<typeof LinkRequest>

/** What a provider sends along with the browser (RFC 6749 §4.1.2, RFC 9207). */
export const CallbackQuery = z.object({
  state: z.string().max(200).optional(),
  code: z.string().max(4096).optional(),
  iss: z.string().max(500).optional(),
  error: z.string().max(200).optional(),
})
export type CallbackQuery = z.infer<typeof CallbackQuery>

const OneUseCode = z.string().meta({
  description: "60 seconds, one use",
  example: "Yb3Vb0nVkq0c2dX9J6mJr4l1u0s5cWqkTgJ8zR7pM2E",
})

/** The code that `return_to` was called with. */
export const CodeRequest = z.object({
  code: z
    .string({ error: "This field is required." })
    .min(1, "This field may not be blank.")
    .max(200, "At most 200 characters.")
    .meta({ example: "the code behind the # of return_to" }),
})

/** Where to send the browser. */
export const ProviderUrl = z
  .object({
    url: z.string().meta({
      example: "https://github.com/login/oauth/authorize?client_id=…&code_challenge=…&state=…",
    }),
  })
  .meta({ id: "ProviderUrl" })
export type ProviderUrl = z.infer<typeof ProviderUrl>

/** The provider has said who it is; `POST /auth/identities` with this code links it. */
export const LinkCode = z.object({ message: z.string(), code: OneUseCode }).meta({ id: "LinkCode" })
export type LinkCode = z.infer<typeof LinkCode>

/** What a sign-in comes to: tokens, or a second factor first. */
export const SignInAnswer = z.union([SignedIn, MfaRequired])
export type SignInAnswer = z.infer<typeof SignInAnswer>

/** What a callback without `return_to` answers. */
export const CallbackAnswer = z.union([SignedIn, MfaRequired, LinkCode])
export type CallbackAnswer = z.infer<typeof CallbackAnswer>

/** An account at a provider that signs in to this one. */
export const LinkedIdentity = z
  .object({
    provider: z.enum(providerNames).meta({ example: "github" }),
    email: z
      .string()
      .nullable()
      .meta({ description: "As the provider said last", example: "ada@nexus.test" }),
    created_at: Instant,
    last_used_at: Instant,
  })
  .meta({ id: "LinkedIdentity" })
export type LinkedIdentity = z.infer<typeof LinkedIdentity>

/** All of an account; at most one at each provider, so this is never cut into pages. */
export const LinkedIdentities = z
  .object({
    count: z.int().meta({ example: 1 }),
    next: z.null(),
    previous: z.null(),
    results: z.array(LinkedIdentity),
  })
  .meta({ id: "LinkedIdentities" })
export type LinkedIdentities = z.infer<typeof LinkedIdentities>
