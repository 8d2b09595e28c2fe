import { z } from "zod"

import { versioned } from "#http/etag.ts"
import { paged } from "#http/paging.ts"
import { accepted, created, createRouter, json, none, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import {
  IndexStatus,
  NewSynonym,
  Synonym,
  SynonymChanges,
  SynonymPage,
  SynonymQuery,
} from "./model.ts"
import * as rebuild from "./rebuild.ts"
import * as synonyms from "./synonyms.ts"

const tags = ["Search administration"]
const params = z.object({
  synonym: Ref.meta({ example: "syn_01kaeq4w8s0000000000000000", description: "Id" }),
})
const change = {
  path: "/admin/search/synonyms/{synonym}",
  tags,
  access: "staff",
  scope: "catalog:write",
  versioned: true,
  request: { params, body: json(SynonymChanges) },
  responses: ok(Synonym, "The synonym as it is now"),
  refuses: ["not-found"],
} as const

/** /admin/search/* */
export const admin = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/admin/search/synonyms",
      tags,
      operationId: "listSynonyms",
      summary: "The synonyms",
      description: "The newest first.",
      access: "staff",
      scope: "catalog:write",
      request: { query: SynonymQuery },
      responses: ok(SynonymPage, "A page of synonyms"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await synonyms.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/admin/search/synonyms",
      tags,
      operationId: "createSynonym",
      summary: "Make a synonym",
      description:
        "Terms that mean the same, of one word or a few: a search for one finds the others too. With a `source` only a search for that finds the terms. Searches know it at once; nothing is indexed anew.",
      access: "staff",
      scope: "catalog:write",
      request: { body: json(NewSynonym) },
      responses: created(Synonym, "The synonym"),
    }),
    async (c) => c.json(versioned(c, await synonyms.create(c.var.ctx, c.req.valid("json"))), 201),
  )
  .openapi(
    route({
      method: "get",
      path: "/admin/search/synonyms/{synonym}",
      tags,
      operationId: "getSynonym",
      summary: "Open a synonym",
      description: "Its terms.",
      access: "staff",
      scope: "catalog:write",
      versioned: true,
      request: { params },
      responses: ok(Synonym, "The synonym"),
      refuses: ["not-found"],
    }),
    async (c) =>
      c.json(versioned(c, await synonyms.get(c.var.ctx, c.req.valid("param").synonym)), 200),
  )
  .openapi(
    route({
      ...change,
      method: "put",
      operationId: "replaceSynonym",
      summary: "Change a synonym (PUT)",
      description: "Fields that are left out stay as they are, as with PATCH.",
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await synonyms.update(c.var.ctx, c.req.valid("param").synonym, c.req.valid("json")),
        ),
        200,
      ),
  )
  .openapi(
    route({
      ...change,
      method: "patch",
      operationId: "updateSynonym",
      summary: "Change a synonym",
      description: "Searches know it at once.",
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await synonyms.update(c.var.ctx, c.req.valid("param").synonym, c.req.valid("json")),
        ),
        200,
      ),
  )
  .openapi(
    route({
      method: "delete",
      path: "/admin/search/synonyms/{synonym}",
      tags,
      operationId: "deleteSynonym",
      summary: "Remove a synonym",
      description: "Its terms find themselves only.",
      access: "staff",
      scope: "catalog:write",
      versioned: true,
      request: { params },
      responses: none("Gone"),
      refuses: ["not-found"],
    }),
    async (c) => {
      await synonyms.remove(c.var.ctx, c.req.valid("param").synonym)
      return c.body(null, 204)
    },
  )
  .openapi(
    route({
      method: "post",
      path: "/admin/search/rebuild",
      tags,
      operationId: "rebuildIndex",
      summary: "Build the search index anew",
      description:
        "Beside the one that is searched, which stays until the new one is whole; changes meanwhile go into both. While one is being built no other begins.",
      access: "staff",
      scope: "catalog:write",
      responses: accepted(IndexStatus, "It has begun"),
    }),
    async (c) => c.json(await rebuild.rebuild(c.var.ctx), 202),
  )
  .openapi(
    route({
      method: "get",
      path: "/admin/search/rebuild",
      tags,
      operationId: "getIndexStatus",
      summary: "How far the search index is",
      description: "Which one is searched, and what is built beside it.",
      access: "staff",
      scope: "catalog:write",
      responses: ok(IndexStatus, "The index"),
    }),
    async (c) => c.json(await rebuild.status(c.var.ctx), 200),
  )
