import { eq, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import type { Event } from "#events.ts"
import { iso } from "#lib/time.ts"
import { commit, raced } from "#platform/commit.ts"

import { compared } from "./compare.ts"
import { placeAfter } from "./findings.ts"
import { gatewayOf } from "./gateways.ts"
import { type Found, stageFindings } from "./mend.ts"
import { gatewayNames } from "./method.ts"
import type { FindingRow, ReconciliationRow } from "./reconciliations.ts"
import { reconciliations } from "./tables.ts"

type Advanced = Extract<Event, { type: "reconciliation.advanced" }>

/** Steps in a message: each asks a gateway some twenty times, within the limits of one invocation. */
const mostSteps = 2

/**
 * Takes the next steps of a comparison. What a step finds and the place behind it are committed together: of two that
 * take the same step one fails, and leaves the rest to the other. What it mends is mended once, however often it is
 * looked at. It ends with the comparison, or with an event for the rest.
 */
export async function work(ctx: Ctx, { reconciliationId }: Advanced): Promise<void> {
  for (let steps = 1; steps <= mostSteps; steps++) {
    const [row] = await ctx.db
      .select()
      .from(reconciliations)
      .where(eq(reconciliations.id, reconciliationId))
    if (row?.status !== "running" || row.place === null) return
    const found = await compared(ctx, row, row.place)
    try {
      await advance(ctx, row, found, steps === mostSteps)
    } catch (error) {
      if (error instanceof DomainError && error.code === "payment-changed") return
      throw error
    }
  }
}

/** Writes down what a step found, and where the next one begins. @throws `payment-changed` when somebody else did */
async function advance(
  ctx: Ctx,
  row: ReconciliationRow,
  { checked, findings, next }: Found,
  isLast: boolean,
): Promise<void> {
  const listing = gatewayNames.filter((name) => gatewayOf(ctx, name)?.list !== undefined)
  const place = next ?? (row.place && placeAfter(row.place, listing))
  const isDone = place === null
  const now = iso(ctx.now)
  const counted = (outcome: FindingRow["outcome"]) =>
    sql`(SELECT count(*) FROM reconciliation_items WHERE reconciliation_id = ${row.id} AND outcome = ${outcome})`
  await commit(
    ctx,
    [
      ...stageFindings(ctx, row, findings),
      ctx.db
        .update(reconciliations)
        .set({
          step: sql`CASE WHEN step = ${row.step} AND status = 'running' THEN ${row.step + 1} END`,
          place,
          status: isDone ? "done" : "running",
          checked: row.checked + checked,
          repaired: counted("repaired"),
          open: counted("open"),
          updatedAt: now,
          finishedAt: isDone ? now : null,
        })
        .where(eq(reconciliations.id, row.id)),
    ],
    {
      events:
        isDone || !isLast ? [] : [{ type: "reconciliation.advanced", reconciliationId: row.id }],
      refusals: {
        "NOT NULL constraint failed: reconciliations.step": () =>
          raced(new DomainError("payment-changed")),
      },
    },
  )
}
