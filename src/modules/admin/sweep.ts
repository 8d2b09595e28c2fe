import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import * as challenges from "#modules/auth/challenges.ts"
import { markAbandoned } from "#modules/cart/abandonment.ts"
import { expireCarts } from "#modules/cart/expiry.ts"
import * as imports from "#modules/catalog/imports.ts"
import { expireUnpaid } from "#modules/checkout/expiry.ts"
import { returnSurpluses } from "#modules/checkout/paid.ts"
import * as rates from "#modules/currencies/rates.ts"
import * as levels from "#modules/inventory/levels.ts"
import * as email from "#modules/notifications/email.ts"
import { checkPayments, checkRefunds } from "#modules/payments/due.ts"
import * as reconciliations from "#modules/payments/reconciliations.ts"
import * as search from "#modules/search/rebuild.ts"
import { renewDue } from "#modules/subscriptions/renewals.ts"
import * as files from "#platform/files.ts"
import * as idempotency from "#platform/idempotency.ts"
import { withLease } from "#platform/lease.ts"
import * as outbox from "#platform/outbox.ts"

import type { SweepReport } from "./sweep-model.ts"

/**
 * How long a task has before another sweep may take it over, in seconds: whoever dies at it keeps others off no longer.
 * Each task may run twice at once; it would only be work for nothing.
 */
const leaseSeconds = 60
/** Pages of products that one sweep compares with their stock. */
const mostPages = 40

type Run = SweepReport & { failures: unknown[] }
type Task = (ctx: Ctx) => Promise<number | void>

/** What is done every minute: what somebody waits for. */
const frequent: Record<string, Task> = {
  "stuck-events": outbox.sweep,
  "due-payments": checkPayments,
  "due-refunds": checkRefunds,
  "unpaid-orders": expireUnpaid,
  surpluses: returnSurpluses,
  subscriptions: renewDue,
  "abandoned-carts": markAbandoned,
  "search-index": search.tend,
  "exchange-rates": rates.pullDue,
}

/** What is done every night: what is only in the way, or should never be needed. */
const nightly: Record<string, Task> = {
  "idempotency-keys": idempotency.purge,
  "finished-events": outbox.purge,
  "old-mails": email.purge,
  "old-challenges": challenges.purge,
  "old-carts": expireCarts,
  "orphaned-files": files.sweep,
  "old-imports": imports.purge,
  "stock-in-lists": mendLists,
  reconciliation: reconciliations.nightly,
}

/** The sweep of every minute. For cron. @throws what a task threw, once all were tried */
export async function everyMinute(ctx: Ctx): Promise<void> {
  orThrow(await run(ctx, frequent))
}

/** The sweep of every night. For cron. @throws what a task threw, once all were tried */
export async function everyNight(ctx: Ctx): Promise<void> {
  orThrow(await run(ctx, nightly))
}

/** Cloudflare shows a run that failed as one. */
function orThrow({ failures }: Run): void {
  if (failures.length > 1) throw new AggregateError(failures, `${failures.length} tasks failed`)
  if (failures.length === 1) throw failures[0]
}

/** Everything that cron does, now. Two at once share the work. @throws `unauthenticated`, `forbidden` */
export async function sweep(ctx: Ctx): Promise<SweepReport> {
  requirePermission(ctx, "shop:maintain")
  const { once: _, ...rest } = ctx
  const system: Ctx = { ...rest, actor: { type: "system" } }
  const { tasks } = await run(system, { ...frequent, ...nightly })
  return { tasks }
}

/** One task after another; one that fails keeps none of the others from being done. */
async function run(ctx: Ctx, all: Record<string, Task>): Promise<Run> {
  const tasks: SweepReport["tasks"] = []
  const failures: unknown[] = []
  for (const [task, work] of Object.entries(all)) {
    try {
      const done = await withLease(ctx, `sweep:${task}`, leaseSeconds, async () => ({
        count: (await work(ctx)) ?? null,
      }))
      tasks.push({ task, result: done ? "done" : "busy", count: done?.count ?? null })
    } catch (error) {
      ctx.log.error("sweep failed", error, { task })
      tasks.push({ task, result: "failed", count: null })
      failures.push(error)
    }
  }
  return { tasks, failures }
}

/** Compares what lists say of stock with the objects that know; answers how many it had to mend. */
async function mendLists(ctx: Ctx): Promise<number> {
  let repaired = 0
  let next: string | null = ""
  for (let pages = 0; next !== null && pages < mostPages; pages++) {
    const page = await levels.reconcile(ctx, next)
    repaired += page.repaired
    next = page.next
  }
  return repaired
}
