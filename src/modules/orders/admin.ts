import { paged } from "#http/paging.ts"
import { createRouter, ok, route } from "#http/router.ts"

import * as lists from "./lists.ts"
import { OrderPage, OrderQuery } from "./model.ts"

/** /admin/orders */
export const admin = createRouter().openapi(
  route({
    method: "get",
    path: "/admin/orders",
    tags: ["Order administration"],
    operationId: "listAllOrders",
    summary: "Everybody's orders",
    description: "Newest first. Fields to order by: created_at, total.",
    access: "staff",
    scope: "orders:read",
    request: { query: OrderQuery },
    responses: ok(OrderPage, "A page of orders"),
    refuses: ["invalid-page"],
  }),
  async (c) => c.json(paged(c, await lists.listAll(c.var.ctx, c.req.valid("query"))), 200),
)
