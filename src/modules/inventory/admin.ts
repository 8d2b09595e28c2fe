import { z } from "zod"

import { createRouter, json, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import * as inventory from "./inventory.ts"
import { Adjustment, MovementList, MovementQuery, StockLevel } from "./model.ts"

const tags = ["Inventory"]
const params = z.object({
  item: Ref.meta({
    description: "A variant or a product without variants: id, SKU or slug",
    example: "1",
  }),
})

/** /admin/inventory/* */
export const admin = createRouter()
  .openapi(
    route({
      method: "post",
      path: "/admin/inventory/{item}/adjust",
      tags,
      operationId: "adjustStock",
      summary: "Change what is on hand",
      description:
        "By a difference or to a number, with the reason. Every change is a row of the ledger.",
      access: "staff",
      scope: "inventory:write",
      request: { params, body: json(Adjustment) },
      responses: ok(StockLevel, "The stock as it is now"),
      refuses: ["not-found", "out-of-stock"],
    }),
    async (c) =>
      c.json(
        await inventory.adjust(c.var.ctx, c.req.valid("param").item, c.req.valid("json")),
        200,
      ),
  )
  .openapi(
    route({
      method: "get",
      path: "/admin/inventory/{item}/movements",
      tags,
      operationId: "listStockMovements",
      summary: "Read the stock ledger",
      description: "Append-only, newest first; the differences add up to what is on hand.",
      access: "staff",
      scope: "inventory:read",
      request: { params, query: MovementQuery },
      responses: ok(MovementList, "A stretch of the ledger"),
      refuses: ["not-found"],
    }),
    async (c) =>
      c.json(
        await inventory.movements(c.var.ctx, c.req.valid("param").item, c.req.valid("query")),
        200,
      ),
  )
