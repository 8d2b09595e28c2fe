import type { Ctx } from "#context.ts"
import * as idempotency from "#http/idempotency.ts"
import * as challenges from "#modules/auth/challenges.ts"
import * as imports from "#modules/catalog/imports.ts"
import * as email from "#modules/notifications/email.ts"
import * as files from "#platform/files.ts"
import * as outbox from "#platform/outbox.ts"

/** What cron runs when. The keys are those of wrangler.toml; each is safe to run twice at once. */
export const schedule: Record<string, (ctx: Ctx) => Promise<void>> = {
  "* * * * *": outbox.sweep,
  "15 3 * * *": async (ctx) => {
    await idempotency.purge(ctx)
    await outbox.purge(ctx)
    await email.purge(ctx)
    await challenges.purge(ctx)
    await files.sweep(ctx)
    await imports.purge(ctx)
  },
}
