import { z } from "zod"

import { Instant, Money, pageOf, pageQuery, Ref } from "#lib/shapes.ts"

const account = z.string().meta({
  description: "`gateway:<provider>`, `cash`, `receivable`, `refunds-in-flight`, `disputes`, …",
  example: "gateway:stripe",
})
const currency = z.string().meta({ example: "USD" })

/** What an account holds in one currency. */
export const Balance = z
  .object({
    account,
    currency,
    debits: Money,
    credits: Money,
    balance: Money.meta({
      description: "Debits less credits: below zero is what is owed, earned or kept for others",
    }),
  })
  .meta({ id: "LedgerBalance" })
export type Balance = z.infer<typeof Balance>

/** Which balances. */
export const BalanceQuery = z.object({
  date: z.iso.date({ error: "A date is required: 2026-11-20." }).optional().meta({
    description: "What was booked on this day (UTC); absent: ever",
    example: "2026-11-20",
  }),
})
export type BalanceQuery = z.infer<typeof BalanceQuery>

/** All accounts: what they hold comes to nothing, currency by currency. */
export const Balances = z
  .object({
    is_balanced: z.boolean().meta({ description: "Debits equal credits in every currency" }),
    results: z.array(Balance),
  })
  .meta({ id: "LedgerBalances" })
export type Balances = z.infer<typeof Balances>

/** Money that went from one account to another. */
export const LedgerTransfer = z
  .object({
    id: z.string().meta({
      description: "What it was booked for, once",
      example: "capture:pay_01kaeq4w8s0000000000000000:1",
    }),
    debit: account.meta({ description: "Where it went" }),
    credit: account.meta({ description: "Where it came from", example: "receivable" }),
    amount: Money,
    currency,
    reference: z.string().meta({
      description: "Whose books it belongs to: an order, a gift card…",
      example: "ord_01kaeq4w8s0000000000000000",
    }),
    created_at: Instant,
  })
  .meta({ id: "LedgerTransfer" })
export type LedgerTransfer = z.infer<typeof LedgerTransfer>

/** A page of transfers. */
export const LedgerTransferPage = pageOf(LedgerTransfer, "LedgerTransferPage")

/** How transfers are filtered. */
export const LedgerTransferQuery = z.object({
  reference: Ref.optional().meta({
    description: "What it belongs to; an order by id or number",
    example: "NX-20261120-7K3M9QXA",
  }),
  account: z
    .string()
    .max(100)
    .optional()
    .meta({ description: "On either side", example: "receivable" }),
  ...pageQuery,
})
export type LedgerTransferQuery = z.infer<typeof LedgerTransferQuery>
