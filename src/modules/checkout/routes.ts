import { created, createRouter, json, ok, optionalJson, route } from "#http/router.ts"
import { Payment } from "#modules/payments/model.ts"

import * as checkout from "./checkout.ts"
import {
  CheckoutCart,
  CheckoutDraft,
  CheckoutQuery,
  CheckoutQuote,
  NewPayment,
  Placed,
  PlaceOrder,
  Validation,
} from "./model.ts"
import * as paying from "./pay.ts"
import * as preview from "./preview.ts"

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
    "purchase-limit-reached",
    "payment-method-unavailable",
    "coupon-unknown",
    "coupon-expired",
    "coupon-used-up",
    "coupon-not-applicable",
    "shipping-unavailable",
    "price-changed",
    "gift-card-not-valid",
    "credit-changed",
    "rate-stale",
    "unavailable",
  ],
} as const

/** POST /orders, POST /cart/checkout, /checkout/*, POST /payments */
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
        "Of `items`, or of the cart. Prices are the catalogue's of this moment. All lines are in stock, or none is taken: then 409 `out-of-stock` names every short line. It is priced and paid in `currency`, else in what the cart says. `gift_cards` and `use_store_credit` pay first, with the order itself: one that they cover is paid and confirmed. `payment` is what is needed to pay the rest: a gateway's order waits for it half an hour, and nothing moves on before. A guest's answer carries `access_token`, which opens the order as `X-Order-Token`.",
      request: { query: CheckoutQuery, body: json(PlaceOrder) },
    }),
    async (c) =>
      c.json(
        await checkout.place(c.var.ctx, { ...c.req.valid("json"), ...c.req.valid("query") }),
        201,
      ),
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
      request: { query: CheckoutQuery, body: json(CheckoutCart) },
    }),
    async (c) =>
      c.json(
        await checkout.place(c.var.ctx, { ...c.req.valid("json"), ...c.req.valid("query") }),
        201,
      ),
  )
  .openapi(
    route({
      method: "post",
      path: "/checkout/validate",
      tags,
      access: "public",
      scope: "orders:write",
      operationId: "validateCheckout",
      summary: "What stands in the way of an order",
      description:
        "Of the cart, or of `items`: everything at once. 200 when nothing does, else 400 `checkout-invalid` with the same members, `valid` false and `errors`. Nothing is held.",
      request: { query: CheckoutQuery, body: optionalJson(CheckoutDraft) },
      responses: ok(Validation, "Nothing does"),
      refuses: ["checkout-invalid"],
    }),
    async (c) =>
      c.json(
        await preview.validate(c.var.ctx, {
          ...CheckoutDraft.parse(c.req.valid("json") ?? {}),
          ...c.req.valid("query"),
        }),
        200,
      ),
  )
  .openapi(
    route({
      method: "post",
      path: "/checkout/quote",
      tags,
      access: "public",
      scope: "orders:write",
      operationId: "quoteCheckout",
      summary: "What an order would cost",
      description:
        "Of the cart, or of `items`: totals, taxes, promotions, and every step to them. Nothing is held; the order itself is priced anew (`expected_total` refuses another price).",
      request: { query: CheckoutQuery, body: optionalJson(CheckoutDraft) },
      responses: ok(CheckoutQuote, "What it costs"),
      refuses: ["cart-empty", "product-unavailable", "shipping-unavailable", "rate-stale"],
    }),
    async (c) =>
      c.json(
        await preview.quoteFor(c.var.ctx, {
          ...CheckoutDraft.parse(c.req.valid("json") ?? {}),
          ...c.req.valid("query"),
        }),
        200,
      ),
  )
  .openapi(
    route({
      method: "post",
      path: "/payments",
      tags: ["Payments"],
      access: "public",
      scope: "orders:write",
      operationId: "startPayment",
      summary: "Pay an order, or a part of it",
      description:
        "The payment that is open already, with what is needed to pay it; else a new one of what is still due, or of `amount` of it. An order can have several: together they never come to more than is due. A gift card (`gift_card`) and `store_credit` pay at once, as much as they have; by anything else nothing is paid by this: the gateway says what is.",
      request: { body: json(NewPayment) },
      responses: created(Payment, "The payment"),
      refuses: [
        "unauthenticated",
        "not-found",
        "order-not-payable",
        "order-changed",
        "payment-method-unavailable",
        "payment-changed",
        "gift-card-not-valid",
        "store-credit-unavailable",
        "credit-changed",
        "unavailable",
      ],
    }),
    async (c) => c.json(await paying.pay(c.var.ctx, c.req.valid("json")), 201),
  )
