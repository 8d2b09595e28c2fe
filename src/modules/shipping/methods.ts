import { and, eq } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { type FieldError, invalid, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { fromDecimal, largestPrice, toDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"
import { mostTries, requireMatch, stageSeen, stale, takeAway } from "#platform/version.ts"

import type {
  NewShippingMethod,
  ShippingMethod,
  ShippingMethodChanges,
  ShippingMethodQuery,
} from "./model.ts"
import type { PriceStep } from "./rates.ts"
import type { MethodRow } from "./shipping.ts"
import { shippingMethods } from "./tables.ts"

/** A page of methods, newest first. @throws `forbidden`, `invalid-page` */
export async function list(ctx: Ctx, query: ShippingMethodQuery): Promise<Page<ShippingMethod>> {
  requirePermission(ctx, "pricing:write")
  const filter =
    query.zone === undefined
      ? undefined
      : eq(shippingMethods.zoneId, query.zone as Id<"shippingZone">)
  const page = await readPage<MethodRow>(ctx, query, {
    orderings: { created_at: { by: shippingMethods.createdAt, of: (row) => row.createdAt } },
    fallback: "-created_at",
    id: { by: shippingMethods.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(shippingMethods)
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db
      .select({ id: shippingMethods.id })
      .from(shippingMethods)
      .where(filter)
      .getSQL(),
  })
  return mapPage(page, (row) => toMethod(ctx, row))
}

/** One method. @throws `forbidden`, `not-found` */
export async function get(ctx: Ctx, id: string): Promise<ShippingMethod> {
  requirePermission(ctx, "pricing:write")
  return toMethod(ctx, await find(ctx, id))
}

/** Makes a method. @throws `forbidden`, `invalid-input` for each field that is wrong and an unknown zone */
export async function create(ctx: Ctx, input: NewShippingMethod): Promise<ShippingMethod> {
  requirePermission(ctx, "pricing:write")
  const row = draft(ctx, input, input.zone as Id<"shippingZone">)
  const result = toMethod(ctx, row)
  await commit(ctx, [ctx.db.insert(shippingMethods).values(row)], {
    refusals: {
      "FOREIGN KEY constraint failed": () =>
        invalid({ field: "zone", detail: "There is no such shipping zone.", code: "unknown" }),
    },
    result,
  })
  return result
}

/** Changes a method; orders keep what they were placed with. @throws `forbidden`, `not-found`, `stale`, `invalid-input` as `create` */
export async function update(
  ctx: Ctx,
  id: string,
  changes: ShippingMethodChanges,
): Promise<ShippingMethod> {
  requirePermission(ctx, "pricing:write")
  return retryRaced(async () => {
    const old = await find(ctx, id)
    requireMatch(ctx, old.version)
    const row = draft(ctx, changes, old.zoneId, old)
    const result = toMethod(ctx, row)
    await commit(
      ctx,
      [
        stageSeen(ctx, shippingMethods.id, old.id, old.version),
        ctx.db.update(shippingMethods).set(row).where(eq(shippingMethods.id, row.id)),
      ],
      { refusals: stale(shippingMethods.id), result },
    )
    return result
  }, mostTries)
}

/** Takes a method away. @throws `forbidden`, `not-found`, `stale` */
export async function remove(ctx: Ctx, id: string): Promise<void> {
  requirePermission(ctx, "pricing:write")
  await takeAway(ctx, shippingMethods.id, () => find(ctx, id))
}

async function find(ctx: Ctx, id: string): Promise<MethodRow> {
  const [row] = await ctx.db
    .select()
    .from(shippingMethods)
    .where(eq(shippingMethods.id, id as Id<"shippingMethod">))
    .limit(1)
  if (!row) throw notFound("shipping method")
  return row
}

/** A method as it would be kept. @throws `invalid-input` for each field that is wrong */
function draft(
  ctx: Ctx,
  input: ShippingMethodChanges,
  zoneId: Id<"shippingZone">,
  old?: MethodRow,
): MethodRow {
  const errors: FieldError[] = []
  const refuse = (field: string, detail: string) => errors.push({ field, detail, code: "invalid" })
  const amount = (field: string, value: string): number => {
    const read = fromDecimal(value, ctx.config.currency)
    if (read !== undefined && read <= largestPrice) return read
    refuse(
      field,
      `At most ${toDecimal(largestPrice, ctx.config.currency)}, with the decimals of ${ctx.config.currency}.`,
    )
    return 0
  }
  const or = <T>(given: T | undefined, before: T) => (given === undefined ? before : given)
  const type = or(input.type, old?.type ?? "flat")
  const steps =
    input.steps?.map((step, index): PriceStep => {
      const at = `steps.${index}`
      const wrong = type === "weight" ? step.up_to_total : step.up_to_grams
      if (wrong !== undefined)
        refuse(at, `Steps of ${type} go by ${type === "weight" ? "up_to_grams" : "up_to_total"}.`)
      const upTo =
        type === "weight"
          ? (step.up_to_grams ?? null)
          : step.up_to_total === undefined
            ? null
            : amount(`${at}.up_to_total`, step.up_to_total)
      return { upTo, amount: amount(`${at}.price`, step.price) }
    }) ??
    old?.steps ??
    []
  const row: MethodRow = {
    id: old?.id ?? newId("shippingMethod", ctx.now),
    zoneId,
    name: or(input.name, old?.name ?? ""),
    description: or(input.description, old?.description ?? ""),
    type,
    amount: input.price === undefined ? (old?.amount ?? 0) : amount("price", input.price),
    steps,
    freeFromAmount:
      input.free_from === undefined
        ? (old?.freeFromAmount ?? null)
        : input.free_from === null
          ? null
          : amount("free_from", input.free_from),
    minDays: or(input.min_days, old?.minDays ?? null),
    maxDays: or(input.max_days, old?.maxDays ?? null),
    taxClass: or(input.tax_class, old?.taxClass ?? "standard"),
    position: or(input.position, old?.position ?? 0),
    isActive: or(input.is_active, old?.isActive ?? true),
    version: (old?.version ?? 0) + 1,
    createdAt: old?.createdAt ?? iso(ctx.now),
    updatedAt: iso(ctx.now),
  }
  const isStepped = type === "weight" || type === "total"
  if (isStepped && steps.length === 0) refuse("steps", `A method by ${type} has steps.`)
  if (!isStepped && steps.length > 0) refuse("steps", `A method of type ${type} has no steps.`)
  if (new Set(steps.map(({ upTo }) => upTo)).size < steps.length)
    refuse("steps", "Two steps end at the same place.")
  if (old && input.steps === undefined && isStepped && type !== old.type)
    refuse("steps", `Steps of ${type} are wanted with the type.`)
  if (row.minDays !== null && row.maxDays !== null && row.maxDays < row.minDays)
    refuse("max_days", "At least min_days.")
  if (errors.length > 0) throw invalid(...errors)
  return row
}

function toMethod(ctx: Ctx, row: MethodRow): ShippingMethod {
  const { currency } = ctx.config
  const money = (amount: number) => toDecimal(amount, currency)
  return {
    id: row.id,
    zone: row.zoneId,
    name: row.name,
    description: row.description,
    type: row.type,
    price: money(row.amount),
    steps: row.steps.map(({ upTo, amount }) => ({
      ...(upTo !== null &&
        (row.type === "weight" ? { up_to_grams: upTo } : { up_to_total: money(upTo) })),
      price: money(amount),
    })),
    free_from: row.freeFromAmount === null ? null : money(row.freeFromAmount),
    currency,
    min_days: row.minDays,
    max_days: row.maxDays,
    tax_class: row.taxClass,
    position: row.position,
    is_active: row.isActive,
    version: row.version,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}
