import { z } from "zod"

import { paged } from "#http/paging.ts"
import { created, createRouter, json, none, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import { ApiKeyPage, ApiKeyQuery, MadeApiKey, NewApiKey } from "./api-keys-model.ts"
import * as apiKeys from "./api-keys.ts"

const tags = ["API keys"]

/** /auth/api-keys */
export const routes = createRouter()
  .openapi(
    route({
      method: "post",
      path: "/auth/api-keys",
      tags,
      operationId: "createApiKey",
      summary: "Make an API key",
      description:
        "For a program that acts as you, within `scopes`. The answer alone holds the key. Sent as `X-API-Key`, or as `Authorization: Bearer …`, it opens the operations whose `x-scope` it has, and everything public to read.",
      access: "admin",
      scope: "keys:write",
      request: { body: json(NewApiKey) },
      responses: created(MadeApiKey, "The key, this once"),
    }),
    async (c) => c.json(await apiKeys.create(c.var.ctx, c.req.valid("json")), 201),
  )
  .openapi(
    route({
      method: "get",
      path: "/auth/api-keys",
      tags,
      operationId: "listApiKeys",
      summary: "List the API keys",
      description: "All keys of the shop, newest first: first and last characters only.",
      access: "admin",
      scope: "keys:write",
      request: { query: ApiKeyQuery },
      responses: ok(ApiKeyPage, "A page of keys"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await apiKeys.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "delete",
      path: "/auth/api-keys/{key}",
      tags,
      operationId: "revokeApiKey",
      summary: "Revoke an API key",
      description: "It ends at once. The list keeps it, as revoked.",
      access: "admin",
      scope: "keys:write",
      request: {
        params: z.object({ key: Ref.meta({ example: "key_01kaeq4w8s0000000000000000" }) }),
      },
      responses: none("Revoked"),
      refuses: ["not-found"],
    }),
    async (c) => {
      await apiKeys.revoke(c.var.ctx, c.req.valid("param").key)
      return c.body(null, 204)
    },
  )
