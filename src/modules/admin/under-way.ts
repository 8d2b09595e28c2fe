import { isNull } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { outbox } from "#platform/tables.ts"

/** More events than this are a queue that stands still, which is a violation of its own. */
const mostEvents = 2000

/** What has events that are not dealt with yet: the ids of orders (payments name them as their reference). */
export async function underWay(ctx: Ctx): Promise<Set<string>> {
  const rows = await ctx.db
    .select({ event: outbox.event })
    .from(outbox)
    .where(isNull(outbox.doneAt))
    .limit(mostEvents)
  return new Set(
    rows.flatMap(({ event }) => [
      ...("orderId" in event ? [event.orderId as string] : []),
      ...("reference" in event ? [event.reference] : []),
    ]),
  )
}
