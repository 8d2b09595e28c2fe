import { z } from "zod"

import { versioned } from "#http/etag.ts"
import { paged } from "#http/paging.ts"
import { createRouter, json, none, ok, optionalJson, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import * as advance from "./advance.ts"
import { cancel } from "./cancel.ts"
import * as details from "./details.ts"
import { OrderChanges } from "./edit-model.ts"
import { OrderQuery } from "./lists-model.ts"
import * as lists from "./lists.ts"
import {
  Cancellation,
  Cancelled,
  Order,
  OrderChangePage,
  OrderChangeQuery,
  OrderDetail,
  OrderLookup,
  OrderPage,
  StatusChange,
  Tracking,
} from "./model.ts"
import * as orders from "./orders.ts"
import * as tracking from "./tracking.ts"

const tags = ["Orders"]
const params = z.object({
  order: Ref.meta({ description: "Id or order number", example: "NX-20261120-7K3M9QXA" }),
})
const mine = {
  access: "public",
  scope: "orders:read",
  request: { params, query: OrderLookup },
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
        "Your own; a guest's by `X-Order-Token`; any for staff. Its number with its `email` opens it too, read-only. Somebody else's is not there.",
      versioned: true,
      responses: ok(OrderDetail, "The order with its payments and parcels"),
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await orders.get(c.var.ctx, c.req.valid("param").order, c.req.valid("query").email),
        ),
        200,
      ),
  )
  .openapi(
    route({
      ...mine,
      method: "get",
      path: "/orders/{order}/track",
      tags,
      operationId: "trackOrder",
      summary: "Where it is",
      description: "The stages it went through, those ahead, and its parcels.",
      responses: ok(Tracking, "Where it is"),
    }),
    async (c) =>
      c.json(
        await tracking.track(c.var.ctx, c.req.valid("param").order, c.req.valid("query").email),
        200,
      ),
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
        paged(
          c,
          await tracking.history(c.var.ctx, c.req.valid("param").order, c.req.valid("query")),
        ),
        200,
      ),
  )
  .openapi(
    route({
      method: "patch",
      path: "/orders/{order}",
      tags,
      operationId: "updateOrder",
      summary: "Change who gets it, or what you said about it",
      description:
        "Addresses and notes: its owner while it is pending, staff until it is sent. An address that makes it cost something else is refused.",
      access: "public",
      scope: "orders:write",
      request: { params, body: json(OrderChanges) },
      versioned: true,
      responses: ok(Order, "The order as it is now"),
      refuses: [
        "unauthenticated",
        "not-found",
        "order-not-editable",
        "price-changed",
        "shipping-unavailable",
        "product-unavailable",
        "order-changed",
      ],
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await details.update(c.var.ctx, c.req.valid("param").order, c.req.valid("json")),
        ),
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
      description:
        "Until something of it is sent. Its stock returns exactly once, what was paid goes back, and its coupons can be used again.",
      access: "public",
      scope: "orders:write",
      request: { params, body: optionalJson(Cancellation) },
      versioned: true,
      responses: ok(Cancelled, "The cancelled order"),
      refuses: [
        "unauthenticated",
        "not-found",
        "already-cancelled",
        "illegal-transition",
        "order-changed",
        "payment-changed",
      ],
    }),
    async (c) =>
      c.json(
        await cancel(c.var.ctx, c.req.valid("param").order, c.req.valid("json")?.reason ?? ""),
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
      versioned: true,
      responses: none("Cancelled"),
      refuses: [
        "unauthenticated",
        "not-found",
        "already-cancelled",
        "illegal-transition",
        "order-changed",
        "payment-changed",
      ],
    }),
    async (c) => {
      await cancel(c.var.ctx, c.req.valid("param").order, "")
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
        "As `/meta/state-machines` allows: pending → confirmed → processing → shipped → delivered, or cancelled before it is shipped. `shipped` sends all that is left in one parcel, `delivered` says that all parcels arrived. What a gateway is to be paid for waits for it.",
      access: "staff",
      scope: "orders:write",
      request: { params, body: json(StatusChange) },
      versioned: true,
      responses: ok(Order, "The order as it is now"),
      refuses: [
        "not-found",
        "illegal-transition",
        "already-cancelled",
        "order-unpaid",
        "order-disputed",
        "order-changed",
        "payment-changed",
      ],
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await advance.setStatus(c.var.ctx, c.req.valid("param").order, c.req.valid("json")),
        ),
        200,
      ),
  )
