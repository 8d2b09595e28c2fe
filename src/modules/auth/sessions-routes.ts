import { z } from "zod"

import { paged } from "#http/paging.ts"
import { createRouter, none, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import * as sessionList from "./session-list.ts"
import { SessionPage, SessionQuery } from "./sessions-model.ts"

const tags = ["Authentication"]

/** /auth/sessions */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/auth/sessions",
      tags,
      operationId: "listSessions",
      summary: "Where you are signed in",
      description: "Your live sessions, newest first.",
      access: "user",
      request: { query: SessionQuery },
      responses: ok(SessionPage, "A page of sessions"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await sessionList.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "delete",
      path: "/auth/sessions/{session}",
      tags,
      operationId: "endSession",
      summary: "Sign a device out",
      description:
        "Ends one of your sessions: its refresh token at once, its access token everywhere within 60 s.",
      access: "user",
      request: {
        params: z.object({ session: Ref.meta({ example: "ses_01kaeq4w8s0000000000000000" }) }),
      },
      responses: none("Signed out"),
      refuses: ["not-found"],
    }),
    async (c) => {
      await sessionList.endOne(c.var.ctx, c.req.valid("param").session)
      return c.body(null, 204)
    },
  )
