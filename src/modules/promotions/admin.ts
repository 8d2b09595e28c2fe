import { z } from "zod"

import { versioned } from "#http/etag.ts"
import { paged } from "#http/paging.ts"
import { created, createRouter, json, none, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import * as promotions from "./manage.ts"
import {
  MadeCodes,
  NewCodes,
  NewPromotion,
  Promotion,
  PromotionChanges,
  PromotionCodePage,
  PromotionCodeQuery,
  PromotionPage,
  PromotionQuery,
} from "./model.ts"

const tags = ["Promotions"]
const params = z.object({
  promotion: Ref.meta({ example: "prm_01kaeq4w8s0000000000000000", description: "Id or code" }),
})
const staff = { tags, access: "staff", scope: "promotions:write" } as const
const change = {
  ...staff,
  path: "/admin/promotions/{promotion}",
  request: { params, body: json(PromotionChanges) },
  responses: ok(Promotion, "The promotion as it is now"),
  refuses: ["not-found"],
  versioned: true,
} as const

/** /admin/promotions */
export const admin = createRouter()
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/promotions",
      operationId: "listPromotions",
      summary: "List the promotions",
      description: "Newest first, with how often each was used and what it took off.",
      request: { query: PromotionQuery },
      responses: ok(PromotionPage, "A page of promotions"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await promotions.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      ...staff,
      method: "post",
      path: "/admin/promotions",
      operationId: "createPromotion",
      summary: "Make a promotion",
      description:
        "With a `code` that customers enter in any letter case, or `automatic`. Combinable promotions are taken one after another, by `priority` and id; one that is not combinable is taken alone. Of all ways to use an order's promotions the one with the lowest total is taken. Limits hold however many order at once.",
      request: { body: json(NewPromotion) },
      responses: created(Promotion, "The promotion"),
    }),
    async (c) => c.json(versioned(c, await promotions.create(c.var.ctx, c.req.valid("json"))), 201),
  )
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/promotions/{promotion}",
      operationId: "getPromotion",
      summary: "Open a promotion",
      description: "By its id, or by one of its codes.",
      request: { params },
      responses: ok(Promotion, "The promotion"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) =>
      c.json(versioned(c, await promotions.get(c.var.ctx, c.req.valid("param").promotion)), 200),
  )
  .openapi(
    route({
      ...change,
      method: "put",
      operationId: "replacePromotion",
      summary: "Change a promotion (PUT)",
      description: "Fields that are left out stay as they are, as with PATCH.",
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await promotions.update(c.var.ctx, c.req.valid("param").promotion, c.req.valid("json")),
        ),
        200,
      ),
  )
  .openapi(
    route({
      ...change,
      method: "patch",
      operationId: "updatePromotion",
      summary: "Change a promotion",
      description:
        "Orders that have it keep what it was. `status: active` brings an archived one back.",
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await promotions.update(c.var.ctx, c.req.valid("param").promotion, c.req.valid("json")),
        ),
        200,
      ),
  )
  .openapi(
    route({
      ...staff,
      method: "delete",
      path: "/admin/promotions/{promotion}",
      operationId: "deletePromotion",
      summary: "Take a promotion away",
      description: "One that an order has used is kept, with `status: archived`.",
      request: { params },
      responses: none("Gone, or archived"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) => {
      await promotions.remove(c.var.ctx, c.req.valid("param").promotion)
      return c.body(null, 204)
    },
  )
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/promotions/{promotion}/codes",
      operationId: "listPromotionCodes",
      summary: "List a promotion's codes",
      description: "In their order, each with its uses.",
      request: { params, query: PromotionCodeQuery },
      responses: ok(PromotionCodePage, "A page of codes"),
      refuses: ["not-found", "invalid-page"],
    }),
    async (c) =>
      c.json(
        paged(
          c,
          await promotions.listCodes(
            c.var.ctx,
            c.req.valid("param").promotion,
            c.req.valid("query"),
          ),
        ),
        200,
      ),
  )
  .openapi(
    route({
      ...staff,
      method: "post",
      path: "/admin/promotions/{promotion}/codes",
      operationId: "createPromotionCodes",
      summary: "Make a batch of codes",
      description: "Up to 1000 at once, random, each good for one order unless said otherwise.",
      request: { params, body: json(NewCodes) },
      responses: created(MadeCodes, "The codes"),
      refuses: ["not-found"],
    }),
    async (c) =>
      c.json(
        await promotions.addCodes(c.var.ctx, c.req.valid("param").promotion, c.req.valid("json")),
        201,
      ),
  )
