import { z } from "zod"

import { id } from "#lib/shapes.ts"
import { Email, UserChanges } from "#modules/users/model.ts"

import { identityFields } from "./mfa-model.ts"

/**
 * What an account's owner may change of it. Everything else that is sent changes nothing (api.md 1.9), and so does an
 * `email` without the password.
 */
export const AccountChanges = UserChanges.extend({
  email: Email.optional().meta({
    description:
      "A new address: with `password` a link goes to it, and the account moves once that is opened. Without, it changes nothing",
  }),
  ...identityFields,
}).meta({
  id: "AccountChanges",
  example: { first_name: "Ada", last_name: "Lovelace", bio: "Collects keyboards." },
})
export type AccountChanges = z.infer<typeof AccountChanges>

/** What a mail proves. */
export const MailedToken = z
  .object({
    token: z
      .string()
      .min(1, "This field may not be blank.")
      .max(200, "At most 200 characters.")
      .meta({ example: "the token of the link in the mail" }),
  })
  .meta({ example: { token: "the token of the link in the mail" } })

/** An address that is now known to be its account's. */
export const Verified = z
  .object({
    message: z.string(),
    detail: z.string().meta({ example: "Email successfully verified" }),
    user: z.object({
      id: id("user", "usr_01kaeq4w8s0000000000000000"),
      email: z.string().meta({ example: "ada@nexus.test" }),
      is_verified: z.literal(true),
    }),
  })
  .meta({ id: "Verified" })
export type Verified = z.infer<typeof Verified>
