import { and, asc, eq, ne } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { refunds } from "#modules/payments/tables.ts"

import * as documents from "./documents.tsx"
import { open } from "./orders.ts"

/** A page that prints, and the one style it may have. */
export type Printed = { html: string; style: string }

/** An order's invoice: for its owner, who holds its token, and staff. @throws `unauthenticated`, `not-found` */
export async function invoice(ctx: Ctx, ref: string): Promise<Printed> {
  return printed(documents.invoice(await papersOf(ctx, ref)))
}

/** What to pack of an order. @throws `forbidden`, `not-found` */
export async function packingSlip(ctx: Ctx, ref: string): Promise<Printed> {
  requirePermission(ctx, "orders:read")
  return printed(documents.packingSlip(await papersOf(ctx, ref)))
}

async function papersOf(ctx: Ctx, ref: string): Promise<documents.Papers> {
  const { order, lines } = await open(ctx, ref, "orders:read")
  const rows = await ctx.db
    .select({ amount: refunds.amount, status: refunds.status, createdAt: refunds.createdAt })
    .from(refunds)
    .where(and(eq(refunds.reference, order.id), ne(refunds.status, "failed")))
    .orderBy(asc(refunds.createdAt), asc(refunds.id))
  return {
    order,
    lines,
    seller: ctx.config.seller,
    refunds: rows.map(({ status, ...row }) => ({ ...row, isPending: status === "pending" })),
  }
}

function printed(html: string): Printed {
  return { html, style: documents.style }
}
