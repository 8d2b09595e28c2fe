import { z } from "zod"

import { paged } from "#http/paging.ts"
import { createRouter, json, ok, optionalJson, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import * as asking from "./asking.ts"
import * as captures from "./captures.ts"
import * as lists from "./lists.ts"
import {
  CaptureInput,
  MarkedPaid,
  MarkPaidInput,
  Payment,
  PaymentDetail,
  PaymentMethods,
  PaymentPage,
  PaymentQuery,
  PaymentState,
  WebhookBody,
  WebhookReceipt,
} from "./model.ts"
import * as webhooks from "./webhooks.ts"

const tags = ["Payments"]
const params = z.object({ payment: Ref.meta({ example: "pay_01kaeq4w8s0000000000000000" }) })
const staff = { tags, access: "staff", scope: "orders:write" } as const

/** /payments/* */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/payments",
      tags,
      operationId: "listPayments",
      summary: "Your payments",
      description: "Newest first; everybody's for staff. Fields to order by: created_at.",
      access: "user",
      request: { query: PaymentQuery },
      responses: ok(PaymentPage, "A page of payments"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await lists.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/payments/methods",
      tags,
      operationId: "listPaymentMethods",
      summary: "How orders can be paid",
      description: "A gateway is listed once it is set up.",
      access: "public",
      shared: true,
      responses: ok(PaymentMethods, "The methods"),
    }),
    (c) => c.json(lists.methods(c.var.ctx), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/payments/webhooks/{gateway}",
      tags,
      operationId: "receivePaymentWebhook",
      summary: "What a gateway has to say",
      description:
        "Signed over the raw body, at most 300 s old where the signature bears a time; each event counts once. An event whose amount, currency or reference is not ours is kept aside and changes nothing.",
      access: "open",
      calledBy: "machine",
      request: {
        params: z.object({ gateway: z.string().meta({ example: "stripe" }) }),
        body: json(WebhookBody),
      },
      responses: ok(WebhookReceipt, "It was received"),
      refuses: ["not-found", "signature-not-valid", "payment-changed"],
    }),
    async (c) => {
      const { headers } = c.req.raw
      const body = await c.req.text()
      await webhooks.receive(c.var.ctx, c.req.valid("param").gateway, { headers, body })
      return c.json({ received: true as const }, 200)
    },
  )
  .openapi(
    route({
      method: "get",
      path: "/payments/{payment}",
      tags,
      operationId: "getPayment",
      summary: "Open a payment",
      description: "Your own; of a guest's order by `X-Order-Token`; any for staff.",
      access: "public",
      scope: "orders:read",
      request: { params },
      responses: ok(PaymentDetail, "The payment, and what was given back of it"),
      refuses: ["unauthenticated", "not-found"],
    }),
    async (c) => c.json(await lists.read(c.var.ctx, c.req.valid("param").payment), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/payments/return/{token}",
      tags,
      operationId: "returnFromPayment",
      summary: "Back from the gateway",
      description:
        "Where gateways send the payer's browser: what they did there is looked up, and it goes on to the payment's `return_url`. Without one the answer is what became of the payment.",
      access: "open",
      request: { params: z.object({ token: Ref.meta({ example: "bm9ib2R5cw" }) }) },
      responses: {
        ...ok(PaymentState, "What became of it"),
        303: {
          description: "To the `return_url`",
          headers: z.object({ location: z.string() }),
        },
      },
      refuses: ["not-found"],
    }),
    async (c) => {
      const { payment, location } = await asking.arrive(c.var.ctx, c.req.valid("param").token)
      return location === null
        ? c.json({ id: payment.id, status: payment.status }, 200)
        : c.redirect(location, 303)
    },
  )
  .openapi(
    route({
      method: "post",
      path: "/payments/{payment}/capture",
      ...staff,
      operationId: "capturePayment",
      summary: "Take what was authorized",
      description: "All of it, or `amount`; the rest is let go. Taken already is taken.",
      request: { params, body: optionalJson(CaptureInput) },
      responses: ok(Payment, "The payment"),
      refuses: ["not-found", "payment-closed", "payment-refused", "payment-changed", "unavailable"],
    }),
    async (c) =>
      c.json(
        await captures.capture(
          c.var.ctx,
          c.req.valid("param").payment,
          CaptureInput.parse(c.req.valid("json") ?? {}),
        ),
        200,
      ),
  )
  .openapi(
    route({
      method: "post",
      path: "/payments/{payment}/void",
      ...staff,
      operationId: "voidPayment",
      summary: "Give a payment up",
      description: "One that nothing was taken of; its gateway is told.",
      request: { params },
      responses: ok(Payment, "The payment"),
      refuses: ["not-found", "payment-closed", "payment-changed", "unavailable"],
    }),
    async (c) => c.json(await captures.voidPayment(c.var.ctx, c.req.valid("param").payment), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/payments/{payment}/mark-paid",
      ...staff,
      operationId: "markPaid",
      summary: "Say that an invoice was paid",
      description:
        "Or that the cash was taken at the door, or a part of it: then what is left is a payment of its own. Only of payments without a gateway; audited.",
      request: { params, body: optionalJson(MarkPaidInput) },
      responses: ok(MarkedPaid, "The payment"),
      refuses: ["not-found", "payment-closed", "payment-changed"],
    }),
    async (c) =>
      c.json(
        await captures.markPaid(
          c.var.ctx,
          c.req.valid("param").payment,
          MarkPaidInput.parse(c.req.valid("json") ?? {}),
        ),
        200,
      ),
  )
