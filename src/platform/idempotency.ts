import { lt } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { iso, secondsAfter } from "#lib/time.ts"
import { idempotency } from "#platform/tables.ts"

/** How long the answer to an idempotency key is kept (api.md 1.11). */
export const keptSeconds = 86_400

/** Deletes keys older than a day. For cron; safe to run twice. */
export async function purge(ctx: Ctx): Promise<void> {
  await ctx.db
    .delete(idempotency)
    .where(lt(idempotency.createdAt, iso(secondsAfter(ctx.now, -keptSeconds))))
}
