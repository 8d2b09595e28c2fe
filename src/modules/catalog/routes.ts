import { z } from "zod"

import { versioned } from "#http/etag.ts"
import { paged } from "#http/paging.ts"
import { created, createRouter, json, none, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import * as catalog from "./catalog.ts"
import * as lists from "./lists.ts"
import { NewProduct, Product, ProductChanges, ProductPage, ShownIn, ShownQuery } from "./model.ts"
import * as recommendations from "./recommendations.ts"
import * as related from "./related.ts"

const tags = ["Products"]
const params = z.object({ product: Ref.meta({ example: "1", description: "Id or slug" }) })
const change = {
  path: "/products/{product}",
  tags,
  access: "staff",
  scope: "catalog:write",
  request: { params, body: json(ProductChanges) },
  responses: ok(Product, "The product as it is now"),
  refuses: ["not-found"],
  versioned: true,
} as const
/** /products/* */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/products/featured",
      tags,
      operationId: "listFeaturedProducts",
      summary: "Featured products",
      description: "The newest of them, twelve a page.",
      access: "public",
      shared: true,
      request: { query: ShownQuery },
      responses: ok(ProductPage, "A page of products"),
      refuses: ["invalid-page", "rate-stale"],
    }),
    async (c) => c.json(paged(c, await lists.featured(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/products/latest",
      tags,
      operationId: "listLatestProducts",
      summary: "The newest products",
      description: "Newest first, twenty a page.",
      access: "public",
      shared: true,
      request: { query: ShownQuery },
      responses: ok(ProductPage, "A page of products"),
      refuses: ["invalid-page", "rate-stale"],
    }),
    async (c) => c.json(paged(c, await lists.latest(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/products",
      tags,
      operationId: "createProduct",
      summary: "Make a product",
      description:
        "The slug is made of the name, with `-1`, `-2`… where it is taken. `stock_quantity` goes into the product's stock object at once. A brand that is not known by its name is made.",
      access: "staff",
      scope: "catalog:write",
      request: { body: json(NewProduct) },
      responses: created(Product, "The product"),
    }),
    async (c) => c.json(versioned(c, await catalog.create(c.var.ctx, c.req.valid("json"))), 201),
  )
  .openapi(
    route({
      method: "get",
      path: "/products/{product}",
      tags,
      operationId: "getProduct",
      summary: "Open a product",
      description:
        "With its variants, pictures and category path; a slug that it had before leads to the one it has. Drafts and archived products are there for staff only.",
      access: "public",
      shared: true,
      request: { params, query: ShownIn },
      responses: ok(Product, "The product"),
      refuses: ["not-found", "moved", "rate-stale"],
      versioned: true,
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await catalog.get(c.var.ctx, c.req.valid("param").product, c.req.valid("query").currency),
        ),
        200,
      ),
  )
  .openapi(
    route({
      method: "get",
      path: "/products/{product}/related",
      tags,
      operationId: "listRelatedProducts",
      summary: "Products like this one",
      description:
        "Of its brand, its category or one of its tags; what they have more of in common with it comes first. At most 24.",
      access: "public",
      shared: true,
      request: { params, query: ShownQuery.omit({ ordering: true }) },
      responses: ok(ProductPage, "A page of products"),
      refuses: ["not-found", "moved", "invalid-page", "rate-stale"],
    }),
    async (c) =>
      c.json(
        paged(c, await related.list(c.var.ctx, c.req.valid("param").product, c.req.valid("query"))),
        200,
      ),
  )
  .openapi(
    route({
      method: "get",
      path: "/recommendations",
      tags,
      operationId: "listRecommendations",
      summary: "Products for you",
      description:
        "What goes with what you last bought, put in your cart or wished for: bought together with it by others, or of its brand, category or tags. Without what your last ten orders, your cart or your newest wishes have, and without what cannot be bought now. An account of which nothing is known gets featured products, then the best rated. At most 24.",
      access: "user",
      request: { query: ShownQuery.omit({ ordering: true }) },
      responses: ok(ProductPage, "A page of products"),
      refuses: ["invalid-page", "rate-stale"],
    }),
    async (c) => c.json(paged(c, await recommendations.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      ...change,
      method: "put",
      operationId: "replaceProduct",
      summary: "Change a product (PUT)",
      description: "Fields that are left out stay as they are, as with PATCH.",
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await catalog.update(c.var.ctx, c.req.valid("param").product, c.req.valid("json")),
        ),
        200,
      ),
  )
  .openapi(
    route({
      ...change,
      method: "patch",
      operationId: "updateProduct",
      summary: "Change a product",
      description:
        "`stock_quantity` sets the stock of a product without variants, as a correction.",
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await catalog.update(c.var.ctx, c.req.valid("param").product, c.req.valid("json")),
        ),
        200,
      ),
  )
  .openapi(
    route({
      method: "delete",
      path: "/products/{product}",
      tags,
      operationId: "deleteProduct",
      summary: "Remove a product",
      description:
        "One that was ordered, or lies in a cart, is archived instead: past orders never change.",
      access: "staff",
      scope: "catalog:write",
      request: { params },
      responses: none("Gone"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) => {
      await catalog.remove(c.var.ctx, c.req.valid("param").product)
      return c.body(null, 204)
    },
  )
