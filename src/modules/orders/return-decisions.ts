import { and, eq, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { fromDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import * as inventory from "#modules/inventory/inventory.ts"
import { refunds } from "#modules/payments/tables.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import { open, type Opened } from "./orders.ts"
import { type Found, requireMove, stageReceipt, type Step } from "./return-receipts.ts"
import { type ReturnStatus, returnTransitions } from "./return-status.ts"
import type { Return, ReturnReceipt } from "./returns-model.ts"
import * as returns from "./returns.ts"
import { orderLines, returnLines, returns as table } from "./tables.ts"

/** Lets it come. @throws `forbidden`, `not-found`, `illegal-transition`, `order-changed` */
export function approve(ctx: Ctx, ref: string, note: string): Promise<Return> {
  return decide(ctx, ref, "approved", note, { approvedAt: iso(ctx.now) })
}

/** Does not let it come. @throws as `approve` */
export function reject(ctx: Ctx, ref: string, note: string): Promise<Return> {
  return decide(ctx, ref, "rejected", note, { closedAt: iso(ctx.now) })
}

/** Ends a return that was received without a refund, or whose refund went another way. @throws as `approve` */
export function close(ctx: Ctx, ref: string, note: string): Promise<Return> {
  return decide(ctx, ref, "closed", note, { closedAt: iso(ctx.now) })
}

async function decide(
  ctx: Ctx,
  ref: string,
  to: ReturnStatus,
  note: string,
  times: Partial<returns.ReturnRow>,
): Promise<Return> {
  requirePermission(ctx, "orders:write")
  const orderId = await returns.orderOf(ctx, ref)
  return step(ctx, orderId, ref, async ({ row, lines }) => ({
    row: { ...row, ...times, status: to, note: note === "" ? row.note : note },
    lines,
  }))
}

/**
 * Takes a request back: its owner, or staff, until it is received.
 * @throws `unauthenticated`, `not-found`, `illegal-transition`, `order-changed`
 */
export function cancel(ctx: Ctx, orderRef: string, ref: string): Promise<Return> {
  return step(ctx, orderRef, ref, async ({ row, lines }) => ({
    row: { ...row, status: "cancelled", closedAt: iso(ctx.now) },
    lines,
  }))
}

/**
 * Records what arrived and gives back what was paid for it: stock and money each exactly once, even if this process
 * dies now. Where no gateway is asked it is refunded with that; nothing to give back closes it.
 * @throws `forbidden`, `not-found`, `illegal-transition`, `refund-too-large` with `refundable`,
 * `store-credit-unavailable`, `order-changed`, `invalid-input`
 */
export async function receive(ctx: Ctx, ref: string, input: ReturnReceipt): Promise<Return> {
  requirePermission(ctx, "orders:write")
  const orderId = await returns.orderOf(ctx, ref)
  const result = await step(ctx, orderId, ref, async (found) =>
    stageReceipt(ctx, found, {
      lines: input.lines ?? [],
      amount: askedAmount(input, found.opened.order.currency),
      refundShipping: input.refund_shipping,
      to: input.refund_to,
      note: input.note,
    }),
  )
  // The event does this again, should it fail now: taking back is idempotent.
  await restock(ctx, { returnId: result.id }).catch((error) =>
    ctx.log.error("stock left to the event", error, { return_id: result.id }),
  )
  return result
}

function askedAmount({ refund_amount: text }: ReturnReceipt, currency: string): number | undefined {
  const amount = text === undefined ? undefined : fromDecimal(text, currency)
  if (text !== undefined && amount === undefined)
    throw invalid({
      field: "refund_amount",
      detail: "A valid amount is required: plain digits, a point, at most the currency's decimals.",
      code: "invalid",
    })
  return amount
}

/**
 * Looks at a return and takes a step; looks again when somebody else was first, so that of two who decide at once the
 * second decides about what the first made of it.
 */
function step(
  ctx: Ctx,
  orderRef: string,
  ref: string,
  work: (found: Found) => Promise<Step>,
): Promise<Return> {
  return retryRaced(async () => {
    const opened = await open(ctx, orderRef, "orders:write")
    const all = await returns.ofOrder(ctx, opened.order.id)
    const known = returns.pick(all, ref)
    const next = await work({ ...known, opened, all })
    // A reception may go on to what follows from it at once.
    const via = next.row.receivedAt === known.row.receivedAt ? next.row.status : "received"
    requireMove(known.row, via)
    const row = { ...next.row, updatedAt: iso(ctx.now) }
    const result = returns.toReturn(row, next.lines, opened.order)
    await commit(
      ctx,
      [
        ...(await returns.stageStep(
          ctx,
          opened,
          row,
          known.row.status,
          row.note === known.row.note ? "" : row.note,
        )),
        stageRow(ctx, row),
        ...(next.statements ?? []),
      ],
      {
        events: [returns.changed(row), ...(next.events ?? [])],
        refusals: { ...returns.stepRefusals, ...next.refusals },
        result,
      },
    )
    return result
  })
}

function stageRow(ctx: Ctx, { id, ...columns }: returns.ReturnRow): Statement {
  return ctx.db.update(table).set(columns).where(eq(table.id, id))
}

/**
 * Takes what came back into stock, or writes it off, as it was received; before that it is nothing. Idempotent: each
 * product's object knows the return.
 */
export async function restock(ctx: Ctx, { returnId }: { returnId: Id<"return"> }): Promise<void> {
  const lines = await ctx.db
    .select({
      orderId: table.orderId,
      restock: returnLines.restock,
      quantity: sql<number>`${returnLines.acceptedQuantity}`.as("came_back"),
      productId: orderLines.productId,
      variantId: orderLines.variantId,
    })
    .from(table)
    .innerJoin(returnLines, eq(returnLines.returnId, table.id))
    .innerJoin(orderLines, eq(orderLines.id, returnLines.orderLineId))
    .where(and(eq(table.id, returnId), sql`${returnLines.acceptedQuantity} > 0`))
  const [first] = lines
  if (!first) return
  const [good, bad] = [true, false].map((sellable) =>
    inventory.byProduct(lines.filter((line) => line.restock === sellable)),
  )
  await inventory.returnItems(ctx, first.orderId, returnId, good ?? [], { restock: true })
  await inventory.returnItems(ctx, first.orderId, `${returnId}/damaged`, bad ?? [], {
    restock: false,
  })
}

/** A return whose money has arrived is refunded; one whose refund failed waits for the staff. Idempotent. */
export async function refundChanged(
  ctx: Ctx,
  { refundId }: { refundId: Id<"refund"> },
): Promise<void> {
  const key = ctx.db.select({ key: refunds.key }).from(refunds).where(eq(refunds.id, refundId))
  const rows = await ctx.db
    .select({ key: refunds.key, status: refunds.status, reference: refunds.reference })
    .from(refunds)
    .where(sql`${refunds.key} IN ${key}`)
  const [first] = rows
  if (!first?.key.startsWith("return:")) return
  if (!rows.every(({ status }) => status === "succeeded")) return
  try {
    await step(ctx, first.reference, first.key.slice("return:".length), async (found) => ({
      row: { ...found.row, status: "refunded", closedAt: iso(ctx.now) },
      lines: found.lines,
    }))
  } catch (error) {
    // It is refunded already, or the staff closed it.
    if (!(error instanceof DomainError && error.code === "illegal-transition")) throw error
  }
}

/**
 * A return that something is to be sent for instead, and the change that binds the two, for the batch of the new order:
 * of two the second breaks (`returns.stepRefusals`). @throws `forbidden`, `not-found`, `illegal-transition`, `already-exchanged`
 */
export async function openForExchange(
  ctx: Ctx,
  ref: string,
): Promise<{
  returned: returns.Whole
  opened: Opened
  stage: (exchangeOrderId: Id<"order">) => Promise<{ statements: Statement[]; result: Return }>
}> {
  requirePermission(ctx, "orders:write")
  const opened = await open(ctx, await returns.orderOf(ctx, ref), "orders:write")
  const returned = returns.pick(await returns.ofOrder(ctx, opened.order.id), ref)
  const { row, lines } = returned
  if (row.exchangeOrderId !== null) throw new DomainError("already-exchanged")
  if (row.approvedAt === null || row.status === "cancelled" || row.status === "rejected")
    throw new DomainError(
      "illegal-transition",
      `Return ${row.number} is ${row.status}: only one that was approved is exchanged.`,
      { from: row.status, allowed: returnTransitions[row.status] },
    )
  return {
    returned,
    opened,
    stage: async (exchangeOrderId) => {
      const next = { ...row, exchangeOrderId, updatedAt: iso(ctx.now) }
      return {
        statements: [
          ...(await returns.stageStep(ctx, opened, next, row.status, "Something is sent instead.")),
          stageRow(ctx, next),
        ],
        result: returns.toReturn(next, lines, opened.order),
      }
    },
  }
}
