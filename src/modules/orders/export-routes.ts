import { z } from "zod"

import { createRouter, route } from "#http/router.ts"
import { streamed } from "#http/streamed.ts"

import * as exports from "./export.ts"
import { OrderExportQuery } from "./lists-model.ts"

/** /admin/orders/export */
export const routes = createRouter().openapi(
  route({
    method: "get",
    path: "/admin/orders/export",
    tags: ["Order administration"],
    operationId: "exportOrders",
    summary: "Export the orders",
    description:
      "CSV, of the orders that the same filters list, written as it is read: a row for each order, or for each line of each (`rows=lines`). Text that a spreadsheet would run has an apostrophe in front.",
    access: "staff",
    scope: "orders:read",
    request: { query: OrderExportQuery },
    responses: {
      200: {
        description: "The file",
        content: {
          "text/csv": {
            schema: z.string().meta({ example: "order_number,created_at,status\r\n" }),
          },
        },
      },
    },
  }),
  async (c) =>
    streamed(c, "orders", "csv", await exports.csvPieces(c.var.ctx, c.req.valid("query"))),
)
