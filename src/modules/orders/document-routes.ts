import { z } from "zod"

import type { AppContext } from "#http/env.ts"
import { createRouter, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import * as papers from "./papers.ts"

const params = z.object({
  order: Ref.meta({ description: "Id or order number", example: "NX-20261120-7K3M9QXA" }),
})
const html = (description: string) => ({
  200: { description, content: { "text/html": { schema: z.string() } } },
})

/** /orders/{order}/invoice and /packing-slip */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/orders/{order}/invoice",
      tags: ["Orders"],
      operationId: "getInvoice",
      summary: "Its invoice, as a page that prints",
      description:
        "HTML without scripts: save it as a PDF by printing it. Its number is the order's; taxes by rate, refunds and what is due are on it. A guest's order by `X-Order-Token`.",
      access: "public",
      scope: "orders:read",
      request: { params },
      responses: html("The page"),
      refuses: ["unauthenticated", "not-found"],
    }),
    async (c) => page(c, await papers.invoice(c.var.ctx, c.req.valid("param").order)),
  )
  .openapi(
    route({
      method: "get",
      path: "/orders/{order}/packing-slip",
      tags: ["Order administration"],
      operationId: "getPackingSlip",
      summary: "What to pack, as a page that prints",
      description: "HTML without scripts and without prices. Digital things are not on it.",
      access: "staff",
      scope: "orders:read",
      request: { params },
      responses: html("The page"),
      refuses: ["not-found"],
    }),
    async (c) => page(c, await papers.packingSlip(c.var.ctx, c.req.valid("param").order)),
  )

/** Lets the page have its own style and nothing else (CSP 3 §6.7.3: by the hash of what is inside the element). */
async function page(c: AppContext, { html: text, style }: papers.Printed) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style))
  const hash = btoa(String.fromCharCode(...new Uint8Array(digest)))
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${hash}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]
  c.header("Content-Security-Policy", policy.join("; "))
  return c.html(text, 200)
}
