import { env } from "cloudflare:workers"

import type { Actor } from "#actor.ts"
import { createCtx, type Ctx } from "#context.ts"

/** A Ctx whose deferred work can be awaited: the real bindings, a clock and an actor of the test's choice. */
export function ctx({
  as = { type: "system" },
  ...over
}: Partial<Omit<Ctx, "actor">> & { as?: Actor } = {}): Ctx & { settled(): Promise<void> } {
  const work: Promise<unknown>[] = []
  const made = createCtx(env, { actor: as, defer: (promise) => work.push(promise) })
  const settled = async () => {
    while (work.length > 0) await Promise.all(work.splice(0))
  }
  return { ...made, ...over, settled }
}
