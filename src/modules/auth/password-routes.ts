import { createRouter, json, ok, route } from "#http/router.ts"

import { Message } from "./model.ts"
import { PasswordChange, Reset, ResetRequest } from "./password-model.ts"
import * as passwords from "./passwords.ts"

const tags = ["Authentication"]
const change = {
  path: "/auth/password/change",
  tags,
  access: "user",
  request: { body: json(PasswordChange) },
  responses: ok(Message, "Changed"),
} as const

/** /auth/password/* */
export const routes = createRouter()
  .openapi(
    route({
      ...change,
      method: "post",
      operationId: "changePassword",
      summary: "Change your password",
      description: "Every session but this one ends, and you are told by mail.",
    }),
    async (c) => c.json(await passwords.change(c.var.ctx, c.req.valid("json")), 200),
  )
  .openapi(
    route({
      ...change,
      method: "put",
      operationId: "replacePassword",
      summary: "Change your password (PUT)",
      description: "The same as POST.",
    }),
    async (c) => c.json(await passwords.change(c.var.ctx, c.req.valid("json")), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/password/reset",
      tags,
      operationId: "requestPasswordReset",
      summary: "Ask for a link to reset a password",
      description:
        "The answer is the same whether or not there is such an account. The link works once, for 30 minutes; an older one ends.",
      access: "open",
      request: { body: json(ResetRequest) },
      responses: ok(Message, "Taken note of"),
    }),
    async (c) => c.json(await passwords.requestReset(c.var.ctx, c.req.valid("json").email), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/password/reset/confirm",
      tags,
      operationId: "resetPassword",
      summary: "Reset a password",
      description:
        "With the token of the mail. Every session of the account ends; sign in anew, with the second factor where there is one.",
      access: "open",
      request: { body: json(Reset) },
      responses: ok(Message, "Reset"),
    }),
    async (c) => c.json(await passwords.reset(c.var.ctx, c.req.valid("json")), 200),
  )
