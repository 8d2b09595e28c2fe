import { z } from "zod"

import { createRouter, ok, route } from "#http/router.ts"

import * as imports from "./import.ts"
import { ImportReport } from "./model.ts"

const tags = ["Catalogue administration"]
const body = (example: string) => ({
  required: true as const,
  content: { "application/x-ndjson": { schema: z.string().meta({ example }) } },
})

/** /admin/*\/import */
export const admin = createRouter()
  .openapi(
    route({
      method: "post",
      path: "/admin/categories/import",
      tags,
      operationId: "importCategories",
      summary: "Import categories",
      description:
        "NDJSON: a category a line, at most 100, parents before children. A line may bring its own `id`; one that is there already is skipped.",
      access: "staff",
      scope: "catalog:write",
      request: { body: body('{"id":"901","name":"Garden","slug":"garden","parent":null}') },
      responses: ok(ImportReport, "What became of each line"),
      uploads: 1024 * 1024,
    }),
    async (c) => c.json(await imports.importCategories(c.var.ctx, await c.req.text()), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/admin/products/import",
      tags,
      operationId: "importProducts",
      summary: "Import products",
      description:
        "NDJSON: a product a line, at most 100, as for making one. A line may bring its own `id`; one that is there already is skipped.",
      access: "staff",
      scope: "catalog:write",
      request: {
        body: body(
          '{"id":"901","name":"Rake","price":"12.50","category":"electronics","stock_quantity":4}',
        ),
      },
      responses: ok(ImportReport, "What became of each line"),
      uploads: 1024 * 1024,
    }),
    async (c) => c.json(await imports.importProducts(c.var.ctx, await c.req.text()), 200),
  )
