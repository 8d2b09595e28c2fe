import { created, createRouter, json, route } from "#http/router.ts"

import * as checkout from "./checkout.ts"
import { CheckoutCart, Placed, PlaceOrder } from "./model.ts"

const tags = ["Orders"]
const place = {
  tags,
  access: "public",
  responses: created(Placed, "The pending order"),
  refuses: [
    "cart-empty",
    "cart-changed",
    "cart-already-ordered",
    "product-unavailable",
    "out-of-stock",
    "unavailable",
  ],
} as const

/** POST /orders, POST /cart/checkout */
export const routes = createRouter()
  .openapi(
    route({
      ...place,
      method: "post",
      path: "/orders",
      scope: "orders:write",
      operationId: "placeOrder",
      summary: "Place an order",
      description:
        "Of `items`, or of the cart. Prices are the catalogue's of this moment. All lines are in stock, or none is taken: then 409 `out-of-stock` names every short line. A guest's answer carries `access_token`, which opens the order as `X-Order-Token`.",
      request: { body: json(PlaceOrder) },
    }),
    async (c) => c.json(await checkout.place(c.var.ctx, c.req.valid("json")), 201),
  )
  .openapi(
    route({
      ...place,
      method: "post",
      path: "/cart/checkout",
      operationId: "checkoutCart",
      summary: "Order the cart",
      description:
        "The same with what is in the cart. Of one cart there is one order, however often this is sent.",
      request: { body: json(CheckoutCart) },
    }),
    async (c) => c.json(await checkout.place(c.var.ctx, c.req.valid("json")), 201),
  )
