import { and, desc, eq, gt, sql } from "drizzle-orm"

import { nameOf, requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { daysAfter, iso, secondsAfter } from "#lib/time.ts"
import { commit, raced, retryRaced } from "#platform/commit.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import type {
  Finding,
  FindingQuery,
  NewReconciliation,
  Reconciliation,
  ReconciliationQuery,
} from "./reconcile-model.ts"
import { reconciliationItems, reconciliations } from "./tables.ts"

export type ReconciliationRow = typeof reconciliations.$inferSelect
export type FindingRow = typeof reconciliationItems.$inferSelect

/** A comparison that has not taken a step for so long is over, in seconds. */
const patienceSeconds = 3600

/**
 * Compares payments with what the gateways say, step by step through the queue: lost webhooks are completed, refunds
 * that were made at a gateway adopted, the rest is reported. The one that is running, if one is.
 * @throws `forbidden`
 */
export async function start(ctx: Ctx, { days }: NewReconciliation): Promise<Reconciliation> {
  requirePermission(ctx, "orders:write")
  return toReconciliation(await begin(ctx, days))
}

/** The same every night. For cron. */
export async function nightly(ctx: Ctx): Promise<void> {
  await begin(ctx, 3)
}

function begin(ctx: Ctx, days: number): Promise<ReconciliationRow> {
  return retryRaced(async () => {
    const [running] = await ctx.db
      .select()
      .from(reconciliations)
      .where(eq(reconciliations.status, "running"))
    const isStuck =
      running !== undefined && running.updatedAt < iso(secondsAfter(ctx.now, -patienceSeconds))
    if (running && !isStuck) return running
    const now = iso(ctx.now)
    const row: ReconciliationRow = {
      id: newId("reconciliation", ctx.now),
      status: "running",
      since: iso(daysAfter(ctx.now, -days)),
      place: { phase: "open-payments", after: "" },
      step: 0,
      checked: 0,
      repaired: 0,
      open: 0,
      actor: nameOf(ctx.actor),
      createdAt: now,
      updatedAt: now,
      finishedAt: null,
    }
    const given = running
      ? [
          ctx.db
            .update(reconciliations)
            .set({ status: "abandoned", place: null, updatedAt: now })
            .where(eq(reconciliations.id, running.id)),
        ]
      : []
    await commit(ctx, [...given, ctx.db.insert(reconciliations).values(row)], {
      events: [{ type: "reconciliation.advanced", reconciliationId: row.id }],
      refusals: { "reconciliations.status": () => raced(new DomainError("payment-changed")) },
      result: toReconciliation(row),
    })
    return row
  })
}

/** Comparisons, newest first. @throws `forbidden`, `invalid-page` */
export async function list(ctx: Ctx, query: ReconciliationQuery): Promise<Page<Reconciliation>> {
  requirePermission(ctx, "orders:read")
  // Its id says when it was made.
  const byId = { by: reconciliations.id, of: (row: ReconciliationRow) => row.id }
  const page = await readPage<ReconciliationRow>(ctx, query, {
    orderings: { created_at: byId },
    fallback: "-created_at",
    id: byId,
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(reconciliations)
        .where(where)
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db
      .select({ one: sql`1` })
      .from(reconciliations)
      .getSQL(),
  })
  return mapPage(page, toReconciliation)
}

/** One comparison; `latest` is the newest. @throws `forbidden`, `not-found` */
export async function get(ctx: Ctx, ref: string): Promise<Reconciliation> {
  requirePermission(ctx, "orders:read")
  const [row] = await ctx.db
    .select()
    .from(reconciliations)
    .where(ref === "latest" ? gt(reconciliations.id, "" as Id<"reconciliation">) : is(ref))
    .orderBy(desc(reconciliations.id))
    .limit(1)
  if (!row) throw notFound("reconciliation")
  return toReconciliation(row)
}

/** What a comparison found. @throws `forbidden`, `not-found`, `invalid-page` */
export async function findings(ctx: Ctx, ref: string, query: FindingQuery): Promise<Page<Finding>> {
  const { id } = await get(ctx, ref)
  const filter = and(
    eq(reconciliationItems.reconciliationId, id as Id<"reconciliation">),
    query.outcome && eq(reconciliationItems.outcome, query.outcome),
  )
  const byKey = { by: reconciliationItems.key, of: (row: FindingRow) => row.key }
  const page = await readPage<FindingRow>(ctx, query, {
    orderings: { key: byKey },
    fallback: "key",
    id: byKey,
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(reconciliationItems)
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db
      .select({ one: sql`1` })
      .from(reconciliationItems)
      .where(filter)
      .getSQL(),
  })
  return mapPage(page, toFinding)
}

function is(ref: string) {
  return eq(reconciliations.id, ref as Id<"reconciliation">)
}

/** A comparison on the wire. */
function toReconciliation(row: ReconciliationRow): Reconciliation {
  return {
    id: row.id,
    status: row.status,
    since: row.since,
    checked: row.checked,
    repaired: row.repaired,
    open: row.open,
    actor: row.actor,
    created_at: row.createdAt,
    finished_at: row.finishedAt,
  }
}

/** A difference on the wire. */
function toFinding(row: FindingRow): Finding {
  const { amount, currency } = row
  return {
    kind: row.kind,
    outcome: row.outcome,
    provider: row.provider,
    payment: row.paymentId,
    refund: row.refundId,
    order: row.reference,
    transaction_id: row.gatewayRef,
    amount: amount === null || currency === null ? null : toDecimal(amount, currency),
    currency,
    detail: row.detail,
    created_at: row.createdAt,
  }
}
