import { z } from "zod"

import { paged } from "#http/paging.ts"
import { created, createRouter, json, none, ok, route } from "#http/router.ts"
import { Ref } from "#lib/shapes.ts"

import {
  AddressChanges,
  AddressPage,
  AddressQuery,
  DefaultSet,
  NewAddress,
  SavedAddress,
} from "./address-model.ts"
import * as addresses from "./addresses.ts"

const tags = ["Accounts"]
const params = z.object({ address: Ref.meta({ example: "adr_01kaeq4w8s0000000000000000" }) })
const change = {
  path: "/users/me/addresses/{address}",
  tags,
  access: "user",
  request: { params, body: json(AddressChanges) },
  responses: ok(SavedAddress, "The address as it is now"),
  refuses: ["not-found"],
} as const

/** /users/me/addresses */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/users/me/addresses",
      tags,
      operationId: "listAddresses",
      summary: "Your addresses",
      description: "Newest first. Exactly one is the default while there is any.",
      access: "user",
      request: { query: AddressQuery },
      responses: ok(AddressPage, "A page of addresses"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await addresses.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/users/me/addresses",
      tags,
      operationId: "createAddress",
      summary: "Add an address",
      description: "The first one is the default; a later one with `is_default` becomes it.",
      access: "user",
      request: { body: json(NewAddress) },
      responses: created(SavedAddress, "The address"),
    }),
    async (c) => c.json(await addresses.create(c.var.ctx, c.req.valid("json")), 201),
  )
  .openapi(
    route({
      method: "get",
      path: "/users/me/addresses/default",
      tags,
      operationId: "getDefaultAddress",
      summary: "Your default address",
      description: "There is none only while there is no address at all.",
      access: "user",
      responses: ok(SavedAddress, "The default address"),
      refuses: ["not-found"],
    }),
    async (c) => c.json(await addresses.getDefault(c.var.ctx), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/users/me/addresses/{address}",
      tags,
      operationId: "getAddress",
      summary: "Open an address",
      description: "Your own only.",
      access: "user",
      request: { params },
      responses: ok(SavedAddress, "The address"),
      refuses: ["not-found"],
    }),
    async (c) => c.json(await addresses.get(c.var.ctx, c.req.valid("param").address), 200),
  )
  .openapi(
    route({
      ...change,
      method: "put",
      operationId: "replaceAddress",
      summary: "Change an address (PUT)",
      description: "Fields that are left out stay as they are, as with PATCH.",
    }),
    async (c) =>
      c.json(
        await addresses.update(c.var.ctx, c.req.valid("param").address, c.req.valid("json")),
        200,
      ),
  )
  .openapi(
    route({
      ...change,
      method: "patch",
      operationId: "updateAddress",
      summary: "Change an address",
      description:
        "`is_default: true` makes it the default. Orders that were placed keep the address they were placed with.",
    }),
    async (c) =>
      c.json(
        await addresses.update(c.var.ctx, c.req.valid("param").address, c.req.valid("json")),
        200,
      ),
  )
  .openapi(
    route({
      method: "delete",
      path: "/users/me/addresses/{address}",
      tags,
      operationId: "deleteAddress",
      summary: "Delete an address",
      description: "If it was the default, the newest of the others is.",
      access: "user",
      request: { params },
      responses: none("Deleted"),
      refuses: ["not-found"],
    }),
    async (c) => {
      await addresses.remove(c.var.ctx, c.req.valid("param").address)
      return c.body(null, 204)
    },
  )
  .openapi(
    route({
      method: "post",
      path: "/users/me/addresses/{address}/set-default",
      tags,
      operationId: "setDefaultAddress",
      summary: "Make an address the default",
      description: "The one before is it no more.",
      access: "user",
      request: { params },
      responses: ok(DefaultSet, "The default address"),
      refuses: ["not-found"],
    }),
    async (c) => c.json(await addresses.setDefault(c.var.ctx, c.req.valid("param").address), 200),
  )
