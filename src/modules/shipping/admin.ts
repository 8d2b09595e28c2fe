import { z } from "zod"

import { versioned } from "#http/etag.ts"
import { paged } from "#http/paging.ts"
import { created, createRouter, json, none, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import * as methods from "./methods.ts"
import {
  NewShippingMethod,
  NewShippingZone,
  ShippingMethod,
  ShippingMethodChanges,
  ShippingMethodPage,
  ShippingMethodQuery,
  ShippingZone,
  ShippingZoneChanges,
  ShippingZonePage,
  ShippingZoneQuery,
} from "./model.ts"
import * as zones from "./zones.ts"

const zone = z.object({ zone: Ref.meta({ example: "zon_01kaeq4w8s0000000000000000" }) })
const method = z.object({ method: Ref.meta({ example: "shm_01kaeq4w8s0000000000000000" }) })
const tags = ["Shipping"]
const staff = { tags, access: "staff", scope: "pricing:write" } as const

/** /admin/shipping/zones, /admin/shipping/methods */
export const admin = createRouter()
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/shipping/zones",
      operationId: "listShippingZones",
      summary: "List the shipping zones",
      description: "Newest first.",
      request: { query: ShippingZoneQuery },
      responses: ok(ShippingZonePage, "A page of shipping zones"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await zones.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      ...staff,
      method: "post",
      path: "/admin/shipping/zones",
      operationId: "createShippingZone",
      summary: "Make a shipping zone",
      description:
        "Areas with the same methods: countries, states, postal codes that begin so, or `*`. Where zones overlap, the closest counts.",
      request: { body: json(NewShippingZone) },
      responses: created(ShippingZone, "The shipping zone"),
    }),
    async (c) => c.json(versioned(c, await zones.create(c.var.ctx, c.req.valid("json"))), 201),
  )
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/shipping/zones/{zone}",
      operationId: "getShippingZone",
      summary: "Open a shipping zone",
      description: "With all its areas.",
      request: { params: zone },
      responses: ok(ShippingZone, "The shipping zone"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) => c.json(versioned(c, await zones.get(c.var.ctx, c.req.valid("param").zone)), 200),
  )
  .openapi(
    route({
      ...staff,
      method: "patch",
      path: "/admin/shipping/zones/{zone}",
      operationId: "updateShippingZone",
      summary: "Change a shipping zone",
      description: "`areas` replaces all of them.",
      request: { params: zone, body: json(ShippingZoneChanges) },
      responses: ok(ShippingZone, "The shipping zone as it is now"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) =>
      c.json(
        versioned(c, await zones.update(c.var.ctx, c.req.valid("param").zone, c.req.valid("json"))),
        200,
      ),
  )
  .openapi(
    route({
      ...staff,
      method: "delete",
      path: "/admin/shipping/zones/{zone}",
      operationId: "deleteShippingZone",
      summary: "Take a shipping zone away",
      description: "With its methods. Orders keep what they were placed with.",
      request: { params: zone },
      responses: none("Gone"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) => {
      await zones.remove(c.var.ctx, c.req.valid("param").zone)
      return c.body(null, 204)
    },
  )
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/shipping/methods",
      operationId: "listShippingMethods",
      summary: "List the shipping methods",
      description: "Newest first; `zone` narrows to one.",
      request: { query: ShippingMethodQuery },
      responses: ok(ShippingMethodPage, "A page of shipping methods"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await methods.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      ...staff,
      method: "post",
      path: "/admin/shipping/methods",
      operationId: "createShippingMethod",
      summary: "Make a shipping method",
      description:
        "`flat`: one price; `weight` and `total`: steps; `pickup`: nothing is sent. A shop with active methods sends only where one goes; one without any sends everywhere for nothing.",
      request: { body: json(NewShippingMethod) },
      responses: created(ShippingMethod, "The shipping method"),
    }),
    async (c) => c.json(versioned(c, await methods.create(c.var.ctx, c.req.valid("json"))), 201),
  )
  .openapi(
    route({
      ...staff,
      method: "get",
      path: "/admin/shipping/methods/{method}",
      operationId: "getShippingMethod",
      summary: "Open a shipping method",
      description: "As it holds for orders from now on.",
      request: { params: method },
      responses: ok(ShippingMethod, "The shipping method"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) =>
      c.json(versioned(c, await methods.get(c.var.ctx, c.req.valid("param").method)), 200),
  )
  .openapi(
    route({
      ...staff,
      method: "patch",
      path: "/admin/shipping/methods/{method}",
      operationId: "updateShippingMethod",
      summary: "Change a shipping method",
      description: "Orders keep what they were placed with.",
      request: { params: method, body: json(ShippingMethodChanges) },
      responses: ok(ShippingMethod, "The shipping method as it is now"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) =>
      c.json(
        versioned(
          c,
          await methods.update(c.var.ctx, c.req.valid("param").method, c.req.valid("json")),
        ),
        200,
      ),
  )
  .openapi(
    route({
      ...staff,
      method: "delete",
      path: "/admin/shipping/methods/{method}",
      operationId: "deleteShippingMethod",
      summary: "Take a shipping method away",
      description: "Orders keep what they were placed with.",
      request: { params: method },
      responses: none("Gone"),
      refuses: ["not-found"],
      versioned: true,
    }),
    async (c) => {
      await methods.remove(c.var.ctx, c.req.valid("param").method)
      return c.body(null, 204)
    },
  )
