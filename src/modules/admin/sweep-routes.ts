import { createRouter, ok, route } from "#http/router.ts"

import { SweepReport } from "./sweep-model.ts"
import { sweep } from "./sweep.ts"

/** POST /admin/sweep */
export const routes = createRouter().openapi(
  route({
    method: "post",
    path: "/admin/sweep",
    tags: ["Administration"],
    operationId: "sweep",
    summary: "Do now what cron does",
    description:
      "Unpaid orders whose time is over, subscriptions that are due, payments and refunds whose outcome is not known, stuck events, abandoned carts, what is old, and stock in lists. Each task is one sweep's at a time, and safe to be done twice.",
    access: "admin",
    scope: "shop:maintain",
    responses: ok(SweepReport, "What there was to do"),
  }),
  async (c) => c.json(await sweep(c.var.ctx), 200),
)
