import { z } from "zod"

import { paged } from "#http/paging.ts"
import { created, createRouter, json, ok, optionalJson, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import * as cancelling from "./cancel.ts"
import * as changing from "./change.ts"
import * as lists from "./lists.ts"
import {
  Cancel,
  Changed,
  NewSubscription,
  Pause,
  Started,
  Subscription,
  SubscriptionChanges,
  SubscriptionDetail,
  SubscriptionPage,
  SubscriptionQuery,
} from "./model.ts"
import * as pausing from "./pause.ts"
import { PlanPage, PlanQuery } from "./plan-model.ts"
import * as plans from "./plans.ts"
import { start } from "./start.ts"

const tags = ["Subscriptions"]
const params = z.object({ subscription: Ref.meta({ example: "sub_01kaeq4w8s0000000000000000" }) })
const own = { tags, access: "user" } as const
const change = {
  ...own,
  responses: ok(Subscription, "The subscription as it is now"),
  refuses: ["not-found", "subscription-not-changeable", "subscription-changed"],
} as const

/** /subscriptions */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/subscriptions/plans",
      tags,
      operationId: "listSubscriptionPlans",
      summary: "What can be subscribed to",
      description:
        "Newest first; `product` narrows it to the plans that a product or variant can be had by.",
      access: "public",
      shared: true,
      request: { query: PlanQuery },
      responses: ok(PlanPage, "A page of plans"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await plans.offers(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      ...own,
      method: "get",
      path: "/subscriptions",
      operationId: "listSubscriptions",
      summary: "Your subscriptions",
      description: "Newest first.",
      request: { query: SubscriptionQuery },
      responses: ok(SubscriptionPage, "A page of subscriptions"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await lists.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      ...own,
      method: "post",
      path: "/subscriptions",
      operationId: "startSubscription",
      summary: "Subscribe to a plan",
      description:
        "At the plan's prices of now, which it keeps. With a trial nothing is ordered before it is over; otherwise the first order is placed at once, and through a gateway the saved method is charged. It is `past_due` until that is paid: where the bank wants the payer, POST /payments with `order` starts another payment, within half an hour.",
      request: { body: json(NewSubscription) },
      responses: created(Started, "The subscription, and its first order"),
      refuses: [
        "trial-used",
        "product-unavailable",
        "out-of-stock",
        "purchase-limit-reached",
        "payment-method-unavailable",
        "coupon-used-up",
        "shipping-unavailable",
        "unavailable",
      ],
    }),
    async (c) => c.json(await start(c.var.ctx, c.req.valid("json")), 201),
  )
  .openapi(
    route({
      ...own,
      method: "get",
      path: "/subscriptions/{subscription}",
      operationId: "getSubscription",
      summary: "Open a subscription",
      description: "With the order of each period and its history. Your own; any for staff.",
      request: { params },
      responses: ok(SubscriptionDetail, "The subscription"),
      refuses: ["not-found"],
    }),
    async (c) => c.json(await lists.get(c.var.ctx, c.req.valid("param").subscription), 200),
  )
  .openapi(
    route({
      ...change,
      method: "patch",
      path: "/subscriptions/{subscription}",
      operationId: "changeSubscription",
      summary: "Change a subscription",
      description:
        "`items` are all that it brings from now on, `plan` how often. The change holds at once: `proration` is what the rest of the period costs more, or less, and the next order makes up for it. Things keep the price they were agreed at, unless the plan changes. Another rhythm begins a new period now, less what is left of this one.",
      request: { params, body: json(SubscriptionChanges) },
      responses: ok(Changed, "The subscription as it is now"),
      refuses: [...change.refuses, "payment-method-unavailable", "unavailable"],
    }),
    async (c) =>
      c.json(
        await changing.change(c.var.ctx, c.req.valid("param").subscription, c.req.valid("json")),
        200,
      ),
  )
  .openapi(
    route({
      ...change,
      method: "post",
      path: "/subscriptions/{subscription}/pause",
      operationId: "pauseSubscription",
      summary: "Pause a subscription",
      description:
        "Nothing is renewed until it is resumed, or until `resume_at`. What is paid for runs on.",
      request: { params, body: optionalJson(Pause) },
    }),
    async (c) =>
      c.json(
        await pausing.pause(
          c.var.ctx,
          c.req.valid("param").subscription,
          Pause.parse(c.req.valid("json") ?? {}),
        ),
        200,
      ),
  )
  .openapi(
    route({
      ...change,
      method: "post",
      path: "/subscriptions/{subscription}/resume",
      operationId: "resumeSubscription",
      summary: "Go on with a paused subscription",
      description:
        "With the period that runs still, else with a new one that begins now and is ordered within a minute.",
      request: { params },
    }),
    async (c) => c.json(await pausing.resume(c.var.ctx, c.req.valid("param").subscription), 200),
  )
  .openapi(
    route({
      ...change,
      method: "post",
      path: "/subscriptions/{subscription}/cancel",
      operationId: "cancelSubscription",
      summary: "Cancel a subscription",
      description:
        "At the end of the period that is paid for, unless `at` is `now`. One that is paused, or whose payment is late, ends now; its unpaid order is cancelled with it.",
      request: { params, body: optionalJson(Cancel) },
      refuses: [...change.refuses, "payment-changed"],
    }),
    async (c) =>
      c.json(
        await cancelling.cancel(
          c.var.ctx,
          c.req.valid("param").subscription,
          Cancel.parse(c.req.valid("json") ?? {}),
        ),
        200,
      ),
  )
  .openapi(
    route({
      ...change,
      method: "post",
      path: "/subscriptions/{subscription}/undo-cancel",
      operationId: "undoCancelSubscription",
      summary: "Keep a subscription after all",
      description: "Takes back that it ends with its period.",
      request: { params },
    }),
    async (c) =>
      c.json(await cancelling.undoCancel(c.var.ctx, c.req.valid("param").subscription), 200),
  )
