import { z } from "zod"

import { created, createRouter, json, route } from "#http/router.ts"
import { ReturnRef } from "#modules/orders/returns-model.ts"

import { Exchange, NewExchange } from "./exchange-model.ts"
import { exchange } from "./exchange.ts"

/** /admin/returns/{return}/exchange */
export const routes = createRouter().openapi(
  route({
    method: "post",
    path: "/admin/returns/{return}/exchange",
    tags: ["Order administration"],
    operationId: "exchangeReturn",
    summary: "Send something else instead",
    description:
      "An order for the same customer, to the same address, at the prices of now, bound to the approved return: of a return there is one. The return's money goes back when it is received; `difference` says what the two come to.",
    access: "staff",
    scope: "orders:write",
    request: { params: z.object({ return: ReturnRef }), body: json(NewExchange) },
    responses: created(Exchange, "The return and the new order"),
    refuses: [
      "not-found",
      "illegal-transition",
      "already-exchanged",
      "product-unavailable",
      "out-of-stock",
      "purchase-limit-reached",
      "payment-method-unavailable",
      "shipping-unavailable",
      "order-changed",
      "unavailable",
    ],
  }),
  async (c) =>
    c.json(await exchange(c.var.ctx, c.req.valid("param").return, c.req.valid("json")), 201),
)
