import { z } from "zod"

import { id, Instant, isObject, line, pageOf, pageQuery, spelled } from "#lib/shapes.ts"
import { Email, User, Username } from "#modules/users/model.ts"

import { isName, isNameDetail, NewPassword } from "./password-model.ts"

/** A new account. */
export const Registration = spelled(
  { password2: "password_confirm", re_password: "password_confirm" },
  z
    .object({
      email: Email.meta({ example: "new@nexus.test" }),
      password: NewPassword,
      username: Username.optional().meta({ example: "newcomer" }),
      first_name: z.string().trim().max(150).optional().meta({ example: "New" }),
      last_name: z.string().trim().max(150).optional().meta({ example: "Comer" }),
      phone: z.string().trim().max(32).optional(),
      password_confirm: z
        .string()
        .optional()
        .meta({ description: "The password again, if the form asks twice" }),
    })
    .superRefine((account, refinement) => {
      if (account.password_confirm !== undefined && account.password_confirm !== account.password) {
        for (const path of ["password", "password_confirm"])
          refinement.addIssue({
            code: "custom",
            path: [path],
            message: "The passwords do not match.",
          })
      }
      if (isName(account.password, [account.email, account.username]))
        refinement.addIssue({ code: "custom", path: ["password"], message: isNameDetail })
    }),
).meta({
  example: {
    email: "new@nexus.test",
    username: "newcomer",
    password: "correct horse battery",
    first_name: "New",
    last_name: "Comer",
  },
})
export type Registration = z.infer<typeof Registration>

const Login = line(254)

/** Who signs in: `email` or `username`, either of which may hold the other. */
export const Credentials = z
  .object({
    email: Login.optional().meta({ description: "E-mail or username", example: "ada@nexus.test" }),
    username: Login.optional().meta({ description: "The same, where a form calls it so" }),
    password: z
      .string()
      .min(1, "This field may not be blank.")
      .max(256, "At most 256 characters.")
      .meta({ example: "Nexus-demo-2026!" }),
  })
  .refine(({ email, username }) => email ?? username, {
    path: ["email"],
    message: "This field is required.",
    when: isObject,
  })
  .meta({ example: { email: "ada@nexus.test", password: "Nexus-demo-2026!" } })
export type Credentials = z.infer<typeof Credentials>

const Access = z
  .string()
  .meta({ description: "Send it as `Authorization: Bearer …`", example: "eyJhbGciOiJFZERTQSJ9…" })
const Refresh = z.string().meta({
  description: "Buys the next pair once",
  example: "Yb3Vb0nVkq0c2dX9J6mJr4l1u0s5cWqkTgJ8zR7pM2E",
})

/** A pair of tokens. */
export const Tokens = z.object({ access: Access, refresh: Refresh }).meta({ id: "Tokens" })
export type Tokens = z.infer<typeof Tokens>

/** A sign-in that worked. */
export const SignedIn = z
  .object({ message: z.string(), user: User, access: Access, refresh: Refresh, tokens: Tokens })
  .meta({ id: "SignedIn" })
export type SignedIn = z.infer<typeof SignedIn>

const RefreshInput = z
  .string({ error: "This field is required." })
  .min(1, "This field may not be blank.")
  .max(200, "At most 200 characters.")

/** What rotates. */
export const RefreshRequest = spelled(
  { refresh_token: "refresh" },
  z.object({ refresh: RefreshInput.meta({ example: "the refresh token of your login" }) }),
)

/** What is looked at. */
export const VerifyRequest = z.object({
  token: z.string().min(1).max(8192).meta({ example: "the access token of your login" }),
})

/** What signs out; the session of the access token ends whether or not its refresh token is sent along. */
export const LogoutRequest = spelled(
  { refresh_token: "refresh" },
  z.object({ refresh: RefreshInput.optional() }),
).meta({ example: {} })
export type LogoutRequest = z.infer<typeof LogoutRequest>

/** A sentence for people. */
export const Message = z.object({ message: z.string(), detail: z.string() }).meta({ id: "Message" })
export type Message = z.infer<typeof Message>

/** Whether the caller is signed in, and as whom. */
export const AuthStatus = z
  .object({ authenticated: z.boolean().meta({ example: true }), user: User.nullable() })
  .meta({ id: "AuthStatus" })
export type AuthStatus = z.infer<typeof AuthStatus>

/** A security event. */
export const AuditEntry = z
  .object({
    id: id("audit", "aud_01kaeq4w8s0000000000000000"),
    action: z.string().meta({ example: "session.started" }),
    actor: z.string().meta({ description: "An account's id, `guest` or `system`" }),
    user: id("user", "usr_01kaeq4w8s0000000000000000").nullable(),
    details: z.record(z.string(), z.string()),
    address_prefix: z.string().meta({ example: "203.0.113.0/24" }),
    device: z.string().meta({ description: "The User-Agent", example: "curl/8.5.0" }),
    created_at: Instant,
  })
  .meta({ id: "AuditEntry" })
export type AuditEntry = z.infer<typeof AuditEntry>
/** A page of security events. */
export const AuditPage = pageOf(AuditEntry, "AuditPage")

/** How the audit is narrowed and cut into pages. */
export const AuditQuery = z.object({
  user: z.string().max(64).optional().meta({ description: "Whose account; admins only" }),
  action: z.string().max(64).optional(),
  ...pageQuery,
})
export type AuditQuery = z.infer<typeof AuditQuery>
