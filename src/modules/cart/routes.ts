import { deleteCookie, getCookie, setCookie } from "hono/cookie"
import { z } from "zod"

import type { AppContext } from "#http/env.ts"
import { created, createRouter, json, none, ok, route } from "#http/router.ts"
import { Money, Ref } from "#lib/shapes.ts"
import { currencyQuery } from "#modules/currencies/model.ts"

import { recover } from "./abandonment.ts"
import * as cart from "./cart.ts"
import {
  Cart,
  CartChanges,
  CartItemChange,
  CartRecovery,
  CartSummary,
  CartWithItem,
  NewCartItem,
} from "./model.ts"

const tags = ["Cart"]
const params = z.object({
  line: Ref.meta({
    description: "The line's id, as the cart shows it",
    example: "lin_01kaeq4w8s0000000000000000",
  }),
})
const change = {
  path: "/cart/items/{line}",
  tags,
  access: "public",
  request: { params, body: json(CartItemChange) },
  responses: ok(CartWithItem, "The cart as it is now"),
  refuses: ["not-found", "out-of-stock", "cart-full"],
  recover: cart.get,
} as const

/**
 * Tells a guest the token of a new cart: a header for programs, a cookie for browsers, 30 days. What a user's cookie
 * named is theirs by now.
 */
function told<T extends { token?: string | undefined; user: string | null }>(
  c: AppContext,
  body: T,
): T {
  if (body.user !== null && getCookie(c, "cart_token") !== undefined)
    deleteCookie(c, "cart_token", { path: "/" })
  if (body.token === undefined) return body
  c.header("X-Cart-Token", body.token)
  const secure = new URL(c.req.url).protocol === "https:"
  setCookie(c, "cart_token", body.token, {
    httpOnly: true,
    sameSite: "Lax",
    secure,
    path: "/",
    maxAge: 30 * 86_400,
  })
  return body
}

/** /cart/* */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/cart",
      tags,
      operationId: "getCart",
      summary: "Look into your cart",
      description:
        "A user's own, or a guest's by `X-Cart-Token`. A guest without one is given a token; nothing is stored before the first item. A guest's cart whose token comes along with a sign-in, a registration or any request of a user goes into the user's. Prices are live, in the cart's currency; with `currency` they are shown in that.",
      access: "public",
      request: { query: z.object(currencyQuery) },
      responses: ok(Cart, "The cart"),
      refuses: ["rate-stale"],
    }),
    async (c) => c.json(told(c, await cart.get(c.var.ctx, c.req.valid("query").currency)), 200),
  )
  .openapi(
    route({
      method: "patch",
      path: "/cart",
      tags,
      operationId: "updateCart",
      summary: "Say where you can be written to, and what you pay in",
      description:
        "`email` is for guests: an order of this cart, and a reminder of it, go there. `currency` is one of GET /currencies: the cart is shown, ordered and paid in it from then on.",
      access: "public",
      request: { body: json(CartChanges) },
      responses: ok(Cart, "The cart as it is now"),
      refuses: ["cart-empty", "rate-stale"],
      recover: cart.get,
    }),
    async (c) => c.json(await cart.update(c.var.ctx, c.req.valid("json")), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/cart/recover",
      tags,
      operationId: "recoverCart",
      summary: "Open the cart of a reminder",
      description:
        "By the token of its link. A guest's cart goes into yours; a user's opens for that user only. Works for 30 days, until the cart is ordered.",
      access: "public",
      request: { body: json(CartRecovery) },
      responses: ok(Cart, "Your cart as it is now"),
      refuses: ["unauthenticated"],
      recover: cart.get,
    }),
    async (c) => c.json(told(c, await recover(c.var.ctx, c.req.valid("json"))), 200),
  )
  .openapi(
    route({
      method: "delete",
      path: "/cart",
      tags,
      operationId: "clearCart",
      summary: "Empty your cart",
      description: "Of an empty cart it is nothing.",
      access: "public",
      responses: none("Empty"),
    }),
    async (c) => {
      await cart.clear(c.var.ctx)
      return c.body(null, 204)
    },
  )
  .openapi(
    route({
      method: "post",
      path: "/cart/items",
      tags,
      operationId: "addCartItem",
      summary: "Put something in your cart",
      description:
        "A line that is there already grows. Nothing is held: stock is taken when the order is placed.",
      access: "public",
      request: { body: json(NewCartItem) },
      responses: created(CartWithItem, "The cart as it is now"),
      refuses: ["not-found", "product-unavailable", "out-of-stock", "cart-full"],
      recover: cart.get,
    }),
    async (c) => c.json(told(c, await cart.addItem(c.var.ctx, c.req.valid("json"))), 201),
  )
  .openapi(
    route({
      ...change,
      method: "put",
      operationId: "replaceCartItem",
      summary: "Change a line (PUT)",
      description: "The same as PATCH.",
    }),
    async (c) =>
      c.json(await cart.updateItem(c.var.ctx, c.req.valid("param").line, c.req.valid("json")), 200),
  )
  .openapi(
    route({
      ...change,
      method: "patch",
      operationId: "updateCartItem",
      summary: "Change a line",
      description:
        "`quantity` sets it, `change` adds to it; a line that comes to nothing is taken out.",
    }),
    async (c) =>
      c.json(await cart.updateItem(c.var.ctx, c.req.valid("param").line, c.req.valid("json")), 200),
  )
  .openapi(
    route({
      method: "delete",
      path: "/cart/items/{line}",
      tags,
      operationId: "removeCartItem",
      summary: "Take a line out",
      description: "Somebody else's line is no line.",
      access: "public",
      request: { params },
      responses: none("Gone"),
      refuses: ["not-found"],
    }),
    async (c) => {
      await cart.removeItem(c.var.ctx, c.req.valid("param").line)
      return c.body(null, 204)
    },
  )
  .openapi(
    route({
      method: "get",
      path: "/cart/summary",
      tags,
      operationId: "getCartSummary",
      summary: "Your cart in figures",
      description: "Quantities that can be bought now, and that cannot.",
      access: "public",
      responses: ok(CartSummary, "The figures"),
    }),
    async (c) => c.json(await cart.summary(c.var.ctx), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/cart/count",
      tags,
      operationId: "countCart",
      summary: "How many things are in it",
      description: "The quantities together.",
      access: "public",
      responses: ok(z.object({ count: z.int().meta({ example: 2 }) }), "The number"),
    }),
    async (c) => c.json({ count: (await cart.get(c.var.ctx)).total_items }, 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/cart/total",
      tags,
      operationId: "getCartTotal",
      summary: "What it costs",
      description: "At the prices of now.",
      access: "public",
      responses: ok(z.object({ total: Money, currency: z.string() }), "The total"),
    }),
    async (c) => {
      const { total, currency } = await cart.get(c.var.ctx)
      return c.json({ total, currency }, 200)
    },
  )
