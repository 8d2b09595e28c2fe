import { createRouter, ok, route } from "#http/router.ts"

import { OrderStatistics } from "./statistics-model.ts"
import * as statistics from "./statistics.ts"

/** /orders/statistics */
export const routes = createRouter().openapi(
  route({
    method: "get",
    path: "/orders/statistics",
    tags: ["Order administration"],
    operationId: "getOrderStatistics",
    summary: "The orders in figures",
    description:
      "Counters that every change of an order keeps up, so exact at every moment and cheap however many orders there are. Sales count what was ordered and not cancelled, revenue what was paid and not given back.",
    access: "staff",
    scope: "orders:read",
    responses: ok(OrderStatistics, "The figures"),
  }),
  async (c) => c.json(await statistics.read(c.var.ctx), 200),
)
