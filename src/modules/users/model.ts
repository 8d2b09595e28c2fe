import { z } from "zod"

import { id, Instant, line } from "#lib/shapes.ts"

const Name = z.string().trim().max(150, "At most 150 characters.")

const profile = {
  first_name: Name.meta({ example: "Ada" }),
  last_name: Name.meta({ example: "Lovelace" }),
  phone: z
    .string()
    .trim()
    .max(32)
    .regex(/^[+\d][\d ()./-]*$|^$/, "Enter a valid phone number.")
    .meta({ example: "+254712345678" }),
  gender: z
    .enum(["M", "F", "O", "N"])
    .nullable()
    .meta({ description: "M, F, other, or not said", example: "N" }),
  date_of_birth: z.iso.date().nullable().meta({ example: "1998-08-20" }),
  bio: z.string().max(2000).meta({ example: "Collects keyboards." }),
  website: z
    .union([z.literal(""), z.url({ protocol: /^https?$/ })])
    .meta({ type: "string", example: "https://ada.example" }),
  avatar: z
    .union([z.literal(""), z.url({ protocol: /^https$/ })])
    .meta({ type: "string", description: "A picture's https address", example: "" }),
  preferences: z.record(z.string().max(64), z.unknown()).meta({
    description: "Whatever the client keeps for this person, at most 16 KiB",
    example: { theme: "dark" },
  }),
  email_notifications: z.boolean().meta({ example: true }),
  push_notifications: z.boolean().meta({ example: true }),
}

/** An account, as its owner and admins see it. */
export const User = z
  .object({
    id: id("user", "usr_01kaeq4w8s0000000000000000"),
    username: z.string().meta({ example: "ada" }),
    email: z.string().meta({ example: "ada@nexus.test" }),
    full_name: z.string().meta({ example: "Ada Lovelace" }),
    role: z.enum(["customer", "staff", "admin"]).meta({ example: "customer" }),
    is_staff: z.boolean().meta({ example: false }),
    is_active: z.boolean().meta({ example: true }),
    is_verified: z.boolean().meta({ example: true }),
    mfa_enabled: z.boolean().meta({ example: false }),
    date_joined: Instant,
    last_login: Instant.nullable(),
    ...profile,
  })
  .meta({ id: "User" })
export type User = z.infer<typeof User>

/** What an account's owner may change. Everything else that is sent changes nothing (api.md 1.9). */
export const UserChanges = z
  .object({
    ...profile,
    preferences: profile.preferences.refine(
      (kept) => JSON.stringify(kept).length <= 16_384,
      "At most 16 KiB.",
    ),
    date_of_birth: profile.date_of_birth.refine(
      (date) =>
        date === null || (date >= "1900-01-01" && date <= new Date().toISOString().slice(0, 10)),
      "Enter a date of birth that is past.",
    ),
  })
  .partial()
  .meta({
    id: "UserChanges",
    example: { first_name: "Ada", last_name: "Lovelace", bio: "Collects keyboards." },
  })
export type UserChanges = z.infer<typeof UserChanges>

/** An e-mail address on its way in: lower-case, NFC. */
export const Email = z
  .string()
  .trim()
  .max(254, "At most 254 characters.")
  .transform((email) => email.normalize("NFC").toLowerCase())
  .pipe(z.email())
  .meta({ type: "string", format: "email", example: "ada@nexus.test" })

/** A name to sign in with. */
export const Username = line(150)
  .regex(/^[\w.@+-]+$/, "Enter a valid username: letters, digits and @ . + - _ only.")
  .meta({ example: "ada" })
