import { z } from "zod"

import type { AppContext } from "#http/env.ts"
import { versioned } from "#http/etag.ts"
import { paged } from "#http/paging.ts"
import { created, createRouter, json, none, ok, route } from "#http/router.ts"
import { pageQuery, Ref } from "#lib/shapes.ts"

import * as catalog from "./catalog.ts"
import * as lists from "./lists.ts"
import * as media from "./media.ts"
import { Image, NewProduct, Product, ProductChanges, ProductPage } from "./model.ts"
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
      request: { query: z.object(pageQuery) },
      responses: ok(ProductPage, "A page of products"),
      refuses: ["invalid-page"],
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
      request: { query: z.object(pageQuery) },
      responses: ok(ProductPage, "A page of products"),
      refuses: ["invalid-page"],
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
      request: { params },
      responses: ok(Product, "The product"),
      refuses: ["not-found", "moved"],
      versioned: true,
    }),
    async (c) =>
      c.json(versioned(c, await catalog.get(c.var.ctx, c.req.valid("param").product)), 200),
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
      request: { params, query: z.object(pageQuery).omit({ ordering: true }) },
      responses: ok(ProductPage, "A page of products"),
      refuses: ["not-found", "moved", "invalid-page"],
    }),
    async (c) =>
      c.json(
        paged(c, await related.list(c.var.ctx, c.req.valid("param").product, c.req.valid("query"))),
        200,
      ),
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
  .openapi(
    route({
      method: "post",
      path: "/products/{product}/images",
      tags,
      operationId: "addImage",
      summary: "Add a picture",
      description:
        "A form with the field `image` (or `file`), or the picture itself as the body. PNG, JPEG, WebP, GIF or AVIF by content, at most 10 MiB; no SVG. The first one is primary.",
      access: "staff",
      scope: "catalog:write",
      request: {
        params,
        body: {
          required: true,
          content: {
            "multipart/form-data": {
              schema: z.object({
                // Not required here: it may be called `file`, or the body may be the picture itself.
                image: z.any().optional().meta({ type: "string", format: "binary" }),
                file: z.any().optional().meta({ type: "string", format: "binary" }),
                alt_text: z.string().optional(),
                is_primary: z.string().optional(),
              }),
            },
            "image/*": { schema: z.any().meta({ type: "string", format: "binary" }) },
          },
        },
      },
      responses: created(Image, "The picture"),
      refuses: ["not-found", "body-too-large", "unsupported-media-type"],
      // A form has lines of its own around the picture; `media.add` measures the picture itself.
      uploads: media.largestImage + 64 * 1024,
    }),
    async (c) =>
      c.json(await media.add(c.var.ctx, c.req.valid("param").product, await received(c)), 201),
  )

/** The picture of a form, or of a body that is one. What is neither has no bytes, and is refused as no picture. */
async function received(c: AppContext): Promise<media.Upload> {
  if (!/^multipart\/form-data/i.test(c.req.header("content-type") ?? "")) {
    return { bytes: await c.req.arrayBuffer(), altText: "", isPrimary: false }
  }
  const form = await c.req.formData()
  const file = form.get("image") ?? form.get("file")
  const altText = form.get("alt_text")
  const bytes = file instanceof File ? await file.arrayBuffer() : new ArrayBuffer(0)
  return {
    bytes,
    altText: typeof altText === "string" ? altText.slice(0, 300) : "",
    isPrimary: form.get("is_primary") === "true",
  }
}
