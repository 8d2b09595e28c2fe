import { z } from "zod"

import { created, createRouter, json, none, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import * as cart from "./cart.ts"
import * as coupons from "./coupons.ts"
import { Cart, CartWithItem, NewCoupon } from "./model.ts"
import * as saved from "./saved.ts"

const tags = ["Cart"]
const savedItem = z.object({
  saved: Ref.meta({
    description: "The saved item's id, as the cart shows it",
    example: "sav_01kaeq4w8s0000000000000000",
  }),
})

/** /cart/coupons, /cart/save-for-later */
export const routes = createRouter()
  .openapi(
    route({
      method: "post",
      path: "/cart/coupons",
      tags,
      operationId: "addCartCoupon",
      summary: "Put a code on your cart",
      description:
        "Letter case does not count; at most five. A code that cannot hold for what is in the cart is refused and not kept; whether one for shipping or for a country does, the order's address decides.",
      access: "public",
      request: { body: json(NewCoupon) },
      responses: ok(Cart, "The cart as it is now"),
      refuses: [
        "cart-empty",
        "coupon-unknown",
        "coupon-expired",
        "coupon-used-up",
        "coupon-not-applicable",
      ],
      recover: cart.get,
    }),
    async (c) => c.json(await coupons.add(c.var.ctx, c.req.valid("json")), 200),
  )
  .openapi(
    route({
      method: "delete",
      path: "/cart/coupons/{code}",
      tags,
      operationId: "removeCartCoupon",
      summary: "Take a code off your cart",
      description: "Letter case does not count.",
      access: "public",
      request: { params: z.object({ code: Ref.meta({ example: "WELCOME10" }) }) },
      responses: none("Gone"),
      refuses: ["not-found"],
    }),
    async (c) => {
      await coupons.remove(c.var.ctx, c.req.valid("param").code)
      return c.body(null, 204)
    },
  )
  .openapi(
    route({
      method: "post",
      path: "/cart/save-for-later/{line}",
      tags,
      operationId: "saveForLater",
      summary: "Save a line for later",
      description: "Takes it out of the cart. What is saved outlives the cart.",
      access: "public",
      request: {
        params: z.object({
          line: Ref.meta({
            description: "The line's id, as the cart shows it",
            example: "lin_01kaeq4w8s0000000000000000",
          }),
        }),
      },
      responses: ok(Cart, "The cart as it is now"),
      refuses: ["not-found"],
      recover: cart.get,
    }),
    async (c) => c.json(await saved.save(c.var.ctx, c.req.valid("param").line), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/cart/save-for-later/{saved}/restore",
      tags,
      operationId: "restoreSavedItem",
      summary: "Put a saved thing back into your cart",
      description: "As many of it as there are; the rest stays saved.",
      access: "public",
      request: { params: savedItem },
      responses: created(CartWithItem, "The cart as it is now"),
      refuses: ["not-found", "out-of-stock", "cart-full", "cart-changed"],
      recover: cart.get,
    }),
    async (c) => c.json(await saved.restore(c.var.ctx, c.req.valid("param").saved), 201),
  )
  .openapi(
    route({
      method: "delete",
      path: "/cart/save-for-later/{saved}",
      tags,
      operationId: "forgetSavedItem",
      summary: "Forget a saved thing",
      description: "Somebody else's is none.",
      access: "public",
      request: { params: savedItem },
      responses: none("Gone"),
      refuses: ["not-found"],
    }),
    async (c) => {
      await saved.forget(c.var.ctx, c.req.valid("param").saved)
      return c.body(null, 204)
    },
  )
