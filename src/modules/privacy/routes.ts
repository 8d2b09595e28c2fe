import { createRouter, json, none, ok, route } from "#http/router.ts"

import { Erasure, PersonalData } from "./model.ts"
import * as privacy from "./privacy.ts"

const tags = ["Accounts"]

/** GET /users/me/export, DELETE /users/me */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/users/me/export",
      tags,
      operationId: "exportMe",
      summary: "Everything we hold about you",
      description:
        "Profile, addresses, orders, cart, sessions, security events, linked accounts and mails, as one JSON document.",
      access: "user",
      responses: ok(PersonalData, "All of it"),
    }),
    async (c) => {
      const data = await privacy.exportMe(c.var.ctx)
      c.header("Content-Disposition", 'attachment; filename="nexus-export.json"')
      return c.json(data, 200)
    },
  )
  .openapi(
    route({
      method: "delete",
      path: "/users/me",
      tags,
      operationId: "eraseMe",
      summary: "Erase your account",
      description:
        "Takes who you are out of the account and its orders, and ends every session. It cannot be undone. Orders keep their numbers and amounts: the law asks for those.",
      access: "user",
      request: { body: json(Erasure) },
      responses: none("Erased"),
      refuses: ["last-admin"],
    }),
    async (c) => {
      await privacy.eraseMe(c.var.ctx, c.req.valid("json"))
      return c.body(null, 204)
    },
  )
