import { z } from "zod"

import { paged } from "#http/paging.ts"
import { createRouter, json, none, ok, optionalJson, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import { OrderQuery } from "./lists-model.ts"
import * as lists from "./lists.ts"
import {
  Cancellation,
  Cancelled,
  Order,
  OrderChangePage,
  OrderChangeQuery,
  OrderPage,
  StateMachines,
  StatusChange,
  Tracking,
} from "./model.ts"
import * as orders from "./orders.ts"

const tags = ["Orders"]
const params = z.object({
  order: Ref.meta({ description: "Id or order number", example: "NX-20261120-7K3M9QXA" }),
})
const mine = {
  access: "public",
  scope: "orders:read",
  request: { params },
  refuses: ["unauthenticated", "not-found"],
} as const

/** /orders/* */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/orders",
      tags,
      operationId: "listOrders",
      summary: "Your orders",
      description: "Newest first. Fields to order by: created_at, total (one of them).",
      access: "user",
      request: { query: OrderQuery },
      responses: ok(OrderPage, "A page of orders"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await lists.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/orders/history",
      tags,
      operationId: "listOrderHistory",
      summary: "Your orders, again",
      description: "The same list under the name some clients know.",
      access: "user",
      request: { query: OrderQuery },
      responses: ok(OrderPage, "A page of orders"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await lists.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      ...mine,
      method: "get",
      path: "/orders/{order}",
      tags,
      operationId: "getOrder",
      summary: "Open an order",
      description:
        "Your own; a guest's by `X-Order-Token`; any for staff. Somebody else's is not there.",
      responses: ok(Order, "The order"),
    }),
    async (c) => c.json(await orders.get(c.var.ctx, c.req.valid("param").order), 200),
  )
  .openapi(
    route({
      ...mine,
      method: "get",
      path: "/orders/{order}/track",
      tags,
      operationId: "trackOrder",
      summary: "Where it is",
      description: "The stages it went through, and those ahead.",
      responses: ok(Tracking, "Where it is"),
    }),
    async (c) => c.json(await orders.track(c.var.ctx, c.req.valid("param").order), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/orders/{order}/history",
      tags,
      operationId: "getOrderHistory",
      summary: "Everything that happened to it",
      description: "A row for each change, oldest first, each bound to the one before by its hash.",
      access: "public",
      scope: "orders:read",
      request: { params, query: OrderChangeQuery },
      responses: ok(OrderChangePage, "A page of history"),
      refuses: ["unauthenticated", "not-found", "invalid-page"],
    }),
    async (c) =>
      c.json(
        paged(c, await orders.history(c.var.ctx, c.req.valid("param").order, c.req.valid("query"))),
        200,
      ),
  )
  .openapi(
    route({
      method: "post",
      path: "/orders/{order}/cancel",
      tags,
      operationId: "cancelOrder",
      summary: "Cancel an order",
      description: "Until it is shipped. Its stock returns exactly once.",
      access: "public",
      scope: "orders:write",
      request: { params, body: optionalJson(Cancellation) },
      responses: ok(Cancelled, "The cancelled order"),
      refuses: [
        "unauthenticated",
        "not-found",
        "already-cancelled",
        "illegal-transition",
        "order-changed",
      ],
    }),
    async (c) =>
      c.json(
        await orders.cancel(
          c.var.ctx,
          c.req.valid("param").order,
          c.req.valid("json")?.reason ?? "",
        ),
        200,
      ),
  )
  .openapi(
    route({
      method: "delete",
      path: "/orders/{order}",
      tags,
      operationId: "deleteOrder",
      summary: "Cancel an order (DELETE)",
      description: "The same as cancelling: orders are kept.",
      access: "public",
      scope: "orders:write",
      request: { params },
      responses: none("Cancelled"),
      refuses: [
        "unauthenticated",
        "not-found",
        "already-cancelled",
        "illegal-transition",
        "order-changed",
      ],
    }),
    async (c) => {
      await orders.cancel(c.var.ctx, c.req.valid("param").order, "")
      return c.body(null, 204)
    },
  )
  .openapi(
    route({
      method: "patch",
      path: "/orders/{order}/status",
      tags: ["Order administration"],
      operationId: "setOrderStatus",
      summary: "Move an order along",
      description:
        "As `/meta/state-machines` allows: pending → confirmed → processing → shipped → delivered, or cancelled before it is shipped.",
      access: "staff",
      scope: "orders:write",
      request: { params, body: json(StatusChange) },
      responses: ok(Order, "The order as it is now"),
      refuses: ["not-found", "illegal-transition", "already-cancelled", "order-changed"],
    }),
    async (c) =>
      c.json(
        await orders.setStatus(c.var.ctx, c.req.valid("param").order, c.req.valid("json")),
        200,
      ),
  )
  .openapi(
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
    (c) => c.json(orders.stateMachines(), 200),
  )
