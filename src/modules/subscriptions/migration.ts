import { and, asc, eq, gt } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import { findSellables } from "#modules/catalog/sellables.ts"
import { commit, retryRaced } from "#platform/commit.ts"

import type { Whole } from "./plan-draft.ts"
import { find as findPlan, unitAmountBy } from "./plans.ts"
import { isFinal } from "./status.ts"
import { changeRefusals, find, stageChange, type SubscriptionRow } from "./subscriptions.ts"
import { subscriptions } from "./tables.ts"

type Begun = Extract<Event, { type: "plan.migration-begun" }>

/** How many subscriptions one event sees to; the next event sees to those after them. */
const pageSize = 50

/**
 * Announces a plan's prices of now to its subscriptions: those whose prices change are told of it, and cost as much in
 * periods that begin at `from` or later. A page at a time; idempotent.
 */
export async function announce(ctx: Ctx, { planId, from, after }: Begun): Promise<void> {
  const plan = await findPlan(ctx, planId)
  if (!plan) return
  const page = await ctx.db
    .select()
    .from(subscriptions)
    .where(
      and(
        eq(subscriptions.planId, planId),
        after === undefined ? undefined : gt(subscriptions.id, after),
      ),
    )
    .orderBy(asc(subscriptions.id))
    .limit(pageSize)
  const refs = new Set(page.flatMap(({ items }) => items.map(({ variantId }) => variantId)))
  const known = await findSellables(ctx, [...refs])
  for (const row of page) {
    await retryRaced(async (tries) => {
      const seen = tries === 1 ? row : await find(ctx, row.id)
      if (seen) await announceTo(ctx, seen, plan, known, from)
    })
  }
  const last = page.at(-1)
  if (page.length < pageSize || !last) return
  await commit(ctx, [], {
    events: [{ type: "plan.migration-begun", planId, from, after: last.id }],
  })
}

async function announceTo(
  ctx: Ctx,
  row: SubscriptionRow,
  plan: Whole,
  known: Awaited<ReturnType<typeof findSellables>>,
  from: string,
): Promise<void> {
  if (isFinal(row.status) || row.planId !== plan.id || row.upcoming?.from === from) return
  const changed = row.items.flatMap(({ variantId, unitAmount }): [string, number][] => {
    const thing = known.get(variantId)
    const amount = thing && unitAmountBy(ctx, plan, thing)
    return amount === undefined || amount === unitAmount ? [] : [[variantId, amount]]
  })
  if (changed.length === 0 && row.upcoming === null) return
  const isOther = changed.length > 0
  const upcoming = isOther ? { from, unitAmounts: Object.fromEntries(changed) } : null
  const note = isOther ? `Other prices from ${from}.` : "The prices stay as they are."
  const change = stageChange(ctx, row, { upcoming }, { kind: "items", note })
  await commit(ctx, change.statements, {
    events: isOther ? [{ type: "subscription.price-changing", subscriptionId: row.id, from }] : [],
    refusals: changeRefusals,
  })
}
