import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import { timed } from "#platform/meter.ts"

/** How many tries in a window, and how long the growing delay after that may become. */
export type Limit = { most: number; windowSeconds: number; longestSeconds: number }

/** Errors lose their class across RPC: a refusal is a value. */
export type Verdict = { ok: true } | { ok: false; retryAfterSeconds: number }

/** What is guarded beyond the outer shield (api.md 1.15; ASVS 6.3.1): counted in one place each, not per location. */
const limits = {
  "login-account": { most: 5, windowSeconds: 60, longestSeconds: 900 },
  "login-address": { most: 20, windowSeconds: 60, longestSeconds: 900 },
  "register-address": { most: 10, windowSeconds: 3600, longestSeconds: 3600 },
  "reset-address": { most: 3, windowSeconds: 3600, longestSeconds: 3600 },
  "reset-account": { most: 3, windowSeconds: 3600, longestSeconds: 3600 },
  "code-account": { most: 5, windowSeconds: 60, longestSeconds: 900 },
  "coupon-client": { most: 20, windowSeconds: 60, longestSeconds: 900 },
  "gift-card-client": { most: 20, windowSeconds: 60, longestSeconds: 900 },
  "order-client": { most: 10, windowSeconds: 60, longestSeconds: 900 },
  "order-number": { most: 10, windowSeconds: 60, longestSeconds: 900 },
  "mail-account": { most: 3, windowSeconds: 3600, longestSeconds: 3600 },
} as const satisfies Record<string, Limit>

/** A guarded kind of try, and whose: an account's id or name, an address. */
export type Guarded = { limit: keyof typeof limits; of: string }

function objectOf(ctx: Ctx, { limit, of }: Guarded) {
  return ctx.limiter.getByName(`${limit}:${of.normalize("NFC").toLowerCase()}`)
}

/** Counts a try at each of these; all are asked at once. @throws `rate-limited` with `retry_after` in seconds */
export async function attempt(ctx: Ctx, ...guarded: readonly Guarded[]): Promise<void> {
  if (!ctx.config.rateLimits) return
  const verdicts = await timed(ctx.meter, "do", () =>
    Promise.all(
      guarded.map((one) => objectOf(ctx, one).take(limits[one.limit]) as Promise<Verdict>),
    ),
  )
  const waits = verdicts.flatMap((verdict) => (verdict.ok ? [] : [verdict.retryAfterSeconds]))
  if (waits.length === 0) return
  const wait = Math.max(...waits)
  throw new DomainError("rate-limited", `Too many tries. Try again in ${wait} seconds.`, {
    retry_after: wait,
  })
}

/** Forgets the tries at these: they were right. After the answer. */
export function succeed(ctx: Ctx, ...guarded: readonly Guarded[]): void {
  if (!ctx.config.rateLimits) return
  for (const one of guarded) ctx.defer(objectOf(ctx, one).clear())
}
