import { eq, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { asciiLower, freeSlug, slugOf } from "#lib/slug.ts"
import { iso } from "#lib/time.ts"
import type { Statement } from "#platform/db.ts"

import * as verbs from "./categories.ts"
import { type CategoryRow, everything } from "./category-tree.ts"
import {
  type Draft,
  draftOf,
  idOfLine,
  type Outcome,
  refusals,
  refuse,
  type Run,
  takenBefore,
  toLine,
} from "./import-chunk.ts"
import { mapEntry } from "./import-columns.ts"
import { ImportCategory, type ImportLine } from "./import-model.ts"
import type { Entry } from "./import-read.ts"
import { stageSlug } from "./slugs.ts"
import { categories } from "./tables.ts"

/** The tree as it will be after the lines so far. */
type Known = {
  rows: Map<string, CategoryRow>
  slugs: Map<string, string>
  before: Map<string, number>
  taken: Map<string, number>
}

/** What a chunk of categories comes to, parents before their children. */
export async function chunk(ctx: Ctx, run: Run, entries: readonly Entry[]): Promise<Outcome> {
  const drafts = entries.map((entry) =>
    draftOf(entry, mapEntry(entry, run.layout.format), ImportCategory),
  )
  const keys = drafts.flatMap(({ input }) => (input?.id === undefined ? [] : [`id:${input.id}`]))
  const all = await everything(ctx)
  const known: Known = {
    rows: new Map(all.map((row) => [row.id as string, row])),
    slugs: new Map(all.map((row) => [row.slug, row.id as string])),
    before: await takenBefore(ctx, run, keys),
    taken: new Map(),
  }
  const lines: ImportLine[] = []
  const statements: Statement[] = []
  const events: Event[] = [{ type: "catalog.changed" }]
  for (const draft of drafts) {
    const { outcome, id, staged } = await judge(ctx, run, draft, known)
    lines.push(toLine(draft, outcome, id))
    if (staged) statements.push(...staged)
    if (outcome !== "updated" || id === null) continue
    const categoryId = id as Id<"category">
    events.push({ type: "listings.outdated", categoryId }, { type: "category.changed", categoryId })
  }
  if (run.dry_run || statements.length === 0)
    return { lines, statements: [], events: [], keys: known.taken, refusals }
  return { lines, statements, events, keys: known.taken, refusals }
}

async function judge(
  ctx: Ctx,
  run: Run,
  draft: Draft<ImportCategory>,
  known: Known,
): Promise<{ outcome: ImportLine["outcome"]; id: string | null; staged?: Statement[] }> {
  const { input } = draft
  if (!input || draft.errors.length > 0) return { outcome: "failed", id: input?.id ?? null }
  const find = (ref: string) => known.rows.get(ref) ?? known.rows.get(known.slugs.get(ref) ?? "")
  const old = input.id !== undefined ? known.rows.get(input.id) : input.slug && find(input.slug)
  const id = old ? old.id : (input.id ?? (await idOfLine("cat", run, draft.line)))
  const key = `id:${id}`
  const line = known.taken.get(key) ?? known.before.get(key)
  if (line !== undefined) {
    refuse(draft, { field: "id", detail: `Line ${line} of this file has it too.`, code: "taken" })
    return { outcome: "failed", id }
  }
  if (old && run.mode === "create") return { outcome: "skipped", id }
  if (!old && run.mode === "update")
    refuse(draft, { field: "id", detail: "There is no such category.", code: "unknown" })
  if (!old && input.name === undefined)
    refuse(draft, { field: "name", detail: "This field is required.", code: "required" })
  const parent =
    input.parent === undefined || input.parent === null ? undefined : find(input.parent)
  if (input.parent && !parent)
    refuse(draft, { field: "parent", detail: "No such category.", code: "unknown" })
  const row = draftRow(ctx, id as Id<"category">, input, parent, old || undefined, known)
  if (old && parent?.path.startsWith(old.path))
    refuse(draft, {
      field: "parent",
      detail: "A category cannot be its own parent.",
      code: "cycle",
    })
  const namesake = [...known.rows.values()].find(
    (one) =>
      one.id !== row.id &&
      one.parentId === row.parentId &&
      asciiLower(one.name) === asciiLower(row.name),
  )
  if (namesake)
    refuse(draft, {
      field: "name",
      detail: "A category with this name already exists here.",
      code: "taken",
    })
  if (draft.errors.length > 0) return { outcome: "failed", id: old ? id : (input.id ?? null) }
  known.taken.set(key, draft.line)
  const bare = ({ updatedAt: _at, version: _version, ...rest }: CategoryRow) => JSON.stringify(rest)
  if (old && bare(old) === bare(row)) return { outcome: "unchanged", id }
  move(known, row, old || undefined)
  return old
    ? { outcome: "updated", id, staged: stageUpdate(ctx, row, old) }
    : {
        outcome: "created",
        id,
        staged: [verbs.stageCreate(ctx, row), ...stageSlug(ctx, "category", row.id, row.slug)],
      }
}

function draftRow(
  ctx: Ctx,
  id: Id<"category">,
  input: ImportCategory,
  parent: CategoryRow | undefined,
  old: CategoryRow | undefined,
  known: Known,
): CategoryRow {
  const parentId = input.parent === undefined ? (old?.parentId ?? null) : (parent?.id ?? null)
  const above = parentId === null ? "/" : (known.rows.get(parentId)?.path ?? "/")
  const name = input.name ?? old?.name ?? ""
  const taken = new Set([...known.slugs].filter(([, owner]) => owner !== id).map(([slug]) => slug))
  return {
    id,
    name,
    slug:
      input.slug === undefined && old
        ? old.slug
        : freeSlug(input.slug ?? (slugOf(name) || "category"), taken),
    description: input.description ?? old?.description ?? "",
    parentId,
    path: `${above}${id}/`,
    isActive: input.is_active ?? old?.isActive ?? true,
    productCount: old?.productCount ?? 0,
    version: old?.version ?? 1,
    createdAt: old?.createdAt ?? iso(ctx.now),
    updatedAt: iso(ctx.now),
  }
}

/** Puts a category where it will be, with all below it, for the lines that follow. */
function move(known: Known, row: CategoryRow, old: CategoryRow | undefined): void {
  if (old && old.path !== row.path)
    for (const [id, one] of known.rows)
      if (one.path.startsWith(old.path))
        known.rows.set(id, { ...one, path: row.path + one.path.slice(old.path.length) })
  if (old) known.slugs.delete(old.slug)
  known.rows.set(row.id, row)
  known.slugs.set(row.slug, row.id)
}

function stageUpdate(ctx: Ctx, row: CategoryRow, old: CategoryRow): Statement[] {
  const { id, path: _path, productCount: _count, createdAt: _created, ...columns } = row
  return [
    ...(row.parentId === old.parentId ? [] : verbs.stageMove(ctx, id, row.parentId)),
    ctx.db
      .update(categories)
      .set({ ...columns, version: sql`version + 1` })
      .where(eq(categories.id, id)),
    ...stageSlug(ctx, "category", id, row.slug, old.slug),
  ]
}
