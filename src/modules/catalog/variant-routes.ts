import { z } from "zod"

import { versioned } from "#http/etag.ts"
import { created, createRouter, json, none, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import { NewVariant, ShownIn, Variant, VariantChanges } from "./model.ts"
import * as variants from "./variants.ts"

const tags = ["Products"]
const params = z.object({ product: Ref.meta({ example: "72", description: "Id or slug" }) })
const variantParams = params.extend({
  variant: Ref.meta({ example: "TOOL-003-M", description: "Id or SKU" }),
})
const changeVariant = {
  path: "/products/{product}/variants/{variant}",
  tags,
  access: "staff",
  scope: "catalog:write",
  request: { params: variantParams, body: json(VariantChanges) },
  responses: ok(Variant, "The variant as it is now"),
  refuses: ["not-found"],
  versioned: true,
} as const

/** /products/{p}/variants/* */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/products/{product}/variants",
      tags,
      operationId: "listVariants",
      summary: "The forms a product comes in",
      description: "Empty for a plain product.",
      access: "public",
      shared: true,
      request: { params, query: ShownIn },
      responses: ok(z.array(Variant), "The variants"),
      refuses: ["not-found", "moved", "rate-stale"],
    }),
    async (c) => {
      const { currency } = c.req.valid("query")
      return c.json(await variants.list(c.var.ctx, c.req.valid("param").product, currency), 200)
    },
  )
  .openapi(
    route({
      method: "post",
      path: "/products/{product}/variants",
      tags,
      operationId: "createVariant",
      summary: "Add a variant",
      description: "With one value for each option of the product.",
      access: "staff",
      scope: "catalog:write",
      request: { params, body: json(NewVariant) },
      responses: created(Variant, "The variant"),
      refuses: ["not-found"],
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await variants.create(c.var.ctx, c.req.valid("param").product, c.req.valid("json")),
        ),
        201,
      ),
  )
  .openapi(
    route({
      method: "get",
      path: "/products/{product}/variants/{variant}",
      tags,
      operationId: "getVariant",
      summary: "Open a variant",
      description: "By id or SKU.",
      access: "public",
      shared: true,
      request: { params: variantParams, query: ShownIn },
      responses: ok(Variant, "The variant"),
      refuses: ["not-found", "moved", "rate-stale"],
      versioned: true,
    }),
    async (c) => {
      const { product, variant } = c.req.valid("param")
      const { currency } = c.req.valid("query")
      return c.json(versioned(c, await variants.get(c.var.ctx, product, variant, currency)), 200)
    },
  )
  .openapi(
    route({
      ...changeVariant,
      method: "put",
      operationId: "replaceVariant",
      summary: "Change a variant (PUT)",
      description: "Fields that are left out stay as they are, as with PATCH.",
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await variants.update(
            c.var.ctx,
            c.req.valid("param").product,
            c.req.valid("param").variant,
            c.req.valid("json"),
          ),
        ),
        200,
      ),
  )
  .openapi(
    route({
      ...changeVariant,
      method: "patch",
      operationId: "updateVariant",
      summary: "Change a variant",
      description: "`stock_quantity` sets its stock, as a correction.",
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await variants.update(
            c.var.ctx,
            c.req.valid("param").product,
            c.req.valid("param").variant,
            c.req.valid("json"),
          ),
        ),
        200,
      ),
  )
  .openapi(
    route({
      method: "delete",
      path: "/products/{product}/variants/{variant}",
      tags,
      operationId: "deleteVariant",
      summary: "Take a variant out of sale",
      description: "Orders go on naming it; its SKU is free again.",
      access: "staff",
      scope: "catalog:write",
      request: { params: variantParams },
      responses: none("Gone"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) => {
      await variants.remove(c.var.ctx, c.req.valid("param").product, c.req.valid("param").variant)
      return c.body(null, 204)
    },
  )
