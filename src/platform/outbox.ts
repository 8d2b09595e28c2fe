import { and, inArray, isNull, lte, type SQL, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Event } from "#events.ts"
import { type Id, newId } from "#lib/id.ts"
import { iso, secondsAfter } from "#lib/time.ts"
import { rowsOf, type Statement } from "#platform/db.ts"
import { deadLetters, deliveries, outbox } from "#platform/tables.ts"

/** An event on its way to the subscribers. The id stays the same over redeliveries. */
export type Message = { id: Id<"event">; event: Event }

/** How long the queue has before the sweep sends an event again. */
const graceSeconds = 30

/** The messages of `events` and the rows that must stand in the batch of the change itself. */
export function stage(
  ctx: Ctx,
  events: readonly Event[],
): { messages: Message[]; statements: Statement[] } {
  const messages = events.map((event) => ({ id: newId("event", ctx.now), event }))
  const due = iso(secondsAfter(ctx.now, graceSeconds))
  const rows = messages.map(({ id, event }) => ({
    id,
    event,
    createdAt: iso(ctx.now),
    nextAt: due,
  }))
  return { messages, statements: rowsOf(ctx.db, outbox, rows) }
}

/** The row of an event that happens only if `condition` holds when its batch comes to it; the next sweep sends it. */
export function stageWhen(ctx: Ctx, event: Event, condition: SQL): Statement {
  return ctx.db
    .insert(outbox)
    .select(
      sql`SELECT ${newId("event", ctx.now)}, ${JSON.stringify(event)}, ${iso(ctx.now)}, ${iso(ctx.now)}, NULL WHERE ${condition}`,
    )
}

/**
 * Sends committed messages, then whatever an earlier crash left behind (cron does the same every minute, but
 * `wrangler dev` fires no cron). Never throws: the rows are the guarantee, the queue only wakes the subscribers.
 */
export async function flush(ctx: Ctx, messages: readonly Message[]): Promise<void> {
  try {
    await ctx.events.sendBatch(messages.map((body) => ({ body })))
    await sweep(ctx)
  } catch (error) {
    ctx.log.error("outbox not flushed", error)
  }
}

/** Older events than that wait as long for the next sweep, younger ones a minute. */
const oldSeconds = 300

/**
 * Sends the events that are due again, 100 at a time, and puts them off before, so that of sweeps at once each sends its
 * own. The longer one is not done, the more rarely it is sent: a queue that is behind is not filled with what it holds
 * already. Answers how many.
 */
export async function sweep(ctx: Ctx): Promise<number> {
  const [soon, late] = [60, oldSeconds].map((seconds) => iso(secondsAfter(ctx.now, seconds)))
  const old = iso(secondsAfter(ctx.now, -oldSeconds))
  const due = ctx.db
    .select({ id: outbox.id })
    .from(outbox)
    .where(and(isNull(outbox.doneAt), lte(outbox.nextAt, iso(ctx.now))))
    .orderBy(outbox.nextAt)
    .limit(100)
  const rows = await ctx.db
    .update(outbox)
    .set({ nextAt: sql`CASE WHEN ${outbox.createdAt} > ${old} THEN ${soon} ELSE ${late} END` })
    .where(inArray(outbox.id, due))
    .returning({ id: outbox.id, event: outbox.event })
  if (rows.length > 0) await ctx.events.sendBatch(rows.map((body) => ({ body })))
  return rows.length
}

/** Puts a message whose subscribers keep failing aside, where `/health/readiness` shows it. Idempotent by event. */
export async function bury(ctx: Ctx, { id, event }: Message): Promise<void> {
  await ctx.db.batch([
    ctx.db
      .insert(deadLetters)
      .values({ eventId: id, event, createdAt: iso(ctx.now) })
      .onConflictDoNothing(),
    ctx.db
      .update(outbox)
      .set({ doneAt: iso(ctx.now) })
      .where(inArray(outbox.id, [id])),
  ])
}

/** How long finished events are kept, for whoever asks what became of them. */
const keptDays = 30

/** Deletes finished events and their deliveries. For cron; safe to run twice. */
export async function purge(ctx: Ctx): Promise<void> {
  const before = iso(secondsAfter(ctx.now, -keptDays * 86_400))
  await ctx.db.batch([
    ctx.db.delete(deliveries).where(lte(deliveries.createdAt, before)),
    ctx.db.delete(outbox).where(lte(outbox.doneAt, before)),
  ])
}
