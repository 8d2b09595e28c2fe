import { and, eq, sql } from "drizzle-orm"

import { nameOf, requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { newId } from "#lib/id.ts"
import type { PageQuery } from "#lib/shapes.ts"
import { iso } from "#lib/time.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import { changed, changeRefusals, stageChange } from "./changes.ts"
import type { NewOrderNote, OrderNote } from "./fulfilment-model.ts"
import { type NoteRow, open } from "./orders.ts"
import { orderNotes } from "./tables.ts"

/**
 * Notes something on an order. A public note is a row of its history too, which the customer reads; of any other nobody
 * but staff ever learns. @throws `forbidden`, `not-found`
 */
export function add(ctx: Ctx, ref: string, input: NewOrderNote): Promise<OrderNote> {
  requirePermission(ctx, "orders:write")
  return retryRaced(async () => {
    const { order, changes } = await open(ctx, ref, "orders:write")
    const row: NoteRow = {
      id: newId("orderNote", ctx.now),
      orderId: order.id,
      text: input.text,
      isPublic: input.is_public,
      actor: nameOf(ctx.actor),
      createdAt: iso(ctx.now),
    }
    const told = row.isPublic
      ? await stageChange(ctx, order, changed(ctx, order, {}), changes.at(-1), row.text, "note")
      : []
    const result = toNote(row)
    await commit(ctx, [ctx.db.insert(orderNotes).values(row), ...told], {
      refusals: changeRefusals(ctx),
      result,
    })
    return result
  })
}

/** What staff noted on an order, oldest first. @throws `forbidden`, `not-found`, `invalid-page` */
export async function list(ctx: Ctx, ref: string, query: PageQuery): Promise<Page<OrderNote>> {
  requirePermission(ctx, "orders:read")
  const { order } = await open(ctx, ref, "orders:read")
  const of = eq(orderNotes.orderId, order.id)
  const page = await readPage<NoteRow>(
    ctx,
    { ...query, ordering: undefined },
    {
      orderings: { created_at: { by: orderNotes.createdAt, of: (row) => row.createdAt } },
      fallback: "created_at",
      id: { by: orderNotes.id, of: (row) => row.id },
      rows: ({ where, orderBy, limit, offset }) =>
        ctx.db
          .select()
          .from(orderNotes)
          .where(and(of, where))
          .orderBy(...orderBy)
          .limit(limit)
          .offset(offset),
      matching: ctx.db
        .select({ one: sql`1` })
        .from(orderNotes)
        .where(of)
        .getSQL(),
    },
  )
  return mapPage(page, toNote)
}

/** A note on the wire, for staff. */
export function toNote({ id, text, isPublic, actor, createdAt }: NoteRow): OrderNote {
  return { id, text, is_public: isPublic, actor, created_at: createdAt }
}
