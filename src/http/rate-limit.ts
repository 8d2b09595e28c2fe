import { DomainError } from "#errors.ts"
import { addressOf } from "#http/address.ts"
import type { AppContext } from "#http/env.ts"

/** api.md 1.15; the bindings of wrangler.toml say the same figures. */
const policies = { anonymous: { limit: 100, window: 60 }, "signed-in": { limit: 1000, window: 60 } }

/** What this isolate has counted of each client in the current window: only `RateLimit`'s hint, never the decision. */
const seen = new Map<string, { count: number; resets: number }>()
const mostSeen = 10_000

/**
 * The outer shield: a counter of the client in this Cloudflare location, approximate by its nature. What guards an
 * account is counted elsewhere. Sets `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).
 * A machine that calls for many people is counted by its address, with the limit of somebody signed in.
 * @throws `rate-limited` with `retry_after` in seconds
 */
export async function shield(c: AppContext, isMachine = false): Promise<void> {
  const { actor, config, now } = c.var.ctx
  if (!config.rateLimits) return
  const name = actor.type === "user" || isMachine ? "signed-in" : "anonymous"
  const client = actor.type === "user" ? actor.id : addressOf(c)
  const { limit, window } = policies[name]
  const { remaining, resets } = countHere(`${name}:${client}`, limit, window, now.getTime())
  c.header("RateLimit-Policy", `"${name}";q=${limit};w=${window}`)
  c.header("RateLimit", `"${name}";r=${remaining};t=${resets}`)
  const binding = name === "signed-in" ? c.env.LIMIT_SIGNED_IN : c.env.LIMIT_ANONYMOUS
  const { success } = await binding.limit({ key: client })
  if (!success) {
    const detail = `At most ${limit} requests in ${window} seconds`
    throw new DomainError("rate-limited", detail, {
      retry_after: resets,
      "violated-policies": [name],
    })
  }
}

function countHere(
  key: string,
  limit: number,
  window: number,
  now: number,
): { remaining: number; resets: number } {
  if (seen.size > mostSeen) seen.clear()
  const known = seen.get(key)
  const isCurrent = known !== undefined && known.resets > now && known.resets <= now + window * 1000
  const entry = isCurrent ? known : { count: 0, resets: now + window * 1000 }
  entry.count += 1
  seen.set(key, entry)
  return {
    remaining: Math.max(0, limit - entry.count),
    resets: Math.max(1, Math.ceil((entry.resets - now) / 1000)),
  }
}
