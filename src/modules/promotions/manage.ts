import { and, eq, inArray, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, invalid, notFound } from "#errors.ts"
import { type Id, newId, randomBase32 } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { commit, raced, retryRaced } from "#platform/commit.ts"
import { rowsOf } from "#platform/db.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"
import { mostTries, requireMatch, stageSeen, stale } from "#platform/version.ts"

import { read } from "./draft.ts"
import type {
  MadeCodes,
  NewCodes,
  NewPromotion,
  Promotion,
  PromotionChanges,
  PromotionCode,
  PromotionCodeQuery,
  PromotionQuery,
} from "./model.ts"
import { promotionCodes, promotionCustomers, promotions, promotionUses } from "./tables.ts"
import { codeKey } from "./terms.ts"
import { toAction, toCondition } from "./wire.ts"

type PromotionRow = typeof promotions.$inferSelect
type CodeRow = typeof promotionCodes.$inferSelect

/** A page of promotions, newest first. @throws `forbidden`, `invalid-page` */
export async function list(ctx: Ctx, query: PromotionQuery): Promise<Page<Promotion>> {
  requirePermission(ctx, "promotions:write")
  const { status, automatic, code } = query
  const filter = and(
    status && eq(promotions.status, status),
    automatic === undefined ? undefined : eq(promotions.isAutomatic, automatic),
    code === undefined
      ? undefined
      : sql`${promotions.id} IN (SELECT promotion_id FROM promotion_codes WHERE code = ${codeKey(code)})`,
  )
  const page = await readPage<PromotionRow>(ctx, query, {
    orderings: {
      created_at: {
        // A plus keeps SQLite off the index of the order: of a code there is one.
        by: code === undefined ? promotions.createdAt : sql`+${promotions.createdAt}`,
        of: (row) => row.createdAt,
      },
    },
    fallback: "-created_at",
    id: { by: promotions.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(promotions)
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db.select({ id: promotions.id }).from(promotions).where(filter).getSQL(),
  })
  return mapPage(page, (row) => toPromotion(ctx, row))
}

/** One promotion, by id or code. @throws `forbidden`, `not-found` */
export async function get(ctx: Ctx, ref: string): Promise<Promotion> {
  requirePermission(ctx, "promotions:write")
  return toPromotion(ctx, await find(ctx, ref))
}

/** Makes a promotion. @throws `forbidden`, `invalid-input` for each field that is wrong, a taken code and unknown references */
export async function create(ctx: Ctx, input: NewPromotion): Promise<Promotion> {
  requirePermission(ctx, "promotions:write")
  const row = await draft(ctx, input)
  const result = toPromotion(ctx, row)
  await commit(ctx, [ctx.db.insert(promotions).values(row), ...stageCode(ctx, row)], {
    refusals,
    result,
  })
  return result
}

/** Changes a promotion; orders keep what they had. @throws `forbidden`, `not-found`, `stale`, `invalid-input` as `create` */
export async function update(ctx: Ctx, ref: string, changes: PromotionChanges): Promise<Promotion> {
  requirePermission(ctx, "promotions:write")
  return retryRaced(async () => {
    const old = await find(ctx, ref)
    requireMatch(ctx, old.version)
    const row = await draft(ctx, changes, old)
    // The counts are not among what staff set: orders move them meanwhile.
    const { id, used: _used, discountedAmount: _amount, ...columns } = row
    const result = toPromotion(ctx, row)
    await commit(
      ctx,
      [
        stageSeen(ctx, promotions.id, id, old.version),
        ctx.db.update(promotions).set(columns).where(eq(promotions.id, id)),
        ...(row.code === old.code
          ? []
          : [
              ctx.db.delete(promotionCodes).where(eq(promotionCodes.code, old.code ?? "")),
              ...stageCode(ctx, row),
            ]),
      ],
      { refusals: { ...stale(promotions.id), ...refusals }, result },
    )
    return result
  }, mostTries)
}

/** Takes a promotion away: one that an order has ever used is kept, archived. @throws `forbidden`, `not-found`, `stale` */
export async function remove(ctx: Ctx, ref: string): Promise<void> {
  requirePermission(ctx, "promotions:write")
  await retryRaced(async () => {
    const { id, version: seen } = await find(ctx, ref)
    requireMatch(ctx, seen)
    const isIt = eq(promotions.id, id)
    const uses = await ctx.db
      .select({ id: promotionUses.orderId })
      .from(promotionUses)
      .where(eq(promotionUses.promotionId, id))
      .limit(1)
    const statements =
      uses.length > 0
        ? [
            ctx.db
              .update(promotions)
              .set({ status: "archived", version: seen + 1, updatedAt: iso(ctx.now) })
              .where(isIt),
          ]
        : [
            ctx.db.delete(promotionCodes).where(eq(promotionCodes.promotionId, id)),
            ctx.db.delete(promotionCustomers).where(eq(promotionCustomers.promotionId, id)),
            ctx.db.delete(promotions).where(isIt),
          ]
    await commit(ctx, [stageSeen(ctx, promotions.id, id, seen), ...statements], {
      refusals: {
        ...stale(promotions.id),
        "FOREIGN KEY constraint failed": () =>
          raced(new DomainError("unavailable", "The promotion was used meanwhile.")),
      },
      result: {},
    })
  }, mostTries)
}

/** A page of a promotion's codes, in their order. @throws `forbidden`, `not-found`, `invalid-page` */
export async function listCodes(
  ctx: Ctx,
  ref: string,
  query: PromotionCodeQuery,
): Promise<Page<PromotionCode>> {
  requirePermission(ctx, "promotions:write")
  const { id } = await find(ctx, ref)
  const of = eq(promotionCodes.promotionId, id)
  const code = { by: promotionCodes.code, of: (row: CodeRow) => row.code }
  const page = await readPage<CodeRow>(
    ctx,
    { ...query, ordering: undefined },
    {
      orderings: { code },
      fallback: "code",
      id: code,
      rows: ({ where, orderBy, limit, offset }) =>
        ctx.db
          .select()
          .from(promotionCodes)
          .where(and(of, where))
          .orderBy(...orderBy)
          .limit(limit)
          .offset(offset),
      matching: ctx.db
        .select({ code: promotionCodes.code })
        .from(promotionCodes)
        .where(of)
        .getSQL(),
    },
  )
  return mapPage(page, (row) => ({
    code: row.code,
    usage_limit: row.usageLimit,
    used_count: row.used,
    created_at: row.createdAt,
  }))
}

/** Makes a batch of codes for a promotion, 50 random bits each. @throws `forbidden`, `not-found`, `invalid-input` for an automatic one */
export async function addCodes(ctx: Ctx, ref: string, input: NewCodes): Promise<MadeCodes> {
  requirePermission(ctx, "promotions:write")
  const { id, isAutomatic } = await find(ctx, ref)
  if (isAutomatic)
    throw invalid({
      field: "promotion",
      detail: "It is automatic: it has no codes.",
      code: "invalid",
    })
  const rows = Array.from({ length: input.count }, (): CodeRow => ({
    code: `${input.prefix}${randomBase32(10).toUpperCase()}`,
    promotionId: id,
    usageLimit: input.usage_limit,
    used: 0,
    createdAt: iso(ctx.now),
  }))
  const result = { codes: rows.map(({ code }) => code) }
  await commit(ctx, rowsOf(ctx.db, promotionCodes, rows), { result })
  return result
}

async function find(ctx: Ctx, ref: string): Promise<PromotionRow> {
  const byCode = ctx.db
    .select({ id: promotionCodes.promotionId })
    .from(promotionCodes)
    .where(eq(promotionCodes.code, codeKey(ref)))
  const [rows, coded] = await ctx.db.batch([
    ctx.db
      .select()
      .from(promotions)
      .where(eq(promotions.id, ref as Id<"promotion">))
      .limit(1),
    ctx.db.select().from(promotions).where(inArray(promotions.id, byCode)).limit(1),
  ])
  const row = rows[0] ?? coded[0]
  if (!row) throw notFound("promotion")
  return row
}

/** A promotion as it would be kept, of an input or of changes to an old one. @throws `invalid-input` for each field that is wrong */
async function draft(ctx: Ctx, input: PromotionChanges, old?: PromotionRow): Promise<PromotionRow> {
  const errors: FieldError[] = []
  const { conditions = old?.conditions ?? [], action = old?.action } = await read(
    ctx,
    input,
    errors,
  )
  const or = <T>(given: T | undefined, before: T) => (given === undefined ? before : given)
  const code = or(input.code, old?.code ?? null)
  const row: PromotionRow = {
    id: old?.id ?? newId("promotion", ctx.now),
    name: or(input.name, old?.name ?? ""),
    description: or(input.description, old?.description ?? ""),
    status: or(input.status, old?.status ?? "active"),
    code,
    isAutomatic: or(input.automatic, old?.isAutomatic ?? false),
    priority: or(input.priority, old?.priority ?? 0),
    isCombinable: or(input.combinable, old?.isCombinable ?? true),
    conditions,
    action: action ?? { type: "free_shipping" },
    startsAt: or(input.starts_at, old?.startsAt ?? null),
    endsAt: or(input.ends_at, old?.endsAt ?? null),
    usageLimit: or(input.usage_limit, old?.usageLimit ?? null),
    usageLimitPerCustomer: or(input.usage_limit_per_customer, old?.usageLimitPerCustomer ?? null),
    used: old?.used ?? 0,
    discountedAmount: old?.discountedAmount ?? 0,
    version: (old?.version ?? 0) + 1,
    createdAt: old?.createdAt ?? iso(ctx.now),
    updatedAt: iso(ctx.now),
  }
  // Of two first orders at once only one is: the limit is what holds it.
  if (conditions.some(({ type }) => type === "first_order")) row.usageLimitPerCustomer = 1
  if (row.isAutomatic && code !== null)
    errors.push({
      field: "automatic",
      detail: "It has a code, or is automatic: not both.",
      code: "invalid",
    })
  if (row.startsAt !== null && row.endsAt !== null && row.endsAt <= row.startsAt)
    errors.push({ field: "ends_at", detail: "It ends after it starts.", code: "invalid" })
  if (errors.length > 0) throw invalid(...errors)
  return row
}

function stageCode(ctx: Ctx, { id, code }: PromotionRow) {
  if (code === null) return []
  const row = { code, promotionId: id, usageLimit: null, used: 0, createdAt: iso(ctx.now) }
  return [ctx.db.insert(promotionCodes).values(row)]
}

const refusals = {
  "promotion_codes.code": () =>
    invalid({ field: "code", detail: "A promotion has this code already.", code: "taken" }),
  promotions_uses_left: () =>
    invalid({ field: "usage_limit", detail: "More orders than this have it.", code: "invalid" }),
}

function toPromotion(ctx: Ctx, row: PromotionRow): Promotion {
  const { currency } = ctx.config
  const now = iso(ctx.now)
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    code: row.code,
    automatic: row.isAutomatic,
    status: row.status,
    is_running:
      row.status === "active" &&
      (row.startsAt === null || row.startsAt <= now) &&
      (row.endsAt === null || row.endsAt > now) &&
      (row.usageLimit === null || row.used < row.usageLimit),
    priority: row.priority,
    combinable: row.isCombinable,
    starts_at: row.startsAt,
    ends_at: row.endsAt,
    usage_limit: row.usageLimit,
    usage_limit_per_customer: row.usageLimitPerCustomer,
    used_count: row.used,
    discount_total: toDecimal(row.discountedAmount, currency),
    currency,
    conditions: row.conditions.map((condition) => toCondition(condition, currency)),
    action: toAction(row.action, currency),
    version: row.version,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}
