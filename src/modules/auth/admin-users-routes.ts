import { z } from "zod"

import { versioned } from "#http/etag.ts"
import { paged } from "#http/paging.ts"
import { createRouter, json, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import { Account, Standing, UserPage, UserQuery } from "./admin-users-model.ts"
import * as adminUsers from "./admin-users.ts"
import * as audit from "./audit.ts"
import { AuditPage, AuditQuery } from "./model.ts"

const tags = ["Account administration"]
const params = z.object({ user: Ref.meta({ example: "usr_01kaeq4w8s0000000000000000" }) })

/** /admin/users, /admin/audit */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/admin/users",
      tags,
      operationId: "listUsers",
      summary: "List the accounts",
      description: "Newest first. Field to order by: date_joined.",
      access: "admin",
      scope: "users:read",
      request: { query: UserQuery },
      responses: ok(UserPage, "A page of accounts"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await adminUsers.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/admin/users/{user}",
      tags,
      operationId: "getUser",
      summary: "Open an account",
      description: "As its owner sees it.",
      access: "admin",
      scope: "users:read",
      versioned: true,
      request: { params },
      responses: ok(Account, "The account"),
      refuses: ["not-found"],
    }),
    async (c) =>
      c.json(versioned(c, await adminUsers.get(c.var.ctx, c.req.valid("param").user)), 200),
  )
  .openapi(
    route({
      method: "patch",
      path: "/admin/users/{user}",
      tags,
      operationId: "updateUser",
      summary: "Change an account's role, close or open it",
      description:
        "Somebody else's only; its sessions end. The shop keeps at least one active admin.",
      access: "admin",
      scope: "users:write",
      versioned: true,
      request: { params, body: json(Standing) },
      responses: ok(Account, "The account as it is now"),
      refuses: ["not-found", "last-admin"],
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await adminUsers.update(c.var.ctx, c.req.valid("param").user, c.req.valid("json")),
        ),
        200,
      ),
  )
  .openapi(
    route({
      method: "get",
      path: "/admin/audit",
      tags,
      operationId: "listAudit",
      summary: "Every security event",
      description: "Newest first; `user` and `action` narrow it.",
      access: "admin",
      scope: "audit:read",
      request: { query: AuditQuery },
      responses: ok(AuditPage, "A page of events"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await audit.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/users/me/audit",
      tags: ["Accounts"],
      operationId: "listMyAudit",
      summary: "What happened to your account",
      description: "Sign-ins, refusals, changes: newest first.",
      access: "user",
      request: { query: AuditQuery.omit({ user: true }) },
      responses: ok(AuditPage, "A page of events"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await audit.listOwn(c.var.ctx, c.req.valid("query"))), 200),
  )
