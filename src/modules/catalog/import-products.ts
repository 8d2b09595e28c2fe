import { sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { asciiLower, freeSlug, slugOf } from "#lib/slug.ts"

import * as brandVerbs from "./brands.ts"
import { draft as draftProduct, ownVariant } from "./draft.ts"
import {
  type Draft,
  draftOf,
  idOfLine,
  type Outcome,
  refusals,
  refuse,
  type Run,
  toLine,
} from "./import-chunk.ts"
import { mapEntry } from "./import-columns.ts"
import { baseOf, type Known, look, namedIn } from "./import-look.ts"
import { type ImportLine, ImportProduct } from "./import-model.ts"
import type { Entry } from "./import-read.ts"
import { mapShopify } from "./import-shopify.ts"
import { stage, type Write } from "./import-stage.ts"
import type { ProductRow } from "./product.ts"
import { categories } from "./tables.ts"
import * as variantVerbs from "./variants.ts"

type VariantRow = variantVerbs.VariantRow
/** What a chunk of products comes to. Stock is put into the objects at once, keyed by the line; rows are staged. */
export async function chunk(ctx: Ctx, run: Run, entries: readonly Entry[]): Promise<Outcome> {
  const categoryRefs = await shopifyTypes(ctx, run, entries)
  const drafts = entries.map((entry) => {
    const mapped =
      run.layout.format === "shopify"
        ? mapShopify(entry, (ref) => categoryRefs.has(ref.toLowerCase()))
        : mapEntry(entry, run.layout.format)
    return draftOf(entry, mapped, ImportProduct)
  })
  const keys = drafts.flatMap(({ input }) => (input ? keysOf(run, input) : []))
  const known = await look(ctx, run, drafts, keys)
  const lines: ImportLine[] = []
  const writes: Write[] = []
  for (const draft of drafts) {
    const { outcome, id, write } = await judge(ctx, run, draft, known)
    lines.push(toLine(draft, outcome, id))
    if (write) writes.push(write)
  }
  const statements = run.dry_run ? [] : await stage(ctx, run, writes, known)
  const changed = run.dry_run ? [] : writes.map(({ row }) => row.id)
  return {
    lines,
    statements,
    events: changed.length === 0 ? [] : [{ type: "products.imported", productIds: changed }],
    keys: known.taken,
    refusals,
  }
}

/** Shopify's product types that are categories here, in lower case. */
async function shopifyTypes(ctx: Ctx, run: Run, entries: readonly Entry[]): Promise<Set<string>> {
  if (run.layout.format !== "shopify") return new Set()
  const types = entries.flatMap(({ rows }) => rows?.[0]?.cells["type"]?.trim() ?? [])
  const json = JSON.stringify(types.flatMap((type) => [type, slugOf(type)]))
  const rows = await ctx.db
    .select({ id: categories.id, slug: categories.slug })
    .from(categories)
    .where(sql`${categories.slug} IN (SELECT value FROM json_each(${json}))`)
  return new Set(rows.map(({ slug }) => slug))
}

/** What a line of a file takes for itself: another line that names it too is an error. */
function keysOf(run: Run, input: ImportProduct): string[] {
  const skus = [input.sku, ...(input.variants ?? []).map(({ sku }) => sku)]
  return [
    ...(input.id === undefined ? [] : [`id:${input.id}`]),
    ...skus.flatMap((sku) => (typeof sku === "string" ? [`sku:${sku}`] : [])),
    ...(run.layout.format === "shopify" && input.slug ? [`handle:${input.slug}`] : []),
  ]
}

async function judge(
  ctx: Ctx,
  run: Run,
  draft: Draft<ImportProduct>,
  known: Known,
): Promise<{ outcome: ImportLine["outcome"]; id: string | null; write?: Write }> {
  const { input } = draft
  const named = namedIn(draft.mapped.value)
  const old = find(run, named, known)
  if (!input || draft.errors.length > 0) {
    const { name, title, price } = draft.mapped.value as Record<string, unknown>
    refuseMissing(draft, { name: name ?? title, price }, old)
    return { outcome: "failed", id: named.id ?? null }
  }
  const id = old?.id ?? input.id ?? (await idOfLine("prd", run, draft.line))
  const keys = keysOf(run, input)
  const double = keys.find((key) => known.before.has(key) || known.taken.has(key))
  if (double !== undefined) {
    const [kind = "id"] = double.split(":")
    const line = known.taken.get(double) ?? known.before.get(double)
    const field = kind === "handle" ? "slug" : kind
    refuse(draft, { field, detail: `Line ${line} of this file has it too.`, code: "taken" })
    return { outcome: "failed", id }
  }
  if (old && run.mode === "create") return { outcome: "skipped", id }
  if (!old && run.mode === "update") {
    const field = input.id !== undefined ? "id" : "sku"
    refuse(draft, { field, detail: "There is no such product to change.", code: "unknown" })
    return { outcome: "failed", id: input.id ?? null }
  }
  const write = await draftWrite(ctx, run, draft, input, id as Id<"product">, old, known)
  if (draft.errors.length > 0) return { outcome: "failed", id: old?.id ?? input.id ?? null }
  for (const key of keys) known.taken.set(key, draft.line)
  known.slugs.set(write.row.slug, id)
  if (!old) return { outcome: "created", id, write }
  if (isSame(write)) return { outcome: "unchanged", id }
  return { outcome: "updated", id, write }
}

/** The product that a line means: by id, else Shopify's by handle, else by SKU. */
function find(
  run: Run,
  { id, sku, slug }: ReturnType<typeof namedIn>,
  known: Known,
): ProductRow | undefined {
  if (id !== undefined) return known.products.get(id)
  if (run.layout.format === "shopify" && slug) return known.byHandle.get(slug)
  const owner = sku ? known.ownerOf.get(sku) : undefined
  return owner && (owner.id as string) === (owner.productId as string)
    ? known.products.get(owner.productId)
    : undefined
}

/** What a new product must have. */
function refuseMissing(
  draft: Draft<ImportProduct>,
  given: { name?: unknown; price?: unknown },
  old: ProductRow | undefined,
): void {
  for (const field of ["name", "price"] as const)
    if (!old && given[field] === undefined && draft.mapped.problems.length === 0)
      refuse(draft, { field, detail: "This field is required.", code: "required" })
}

/** The rows of a line as they will be; what does not hold is told to the draft. */
async function draftWrite(
  ctx: Ctx,
  run: Run,
  draft: Draft<ImportProduct>,
  input: ImportProduct,
  id: Id<"product">,
  old: ProductRow | undefined,
  known: Known,
): Promise<Write> {
  refuseMissing(draft, input, old)
  const categoryRef = input.category === undefined ? (old?.categoryId ?? null) : input.category
  const category = categoryRef === null ? undefined : known.categories.get(categoryRef)
  const taken = new Set([...known.slugs].filter(([, owner]) => owner !== id).map(([slug]) => slug))
  const { row, errors } = draftProduct(
    ctx,
    id,
    input,
    {
      category,
      brand: brandOf(ctx, input, known),
      newBrand: [],
      slug: input.slug === undefined && old ? old.slug : freeSlug(baseOf(input), taken),
      unknownCategory: input.category != null && !category,
    },
    old,
  )
  // What the line does not name was not looked up: it stays.
  if (input.category === undefined && old) row.categoryId = old.categoryId
  if (input.brand === undefined && old) row.brandId = old.brandId
  refuse(draft, ...errors.filter(({ field }) => !draft.errors.some((one) => one.field === field)))
  refuseTaken(draft, "sku", input.sku, id, known)
  if (row.options.length > 0 && input.stock_quantity !== undefined)
    refuse(draft, { field: "stock_quantity", detail: "Say it of the variants.", code: "invalid" })

  const before = known.variants.get(id) ?? []
  const own = old ? before.find((one) => (one.id as string) === (id as string)) : undefined
  const ownRow: VariantRow = own
    ? { ...own, sku: row.sku, isStocked: row.options.length === 0, updatedAt: row.updatedAt }
    : ownVariant(row)
  const isPlain = row.options.length === 0
  if (isPlain && (input.variants?.length || before.some((one) => one !== own)))
    refuse(draft, {
      field: "options",
      detail: "Variants need options to differ in.",
      code: "invalid",
    })
  const others = await draftVariants(ctx, run, draft, row, input, before, known)
  if (isPlain && input.stock_quantity !== undefined) ownRow.stockQuantity = input.stock_quantity
  const all = [ownRow, ...others]
  const skus = all.flatMap(({ sku }) => (sku === null ? [] : [sku]))
  if (new Set(skus).size < skus.length)
    refuse(draft, { field: "variants", detail: "Two of them have the same SKU.", code: "taken" })
  if ((known.productOf.get(id) ?? id) !== id)
    refuse(draft, { field: "id", detail: "A variant has this id.", code: "taken" })
  const levels = new Map(before.map((one) => [one.id, one.stockQuantity]))
  const stocked = (isPlain ? [ownRow] : others).filter(
    (one) => one.stockQuantity !== (levels.get(one.id) ?? 0),
  )
  return { line: draft.line, row, old, variants: all, oldVariants: before, stocked }
}

async function draftVariants(
  ctx: Ctx,
  run: Run,
  draft: Draft<ImportProduct>,
  product: ProductRow,
  input: ImportProduct,
  before: readonly VariantRow[],
  known: Known,
): Promise<VariantRow[]> {
  const kept = before.filter((one) => (one.id as string) !== product.id)
  const rows = [...kept]
  for (const [index, given] of (input.variants ?? []).entries()) {
    const at = rows.findIndex(
      (one) =>
        one.id === given.id ||
        (given.id === undefined && typeof given.sku === "string" && one.sku === given.sku) ||
        (given.id === undefined && !given.sku && sameOptions(one.options, given.options)),
    )
    const match = rows[at]
    const others = rows.filter((one) => one !== match)
    const price = given.price === undefined ? undefined : given.price
    const { row, errors } = variantVerbs.draft(
      ctx,
      product,
      {
        sku: given.sku === undefined ? match?.sku : given.sku,
        options: given.options ?? match?.options ?? {},
        price,
        stock_quantity: given.stock_quantity ?? match?.stockQuantity,
      },
      others,
      match?.position ?? Math.max(0, ...rows.map(({ position }) => position)) + 1,
      match,
    )
    if (!match)
      row.id = (given.id ??
        (await idOfLine("var", run, draft.line, String(index)))) as Id<"variant">
    if (price === undefined && match) row.priceAmount = match.priceAmount
    if (match) {
      const { lowMargin, isTracked, backorderLimit } = match
      Object.assign(row, { lowMargin, isTracked, backorderLimit })
    }
    refuse(draft, ...errors.map((one) => ({ ...one, field: `variants.${index}.${one.field}` })))
    if (
      (known.productOf.get(row.id) ?? product.id) !== product.id ||
      (row.id as string) === product.id
    )
      refuse(draft, {
        field: `variants.${index}.id`,
        detail: "Another product has this variant.",
        code: "taken",
      })
    refuseTaken(draft, `variants.${index}.sku`, row.sku, product.id, known)
    if (match) rows[at] = row
    else rows.push(row)
  }
  return rows
}

function sameOptions(a: Record<string, string>, b: Record<string, string> | undefined): boolean {
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b ?? {}).length && names.every((name) => a[name] === b?.[name])
  )
}

