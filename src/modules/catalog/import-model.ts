import { z } from "zod"

import { Flag, Instant, pageOf, pageQuery } from "#lib/shapes.ts"

import { NewCategory } from "./category-model.ts"
import { importFormats } from "./import-read.ts"
import { ProductChanges, VariantChanges } from "./model.ts"

const Id = z
  .union([
    z.string().regex(/^[\w.-]{1,64}$/, "Letters, digits, _ . and -, at most 64."),
    z.int().min(0),
  ])
  .transform(String)

/** A product of a file: its fields as for making one, and the ids that it and its variants came with. */
export const ImportProduct = z.intersection(
  z.object({
    id: Id.optional(),
    variants: z
      .array(z.intersection(z.object({ id: Id.optional() }), VariantChanges))
      .max(100)
      .optional(),
  }),
  ProductChanges,
)
export type ImportProduct = z.infer<typeof ImportProduct>

/** A category of a file. */
export const ImportCategory = z.intersection(z.object({ id: Id.optional() }), NewCategory.partial())
export type ImportCategory = z.infer<typeof ImportCategory>

/** What is done with things that are there already, or are not. */
export const importModes = ["upsert", "create", "update"] as const
/** What may become of a line. */
export const importOutcomes = ["created", "updated", "unchanged", "skipped", "failed"] as const
/** The states of a large import; the last three are final. */
export const importStatuses = ["queued", "running", "done", "failed", "cancelled"] as const

/** How a file is to be taken; query parameters, or the fields beside it in a form. */
export const ImportOptions = z.object({
  mode: z.enum(importModes).default("upsert").meta({
    description:
      "`upsert` makes what is not there and changes what is; `create` skips what is there; `update` refuses what is not",
  }),
  dry_run: Flag.default(false).meta({
    description: "Validates everything and changes nothing",
    type: "boolean",
    example: "true",
  }),
  format: z.enum(importFormats).optional().meta({
    description: "By default what the content looks like",
  }),
})
export type ImportOptions = z.infer<typeof ImportOptions>

const Said = z.object({
  field: z.string().meta({ description: "As the API names it", example: "price" }),
  column: z.string().meta({ description: "As the file names it", example: "Variant Price" }),
  detail: z.string(),
  code: z.string(),
})

/** What became of one thing of a file. */
export const ImportLine = z
  .object({
    line: z.int().meta({ description: "Where it begins in the file, from 1", example: 2 }),
    id: z.string().nullable(),
    outcome: z.enum(importOutcomes),
    errors: z.array(Said).optional(),
    warnings: z.array(Said).optional().meta({ description: "What was left out" }),
  })
  .meta({ id: "ImportLine" })
export type ImportLine = z.infer<typeof ImportLine>
/** A page of them. */
export const ImportLinePage = pageOf(ImportLine, "ImportLinePage")
/** Which of them. */
export const ImportLineQuery = z.object({
  outcome: z.enum(importOutcomes).optional(),
  format: z.enum(["json", "csv", "ndjson"]).optional().meta({
    description: "`csv` or `ndjson`: the whole report as a file",
  }),
  ...pageQuery,
})
export type ImportLineQuery = z.infer<typeof ImportLineQuery>

const counts = {
  created: z.int(),
  updated: z.int(),
  unchanged: z.int().meta({ description: "There already, just so" }),
  skipped: z.int().meta({ description: "There already, with `mode=create`" }),
  failed: z.int(),
}

/** What became of a small file. */
export const ImportReport = z
  .object({
    ...counts,
    dry_run: z.boolean(),
    ignored_columns: z.array(z.string()),
    lines: z.array(ImportLine),
  })
  .meta({ id: "ImportReport" })
export type ImportReport = z.infer<typeof ImportReport>

/** A large file that is worked off. */
export const ImportJob = z
  .object({
    id: z.string().meta({ example: "imp_01kaeq4w8s0000000000000000" }),
    kind: z.enum(["products", "categories"]),
    status: z.enum(importStatuses),
    progress: z.int().meta({ description: "Percent of the file", example: 40 }),
    format: z.enum(importFormats),
    mode: z.enum(importModes),
    dry_run: z.boolean(),
    bytes: z.int(),
    ignored_columns: z.array(z.string()),
    ...counts,
    error: z.string().nullable().meta({ description: "Why it failed" }),
    report: z.string().meta({ example: "/api/v1/admin/imports/imp_01kaeq4w8s/report" }),
    created_at: Instant,
    updated_at: Instant,
    finished_at: Instant.nullable(),
  })
  .meta({ id: "ImportJob" })
export type ImportJob = z.infer<typeof ImportJob>
/** A page of imports. */
export const ImportJobPage = pageOf(ImportJob, "ImportJobPage")
/** Which page of them. */
export const ImportJobQuery = z.object(pageQuery)
export type ImportJobQuery = z.infer<typeof ImportJobQuery>
