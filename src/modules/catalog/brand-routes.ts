import { z } from "zod"

import { versioned } from "#http/etag.ts"
import { paged } from "#http/paging.ts"
import { created, createRouter, json, none, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import { Brand, BrandChanges, BrandPage, BrandQuery, NewBrand } from "./brand-model.ts"
import * as brands from "./brands.ts"

const tags = ["Brands"]
const params = z.object({
  brand: Ref.meta({ example: "apple", description: "Id, slug or name" }),
})
const change = {
  path: "/brands/{brand}",
  tags,
  access: "staff",
  scope: "catalog:write",
  request: { params, body: json(BrandChanges) },
  responses: ok(Brand, "The brand as it is now"),
  refuses: ["not-found"],
  versioned: true,
} as const

/** /brands/* */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/brands",
      tags,
      operationId: "listBrands",
      summary: "Browse the brands",
      description: "By name, with the number of their active products.",
      access: "public",
      shared: true,
      request: { query: BrandQuery },
      responses: ok(BrandPage, "A page of brands"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await brands.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/brands",
      tags,
      operationId: "createBrand",
      summary: "Make a brand",
      description: "Names are unique whatever the letter case.",
      access: "staff",
      scope: "catalog:write",
      request: { body: json(NewBrand) },
      responses: created(Brand, "The brand"),
    }),
    async (c) => c.json(versioned(c, await brands.create(c.var.ctx, c.req.valid("json"))), 201),
  )
  .openapi(
    route({
      method: "get",
      path: "/brands/{brand}",
      tags,
      operationId: "getBrand",
      summary: "Open a brand",
      description: "By id, slug or name; a slug that it had before leads to the one it has.",
      access: "public",
      shared: true,
      request: { params },
      responses: ok(Brand, "The brand"),
      refuses: ["not-found", "moved"],
      versioned: true,
    }),
    async (c) => c.json(versioned(c, await brands.get(c.var.ctx, c.req.valid("param").brand)), 200),
  )
  .openapi(
    route({
      ...change,
      method: "put",
      operationId: "replaceBrand",
      summary: "Change a brand (PUT)",
      description: "Fields that are left out stay as they are, as with PATCH.",
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await brands.update(c.var.ctx, c.req.valid("param").brand, c.req.valid("json")),
        ),
        200,
      ),
  )
  .openapi(
    route({
      ...change,
      method: "patch",
      operationId: "updateBrand",
      summary: "Change a brand",
      description: "Its products show its new name at once; its old slug leads to the new one.",
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await brands.update(c.var.ctx, c.req.valid("param").brand, c.req.valid("json")),
        ),
        200,
      ),
  )
  .openapi(
    route({
      method: "delete",
      path: "/brands/{brand}",
      tags,
      operationId: "deleteBrand",
      summary: "Remove a brand",
      description: "One without products, or any with `move_to`, whose its products become.",
      access: "staff",
      scope: "catalog:write",
      request: {
        params,
        query: z.object({ move_to: z.string().optional().meta({ description: "Another brand" }) }),
      },
      responses: none("Gone"),
      refuses: ["not-found", "brand-not-empty"],
      versioned: true,
    }),
    async (c) => {
      await brands.remove(c.var.ctx, c.req.valid("param").brand, c.req.valid("query").move_to)
      return c.body(null, 204)
    },
  )
