import { z } from "zod"

import { spelled } from "#lib/shapes.ts"
import { Email } from "#modules/users/model.ts"

import { identityFields } from "./mfa-model.ts"
import { commonPasswords } from "./password-list.ts"

let common: ReadonlySet<string> | undefined

/** Whether a password is among the first that anybody tries: in the list, one short piece over and over, or a row of keys. */
function isCommon(password: string): boolean {
  const low = password.normalize("NFC").toLowerCase()
  common ??= new Set(commonPasswords.split(/\s+/).filter(Boolean))
  const isShort = low.length >= 8 && low.length <= 32
  return common.has(low) || (isShort && (/^(.{1,4}?)\1+$/su.test(low) || isRow(low)))
}

/** `12345678`, `hgfedcba`: each character is the next one, or each the one before. */
function isRow(text: string): boolean {
  const codes = Array.from(text, (char) => char.codePointAt(0) ?? 0)
  const steps = new Set(codes.slice(1).map((code, index) => code - (codes[index] ?? 0)))
  return steps.size === 1 && (steps.has(1) || steps.has(-1))
}

/** Whether a password is nothing but a name that its account goes by. */
export function isName(password: string, names: readonly (string | undefined)[]): boolean {
  const low = password.normalize("NFC").toLowerCase()
  return names.some((name) => name?.normalize("NFC").toLowerCase() === low)
}

/** What is said of a password for which `isName` holds. */
export const isNameDetail = "A password is not your e-mail or username."

/** NIST SP 800-63B: length counts, composition does not. Measured in NFC. Not one that everybody tries first. */
export const NewPassword = z
  .string()
  .refine(
    (password) => Array.from(password.normalize("NFC")).length >= 8,
    "A password has at least 8 characters.",
  )
  .refine(
    (password) => Array.from(password.normalize("NFC")).length <= 256,
    "A password has at most 256 characters.",
  )
  .refine(
    (password) => !isCommon(password),
    "This password is too common: it is among the first that are tried.",
  )
  .meta({ example: "correct horse battery" })

const Confirmation = z
  .string()
  .optional()
  .meta({ description: "The password again, if the form asks twice" })

function matching(
  given: { new_password: string; new_password_confirm?: string | undefined },
  refinement: z.RefinementCtx,
): void {
  const again = given.new_password_confirm
  if (again === undefined || again === given.new_password) return
  for (const path of ["new_password", "new_password_confirm"])
    refinement.addIssue({ code: "custom", path: [path], message: "The passwords do not match." })
}

const spellings = {
  password: "new_password",
  password_confirm: "new_password_confirm",
  password2: "new_password_confirm",
  re_password: "new_password_confirm",
}

/** A password in the place of another. */
export const PasswordChange = spelled(
  spellings,
  z
    .object({
      old_password: z
        .string()
        .min(1, "This field may not be blank.")
        .max(256, "At most 256 characters.")
        .meta({ example: "Nexus-demo-2026!" }),
      new_password: NewPassword,
      new_password_confirm: Confirmation,
      code: identityFields.code,
    })
    .superRefine(matching),
).meta({ example: { old_password: "Nexus-demo-2026!", new_password: "correct horse battery" } })
export type PasswordChange = z.infer<typeof PasswordChange>

/** Whose password is to be reset. */
export const ResetRequest = z
  .object({ email: Email })
  .meta({ example: { email: "ada@nexus.test" } })
export type ResetRequest = z.infer<typeof ResetRequest>

/** The new password, and what the mail proves. */
export const Reset = spelled(
  spellings,
  z
    .object({
      token: z
        .string()
        .min(1, "This field may not be blank.")
        .max(200, "At most 200 characters.")
        .meta({ example: "the token of the link in the mail" }),
      uid: z
        .string()
        .max(64)
        .optional()
        .meta({ description: "The account's id, where a client sends both" }),
      new_password: NewPassword,
      new_password_confirm: Confirmation,
    })
    .superRefine(matching),
).meta({
  example: { token: "the token of the link in the mail", new_password: "correct horse battery" },
})
export type Reset = z.infer<typeof Reset>
