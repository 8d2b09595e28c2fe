import { z } from "zod"

import { paged } from "#http/paging.ts"
import { created, createRouter, json, ok, optionalJson, route } from "#http/router.ts"
import { pageOf, pageQuery, Ref } from "#lib/shapes.ts"

import { HistoryCheck, HistoryCheckQuery, OrderEdit, OrderEdited } from "./edit-model.ts"
import * as edits from "./edits.ts"
import {
  Fulfilled,
  FulfilmentCancellation,
  FulfilmentChanges,
  NewFulfilment,
  NewOrderNote,
  OrderNote,
} from "./fulfilment-model.ts"
import * as fulfilments from "./fulfilments.ts"
import * as integrity from "./integrity.ts"
import { Fulfilment } from "./model.ts"
import * as notes from "./notes.ts"

const tags = ["Order administration"]
const order = Ref.meta({ description: "Id or order number", example: "NX-20261120-7K3M9QXA" })
const params = z.object({ order })
const parcel = z.object({
  order,
  fulfilment: Ref.meta({
    description: "The parcel's id",
    example: "ful_01kaeq4w8s0000000000000000",
  }),
})
const writes = { access: "staff", scope: "orders:write" } as const
const changes = ["not-found", "illegal-transition", "order-changed"] as const

/** /admin/orders/{order}/*: sending, editing, notes; /admin/audit/verify */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/admin/orders/{order}/fulfilments",
      tags,
      operationId: "listFulfilments",
      summary: "Its parcels",
      description: "Oldest first, cancelled ones too.",
      access: "staff",
      scope: "orders:read",
      request: { params },
      responses: ok(
        z.object({ results: z.array(Fulfilment) }).meta({ id: "Fulfilments" }),
        "The parcels",
      ),
      refuses: ["not-found"],
    }),
    async (c) => c.json(await fulfilments.list(c.var.ctx, c.req.valid("param").order), 200),
  )
  .openapi(
    route({
      ...writes,
      method: "post",
      path: "/admin/orders/{order}/fulfilments",
      tags,
      operationId: "createFulfilment",
      summary: "Send some of it",
      description:
        "A parcel of these items, or of all that is left. The order is processing with its first parcel, and shipped once nothing is left. Nothing is sent that a gateway is still to be paid for.",
      versioned: true,
      request: { params, body: json(NewFulfilment) },
      responses: created(Fulfilled, "The parcel, and the order with it"),
      refuses: [...changes, "order-unpaid", "order-disputed", "already-fulfilled"],
    }),
    async (c) =>
      c.json(
        await fulfilments.create(c.var.ctx, c.req.valid("param").order, c.req.valid("json")),
        201,
      ),
  )
  .openapi(
    route({
      ...writes,
      method: "patch",
      path: "/admin/orders/{order}/fulfilments/{fulfilment}",
      tags,
      operationId: "updateFulfilment",
      summary: "Follow a parcel, or say that it arrived",
      description:
        "Once all parcels have arrived and nothing is left to send, the order is delivered.",
      versioned: true,
      request: { params: parcel, body: json(FulfilmentChanges) },
      responses: ok(Fulfilled, "The parcel, and the order with it"),
      refuses: changes,
    }),
    async (c) => {
      const { order: ref, fulfilment } = c.req.valid("param")
      return c.json(await fulfilments.update(c.var.ctx, ref, fulfilment, c.req.valid("json")), 200)
    },
  )
  .openapi(
    route({
      ...writes,
      method: "post",
      path: "/admin/orders/{order}/fulfilments/{fulfilment}/cancel",
      tags,
      operationId: "cancelFulfilment",
      summary: "Take a parcel back",
      description:
        "Before it arrives: what is in it is left to be sent again. A shipped order stays shipped.",
      versioned: true,
      request: { params: parcel, body: optionalJson(FulfilmentCancellation) },
      responses: ok(Fulfilled, "The parcel, and the order without it"),
      refuses: [...changes, "order-not-editable"],
    }),
    async (c) => {
      const { order: ref, fulfilment } = c.req.valid("param")
      const note = c.req.valid("json")?.note ?? ""
      return c.json(await fulfilments.cancel(c.var.ctx, ref, fulfilment, note), 200)
    },
  )
  .openapi(
    route({
      ...writes,
      method: "post",
      path: "/admin/orders/{order}/edits",
      tags,
      operationId: "editOrder",
      summary: "Change what it holds",
      description:
        "As far as it was not sent. Items that are there keep their price, new ones cost what they cost now; its promotions hold still, shipping and taxes are reckoned anew. What was paid too much goes back; what is due beyond is `amount_due`. `dry_run` shows all that, and changes nothing.",
      versioned: true,
      request: { params, body: json(OrderEdit) },
      responses: ok(OrderEdited, "The order as it is now, or would be"),
      refuses: [
        "not-found",
        "order-not-editable",
        "order-unpaid",
        "order-disputed",
        "already-fulfilled",
        "out-of-stock",
        "product-unavailable",
        "shipping-unavailable",
        "coupon-used-up",
        "coupon-expired",
        "order-changed",
        "payment-changed",
        "refund-too-large",
      ],
    }),
    async (c) =>
      c.json(await edits.edit(c.var.ctx, c.req.valid("param").order, c.req.valid("json")), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/admin/orders/{order}/notes",
      tags,
      operationId: "listOrderNotes",
      summary: "What staff noted on it",
      description: "Oldest first, public ones too.",
      access: "staff",
      scope: "orders:read",
      request: { params, query: z.object(pageQuery) },
      responses: ok(pageOf(OrderNote, "OrderNotePage"), "A page of notes"),
      refuses: ["not-found", "invalid-page"],
    }),
    async (c) =>
      c.json(
        paged(c, await notes.list(c.var.ctx, c.req.valid("param").order, c.req.valid("query"))),
        200,
      ),
  )
  .openapi(
    route({
      ...writes,
      method: "post",
      path: "/admin/orders/{order}/notes",
      tags,
      operationId: "addOrderNote",
      summary: "Note something on it",
      description: "For staff alone, or with `is_public` for its customer too.",
      request: { params, body: json(NewOrderNote) },
      responses: created(OrderNote, "The note"),
      refuses: ["not-found", "order-changed"],
    }),
    async (c) =>
      c.json(await notes.add(c.var.ctx, c.req.valid("param").order, c.req.valid("json")), 201),
  )
  .openapi(
    route({
      method: "get",
      path: "/admin/audit/verify",
      tags,
      operationId: "verifyOrderHistory",
      summary: "Whether the histories of orders are what was written",
      description:
        "Each row is bound to the one before by its hash, and orders say what their histories say. 50 orders a call: follow `next_cursor`.",
      access: "admin",
      scope: "audit:read",
      request: { query: HistoryCheckQuery },
      responses: ok(HistoryCheck, "What was looked at, and what is broken"),
      refuses: ["not-found"],
    }),
    async (c) => c.json(await integrity.verify(c.var.ctx, c.req.valid("query")), 200),
  )
