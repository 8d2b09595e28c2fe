import { z } from "zod"

import { versioned } from "#http/etag.ts"
import { paged } from "#http/paging.ts"
import { created, createRouter, json, none, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import {
  Currency,
  CurrencyChanges,
  CurrencyPage,
  CurrencyQuery,
  ManualRate,
  NewCurrency,
  RatePage,
  RateQuery,
  RateRecord,
} from "./model.ts"
import * as rates from "./rates.ts"
import * as settings from "./settings.ts"

const params = z.object({
  code: Ref.meta({ description: "The currency's code (ISO 4217)", example: "CHF" }),
})
const tags = ["Currency administration"]
const staff = { tags, access: "staff", scope: "pricing:write" } as const

/** /admin/currencies and /admin/exchange-rates */
export const admin = createRouter()
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/currencies",
      operationId: "listCurrencies",
      summary: "List the currencies",
      description: "Those beside the shop's own, newest first.",
      request: { query: CurrencyQuery },
      responses: ok(CurrencyPage, "A page of currencies"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await settings.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      ...staff,
      method: "post",
      path: "/admin/currencies",
      operationId: "createCurrency",
      summary: "Add a currency",
      description:
        "Prices are shown and paid in it by price lists, else converted by its rate: the European Central Bank's of the day (`ecb`), or one that staff set (`manual`). Converted prices are rounded once, to multiples of `increment`.",
      request: { body: json(NewCurrency) },
      responses: created(Currency, "The currency"),
    }),
    async (c) => c.json(versioned(c, await settings.create(c.var.ctx, c.req.valid("json"))), 201),
  )
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/currencies/{code}",
      operationId: "getCurrency",
      summary: "Open a currency",
      description: "With the rate that prices are converted by now.",
      request: { params },
      responses: ok(Currency, "The currency"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) =>
      c.json(versioned(c, await settings.get(c.var.ctx, c.req.valid("param").code)), 200),
  )
  .openapi(
    route({
      ...staff,
      method: "patch",
      path: "/admin/currencies/{code}",
      operationId: "updateCurrency",
      summary: "Change a currency",
      description:
        "`enabled: false` takes it off the shop: carts in it show the shop's own prices, and cannot be ordered in it. Orders keep the rate they were placed with.",
      request: { params, body: json(CurrencyChanges) },
      responses: ok(Currency, "The currency as it is now"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await settings.update(c.var.ctx, c.req.valid("param").code, c.req.valid("json")),
        ),
        200,
      ),
  )
  .openapi(
    route({
      ...staff,
      method: "delete",
      path: "/admin/currencies/{code}",
      operationId: "deleteCurrency",
      summary: "Take a currency away",
      description: "Its orders, rates and price lists stay.",
      request: { params },
      responses: none("Gone"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) => {
      await settings.remove(c.var.ctx, c.req.valid("param").code)
      return c.body(null, 204)
    },
  )
  .openapi(
    route({
      ...staff,
      method: "put",
      path: "/admin/currencies/{code}/rate",
      operationId: "setExchangeRate",
      summary: "Set a currency's rate",
      description:
        "In units of it for one of the shop's, as of now. The currency goes by such rates from then on, which grow old as others do; `rate_source: ecb` makes it go by the ECB's again.",
      request: { params, body: json(ManualRate) },
      responses: ok(RateRecord, "The rate"),
      refuses: ["not-found"],
    }),
    async (c) =>
      c.json(await rates.set(c.var.ctx, c.req.valid("param").code, c.req.valid("json")), 200),
  )
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/exchange-rates",
      operationId: "listExchangeRates",
      summary: "Every rate there was",
      description: "As their sources told them, without margins; the newest first.",
      request: { query: RateQuery },
      responses: ok(RatePage, "A page of rates"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await rates.list(c.var.ctx, c.req.valid("query"))), 200),
  )
