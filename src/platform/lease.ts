import { and, eq, lte } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { randomToken } from "#lib/secret.ts"
import { iso, secondsAfter } from "#lib/time.ts"
import { leases } from "#platform/tables.ts"

/**
 * Does the work unless somebody else is at it: then `undefined`. Whoever dies at it lets go after `seconds`; the work
 * must be safe to run twice nevertheless, for it may take longer than that.
 */
export async function withLease<T>(
  ctx: Ctx,
  name: string,
  seconds: number,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const holder = randomToken(16)
  const until = iso(secondsAfter(ctx.now, seconds))
  const [mine] = await ctx.db
    .insert(leases)
    .values({ name, holder, until })
    .onConflictDoUpdate({
      target: leases.name,
      set: { holder, until },
      setWhere: lte(leases.until, iso(ctx.now)),
    })
    .returning({ holder: leases.holder })
  if (!mine) return undefined
  try {
    return await work()
  } finally {
    await ctx.db.delete(leases).where(and(eq(leases.name, name), eq(leases.holder, holder)))
  }
}
