import { createRouter, ok, route } from "#http/router.ts"

import { Verification, VerifyQuery } from "./model.ts"
import * as verify from "./verify.ts"

/** /admin/verify */
export const admin = createRouter().openapi(
  route({
    method: "get",
    path: "/admin/verify",
    tags: ["System"],
    operationId: "verifyShop",
    summary: "Check the shop's books",
    description:
      "Compares stock, orders, payments, promotions, sessions and events with each other and names every violation. The first stretch of each check; a check with `next` goes on with `check` and `after`. `npm run verify` runs all to the end.",
    access: "admin",
    scope: "audit:read",
    request: { query: VerifyQuery },
    responses: ok(Verification, "What holds, and what does not"),
  }),
  async (c) => c.json(await verify.verify(c.var.ctx, c.req.valid("query")), 200),
)
