import { createRouter, ok, route } from "#http/router.ts"

import { ShippingOffers, ShippingQuery } from "./shipping-model.ts"
import { listMethods } from "./shipping.ts"

/** /shipping/methods */
export const routes = createRouter().openapi(
  route({
    method: "get",
    path: "/shipping/methods",
    tags: ["Orders"],
    operationId: "listShippingOffers",
    summary: "How an order can be sent",
    description:
      "The methods that go to `country`, priced for the caller's cart or for `subtotal` and `weight`, cheapest first. An order that names no `shipping_method` goes by the first of them that is no pickup. A shop without methods sends for nothing, and digital things are not sent.",
    access: "public",
    request: { query: ShippingQuery },
    responses: ok(ShippingOffers, "The methods, cheapest first"),
    refuses: ["rate-stale"],
  }),
  async (c) => c.json(await listMethods(c.var.ctx, c.req.valid("query")), 200),
)
