import { z } from "zod"

import { paged } from "#http/paging.ts"
import { accepted, createRouter, ok, optionalJson, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import { AnalyticsQuery, PaymentAnalytics } from "./analytics-model.ts"
import * as analytics from "./analytics.ts"
import * as lists from "./lists.ts"
import { PaymentPage, PaymentQuery } from "./model.ts"
import {
  FindingPage,
  FindingQuery,
  NewReconciliation,
  Reconciliation,
  ReconciliationPage,
  ReconciliationQuery,
} from "./reconcile-model.ts"
import * as reconciliations from "./reconciliations.ts"

const tags = ["Payments"]
const reads = { tags, access: "staff", scope: "orders:read" } as const
const params = z.object({
  reconciliation: Ref.meta({ description: "Its id, or `latest`", example: "latest" }),
})

/** /admin/payments/* */
export const admin = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/admin/payments",
      ...reads,
      operationId: "listAllPayments",
      summary: "Everybody's payments",
      description: "Newest first. Fields to order by: created_at.",
      request: { query: PaymentQuery },
      responses: ok(PaymentPage, "A page of payments"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await lists.listAll(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/admin/payments/analytics",
      ...reads,
      operationId: "getPaymentAnalytics",
      summary: "Payments in figures",
      description:
        "Volume, success rate, refunds, fees and net, by currency, provider and day, over at most 366 days; the last 30 unless said otherwise. Counters that every change of a payment keeps up, so exact at every moment. A payment counts on the day it was begun, a refund on its own.",
      request: { query: AnalyticsQuery },
      responses: ok(PaymentAnalytics, "The figures"),
    }),
    async (c) => c.json(await analytics.read(c.var.ctx, c.req.valid("query")), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/admin/payments/reconcile",
      tags,
      access: "staff",
      scope: "orders:write",
      operationId: "reconcilePayments",
      summary: "Compare payments with the gateways",
      description:
        "Asks each gateway about every open or recent payment and refund, and for what it has that no order knows. Lost webhooks are completed, fees noted, refunds made at the gateway adopted; the rest is reported. It runs on after the answer, as it does every night; while one runs it is the answer.",
      request: { body: optionalJson(NewReconciliation) },
      responses: accepted(Reconciliation, "It runs"),
    }),
    async (c) =>
      c.json(
        await reconciliations.start(c.var.ctx, NewReconciliation.parse(c.req.valid("json") ?? {})),
        202,
      ),
  )
  .openapi(
    route({
      method: "get",
      path: "/admin/payments/reconciliations",
      ...reads,
      operationId: "listReconciliations",
      summary: "Comparisons with the gateways",
      description: "Newest first. Fields to order by: created_at.",
      request: { query: ReconciliationQuery },
      responses: ok(ReconciliationPage, "A page of comparisons"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await reconciliations.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/admin/payments/reconciliations/{reconciliation}",
      ...reads,
      operationId: "getReconciliation",
      summary: "Open a comparison",
      description: "How far it is, and what it came to; `latest` is the newest.",
      request: { params },
      responses: ok(Reconciliation, "The comparison"),
      refuses: ["not-found"],
    }),
    async (c) =>
      c.json(await reconciliations.get(c.var.ctx, c.req.valid("param").reconciliation), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/admin/payments/reconciliations/{reconciliation}/findings",
      ...reads,
      operationId: "listReconciliationFindings",
      summary: "What a comparison found",
      description: "What was mended, and what is left to people. Fields to order by: key.",
      request: { params, query: FindingQuery },
      responses: ok(FindingPage, "A page of differences"),
      refuses: ["not-found", "invalid-page"],
    }),
    async (c) => {
      const { reconciliation } = c.req.valid("param")
      return c.json(
        paged(c, await reconciliations.findings(c.var.ctx, reconciliation, c.req.valid("query"))),
        200,
      )
    },
  )
