import { and, asc, eq, inArray, lt, notInArray, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { daysAfter, iso } from "#lib/time.ts"
import { commit } from "#platform/commit.ts"
import * as files from "#platform/files.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import { categoryColumns, ignoredColumns, productColumns } from "./import-columns.ts"
import type { ImportJob, ImportJobQuery, ImportLine, ImportLineQuery } from "./import-model.ts"
import type { Layout } from "./import-read.ts"
import { shopifyColumns } from "./import-shopify.ts"
import { importKeys, importLines, imports } from "./tables.ts"

export type ImportRow = typeof imports.$inferSelect

/** How long a finished import can be asked about. */
const keptDays = 30

/** States in which there is nothing left to do. */
export const overStatuses = ["done", "failed", "cancelled"] as const

/** The imports, the newest first. @throws `forbidden`, `invalid-page` */
export async function list(ctx: Ctx, query: ImportJobQuery): Promise<Page<ImportJob>> {
  requirePermission(ctx, "catalog:write")
  const page = await readPage<ImportRow>(ctx, query, {
    orderings: { created_at: { by: imports.createdAt, of: (row) => row.createdAt } },
    fallback: "-created_at",
    id: { by: imports.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(imports)
        .where(where)
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: sql`SELECT 1 FROM imports`,
  })
  return mapPage(page, toJob)
}

/** How far an import is. @throws `forbidden`, `not-found` */
export async function get(ctx: Ctx, id: string): Promise<ImportJob> {
  requirePermission(ctx, "catalog:write")
  return toJob(await find(ctx, id))
}

/** What became of each line, a page at a time. @throws `forbidden`, `not-found`, `invalid-page` */
export async function report(
  ctx: Ctx,
  id: string,
  query: ImportLineQuery,
): Promise<Page<ImportLine>> {
  requirePermission(ctx, "catalog:write")
  const row = await find(ctx, id)
  const filter = and(
    eq(importLines.importId, row.id),
    query.outcome === undefined ? undefined : eq(importLines.outcome, query.outcome),
  )
  const page = await readPage<typeof importLines.$inferSelect>(ctx, query, {
    orderings: {},
    fallback: "",
    id: { by: importLines.line, of: (one) => one.line },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(importLines)
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db
      .select({ one: sql`1` })
      .from(importLines)
      .where(filter)
      .getSQL(),
  })
  return mapPage(page, toReportLine)
}

/** The whole report, in pages of 500 lines. @throws `forbidden`, `not-found` */
export async function reportPages(
  ctx: Ctx,
  id: string,
  { outcome }: ImportLineQuery,
): Promise<AsyncGenerator<ImportLine[]>> {
  requirePermission(ctx, "catalog:write")
  const row = await find(ctx, id)
  async function* pages() {
    for (let after = -1; ;) {
      const lines = await ctx.db
        .select()
        .from(importLines)
        .where(
          and(
            eq(importLines.importId, row.id),
            outcome === undefined ? undefined : eq(importLines.outcome, outcome),
            sql`${importLines.line} > ${after}`,
          ),
        )
        .orderBy(asc(importLines.line))
        .limit(500)
      if (lines.length > 0) yield lines.map(toReportLine)
      if (lines.length < 500) return
      after = lines.at(-1)?.line ?? after
    }
  }
  return pages()
}

/** Stops an import; what is in stays in. One that is over stays as it is. @throws `forbidden`, `not-found` */
export async function cancel(ctx: Ctx, id: string): Promise<ImportJob> {
  requirePermission(ctx, "catalog:write")
  const row = await find(ctx, id)
  const isOver = overStatuses.some((status) => status === row.status)
  if (isOver) return toJob(row)
  const next: ImportRow = {
    ...row,
    status: "cancelled",
    updatedAt: iso(ctx.now),
    finishedAt: iso(ctx.now),
  }
  const { status, updatedAt, finishedAt } = next
  const open = and(eq(imports.id, row.id), notInArray(imports.status, [...overStatuses]))
  await commit(
    ctx,
    [
      ctx.db.update(imports).set({ status, updatedAt, finishedAt }).where(open),
      ctx.db.delete(importKeys).where(eq(importKeys.importId, row.id)),
      files.stageRemoved(ctx, sql`SELECT ${row.key} AS key`),
    ],
    { result: toJob(next) },
  )
  files.discardSoon(ctx, [row.key])
  return toJob(await find(ctx, id))
}

/** Deletes imports that finished a month ago, with their reports. For cron; safe to run twice. */
export async function purge(ctx: Ctx): Promise<void> {
  const rows = await ctx.db
    .select({ id: imports.id })
    .from(imports)
    .where(
      and(
        lt(imports.createdAt, iso(daysAfter(ctx.now, -keptDays))),
        inArray(imports.status, [...overStatuses]),
      ),
    )
    .limit(50)
  for (const { id } of rows)
    await ctx.db.batch([
      ctx.db.delete(importLines).where(eq(importLines.importId, id)),
      ctx.db.delete(importKeys).where(eq(importKeys.importId, id)),
      ctx.db.delete(imports).where(eq(imports.id, id)),
    ])
}

/** @throws `not-found` */
async function find(ctx: Ctx, id: string): Promise<ImportRow> {
  const [row] = await ctx.db
    .select()
    .from(imports)
    .where(eq(imports.id, id as Id<"import">))
  if (!row) throw notFound("import")
  return row
}

function toReportLine(row: typeof importLines.$inferSelect): ImportLine {
  return { line: row.line, id: row.recordId, outcome: row.outcome, ...row.said }
}

/** An import on the wire. */
export function toJob(row: ImportRow): ImportJob {
  const isDone = row.status === "done"
  return {
    id: row.id,
    kind: row.kind,
    status: row.status,
    progress: isDone ? 100 : Math.floor((100 * row.position) / Math.max(1, row.bytes)),
    format: row.format,
    mode: row.mode,
    dry_run: row.dryRun,
    bytes: row.bytes,
    ignored_columns: ignoredOf(row.kind, row),
    created: row.created,
    updated: row.updated,
    unchanged: row.unchanged,
    skipped: row.skipped,
    failed: row.failed,
    error: row.error,
    report: `/api/v1/admin/imports/${row.id}/report`,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
    finished_at: row.finishedAt,
  }
}

/** The columns that an import of this kind reads. */
export function knownColumns(kind: ImportRow["kind"], { format }: Pick<Layout, "format">) {
  if (format === "shopify") return shopifyColumns
  return kind === "products" ? productColumns : categoryColumns
}

/** The columns of a file that mean nothing to it. */
export function ignoredOf(
  kind: ImportRow["kind"],
  layout: Pick<Layout, "format" | "columns">,
): string[] {
  return layout.format === "ndjson"
    ? []
    : ignoredColumns(layout.columns, knownColumns(kind, layout))
}
