import { z } from "zod"

import { createRouter, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import { Reordered } from "./reorder-model.ts"
import { reorder } from "./reorder.ts"

/** /orders/{order}/reorder */
export const routes = createRouter().openapi(
  route({
    method: "post",
    path: "/orders/{order}/reorder",
    tags: ["Orders"],
    operationId: "reorder",
    summary: "Order it again",
    description:
      "Fills the cart until it holds what the order held, and says what is gone, fewer or has another price now. Sent twice it is the same cart.",
    access: "public",
    request: {
      params: z.object({
        order: Ref.meta({ description: "Id or order number", example: "NX-20261120-7K3M9QXA" }),
      }),
    },
    responses: ok(Reordered, "What is in the cart"),
    refuses: ["unauthenticated", "forbidden", "not-found", "cart-full"],
  }),
  async (c) => c.json(await reorder(c.var.ctx, c.req.valid("param").order), 200),
)
