import { DurableObject } from "cloudflare:workers"

import type { Limit, Verdict } from "./limits.ts"

type Tally = { count: number; windowEndsAt: number; strikes: number; blockedUntil: number }

/** Without a try for this long everything is forgotten. */
const forgetMs = 3_600_000

/**
 * Counts the tries at one guarded thing: an account, an address. One object each, so that it is counted in one place,
 * wherever in the world they come from. Past the limit each further window costs twice as long, up to the limit's most.
 */
export class Limiter extends DurableObject<Env> {
  /** Counts a try, and says whether it may go on. Times in ms since the epoch. */
  take({ most, windowSeconds, longestSeconds }: Limit): Verdict {
    const now = Date.now()
    const tally = this.#tally(now)
    if (now < tally.blockedUntil) return refused(tally.blockedUntil - now)
    const current =
      now < tally.windowEndsAt
        ? tally
        : { ...tally, count: 0, windowEndsAt: now + windowSeconds * 1000 }
    const count = current.count + 1
    if (count <= most) {
      this.#keep({ ...current, count })
      return { ok: true }
    }
    const strikes = tally.strikes + 1
    const wait = Math.min(windowSeconds * 2 ** (strikes - 1), longestSeconds) * 1000
    this.#keep({ count: 0, windowEndsAt: 0, strikes, blockedUntil: now + wait })
    return refused(wait)
  }

  /** Forgets the tries: whoever was asked for has proved to be themselves. */
  async clear(): Promise<void> {
    await this.ctx.storage.deleteAll()
  }

  /** Nobody has tried for an hour. */
  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll()
  }

  #tally(now: number): Tally {
    return (
      this.ctx.storage.kv.get<Tally>("tally") ?? {
        count: 0,
        windowEndsAt: now,
        strikes: 0,
        blockedUntil: 0,
      }
    )
  }

  #keep(tally: Tally): void {
    this.ctx.storage.kv.put("tally", tally)
    void this.ctx.storage.setAlarm(Math.max(Date.now(), tally.blockedUntil) + forgetMs)
  }
}

function refused(ms: number): Verdict {
  return { ok: false, retryAfterSeconds: Math.max(1, Math.ceil(ms / 1000)) }
}
