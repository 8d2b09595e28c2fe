import { z } from "zod"

import { id, Instant, pageOf, pageQuery } from "#lib/shapes.ts"

/** A mail of the local mailbox. */
export const Mail = z
  .object({
    id: id("event", "evt_01kaeq4w8s0000000000000000"),
    template: z.string().meta({ example: "verify-email" }),
    to: z.string().meta({ example: "ada@nexus.test" }),
    subject: z.string().meta({ example: "Verify your e-mail address" }),
    text: z.string(),
    html: z.string(),
    created_at: Instant,
  })
  .meta({ id: "Mail" })
export type Mail = z.infer<typeof Mail>
/** A page of mails. */
export const MailPage = pageOf(Mail, "MailPage")

/** How the mailbox is narrowed and cut into pages. */
export const MailQuery = z.object({
  to: z.string().trim().toLowerCase().max(254).optional().meta({ description: "Whose mail" }),
  ...pageQuery,
})
export type MailQuery = z.infer<typeof MailQuery>
