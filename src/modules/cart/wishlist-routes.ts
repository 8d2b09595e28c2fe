import { z } from "zod"

import { paged } from "#http/paging.ts"
import { created, createRouter, json, none, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import { NewWishlistItem, WishlistItem, WishlistPage, WishlistQuery } from "./wishlist-model.ts"
import * as wishlist from "./wishlist.ts"

const tags = ["Wishlist"]

/** /wishlist */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/wishlist",
      tags,
      operationId: "listWishlist",
      summary: "Your wishlist",
      description: "Newest first, at the prices of now.",
      access: "user",
      request: { query: WishlistQuery },
      responses: ok(WishlistPage, "A page of products"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await wishlist.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "delete",
      path: "/wishlist",
      tags,
      operationId: "clearWishlist",
      summary: "Empty your wishlist",
      description: "Of an empty one it is nothing.",
      access: "user",
      responses: none("Empty"),
    }),
    async (c) => {
      await wishlist.clear(c.var.ctx)
      return c.body(null, 204)
    },
  )
  .openapi(
    route({
      method: "post",
      path: "/wishlist/items",
      tags,
      operationId: "addWishlistItem",
      summary: "Wish for a product",
      description: "One that is on the list stays where it is.",
      access: "user",
      request: { body: json(NewWishlistItem) },
      responses: created(WishlistItem, "It is on the list"),
      refuses: ["not-found"],
    }),
    async (c) => c.json(await wishlist.add(c.var.ctx, c.req.valid("json")), 201),
  )
  .openapi(
    route({
      method: "delete",
      path: "/wishlist/items/{product}",
      tags,
      operationId: "removeWishlistItem",
      summary: "Wish for it no longer",
      description: "By the product's id or slug.",
      access: "user",
      request: { params: z.object({ product: Ref.meta({ example: "1" }) }) },
      responses: none("Gone"),
      refuses: ["not-found"],
    }),
    async (c) => {
      await wishlist.remove(c.var.ctx, c.req.valid("param").product)
      return c.body(null, 204)
    },
  )
