import { and, eq, type SQL, sql } from "drizzle-orm"

import { nameOf } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import { newId } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { stageTransfers, type Transfer } from "#modules/ledger/ledger.ts"
import { raced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import type { EntryKind, Holder } from "./entry.ts"
import { creditEntries, giftCards, storeCredits } from "./tables.ts"

type Movement = {
  /** What it is for, once: `spend:<payment>`, `refund:<refund>`. */
  key: string
  kind: EntryKind
  /** Minor units of `currency`; below zero takes away. */
  amount: number
  currency: string
  reason: string
  /** The order that it pays, or is paid for. */
  reference: string | null
}

/**
 * Moves what a holder has, in the batch of what it is for; never below zero (`spendRefusals`). A card that was disabled
 * or has expired pays nothing; what it paid comes back to it all the same.
 */
export function stageEntry(ctx: Ctx, holder: Holder, movement: Movement): Statement[] {
  return [
    stageBalance(ctx, holder, movement),
    stageRow(ctx, holder, movement),
    ...stageTransfers(ctx, [transferOf(holder, movement)]),
  ]
}

/** What the books say of a movement: what pays for goods settles what is owed for them, the rest is given away. */
function transferOf(
  holder: Holder,
  { key, kind, amount, currency, reference }: Movement,
): Transfer {
  const own = holder.method === "gift_card" ? "gift-cards" : "store-credit"
  const other = kind === "spent" || kind === "refunded" ? "receivable" : "goodwill"
  return {
    key: `credit:${key}`,
    debit: amount < 0 ? own : other,
    credit: amount < 0 ? other : own,
    amount: Math.abs(amount),
    currency,
    reference: reference ?? (holder.method === "gift_card" ? holder.giftCardId : holder.userId),
  }
}

/** What a broken constraint of `stageEntry` means: what was there a moment ago was spent, or the card disabled. */
export const spendRefusals = {
  gift_cards_balance: () => new DomainError("credit-changed"),
  "NOT NULL constraint failed: gift_cards.balance_amount": () => new DomainError("credit-changed"),
  store_credits_balance: () => new DomainError("credit-changed"),
  "NOT NULL constraint failed: credit_entries.balance_amount": () =>
    new DomainError("credit-changed"),
  "credit_entries.key": () => raced(new DomainError("credit-changed")),
} as const

function stageBalance(ctx: Ctx, holder: Holder, { kind, amount, currency }: Movement): Statement {
  const now = iso(ctx.now)
  if (holder.method === "gift_card") {
    const isUsable = sql`status = 'active' AND currency = ${currency} AND (expires_at IS NULL OR expires_at > ${now})`
    const sum = sql`balance_amount + ${amount}`
    return ctx.db
      .update(giftCards)
      .set({
        balanceAmount: kind === "spent" ? sql`CASE WHEN ${isUsable} THEN ${sum} END` : sum,
        version: sql`version + 1`,
        updatedAt: now,
      })
      .where(eq(giftCards.id, holder.giftCardId))
  }
  const own = { userId: holder.userId, currency }
  const next = { balanceAmount: sql`balance_amount + ${amount}`, updatedAt: now }
  if (amount < 0)
    return ctx.db
      .update(storeCredits)
      .set(next)
      .where(and(eq(storeCredits.userId, own.userId), eq(storeCredits.currency, currency)))
  return ctx.db
    .insert(storeCredits)
    .values({ ...own, balanceAmount: amount, updatedAt: now })
    .onConflictDoUpdate({ target: [storeCredits.userId, storeCredits.currency], set: next })
}

/** The row of a movement, after it. Where there is no balance to move, it is NULL, which the column refuses. */
function stageRow(ctx: Ctx, holder: Holder, movement: Movement): Statement {
  return ctx.db.insert(creditEntries).values({
    ...movement,
    id: newId("creditEntry", ctx.now),
    giftCardId: holder.method === "gift_card" ? holder.giftCardId : null,
    userId: holder.method === "gift_card" ? null : holder.userId,
    balanceAmount: balanceOf(holder, movement.currency),
    actor: nameOf(ctx.actor),
    createdAt: iso(ctx.now),
  })
}

function balanceOf(holder: Holder, currency: string): SQL<number> {
  return holder.method === "gift_card"
    ? sql`(SELECT balance_amount FROM gift_cards WHERE id = ${holder.giftCardId})`
    : sql`(SELECT balance_amount FROM store_credits WHERE user_id = ${holder.userId} AND currency = ${currency})`
}

export type EntryRow = typeof creditEntries.$inferSelect
