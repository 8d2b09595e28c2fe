import { and, asc, eq, getTableColumns, gt, inArray, isNull, lte, or, sql } from "drizzle-orm"
import type { BatchResponse } from "drizzle-orm/batch"

import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { orders } from "#modules/orders/tables.ts"

import type { Promotion, RefusedCode } from "./discount.ts"
import { promotionCodes, promotionCustomers, promotions, promotionUses } from "./tables.ts"

type PromotionRow = typeof promotions.$inferSelect

/** So many codes count on one order, and so many automatic promotions in the shop. */
export const mostCodes = 5
const mostAutomatic = 50

/** Whom limits count: the account, the e-mail address, or both. */
export type Customer = { userId: Id<"user"> | null; email: string | undefined }

/** What promotions are asked about. `orderId`: the order that is priced anew; what it has used holds for it still. */
export type Asked = {
  codes: readonly string[]
  customer?: Customer | undefined
  orderId?: Id<"order"> | undefined
}

/** A code as it is kept: upper-case, without spaces around. */
export function codeKey(code: string): string {
  return code.trim().toUpperCase()
}

/** What a customer is counted by: the account's id and the e-mail address. */
export function customerKeys({ userId, email }: Customer): string[] {
  return [...(userId === null ? [] : [userId]), ...(email ? [email.toLowerCase()] : [])]
}

/** Statements that read what promotions there are for an order, for a batch; `toTerms` reads their rows. */
export function selectTerms(ctx: Ctx, asked: Asked) {
  const now = iso(ctx.now)
  const codes = [...new Set(asked.codes.map(codeKey))].slice(0, mostCodes)
  const keys = asked.customer ? customerKeys(asked.customer) : []
  const { db } = ctx
  const isAutomatic = and(eq(promotions.isAutomatic, true), eq(promotions.status, "active"))
  return [
    db
      .select()
      .from(promotions)
      .where(
        and(
          isAutomatic,
          or(isNull(promotions.startsAt), lte(promotions.startsAt, now)),
          or(isNull(promotions.endsAt), gt(promotions.endsAt, now)),
        ),
      )
      .orderBy(asc(promotions.priority), asc(promotions.id))
      .limit(mostAutomatic),
    db
      .select({
        ...getTableColumns(promotions),
        code: promotionCodes.code,
        codeLimit: sql<number | null>`${promotionCodes.usageLimit}`.as("code_limit"),
        codeUsed: sql<number>`${promotionCodes.used}`.as("code_used"),
      })
      .from(promotionCodes)
      .innerJoin(promotions, eq(promotions.id, promotionCodes.promotionId))
      .where(inArray(promotionCodes.code, codes)),
    db
      .select()
      .from(promotionCustomers)
      .where(
        and(
          inArray(promotionCustomers.customer, keys),
          sql`${promotionCustomers.promotionId} IN (SELECT id FROM promotions WHERE ${isAutomatic} UNION ALL SELECT promotion_id FROM promotion_codes WHERE ${inArray(promotionCodes.code, codes)})`,
        ),
      ),
    db
      .select({ id: orders.id })
      .from(orders)
      .where(
        and(
          // A plus keeps SQLite off the index of statuses.
          sql`+${orders.status} <> 'cancelled'`,
          sql`${orders.id} <> ${asked.orderId ?? ""}`,
          or(
            eq(orders.userId, asked.customer?.userId ?? ("" as Id<"user">)),
            eq(orders.email, asked.customer?.email ?? ""),
          ),
        ),
      )
      .limit(1),
    db
      .select({
        ...getTableColumns(promotions),
        useCode: sql<string | null>`${promotionUses.code}`.as("use_code"),
      })
      .from(promotionUses)
      .innerJoin(promotions, eq(promotions.id, promotionUses.promotionId))
      .where(
        and(
          eq(promotionUses.orderId, asked.orderId ?? ("" as Id<"order">)),
          isNull(promotionUses.givenBackAt),
        ),
      ),
  ] as const
}

type Rows = BatchResponse<ReturnType<typeof selectTerms>>

/** The promotions in force for an order, the codes that are not and why, and whether it is the customer's first order. */
export function toTerms(
  ctx: Ctx,
  asked: Asked,
  [automatic, coded, counts, earlier, own]: Rows,
): { promotions: Promotion[]; refused: RefusedCode[]; isFirstOrder: boolean | undefined } {
  const found = new Map<Id<"promotion">, Promotion>()
  const refused: RefusedCode[] = []
  const timesUsed = (id: Id<"promotion">) =>
    Math.max(0, ...counts.filter((row) => row.promotionId === id).map(({ used }) => used))
  const isOwn = (id: Id<"promotion">) => own.some((row) => row.id === id)

  for (const row of own) found.set(row.id, toPromotion(row, row.useCode))
  for (const row of automatic) {
    if (found.has(row.id) || standing(ctx, row, timesUsed(row.id))) continue
    found.set(row.id, toPromotion(row, null))
  }
  const codes = [...new Set(asked.codes.map(codeKey))]
  const late = codes.slice(mostCodes)
  for (const code of late)
    refused.push({ code, reason: "too-many", detail: `An order takes ${mostCodes} codes.` })
  for (const code of codes.slice(0, mostCodes).toSorted()) {
    const row = coded.find((one) => one.code === code)
    const refusal = row
      ? isOwn(row.id)
        ? undefined
        : standing(ctx, row, timesUsed(row.id))
      : ({ reason: "unknown", detail: "There is no such code." } as const)
    if (refusal) refused.push({ code, ...refusal })
    else if (row && found.has(row.id) && found.get(row.id)?.code !== code)
      refused.push({ code, reason: "not-combinable", detail: "It has been applied already." })
    else if (row) found.set(row.id, toPromotion(row, code))
  }
  return {
    promotions: [...found.values()],
    refused,
    isFirstOrder: asked.customer && earlier.length === 0,
  }
}

type Coded = PromotionRow & { codeLimit?: number | null; codeUsed?: number }

/** Why a promotion is not in force now; `undefined` when it is. */
function standing(
  ctx: Ctx,
  row: Coded,
  timesUsed: number,
): Pick<RefusedCode, "reason" | "detail"> | undefined {
  const now = iso(ctx.now)
  const { codeLimit = null, codeUsed = 0 } = row
  if (row.status !== "active" && row.used === 0)
    return { reason: "unknown", detail: "There is no such code." }
  if (row.status !== "active" || (row.endsAt !== null && row.endsAt <= now))
    return { reason: "expired", detail: "It is over." }
  if (row.startsAt !== null && row.startsAt > now)
    return { reason: "not-started", detail: `It starts at ${row.startsAt}.` }
  if (
    (row.usageLimit !== null && row.used >= row.usageLimit) ||
    (codeLimit !== null && codeUsed >= codeLimit)
  )
    return { reason: "used-up", detail: "It has been used as often as it can be." }
  if (row.usageLimitPerCustomer !== null && timesUsed >= row.usageLimitPerCustomer)
    return { reason: "customer-limit", detail: "You have used it as often as you can." }
  return undefined
}

function toPromotion(row: PromotionRow, code: string | null): Promotion {
  const { id, name, priority, isCombinable, conditions, action } = row
  return { id, name, code, priority, isCombinable, conditions, action }
}
