import { paged } from "#http/paging.ts"
import { createRouter, ok, route } from "#http/router.ts"

import {
  AbandonedCartPage,
  AbandonedCartQuery,
  CartStatistics,
  CartStatisticsQuery,
} from "./abandonment-model.ts"
import * as abandonment from "./abandonment.ts"

const tags = ["Order administration"]
const staff = {
  method: "get",
  tags,
  access: "staff",
  scope: "orders:read",
} as const

/** /admin/carts/* */
export const admin = createRouter()
  .openapi(
    route({
      ...staff,
      path: "/admin/carts/abandoned",
      operationId: "listAbandonedCarts",
      summary: "Carts that were left",
      description:
        "Idle for 24 hours, with somebody to write to; once for each time. Newest first. Field to order by: abandoned_at.",
      request: { query: AbandonedCartQuery },
      responses: ok(AbandonedCartPage, "A page of carts"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await abandonment.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      ...staff,
      path: "/admin/carts/statistics",
      operationId: "getCartStatistics",
      summary: "How many carts are left, and come back",
      description: "Of a period of at most a year, by default the last 30 days.",
      request: { query: CartStatisticsQuery },
      responses: ok(CartStatistics, "The figures"),
    }),
    async (c) => c.json(await abandonment.statistics(c.var.ctx, c.req.valid("query")), 200),
  )
