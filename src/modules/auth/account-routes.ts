import { createRouter, json, ok, route } from "#http/router.ts"
import { User } from "#modules/users/model.ts"

import { AccountChanges, MailedToken, Verified } from "./account-model.ts"
import * as account from "./account.ts"
import { Message } from "./model.ts"

const tags = ["Accounts"]
const change = {
  path: "/users/me",
  tags,
  access: "user",
  request: { body: json(AccountChanges) },
  responses: ok(User, "The profile as it is now"),
} as const

/** What an account's owner changes of it, and the links of its mails. */
export const routes = createRouter()
  .openapi(
    route({
      ...change,
      method: "put",
      operationId: "replaceMe",
      summary: "Change your profile (PUT)",
      description: "Fields that are left out stay as they are, as with PATCH.",
    }),
    async (c) => c.json(await account.updateMe(c.var.ctx, c.req.valid("json")), 200),
  )
  .openapi(
    route({
      ...change,
      method: "patch",
      operationId: "updateMe",
      summary: "Change your profile",
      description:
        "Role and whatever else is not yours to set are ignored. A new `email` together with your `password` (and a `code`, where your second factor is on) gets a link; your address changes when it is opened.",
    }),
    async (c) => c.json(await account.updateMe(c.var.ctx, c.req.valid("json")), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/auth/verify-email/{token}",
      tags,
      operationId: "openVerificationLink",
      summary: "Verify an address by the mailed link",
      description: "The link of the mail itself. It works once, for seven days.",
      access: "open",
      request: { params: MailedToken },
      responses: ok(Verified, "Verified"),
    }),
    async (c) => c.json(await account.verifyEmail(c.var.ctx, c.req.valid("param").token), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/verify-email",
      tags,
      operationId: "verifyEmail",
      summary: "Verify an address",
      description: "The same with the token in the body, for pages of your own.",
      access: "open",
      request: { body: json(MailedToken) },
      responses: ok(Verified, "Verified"),
    }),
    async (c) => c.json(await account.verifyEmail(c.var.ctx, c.req.valid("json").token), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/verify-email/resend",
      tags,
      operationId: "resendVerification",
      summary: "Get another verification mail",
      description: "The link before it ends. At most three an hour.",
      access: "user",
      responses: ok(Message, "On its way, or not needed"),
    }),
    async (c) => c.json(await account.resendVerification(c.var.ctx), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/email/confirm",
      tags,
      operationId: "confirmEmail",
      summary: "Confirm a new address",
      description:
        "With the token that was mailed to the new address, within an hour of PATCH /users/me. The old address is told.",
      access: "open",
      request: { body: json(MailedToken) },
      responses: ok(Verified, "The account has its new address"),
    }),
    async (c) => c.json(await account.confirmEmail(c.var.ctx, c.req.valid("json").token), 200),
  )
