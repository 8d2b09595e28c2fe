import { paged } from "#http/paging.ts"
import { createRouter, ok, route } from "#http/router.ts"

import { AllOrdersQuery } from "./lists-model.ts"
import * as lists from "./lists.ts"
import { OrderPage } from "./model.ts"

/** /admin/orders */
export const admin = createRouter().openapi(
  route({
    method: "get",
    path: "/admin/orders",
    tags: ["Order administration"],
    operationId: "listAllOrders",
    summary: "Everybody's orders",
    description:
      "Newest first. Fields to order by: created_at, total (one of them). Dates and totals together, or one filtered and the other ordered by, take at most 100 days; `search`, `user` and `user_email` go with everything.",
    access: "staff",
    scope: "orders:read",
    request: { query: AllOrdersQuery },
    responses: ok(OrderPage, "A page of orders"),
    refuses: ["invalid-page"],
  }),
  async (c) => c.json(paged(c, await lists.listAll(c.var.ctx, c.req.valid("query"))), 200),
)
