import { z } from "zod"

import { versioned } from "#http/etag.ts"
import { paged } from "#http/paging.ts"
import {
  accepted,
  created,
  createRouter,
  json,
  none,
  ok,
  optionalJson,
  route,
} from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import * as lists from "./lists.ts"
import { AllSubscriptionsQuery, SubscriptionPage } from "./model.ts"
import {
  AllPlansQuery,
  Migration,
  MigrationBegun,
  NewPlan,
  Plan,
  PlanChanges,
  PlanPage,
} from "./plan-model.ts"
import * as plans from "./plans.ts"

const tags = ["Subscription administration"]
const params = z.object({ plan: Ref.meta({ example: "pln_01kaeq4w8s0000000000000000" }) })
const staff = { tags, access: "staff", scope: "catalog:write" } as const
const change = {
  ...staff,
  versioned: true,
  path: "/admin/subscription-plans/{plan}",
  request: { params, body: json(PlanChanges) },
  responses: ok(Plan, "The plan as it is now"),
  refuses: ["not-found"],
} as const

/** /admin/subscription-plans, /admin/subscriptions */
export const admin = createRouter()
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/subscription-plans",
      operationId: "listAllSubscriptionPlans",
      summary: "List the plans",
      description: "Newest first, those that are not offered too.",
      request: { query: AllPlansQuery },
      responses: ok(PlanPage, "A page of plans"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await plans.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      ...staff,
      method: "post",
      path: "/admin/subscription-plans",
      operationId: "createSubscriptionPlan",
      summary: "Make a plan",
      description:
        "How often, for what, and for how much less than the catalogue says; `prices` say instead what one of a variant costs. Audited.",
      request: { body: json(NewPlan) },
      responses: created(Plan, "The plan"),
    }),
    async (c) => c.json(versioned(c, await plans.create(c.var.ctx, c.req.valid("json"))), 201),
  )
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/subscription-plans/{plan}",
      operationId: "getSubscriptionPlan",
      summary: "Open a plan",
      description: "With what it is for, and what that costs.",
      request: { params },
      responses: ok(Plan, "The plan"),
      refuses: ["not-found"],
    }),
    async (c) => c.json(versioned(c, await plans.get(c.var.ctx, c.req.valid("param").plan)), 200),
  )
  .openapi(
    route({
      ...change,
      method: "put",
      operationId: "replaceSubscriptionPlan",
      summary: "Change a plan (PUT)",
      description: "Fields that are left out stay as they are, as with PATCH.",
    }),
    async (c) =>
      c.json(
        versioned(c, await plans.update(c.var.ctx, c.req.valid("param").plan, c.req.valid("json"))),
        200,
      ),
  )
  .openapi(
    route({
      ...change,
      method: "patch",
      operationId: "updateSubscriptionPlan",
      summary: "Change a plan",
      description: "Subscriptions that run keep the terms they were started under. Audited.",
    }),
    async (c) =>
      c.json(
        versioned(c, await plans.update(c.var.ctx, c.req.valid("param").plan, c.req.valid("json"))),
        200,
      ),
  )
  .openapi(
    route({
      ...staff,
      method: "delete",
      versioned: true,
      path: "/admin/subscription-plans/{plan}",
      operationId: "deleteSubscriptionPlan",
      summary: "Take a plan away",
      description: "One that anybody ever subscribed to is kept, and no longer offered. Audited.",
      request: { params },
      responses: none("Gone, or no longer offered"),
      refuses: ["not-found"],
    }),
    async (c) => {
      await plans.remove(c.var.ctx, c.req.valid("param").plan)
      return c.body(null, 204)
    },
  )
  .openapi(
    route({
      ...staff,
      method: "post",
      path: "/admin/subscription-plans/{plan}/migrate",
      operationId: "migrateSubscriptionPlan",
      summary: "Bring a plan's prices to those who have it",
      description:
        "Running subscriptions keep their prices until then. Each customer whose price changes is told at once by mail; their periods that begin `notice_days` from now or later cost as much as the plan says now. Audited.",
      request: { params, body: optionalJson(Migration) },
      responses: accepted(MigrationBegun, "It has begun"),
      refuses: ["not-found"],
    }),
    async (c) =>
      c.json(
        await plans.migrate(
          c.var.ctx,
          c.req.valid("param").plan,
          Migration.parse(c.req.valid("json") ?? {}),
        ),
        202,
      ),
  )
  .openapi(
    route({
      method: "get",
      path: "/admin/subscriptions",
      tags,
      operationId: "listAllSubscriptions",
      summary: "Everybody's subscriptions",
      description: "Newest first, by `status`, `plan` and `user`.",
      access: "staff",
      scope: "orders:read",
      request: { query: AllSubscriptionsQuery },
      responses: ok(SubscriptionPage, "A page of subscriptions"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await lists.listAll(c.var.ctx, c.req.valid("query"))), 200),
  )
