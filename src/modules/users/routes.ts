import { createRouter, ok, route } from "#http/router.ts"

import { User } from "./model.ts"
import * as users from "./users.ts"

const tags = ["Accounts"]

/** /users/me; what changes it stands in `auth/account-routes.ts`. */
export const routes = createRouter().openapi(
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
