import { env } from "cloudflare:workers"
import { asc, isNull } from "drizzle-orm"

import { outbox } from "#platform/tables.ts"
import { deliver } from "#subscribers.ts"

import { call } from "./api.ts"
import { ctx } from "./ctx.ts"
import * as make from "./make.ts"

export type Mail = { id: string; template: string; to: string; text: string; html: string }

/** Delivers every event that is not done, as the queue does, oldest first. */
export async function deliverAll(): Promise<void> {
  const system = ctx()
  const rows = await system.db
    .select({ id: outbox.id, event: outbox.event })
    .from(outbox)
    .where(isNull(outbox.doneAt))
    .orderBy(asc(outbox.id))
  for (const row of rows) await deliver(system, row)
  await system.settled()
}

/** Everything that was mailed to an address, newest first, as an admin reads it over HTTP. */
export async function mailbox(to: string): Promise<Mail[]> {
  await deliverAll()
  const answer = await call("GET", `admin/mailbox?to=${encodeURIComponent(to)}&page_size=100`, {
    as: await make.user("admin"),
  })
  if (answer.status !== 200) throw new Error(`the mailbox answered ${answer.status}`)
  return answer.body.results
}

/** The one mail of this template that went to an address. */
export async function mailOf(to: string, template: string): Promise<Mail> {
  const mails = (await mailbox(to)).filter((mail) => mail.template === template)
  if (mails.length !== 1 || !mails[0]) throw new Error(`${mails.length} mails of ${template}`)
  return mails[0]
}

/** The address that a mail leads to. */
export function linkOf(mail: Mail): URL {
  const link = /https?:\/\/\S+/.exec(mail.text)?.[0]
  if (!link) throw new Error("no link in the mail")
  return new URL(link)
}

/** The token of a mail's link: its last segment, or behind `#token=`. */
export function tokenOf(mail: Mail): string {
  const link = linkOf(mail)
  return link.hash ? link.hash.replace("#token=", "") : (link.pathname.split("/").at(-1) ?? "")
}

/** Whether an event has its row among the mails. */
export async function isMailed(eventId: string): Promise<boolean> {
  const row = await env.DB.prepare("SELECT 1 FROM mails WHERE event_id = ?").bind(eventId).first()
  return row !== null
}