function refuseTaken(
  draft: Draft<ImportProduct>,
  field: string,
  sku: string | null | undefined,
  productId: string,
  known: Known,
): void {
  const owner = sku ? known.ownerOf.get(sku) : undefined
  if (owner && (owner.productId as string) !== productId)
    refuse(draft, { field, detail: variantVerbs.skuTaken.detail, code: "taken" })
}

/** The brand that is meant: by name, else by slug or id. One of a new name is made, once. */
function brandOf(ctx: Ctx, input: ImportProduct, known: Known): brandVerbs.BrandRow | undefined {
  if (input.brand === undefined || input.brand === null) return undefined
  const found = known.brands.get(asciiLower(input.brand)) ?? known.brands.get(input.brand)
  if (found) return found
  const made = brandVerbs.draft(ctx, input.brand)
  made.slug = freeSlug(made.slug, known.brandSlugs)
  known.brandSlugs.add(made.slug)
  known.brands.set(asciiLower(made.name), made)
  known.newBrands.push(made)
  return made
}

function isSame({ row, old, variants: now, oldVariants }: Write): boolean {
  if (!old) return false
  const bare = ({ updatedAt: _at, version: _version, ...rest }: ProductRow | VariantRow) =>
    JSON.stringify(rest)
  const before = new Map(oldVariants.map((one) => [one.id, bare(one)]))
  return (
    bare({ ...row, stockQuantity: old.stockQuantity }) === bare(old) &&
    now.every((one) => before.get(one.id) === bare(one))
  )
}
