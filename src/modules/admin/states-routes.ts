import { createRouter, ok, route } from "#http/router.ts"

import { StateMachines } from "./states-model.ts"
import { stateMachines } from "./states.ts"

/** GET /meta/state-machines */
export const routes = createRouter().openapi(
  route({
    method: "get",
    path: "/meta/state-machines",
    tags: ["Utilities"],
    operationId: "getStateMachines",
    summary: "Which states follow which",
    description: "The table that the shop itself goes by.",
    access: "public",
    shared: true,
    responses: ok(StateMachines, "The table"),
  }),
  (c) => c.json(stateMachines(c.var.ctx), 200),
)
