import type { Ctx } from "#context.ts"
import { everyMinute, everyNight } from "#modules/admin/sweep.ts"

/** What cron runs when. The keys are those of wrangler.toml; each is safe to run twice at once. */
export const schedule: Record<string, (ctx: Ctx) => Promise<void>> = {
  "* * * * *": everyMinute,
  "15 3 * * *": everyNight,
}
