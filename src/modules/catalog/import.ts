import { inArray } from "drizzle-orm"
import { z } from "zod"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, invalid } from "#errors.ts"
import type { Id } from "#lib/id.ts"

import * as catalog from "./catalog.ts"
import * as categories from "./categories.ts"
import { type ImportReport, NewCategory, NewProduct } from "./model.ts"
import { categories as categoryTable, products as productTable } from "./tables.ts"

/** Lines in one request: each costs a few queries, and D1 allows a request a thousand. */
const mostLines = 100

type ReportLine = ImportReport["lines"][number]
const Identified = z.looseObject({
  id: z
    .union([z.string().regex(/^[\w.-]{1,64}$/), z.int().min(0)])
    .transform(String)
    .optional(),
})

/**
 * Makes categories of NDJSON lines, each a `NewCategory` that may bring its own `id`. A line whose id is there already
 * is skipped: the same file twice is once. @throws `forbidden`, `invalid-input` for more than 100 lines
 */
export function importCategories(request: Ctx, ndjson: string): Promise<ImportReport> {
  const ctx = perLine(request)
  const known = async (ids: string[]) =>
    (
      await ctx.db
        .select({ id: categoryTable.id })
        .from(categoryTable)
        .where(inArray(categoryTable.id, ids as Id<"category">[]))
    ).map(({ id }) => id as string)
  return run(ctx, ndjson, NewCategory, known, (line, id) =>
    categories.create(ctx, line, id as Id<"category"> | undefined),
  )
}

/** The same for products; a line's category must be there, its brand is made when it is not. */
export function importProducts(request: Ctx, ndjson: string): Promise<ImportReport> {
  const ctx = perLine(request)
  const known = async (ids: string[]) =>
    (
      await ctx.db
        .select({ id: productTable.id })
        .from(productTable)
        .where(inArray(productTable.id, ids as Id<"product">[]))
    ).map(({ id }) => id as string)
  return run(ctx, ndjson, NewProduct, known, (line, id) =>
    catalog.create(ctx, line, id as Id<"product"> | undefined),
  )
}

/** No line's answer stands for the whole request: none is stored with the commit of its line. */
function perLine({ once: _once, ...ctx }: Ctx): Ctx {
  return ctx
}

async function run<T>(
  ctx: Ctx,
  ndjson: string,
  shape: z.ZodType<T>,
  findKnown: (ids: string[]) => Promise<string[]>,
  make: (line: T, id: string | undefined) => Promise<{ id: string }>,
): Promise<ImportReport> {
  requirePermission(ctx, "catalog:write")
  const texts = ndjson.split("\n").filter((text) => text.trim() !== "")
  if (texts.length > mostLines)
    throw invalid({
      field: "body",
      detail: `At most ${mostLines} lines a request.`,
      code: "too-big",
    })
  const rows = texts.map((text) => parse(text))
  const ids = rows.flatMap(({ id }) => (id === undefined ? [] : [id]))
  const chunks = [ids.slice(0, 50), ids.slice(50)].filter((chunk) => chunk.length > 0)
  const known = new Set((await Promise.all(chunks.map(findKnown))).flat())
  const lines: ReportLine[] = []
  for (const [index, row] of rows.entries()) {
    const line = await one(row, shape, known, make)
    // An id that comes twice in one file is there the second time: its stock, put away first, must not be set anew.
    if (line.outcome === "created" && line.id !== null) known.add(line.id)
    lines.push({ line: index + 1, ...line })
  }
  const count = (outcome: ReportLine["outcome"]) =>
    lines.filter((line) => line.outcome === outcome).length
  return { created: count("created"), skipped: count("skipped"), failed: count("failed"), lines }
}

type Parsed = { id?: string; value?: unknown; errors?: FieldError[] }

function parse(text: string): Parsed {
  try {
    const value: unknown = JSON.parse(text)
    const read = Identified.safeParse(value)
    if (!read.success) return { errors: toErrors(read.error) }
    return { value, ...(read.data.id !== undefined && { id: read.data.id }) }
  } catch {
    return { errors: [{ field: "line", detail: "This line is not JSON.", code: "malformed-json" }] }
  }
}

async function one<T>(
  row: Parsed,
  shape: z.ZodType<T>,
  known: ReadonlySet<string>,
  make: (line: T, id: string | undefined) => Promise<{ id: string }>,
): Promise<Omit<ReportLine, "line">> {
  if (row.errors) return { id: null, outcome: "failed", errors: row.errors }
  if (row.id !== undefined && known.has(row.id)) return { id: row.id, outcome: "skipped" }
  const read = shape.safeParse(row.value)
  if (!read.success) return { id: row.id ?? null, outcome: "failed", errors: toErrors(read.error) }
  try {
    const { id } = await make(read.data, row.id)
    return { id, outcome: "created" }
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    const errors = (error.details["errors"] as FieldError[] | undefined) ?? [
      { field: "line", detail: error.message, code: error.code },
    ]
    return { id: row.id ?? null, outcome: "failed", errors }
  }
}

function toErrors(error: z.ZodError): FieldError[] {
  return error.issues.map((issue) => ({
    field: issue.path.join(".") || "line",
    detail: issue.message,
    code: issue.code.replaceAll("_", "-"),
  }))
}
