import { createRouter, json, ok, route } from "#http/router.ts"

import { BulkOrders, BulkResult } from "./bulk-model.ts"
import * as bulk from "./bulk.ts"

/** /orders/bulk */
export const routes = createRouter().openapi(
  route({
    method: "post",
    path: "/orders/bulk",
    tags: ["Orders"],
    operationId: "placeManyOrders",
    summary: "Place many orders",
    description:
      "Up to 100, each with your own `reference` and what `POST /orders` takes with `items`. Each has its own result; one that is refused stops no other. A reference that was used before answers the order it made, so a request that broke off is simply sent again.",
    access: "staff",
    scope: "orders:write",
    request: { body: json(BulkOrders) },
    responses: ok(BulkResult, "What became of each"),
  }),
  async (c) => c.json(await bulk.placeAll(c.var.ctx, c.req.valid("json")), 200),
)
