import type { Ctx } from "#context.ts"
import { iso } from "#lib/time.ts"
import { rowsOf, type Statement } from "#platform/db.ts"

import type { Account } from "./accounts.ts"
import { ledgerTransfers } from "./tables.ts"

/** Money on its way from one account to another. */
export type Transfer = {
  /** What it is for, once. */
  key: string
  /** Where it goes. */
  debit: Account
  /** Where it comes from. */
  credit: Account
  /** Minor units of `currency`, above zero. */
  amount: number
  currency: string
  /** Whose books it belongs to: an order's id, a gift card's… */
  reference: string
}

/**
 * Books transfers, in the batch of the movement. A key that was used breaks it (`ledger_transfers.key`). Orders, and
 * what payments through gateways, by transfer and at the door capture, cost and give back, need none of this: triggers
 * book what changes in their rows (migrations/*_ledger.sql). Of gift cards and store credit their own modules book
 * all: sold or granted, redeemed (debit the card's account, credit `receivable`) and given back.
 */
export function stageTransfers(ctx: Ctx, transfers: readonly Transfer[]): Statement[] {
  const createdAt = iso(ctx.now)
  return rowsOf(
    ctx.db,
    ledgerTransfers,
    transfers.map((transfer) => ({ ...transfer, createdAt })),
  )
}
