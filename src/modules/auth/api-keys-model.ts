import { z } from "zod"

import { id, Instant, line, pageOf, pageQuery } from "#lib/shapes.ts"

import { identityFields } from "./mfa-model.ts"
import { scopes } from "./permissions.ts"

const Scopes = z.array(z.enum(scopes))

/** A key for a program, to be made. */
export const NewApiKey = z
  .object({
    name: line(100).meta({ description: "What it is for", example: "Warehouse sync" }),
    scopes: Scopes.min(1, "At least one scope.")
      .transform((given) => [...new Set(given)])
      .meta({ example: ["inventory:read", "inventory:write"] }),
    expires_at: z.iso
      .datetime({ offset: true, error: "An instant is required: 2027-11-20T00:00:00Z." })
      .nullish()
      .meta({ description: "Absent: never", example: "2027-11-20T00:00:00.000Z" }),
    ...identityFields,
  })
  .meta({
    example: {
      name: "Warehouse sync",
      scopes: ["inventory:read", "inventory:write"],
      expires_at: "2027-11-20T00:00:00.000Z",
      password: "Nexus-demo-2026!",
    },
  })
export type NewApiKey = z.infer<typeof NewApiKey>

/** An API key, as lists show it: by its first and last characters. */
export const ApiKey = z
  .object({
    id: id("apiKey", "key_01kaeq4w8s0000000000000000"),
    name: z.string().meta({ example: "Warehouse sync" }),
    prefix: z.string().meta({ example: "nexus_live_" }),
    last_four: z.string().meta({ example: "3kQz" }),
    scopes: z.array(z.string()).meta({ example: ["inventory:read", "inventory:write"] }),
    owner: id("user", "usr_01kaeq4w8s0000000000000000"),
    created_at: Instant,
    expires_at: Instant.nullable(),
    last_used_at: Instant.nullable().meta({ description: "To the minute" }),
    revoked_at: Instant.nullable(),
  })
  .meta({ id: "ApiKey" })
export type ApiKey = z.infer<typeof ApiKey>
/** A page of API keys. */
export const ApiKeyPage = pageOf(ApiKey, "ApiKeyPage")

/** A new API key. `key` is shown this once. */
export const MadeApiKey = ApiKey.extend({
  key: z.string().meta({
    description: "Send it as `X-API-Key` or `Authorization: Bearer …`",
    example: "the key: nexus_live_ and 36 characters",
  }),
}).meta({ id: "MadeApiKey" })
export type MadeApiKey = z.infer<typeof MadeApiKey>

/** How the list of keys is narrowed and cut into pages. */
export const ApiKeyQuery = z.object(pageQuery)
export type ApiKeyQuery = z.infer<typeof ApiKeyQuery>
