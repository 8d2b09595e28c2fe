import { and, eq, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, invalid } from "#errors.ts"
import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import * as payments from "#modules/payments/payments.ts"
import { refundableOf, type RefundRow, type Split, stageRefund } from "#modules/payments/refunds.ts"
import { raced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import type { Opened } from "./orders.ts"
import { shippingTaxOf, splitOf, taxOf } from "./refund-shares.ts"
import { shareOf, shippingOf } from "./return-shares.ts"
import { type ReturnStatus, returnTransitions } from "./return-status.ts"
import type * as returns from "./returns.ts"
import { orderLines, returnLines } from "./tables.ts"

/** A return, its order and the order's other returns: all that a decision goes by. */
export type Found = returns.Whole & {
  opened: Opened
  all: returns.Whole[]
  /** Refunded is of this payment alone; absent: of all of the order. */
  paymentId?: Id<"payment">
}

/** What arrived. `amount`: what goes back, in minor units; absent: what was paid for it. */
type Receipt = {
  lines: readonly { line_id: string; accepted_quantity: number; restock: boolean }[]
  amount: number | undefined
  refundShipping: boolean
  to: "source" | "store_credit"
  note: string
}

/** What a decision makes of a return, and what is written with it. */
export type Step = returns.Whole & {
  statements?: Statement[]
  events?: Event[]
  refusals?: Record<string, () => DomainError>
}

/** The reception of a return, and the refund for it, for the batch that makes it so. @throws as `receive` */
export async function stageReceipt(
  ctx: Ctx,
  found: Found,
  input: Receipt,
): Promise<Required<Step> & { refunds: RefundRow[] }> {
  const { row, all, paymentId } = found
  const { order } = found.opened
  requireMove(row, "received")
  const lines = acceptedLines(found, input)
  const shippingUsed = all.reduce((sum, one) => sum + one.row.shippingAmount, 0)
  const shippingLeft = input.refundShipping ? Math.max(0, shippingOf(order) - shippingUsed) : 0
  const made = (await payments.selectOf(ctx, order.id)).filter(
    ({ id }) => paymentId === undefined || id === paymentId,
  )
  const refundable = made.reduce((sum, one) => sum + refundableOf(one), 0)
  const worth = lines.reduce((sum, { amount }) => sum + amount, 0) + shippingLeft
  const amount = input.amount ?? Math.min(worth, refundable)
  const shippingAmount = Math.min(shippingLeft, amount)
  const wanted = wantedOf(found.opened, lines, shippingUsed, shippingAmount)
  const key = refundKey(row.id)
  const reason = `Return ${row.number}`
  const back =
    amount === 0
      ? { ...payments.nothing(), refunds: [] }
      : await stageRefund(ctx, {
          reference: order.id,
          amount,
          key,
          reason,
          to: input.to,
          split: (whole, before) => splitOf(order, before, whole, wanted),
          ...(paymentId && { paymentId }),
        })
  const isPending = back.refunds.some(({ status }) => status === "pending")
  const now = iso(ctx.now)
  return {
    row: {
      ...row,
      status: amount === 0 ? "closed" : isPending ? "received" : "refunded",
      note: input.note === "" ? row.note : input.note,
      refundAmount: amount,
      shippingAmount,
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
    refunds: back.refunds,
  }
}

/** What of a refund is to be tax and shipping, by the lines that came back, and the shipping after what went back of it. */
function wantedOf(
  { order, lines: ordered }: Opened,
  lines: readonly returns.ReturnLineRow[],
  shippingUsed: number,
  shippingAmount: number,
): Split {
  const shippingTax = shippingTaxOf(order, shippingUsed, shippingAmount)
  const taxes = lines.map(({ orderLineId, acceptedQuantity }) => {
    const line = ordered.find(({ id }) => id === orderLineId)
    return line ? taxOf(line, acceptedQuantity ?? 0) : 0
  })
  return {
    taxAmount: taxes.reduce((sum, tax) => sum + tax, shippingTax),
    shippingAmount: shippingAmount - shippingTax,
  }
}

/** What a broken constraint of an order's line means: more would come back than was sent. */
const lineRefusals = {
  order_lines_fulfilled: () => raced(new DomainError("not-returnable")),
} as const

function acceptedLines(found: Found, { lines: given }: Receipt): returns.ReturnLineRow[] {
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

/** Lets a step of a return through that its state allows. @throws `illegal-transition` */
export function requireMove({ status: from, number }: returns.ReturnRow, to: ReturnStatus): void {
  if (returnTransitions[from].includes(to)) return
  throw new DomainError("illegal-transition", `Return ${number} is ${from}: it cannot be ${to}.`, {
    from,
    to,
    allowed: returnTransitions[from],
  })
}

/** What the money of a return goes back for, once. */
export function refundKey(id: Id<"return">): string {
  return `return:${id}`
}
