import { z } from "zod"

import { versioned } from "#http/etag.ts"
import { paged } from "#http/paging.ts"
import { created, createRouter, json, none, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import * as categories from "./categories.ts"
import {
  Category,
  CategoryChanges,
  CategoryPage,
  CategoryQuery,
  CategoryTree,
  NewCategory,
} from "./category-model.ts"
import * as lists from "./lists.ts"
import { ProductPage, ProductQuery } from "./model.ts"

const tags = ["Categories"]
const params = z.object({
  category: Ref.meta({ example: "electronics", description: "Id or slug" }),
})
const change = {
  path: "/categories/{category}",
  tags,
  access: "staff",
  scope: "catalog:write",
  request: { params, body: json(CategoryChanges) },
  responses: ok(Category, "The category as it is now"),
  refuses: ["not-found"],
  versioned: true,
} as const

/** /categories/* */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/categories",
      tags,
      operationId: "listCategories",
      summary: "Browse the categories",
      description: "By name; `parent` narrows to the children of one, `parent=null` to the roots.",
      access: "public",
      shared: true,
      request: { query: CategoryQuery },
      responses: ok(CategoryPage, "A page of categories"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await categories.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/categories/tree",
      tags,
      operationId: "getCategoryTree",
      summary: "The whole tree",
      description: "The roots with everything below them.",
      access: "public",
      shared: true,
      responses: ok(z.array(CategoryTree), "The roots"),
    }),
    async (c) => c.json(await categories.wholeTree(c.var.ctx), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/categories",
      tags,
      operationId: "createCategory",
      summary: "Make a category",
      description: "At the root, or below `parent`. Names are unique among siblings.",
      access: "staff",
      scope: "catalog:write",
      request: { body: json(NewCategory) },
      responses: created(Category, "The category"),
    }),
    async (c) => c.json(versioned(c, await categories.create(c.var.ctx, c.req.valid("json"))), 201),
  )
  .openapi(
    route({
      method: "get",
      path: "/categories/{category}",
      tags,
      operationId: "getCategory",
      summary: "Open a category",
      description: "With its path, children and number of products.",
      access: "public",
      shared: true,
      request: { params },
      responses: ok(Category, "The category"),
      refuses: ["not-found", "moved"],
      versioned: true,
    }),
    async (c) =>
      c.json(versioned(c, await categories.get(c.var.ctx, c.req.valid("param").category)), 200),
  )
  .openapi(
    route({
      ...change,
      method: "put",
      operationId: "replaceCategory",
      summary: "Change a category (PUT)",
      description: "Fields that are left out stay as they are, as with PATCH.",
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await categories.update(c.var.ctx, c.req.valid("param").category, c.req.valid("json")),
        ),
        200,
      ),
  )
  .openapi(
    route({
      ...change,
      method: "patch",
      operationId: "updateCategory",
      summary: "Change or move a category",
      description:
        "With a new `parent` everything below moves along; a category never comes to lie below itself.",
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await categories.update(c.var.ctx, c.req.valid("param").category, c.req.valid("json")),
        ),
        200,
      ),
  )
  .openapi(
    route({
      method: "delete",
      path: "/categories/{category}",
      tags,
      operationId: "deleteCategory",
      summary: "Remove a category",
      description: "An empty one, or any with `move_to`, where its products and sub-categories go.",
      access: "staff",
      scope: "catalog:write",
      request: { params, query: z.object({ move_to: z.string().optional() }) },
      responses: none("Gone"),
      refuses: ["not-found", "category-not-empty"],
      versioned: true,
    }),
    async (c) => {
      await categories.remove(
        c.var.ctx,
        c.req.valid("param").category,
        c.req.valid("query").move_to,
      )
      return c.body(null, 204)
    },
  )
  .openapi(
    route({
      method: "get",
      path: "/categories/{category}/children",
      tags,
      operationId: "listSubcategories",
      summary: "What lies directly below",
      description: "By name.",
      access: "public",
      shared: true,
      request: { params, query: CategoryQuery.omit({ parent: true }) },
      responses: ok(CategoryPage, "A page of categories"),
      refuses: ["not-found", "moved", "invalid-page"],
    }),
    async (c) => {
      const { id } = await categories.get(c.var.ctx, c.req.valid("param").category)
      return c.json(
        paged(c, await categories.list(c.var.ctx, { ...c.req.valid("query"), parent: id })),
        200,
      )
    },
  )
  .openapi(
    route({
      method: "get",
      path: "/categories/{category}/products",
      tags,
      operationId: "listCategoryProducts",
      summary: "The products of a category",
      description: "And of its sub-categories; all filters of the product list hold.",
      access: "public",
      shared: true,
      request: { params, query: ProductQuery.omit({ category: true, category_slug: true }) },
      responses: ok(ProductPage, "A page of products"),
      refuses: ["not-found", "moved", "invalid-page", "rate-stale"],
    }),
    async (c) => {
      const { id } = await categories.get(c.var.ctx, c.req.valid("param").category)
      return c.json(
        paged(c, await lists.list(c.var.ctx, { ...c.req.valid("query"), category: id })),
        200,
      )
    },
  )
