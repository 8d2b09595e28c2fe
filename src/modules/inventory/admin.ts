import { z } from "zod"

import { paged } from "#http/paging.ts"
import { createRouter, json, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import * as adjustments from "./adjustments.ts"
import * as levels from "./levels.ts"
import {
  Adjustment,
  InventoryPage,
  InventoryQuery,
  MovementQuery,
  Reconcile,
  Reconciled,
  StockLevel,
  StockMovementPage,
  StockPolicy,
} from "./model.ts"

const tags = ["Inventory"]
const params = z.object({
  item: Ref.meta({
    description: "A variant or a product without variants: id, SKU or slug",
    example: "1",
  }),
})

/** /admin/inventory/* */
export const admin = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/admin/inventory",
      tags,
      operationId: "listInventory",
      summary: "What is stocked, the fewest first",
      description:
        "`low_stock=true` lists what is at its own threshold or below (20, unless set), or at `threshold`.",
      access: "staff",
      scope: "inventory:read",
      request: { query: InventoryQuery },
      responses: ok(InventoryPage, "A page of stocked things"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await levels.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/admin/inventory/reconcile",
      tags,
      operationId: "reconcileInventory",
      summary: "Compare the lists with the stock",
      description:
        "Fifty products a call: what the lists show is compared with the stock objects, which are right, and mended. Call again with `after` until `next` is null.",
      access: "staff",
      scope: "inventory:write",
      request: { body: json(Reconcile) },
      responses: ok(Reconciled, "What was compared and mended"),
    }),
    async (c) => c.json(await levels.reconcile(c.var.ctx, c.req.valid("json").after), 200),
  )
  .openapi(
    route({
      method: "patch",
      path: "/admin/inventory/{item}",
      tags,
      operationId: "setStockPolicy",
      summary: "Set how stock is watched",
      description:
        "Whether it can run out, how many may be back-ordered, and at how many it is low.",
      access: "staff",
      scope: "inventory:write",
      request: { params, body: json(StockPolicy) },
      responses: ok(StockLevel, "The stock as it is now"),
      refuses: ["not-found"],
    }),
    async (c) =>
      c.json(
        await adjustments.setPolicy(c.var.ctx, c.req.valid("param").item, c.req.valid("json")),
        200,
      ),
  )
  .openapi(
    route({
      method: "post",
      path: "/admin/inventory/{item}/adjust",
      tags,
      operationId: "adjustStock",
      summary: "Change what is on hand",
      description:
        "By a difference or to a number, with the reason. Every change is a row of the ledger.",
      access: "staff",
      scope: "inventory:write",
      request: { params, body: json(Adjustment) },
      responses: ok(StockLevel, "The stock as it is now"),
      refuses: ["not-found", "out-of-stock"],
    }),
    async (c) =>
      c.json(
        await adjustments.adjust(c.var.ctx, c.req.valid("param").item, c.req.valid("json")),
        200,
      ),
  )
  .openapi(
    route({
      method: "get",
      path: "/admin/inventory/{item}/movements",
      tags,
      operationId: "listStockMovements",
      summary: "Read the stock ledger",
      description: "Append-only, newest first; the differences add up to what is on hand.",
      access: "staff",
      scope: "inventory:read",
      request: { params, query: MovementQuery },
      responses: ok(StockMovementPage, "A page of the ledger"),
      refuses: ["not-found", "invalid-page"],
    }),
    async (c) => {
      const { item } = c.req.valid("param")
      return c.json(
        paged(c, await adjustments.movements(c.var.ctx, item, c.req.valid("query"))),
        200,
      )
    },
  )
