import { z } from "zod"

import { versioned } from "#http/etag.ts"
import { paged } from "#http/paging.ts"
import { created, createRouter, json, none, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import {
  EntriesSet,
  NewPriceList,
  PriceList,
  PriceListChanges,
  PriceListEntries,
  PriceListEntryPage,
  PriceListEntryQuery,
  PriceListPage,
  PriceListQuery,
} from "./model.ts"
import * as entries from "./price-list-entries.ts"
import * as lists from "./price-lists.ts"

const params = z.object({ list: Ref.meta({ example: "plt_01kaeq4w8s0000000000000000" }) })
const tags = ["Currency administration"]
const staff = { tags, access: "staff", scope: "pricing:write" } as const

/** /admin/price-lists */
export const routes = createRouter()
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/price-lists",
      operationId: "listPriceLists",
      summary: "List the price lists",
      description: "Newest first; `currency` narrows to one.",
      request: { query: PriceListQuery },
      responses: ok(PriceListPage, "A page of price lists"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await lists.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      ...staff,
      method: "post",
      path: "/admin/price-lists",
      operationId: "createPriceList",
      summary: "Make a price list",
      description:
        "Prices in one currency that are not converted, from `starts_at` until `ends_at`. Of several that hold the one that began last counts; what is on none is converted by the rate. A price of a product is that of its variants without one of their own.",
      request: { body: json(NewPriceList) },
      responses: created(PriceList, "The price list"),
    }),
    async (c) => c.json(versioned(c, await lists.create(c.var.ctx, c.req.valid("json"))), 201),
  )
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/price-lists/{list}",
      operationId: "getPriceList",
      summary: "Open a price list",
      description: "What is on it: `/entries`.",
      request: { params },
      responses: ok(PriceList, "The price list"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) => c.json(versioned(c, await lists.get(c.var.ctx, c.req.valid("param").list)), 200),
  )
  .openapi(
    route({
      ...staff,
      method: "patch",
      path: "/admin/price-lists/{list}",
      operationId: "updatePriceList",
      summary: "Change a price list",
      description: "Its currency stays. Orders keep the prices they were placed with.",
      request: { params, body: json(PriceListChanges) },
      responses: ok(PriceList, "The price list as it is now"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) =>
      c.json(
        versioned(c, await lists.update(c.var.ctx, c.req.valid("param").list, c.req.valid("json"))),
        200,
      ),
  )
  .openapi(
    route({
      ...staff,
      method: "delete",
      path: "/admin/price-lists/{list}",
      operationId: "deletePriceList",
      summary: "Take a price list away",
      description: "With all that is on it. Orders keep the prices they were placed with.",
      request: { params },
      responses: none("Gone"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) => {
      await lists.remove(c.var.ctx, c.req.valid("param").list)
      return c.body(null, 204)
    },
  )
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/price-lists/{list}/entries",
      operationId: "listPriceListEntries",
      summary: "What is on a price list",
      description: "By variant.",
      request: { params, query: PriceListEntryQuery },
      responses: ok(PriceListEntryPage, "A page of prices"),
      refuses: ["not-found", "invalid-page"],
    }),
    async (c) =>
      c.json(
        paged(c, await entries.list(c.var.ctx, c.req.valid("param").list, c.req.valid("query"))),
        200,
      ),
  )
  .openapi(
    route({
      ...staff,
      method: "put",
      path: "/admin/price-lists/{list}/entries",
      operationId: "setPriceListEntries",
      summary: "Set prices of a price list",
      description:
        "Of up to 500 variants, or products, by id or SKU: all or none. `price: null` takes one off; what is not named stays.",
      request: { params, body: json(PriceListEntries) },
      responses: ok(EntriesSet, "How many were set, and taken off"),
      refuses: ["not-found"],
    }),
    async (c) =>
      c.json(await entries.set(c.var.ctx, c.req.valid("param").list, c.req.valid("json")), 200),
  )
