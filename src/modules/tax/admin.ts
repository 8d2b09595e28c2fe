import { z } from "zod"

import { versioned } from "#http/etag.ts"
import { paged } from "#http/paging.ts"
import { created, createRouter, json, none, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import { NewTaxRate, TaxRate, TaxRateChanges, TaxRatePage, TaxRateQuery } from "./model.ts"
import * as rates from "./rates.ts"

const params = z.object({ rate: Ref.meta({ example: "txr_01kaeq4w8s0000000000000000" }) })
const tags = ["Taxes"]
const staff = { tags, access: "staff", scope: "pricing:write" } as const

/** /admin/tax/rates */
export const admin = createRouter()
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/tax/rates",
      operationId: "listTaxRates",
      summary: "List the tax rates",
      description: "Newest first; `country` narrows to one.",
      request: { query: TaxRateQuery },
      responses: ok(TaxRatePage, "A page of tax rates"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await rates.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      ...staff,
      method: "post",
      path: "/admin/tax/rates",
      operationId: "createTaxRate",
      summary: "Make a tax rate",
      description:
        "For a class of products and shipping methods, in a country, a state, or where postal codes begin so. For each priority the closest rate counts, and the priorities add up: GST 1 and QST 2. A class without a rate is not taxed. Whether prices contain their taxes, and how taxes are rounded, are settings of the store.",
      request: { body: json(NewTaxRate) },
      responses: created(TaxRate, "The tax rate"),
    }),
    async (c) => c.json(versioned(c, await rates.create(c.var.ctx, c.req.valid("json"))), 201),
  )
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/tax/rates/{rate}",
      operationId: "getTaxRate",
      summary: "Open a tax rate",
      description: "As it holds for orders from now on.",
      request: { params },
      responses: ok(TaxRate, "The tax rate"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) => c.json(versioned(c, await rates.get(c.var.ctx, c.req.valid("param").rate)), 200),
  )
  .openapi(
    route({
      ...staff,
      method: "patch",
      path: "/admin/tax/rates/{rate}",
      operationId: "updateTaxRate",
      summary: "Change a tax rate",
      description: "Orders keep the rates they were placed with.",
      request: { params, body: json(TaxRateChanges) },
      responses: ok(TaxRate, "The tax rate as it is now"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) =>
      c.json(
        versioned(c, await rates.update(c.var.ctx, c.req.valid("param").rate, c.req.valid("json"))),
        200,
      ),
  )
  .openapi(
    route({
      ...staff,
      method: "delete",
      path: "/admin/tax/rates/{rate}",
      operationId: "deleteTaxRate",
      summary: "Take a tax rate away",
      description: "Orders keep the rates they were placed with.",
      request: { params },
      responses: none("Gone"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) => {
      await rates.remove(c.var.ctx, c.req.valid("param").rate)
      return c.body(null, 204)
    },
  )
