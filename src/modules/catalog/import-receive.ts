import { nameOf, requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid } from "#errors.ts"
import { newId } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import * as files from "#platform/files.ts"

import * as categories from "./import-categories.ts"
import { countsOf, type Run } from "./import-chunk.ts"
import { ignoredColumns } from "./import-columns.ts"
import { type ImportJob, ImportOptions, type ImportReport } from "./import-model.ts"
import * as products from "./import-products.ts"
import { type Entry, entriesOf, layoutOf } from "./import-read.ts"
import { ignoredOf, type ImportRow, knownColumns, toJob } from "./imports.ts"
import type { Upload } from "./media-upload.ts"
import { imports } from "./tables.ts"

/** A file of at most so much is answered at once; bytes, and things in it. */
const small = { bytes: 1024 * 1024, entries: 100 }

/** Bytes of a file. */
export const largestImport = 200 * 1024 * 1024

/** What a chunk of this kind of thing comes to. */
export const chunkOf = { products: products.chunk, categories: categories.chunk }

/**
 * Takes a file of products or categories. A small one is worked off at once, in one transaction, and reported line by
 * line; a large one is stored as it comes and worked off by the queue.
 * @throws `forbidden`, `invalid-input` for what is no file of text with known columns, `body-too-large`
 */
export async function receive(
  ctx: Ctx,
  kind: ImportRow["kind"],
  upload: Upload,
): Promise<{ report: ImportReport } | { job: ImportJob }> {
  const staff = requirePermission(ctx, "catalog:write")
  const pieces = files.piecesOf(utf8Only(upload.file))
  const first = (await pieces.next()).value ?? new Uint8Array()
  if (first.length <= small.bytes) {
    const { options, layout, body } = await judge(kind, first, await upload.fields())
    const entries = await readSome(entriesOf(once(first.subarray(body.offset)), layout, body))
    if (entries) {
      const seed = newId("import", ctx.now)
      return {
        report: await atOnce(
          ctx,
          { ...options, kind, seed, layout, actor: nameOf(staff) },
          entries,
        ),
      }
    }
  }
  const id = newId("import", ctx.now)
  const key = `imports/${id}`
  await files.begin(ctx, key)
  try {
    const bytes = await files.put(ctx, key, first, pieces, {
      contentType: "application/octet-stream",
      most: largestImport,
    })
    const { options, layout, body } = await judge(kind, first, await upload.fields())
    const row: ImportRow = {
      id,
      kind,
      status: "queued",
      format: layout.format,
      mode: options.mode,
      dryRun: options.dry_run,
      key,
      bytes,
      delimiter: layout.delimiter,
      columns: [...layout.columns],
      position: body.offset,
      line: body.line,
      created: 0,
      updated: 0,
      unchanged: 0,
      skipped: 0,
      failed: 0,
      attempts: 0,
      error: null,
      actor: nameOf(staff),
      createdAt: iso(ctx.now),
      updatedAt: iso(ctx.now),
      finishedAt: null,
    }
    const kept = files.stageKept(ctx, key, key)
    const result = toJob(row)
    await commit(ctx, [ctx.db.insert(imports).values({ ...row, key: kept.key }), kept.statement], {
      events: [{ type: "import.advanced", importId: id }],
      result,
    })
    return { job: result }
  } catch (error) {
    ctx.defer(files.abandon(ctx, key))
    throw error
  }
}

/** A file that is small enough, whole; `undefined` for one that is not. */
async function readSome(all: AsyncGenerator<Entry>): Promise<Entry[] | undefined> {
  const entries: Entry[] = []
  for await (const entry of all) {
    if (entries.length === small.entries) return undefined
    entries.push(entry)
  }
  return entries
}

async function atOnce(ctx: Ctx, run: Run, entries: readonly Entry[]): Promise<ImportReport> {
  return retryRaced(async () => {
    const outcome = await chunkOf[run.kind](ctx, run, entries)
    const report: ImportReport = {
      ...countsOf(outcome.lines),
      dry_run: run.dry_run,
      ignored_columns: ignoredOf(run.kind, run.layout),
      lines: outcome.lines,
    }
    if (outcome.statements.length > 0) {
      await commit(ctx, outcome.statements, {
        refusals: outcome.refusals,
        events: outcome.events,
        result: report,
      })
      await ctx.cache.expire("catalog")
    }
    return report
  })
}

/** What was asked for and what the file is. @throws `invalid-input` naming every option and column that does not hold */
async function judge(kind: ImportRow["kind"], first: Uint8Array, fields: Record<string, string>) {
  const read = ImportOptions.safeParse(fields)
  if (!read.success)
    throw invalid(
      ...read.error.issues.map((issue) => ({
        field: issue.path.join("."),
        detail: issue.message,
        code: "invalid",
      })),
    )
  const options = read.data
  const { layout, body } = await layoutOf(first, options.format)
  const refuse = (detail: string) => invalid({ field: "file", detail, code: "invalid" })
  if (kind === "categories" && layout.format === "shopify")
    throw refuse("Shopify's file holds products.")
  if (layout.format !== "ndjson") {
    const known = knownColumns(kind, layout)
    const names = layout.columns.filter((name) => name !== "")
    if (ignoredColumns(names, known).length === names.length)
      throw refuse(`None of the columns is known. Known are: ${known.join(", ")}.`)
    const twice = names.filter((name, at) => names.indexOf(name) !== at)
    if (twice.length > 0) throw refuse(`A column comes twice: ${twice.join(", ")}.`)
  }
  return { options, layout, body }
}

/** The bytes, as long as they are UTF-8. @throws `invalid-input`, so that what is not never gets into the shop */
async function* utf8Only(file: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  const check = (bytes?: Uint8Array) => {
    try {
      const text = bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode()
      if (!text.includes("\0")) return
    } catch {
      // Told below.
    }
    throw invalid({ field: "file", detail: "The file is not UTF-8 text.", code: "invalid" })
  }
  for await (const chunk of file) {
    check(chunk)
    yield chunk
  }
  check()
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
