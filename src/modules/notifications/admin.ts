import { createMiddleware } from "hono/factory"

import { DomainError } from "#errors.ts"
import type { AppEnv } from "#http/env.ts"
import { paged } from "#http/paging.ts"
import { createRouter, ok, route } from "#http/router.ts"

import * as email from "./email.ts"
import { MailPage, MailQuery } from "./model.ts"

/** /admin/mailbox: only where mail stays in this database. Elsewhere there is no such path. */
export const admin = createRouter()

admin.use(
  "/admin/mailbox",
  createMiddleware<AppEnv>(async (c, next) => {
    if (c.var.ctx.config.mail.provider !== "local")
      throw new DomainError("not-found", `There is nothing at ${c.req.path}`)
    await next()
  }),
)
admin.openapi(
  {
    ...route({
      method: "get",
      path: "/admin/mailbox",
      tags: ["Administration"],
      operationId: "listMails",
      summary: "The mails of local development",
      description: "Newest first, nothing of it was sent. Only where `MAIL_PROVIDER` is `local`.",
      access: "admin",
      request: { query: MailQuery },
      responses: ok(MailPage, "A page of mails"),
      refuses: ["invalid-page"],
    }),
    // Not in the document: it is the same in production, where this path is nothing.
    hide: true,
  },
  async (c) => c.json(paged(c, await email.list(c.var.ctx, c.req.valid("query"))), 200),
)
