import { z } from "zod"

import { id, Instant, pageOf, pageQuery } from "#lib/shapes.ts"

/** A sign-in on one device. */
export const Session = z
  .object({
    id: id("session", "ses_01kaeq4w8s0000000000000000"),
    device: z.string().meta({ description: "The User-Agent it signed in with", example: "curl/8" }),
    address_prefix: z.string().meta({
      description: "Where from, roughly: the /24 or /48 of the address",
      example: "203.0.113.0/24",
    }),
    created_at: Instant,
    last_seen_at: Instant.meta({ description: "When it last got new tokens" }),
    expires_at: Instant.meta({ description: "When it ends, whatever is refreshed" }),
    current: z.boolean().meta({ description: "Whether this request is of it", example: true }),
  })
  .meta({ id: "Session" })
export type Session = z.infer<typeof Session>
/** A page of sessions. */
export const SessionPage = pageOf(Session, "SessionPage")

/** Which page of sessions. */
export const SessionQuery = z.object(pageQuery)
export type SessionQuery = z.infer<typeof SessionQuery>
