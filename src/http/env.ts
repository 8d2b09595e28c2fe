import type { Context } from "hono"

import type { Ctx } from "#context.ts"

/** What Hono carries through a request: the Worker's bindings, the request's id and its Ctx. */
export type AppEnv = { Bindings: Env; Variables: { requestId: string; ctx: Ctx; version?: number } }

/** A handler's context, where a helper needs it. */
export type AppContext = Context<AppEnv>
