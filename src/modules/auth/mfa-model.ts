import { z } from "zod"

const Code = z
  .string({ error: "A code is required." })
  .trim()
  .min(1, "This field may not be blank.")
  .max(64, "At most 64 characters.")
  .meta({
    description: "Six digits of the app, or a recovery code; spaces and hyphens do not matter",
    example: "287082",
  })

/**
 * What a signed-in person sends to show again who they are: the fields for a body of `confirmIdentity`. Which of
 * them are needed is the verb's to say, in one answer.
 */
export const identityFields = {
  password: z
    .string()
    .max(256, "At most 256 characters.")
    .optional()
    .meta({ description: "Your password", example: "Nexus-demo-2026!" }),
  code: Code.optional().meta({
    description: "A code of the app or a recovery code; needed when the second factor is on",
    example: "287082",
  }),
}

/** Who a signed-in person says again to be. */
export const Identity = z
  .object(identityFields)
  .meta({ example: { password: "Nexus-demo-2026!", code: "287082" } })
export type Identity = z.infer<typeof Identity>

/** The first factor was right; the second is wanted. */
export const MfaRequired = z
  .object({
    mfa_required: z.literal(true),
    mfa_token: z.string().meta({
      description: "For `/auth/mfa/challenge`: 5 minutes, one right code. It opens nothing else",
      example: "Yb3Vb0nVkq0c2dX9J6mJr4l1u0s5cWqkTgJ8zR7pM2E",
    }),
    methods: z.array(z.enum(["totp", "recovery_code"])).meta({ example: ["totp"] }),
  })
  .meta({ id: "MfaRequired" })
export type MfaRequired = z.infer<typeof MfaRequired>

/** The second step of a sign-in. */
export const MfaChallenge = z
  .object({
    mfa_token: z
      .string({ error: "This field is required." })
      .min(1, "This field may not be blank.")
      .max(200, "At most 200 characters.")
      .meta({ example: "the mfa_token of your login" }),
    code: Code,
  })
  .meta({ example: { mfa_token: "the mfa_token of your login", code: "287082" } })
export type MfaChallenge = z.infer<typeof MfaChallenge>

/** One code. */
export const OneCode = z.object({ code: Code }).meta({ example: { code: "287082" } })
export type OneCode = z.infer<typeof OneCode>

/** What an authenticator app is set up with. It counts for nothing until a first code confirms it. */
export const Enrolment = z
  .object({
    secret: z.string().meta({
      description: "Base32, to be typed where there is no camera",
      example: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
    }),
    otpauth_uri: z.string().meta({
      example:
        "otpauth://totp/Nexus:ada%40nexus.test?issuer=Nexus&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&algorithm=SHA1&digits=6&period=30",
    }),
    qr_svg: z.string().meta({ description: "The URI as a QR code", example: "<svg …></svg>" }),
  })
  .meta({ id: "Enrolment" })
export type Enrolment = z.infer<typeof Enrolment>

/** Ten codes for the day the app is lost. Shown this once. */
export const RecoveryCodes = z
  .object({
    recovery_codes: z.array(z.string()).meta({
      description: "Each works once",
      example: ["4f0kz-9x2mq-t7wb1-c8dna-56hjrv"],
    }),
  })
  .meta({ id: "RecoveryCodes" })
export type RecoveryCodes = z.infer<typeof RecoveryCodes>

/** How an account's sign-in is guarded. */
export const MfaState = z
  .object({
    enabled: z.boolean().meta({ example: true }),
    recovery_codes_left: z.int().meta({ example: 10 }),
    passkeys: z.int().meta({ description: "How many passkeys there are", example: 1 }),
  })
  .meta({ id: "MfaState" })
export type MfaState = z.infer<typeof MfaState>
