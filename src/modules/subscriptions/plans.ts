import { and, asc, eq, inArray, or, type SQL, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { applyRate, toDecimal } from "#lib/money.ts"
import { daysAfter, iso } from "#lib/time.ts"
import { stageAudit } from "#modules/auth/audit.ts"
import { findSellables, type Sellable } from "#modules/catalog/sellables.ts"
import { commit, raced, retryRaced } from "#platform/commit.ts"
import { rowsOf, type Statement } from "#platform/db.ts"
import { type Page, readPage } from "#platform/page.ts"
import { mostTries, requireMatch, stageSeen, stale } from "#platform/version.ts"

import { draft, type Whole } from "./plan-draft.ts"
import type {
  AllPlansQuery,
  Migration,
  MigrationBegun,
  NewPlan,
  Plan,
  PlanChanges,
  PlanQuery,
} from "./plan-model.ts"
import {
  subscriptionPlanItems,
  subscriptionPlanPrices,
  subscriptionPlans,
  subscriptions,
} from "./tables.ts"

type PlanRow = typeof subscriptionPlans.$inferSelect

/** The plans that can be subscribed to, newest first; those of a product or variant, if one is named. @throws `invalid-page` */
export async function offers(ctx: Ctx, query: PlanQuery): Promise<Page<Plan>> {
  const ofThing = query.product === undefined ? undefined : await coveringOf(ctx, query.product)
  return read(ctx, query, and(eq(subscriptionPlans.isActive, true), ofThing))
}

/** Plans that something can be had by: those for everything, for its product, or for itself. An unknown thing has none. */
async function coveringOf(ctx: Ctx, ref: string): Promise<SQL | undefined> {
  const thing = (await findSellables(ctx, [ref])).get(ref)
  if (!thing) return eq(subscriptionPlans.id, "" as Id<"plan">)
  const { productId, variantId } = thing
  const ids = ctx.db
    .select({ id: subscriptionPlanItems.planId })
    .from(subscriptionPlanItems)
    .where(
      and(
        eq(subscriptionPlanItems.productId, productId),
        // Of a product that comes in variants: any of them.
        thing.needsVariant ? undefined : inArray(subscriptionPlanItems.variantId, ["", variantId]),
      ),
    )
  return or(eq(subscriptionPlans.isForAll, true), inArray(subscriptionPlans.id, ids))
}

/** Every plan, newest first. @throws `forbidden`, `invalid-page` */
export async function list(ctx: Ctx, query: AllPlansQuery): Promise<Page<Plan>> {
  requirePermission(ctx, "catalog:write")
  const { active } = query
  return read(ctx, query, active === undefined ? undefined : eq(subscriptionPlans.isActive, active))
}

async function read(
  ctx: Ctx,
  query: PlanQuery | AllPlansQuery,
  filter: SQL | undefined,
): Promise<Page<Plan>> {
  const page = await readPage<PlanRow>(ctx, query, {
    orderings: { created_at: { by: subscriptionPlans.createdAt, of: (row) => row.createdAt } },
    fallback: "-created_at",
    id: { by: subscriptionPlans.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(subscriptionPlans)
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db
      .select({ one: sql`1` })
      .from(subscriptionPlans)
      .where(filter)
      .getSQL(),
  })
  const wholes = await wholesOf(ctx, page.results)
  return { ...page, results: wholes.map((one) => toPlan(ctx, one)) }
}

/** A page of plans with what belongs to them; D1 takes a hundred ids, a page has no more. */
async function wholesOf(ctx: Ctx, rows: readonly PlanRow[]): Promise<Whole[]> {
  if (rows.length === 0) return []
  const ids = rows.map(({ id }) => id)
  const [items, prices] = await ctx.db.batch([
    ctx.db
      .select()
      .from(subscriptionPlanItems)
      .where(inArray(subscriptionPlanItems.planId, ids))
      .orderBy(asc(subscriptionPlanItems.productId), asc(subscriptionPlanItems.variantId)),
    ctx.db
      .select()
      .from(subscriptionPlanPrices)
      .where(inArray(subscriptionPlanPrices.planId, ids))
      .orderBy(asc(subscriptionPlanPrices.variantId)),
  ])
  const [itemsOf, pricesOf] = [
    Map.groupBy(items, ({ planId }) => planId),
    Map.groupBy(prices, ({ planId }) => planId),
  ]
  return rows.map((row) => ({
    ...row,
    items: itemsOf.get(row.id) ?? [],
    prices: pricesOf.get(row.id) ?? [],
  }))
}

/** One plan, for staff. @throws `forbidden`, `not-found` */
export async function get(ctx: Ctx, id: string): Promise<Plan> {
  requirePermission(ctx, "catalog:write")
  return toPlan(ctx, await getWhole(ctx, id))
}

/** A plan by its id, for the shop's own work. */
export async function find(ctx: Ctx, ref: string): Promise<Whole | undefined> {
  const id = ref as Id<"plan">
  const [rows, items, prices] = await ctx.db.batch([
    ctx.db.select().from(subscriptionPlans).where(eq(subscriptionPlans.id, id)).limit(1),
    ctx.db
      .select()
      .from(subscriptionPlanItems)
      .where(eq(subscriptionPlanItems.planId, id))
      .orderBy(asc(subscriptionPlanItems.productId), asc(subscriptionPlanItems.variantId)),
    ctx.db
      .select()
      .from(subscriptionPlanPrices)
      .where(eq(subscriptionPlanPrices.planId, id))
      .orderBy(asc(subscriptionPlanPrices.variantId)),
  ])
  return rows[0] && { ...rows[0], items, prices }
}

async function getWhole(ctx: Ctx, id: string): Promise<Whole> {
  const plan = await find(ctx, id)
  if (!plan) throw notFound("plan")
  return plan
}

/** Makes a plan; audited. @throws `forbidden`, `invalid-input` for unknown products and prices that are none */
export async function create(ctx: Ctx, input: NewPlan): Promise<Plan> {
  requirePermission(ctx, "catalog:write")
  const plan = await draft(ctx, input)
  const { items: _items, prices: _prices, ...row } = plan
  const result = toPlan(ctx, plan)
  await commit(
    ctx,
    [
      ctx.db.insert(subscriptionPlans).values(row),
      ...stageParts(ctx, plan),
      ...stageAudit(ctx, "plan.made", null, { plan_id: row.id, name: row.name }),
    ],
    { result },
  )
  await ctx.cache.expire("catalog")
  return result
}

/** Changes a plan; audited. What runs keeps its terms. @throws `forbidden`, `not-found`, `invalid-input`, `stale` */
export function update(ctx: Ctx, id: string, changes: PlanChanges): Promise<Plan> {
  requirePermission(ctx, "catalog:write")
  return retryRaced(async () => {
    const old = await getWhole(ctx, id)
    requireMatch(ctx, old.version)
    const plan = await draft(ctx, changes, old)
    const { items: _items, prices: _prices, id: _id, ...columns } = plan
    const result = toPlan(ctx, plan)
    await commit(
      ctx,
      [
        stageSeen(ctx, subscriptionPlans.id, old.id, old.version),
        ctx.db.update(subscriptionPlans).set(columns).where(eq(subscriptionPlans.id, old.id)),
        ...stageNoParts(ctx, old.id),
        ...stageParts(ctx, plan),
        ...stageAudit(ctx, "plan.changed", null, {
          plan_id: old.id,
          fields: Object.keys(changes).join(","),
        }),
      ],
      { result, refusals: stale(subscriptionPlans.id) },
    )
    await ctx.cache.expire("catalog")
    return result
  }, mostTries)
}

/** Takes a plan away; one that anybody ever subscribed to is kept, inactive. Audited. @throws `forbidden`, `not-found`, `stale` */
export async function remove(ctx: Ctx, id: string): Promise<void> {
  requirePermission(ctx, "catalog:write")
  await retryRaced(async () => {
    const plan = await getWhole(ctx, id)
    requireMatch(ctx, plan.version)
    const isIt = eq(subscriptionPlans.id, plan.id)
    const used = await ctx.db
      .select({ id: subscriptions.id })
      .from(subscriptions)
      .where(eq(subscriptions.planId, plan.id))
      .limit(1)
    const statements: Statement[] =
      used.length > 0
        ? [
            ctx.db
              .update(subscriptionPlans)
              .set({
                isActive: false,
                updatedAt: iso(ctx.now),
                version: plan.version + 1,
              })
              .where(isIt),
          ]
        : [...stageNoParts(ctx, plan.id), ctx.db.delete(subscriptionPlans).where(isIt)]
    const audit = stageAudit(ctx, "plan.removed", null, { plan_id: plan.id, name: plan.name })
    const seen = stageSeen(ctx, subscriptionPlans.id, plan.id, plan.version)
    await commit(ctx, [seen, ...statements, ...audit], {
      refusals: {
        ...stale(subscriptionPlans.id),
        // Somebody subscribed to it just now.
        "FOREIGN KEY constraint failed": () => raced(notFound("plan")),
      },
      result: {},
    })
    await ctx.cache.expire("catalog")
  }, mostTries)
}

/**
 * Brings the plan's prices of now to the subscriptions that run: each customer is told at once, and their periods
 * that begin `notice_days` from now or later cost as much. Audited; done by its event. @throws `forbidden`, `not-found`
 */
export async function migrate(ctx: Ctx, id: string, input: Migration): Promise<MigrationBegun> {
  requirePermission(ctx, "catalog:write")
  const plan = await getWhole(ctx, id)
  const from = iso(daysAfter(ctx.now, input.notice_days))
  const result = { from }
  await commit(ctx, stageAudit(ctx, "plan.migrated", null, { plan_id: plan.id, from }), {
    events: [{ type: "plan.migration-begun", planId: plan.id, from }],
    result,
  })
  return result
}

/** Whether a plan can be had for a thing. */
export function covers(plan: Whole, { productId, variantId }: Sellable): boolean {
  return (
    plan.isForAll ||
    plan.items.some(
      (item) =>
        item.productId === productId && (item.variantId === "" || item.variantId === variantId),
    )
  )
}

/** What one of a thing costs by a plan now, in minor units of the shop's currency. */
export function unitAmountBy(ctx: Ctx, plan: Whole, thing: Sellable): number {
  const { currency, pricing } = ctx.config
  const price = plan.prices.find(
    (one) => one.variantId === thing.variantId && one.currency === currency,
  )
  if (price) return price.amount
  return applyRate(thing.unitAmount, 10_000 - plan.discountBasisPoints, pricing.rounding)
}

function stageParts(ctx: Ctx, { items, prices }: Whole): Statement[] {
  return [
    ...rowsOf(ctx.db, subscriptionPlanItems, items),
    ...rowsOf(ctx.db, subscriptionPlanPrices, prices),
  ]
}

function stageNoParts(ctx: Ctx, id: Id<"plan">): Statement[] {
  return [
    ctx.db.delete(subscriptionPlanItems).where(eq(subscriptionPlanItems.planId, id)),
    ctx.db.delete(subscriptionPlanPrices).where(eq(subscriptionPlanPrices.planId, id)),
  ]
}

function toPlan(ctx: Ctx, plan: Whole): Plan {
  const { currency } = ctx.config
  return {
    id: plan.id,
    name: plan.name,
    description: plan.description,
    interval: plan.interval,
    interval_count: plan.intervalCount,
    trial_days: plan.trialDays,
    discount_percentage: toPercentage(plan.discountBasisPoints),
    currency,
    prices: plan.prices
      .filter((price) => price.currency === currency)
      .map(({ variantId, amount }) => ({
        variant_id: variantId,
        price: toDecimal(amount, currency),
      })),
    products: plan.items.map(({ productId, variantId }) => ({
      product_id: productId,
      variant_id: variantId === "" ? null : variantId,
    })),
    max_cycles: plan.maxCycles,
    active: plan.isActive,
    version: plan.version,
    created_at: plan.createdAt,
    updated_at: plan.updatedAt,
  }
}

/** 1250 → "12.5". */
function toPercentage(basisPoints: number): string {
  const text = String(basisPoints).padStart(3, "0")
  return `${text.slice(0, -2)}.${text.slice(-2)}`.replace(/\.?0+$/, "") || "0"
}
