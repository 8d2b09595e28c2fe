import { z } from "zod"

import { createRouter, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import * as inventory from "./inventory.ts"
import { Availability } from "./model.ts"

/** /products/{p}/availability */
export const routes = createRouter().openapi(
  route({
    method: "get",
    path: "/products/{product}/availability",
    tags: ["Products"],
    operationId: "getAvailability",
    summary: "Ask what can be bought",
    description:
      "The exact figure, from the object that decides. Staff also see what is on hand and held.",
    access: "public",
    request: { params: z.object({ product: Ref.meta({ example: "1" }) }) },
    responses: ok(Availability, "What can be bought now"),
    refuses: ["not-found"],
  }),
  async (c) => {
    c.header("Cache-Control", "private, no-store")
    return c.json(await inventory.availability(c.var.ctx, c.req.valid("param").product), 200)
  },
)
