import { z } from "zod"

import type { AppContext } from "#http/env.ts"
import { paged } from "#http/paging.ts"
import { createRouter, ok, route } from "#http/router.ts"
import { streamed } from "#http/streamed.ts"
import { received } from "#http/upload.ts"
import { toCsvLine } from "#lib/csv.ts"

import * as exports from "./export.ts"
import {
  ImportJob,
  ImportJobPage,
  ImportJobQuery,
  type ImportLine,
  ImportLinePage,
  ImportLineQuery,
  ImportOptions,
  ImportReport,
} from "./import-model.ts"
import { largestImport, receive } from "./import-receive.ts"
import * as imports from "./imports.ts"

const tags = ["Catalogue administration"]
const staff = { tags, access: "staff", scope: "catalog:write" } as const

// Plain schemas: a zod one would have the file read whole, before anything is counted.
const text = (example: string) => ({ schema: { type: "string", example } as const })
const file = (ndjson: string, csv: string) => ({
  required: true as const,
  content: {
    "application/x-ndjson": text(ndjson),
    "text/csv": text(csv),
    "multipart/form-data": {
      schema: {
        type: "object",
        properties: { file: { type: "string", format: "binary" } },
      } as const,
    },
  },
})
const taken = (what: string) => ({
  ...ok(ImportReport, `What became of each ${what} of a small file`),
  202: {
    description: "A large file is being worked off: `GET /admin/imports/{id}` says how far it is",
    content: { "application/json": { schema: ImportJob } },
  },
})
const params = z.object({
  import: z.string().max(100).meta({ example: "imp_01kaeq4w8s0000000000000000" }),
})
const Format = z.object({ format: z.enum(["csv", "ndjson"]).default("csv") })
const written = (csv: string, ndjson: string) => ({
  200: {
    description: "The whole of it, as it is read",
    content: { "text/csv": text(csv), "application/x-ndjson": text(ndjson) },
  },
})

/** /admin/products/*, /admin/categories/*, /admin/imports/* */
export const admin = createRouter()
  .openapi(
    route({
      ...staff,
      method: "post",
      path: "/admin/categories/import",
      operationId: "importCategories",
      summary: "Import categories",
      description:
        "NDJSON or CSV, parents before children, as for making one; a line may bring its own `id`. See the import of products.",
      request: {
        query: ImportOptions.partial(),
        body: file(
          '{"id":"901","name":"Garden","slug":"garden","parent":null}',
          "id,name,parent\n901,Garden,\n902,Tools,901\n",
        ),
      },
      responses: taken("category"),
      refuses: ["malformed-form", "unavailable"],
      streams: true,
    }),
    (c) => take(c, "categories"),
  )
  .openapi(
    route({
      ...staff,
      method: "post",
      path: "/admin/products/import",
      operationId: "importProducts",
      summary: "Import products",
      description:
        "NDJSON (a product a line, as for making one), CSV (the columns of the export, in any order), or Shopify's product CSV; the content decides, or `format`. A product is found by its `id`, else by its SKU (Shopify's by its handle); an empty cell empties its field, a column that is not there leaves it. A category must be there, a brand is made; pictures are not fetched, which the report says. Files of at most 1 MiB and 100 products are answered at once, others are stored and worked off: 202. A file may be sent again: nothing is made twice.",
      request: {
        query: ImportOptions.partial(),
        body: file(
          '{"id":"901","name":"Rake","price":"12.50","category":"electronics","stock_quantity":4}',
          "sku,name,price,stock_quantity\nRAKE-1,Rake,12.50,4\n",
        ),
      },
      responses: taken("product"),
      refuses: ["malformed-form", "unavailable"],
      streams: true,
    }),
    (c) => take(c, "products"),
  )
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/categories/export",
      operationId: "exportCategories",
      summary: "Export the categories",
      description: "Parents before their children, as the import takes them.",
      request: { query: Format },
      responses: written(
        "id,name,slug,description,parent,is_active\r\n",
        '{"id":"1","name":"Electronics"}\n',
      ),
    }),
    (c) => {
      const { format } = c.req.valid("query")
      return streamed(c, "categories", format, exports.categoryPieces(c.var.ctx, format))
    },
  )
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/products/export",
      operationId: "exportProducts",
      summary: "Export the products",
      description:
        "Every product with its variants, attributes, tags and stock, by id. Imported again it changes nothing; imported into an empty shop (categories first) it makes the same products. Text that a spreadsheet would run has an apostrophe in front, which the import takes away.",
      request: { query: Format },
      responses: written("id,sku,name,slug\r\n", '{"id":"1","name":"Premium Laptop"}\n'),
    }),
    (c) => {
      const { format } = c.req.valid("query")
      return streamed(c, "products", format, exports.productPieces(c.var.ctx, format))
    },
  )
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/imports",
      operationId: "listImports",
      summary: "Large imports",
      description: "The newest first; kept for 30 days.",
      request: { query: ImportJobQuery },
      responses: ok(ImportJobPage, "A page of imports"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await imports.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/imports/{import}",
      operationId: "getImport",
      summary: "How far an import is",
      description: "`progress` in percent of the file; `done`, `failed` and `cancelled` are final.",
      request: { params },
      responses: ok(ImportJob, "The import"),
      refuses: ["not-found"],
    }),
    async (c) => c.json(await imports.get(c.var.ctx, c.req.valid("param").import), 200),
  )
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/imports/{import}/report",
      operationId: "getImportReport",
      summary: "What became of each line",
      description:
        "A page of lines, in their order; `format=csv` or `ndjson` is the whole report as a file.",
      request: { params, query: ImportLineQuery },
      responses: ok(ImportLinePage, "A page of lines"),
      refuses: ["not-found", "invalid-page"],
    }),
    async (c) => {
      const { format = "json", ...query } = c.req.valid("query")
      const { import: id } = c.req.valid("param")
      if (format === "json")
        return c.json(paged(c, await imports.report(c.var.ctx, id, query)), 200)
      const pages = await imports.reportPages(c.var.ctx, id, query)
      // The document shows the page; a file of the same lines is the other form of this answer.
      return streamed(c, "report", format, reportPieces(pages, format)) as never
    },
  )
  .openapi(
    route({
      ...staff,
      method: "post",
      path: "/admin/imports/{import}/cancel",
      operationId: "cancelImport",
      summary: "Stop an import",
      description: "What is in already stays in. One that is over stays as it is.",
      request: { params },
      responses: ok(ImportJob, "The import as it is now"),
      refuses: ["not-found"],
    }),
    async (c) => c.json(await imports.cancel(c.var.ctx, c.req.valid("param").import), 200),
  )

async function take(c: AppContext, kind: "products" | "categories") {
  const taken = await receive(c.var.ctx, kind, await received(c, largestImport, "file"))
  return "job" in taken ? c.json(taken.job, 202) : c.json(taken.report, 200)
}

async function* reportPieces(
  pages: AsyncGenerator<ImportLine[]>,
  format: "csv" | "ndjson",
): AsyncGenerator<string> {
  if (format === "csv")
    yield toCsvLine(["line", "id", "outcome", "column", "field", "code", "detail"])
  for await (const lines of pages)
    yield lines
      .flatMap((line) => {
        if (format === "ndjson") return [`${JSON.stringify(line)}\n`]
        const said = [...(line.errors ?? []), ...(line.warnings ?? [])]
        const start = [String(line.line), line.id ?? "", line.outcome]
        if (said.length === 0) return [toCsvLine([...start, "", "", "", ""])]
        return said.map(({ column, field, code, detail }) =>
          toCsvLine([...start, column, field, code, detail]),
        )
      })
      .join("")
}
