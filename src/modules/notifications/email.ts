import { and, eq, gt, lte, ne } from "drizzle-orm"

import { requireRole } from "#actor.ts"
import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { daysAfter, iso } from "#lib/time.ts"
import type { Statement } from "#platform/db.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import type { MailGateway } from "./gateway.ts"
import { cloudflare } from "./gateways/cloudflare.ts"
import { resend } from "./gateways/resend.ts"
import type { Mail, MailQuery } from "./model.ts"
import { mails } from "./tables.ts"

/** A mail as its template wrote it. `to` is one address. */
export type Written = { template: string; to: string; subject: string; text: string; html: string }

type MailRow = typeof mails.$inferSelect

/** Days that it is known which event was mailed: longer than an event is delivered again. */
const keptDays = 90

/**
 * Sends what an event says, at most once an event: its row is there before the mail goes. Whoever comes second sends
 * nothing, except that a provider which knows our keys is asked again about a mail that nobody saw go out.
 * A mail that can never go is logged. @throws Error when it did not go and may be tried again
 */
export async function send(ctx: Ctx, eventId: Id<"event">, mail: Written): Promise<void> {
  const { mail: config } = ctx.config
  const isLocal = config.provider === "local"
  const row: MailRow = {
    ...mail,
    ...(!isLocal && { text: "", html: "" }),
    eventId,
    createdAt: iso(ctx.now),
    sentAt: isLocal ? iso(ctx.now) : null,
  }
  const claimed = await ctx.db.insert(mails).values(row).onConflictDoNothing()
  if (config.provider === "local") return
  if (config.provider === "off") {
    ctx.log.error("mail not sent", "MAIL_PROVIDER is off", { event_id: eventId })
    return
  }
  const gateway: MailGateway = config.provider === "resend" ? resend(config) : cloudflare(ctx.email)
  if (claimed.meta.changes === 0 && !(gateway.isIdempotent && (await isUnsent(ctx, eventId))))
    return

  const outcome = await gateway.send({ ...mail, from: config.from }, eventId)
  if (outcome.result === "sent") {
    await ctx.db
      .update(mails)
      .set({ sentAt: iso(ctx.now) })
      .where(eq(mails.eventId, eventId))
    return
  }
  const mayGoAgain =
    outcome.result === "failed" || (outcome.result === "unknown" && gateway.isIdempotent)
  if (mayGoAgain) {
    await ctx.db.delete(mails).where(eq(mails.eventId, eventId))
    throw new Error(`mail not sent: ${outcome.reason}`)
  }
  ctx.log.error("mail given up", outcome.reason, { event_id: eventId, template: mail.template })
}

/** Whether a mail was begun and not seen to go out. After a day no provider knows its key any more. */
async function isUnsent(ctx: Ctx, eventId: Id<"event">): Promise<boolean> {
  const [row] = await ctx.db
    .select({ sentAt: mails.sentAt, createdAt: mails.createdAt })
    .from(mails)
    .where(eq(mails.eventId, eventId))
    .limit(1)
  return row?.sentAt === null && row.createdAt > iso(daysAfter(ctx.now, -1))
}

/** Whether an address got such a mail lately, another event's than this. */
export async function wasMailed(
  ctx: Ctx,
  mail: { template: string; to: string; since: Date; butFor: Id<"event"> },
): Promise<boolean> {
  const [row] = await ctx.db
    .select({ eventId: mails.eventId })
    .from(mails)
    .where(
      and(
        eq(mails.to, mail.to),
        eq(mails.template, mail.template),
        gt(mails.createdAt, iso(mail.since)),
        ne(mails.eventId, mail.butFor),
      ),
    )
    .limit(1)
  return row !== undefined
}

/** Takes every mail to an address away: it belonged to somebody who is erased. */
export function stageErase(ctx: Ctx, to: string): Statement[] {
  return [ctx.db.delete(mails).where(eq(mails.to, to))]
}

/** The mails of this shop, newest first. Only the local mailbox holds their texts. @throws `forbidden` */
export async function list(ctx: Ctx, query: MailQuery): Promise<Page<Mail>> {
  requireRole(ctx, "admin")
  const filter = query.to === undefined ? undefined : eq(mails.to, query.to)
  const page = await readPage<MailRow>(
    ctx,
    { ...query, ordering: undefined },
    {
      orderings: { created_at: { by: mails.createdAt, of: (row) => row.createdAt } },
      fallback: "-created_at",
      id: { by: mails.eventId, of: (row) => row.eventId },
      rows: ({ where, orderBy, limit, offset }) =>
        ctx.db
          .select()
          .from(mails)
          .where(and(filter, where))
          .orderBy(...orderBy)
          .limit(limit)
          .offset(offset),
      matching: ctx.db.select({ id: mails.eventId }).from(mails).where(filter).getSQL(),
    },
  )
  return mapPage(page, toMail)
}

/** Forgets old mails. For cron; safe to run twice. */
export async function purge(ctx: Ctx): Promise<void> {
  await ctx.db.delete(mails).where(lte(mails.createdAt, iso(daysAfter(ctx.now, -keptDays))))
}

function toMail(row: MailRow): Mail {
  return {
    id: row.eventId,
    template: row.template,
    to: row.to,
    subject: row.subject,
    text: row.text,
    html: row.html,
    created_at: row.createdAt,
  }
}
