import type { OpenAPIHono } from "@hono/zod-openapi"
import { z } from "zod"

import type { AppEnv } from "#http/env.ts"
import { createRouter, ok, route } from "#http/router.ts"

const Info = z
  .object({
    api_name: z.string(),
    version: z.string(),
    description: z.string(),
    status: z.string(),
    endpoints: z.record(z.string(), z.string()),
    documentation: z.record(z.string(), z.string()),
  })
  .meta({ id: "Info" })
const Endpoints = z.record(z.string(), z.array(z.string())).meta({ id: "Endpoints" })
const Links = z.record(z.string(), z.string()).meta({ id: "AdminLinks" })

const groups: Record<string, string> = {
  Brands: "Products",
  Categories: "Products",
  Inventory: "Administration",
  "Catalogue administration": "Administration",
  "Order administration": "Administration",
  "Subscription administration": "Administration",
  Promotions: "Administration",
  Taxes: "Administration",
  Currencies: "Products",
  "Currency administration": "Administration",
  Shipping: "Administration",
  "Search administration": "Administration",
  Accounts: "Authentication",
}

/** /info, /endpoints and /admin: what there is, read off the routes themselves. */
export function info(api: OpenAPIHono<AppEnv>) {
  const tags = ["Utilities"]
  const operations = () =>
    api.openAPIRegistry.definitions.flatMap((definition) =>
      definition.type === "route"
        ? [
            {
              method: definition.route.method.toUpperCase(),
              path: `/api/v1${definition.route.path}`,
              tag: definition.route.tags?.[0] ?? "Utilities",
            },
          ]
        : [],
    )
  const grouped = () => Map.groupBy(operations(), ({ tag }) => groups[tag] ?? tag)

  return createRouter()
    .openapi(
      route({
        method: "get",
        path: "/info",
        tags,
        operationId: "getInfo",
        summary: "What this is",
        description: "The API's name and version, and where to go from here.",
        access: "open",
        shared: true,
        responses: ok(Info, "The API"),
      }),
      (c) =>
        c.json(
          {
            api_name: "Nexus",
            version: "1.0.0",
            description: "A headless e-commerce backend at the edge",
            status: "running",
            endpoints: {
              authentication: "/api/v1/auth",
              products: "/api/v1/products",
              categories: "/api/v1/categories",
              cart: "/api/v1/cart",
              orders: "/api/v1/orders",
            },
            documentation: {
              swagger: "/api/v1/docs",
              redoc: "/api/v1/redoc",
              schema: "/api/v1/schema",
            },
          },
          200,
        ),
    )
    .openapi(
      route({
        method: "get",
        path: "/endpoints",
        tags,
        operationId: "listEndpoints",
        summary: "Every endpoint, by group",
        description: "Method and path of each.",
        access: "open",
        shared: true,
        responses: ok(Endpoints, "The endpoints"),
      }),
      (c) =>
        c.json(
          Object.fromEntries(
            [...grouped()].map(([group, all]) => [
              group,
              all.map(({ method, path }) => `${method} ${path}`),
            ]),
          ),
          200,
        ),
    )
    .openapi(
      route({
        method: "get",
        path: "/admin",
        tags: ["Utilities"],
        operationId: "getAdminLinks",
        summary: "What staff can do",
        description: "Links to the parts of the shop that staff run.",
        access: "staff",
        responses: ok(Links, "The links"),
      }),
      (c) =>
        c.json(
          {
            products: "/api/v1/products",
            categories: "/api/v1/categories",
            brands: "/api/v1/brands",
            orders: "/api/v1/admin/orders",
            returns: "/api/v1/admin/returns",
            statistics: "/api/v1/orders/statistics",
            export: "/api/v1/admin/orders/export",
            inventory: "/api/v1/admin/inventory/{item}/movements",
            promotions: "/api/v1/admin/promotions",
            tax: "/api/v1/admin/tax/rates",
            shipping: "/api/v1/admin/shipping/methods",
            currencies: "/api/v1/admin/currencies",
            price_lists: "/api/v1/admin/price-lists",
            import: "/api/v1/admin/products/import",
            synonyms: "/api/v1/admin/search/synonyms",
            search_index: "/api/v1/admin/search/rebuild",
          },
          200,
        ),
    )
}
