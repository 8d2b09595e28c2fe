import { z } from "zod"

import { created, createRouter, json, none, ok, route } from "#http/router.ts"

import { MethodSetup, NewSavedMethod, SavedMethods } from "./saved-model.ts"
import * as saved from "./saved.ts"

const tags = ["Payments"]

/** /users/me/payment-methods */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/users/me/payment-methods",
      tags,
      operationId: "listSavedPaymentMethods",
      summary: "Your saved payment methods",
      description: "As the gateways keep them: none of a number is kept here.",
      access: "user",
      responses: ok(SavedMethods, "All of them"),
      refuses: ["unavailable"],
    }),
    async (c) => c.json(await saved.list(c.var.ctx), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/users/me/payment-methods",
      tags,
      operationId: "savePaymentMethod",
      summary: "Save a payment method",
      description:
        "Begins it, and charges nothing: `client_secret` is for the gateway's own script in the browser. Once the payer has given it there, it is listed.",
      access: "user",
      request: { body: json(NewSavedMethod) },
      responses: created(MethodSetup, "What the payer needs to give it"),
      refuses: ["payment-method-unavailable", "unavailable"],
    }),
    async (c) => c.json(await saved.setUp(c.var.ctx, c.req.valid("json")), 201),
  )
  .openapi(
    route({
      method: "delete",
      path: "/users/me/payment-methods/{payment_method}",
      tags,
      operationId: "forgetPaymentMethod",
      summary: "Forget a payment method",
      description:
        "The gateway forgets it. A subscription that is charged to it has nothing to be charged to then.",
      access: "user",
      request: {
        params: z.object({ payment_method: z.string().max(200).meta({ example: "pm_1QxK2v" }) }),
      },
      responses: none("Forgotten"),
      refuses: ["not-found", "unavailable"],
    }),
    async (c) => {
      await saved.remove(c.var.ctx, c.req.valid("param").payment_method)
      return c.body(null, 204)
    },
  )
