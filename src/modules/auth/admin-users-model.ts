import { z } from "zod"

import { Flag, pageOf, pageQuery, Version } from "#lib/shapes.ts"
import { User } from "#modules/users/model.ts"

const Role = z.enum(["customer", "staff", "admin"], {
  error: "A role is customer, staff or admin.",
})

/** An account as admins see it: as its owner does, and how often they changed it. */
export const Account = User.extend({ version: Version }).meta({ id: "Account" })
export type Account = z.infer<typeof Account>

/** A page of accounts. */
export const UserPage = pageOf(Account, "UserPage")

/** How the list of accounts is narrowed and cut into pages. */
export const UserQuery = z.object({
  search: z
    .string()
    .trim()
    .max(254, "At most 254 characters.")
    .optional()
    .meta({ description: "What the e-mail or the username starts with", example: "ada" }),
  role: Role.optional(),
  is_active: Flag.optional(),
  ...pageQuery,
})
export type UserQuery = z.infer<typeof UserQuery>

/** What admins may change of somebody else's account. */
export const Standing = z
  .object({
    role: Role.optional(),
    is_active: z.boolean({ error: "Must be true or false." }).optional(),
  })
  .meta({ example: { role: "staff" } })
export type Standing = z.infer<typeof Standing>
