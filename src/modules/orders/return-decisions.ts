import { and, eq, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, invalid } from "#errors.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { fromDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import * as inventory from "#modules/inventory/inventory.ts"
import * as payments from "#modules/payments/payments.ts"
import { refundableOf, stageRefund } from "#modules/payments/refunds.ts"
import { refunds } from "#modules/payments/tables.ts"
import { commit, raced, retryRaced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import { open, type Opened } from "./orders.ts"
import { shareOf, shippingOf } from "./return-shares.ts"
import { type ReturnStatus, returnTransitions } from "./return-status.ts"
import type { Return, ReturnReceipt } from "./returns-model.ts"
import * as returns from "./returns.ts"
import { orderLines, returnLines, returns as table } from "./tables.ts"

/** A return, its order and the order's other returns: all that a decision goes by. */
type Found = returns.Whole & { opened: Opened; all: returns.Whole[] }

/** What a decision makes of a return, and what is written with it. */
type Step = returns.Whole & {
  statements?: Statement[]
  events?: Event[]
  refusals?: Record<string, () => DomainError>
}

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
 * @throws `forbidden`, `not-found`, `illegal-transition`, `refund-too-large` with `refundable`, `order-changed`,
 * `invalid-input`
 */
export async function receive(ctx: Ctx, ref: string, input: ReturnReceipt): Promise<Return> {
  requirePermission(ctx, "orders:write")
  const orderId = await returns.orderOf(ctx, ref)
  const result = await step(ctx, orderId, ref, async (found) => received(ctx, found, input))
  // The event does this again, should it fail now: taking back is idempotent.
  await restock(ctx, { returnId: result.id }).catch((error) =>
    ctx.log.error("stock left to the event", error, { return_id: result.id }),
  )
  return result
}

async function received(ctx: Ctx, found: Found, input: ReturnReceipt): Promise<Step> {
  const { row, all } = found
  const { order } = found.opened
  requireMove(row, "received")
  const lines = acceptedLines(found, input)
  const shippingUsed = all.reduce((sum, one) => sum + one.row.shippingAmount, 0)
  const shippingLeft = input.refund_shipping ? Math.max(0, shippingOf(order) - shippingUsed) : 0
  const made = await payments.selectOf(ctx, order.id)
  const refundable = made.reduce((sum, one) => sum + refundableOf(one), 0)
  const worth = lines.reduce((sum, { amount }) => sum + amount, 0) + shippingLeft
  const amount = askedAmount(input, order.currency) ?? Math.min(worth, refundable)
  const key = refundKey(row.id)
  const reason = `Return ${row.number}`
  const back =
    amount === 0
      ? { ...payments.nothing(), refunds: [] }
      : await stageRefund(ctx, { reference: order.id, amount, key, reason })
  const isPending = back.refunds.some(({ status }) => status === "pending")
  const now = iso(ctx.now)
  return {
    row: {
      ...row,
      status: amount === 0 ? "closed" : isPending ? "received" : "refunded",
      note: input.note === "" ? row.note : input.note,
      refundAmount: amount,
      shippingAmount: Math.min(shippingLeft, amount),
      receivedAt: now,
      closedAt: isPending ? null : now,
    },
    lines,
    statements: [
      ...lines.flatMap((line) => [
        ctx.db
          .update(returnLines)
          .set({
            acceptedQuantity: line.acceptedQuantity,
            restock: line.restock,
            amount: line.amount,
          })
          .where(
            and(eq(returnLines.returnId, row.id), eq(returnLines.orderLineId, line.orderLineId)),
          ),
        ctx.db
          .update(orderLines)
          .set({ returnedQuantity: sql`returned_quantity + ${line.acceptedQuantity ?? 0}` })
          .where(eq(orderLines.id, line.orderLineId)),
      ]),
      ...back.statements,
    ],
    events: back.events,
    refusals: { ...back.refusals, ...lineRefusals },
  }
}

/** What a broken constraint of an order's line means: more would come back than was sent. */
const lineRefusals = {
  order_lines_fulfilled: () => raced(new DomainError("not-returnable")),
} as const

function acceptedLines(found: Found, input: ReturnReceipt): returns.ReturnLineRow[] {
  const given = input.lines ?? []
  const errors = given.flatMap((one, index): FieldError[] => {
    const line = found.lines.find(({ orderLineId }) => orderLineId === one.line_id)
    if (!line)
      return [
        {
          field: `lines.${index}.line_id`,
          detail: "The return has no such line.",
          code: "unknown",
        },
      ]
    return one.accepted_quantity <= line.quantity
      ? []
      : [
          {
            field: `lines.${index}.accepted_quantity`,
            detail: `At most ${line.quantity}: more were not asked for.`,
            code: "too-big",
          },
        ]
  })
  if (errors.length > 0) throw invalid(...errors)
  return found.lines.map((line) => {
    const said = given.find(({ line_id }) => line_id === line.orderLineId)
    const acceptedQuantity = said?.accepted_quantity ?? line.quantity
    const ordered = found.opened.lines.find(({ id }) => id === line.orderLineId)
    return {
      ...line,
      acceptedQuantity,
      restock: said?.restock ?? true,
      amount: ordered ? shareOf(ordered, acceptedQuantity) : 0,
    }
  })
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

function requireMove({ status: from, number }: returns.ReturnRow, to: ReturnStatus): void {
  if (returnTransitions[from].includes(to)) return
  throw new DomainError("illegal-transition", `Return ${number} is ${from}: it cannot be ${to}.`, {
    from,
    to,
    allowed: returnTransitions[from],
  })
}

/** What the money of a return goes back for, once. */
function refundKey(id: Id<"return">): string {
  return `return:${id}`
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
