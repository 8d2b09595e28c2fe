import { createRouter, ok, route } from "#http/router.ts"

import { OfferedCurrencies } from "./model.ts"
import { offered } from "./settings.ts"

/** /currencies */
export const routes = createRouter().openapi(
  route({
    method: "get",
    path: "/currencies",
    tags: ["Currencies"],
    operationId: "listOfferedCurrencies",
    summary: "What prices can be shown and paid in",
    description:
      "The shop's own currency, and those beside it. Products, lists, the search and shipping methods take `currency` and show their prices in it; a cart keeps the one it is told (PATCH /cart), and its order is paid in that. A rate that is too old prices nothing: then 503 `rate-stale`.",
    access: "public",
    shared: true,
    responses: ok(OfferedCurrencies, "The currencies"),
  }),
  async (c) => c.json(await offered(c.var.ctx), 200),
)
