import { createRouter, json, ok, route } from "#http/router.ts"

import { User, UserChanges } from "./model.ts"
import * as users from "./users.ts"

const tags = ["Accounts"]
const change = {
  path: "/users/me",
  tags,
  access: "user",
  request: { body: json(UserChanges) },
  responses: ok(User, "The profile as it is now"),
} as const

/** /users/me */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/users/me",
      tags,
      operationId: "getMe",
      summary: "Your profile",
      description: "The account that the token belongs to.",
      access: "user",
      responses: ok(User, "The profile"),
    }),
    async (c) => c.json(await users.me(c.var.ctx), 200),
  )
  .openapi(
    route({
      ...change,
      method: "put",
      operationId: "replaceMe",
      summary: "Change your profile (PUT)",
      description: "Fields that are left out stay as they are, as with PATCH.",
    }),
    async (c) => c.json(await users.updateMe(c.var.ctx, c.req.valid("json")), 200),
  )
  .openapi(
    route({
      ...change,
      method: "patch",
      operationId: "updateMe",
      summary: "Change your profile",
      description: "Role, e-mail and whatever else is not yours to set are ignored.",
    }),
    async (c) => c.json(await users.updateMe(c.var.ctx, c.req.valid("json")), 200),
  )
