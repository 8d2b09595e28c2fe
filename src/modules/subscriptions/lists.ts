import { and, desc, eq, type SQL, sql } from "drizzle-orm"

import { requirePermission, requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import type {
  AllSubscriptionsQuery,
  Subscription,
  SubscriptionDetail,
  SubscriptionQuery,
} from "./model.ts"
import { open, type SubscriptionRow, toSubscription } from "./subscriptions.ts"
import { subscriptionChanges, subscriptionRenewals, subscriptions } from "./tables.ts"

/** How many of its orders, and of its changes, a subscription shows: the newest. */
const shown = 100

/** The caller's subscriptions, newest first. @throws `unauthenticated`, `invalid-page` */
export async function list(ctx: Ctx, query: SubscriptionQuery): Promise<Page<Subscription>> {
  const { id } = requireUser(ctx)
  return read(ctx, query, and(eq(subscriptions.userId, id), withStatus(query)))
}

/** Everybody's subscriptions, newest first. @throws `forbidden`, `invalid-page` */
export async function listAll(ctx: Ctx, query: AllSubscriptionsQuery): Promise<Page<Subscription>> {
  requirePermission(ctx, "orders:read")
  const { plan, user } = query
  return read(
    ctx,
    query,
    and(
      user === undefined ? undefined : eq(subscriptions.userId, user as Id<"user">),
      plan === undefined ? undefined : eq(subscriptions.planId, plan as Id<"plan">),
      withStatus(query),
    ),
  )
}

function withStatus({ status }: SubscriptionQuery): SQL | undefined {
  return status && eq(subscriptions.status, status)
}

async function read(
  ctx: Ctx,
  query: SubscriptionQuery,
  filter: SQL | undefined,
): Promise<Page<Subscription>> {
  const page = await readPage<SubscriptionRow>(ctx, query, {
    orderings: { created_at: { by: subscriptions.createdAt, of: (row) => row.createdAt } },
    fallback: "-created_at",
    id: { by: subscriptions.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(subscriptions)
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db
      .select({ one: sql`1` })
      .from(subscriptions)
      .where(filter)
      .getSQL(),
  })
  return mapPage(page, toSubscription)
}

/** One subscription with its orders and history: the caller's own, any for staff. @throws `unauthenticated`, `not-found` */
export async function get(ctx: Ctx, ref: string): Promise<SubscriptionDetail> {
  const row = await open(ctx, ref, "orders:read")
  const [renewals, changes] = await ctx.db.batch([
    ctx.db
      .select()
      .from(subscriptionRenewals)
      .where(eq(subscriptionRenewals.subscriptionId, row.id))
      .orderBy(desc(subscriptionRenewals.period))
      .limit(shown),
    ctx.db
      .select()
      .from(subscriptionChanges)
      .where(eq(subscriptionChanges.subscriptionId, row.id))
      .orderBy(desc(subscriptionChanges.version))
      .limit(shown),
  ])
  return {
    ...toSubscription(row),
    orders: renewals.map((renewal) => ({
      period: renewal.period,
      order: renewal.orderId,
      status: renewal.status,
      starts_at: renewal.startsAt,
      ends_at: renewal.endsAt,
    })),
    history: changes.map(({ version, kind, from, to, note, actor, createdAt }) => ({
      version,
      kind,
      from,
      to,
      note,
      actor,
      created_at: createdAt,
    })),
  }
}
