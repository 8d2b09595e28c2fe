import { z } from "zod"

import { created, createRouter, json, none, ok, route } from "#http/router.ts"
import { received } from "#http/upload.ts"
import { Ref } from "#lib/shapes.ts"

import { Image, MediaChanges, MediaFields, mediaKinds, MediaOrder } from "./media-model.ts"
import * as uploads from "./media-upload.ts"
import * as media from "./media.ts"

const tags = ["Products"]
const params = z.object({ product: Ref.meta({ example: "1", description: "Id or slug" }) })
const imageParams = params.extend({
  image: z.string().max(100).meta({ example: "med_01kaeq4w8s0000000000000000" }),
})
// Plain schemas: a zod one would have the form read whole, before anything is counted.
const binary = { type: "string", format: "binary" } as const
const form = {
  type: "object",
  // Neither is required: either name will do, or the body may be the file itself.
  properties: {
    image: binary,
    file: binary,
    alt_text: { type: "string", maxLength: 300, example: "A laptop, open" },
    is_primary: { type: "boolean", example: false },
    kind: { type: "string", enum: mediaKinds as unknown as string[], example: "image" },
    variant_id: { type: "string", description: "Id or SKU of the variant it shows" },
  },
} as const

/** /products/{p}/images/* */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/products/{product}/images",
      tags,
      operationId: "listImages",
      summary: "The pictures of a product",
      description: "Videos and the frames of spins too, in order.",
      access: "public",
      shared: true,
      request: { params },
      responses: ok(z.array(Image), "The pictures, in order"),
      refuses: ["not-found"],
    }),
    async (c) => c.json(await media.list(c.var.ctx, c.req.valid("param").product), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/products/{product}/images",
      tags,
      operationId: "addImage",
      summary: "Add a picture or video",
      description:
        "A form with the field `image` (or `file`), or the file itself as the body, its fields as query parameters then. By content, whatever name and type say: PNG, JPEG, WebP, GIF or AVIF of at most 10 MiB and 50 megapixels, MP4 or WebM of at most 100 MiB; no SVG. The first picture is primary. Frames of a 360° view are pictures sent with `kind=spin`.",
      access: "staff",
      scope: "catalog:write",
      request: {
        params,
        query: MediaFields.partial(),
        body: {
          required: true,
          content: {
            "multipart/form-data": { schema: form },
            "image/*": { schema: binary },
            "video/*": { schema: binary },
          },
        },
      },
      responses: created(Image, "The picture"),
      refuses: ["not-found", "body-too-large", "malformed-form", "media-full", "unavailable"],
      streams: true,
    }),
    async (c) => {
      const upload = await received(c, uploads.largest.video, "image")
      return c.json(await uploads.add(c.var.ctx, c.req.valid("param").product, upload), 201)
    },
  )
  .openapi(
    route({
      method: "put",
      path: "/products/{product}/images/order",
      tags,
      operationId: "orderImages",
      summary: "Put the pictures in order",
      description: "Names each of the product's pictures once, in their new order.",
      access: "staff",
      scope: "catalog:write",
      request: { params, body: json(MediaOrder) },
      responses: ok(z.array(Image), "The pictures, in order"),
      refuses: ["not-found"],
    }),
    async (c) =>
      c.json(
        await media.reorder(c.var.ctx, c.req.valid("param").product, c.req.valid("json")),
        200,
      ),
  )
  .openapi(
    route({
      method: "patch",
      path: "/products/{product}/images/{image}",
      tags,
      operationId: "updateImage",
      summary: "Change what is said of a picture",
      description: "Its text, the variant that it shows, or that it is the primary one.",
      access: "staff",
      scope: "catalog:write",
      request: { params: imageParams, body: json(MediaChanges) },
      responses: ok(Image, "The picture as it is now"),
      refuses: ["not-found"],
    }),
    async (c) => {
      const { product, image } = c.req.valid("param")
      return c.json(await media.update(c.var.ctx, product, image, c.req.valid("json")), 200)
    },
  )
  .openapi(
    route({
      method: "delete",
      path: "/products/{product}/images/{image}",
      tags,
      operationId: "deleteImage",
      summary: "Remove a picture",
      description: "The next one in order is primary then, where this one was.",
      access: "staff",
      scope: "catalog:write",
      request: { params: imageParams },
      responses: none("Gone"),
      refuses: ["not-found"],
    }),
    async (c) => {
      const { product, image } = c.req.valid("param")
      await media.remove(c.var.ctx, product, image)
      return c.body(null, 204)
    },
  )
