import { z } from "zod"

import { paged } from "#http/paging.ts"
import { created, createRouter, json, ok, optionalJson, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import * as decisions from "./return-decisions.ts"
import {
  AllReturnsQuery,
  NewReturn,
  Return,
  ReturnNote,
  ReturnPage,
  ReturnQuery,
  ReturnReceipt,
  ReturnRef,
} from "./returns-model.ts"
import * as returns from "./returns.ts"

const ofOrder = z.object({
  order: Ref.meta({ description: "Id or order number", example: "NX-20261120-7K3M9QXA" }),
})
const params = z.object({ return: ReturnRef })
const forStaff = ["Order administration"]
const decision = {
  tags: forStaff,
  access: "staff",
  scope: "orders:write",
  responses: ok(Return, "The return as it is now"),
} as const
const refuses = ["not-found", "illegal-transition", "order-changed"] as const

/** /orders/{order}/returns and /admin/returns */
export const routes = createRouter()
  .openapi(
    route({
      method: "post",
      path: "/orders/{order}/returns",
      tags: ["Orders"],
      operationId: "askForReturn",
      summary: "Ask to send things back",
      description:
        "Of what was sent and not asked for yet, within the days that the shop takes things back after delivery. The staff decides. A guest's order by `X-Order-Token`.",
      access: "public",
      scope: "orders:write",
      request: { params: ofOrder, body: json(NewReturn) },
      responses: created(Return, "The request"),
      refuses: [
        "unauthenticated",
        "not-found",
        "not-returnable",
        "return-window-over",
        "order-changed",
      ],
    }),
    async (c) =>
      c.json(await returns.ask(c.var.ctx, c.req.valid("param").order, c.req.valid("json")), 201),
  )
  .openapi(
    route({
      method: "get",
      path: "/orders/{order}/returns",
      tags: ["Orders"],
      operationId: "listReturns",
      summary: "What of it was sent back",
      description: "The returns of an order, oldest first.",
      access: "public",
      scope: "orders:read",
      request: { params: ofOrder, query: ReturnQuery },
      responses: ok(ReturnPage, "A page of returns"),
      refuses: ["unauthenticated", "not-found", "invalid-page"],
    }),
    async (c) =>
      c.json(
        paged(c, await returns.list(c.var.ctx, c.req.valid("param").order, c.req.valid("query"))),
        200,
      ),
  )
  .openapi(
    route({
      method: "post",
      path: "/orders/{order}/returns/{return}/cancel",
      tags: ["Orders"],
      operationId: "cancelReturn",
      summary: "Keep it after all",
      description: "Until it is received.",
      access: "public",
      scope: "orders:write",
      request: { params: ofOrder.extend(params.shape) },
      responses: ok(Return, "The cancelled return"),
      refuses: ["unauthenticated", ...refuses],
    }),
    async (c) => {
      const { order, return: ref } = c.req.valid("param")
      return c.json(await decisions.cancel(c.var.ctx, order, ref), 200)
    },
  )
  .openapi(
    route({
      method: "get",
      path: "/admin/returns",
      tags: forStaff,
      operationId: "listAllReturns",
      summary: "Everybody's returns",
      description: "Newest first. Fields to order by: created_at.",
      access: "staff",
      scope: "orders:read",
      request: { query: AllReturnsQuery },
      responses: ok(ReturnPage, "A page of returns"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await returns.listAll(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/admin/returns/{return}",
      tags: forStaff,
      operationId: "getReturn",
      summary: "Open a return",
      description: "By id or number.",
      access: "staff",
      scope: "orders:read",
      request: { params },
      responses: ok(Return, "The return"),
      refuses: ["not-found"],
    }),
    async (c) => c.json(await returns.get(c.var.ctx, c.req.valid("param").return), 200),
  )
  .openapi(
    route({
      ...decision,
      method: "post",
      path: "/admin/returns/{return}/approve",
      operationId: "approveReturn",
      summary: "Let it come",
      description: "The note is for the customer: where to send it, say.",
      request: { params, body: optionalJson(ReturnNote) },
      refuses,
    }),
    async (c) => {
      const note = c.req.valid("json")?.note ?? ""
      return c.json(await decisions.approve(c.var.ctx, c.req.valid("param").return, note), 200)
    },
  )
  .openapi(
    route({
      ...decision,
      method: "post",
      path: "/admin/returns/{return}/reject",
      operationId: "rejectReturn",
      summary: "Do not take it back",
      description: "The note says why.",
      request: { params, body: optionalJson(ReturnNote) },
      refuses,
    }),
    async (c) => {
      const note = c.req.valid("json")?.note ?? ""
      return c.json(await decisions.reject(c.var.ctx, c.req.valid("param").return, note), 200)
    },
  )
  .openapi(
    route({
      ...decision,
      method: "post",
      path: "/admin/returns/{return}/receive",
      operationId: "receiveReturn",
      summary: "Receive it and give the money back",
      description:
        "What was paid for what is accepted goes back, discount and tax in proportion, so that parts add up to the whole; or the amount given. Stock and money move exactly once.",
      request: { params, body: optionalJson(ReturnReceipt) },
      refuses: [
        ...refuses,
        "refund-too-large",
        "store-credit-unavailable",
        "payment-changed",
        "not-returnable",
      ],
    }),
    async (c) =>
      c.json(
        await decisions.receive(
          c.var.ctx,
          c.req.valid("param").return,
          c.req.valid("json") ?? ReturnReceipt.parse({}),
        ),
        200,
      ),
  )
  .openapi(
    route({
      ...decision,
      method: "post",
      path: "/admin/returns/{return}/close",
      operationId: "closeReturn",
      summary: "End it without its refund",
      description: "Of a return that was received and whose refund failed, or went another way.",
      request: { params, body: optionalJson(ReturnNote) },
      refuses,
    }),
    async (c) => {
      const note = c.req.valid("json")?.note ?? ""
      return c.json(await decisions.close(c.var.ctx, c.req.valid("param").return, note), 200)
    },
  )
