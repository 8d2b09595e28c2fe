import { z } from "zod"

import { Instant, line, pageOf, pageQuery } from "#lib/shapes.ts"

import { identityFields } from "./mfa-model.ts"

/** Bytes in base64url, as `PublicKeyCredential.toJSON()` writes them. */
function bytes(longest: number) {
  return z
    .string({ error: "This field is required." })
    .min(1, "This field may not be blank.")
    .max(longest, `At most ${longest} characters.`)
    .regex(/^[\w-]+$/, "Expected base64url.")
}

const credential = {
  id: bytes(1400).meta({ example: "4mWJ0S7mJm0u3l0rB3m0Yw" }),
  rawId: bytes(1400),
  type: z.literal("public-key"),
  clientExtensionResults: z.record(z.string(), z.unknown()).default({}),
}

/** What `navigator.credentials.create()` answered, as JSON (WebAuthn §5.1). */
const Attestation = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: bytes(8192),
    attestationObject: bytes(65_536),
    transports: z.array(z.string().max(32)).max(10).optional(),
  }),
})
export type Attestation = z.infer<typeof Attestation>

/** What `navigator.credentials.get()` answered, as JSON. */
const Assertion = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: bytes(8192),
    authenticatorData: bytes(8192),
    signature: bytes(8192),
    userHandle: bytes(128),
  }),
})
export type Assertion = z.infer<typeof Assertion>

/** The start of a registration: what shows who asks, unless they signed in within the last 15 minutes. */
export const PasskeyBeginning = z
  .object(identityFields)
  .meta({ example: { password: "Nexus-demo-2026!" } })

/** A new passkey. */
export const NewPasskey = z
  .object({
    response: Attestation.meta({ description: "The browser's answer to the options" }),
    name: line(64).default("Passkey").meta({ example: "Ada's phone" }),
  })
  .meta({
    example: {
      name: "Ada's phone",
      response: {
        id: "4mWJ0S7mJm0u3l0rB3m0Yw",
        rawId: "4mWJ0S7mJm0u3l0rB3m0Yw",
        type: "public-key",
        response: {
          clientDataJSON: "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIn0",
          attestationObject: "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YQ",
        },
        clientExtensionResults: {},
      },
    },
  })
export type NewPasskey = z.infer<typeof NewPasskey>

/** A sign-in by passkey. */
export const PasskeyLogin = z
  .object({ response: Assertion.meta({ description: "The browser's answer to the options" }) })
  .meta({
    example: {
      response: {
        id: "4mWJ0S7mJm0u3l0rB3m0Yw",
        rawId: "4mWJ0S7mJm0u3l0rB3m0Yw",
        type: "public-key",
        response: {
          clientDataJSON: "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIn0",
          authenticatorData: "SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MF",
          signature: "MEUCIQDxK3cAFYm0",
          userHandle: "dXNyXzAxa2FlcTR3OHMw",
        },
        clientExtensionResults: {},
      },
    },
  })
export type PasskeyLogin = z.infer<typeof PasskeyLogin>

/** What goes into `navigator.credentials.create()`, by `PublicKeyCredential.parseCreationOptionsFromJSON()`. */
export const CreationOptions = z
  .looseObject({
    challenge: z.string(),
    rp: z.looseObject({ id: z.string().meta({ example: "localhost" }), name: z.string() }),
    user: z.looseObject({ id: z.string(), name: z.string(), displayName: z.string() }),
    pubKeyCredParams: z.array(z.looseObject({ alg: z.int(), type: z.literal("public-key") })),
    excludeCredentials: z.array(z.looseObject({ id: z.string() })),
  })
  .meta({
    id: "PasskeyCreationOptions",
    description: "WebAuthn PublicKeyCredentialCreationOptionsJSON",
  })
export type CreationOptions = z.infer<typeof CreationOptions>

/** What goes into `navigator.credentials.get()`, by `PublicKeyCredential.parseRequestOptionsFromJSON()`. */
export const RequestOptions = z
  .looseObject({
    challenge: z.string(),
    rpId: z.string().meta({ example: "localhost" }),
    userVerification: z.literal("required"),
  })
  .meta({
    id: "PasskeyRequestOptions",
    description: "WebAuthn PublicKeyCredentialRequestOptionsJSON",
  })
export type RequestOptions = z.infer<typeof RequestOptions>

/** A passkey, as its owner sees it. */
export const Passkey = z
  .object({
    id: z.string().meta({ description: "The credential id", example: "4mWJ0S7mJm0u3l0rB3m0Yw" }),
    name: z.string().meta({ example: "Ada's phone" }),
    transports: z.array(z.string()).meta({ example: ["internal", "hybrid"] }),
    created_at: Instant,
    last_used_at: Instant.nullable(),
  })
  .meta({ id: "Passkey" })
export type Passkey = z.infer<typeof Passkey>
/** A page of passkeys. */
export const PasskeyPage = pageOf(Passkey, "PasskeyPage")

/** How the list is cut into pages. */
export const PasskeyQuery = z.object(pageQuery)
export type PasskeyQuery = z.infer<typeof PasskeyQuery>
